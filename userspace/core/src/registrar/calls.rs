//! Calls that were admitted.
//!
//! A call is known by its callIdentifier, else by conferenceID and callReferenceValue; each endpoint of the zone that
//! takes part has a leg in it. Invariant: the bandwidth of all calls is the sum of theirs, and that of a call is the most
//! that one of its legs has, since all carry the same streams.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use rasline_h225::types::CallIdentifier;

use super::EntryId;
use crate::Time;
use crate::ras_server::{CallKey, MAX_LEGS};

/// Which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallId(pub u64);

/// How often endpoints are to report their calls, seconds.
pub(super) const IRR_EVERY: u16 = 60;
/// After so long without a report an endpoint is asked: two reports and some slack.
pub(super) const QUIET: Duration = Duration::from_secs(130);
/// A call counts as reported for so long: until its parties were asked, and did not answer.
pub(super) const SILENCE: Duration = Duration::from_secs(140);
/// An endpoint's part in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub entry: EntryId,
    /// It is the one that is called.
    pub answers: bool,
    pub reference: u16,
    pub conference: [u8; 16],
    pub bandwidth: u32,
    /// requestSeqNum of the IRQ that asks for this call.
    pub polled: Option<u16>,
}

impl Leg {
    /// Whether both are the same but for what asks for them.
    pub fn is_like(&self, other: &Self) -> bool {
        let polled = self.polled;
        *self
            == Self {
                polled,
                ..other.clone()
            }
    }
}

/// A call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub key: CallKey,
    pub identifier: Option<CallIdentifier>,
    pub legs: Vec<Leg>,
    pub started: Time,
    /// When it was reported last.
    pub reported: Time,
    /// How often its parties will be asked again; `None`: they are not asked now.
    pub asking: Option<u8>,
}

impl Call {
    pub fn bandwidth(&self) -> u32 {
        self.legs.iter().map(|leg| leg.bandwidth).max().unwrap_or(0)
    }

    /// The leg of an endpoint: of the side that is meant, if that is said.
    pub fn leg(&self, entry: EntryId, answers: Option<bool>) -> Option<usize> {
        let own = |leg: &Leg| leg.entry == entry;
        let meant = |leg: &Leg| own(leg) && Some(leg.answers) == answers;
        let exact = self.legs.iter().position(meant);
        exact.or_else(|| self.legs.iter().position(own))
    }
}

/// All calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    all: BTreeMap<CallId, Call>,
    keys: HashMap<CallKey, CallId>,
    /// IRQs that ask for a call, by requestSeqNum.
    polls: HashMap<u16, CallId>,
    bandwidth: u64,
    last: u64,
}

impl Calls {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn bandwidth(&self) -> u64 {
        self.bandwidth
    }

    pub fn find(&self, key: &CallKey) -> Option<CallId> {
        self.keys.get(key).copied()
    }

    pub fn get(&self, id: CallId) -> Option<&Call> {
        self.all.get(&id)
    }

    /// Whether somebody reported one of these of late.
    pub fn reported(&self, calls: &BTreeSet<CallId>, now: Time) -> bool {
        let mut known = calls.iter().filter_map(|id| self.all.get(id));
        known.any(|call| now.since(call.reported) < SILENCE)
    }

    pub fn add(&mut self, call: Call) -> CallId {
        self.last += 1;
        let id = CallId(self.last);
        self.bandwidth += u64::from(call.bandwidth());
        self.keys.insert(call.key, id);
        self.all.insert(id, call);
        id
    }

    pub fn remove(&mut self, id: CallId) -> Option<Call> {
        let call = self.all.remove(&id)?;
        self.keys.remove(&call.key);
        call.legs
            .iter()
            .for_each(|leg| self.forget_poll(leg.polled));
        self.bandwidth -= u64::from(call.bandwidth());
        Some(call)
    }

    /// The call that this IRQ asks for.
    pub fn polled(&self, seq: u16) -> Option<CallId> {
        self.polls.get(&seq).copied()
    }

    /// An IRQ asks a leg for the call.
    pub fn poll(&mut self, id: CallId, leg: usize, seq: u16) {
        if let Some(leg) = self
            .all
            .get_mut(&id)
            .and_then(|call| call.legs.get_mut(leg))
        {
            leg.polled = Some(seq);
            self.polls.insert(seq, id);
        }
    }

    pub fn forget_poll(&mut self, seq: Option<u16>) {
        if let Some(seq) = seq {
            self.polls.remove(&seq);
        }
    }

    /// The call is reported now, and asked for no more.
    pub fn report(&mut self, id: CallId, now: Time) {
        let Some(call) = self.all.get_mut(&id) else {
            return;
        };
        call.reported = now;
        if call.asking.take().is_some() {
            let polled: Vec<_> = call.legs.iter_mut().map(|leg| leg.polled.take()).collect();
            for seq in polled {
                self.forget_poll(seq);
            }
        }
    }

    /// Changes a call and keeps the sum right.
    pub fn change<T>(&mut self, id: CallId, change: impl FnOnce(&mut Call) -> T) -> Option<T> {
        let call = self.all.get_mut(&id)?;
        self.bandwidth -= u64::from(call.bandwidth());
        let result = change(call);
        self.bandwidth += u64::from(call.bandwidth());
        Some(result)
    }

    /// Bandwidth that a leg may have of what it wants, `None`: there is not so much. `most`: of all calls.
    pub fn fits(&self, id: Option<CallId>, leg: Option<usize>, wanted: u32, most: u32) -> bool {
        self.room(id, leg, most) >= u64::from(wanted)
    }

    /// Bandwidth that a leg can have.
    pub fn room(&self, id: Option<CallId>, leg: Option<usize>, most: u32) -> u64 {
        let call = id.and_then(|id| self.all.get(&id));
        let all = call.map_or(0, |call| u64::from(call.bandwidth()));
        let free = u64::from(most).saturating_sub(self.bandwidth - all);
        let others = call
            .into_iter()
            .flat_map(|call| call.legs.iter().enumerate());
        let others = others.filter(|(index, _)| Some(*index) != leg);
        let shared = others.map(|(_, leg)| u64::from(leg.bandwidth)).max();
        // What the other legs have is there already.
        free.max(shared.unwrap_or(0))
    }

    /// Whether one more may take part.
    pub fn has_room(&self, id: CallId) -> bool {
        self.all
            .get(&id)
            .is_some_and(|call| call.legs.len() < MAX_LEGS)
    }
}
