//! Endpoints learned from live traffic, kept apart from those that the administrator configured.

use std::collections::HashMap;

use rasline_core::profile::{KnownEndpoint, check_endpoint};
use rusqlite::{Connection, Transaction, params};

use super::Trouble;

/// Endpoints not seen for this long are forgotten, seconds.
const KEPT: i64 = 30 * 86_400;
/// Minimum interval between updates of the time an endpoint was last seen, seconds.
const RENEWED: i64 = 86_400;
/// Maximum number of endpoints of one zone; those seen last are kept.
const MOST: usize = 200_000;

/// Result of storing learned endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Number of endpoints written: new, changed, or not updated for a day.
    pub written: usize,
    /// Number of endpoints that were already stored as they are.
    pub unchanged: usize,
    /// Number of endpoints without an alias, or with values that no registrar could serve.
    pub skipped: usize,
    /// Number of endpoints removed: not seen for long, or above the limit.
    pub forgotten: usize,
}

/// Stores endpoints by their first alias.
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
        // Passwords are not visible in traffic, so any password here is not valid.
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

/// Loads the learned endpoints of a zone, the last seen first.
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
