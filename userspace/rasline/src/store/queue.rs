//! What is to be written. The last word on each registration, zone and list counts.
//!
//! Bounded: what finds no room is not kept, but it is known that something is missing, and everything is asked for
//! again later.

use std::{collections::BTreeMap, sync::Arc};

use rasline_core::Stored;

use super::{Decision, Keeper, Listed, Times};

/// Registrations at most that wait to be written.
pub const LIMIT: usize = 32_768;

/// What is to be done with a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Put(Arc<Keeper>, Box<Stored>),
    Times(Times),
    Delete,
}

/// One batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// First of all: remove all but these, which are in order.
    pub(super) keep_only: Option<Vec<u64>>,
    pub(super) registrations: BTreeMap<u64, Change>,
    pub(super) zones: BTreeMap<String, Decision>,
    pub(super) alternates: BTreeMap<Keeper, Listed>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.keep_only.is_none()
            && self.registrations.is_empty()
            && self.zones.is_empty()
            && self.alternates.is_empty()
    }

    /// False: no room.
    pub(super) fn push(&mut self, id: u64, change: Change) -> bool {
        if self.registrations.len() >= LIMIT && !self.registrations.contains_key(&id) {
            return false;
        }
        let before = self.registrations.remove(&id);
        self.registrations.insert(id, after(before, change));
        true
    }

    /// Puts a batch back that could not be written, under what came since.
    pub(super) fn put_back(&mut self, mut older: Self) {
        if let Some(kept) = &self.keep_only {
            older
                .registrations
                .retain(|id, _| kept.binary_search(id).is_ok());
        } else {
            self.keep_only = older.keep_only.take();
        }
        let newer = std::mem::replace(&mut self.registrations, older.registrations);
        for (id, change) in newer {
            let before = self.registrations.remove(&id);
            self.registrations.insert(id, after(before, change));
        }
        older.zones.append(&mut self.zones);
        self.zones = older.zones;
        older.alternates.append(&mut self.alternates);
        self.alternates = older.alternates;
    }
}

/// Two changes of one registration as one.
fn after(before: Option<Change>, change: Change) -> Change {
    match (before, change) {
        (Some(Change::Put(keeper, mut stored)), Change::Times(times)) => {
            times.write_to(&mut stored);
            Change::Put(keeper, stored)
        }
        (Some(Change::Delete), Change::Times(_)) => Change::Delete,
        (_, change) => change,
    }
}
