//! When keep-alives towards the gatekeeper are due: in time, and each at its own.

use std::time::Duration;

use super::SILENT;
use crate::Time;
use crate::proxy::EntryId;
use crate::proxy::endpoints::GATEWAY;
use crate::proxy::identity::UpstreamIdentity;
use crate::transaction::{TimerQueue, digest};

/// Keep-alives of restored endpoints are sent within this time, or half of timeToLive, since nobody knows when the last one
/// was.
const SOON: Duration = Duration::from_secs(20);
/// Delay of the first keep-alive of a restored gateway, which the gatekeeper may have forgotten.
const GATEWAY_SOON: Duration = Duration::from_secs(1);

/// The keep-alives that are to be sent.
#[derive(Clone, Debug)]
pub(super) struct KeepAlives {
    due: TimerQueue<EntryId>,
    seed: u64,
}

impl KeepAlives {
    pub fn new(seed: u64) -> Self {
        Self {
            due: TimerQueue::default(),
            seed,
        }
    }

    pub fn next_due(&self) -> Option<Time> {
        self.due.next_due()
    }

    pub fn pop(&mut self, now: Time) -> Option<EntryId> {
        self.due.pop(now)
    }

    /// Whose keep-alive is due first: as a rule who was confirmed longest ago.
    pub fn first(&self) -> Option<EntryId> {
        self.due.first()
    }

    pub fn remove(&mut self, id: EntryId) {
        self.due.clear(id);
    }

    /// Sets when an endpoint's next keep-alive is due: after half of timeToLive, and up to a quarter later.
    pub fn schedule(&mut self, id: EntryId, identity: &UpstreamIdentity, now: Time) {
        let ttl = identity.lease();
        if identity.doubtful {
            let width = ttl.map_or(SOON, |ttl| SOON.min(ttl / 2));
            let at = self.spread(id, Duration::ZERO, width, now);
            self.due.set(id, at);
            return;
        }
        match ttl {
            Some(ttl) => {
                let at = self.spread(id, ttl / 2, ttl / 4, now);
                self.due.set(id, at);
            }
            None => self.due.clear(id),
        }
    }

    /// As [`Self::schedule`], for the gateway of an aggregate: soon after a restart, and never later than it was due before.
    pub fn schedule_gateway(&mut self, identity: &UpstreamIdentity, now: Time) {
        let at = if identity.doubtful {
            Some(now.after(GATEWAY_SOON))
        } else {
            let ttl = identity.lease();
            ttl.map(|ttl| self.spread(GATEWAY, ttl / 2, ttl / 4, now))
        };
        let before = self.due.at(GATEWAY);
        match [at, before].into_iter().flatten().min() {
            Some(at) => self.due.set(GATEWAY, at),
            None => self.due.clear(GATEWAY),
        }
    }

    /// Sets the next one after one that was not answered.
    pub fn try_again(&mut self, id: EntryId, now: Time) {
        self.due.set(id, now.after(SILENT));
    }

    /// A time that is spread, the same in every run: from `least` on, within `width`.
    fn spread(&self, id: EntryId, least: Duration, width: Duration, now: Time) -> Time {
        let number = digest(&(self.seed, id, now));
        let part = (number % 1000) as u32;
        now.after(least + width * part / 1000)
    }
}
