//! What is to be done with the rows of a table that are known by zone and a name. The last word on each counts.

use std::collections::{BTreeMap, BTreeSet};

use super::LIMIT;

/// Zone and name.
pub(super) type Key = (String, String);

/// Changes.
#[derive(Debug)]
pub(super) struct Keyed<T> {
    /// First of all: remove all but these.
    pub(super) keep_only: Option<BTreeSet<Key>>,
    /// `None`: to be forgotten.
    pub(super) changes: BTreeMap<Key, Option<T>>,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self {
            keep_only: None,
            changes: BTreeMap::new(),
        }
    }
}

impl<T> Keyed<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.keep_only.is_none() && self.changes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// How many may be put now without crowding out others.
    pub(super) fn room(&self) -> usize {
        (LIMIT / 2).saturating_sub(self.len())
    }

    /// False: no room.
    pub(super) fn push(&mut self, key: Key, change: Option<T>) -> bool {
        let room = self.len() < LIMIT || self.changes.contains_key(&key);
        if room {
            self.changes.insert(key, change);
        }
        room
    }

    /// What waits and is not to be kept is not written.
    pub(super) fn keep_only(&mut self, kept: BTreeSet<Key>) {
        self.changes.retain(|key, _| kept.contains(key));
        self.keep_only = both(self.keep_only.take(), Some(kept));
    }

    /// Puts back what could not be written, under what came since.
    pub(super) fn put_back(&mut self, mut older: Self) {
        if let Some(kept) = &self.keep_only {
            older.changes.retain(|key, _| kept.contains(key));
        }
        self.keep_only = both(older.keep_only.take(), self.keep_only.take());
        older.changes.append(&mut self.changes);
        self.changes = older.changes;
    }
}

/// What is left in the file by both. What was put between them is to be written in any case.
fn both(first: Option<BTreeSet<Key>>, second: Option<BTreeSet<Key>>) -> Option<BTreeSet<Key>> {
    match (first, second) {
        (Some(first), Some(mut second)) => {
            second.retain(|key| first.contains(key));
            Some(second)
        }
        (first, second) => first.or(second),
    }
}
