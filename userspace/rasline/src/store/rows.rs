//! Rows of registrations.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use rasline_core::{RegistrationId, Stored};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::{Serialize, de::DeserializeOwned};

use super::{Keeper, Times, clock::Clock};

/// Cache of the keys of gatekeepers.
pub(super) type Keys = HashMap<Keeper, i64>;

/// Result of loading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Number of registrations loaded.
    pub given: usize,
    /// Number of registrations at gatekeepers that are not configured.
    pub foreign: usize,
    /// Number of invalid rows.
    pub bad: usize,
}

/// Writes a registration. Returns true if it is new.
pub(super) fn put(
    change: &Transaction<'_>,
    clock: Clock,
    keeper: i64,
    stored: &Stored,
) -> rusqlite::Result<bool> {
    let id = stored.id.0.cast_signed();
    change
        .prepare_cached(
            "INSERT OR REPLACE INTO registrations (id, keeper, endpoint, endpoint_identifier, gatekeeper_identifier,
                aliases, call_signal_addresses, rrq, rcf, full_rrq, gatekeeper_ttl, first_seen)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            id,
            keeper,
            stored.endpoint.to_string(),
            stored.endpoint_identifier,
            stored.gatekeeper_identifier,
            list(&stored.aliases),
            list(&stored.call_signal_addresses),
            stored.rrq,
            stored.rcf,
            stored.full_rrq,
            i64::try_from(stored.gatekeeper_ttl.as_nanos()).unwrap_or(i64::MAX),
            clock.wall(stored.first_seen),
        ])?;
    let times = Times::of(stored);
    let new = change
        .prepare_cached(
            "INSERT OR IGNORE INTO times (id, confirmed, last_seen, answered) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![
            id,
            clock.wall(times.confirmed),
            clock.wall(times.last_seen),
            times.answered.cast_signed()
        ])?
        == 1;
    if !new {
        touch(change, clock, stored.id.0, times)?;
    }
    Ok(new)
}

/// Writes a registration's times.
pub(super) fn touch(
    change: &Transaction<'_>,
    clock: Clock,
    id: u64,
    times: Times,
) -> rusqlite::Result<()> {
    change
        .prepare_cached(
            "UPDATE times SET confirmed = ?2, last_seen = ?3, answered = ?4 WHERE id = ?1",
        )?
        .execute(params![
            id.cast_signed(),
            clock.wall(times.confirmed),
            clock.wall(times.last_seen),
            times.answered.cast_signed()
        ])?;
    Ok(())
}

/// Removes a registration. Returns true if it existed.
pub(super) fn delete(change: &Transaction<'_>, id: u64) -> rusqlite::Result<bool> {
    let id = id.cast_signed();
    change
        .prepare_cached("DELETE FROM registrations WHERE id = ?")?
        .execute([id])?;
    Ok(change
        .prepare_cached("DELETE FROM times WHERE id = ?")?
        .execute([id])?
        == 1)
}

/// Removes all registrations but these, which are sorted.
pub(super) fn keep_only(change: &Transaction<'_>, kept: &[u64]) -> rusqlite::Result<u64> {
    let there: Vec<i64> = change
        .prepare("SELECT id FROM times UNION SELECT id FROM registrations")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut gone = 0;
    for id in there.into_iter().map(i64::cast_unsigned) {
        if kept.binary_search(&id).is_err() {
            gone += u64::from(delete(change, id)?);
        }
    }
    Ok(gone)
}

/// Number of registrations.
pub(super) fn count(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row("SELECT count(*) FROM times", [], |row| row.get::<_, i64>(0))
        .map(i64::cast_unsigned)
}

/// The key of a gatekeeper, which is added if missing.
pub(super) fn key(
    change: &Transaction<'_>,
    keys: &mut Keys,
    keeper: &Keeper,
) -> rusqlite::Result<i64> {
    if let Some(key) = keys.get(keeper) {
        return Ok(*key);
    }
    let named = params![keeper.zone, keeper.gatekeeper, keeper.address.to_string()];
    let found = change
        .prepare_cached(
            "SELECT key FROM keepers WHERE zone = ? AND gatekeeper = ? AND address = ?",
        )?
        .query_row(named, |row| row.get(0))
        .optional()?;
    let key = if let Some(key) = found {
        key
    } else {
        change
            .prepare_cached("INSERT INTO keepers (zone, gatekeeper, address) VALUES (?, ?, ?)")?
            .execute(named)?;
        change.last_insert_rowid()
    };
    keys.insert(keeper.clone(), key);
    Ok(key)
}

/// Loads all gatekeepers by key. Invalid ones are skipped.
pub(super) fn keepers(db: &Connection) -> rusqlite::Result<HashMap<i64, Keeper>> {
    let mut found = HashMap::new();
    let mut all = db.prepare("SELECT key, zone, gatekeeper, address FROM keepers")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        if let Ok(address) = row.get_ref(3)?.as_str().unwrap_or_default().parse() {
            let keeper = Keeper {
                zone: row.get(1)?,
                gatekeeper: row.get(2)?,
                address,
            };
            found.insert(row.get(0)?, keeper);
        }
    }
    Ok(found)
}

/// Passes on all registrations at gatekeepers that `find` knows, ordered by number.
pub(super) fn load(
    db: &Connection,
    clock: Clock,
    find: impl Fn(&Keeper) -> Option<(u32, u32)>,
    mut each: impl FnMut(Box<Stored>),
) -> rusqlite::Result<Loaded> {
    let places: HashMap<i64, (u32, u32)> = keepers(db)?
        .iter()
        .filter_map(|(key, keeper)| Some((*key, find(keeper)?)))
        .collect();
    let mut all = db.prepare(
        "SELECT r.id, keeper, endpoint, endpoint_identifier, gatekeeper_identifier, aliases, call_signal_addresses,
            rrq, rcf, full_rrq, gatekeeper_ttl, first_seen, confirmed, last_seen, answered
         FROM registrations r JOIN times t ON t.id = r.id ORDER BY r.id",
    )?;
    let mut rows = all.query([])?;
    let mut loaded = Loaded::default();
    let mut last = (0, (0, 0));
    while let Some(row) = rows.next()? {
        let keeper: i64 = row.get(1)?;
        if last.0 != keeper {
            let Some(place) = places.get(&keeper) else {
                loaded.foreign += 1;
                continue;
            };
            last = (keeper, *place);
        }
        if let Some(stored) = stored(row, clock, last.1)? {
            loaded.given += 1;
            each(Box::new(stored));
        } else {
            loaded.bad += 1;
        }
    }
    Ok(loaded)
}

/// Decodes a row; `None` if it is invalid.
fn stored(
    row: &Row<'_>,
    clock: Clock,
    (zone, gatekeeper): (u32, u32),
) -> rusqlite::Result<Option<Stored>> {
    let endpoint = row
        .get_ref(2)?
        .as_str()
        .ok()
        .and_then(|text| text.parse::<SocketAddr>().ok());
    let (Some(endpoint), Some(aliases), Some(call_signal_addresses)) =
        (endpoint, unlist(row, 5)?, unlist(row, 6)?)
    else {
        return Ok(None);
    };
    Ok(Some(Stored {
        id: RegistrationId(row.get::<_, i64>(0)?.cast_unsigned()),
        zone,
        gatekeeper,
        endpoint,
        endpoint_identifier: row.get(3)?,
        gatekeeper_identifier: row.get(4)?,
        aliases,
        call_signal_addresses,
        rrq: row.get(7)?,
        rcf: row.get(8)?,
        full_rrq: row.get(9)?,
        gatekeeper_ttl: Duration::from_nanos(row.get::<_, i64>(10)?.max(0).cast_unsigned()),
        first_seen: clock.time(row.get(11)?),
        confirmed: clock.time(row.get(12)?),
        last_seen: clock.time(row.get(13)?),
        answered: row.get::<_, i64>(14)?.cast_unsigned(),
    }))
}

/// Encodes a list as JSON; `None` for an empty list.
fn list<T: Serialize>(all: &[T]) -> Option<String> {
    if all.is_empty() {
        None
    } else {
        serde_json::to_string(all).ok()
    }
}

fn unlist<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Vec<T>>> {
    let text = row.get_ref(column)?.as_str_or_null();
    Ok(match text {
        Ok(None) => Some(Vec::new()),
        Ok(Some(text)) => serde_json::from_str(text).ok(),
        Err(_) => None,
    })
}
