//! Requests that wait for their answer.
//!
//! ```text
//!             insert             answered (RRQ: RCF or RRJ)
//!   (absent) --------> waiting ----------------------------> (absent)
//!                       |  ^ |
//!                       |  +-+ the same again (retransmission); answered (URQ: UCF, which may come twice)
//!                       +----> (absent)   after WAIT, or pushed out by newer ones
//! ```
//! Bounded: at most `limit` of all and [`PER_SOURCE`] of one address and port at one gatekeeper. The oldest goes first,
//! as a confirm takes milliseconds: who floods pushes out mostly his own.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use crate::Time;

/// How long a request waits.
pub(crate) const WAIT: Duration = Duration::from_secs(10);
/// Requests of one address and port at one gatekeeper.
pub(crate) const PER_SOURCE: usize = 16;

/// Gatekeeper index, the endpoint's address and port.
pub(crate) type Source = (u32, SocketAddr);

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A lightweight RRQ; its octets with requestSeqNum zeroed.
    KeepAlive(Box<[u8]>),
    /// A full RRQ; its octets as of a keep-alive, if they may be kept.
    Register {
        rrq: Option<Box<[u8]>>,
        aliases: Vec<String>,
        call_signal_addresses: Vec<SocketAddr>,
    },
    /// A URQ.
    Unregister,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) zone: u32,
    pub(crate) source: Source,
    pub(crate) seq: u16,
    pub(crate) endpoint_identifier: Option<String>,
    pub(crate) secured: bool,
    pub(crate) asked: Asked,
}

impl Request {
    fn is_rrq(&self) -> bool {
        self.asked != Asked::Unregister
    }
}

/// What became of a request that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It waits.
    New,
    /// It waits already.
    Repeated,
    /// It waits, and the oldest of all does not any more.
    Evicted,
    /// It waits, and the oldest of its source does not any more.
    EvictedSource,
}

/// The table. The key is a running number, so the first entry is the oldest.
#[derive(Debug, Default)]
pub(crate) struct Pendings {
    waiting: BTreeMap<u64, (Time, Request)>,
    sources: HashMap<Source, Vec<u64>>,
    next: u64,
}

impl Pendings {
    /// Number of requests that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Puts a request in.
    pub(crate) fn insert(&mut self, now: Time, limit: usize, request: Request) -> Inserted {
        let mine = self.sources.get(&request.source);
        let mine = mine.map_or(&[][..], Vec::as_slice);
        if mine
            .iter()
            .any(|n| self.waiting.get(n).is_some_and(|(_, r)| *r == request))
        {
            return Inserted::Repeated;
        }
        let mut inserted = Inserted::New;
        if mine.len() >= PER_SOURCE {
            let oldest = mine[0];
            self.remove(oldest);
            inserted = Inserted::EvictedSource;
        }
        while self.waiting.len() >= limit.max(1) {
            let Some(oldest) = self.waiting.keys().next().copied() else {
                break;
            };
            self.remove(oldest);
            inserted = Inserted::Evicted;
        }
        let n = self.next;
        self.next += 1;
        self.sources.entry(request.source).or_default().push(n);
        self.waiting.insert(n, (now, request));
        inserted
    }

    /// Takes the RRQ that an RCF confirms: it has its number and names its endpointIdentifier, or is the only one with
    /// its number that names none.
    pub(crate) fn confirmed(
        &mut self,
        source: Source,
        seq: u16,
        endpoint_identifier: &str,
    ) -> Option<(Time, Request)> {
        let n = self.find_confirmed(source, seq, endpoint_identifier)?;
        self.remove(n)
    }

    /// The same request, which goes on waiting.
    pub(crate) fn peek_confirmed(
        &self,
        source: Source,
        seq: u16,
        endpoint_identifier: &str,
    ) -> Option<&Request> {
        let n = self.find_confirmed(source, seq, endpoint_identifier)?;
        self.waiting.get(&n).map(|(_, request)| request)
    }

    fn find_confirmed(&self, source: Source, seq: u16, endpoint_identifier: &str) -> Option<u64> {
        let asked = self.asked(source, seq, Request::is_rrq);
        let eid = |n: &u64| {
            self.waiting
                .get(n)
                .and_then(|(_, r)| r.endpoint_identifier.as_deref())
        };
        let named = asked
            .iter()
            .find(|n| eid(n) == Some(endpoint_identifier))
            .copied();
        let n = named.or_else(|| {
            let mut unnamed = asked.iter().filter(|n| eid(n).is_none());
            unnamed.next().copied().filter(|_| unnamed.next().is_none())
        });
        // A full RRQ may carry an endpointIdentifier of old and be granted another one.
        n.or_else(|| {
            let full = |n: &&u64| {
                let request = self.waiting.get(n).map(|(_, r)| &r.asked);
                matches!(request, Some(Asked::Register { .. }))
            };
            (asked.len() == 1)
                .then(|| asked.iter().find(full).copied())
                .flatten()
        })
    }

    /// Takes all RRQs that an RRJ may be the answer to.
    pub(crate) fn rejected(&mut self, source: Source, seq: u16) -> Vec<Request> {
        let asked = self.asked(source, seq, Request::is_rrq);
        asked
            .into_iter()
            .filter_map(|n| self.remove(n))
            .map(|(_, request)| request)
            .collect()
    }

    /// The URQs that a UCF may be the answer to; they stay.
    pub(crate) fn unregistered(&self, source: Source, seq: u16) -> Vec<Request> {
        let asked = self.asked(source, seq, |r| !r.is_rrq());
        asked
            .iter()
            .filter_map(|n| self.waiting.get(n))
            .map(|(_, r)| r.clone())
            .collect()
    }

    /// Takes a request that has waited long enough.
    pub(crate) fn expired(&mut self, now: Time) -> Option<Request> {
        let (n, (at, _)) = self.waiting.first_key_value()?;
        let n = *n;
        if now.since(*at) < WAIT {
            return None;
        }
        self.remove(n).map(|(_, request)| request)
    }

    fn asked(&self, source: Source, seq: u16, kind: impl Fn(&Request) -> bool) -> Vec<u64> {
        let mine = self.sources.get(&source).map_or(&[][..], Vec::as_slice);
        let fits = |n: &u64| {
            self.waiting
                .get(n)
                .is_some_and(|(_, r)| r.seq == seq && kind(r))
        };
        mine.iter().copied().filter(fits).collect()
    }

    fn remove(&mut self, n: u64) -> Option<(Time, Request)> {
        let removed = self.waiting.remove(&n)?;
        let source = removed.1.source;
        if let Some(mine) = self.sources.get_mut(&source) {
            mine.retain(|other| *other != n);
            if mine.is_empty() {
                self.sources.remove(&source);
            }
        }
        Some(removed)
    }
}

#[cfg(test)]
#[path = "pending_tests.rs"]
mod tests;
