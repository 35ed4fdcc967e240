//! The tables, and migration of older files.

use rusqlite::{Connection, Transaction};

/// Migrations, from version 0 (an empty file) on. A released migration is never changed.
const STEPS: &[&str] = &[
    "CREATE TABLE meta (
        only INTEGER PRIMARY KEY CHECK (only = 0),
        boot_id TEXT NOT NULL, wall INTEGER NOT NULL, monotonic INTEGER NOT NULL) STRICT;
     CREATE TABLE keepers (
        key INTEGER PRIMARY KEY,
        zone TEXT NOT NULL, gatekeeper TEXT NOT NULL, address TEXT NOT NULL,
        UNIQUE (zone, gatekeeper, address)) STRICT;
     CREATE TABLE registrations (
        id INTEGER PRIMARY KEY, keeper INTEGER NOT NULL REFERENCES keepers (key),
        endpoint TEXT NOT NULL, endpoint_identifier TEXT NOT NULL, gatekeeper_identifier TEXT,
        aliases TEXT, call_signal_addresses TEXT,
        rrq BLOB NOT NULL, rcf BLOB NOT NULL, full_rrq BLOB,
        gatekeeper_ttl INTEGER NOT NULL, first_seen INTEGER NOT NULL) STRICT;
     -- Apart from the rest, as they change often: 200 rows share a page.
     CREATE TABLE times (
        id INTEGER PRIMARY KEY,
        confirmed INTEGER NOT NULL, last_seen INTEGER NOT NULL, answered INTEGER NOT NULL) STRICT;
     CREATE TABLE zones (
        name TEXT PRIMARY KEY, active TEXT NOT NULL, manual TEXT NOT NULL, since INTEGER NOT NULL) STRICT;
     CREATE TABLE alternates (
        keeper INTEGER NOT NULL REFERENCES keepers (key), position INTEGER NOT NULL,
        address TEXT NOT NULL, identifier TEXT, priority INTEGER NOT NULL, need_to_register INTEGER NOT NULL,
        origin TEXT NOT NULL, learned_at INTEGER NOT NULL,
        PRIMARY KEY (keeper, position)) STRICT;",
    "CREATE TABLE agents (
        name TEXT PRIMARY KEY, gatekeeper TEXT, endpoint_identifier TEXT) STRICT;
     CREATE TABLE agent_alternates (
        agent TEXT NOT NULL REFERENCES agents (name), position INTEGER NOT NULL,
        address TEXT NOT NULL, identifier TEXT, priority INTEGER NOT NULL, need_to_register INTEGER NOT NULL,
        PRIMARY KEY (agent, position)) STRICT;",
    // The last four: of those that the proxy serves; proxied says which these are.
    "CREATE TABLE served (
        zone TEXT NOT NULL, endpoint_identifier TEXT NOT NULL, proxied INTEGER NOT NULL,
        id INTEGER NOT NULL, endpoint TEXT NOT NULL, seen_as TEXT NOT NULL,
        full_rrq BLOB NOT NULL, lightweight_rrq BLOB,
        time_to_live INTEGER NOT NULL, confirmed INTEGER NOT NULL,
        gatekeeper TEXT, upstream_identifier TEXT, upstream_gatekeeper_identifier TEXT, upstream_ttl INTEGER,
        PRIMARY KEY (zone, endpoint_identifier)) STRICT;",
    // Those that rasline's registrars admitted; legs is JSON.
    "CREATE TABLE calls (
        zone TEXT NOT NULL, call TEXT NOT NULL, call_identifier BLOB, started INTEGER NOT NULL, legs TEXT NOT NULL,
        PRIMARY KEY (zone, call)) STRICT;",
    // Important ones, as JSON.
    "CREATE TABLE events (number INTEGER PRIMARY KEY, event TEXT NOT NULL) STRICT;",
    // Port of the callSignalAddress that represents one that the proxy serves.
    "ALTER TABLE served ADD COLUMN upstream_signalling_port INTEGER;",
];

/// The version that this program writes.
pub(super) fn newest() -> i64 {
    STEPS.len().cast_signed() as i64
}

/// The version of a file.
pub(super) fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Migrates a file to the newest version in one transaction.
pub(super) fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    migrate_by(db, STEPS)
}

fn migrate_by(db: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let from = usize::try_from(version(db)?).unwrap_or(usize::MAX);
    if from >= steps.len() {
        return Ok(());
    }
    let change = db.transaction()?;
    for step in &steps[from..] {
        change.execute_batch(step)?;
    }
    set_version(&change, steps.len())?;
    change.commit()
}

fn set_version(change: &Transaction<'_>, version: usize) -> rusqlite::Result<()> {
    change.pragma_update(None, "user_version", version.cast_signed() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "CREATE TABLE a (x); INSERT INTO a VALUES (7);";
    const TWO: &str = "CREATE TABLE b (y); INSERT INTO b SELECT x + 1 FROM a;";

    fn number(db: &Connection, of: &str) -> i64 {
        db.query_row(of, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn steps_are_taken_once_each() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate_by(&mut db, &[ONE]).unwrap();
        migrate_by(&mut db, &[ONE, TWO]).unwrap();
        migrate_by(&mut db, &[ONE, TWO]).unwrap();
        assert_eq!(version(&db).unwrap(), 2);
        assert_eq!(number(&db, "SELECT sum(y) FROM b"), 8);
    }

    #[test]
    fn a_step_that_fails_leaves_all_as_it_was() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate_by(&mut db, &[ONE]).unwrap();
        migrate_by(&mut db, &[ONE, TWO, "CREATE TABLE a (x)"]).unwrap_err();
        assert_eq!(version(&db).unwrap(), 1);
        assert_eq!(number(&db, "SELECT count(*) FROM sqlite_master"), 1);
    }

    /// What an older program wrote is there still.
    #[test]
    fn every_older_version_comes_to_the_newest() {
        for version in 1..STEPS.len() {
            let mut db = Connection::open_in_memory().unwrap();
            migrate_by(&mut db, &STEPS[..version]).unwrap();
            db.execute("INSERT INTO zones VALUES ('a', 'gk1', 'hold', 7)", [])
                .unwrap();
            migrate(&mut db).unwrap();
            assert_eq!(super::version(&db).unwrap(), newest());
            assert_eq!(number(&db, "SELECT since FROM zones"), 7);
            assert_eq!(number(&db, "SELECT count(*) FROM served"), 0);
            assert_eq!(number(&db, "SELECT count(*) FROM calls"), 0);
            assert_eq!(number(&db, "SELECT count(*) FROM events"), 0);
        }
    }

    #[test]
    fn the_steps_are_sound() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        assert_eq!(version(&db).unwrap(), newest());
        assert_eq!(number(&db, "SELECT count(*) FROM registrations"), 0);
    }
}
