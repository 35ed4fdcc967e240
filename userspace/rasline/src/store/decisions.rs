//! Rows of zones' decisions and alternate gatekeepers. There are few of them.

use rasline_core::Alternate;
use rusqlite::{Connection, Transaction, params};

use super::{Decision, Keeper, Listed, Manual, clock::Clock, rows};

pub(super) fn put_zone(
    change: &Transaction<'_>,
    clock: Clock,
    decision: &Decision,
) -> rusqlite::Result<()> {
    let manual = match &decision.manual {
        Manual::None => String::new(),
        Manual::Hold => "hold".to_owned(),
        Manual::Switch(gatekeeper) => format!("switch {gatekeeper}"),
    };
    change.execute(
        "INSERT OR REPLACE INTO zones (name, active, manual, since) VALUES (?, ?, ?, ?)",
        params![
            decision.zone,
            decision.active,
            manual,
            clock.wall(decision.since)
        ],
    )?;
    Ok(())
}

pub(super) fn zones(db: &Connection, clock: Clock) -> rusqlite::Result<Vec<Decision>> {
    let mut all = db.prepare("SELECT name, active, manual, since FROM zones ORDER BY name")?;
    all.query_map([], |row| {
        let manual: String = row.get(2)?;
        Ok(Decision {
            zone: row.get(0)?,
            active: row.get(1)?,
            manual: match manual.strip_prefix("switch ") {
                Some(gatekeeper) => Manual::Switch(gatekeeper.to_owned()),
                None if manual == "hold" => Manual::Hold,
                None => Manual::None,
            },
            since: clock.time(row.get(3)?),
        })
    })?
    .collect()
}

/// Replaces a gatekeeper's list of alternates.
pub(super) fn put_alternates(
    change: &Transaction<'_>,
    clock: Clock,
    keys: &mut rows::Keys,
    listed: &Listed,
) -> rusqlite::Result<()> {
    let key = rows::key(change, keys, &listed.by)?;
    change.execute("DELETE FROM alternates WHERE keeper = ?", [key])?;
    for (position, alternate) in listed.alternates.iter().enumerate() {
        change.execute(
            "INSERT INTO alternates (keeper, position, address, identifier, priority, need_to_register, origin,
                learned_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                key,
                position.cast_signed() as i64,
                alternate.address.to_string(),
                alternate.gatekeeper_identifier,
                alternate.priority,
                alternate.need_to_register,
                listed.message,
                clock.wall(listed.at),
            ],
        )?;
    }
    Ok(())
}

/// Loads all lists of alternates. Invalid entries are skipped.
pub(super) fn alternates(db: &Connection, clock: Clock) -> rusqlite::Result<Vec<Listed>> {
    let keepers = rows::keepers(db)?;
    let mut lists: Vec<Listed> = Vec::new();
    let mut all = db.prepare(
        "SELECT keeper, address, identifier, priority, need_to_register, origin, learned_at
         FROM alternates ORDER BY keeper, position",
    )?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let by: Option<&Keeper> = keepers.get(&row.get(0)?);
        let address = row.get_ref(1)?.as_str().unwrap_or_default().parse();
        let (Some(by), Ok(address)) = (by, address) else {
            continue;
        };
        let alternate = Alternate {
            address,
            gatekeeper_identifier: row.get(2)?,
            priority: row.get(3)?,
            need_to_register: row.get(4)?,
        };
        match lists.last_mut().filter(|list| list.by == *by) {
            Some(list) => list.alternates.push(alternate),
            None => lists.push(Listed {
                by: by.clone(),
                message: row.get(5)?,
                at: clock.time(row.get(6)?),
                alternates: vec![alternate],
            }),
        }
    }
    Ok(lists)
}
