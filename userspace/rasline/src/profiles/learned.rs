//! What was learned from live traffic, apart from what the administrator gave.

use std::collections::HashMap;

use rasline_core::profile::{KnownEndpoint, check_endpoint};
use rusqlite::{Connection, Transaction, params};

use super::Trouble;

/// Endpoints not seen for so long are forgotten, seconds.
const KEPT: i64 = 30 * 86_400;
/// Being seen again is written so often at most, seconds.
const RENEWED: i64 = 86_400;
/// Endpoints of one zone at most; those seen last stay.
const MOST: usize = 200_000;

/// What became of what was learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// New, different, or seen again for the first time today.
    pub written: usize,
    /// As it stands there already.
    pub unchanged: usize,
    /// Without an alias, or with something that no registrar could serve.
    pub skipped: usize,
    /// Not seen for long, or too many.
    pub forgotten: usize,
}

/// Remembers endpoints by their first alias.
pub(super) fn put(
    change: &Transaction<'_>,
    zone: &str,
    endpoints: &[KnownEndpoint],
    unix: i64,
) -> Result<Learned, Trouble> {
    let known = known(change, zone)?;
    let mut learned = Learned::default();
    let mut put = change.prepare_cached(
        "INSERT OR REPLACE INTO learned (zone, name, endpoint, seen) VALUES (?, ?, ?, ?)",
    )?;
    for endpoint in endpoints {
        // Nobody tells a password on the way; one that is given here is none of ours.
        let endpoint = KnownEndpoint {
            password: None,
            ..endpoint.clone()
        };
        let (Some(name), Ok(())) = (endpoint.aliases.first(), check_endpoint(&endpoint)) else {
            learned.skipped += 1;
            continue;
        };
        let text = serde_json::to_string(&endpoint).map_err(|e| Trouble::Damaged(e.to_string()))?;
        match known.get(name) {
            Some((before, seen)) if *before == text && unix < seen.saturating_add(RENEWED) => {
                learned.unchanged += 1;
            }
            _ => {
                put.execute(params![zone, name, text, unix])?;
                learned.written += 1;
            }
        }
    }
    learned.forgotten = forget(change, zone, unix)?;
    Ok(learned)
}

fn known(db: &Connection, zone: &str) -> Result<HashMap<String, (String, i64)>, Trouble> {
    let mut all = db.prepare_cached("SELECT name, endpoint, seen FROM learned WHERE zone = ?")?;
    let rows = all.query_map([zone], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn forget(change: &Transaction<'_>, zone: &str, unix: i64) -> Result<usize, Trouble> {
    let old = change.execute(
        "DELETE FROM learned WHERE zone = ? AND seen < ?",
        params![zone, unix.saturating_sub(KEPT)],
    )?;
    let many = change.execute(
        "DELETE FROM learned WHERE zone = ?1 AND name IN (
            SELECT name FROM learned WHERE zone = ?1 ORDER BY seen DESC, name LIMIT -1 OFFSET ?2)",
        params![zone, MOST.cast_signed() as i64],
    )?;
    Ok(old + many)
}

/// Those of a zone, the last seen first.
pub(super) fn endpoints(db: &Connection, zone: &str) -> Result<Vec<KnownEndpoint>, Trouble> {
    let mut all =
        db.prepare_cached("SELECT endpoint FROM learned WHERE zone = ? ORDER BY seen DESC, name")?;
    let rows = all.query_map([zone], |row| row.get::<_, String>(0))?;
    rows.map(|text| {
        serde_json::from_str(&text?)
            .map_err(|e| Trouble::Damaged(format!("a learned endpoint of zone {zone:?}: {e}")))
    })
    .collect()
}
