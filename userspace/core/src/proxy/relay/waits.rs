//! Requests of endpoints that wait for the gatekeeper's answer.
//!
//! One that takes long is told so (RIP), again and again until its patience is over; then it is refused. A
//! retransmission changes nothing; after the first RIP it is answered by another one.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::RasKind;
use rasline_h225::messages::rip;

use crate::Time;
use crate::proxy::downstream::refuse::{Why, refusal};
use crate::proxy::entries::Entry;
use crate::proxy::machine::{Proxy, Timer};
use crate::proxy::{EntryId, Output};
use crate::transaction::{CachedReply, RequestKey};

/// The first RIP comes after so long.
const FIRST: Duration = Duration::from_secs(2);
/// What it promises, in milliseconds, and when the next one comes.
const DELAY: u16 = 5_000;
const NEXT: Duration = Duration::from_secs(4);
/// How long a request waits at most.
pub(in crate::proxy) const PATIENCE: Duration = Duration::from_secs(20);
/// Requests that wait at most: of one endpoint, and in all.
const MOST_OF_ONE: usize = 16;
const MOST: usize = 20_000;

/// A request of an endpoint.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Wait {
    pub id: Option<EntryId>,
    pub key: RequestKey,
    pub kind: RasKind,
    pub seq: u16,
    /// The service address.
    pub to: SocketAddr,
    /// Where the answer goes.
    pub answer_to: SocketAddr,
    pub payload: Box<[u8]>,
    pub since: Time,
    pub rips: u8,
    /// Whether it was sent to a gatekeeper before.
    pub sent: bool,
    pub flight: Option<u16>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Waits {
    all: HashMap<u64, Wait>,
    by_key: HashMap<RequestKey, u64>,
    last: u64,
}

impl Waits {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn get(&self, ticket: u64) -> Option<&Wait> {
        self.all.get(&ticket)
    }

    pub fn get_mut(&mut self, ticket: u64) -> Option<&mut Wait> {
        self.all.get_mut(&ticket)
    }

    /// Whose they are.
    pub fn ids(&self) -> impl Iterator<Item = EntryId> {
        self.all.values().filter_map(|wait| wait.id)
    }

    fn insert(&mut self, wait: Wait) -> u64 {
        self.last += 1;
        self.by_key.insert(wait.key, self.last);
        self.all.insert(self.last, wait);
        self.last
    }

    fn remove(&mut self, ticket: u64) -> Option<Wait> {
        let wait = self.all.remove(&ticket)?;
        self.by_key.remove(&wait.key);
        Some(wait)
    }
}

impl Proxy {
    /// A request begins to wait; `None`: too many do.
    pub(in crate::proxy) fn wait(&mut self, wait: Wait) -> Option<u64> {
        let of_one = |entry: &Entry| entry.waits.len() >= MOST_OF_ONE;
        let entry = wait.id.and_then(|id| self.entries.get(id));
        if self.waits.len() >= MOST || entry.is_some_and(of_one) {
            self.stats.overflowed += 1;
            return None;
        }
        let id = wait.id;
        let ticket = self.waits.insert(wait);
        self.timers.set(Timer::Wait(ticket), self.now.after(FIRST));
        if let Some(entry) = id.and_then(|id| self.entries.get_mut(id)) {
            entry.waits.insert(ticket);
        }
        Some(ticket)
    }

    /// It waits no longer.
    pub(in crate::proxy) fn done(&mut self, ticket: u64) -> Option<Wait> {
        let wait = self.waits.remove(ticket)?;
        self.timers.clear(Timer::Wait(ticket));
        if let Some(seq) = wait.flight {
            self.land(seq);
        }
        if let Some(entry) = wait.id.and_then(|id| self.entries.get_mut(id)) {
            entry.waits.remove(&ticket);
        }
        Some(wait)
    }

    /// Its answer: given, and kept for retransmissions.
    pub(in crate::proxy) fn answer(&mut self, ticket: u64, octets: Vec<u8>, out: &mut Vec<Output>) {
        let Some(wait) = self.done(ticket) else {
            return;
        };
        let reply = CachedReply {
            to: wait.answer_to,
            octets: octets.as_slice().into(),
            about: (),
        };
        self.replies.insert(self.now, wait.key, reply);
        self.call_answered(&wait, &octets, out);
        out.push(Output::ToEndpoint {
            from: wait.to,
            to: wait.answer_to,
            payload: octets,
        });
    }

    /// There will be no answer.
    pub(in crate::proxy) fn refuse(&mut self, ticket: u64, why: Why, out: &mut Vec<Output>) {
        let Some(wait) = self.waits.get(ticket) else {
            return;
        };
        self.stats.rejected += 1;
        let refusal = refusal(wait.kind, wait.seq, why, &wait.payload);
        match refusal.and_then(|message| rasline_h225::encode_ras(&message).ok()) {
            Some(octets) => self.answer(ticket, octets, out),
            None => drop(self.done(ticket)),
        }
    }

    /// Whether it is the retransmission of a request that waits.
    pub(in crate::proxy) fn waits_still(&mut self, key: RequestKey, out: &mut Vec<Output>) -> bool {
        let Some(ticket) = self.waits.by_key.get(&key).copied() else {
            return false;
        };
        self.stats.repeated += 1;
        if self.waits.get(ticket).is_some_and(|wait| wait.rips > 0) {
            self.in_progress(ticket, out);
        }
        true
    }

    pub(in crate::proxy) fn wait_due(&mut self, ticket: u64, out: &mut Vec<Output>) {
        let Some(wait) = self.waits.get_mut(ticket) else {
            return;
        };
        if self.now.since(wait.since) < PATIENCE {
            wait.rips = wait.rips.saturating_add(1);
            self.timers.set(Timer::Wait(ticket), self.now.after(NEXT));
            self.in_progress(ticket, out);
            return;
        }
        let (id, kind) = (wait.id, wait.kind);
        self.refuse(ticket, Why::Unavailable, out);
        if kind == RasKind::RegistrationRequest
            && let Some(id) = id
        {
            self.not_registered(id, out);
        }
    }

    fn in_progress(&mut self, ticket: u64, out: &mut Vec<Output>) {
        let Some(wait) = self.waits.get(ticket) else {
            return;
        };
        // What has no answer that must come, is not put off.
        if wait.kind == RasKind::NonStandardMessage {
            return;
        }
        if let Ok(payload) = rasline_h225::encode_ras(&rip(wait.seq, DELAY)) {
            self.stats.in_progress += 1;
            out.push(Output::ToEndpoint {
                from: wait.to,
                to: wait.answer_to,
                payload,
            });
        }
    }
}
