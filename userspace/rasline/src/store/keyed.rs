//! Queue of changes to a table whose rows are identified by zone and a name. The last change of each row counts.

use std::collections::{BTreeMap, BTreeSet};

use super::LIMIT;

/// Key of a row: zone and name.
pub(super) type Key = (String, String);

/// Queue of changes.
#[derive(Debug)]
pub(super) struct Keyed<T> {
    /// Applied first: remove all rows but these.
    pub(super) keep_only: Option<BTreeSet<Key>>,
    /// New value of a row; `None` removes it.
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

    /// Number of rows that can be put now.
    pub(super) fn room(&self) -> usize {
        (LIMIT / 2).saturating_sub(self.len())
    }

    /// Puts a row. Returns false if there is no room.
    pub(super) fn push(&mut self, key: Key, change: Option<T>) -> bool {
        let room = self.len() < LIMIT || self.changes.contains_key(&key);
        if room {
            self.changes.insert(key, change);
        }
        room
    }

    /// Removes all rows but these; waiting changes of other rows are dropped.
    pub(super) fn keep_only(&mut self, kept: BTreeSet<Key>) {
        self.changes.retain(|key, _| kept.contains(key));
        self.keep_only = both(self.keep_only.take(), Some(kept));
    }

    /// Puts back changes that could not be written; newer ones take precedence.
    pub(super) fn put_back(&mut self, mut older: Self) {
        if let Some(kept) = &self.keep_only {
            older.changes.retain(|key, _| kept.contains(key));
        }
        self.keep_only = both(older.keep_only.take(), self.keep_only.take());
        older.changes.append(&mut self.changes);
        self.changes = older.changes;
    }
}

/// Intersection of two lists of rows to keep. Rows put between them are written in any case.
fn both(first: Option<BTreeSet<Key>>, second: Option<BTreeSet<Key>>) -> Option<BTreeSet<Key>> {
    match (first, second) {
        (Some(first), Some(mut second)) => {
            second.retain(|key| first.contains(key));
            Some(second)
        }
        (first, second) => first.or(second),
    }
}
