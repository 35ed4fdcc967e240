//! What is to be written. The last word on each registration, zone and list counts.
//!
//! Bounded: what finds no room is not kept, but it is known that something is missing, and everything is asked for
//! again later.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rasline_core::{Stored, agent::Remembered};

use super::{Decision, Keeper, Listed, Served, Times};

/// Registrations at most that wait to be written; as many more of those with rasline itself.
pub const LIMIT: usize = 32_768;

/// Zone and endpointIdentifier.
pub(super) type ServedKey = (String, String);

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
    pub(super) agents: BTreeMap<String, Remembered>,
    /// As `keep_only`, of those with rasline itself.
    pub(super) keep_served: Option<BTreeSet<ServedKey>>,
    /// `None`: to be forgotten.
    pub(super) served: BTreeMap<ServedKey, Option<Served>>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.keep_only.is_none() && self.keep_served.is_none() && self.len() == 0
    }

    /// Changes.
    pub(super) fn len(&self) -> usize {
        self.registrations.len()
            + self.zones.len()
            + self.alternates.len()
            + self.agents.len()
            + self.served.len()
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

    /// False: no room.
    pub(super) fn push_served(&mut self, key: ServedKey, served: Option<Served>) -> bool {
        let room = self.served.len() < LIMIT || self.served.contains_key(&key);
        if room {
            self.served.insert(key, served);
        }
        room
    }

    /// What waits and is not to be kept is not written.
    pub(super) fn keep_only_served(&mut self, kept: BTreeSet<ServedKey>) {
        self.served.retain(|key, _| kept.contains(key));
        self.keep_served = both(self.keep_served.take(), Some(kept));
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
        older.agents.append(&mut self.agents);
        self.agents = older.agents;
        if let Some(kept) = &self.keep_served {
            older.served.retain(|key, _| kept.contains(key));
        }
        self.keep_served = both(older.keep_served.take(), self.keep_served.take());
        older.served.append(&mut self.served);
        self.served = older.served;
    }
}

/// What is left in the file by both. What was put between them is to be written in any case.
fn both(
    first: Option<BTreeSet<ServedKey>>,
    second: Option<BTreeSet<ServedKey>>,
) -> Option<BTreeSet<ServedKey>> {
    match (first, second) {
        (Some(first), Some(mut second)) => {
            second.retain(|key| first.contains(key));
            Some(second)
        }
        (first, second) => first.or(second),
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
