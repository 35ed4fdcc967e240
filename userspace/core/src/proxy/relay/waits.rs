//! Requests of endpoints that wait for the gatekeeper's answer.
//!
//! One that takes long is told so (RIP), again and again until its patience is over; then it is refused. A
//! retransmission changes nothing; after the first RIP it is answered by another one.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::messages::rip;
use rasline_h225::{RasKind, encode_ras};

use crate::Time;
use crate::proxy::message::{EndpointMessage, PATIENCE};
use crate::proxy::{EntryId, Output};
use crate::transaction::{RequestKey, TimerQueue};

/// The first RIP comes after so long.
const FIRST: Duration = Duration::from_secs(2);
/// What it promises, in milliseconds, and when the next one comes.
const DELAY: u16 = 5_000;
const NEXT: Duration = Duration::from_secs(4);
/// Requests that wait at most: of one endpoint, and in all.
const MOST_OF_ONE: usize = 16;
const MOST: usize = 20_000;

/// A request of an endpoint that waits.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Wait {
    pub id: EntryId,
    pub key: RequestKey,
    pub kind: RasKind,
    pub seq: u16,
    /// The service address.
    to: SocketAddr,
    pub answer_to: SocketAddr,
    pub payload: Box<[u8]>,
    since: Time,
    rips: u8,
    /// Whether it was sent to a gatekeeper before.
    sent: bool,
}

impl Wait {
    /// The answer to it with these octets.
    pub const fn answer(&self, payload: Vec<u8>) -> Output {
        Output::ToEndpoint {
            from: self.to,
            to: self.answer_to,
            payload,
        }
    }
}

/// A request that has waited for some time.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) enum OverdueWait {
    /// Its endpoint is to be told that it takes long.
    TakesLong(u64),
    /// Its patience is over.
    OutOfPatience(u64),
}

/// All requests that wait, by ticket.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Waits {
    all: HashMap<u64, Wait>,
    by_key: HashMap<RequestKey, u64>,
    of_endpoint: HashMap<EntryId, BTreeSet<u64>>,
    timers: TimerQueue<u64>,
    last: u64,
}

impl Waits {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn get(&self, ticket: u64) -> Option<&Wait> {
        self.all.get(&ticket)
    }

    /// The ticket of the request of which this is a retransmission.
    pub fn find(&self, key: RequestKey) -> Option<u64> {
        self.by_key.get(&key).copied()
    }

    /// How many requests of this endpoint wait.
    pub fn count_of(&self, id: EntryId) -> usize {
        self.of_endpoint.get(&id).map_or(0, BTreeSet::len)
    }

    /// The tickets of an endpoint's requests of the kinds wanted, oldest first.
    pub fn tickets_of(&self, id: EntryId, wanted: impl Fn(RasKind) -> bool) -> Vec<u64> {
        let is_wanted =
            |ticket: &&u64| (self.all.get(*ticket)).is_some_and(|wait| wanted(wait.kind));
        let all = self.of_endpoint.get(&id).into_iter().flatten();
        all.filter(is_wanted).copied().collect()
    }

    /// The endpoints of which requests wait, in the order of their numbers.
    pub fn endpoints(&self) -> Vec<EntryId> {
        let mut ids: Vec<EntryId> = self.of_endpoint.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// A request of this endpoint begins to wait. `None`: too many do.
    pub fn insert(&mut self, id: EntryId, asked: &EndpointMessage<'_>, now: Time) -> Option<u64> {
        if self.all.len() >= MOST || self.count_of(id) >= MOST_OF_ONE {
            return None;
        }
        self.last += 1;
        let ticket = self.last;
        let wait = Wait {
            id,
            key: asked.key,
            kind: asked.kind,
            seq: asked.seq,
            to: asked.to,
            answer_to: asked.answer_to,
            payload: asked.payload.into(),
            since: now,
            rips: 0,
            sent: false,
        };
        self.by_key.insert(wait.key, ticket);
        self.of_endpoint.entry(id).or_default().insert(ticket);
        self.all.insert(ticket, wait);
        self.timers.set(ticket, now.after(FIRST));
        Some(ticket)
    }

    /// Ends a wait.
    pub fn remove(&mut self, ticket: u64) -> Option<Wait> {
        let wait = self.all.remove(&ticket)?;
        self.by_key.remove(&wait.key);
        self.timers.clear(ticket);
        if let Some(own) = self.of_endpoint.get_mut(&wait.id) {
            own.remove(&ticket);
            if own.is_empty() {
                self.of_endpoint.remove(&wait.id);
            }
        }
        Some(wait)
    }

    /// Notes that a request was sent to a gatekeeper. True if it had been before.
    pub fn mark_sent(&mut self, ticket: u64) -> bool {
        let wait = self.all.get_mut(&ticket);
        wait.is_some_and(|wait| std::mem::replace(&mut wait.sent, true))
    }

    pub fn next_due(&self) -> Option<Time> {
        self.timers.next_due()
    }

    /// Takes out the first request that is due, and says what becomes of it.
    pub fn expire(&mut self, now: Time) -> Option<OverdueWait> {
        let ticket = self.timers.pop(now)?;
        let wait = self.all.get_mut(&ticket)?;
        if now.since(wait.since) >= PATIENCE {
            return Some(OverdueWait::OutOfPatience(ticket));
        }
        wait.rips = wait.rips.saturating_add(1);
        self.timers.set(ticket, now.after(NEXT));
        Some(OverdueWait::TakesLong(ticket))
    }

    /// The RIP for a request that has waited for some time. `None` for one that was told nothing yet, or whose answer need
    /// not come.
    pub fn rip(&self, ticket: u64) -> Option<Output> {
        let wait = self.all.get(&ticket)?;
        if wait.rips == 0 || wait.kind == RasKind::NonStandardMessage {
            return None;
        }
        Some(wait.answer(encode_ras(&rip(wait.seq, DELAY)).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: EntryId = EntryId(1);

    fn s(seconds: u64) -> Time {
        Time(seconds * 1_000_000_000)
    }

    fn request(seq: u8, kind: RasKind, waits: &mut Waits) -> Option<u64> {
        let from = SocketAddr::from(([192, 0, 2, 9], 1719));
        let payload = [seq];
        let asked = EndpointMessage {
            from,
            to: SocketAddr::from(([192, 0, 2, 1], 1719)),
            answer_to: from,
            payload: &payload,
            kind,
            seq: seq.into(),
            key: RequestKey::new(from, &payload),
        };
        waits.insert(ONE, &asked, s(0))
    }

    /// When (s) a request is said to take long, and when its patience is over.
    #[test]
    fn told_again_and_again_until_patience_is_over() {
        let mut waits = Waits::default();
        let ticket = request(1, RasKind::AdmissionRequest, &mut waits).unwrap();
        assert!(waits.rip(ticket).is_none());
        let mut told = Vec::new();
        while let Some(now) = waits.next_due() {
            match waits.expire(now) {
                Some(OverdueWait::TakesLong(ticket)) => {
                    assert!(waits.rip(ticket).is_some());
                    told.push(now.0 / 1_000_000_000);
                }
                _ => assert_eq!(now, s(22)),
            }
        }
        assert_eq!(told, [2, 6, 10, 14, 18]);
        assert!(waits.remove(ticket).is_some());
        assert_eq!((waits.len(), waits.count_of(ONE)), (0, 0));
    }

    #[test]
    fn bounded_for_each_endpoint_and_found_by_endpoint_and_kind() {
        let mut waits = Waits::default();
        for seq in 1..=16 {
            assert!(request(seq, RasKind::BandwidthRequest, &mut waits).is_some());
        }
        assert_eq!(request(17, RasKind::BandwidthRequest, &mut waits), None);
        assert_eq!(waits.endpoints(), [ONE]);
        assert!(waits.remove(1).is_some());
        let last = request(18, RasKind::NonStandardMessage, &mut waits).unwrap();
        let is_other = |kind| kind != RasKind::BandwidthRequest;
        assert_eq!(waits.tickets_of(ONE, is_other), [last]);
        waits.expire(s(2));
        assert!(waits.rip(last).is_none());
        assert_eq!(
            (waits.mark_sent(last), waits.mark_sent(last)),
            (false, true)
        );
    }
}
