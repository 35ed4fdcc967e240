//! Calls that outlive a restart.
//!
//! A call is stored when it is admitted, when who takes part or what bandwidth they have changes, and forgotten when it
//! ends; reports of it are not stored. A restored one counts as reported at that moment: its endpoints are kept as those
//! of any call, and it is asked for when nobody reports it. Invariant: what is stored of a call names only endpoints by
//! endpointIdentifier, which outlive a restart; a call none of whose endpoints is registered does not hold.

use super::calls::{Call, Calls, Leg};
use super::{EntryId, Output};
use crate::Time;
use crate::profile::Limits;
use crate::ras_server::{CallKey, MAX_LEGS, StoredCall};

impl Calls {
    /// Has all calls of an endpoint kept under the endpointIdentifier that it has now.
    pub fn rename(&mut self, entry: EntryId, identifier: &str, out: &mut Vec<Output>) {
        for id in self.of(entry) {
            let legs = self.all.get_mut(&id).map(|call| call.legs.iter_mut());
            for leg in legs.into_iter().flatten().filter(|leg| leg.entry == entry) {
                identifier.clone_into(&mut leg.part.endpoint_identifier);
            }
            self.store(id, out);
        }
    }

    /// Takes up a stored call; `find` gives the registration of an endpointIdentifier. False if it does not hold.
    pub fn restore(
        &mut self,
        stored: &StoredCall,
        find: impl Fn(&str) -> Option<EntryId>,
        limits: &Limits,
        now: Time,
        out: &mut Vec<Output>,
    ) -> bool {
        let key = stored.key();
        if key.is_some_and(|key| self.find(&key).is_some()) {
            // It was admitted again meanwhile: that is what is kept of it.
            return false;
        }
        let Some(call) = key.and_then(|key| self.restored(key, stored, find, limits, now)) else {
            let call = stored.call.clone();
            out.push(Output::ForgetCall { call });
            return false;
        };
        let is_smaller = call.legs.len() < stored.legs.len();
        let id = self.insert(call);
        if is_smaller {
            self.store(id, out);
        }
        true
    }

    /// The call, if somebody who took part is registered and there is room for it.
    fn restored(
        &self,
        key: CallKey,
        stored: &StoredCall,
        find: impl Fn(&str) -> Option<EntryId>,
        limits: &Limits,
        now: Time,
    ) -> Option<Call> {
        let mut legs: Vec<Leg> = Vec::new();
        for one in stored.legs.iter().take(MAX_LEGS) {
            let Some(entry) = find(&one.endpoint_identifier) else {
                continue;
            };
            let twice = |leg: &Leg| leg.entry == entry && leg.part.answers == one.answers;
            if !legs.iter().any(twice) {
                let mut part = one.clone();
                part.bandwidth = part.bandwidth.min(limits.call_bandwidth);
                let polled = None;
                legs.push(Leg {
                    entry,
                    part,
                    polled,
                });
            }
        }
        let call = Call {
            key,
            identifier: stored.identifier(),
            legs,
            started: stored.started.min(now),
            reported: now,
            asking: None,
        };
        let has_room = self.len() < limits.calls as usize
            && self.free_bandwidth(None, None, limits) >= u64::from(call.bandwidth());
        (has_room && !call.legs.is_empty()).then_some(call)
    }
}
