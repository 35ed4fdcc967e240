//! Registrations of an earlier process, kept until their zone is served, or they are too old, and their calls.
//!
//! Invariant: no more registrations than the limit are kept, and each has its place in the queue of ends; no more calls
//! than the limit are kept, and only of zones that somebody is kept of.

use std::collections::{BTreeMap, BTreeSet};

use crate::Time;
use crate::registrar::{EntryId, Stored, StoredCall};

/// The registrations.
#[derive(Debug)]
pub(super) struct Kept {
    by_zone: BTreeMap<u32, BTreeMap<EntryId, Box<Stored>>>,
    ends: BTreeSet<(Time, u32, EntryId)>,
    /// By zone and name.
    calls: BTreeMap<(u32, String), StoredCall>,
    limit: usize,
}

impl Kept {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            by_zone: BTreeMap::new(),
            ends: BTreeSet::new(),
            calls: BTreeMap::new(),
            limit,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many of this zone.
    pub(super) fn count(&self, zone: u32) -> usize {
        self.by_zone.get(&zone).map_or(0, BTreeMap::len)
    }

    /// Keeps one, if there is room; one of the same number is replaced.
    pub(super) fn keep(&mut self, zone: u32, stored: Box<Stored>) -> bool {
        self.remove(zone, stored.id);
        if self.ends.len() >= self.limit {
            return false;
        }
        self.ends.insert((stored.ends(), zone, stored.id));
        let here = self.by_zone.entry(zone).or_default();
        here.insert(stored.id, stored);
        true
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Keeps a call, if there is room and somebody of its zone is kept; one of the same name is replaced.
    pub(super) fn keep_call(&mut self, zone: u32, stored: StoredCall) -> bool {
        let key = (zone, stored.call.clone());
        let room = self.calls.len() < self.limit || self.calls.contains_key(&key);
        let kept = room && self.count(zone) > 0;
        if kept {
            self.calls.insert(key, stored);
        }
        kept
    }

    /// All calls of a zone, which are not kept any longer.
    pub(super) fn take_calls(&mut self, zone: u32) -> Vec<StoredCall> {
        let here = (zone, String::new())..;
        let here = self
            .calls
            .range(here)
            .take_while(|((of, _), _)| *of == zone);
        let keys: Vec<_> = here.map(|(key, _)| key.clone()).collect();
        keys.iter()
            .filter_map(|key| self.calls.remove(key))
            .collect()
    }

    /// All of a zone, by number; they are not kept any longer.
    pub(super) fn take(&mut self, zone: u32) -> BTreeMap<EntryId, Box<Stored>> {
        let here = self.by_zone.remove(&zone).unwrap_or_default();
        for stored in here.values() {
            self.ends.remove(&(stored.ends(), zone, stored.id));
        }
        here
    }

    /// Keeps it no longer; whether it was there.
    pub(super) fn remove(&mut self, zone: u32, id: EntryId) -> bool {
        let Some(here) = self.by_zone.get_mut(&zone) else {
            return false;
        };
        let Some(stored) = here.remove(&id) else {
            return false;
        };
        if here.is_empty() {
            self.by_zone.remove(&zone);
        }
        self.ends.remove(&(stored.ends(), zone, id))
    }

    /// One whose timeToLive is over; it is not kept any longer.
    pub(super) fn expired(&mut self, now: Time) -> Option<(u32, EntryId)> {
        let (end, zone, id) = *self.ends.first()?;
        if end > now {
            return None;
        }
        self.remove(zone, id);
        Some((zone, id))
    }
}
