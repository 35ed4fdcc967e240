//! When an endpoint's timeToLive runs out: nobody is dropped unasked.
//!
//! ```text
//!        timeToLive over, published         1 s             3 s, twice
//! Held -----------------------------> Asking ----> Polled ------------> URQ ttlExpired, gone on both sides
//!  ^ | timeToLive over, not published                ^  |
//!  | +-----------------------------------------------+  |
//!  +------ Seen, any message, IRR ----------------------+
//! ```

use std::time::Duration;

use crate::Time;
use crate::proxy::EntryId;
use crate::proxy::endpoints::{Endpoint, Life};
use crate::transaction::TimerQueue;

/// Answers of the kernel are known within this time.
const ASKED: Duration = Duration::from_secs(1);
/// Longer than an IRQ and its retransmission wait.
const POLLED: Duration = Duration::from_secs(7);
/// Interval at which a living endpoint is stored again, so that a restart knows that it lived.
const STORED: Duration = Duration::from_hours(24);

/// What is to be done about an endpoint whose timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum LifetimeStep {
    /// Nothing: the endpoint sent something meanwhile.
    Hold,
    /// As [`Self::Hold`], and it is to be stored again.
    Store,
    AskKernel,
    AskEndpoint,
    Expire,
}

/// When timeToLive of each endpoint, or the time for its answer, is over.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Lifetimes {
    timers: TimerQueue<EntryId>,
}

impl Lifetimes {
    pub fn next_due(&self) -> Option<Time> {
        self.timers.next_due()
    }

    pub fn pop(&mut self, now: Time) -> Option<EntryId> {
        self.timers.pop(now)
    }

    pub fn set(&mut self, id: EntryId, at: Time) {
        self.timers.set(id, at);
    }

    pub fn remove(&mut self, id: EntryId) {
        self.timers.clear(id);
    }

    /// Restarts the timeToLive.
    pub fn renew(&mut self, id: EntryId, endpoint: &mut Endpoint, now: Time) {
        endpoint.last_seen = now;
        endpoint.life = Life::Held;
        self.timers.set(id, now.after(endpoint.lease()));
    }

    /// Notes a message of the endpoint. The timer of one that is held stays: it looks again when it is due.
    pub fn note_message(&mut self, id: EntryId, endpoint: &mut Endpoint, now: Time) {
        endpoint.last_seen = now;
        if endpoint.life != Life::Held {
            self.renew(id, endpoint, now);
        }
    }

    /// Notes that the kernel answered a keep-alive at this time.
    pub fn note_seen(&mut self, id: EntryId, endpoint: &mut Endpoint, at: Time, now: Time) {
        endpoint.last_seen = endpoint.last_seen.max(at.min(now));
        let until = endpoint.last_seen.after(endpoint.lease());
        if endpoint.life != Life::Held && until > now {
            endpoint.life = Life::Held;
            self.timers.set(id, until);
        }
    }

    /// Decides on an endpoint whose timer was due.
    pub fn expire(&mut self, id: EntryId, endpoint: &mut Endpoint, now: Time) -> LifetimeStep {
        let until = endpoint.last_seen.after(endpoint.lease());
        match endpoint.life {
            Life::Held if until > now => {
                self.timers.set(id, until);
                if now.since(endpoint.stored) > STORED {
                    LifetimeStep::Store
                } else {
                    LifetimeStep::Hold
                }
            }
            Life::Held if endpoint.published.is_some() => {
                endpoint.life = Life::Asking;
                self.timers.set(id, now.after(ASKED));
                LifetimeStep::AskKernel
            }
            Life::Held | Life::Asking => {
                endpoint.life = Life::Polled;
                self.timers.set(id, now.after(POLLED));
                LifetimeStep::AskEndpoint
            }
            Life::Polled => LifetimeStep::Expire,
        }
    }
}
