//! Rows of calls that rasline's registrars admitted.

use rasline_core::registrar::{StoredCall, StoredLeg};
use rusqlite::{Connection, Row, Transaction, params, types::ValueRef};

use super::{clock::Clock, keyed::Key, queue::Batch};

/// Maximum length of the legs of a call in octets; more than the legs of a real call need.
const MAX_LEGS: usize = 16_384;

/// A row: zone, name, and the call, or `None` if it is invalid.
pub type CallRow = (String, String, Option<StoredCall>);

/// Writes the calls of a batch.
pub(super) fn write(change: &Transaction<'_>, clock: Clock, batch: &Batch) -> rusqlite::Result<()> {
    if let Some(kept) = &batch.calls.keep_only {
        for key in keys(change)? {
            if !kept.contains(&key) {
                delete(change, &key)?;
            }
        }
    }
    for (key, call) in &batch.calls.changes {
        match call {
            Some(call) => put(change, clock, key, call)?,
            None => delete(change, key)?,
        }
    }
    Ok(())
}

fn put(
    change: &Transaction<'_>,
    clock: Clock,
    (zone, name): &Key,
    call: &StoredCall,
) -> rusqlite::Result<()> {
    let legs = serde_json::to_string(&call.legs)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    change
        .prepare_cached(
            "INSERT OR REPLACE INTO calls (zone, call, call_identifier, started, legs) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            zone,
            name,
            call.call_identifier,
            clock.wall(call.started),
            legs,
        ])?;
    Ok(())
}

fn delete(change: &Transaction<'_>, (zone, name): &Key) -> rusqlite::Result<()> {
    change
        .prepare_cached("DELETE FROM calls WHERE zone = ? AND call = ?")?
        .execute([zone, name])?;
    Ok(())
}

fn keys(db: &Connection) -> rusqlite::Result<Vec<Key>> {
    db.prepare("SELECT zone, call FROM calls")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Loads all calls.
pub(super) fn all(db: &Connection, clock: Clock) -> rusqlite::Result<Vec<CallRow>> {
    db.prepare(
        "SELECT zone, call, call_identifier, started, legs FROM calls ORDER BY started, zone, call",
    )?
    .query_map([], |row| Ok((row.get(0)?, row.get(1)?, call(row, clock)?)))?
    .collect()
}

fn call(row: &Row<'_>, clock: Clock) -> rusqlite::Result<Option<StoredCall>> {
    let call_identifier = match row.get_ref(2)? {
        ValueRef::Null => None,
        ValueRef::Blob(octets) => match <[u8; 16]>::try_from(octets) {
            Ok(octets) => Some(octets),
            Err(_) => return Ok(None),
        },
        _ => return Ok(None),
    };
    let Some(legs) = legs(row.get_ref(4)?) else {
        return Ok(None);
    };
    Ok(Some(StoredCall {
        call: row.get(1)?,
        call_identifier,
        started: clock.time(row.get(3)?),
        legs,
    }))
}

fn legs(value: ValueRef<'_>) -> Option<Vec<StoredLeg>> {
    let text = value.as_str().ok().filter(|text| text.len() <= MAX_LEGS)?;
    serde_json::from_str(text).ok()
}
