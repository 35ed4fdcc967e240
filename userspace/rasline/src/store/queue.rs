//! Queue of changes to be written. The last change of each registration, zone and list counts.
//!
//! The queue is bounded. Changes without room are dropped, which is recorded, and later everything is put
//! again.

use std::{collections::BTreeMap, sync::Arc};

use rasline_core::{Stored, agent::Remembered, registrar::StoredCall};

use super::{Decision, Keeper, Listed, Served, Times, events, keyed::Keyed};

/// Maximum number of waiting registrations; likewise of registrations with rasline itself, and of calls.
pub const LIMIT: usize = 32_768;

/// A change of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Put(Arc<Keeper>, Box<Stored>),
    Times(Times),
    Delete,
}

/// Changes that are written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Applied first: remove all registrations but these, which are sorted.
    pub(super) keep_only: Option<Vec<u64>>,
    pub(super) registrations: BTreeMap<u64, Change>,
    pub(super) zones: BTreeMap<String, Decision>,
    pub(super) alternates: BTreeMap<Keeper, Listed>,
    pub(super) agents: BTreeMap<String, Remembered>,
    pub(super) events: events::Waiting,
    /// Registrations with rasline itself, by endpointIdentifier.
    pub(super) served: Keyed<Served>,
    /// Calls, by [`StoredCall::call`].
    pub(super) calls: Keyed<StoredCall>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        let keyed = self.served.is_empty() && self.calls.is_empty();
        self.keep_only.is_none() && keyed && self.len() == 0
    }

    /// The queue of changes.
    pub(super) fn len(&self) -> usize {
        self.registrations.len()
            + self.zones.len()
            + self.alternates.len()
            + self.agents.len()
            + self.events.len()
            + self.served.len()
            + self.calls.len()
    }

    /// Puts a change. Returns false if there is no room.
    pub(super) fn push(&mut self, id: u64, change: Change) -> bool {
        if self.registrations.len() >= LIMIT && !self.registrations.contains_key(&id) {
            return false;
        }
        let before = self.registrations.remove(&id);
        self.registrations.insert(id, after(before, change));
        true
    }

    /// Puts back a batch that could not be written; newer changes take precedence.
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
        self.events.put_back(older.events);
        self.served.put_back(older.served);
        self.calls.put_back(older.calls);
    }
}

/// Merges two changes of one registration.
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
