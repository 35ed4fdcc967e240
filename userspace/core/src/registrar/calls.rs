//! The ledger of calls that were admitted.
//!
//! A call is known by its callIdentifier, else by conferenceID and callReferenceValue; each endpoint of the zone that
//! takes part has a leg in it. Invariants: the bandwidth of all calls is the sum of theirs, and that of a call is the most
//! that one of its legs has, since all carry the same streams; what was given out to be stored of a call last is what is
//! known of it, but for reports.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use rasline_h225::types::{AdmissionRejectReason, CallIdentifier};

use super::{EntryId, Event, Output};
use crate::Time;
use crate::profile::Limits;
use crate::ras_server::{CallKey, MAX_LEGS, StoredCall, StoredLeg};
use crate::transaction::TimerQueue;

/// Which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CallId(u64);

/// How often endpoints are to report their calls, seconds.
pub(super) const IRR_EVERY: u16 = 60;
/// An endpoint is asked for its call after this long without a report: two reports and some slack.
pub(super) const QUIET: Duration = Duration::from_secs(130);
/// A call counts as reported for this long: until its parties were asked, and did not answer.
const SILENCE: Duration = Duration::from_secs(140);

/// An endpoint's part in a call.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub entry: EntryId,
    pub part: StoredLeg,
    /// requestSeqNum of the IRQ that asks for this call.
    pub polled: Option<u16>,
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
        let legs = self.legs.iter();
        legs.map(|leg| leg.part.bandwidth).max().unwrap_or(0)
    }

    /// The leg of an endpoint: of the side that is meant, if that is said.
    pub fn leg(&self, entry: EntryId, answers: Option<bool>) -> Option<usize> {
        let exact = answers.and_then(|answers| self.leg_of_side(entry, answers));
        exact.or_else(|| self.legs.iter().position(|leg| leg.entry == entry))
    }

    fn leg_of_side(&self, entry: EntryId, answers: bool) -> Option<usize> {
        let own = |leg: &Leg| leg.entry == entry && leg.part.answers == answers;
        self.legs.iter().position(own)
    }
}

/// An endpoint that asks to take part in a call.
#[derive(Debug)]
pub(super) struct Joining {
    pub entry: EntryId,
    pub key: CallKey,
    pub identifier: Option<CallIdentifier>,
    pub part: StoredLeg,
}

/// All calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    pub(super) all: BTreeMap<CallId, Call>,
    keys: HashMap<CallKey, CallId>,
    of_endpoint: HashMap<EntryId, BTreeSet<CallId>>,
    /// IRQs that ask for a call, by requestSeqNum.
    pub(super) polls: HashMap<u16, CallId>,
    /// When each call is to be looked at: whether it is still heard of.
    pub(super) timers: TimerQueue<CallId>,
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

    /// The calls that an endpoint takes part in.
    pub fn of(&self, entry: EntryId) -> Vec<CallId> {
        let own = self.of_endpoint.get(&entry).into_iter().flatten();
        own.copied().collect()
    }

    pub fn count_of(&self, entry: EntryId) -> usize {
        self.of_endpoint.get(&entry).map_or(0, BTreeSet::len)
    }

    pub fn takes_part(&self, entry: EntryId, call: CallId) -> bool {
        let own = self.of_endpoint.get(&entry);
        own.is_some_and(|own| own.contains(&call))
    }

    /// True if a call of this endpoint was reported of late, by any of its parties.
    pub fn any_reported(&self, entry: EntryId, now: Time) -> bool {
        let own = self.of_endpoint.get(&entry).into_iter().flatten();
        let mut known = own.filter_map(|id| self.all.get(id));
        known.any(|call| now.since(call.reported) < SILENCE)
    }

    /// Checks whether one more call, or one more leg of a known call, is possible.
    pub fn check_room(
        &self,
        key: &CallKey,
        (entry, answers): (EntryId, bool),
        limits: &Limits,
    ) -> Result<(), AdmissionRejectReason> {
        match self.find(key).and_then(|id| self.get(id)) {
            None if self.len() >= limits.calls as usize => {
                Err(AdmissionRejectReason::ResourceUnavailable)
            }
            Some(call)
                if call.leg_of_side(entry, answers).is_none() && call.legs.len() >= MAX_LEGS =>
            {
                Err(AdmissionRejectReason::RequestDenied)
            }
            _ => Ok(()),
        }
    }

    /// Admits an endpoint to a call, which begins with its first party; `names` gives the caller's and the callee's name
    /// then. Another request for the same leg changes it.
    pub fn admit(
        &mut self,
        now: Time,
        joining: Joining,
        limits: &Limits,
        names: impl FnOnce() -> (String, String),
        out: &mut Vec<Output>,
    ) -> Result<(), AdmissionRejectReason> {
        let (key, entry, answers) = (joining.key, joining.entry, joining.part.answers);
        self.check_room(&key, (entry, answers), limits)?;
        let call = self.find(&key);
        let known = call.and_then(|id| self.get(id));
        let leg = known.and_then(|known| known.leg_of_side(entry, answers));
        if self.free_bandwidth(call, leg, limits) < u64::from(joining.part.bandwidth) {
            return Err(AdmissionRejectReason::RequestDenied);
        }
        let call = call.unwrap_or_else(|| {
            let (call, (from, to)) = (key.hex(), names());
            out.push(Output::Event(Event::CallStarted { call, from, to }));
            self.start(now, key, joining.identifier)
        });
        self.join(call, leg, (entry, joining.part), now, out);
        Ok(())
    }

    fn start(&mut self, now: Time, key: CallKey, identifier: Option<CallIdentifier>) -> CallId {
        self.insert(Call {
            key,
            identifier,
            legs: Vec::new(),
            started: now,
            reported: now,
            asking: None,
        })
    }

    /// Takes up a call that counts as reported now.
    pub(super) fn insert(&mut self, call: Call) -> CallId {
        self.last += 1;
        let id = CallId(self.last);
        self.bandwidth += u64::from(call.bandwidth());
        self.keys.insert(call.key, id);
        for leg in &call.legs {
            self.of_endpoint.entry(leg.entry).or_default().insert(id);
        }
        self.timers.set(id, call.reported.after(QUIET));
        self.all.insert(id, call);
        id
    }

    fn join(
        &mut self,
        id: CallId,
        leg: Option<usize>,
        (entry, part): (EntryId, StoredLeg),
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let before = leg.and_then(|leg| self.all.get(&id)?.legs.get(leg));
        let changed = before.is_none_or(|before| before.part != part);
        let joined = Leg {
            entry,
            part,
            polled: None,
        };
        self.change(id, |call| match leg {
            Some(leg) => call.legs[leg] = joined,
            None => call.legs.push(joined),
        });
        self.report(id, now);
        if changed {
            self.store(id, out);
        }
        self.of_endpoint.entry(entry).or_default().insert(id);
    }

    /// Gives a leg this bandwidth, or returns the most that it can have.
    pub fn set_bandwidth(
        &mut self,
        (id, leg): (CallId, usize),
        wanted: u32,
        limits: &Limits,
        out: &mut Vec<Output>,
    ) -> Result<(), u32> {
        let room = self.free_bandwidth(Some(id), Some(leg), limits);
        let most = room.min(limits.call_bandwidth.into());
        if u64::from(wanted) > most {
            return Err(u32::try_from(most).unwrap_or(u32::MAX));
        }
        let before = self.change(id, |call| {
            std::mem::replace(&mut call.legs[leg].part.bandwidth, wanted)
        });
        if before != Some(wanted) {
            self.store(id, out);
        }
        Ok(())
    }

    /// Notes that the call is reported now; nobody is asked for it any more.
    pub fn report(&mut self, id: CallId, now: Time) {
        let Some(call) = self.all.get_mut(&id) else {
            return;
        };
        call.reported = now;
        if call.asking.take().is_some() {
            for seq in call.legs.iter_mut().filter_map(|leg| leg.polled.take()) {
                self.polls.remove(&seq);
            }
        }
    }

    /// Changes a call and keeps the sum right.
    pub(super) fn change<T>(
        &mut self,
        id: CallId,
        change: impl FnOnce(&mut Call) -> T,
    ) -> Option<T> {
        let call = self.all.get_mut(&id)?;
        self.bandwidth -= u64::from(call.bandwidth());
        let result = change(call);
        self.bandwidth += u64::from(call.bandwidth());
        Some(result)
    }

    /// Removes a call with all its legs.
    pub(super) fn remove(&mut self, id: CallId) -> Option<Call> {
        let call = self.all.remove(&id)?;
        self.keys.remove(&call.key);
        self.timers.clear(id);
        for leg in &call.legs {
            self.forget_leg(id, leg, false);
        }
        self.bandwidth -= u64::from(call.bandwidth());
        Some(call)
    }

    /// Forgets what leads to a leg: its IRQ, and its endpoint's list of calls unless that has another leg still.
    pub(super) fn forget_leg(&mut self, id: CallId, leg: &Leg, has_another: bool) {
        if let Some(own) = self
            .of_endpoint
            .get_mut(&leg.entry)
            .filter(|_| !has_another)
        {
            own.remove(&id);
            if own.is_empty() {
                self.of_endpoint.remove(&leg.entry);
            }
        }
        if let Some(seq) = leg.polled {
            self.polls.remove(&seq);
        }
    }

    /// Bandwidth that a leg can have: what the other legs of its call have is there already.
    pub(super) fn free_bandwidth(
        &self,
        id: Option<CallId>,
        leg: Option<usize>,
        limits: &Limits,
    ) -> u64 {
        let call = id.and_then(|id| self.all.get(&id));
        let all = call.map_or(0, |call| u64::from(call.bandwidth()));
        let free = u64::from(limits.bandwidth).saturating_sub(self.bandwidth - all);
        let legs = call.into_iter().flat_map(|call| call.legs.iter());
        let others = legs.enumerate().filter(|(index, _)| Some(*index) != leg);
        let shared = others.map(|(_, leg)| u64::from(leg.part.bandwidth)).max();
        free.max(shared.unwrap_or(0))
    }

    /// Has a call kept across restarts, as it is now.
    pub(super) fn store(&self, id: CallId, out: &mut Vec<Output>) {
        if let Some(call) = self.all.get(&id) {
            let stored = StoredCall {
                call: call.key.name(),
                call_identifier: call
                    .identifier
                    .as_ref()
                    .and_then(|one| <[u8; 16]>::try_from(&one.guid[..]).ok()),
                started: call.started,
                legs: call.legs.iter().map(|leg| leg.part.clone()).collect(),
            };
            out.push(Output::StoreCall(Box::new(stored)));
        }
    }
}
