//! Who takes part in which call: for requests of the gatekeeper that name a call, and no endpoint.
//!
//! An endpoint takes part from when its ARQ is granted, or when it speaks of the call as of one that it is in (BRQ, IRR:
//! not every call needs an ARQ), until a DRQ is answered, its own or the gatekeeper's, or it is registered no more.
//! Invariants: of each call, what was given out to be stored last is what is known of it, and a call without endpoints is
//! none; there are no more than so many, the oldest make way for those that are admitted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rasline_h225::types::CallIdentifier;

use crate::Time;
use crate::proxy::relay::call_ref::{CallReference, is_same_reference};
use crate::proxy::{EntryId, Output};
use crate::ras_server::{CallKey, MAX_LEGS, StoredCall, StoredLeg};

/// Calls known at most.
const MOST: usize = 65_536;
/// Calls of one endpoint that are known because it says so, at most.
const MOST_SAID: usize = 4096;

/// A call.
#[derive(Clone, Debug)]
struct Call {
    /// Its place in the order of their beginnings.
    number: u64,
    identifier: Option<[u8; 16]>,
    started: Time,
    legs: Vec<(EntryId, StoredLeg)>,
}

impl Call {
    fn stored(&self, key: CallKey) -> StoredCall {
        StoredCall {
            call: key.name(),
            call_identifier: self.identifier,
            started: self.started,
            legs: self.legs.iter().map(|(_, leg)| leg.clone()).collect(),
        }
    }

    fn has(&self, id: EntryId) -> bool {
        self.legs.iter().any(|(entry, _)| *entry == id)
    }

    /// Who is meant: of several, the side that is named, and who knows it by this callReferenceValue.
    fn meant(&self, said: &CallReference<'_>) -> Option<EntryId> {
        let badness = |leg: &StoredLeg| {
            let same = leg.reference == said.reference;
            (!said.is_about(leg), !same, !is_same_reference(leg, said))
        };
        let found = self.legs.iter().min_by_key(|(_, leg)| badness(leg));
        found.map(|(entry, _)| *entry)
    }
}

/// The calls that endpoints are in.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Calls {
    all: HashMap<CallKey, Call>,
    order: BTreeMap<u64, CallKey>,
    of_entry: HashMap<EntryId, BTreeSet<CallKey>>,
    last: u64,
}

impl Calls {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether this endpoint is in a call.
    pub fn has(&self, id: EntryId) -> bool {
        self.of_entry.contains_key(&id)
    }

    /// The endpoint that is meant by who names this call.
    pub fn find_endpoint(&self, said: &CallReference<'_>) -> Option<EntryId> {
        match said.key() {
            Some(key) => self.all.get(&key)?.meant(said),
            None => self.find_by_reference(said),
        }
    }

    /// Who is in a call with this callReferenceValue, if it is the only one.
    fn find_by_reference(&self, said: &CallReference<'_>) -> Option<EntryId> {
        let legs = self.all.values().flat_map(|call| &call.legs);
        let mut found = legs.filter(|(_, leg)| is_same_reference(leg, said));
        let (entry, _) = found.next()?;
        found.all(|(other, _)| other == entry).then_some(*entry)
    }

    /// Bandwidth that an endpoint was granted in the call with this callIdentifier, in units of 100 bit/s.
    pub fn bandwidth_of(&self, identifier: [u8; 16], id: EntryId) -> Option<u32> {
        let identifier = CallIdentifier::new(identifier);
        let call = self.all.get(&CallKey::new(Some(&identifier), &[], 0))?;
        let mut legs = call.legs.iter();
        legs.find_map(|(entry, leg)| (*entry == id).then_some(leg.bandwidth))
    }

    /// Notes that an endpoint (its number, its endpointIdentifier) was admitted.
    pub fn admit(
        &mut self,
        said: &CallReference<'_>,
        who: (EntryId, &str),
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let Some(key) = said.key() else {
            return;
        };
        if !self.all.contains_key(&key) {
            while self.all.len() >= MOST
                && let Some((_, oldest)) = self.order.first_key_value()
            {
                self.remove(*oldest, out);
            }
            self.add(key, said.octets(), now, Vec::new());
        }
        let leg = said.leg(who.1);
        let Some(call) = self.all.get_mut(&key) else {
            return;
        };
        let own = |one: &&mut (EntryId, StoredLeg)| one.0 == who.0 && one.1.answers == leg.answers;
        let full = call.legs.len() >= MAX_LEGS;
        match call.legs.iter_mut().find(own) {
            Some((_, same)) if *same == leg => return,
            Some((_, other)) => *other = leg,
            None if full => return,
            None => call.legs.push((who.0, leg)),
        }
        self.of_entry.entry(who.0).or_default().insert(key);
        self.store(key, out);
    }

    /// Notes that an endpoint says that it is in this call.
    pub fn report(
        &mut self,
        said: &CallReference<'_>,
        who: (EntryId, &str),
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let Some(key) = said.key() else {
            return;
        };
        let own = self.of_entry.get(&who.0);
        let known = own.is_some_and(|own| own.contains(&key));
        let many = own.is_some_and(|own| own.len() >= MOST_SAID);
        let room = self.all.len() < MOST || self.all.contains_key(&key);
        if !known && !many && room {
            self.admit(said, who, now, out);
        }
    }

    /// Notes that an endpoint is in this call no more.
    pub fn end_part(&mut self, said: &CallReference<'_>, id: EntryId, out: &mut Vec<Output>) {
        let Some((key, call)) = said.key().and_then(|key| Some((key, self.all.get(&key)?))) else {
            return;
        };
        let both = call.legs.iter().filter(|(entry, _)| *entry == id).count() > 1;
        self.remove_legs(key, id, |leg| !both || said.is_about(leg), out);
    }

    /// Takes an endpoint that is registered no more out of its calls.
    pub fn remove_endpoint(&mut self, id: EntryId, out: &mut Vec<Output>) {
        for key in self.of_entry.remove(&id).unwrap_or_default() {
            self.remove_legs(key, id, |_| true, out);
        }
    }

    /// Takes a call of an earlier process; `who` gives no number for an endpoint that is registered no more. False: it does
    /// not hold.
    pub fn restore(
        &mut self,
        stored: &StoredCall,
        who: impl Fn(&str) -> Option<EntryId>,
        now: Time,
        out: &mut Vec<Output>,
    ) -> bool {
        let key = stored.key();
        if key.is_some_and(|key| self.all.contains_key(&key)) {
            // It was admitted again meanwhile: that is what is kept of it.
            return true;
        }
        let mut legs: Vec<(EntryId, StoredLeg)> = Vec::new();
        for leg in stored.legs.iter().take(MAX_LEGS) {
            if let Some(id) = who(&leg.endpoint_identifier)
                && !legs
                    .iter()
                    .any(|(e, l)| *e == id && l.answers == leg.answers)
            {
                legs.push((id, leg.clone()));
            }
        }
        let Some(key) = key.filter(|_| !legs.is_empty() && self.all.len() < MOST) else {
            let call = stored.call.clone();
            out.push(Output::ForgetCall { call });
            return false;
        };
        let fewer = legs.len() < stored.legs.len();
        self.add(key, stored.call_identifier, stored.started.min(now), legs);
        if fewer {
            self.store(key, out);
        }
        true
    }

    fn add(
        &mut self,
        key: CallKey,
        identifier: Option<[u8; 16]>,
        started: Time,
        legs: Vec<(EntryId, StoredLeg)>,
    ) {
        self.last += 1;
        self.order.insert(self.last, key);
        for (entry, _) in &legs {
            self.of_entry.entry(*entry).or_default().insert(key);
        }
        let number = self.last;
        let call = Call {
            number,
            identifier,
            started,
            legs,
        };
        self.all.insert(key, call);
    }

    fn store(&self, key: CallKey, out: &mut Vec<Output>) {
        let stored = self.all.get(&key).map(|call| call.stored(key));
        out.extend(stored.map(|stored| Output::StoreCall(Box::new(stored))));
    }

    /// Removes those legs of an endpoint that are over.
    fn remove_legs(
        &mut self,
        key: CallKey,
        id: EntryId,
        over: impl Fn(&StoredLeg) -> bool,
        out: &mut Vec<Output>,
    ) {
        let Some(call) = self.all.get_mut(&key) else {
            return;
        };
        let before = call.legs.len();
        call.legs.retain(|(entry, leg)| *entry != id || !over(leg));
        if call.legs.len() == before {
            return;
        }
        let (empty, gone) = (call.legs.is_empty(), !call.has(id));
        if gone {
            self.unlink(id, key);
        }
        if empty {
            self.remove(key, out);
        } else {
            self.store(key, out);
        }
    }

    fn unlink(&mut self, id: EntryId, key: CallKey) {
        if let Some(own) = self.of_entry.get_mut(&id) {
            own.remove(&key);
            if own.is_empty() {
                self.of_entry.remove(&id);
            }
        }
    }

    fn remove(&mut self, key: CallKey, out: &mut Vec<Output>) {
        let Some(call) = self.all.remove(&key) else {
            return;
        };
        self.order.remove(&call.number);
        for (entry, _) in call.legs {
            self.unlink(entry, key);
        }
        out.push(Output::ForgetCall { call: key.name() });
    }
}
