//! Rows of the last important events, each as JSON.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, params};

/// Maximum number of events in the file.
pub const KEPT: usize = 2_000;

/// Events waiting to be written, by number.
#[derive(Debug, Default)]
pub(super) struct Waiting(BTreeMap<u64, String>);

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds an event; removes the oldest ones if there is no room.
    pub(super) fn push(&mut self, number: u64, event: String) {
        self.0.insert(number, event);
        while self.0.len() > KEPT {
            self.0.pop_first();
        }
    }

    /// Puts back events that could not be written; newer ones take precedence.
    pub(super) fn put_back(&mut self, mut older: Self) {
        older.0.append(&mut self.0);
        self.0 = older.0;
        while self.0.len() > KEPT {
            self.0.pop_first();
        }
    }
}

/// Writes events, and deletes the oldest ones above the limit.
pub(super) fn write(change: &Transaction<'_>, waiting: &Waiting) -> rusqlite::Result<()> {
    if waiting.is_empty() {
        return Ok(());
    }
    for (number, event) in &waiting.0 {
        change
            .prepare_cached("INSERT OR REPLACE INTO events (number, event) VALUES (?, ?)")?
            .execute(params![number.cast_signed(), event])?;
    }
    change.execute(
        "DELETE FROM events WHERE number NOT IN (SELECT number FROM events ORDER BY number DESC LIMIT ?)",
        [KEPT.cast_signed() as i64],
    )?;
    Ok(())
}

/// Loads all events, the oldest first.
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut all = db.prepare("SELECT event FROM events ORDER BY number")?;
    let rows = all.query_map([], |row| row.get(0))?;
    rows.collect()
}
