//! The tables, and migration of older files.

use rusqlite::{Connection, TransactionBehavior};

use super::Trouble;

/// application_id "rasP", which identifies the file.
const APPLICATION: i64 = 0x7261_7350;

/// Migrations, from version 0 (an empty file) on. A released migration is never changed.
const STEPS: &[&str] = &["CREATE TABLE meta (
        only INTEGER PRIMARY KEY CHECK (only = 0),
        -- Grows with each change, and differs between any two files.
        revision INTEGER NOT NULL) STRICT;
     INSERT INTO meta VALUES (0, 0);
     CREATE TABLE profiles (
        key INTEGER PRIMARY KEY, zone TEXT NOT NULL UNIQUE,
        -- JSON: all but the endpoints.
        settings TEXT NOT NULL,
        changed INTEGER NOT NULL) STRICT;
     CREATE TABLE endpoints (
        profile INTEGER NOT NULL REFERENCES profiles (key) ON DELETE CASCADE, position INTEGER NOT NULL,
        prefixes TEXT, password TEXT, call_signal_address TEXT, ras_address TEXT, endpoint_identifier TEXT,
        PRIMARY KEY (profile, position)) STRICT, WITHOUT ROWID;
     CREATE TABLE aliases (
        profile INTEGER NOT NULL, alias TEXT NOT NULL, endpoint INTEGER NOT NULL, place INTEGER NOT NULL,
        PRIMARY KEY (profile, alias),
        FOREIGN KEY (profile, endpoint) REFERENCES endpoints (profile, position) ON DELETE CASCADE)
        STRICT, WITHOUT ROWID;
     CREATE INDEX aliases_of ON aliases (profile, endpoint, place);
     CREATE TABLE learned (
        zone TEXT NOT NULL, name TEXT NOT NULL,
        -- JSON.
        endpoint TEXT NOT NULL,
        seen INTEGER NOT NULL,
        PRIMARY KEY (zone, name)) STRICT, WITHOUT ROWID;"];

/// The version that this program writes.
pub(super) fn newest() -> i64 {
    STEPS.len().cast_signed() as i64
}

/// The version of a file; 0 if it is empty.
pub(super) fn version(db: &Connection) -> Result<i64, Trouble> {
    Ok(db.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Whether a file is a database of profiles.
pub(super) fn is_ours(db: &Connection) -> Result<bool, Trouble> {
    let id: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok(id == APPLICATION)
}

/// Whether the file has no tables.
pub(super) fn is_empty(db: &Connection) -> Result<bool, Trouble> {
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0)
}

/// Migrates a file to the newest version in one transaction.
pub(super) fn migrate(db: &mut Connection) -> Result<(), Trouble> {
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read the version under the lock, as another process may have migrated the file.
    let from = usize::try_from(version(&change)?).unwrap_or(usize::MAX);
    if from > 0 && !is_ours(&change)? {
        return Ok(());
    }
    for step in STEPS.get(from..).unwrap_or_default() {
        change.execute_batch(step)?;
    }
    if from < STEPS.len() {
        change.pragma_update(None, "application_id", APPLICATION)?;
        change.pragma_update(None, "user_version", newest())?;
    }
    Ok(change.commit()?)
}
