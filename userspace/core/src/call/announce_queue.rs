//! Calls that wait for a gatekeeper: which can be announced, in what order, at what rate.
//!
//! Invariants: the oldest call goes first; between two beginnings there is the interval of the rate; what is remembered of
//! calls that ended has a bound.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::directory::EndpointKey;
use super::io::{CallId, CallIdentifier};
use crate::{Time, ZoneIndex};

/// How long the Setup of a call that has ended may still come back from a gatekeeper.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// Ended calls remembered at most.
const REMEMBERED: usize = 65_536;

type CallKey = (ZoneIndex, CallIdentifier);

/// The calls that wait, and those that ended lately.
#[derive(Clone, Debug, Default)]
pub(super) struct AnnounceQueue {
    waiting: HashMap<CallId, [EndpointKey; 2]>,
    of_party: HashMap<EndpointKey, BTreeSet<CallId>>,
    ready: BTreeSet<CallId>,
    /// When the next one may begin.
    next: Time,
    ended: HashSet<CallKey>,
    ended_order: VecDeque<(Time, CallKey)>,
}

impl AnnounceQueue {
    /// Notes that a call waits for a gatekeeper that has both parties; `None`: it does not wait.
    pub fn set_waiting(&mut self, call: CallId, parties: Option<[EndpointKey; 2]>) {
        if self.waiting.get(&call) == parties.as_ref() {
            return;
        }
        for party in self.waiting.remove(&call).into_iter().flatten() {
            if let Some(calls) = self.of_party.get_mut(&party) {
                calls.remove(&call);
                if calls.is_empty() {
                    self.of_party.remove(&party);
                }
            }
        }
        self.ready.remove(&call);
        if let Some(parties) = parties {
            for party in parties {
                self.of_party.entry(party).or_default().insert(call);
            }
            self.waiting.insert(call, parties);
        }
    }

    /// The parties of a call that waits.
    pub fn parties(&self, call: CallId) -> Option<[EndpointKey; 2]> {
        self.waiting.get(&call).copied()
    }

    /// The waiting calls of an endpoint.
    pub fn calls_of(&self, party: EndpointKey) -> Vec<CallId> {
        let calls = self.of_party.get(&party).into_iter().flatten();
        calls.copied().collect()
    }

    /// Notes whether a call that waits can be announced.
    pub fn set_ready(&mut self, call: CallId, is_ready: bool) {
        if is_ready {
            self.ready.insert(call);
        } else {
            self.ready.remove(&call);
        }
    }

    /// When [`Self::pop`] is wanted.
    pub fn next_due(&self) -> Option<Time> {
        (!self.ready.is_empty()).then_some(self.next)
    }

    /// The oldest call that can be announced, if the rate allows one now.
    pub fn pop(&mut self, rate: u32, now: Time) -> Option<CallId> {
        if now < self.next {
            return None;
        }
        let call = self.ready.pop_first()?;
        self.next = now.after(Duration::from_secs(1) / rate.max(1));
        Some(call)
    }

    /// Remembers a call that ended after a gatekeeper was asked for it: its Setup may still come back.
    pub fn note_ended(&mut self, call: CallKey, now: Time) {
        self.forget_ended(now);
        if self.ended.insert(call) {
            self.ended_order
                .push_back((now.after(REMEMBERED_FOR), call));
        }
        if self.ended_order.len() > REMEMBERED
            && let Some((_, oldest)) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    /// Whether a gatekeeper's Setup is the echo of a call that has ended.
    pub fn has_ended(&mut self, call: CallKey, now: Time) -> bool {
        self.forget_ended(now);
        self.ended.contains(&call)
    }

    fn forget_ended(&mut self, now: Time) {
        while let Some((_, call)) = self.ended_order.pop_front_if(|(until, _)| *until <= now) {
            self.ended.remove(&call);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ras_server::EntryId;

    const ZONE: ZoneIndex = ZoneIndex(0);

    fn ms(time: u64) -> Time {
        Time(time * 1_000_000)
    }

    fn party(n: u64) -> EndpointKey {
        (ZONE, EntryId(n))
    }

    #[test]
    fn the_oldest_goes_first_at_the_rate() {
        let mut queue = AnnounceQueue::default();
        for call in [3, 1, 2] {
            queue.set_waiting(CallId(call), Some([party(call), party(call + 10)]));
            queue.set_ready(CallId(call), true);
        }
        assert_eq!(queue.pop(50, ms(0)), Some(CallId(1)));
        assert_eq!(queue.next_due(), Some(ms(20)));
        assert_eq!(queue.pop(50, ms(19)), None);
        assert_eq!(queue.pop(50, ms(20)), Some(CallId(2)));
        // One that waits no longer has no turn.
        queue.set_waiting(CallId(3), None);
        assert_eq!(queue.next_due(), None);
        assert!(queue.calls_of(party(13)).is_empty());
        assert_eq!(queue.calls_of(party(11)), [CallId(1)]);
    }

    #[test]
    fn ended_calls_are_remembered_for_a_while() {
        let mut queue = AnnounceQueue::default();
        let call = (ZONE, [7; 16]);
        queue.note_ended(call, ms(0));
        assert!(queue.has_ended(call, ms(59_999)));
        assert!(!queue.has_ended(call, ms(60_000)));
    }
}
