//! Calls that outlive a restart.
//!
//! A call is stored when it is admitted, when who takes part or what bandwidth they have changes, and forgotten when it
//! ends; reports of it are not stored. A restored one counts as reported at that moment: its endpoints are kept as those
//! of any call, and it is asked for when nobody reports it. Invariant: what is stored of a call names only endpoints by
//! endpointIdentifier, which outlive a restart; a call none of whose endpoints is registered does not hold.

use super::calls::{Call, CallId, Leg, QUIET};
use super::machine::Registrar;
use super::timers::Timer;
use super::{EntryId, Output};
use crate::ras_server::{CallKey, MAX_LEGS, StoredCall, StoredLeg};

impl Registrar {
    /// Keeps a call across restarts, as it is now.
    pub(super) fn store_call(&self, id: CallId, out: &mut Vec<Output>) {
        let stored = self.calls.get(id).map(|call| self.stored_call(call));
        out.extend(stored.map(|call| Output::StoreCall(Box::new(call))));
    }

    /// All calls of an endpoint that is called otherwise now.
    pub(super) fn store_calls(&self, id: EntryId, out: &mut Vec<Output>) {
        for call in self.calls_of(id) {
            self.store_call(call, out);
        }
    }

    fn stored_call(&self, call: &Call) -> StoredCall {
        let identifier = call.identifier.as_ref();
        let leg = |leg: &Leg| {
            Some(StoredLeg {
                endpoint_identifier: self.entries.get(leg.entry)?.identifier.clone(),
                answers: leg.answers,
                reference: leg.reference,
                conference: leg.conference,
                bandwidth: leg.bandwidth,
            })
        };
        StoredCall {
            call: call.key.name(),
            call_identifier: identifier.and_then(|one| <[u8; 16]>::try_from(&one.guid[..]).ok()),
            started: call.started,
            legs: call.legs.iter().filter_map(leg).collect(),
        }
    }

    pub(super) fn restore_call(&mut self, stored: &StoredCall, out: &mut Vec<Output>) {
        let key = stored.key();
        if key.is_some_and(|key| self.calls.find(&key).is_some()) {
            // It was admitted again meanwhile: that is what is kept of it.
            self.stats.lost_calls += 1;
            return;
        }
        let Some(call) = key.and_then(|key| self.restored_call(key, stored)) else {
            self.stats.lost_calls += 1;
            let call = stored.call.clone();
            return out.push(Output::ForgetCall { call });
        };
        self.stats.restored_calls += 1;
        let endpoints: Vec<EntryId> = call.legs.iter().map(|leg| leg.entry).collect();
        let fewer = endpoints.len() < stored.legs.len();
        let id = self.calls.add(call);
        self.timers.set(Timer::Call(id), self.now.after(QUIET));
        for endpoint in endpoints {
            if let Some(entry) = self.entries.get_mut(endpoint) {
                entry.calls.insert(id);
            }
        }
        if fewer {
            self.store_call(id, out);
        }
    }

    /// The call, if somebody who took part is registered and there is room for it.
    fn restored_call(&self, key: CallKey, stored: &StoredCall) -> Option<Call> {
        let limits = self.settings.profile.limits;
        let mut legs: Vec<Leg> = Vec::new();
        for one in stored.legs.iter().take(MAX_LEGS) {
            let Some(entry) = self.entries.by_identifier(&one.endpoint_identifier) else {
                continue;
            };
            let twice = |leg: &Leg| leg.entry == entry && leg.answers == one.answers;
            if !legs.iter().any(twice) {
                legs.push(Leg {
                    entry,
                    answers: one.answers,
                    reference: one.reference,
                    conference: one.conference,
                    bandwidth: one.bandwidth.min(limits.call_bandwidth),
                    polled: None,
                });
            }
        }
        let call = Call {
            key,
            identifier: stored.identifier(),
            legs,
            started: stored.started.min(self.now),
            reported: self.now,
            asking: None,
        };
        let room = self.calls.len() < limits.calls as usize
            && self
                .calls
                .fits(None, None, call.bandwidth(), limits.bandwidth);
        (room && !call.legs.is_empty()).then_some(call)
    }
}
