//! Rows of registrations with rasline itself.

use std::net::SocketAddr;

use rasline_core::{
    proxy,
    registrar::{self, EntryId},
};
use rusqlite::{Connection, Row, Transaction, params};

use super::{Served, clock::Clock, keyed::Key, queue::Batch};

/// Writes the registrations with rasline itself of a batch.
pub(super) fn write(change: &Transaction<'_>, clock: Clock, batch: &Batch) -> rusqlite::Result<()> {
    if let Some(kept) = &batch.served.keep_only {
        for key in keys(change)? {
            if !kept.contains(&key) {
                delete(change, &key)?;
            }
        }
    }
    for (key, served) in &batch.served.changes {
        match served {
            Some(served) => put(change, clock, key, served)?,
            None => delete(change, key)?,
        }
    }
    Ok(())
}

fn put(
    change: &Transaction<'_>,
    clock: Clock,
    (zone, endpoint_identifier): &Key,
    served: &Served,
) -> rusqlite::Result<()> {
    let stored = served.registration();
    let upstream = match served {
        Served::Registrar(_) => None,
        Served::Proxy(proxied) => Some(proxied),
    };
    change
        .prepare_cached(
            "INSERT OR REPLACE INTO served (zone, endpoint_identifier, proxied, id, endpoint, seen_as, full_rrq,
                lightweight_rrq, time_to_live, confirmed, gatekeeper, upstream_identifier,
                upstream_gatekeeper_identifier, upstream_ttl, upstream_signalling_port)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            zone,
            endpoint_identifier,
            upstream.is_some(),
            stored.id.0.cast_signed(),
            stored.endpoint.to_string(),
            stored.seen_as.to_string(),
            stored.full,
            stored.lightweight,
            stored.time_to_live,
            clock.wall(stored.confirmed),
            upstream.and_then(|of| of.gatekeeper).map(|at| at.to_string()),
            upstream.and_then(|of| of.upstream_identifier.as_ref()),
            upstream.and_then(|of| of.upstream_gatekeeper_identifier.as_ref()),
            upstream.and_then(|of| of.upstream_ttl),
            upstream.and_then(|of| of.upstream_signalling_port),
        ])?;
    Ok(())
}

fn delete(change: &Transaction<'_>, (zone, endpoint_identifier): &Key) -> rusqlite::Result<()> {
    change
        .prepare_cached("DELETE FROM served WHERE zone = ? AND endpoint_identifier = ?")?
        .execute([zone, endpoint_identifier])?;
    Ok(())
}

fn keys(db: &Connection) -> rusqlite::Result<Vec<Key>> {
    db.prepare("SELECT zone, endpoint_identifier FROM served")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Loads all of these registrations, each with its zone. Invalid rows are skipped.
pub(super) fn all(db: &Connection, clock: Clock) -> rusqlite::Result<Vec<(String, Served)>> {
    let mut all = db.prepare(
        "SELECT zone, endpoint_identifier, proxied, id, endpoint, seen_as, full_rrq, lightweight_rrq, time_to_live,
            confirmed, gatekeeper, upstream_identifier, upstream_gatekeeper_identifier, upstream_ttl,
            upstream_signalling_port
         FROM served ORDER BY zone, id",
    )?;
    let mut rows = all.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(stored) = stored(row, clock)? {
            let served = if row.get(2)? {
                Served::Proxy(proxied(row, stored)?)
            } else {
                Served::Registrar(stored)
            };
            found.push((row.get(0)?, served));
        }
    }
    Ok(found)
}

/// Decodes a row; `None` if it is invalid.
fn stored(row: &Row<'_>, clock: Clock) -> rusqlite::Result<Option<registrar::Stored>> {
    let (Some(endpoint), Some(seen_as)) = (address(row, 4)?, address(row, 5)?) else {
        return Ok(None);
    };
    let Ok(time_to_live) = u32::try_from(row.get::<_, i64>(8)?) else {
        return Ok(None);
    };
    Ok(Some(registrar::Stored {
        id: EntryId(row.get::<_, i64>(3)?.cast_unsigned()),
        endpoint_identifier: row.get(1)?,
        endpoint,
        seen_as,
        full: row.get(6)?,
        lightweight: row.get(7)?,
        time_to_live,
        confirmed: clock.time(row.get(9)?),
    }))
}

fn proxied(row: &Row<'_>, registration: registrar::Stored) -> rusqlite::Result<proxy::Stored> {
    let upstream_ttl: Option<i64> = row.get(13)?;
    let port: Option<i64> = row.get(14)?;
    Ok(proxy::Stored {
        registration,
        gatekeeper: address(row, 10)?,
        upstream_identifier: row.get(11)?,
        upstream_gatekeeper_identifier: row.get(12)?,
        upstream_ttl: upstream_ttl.and_then(|seconds| u32::try_from(seconds).ok()),
        upstream_signalling_port: port.and_then(|port| u16::try_from(port).ok()),
    })
}

fn address(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<SocketAddr>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| text.parse().ok()))
}
