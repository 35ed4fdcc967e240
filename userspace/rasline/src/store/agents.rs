//! Rows of what agents know about their gatekeepers. There are few of them.

use rasline_core::{Alternate, agent::Remembered};
use rusqlite::{Connection, Transaction, params};

/// Replaces the rows of an agent; removes them if the agent knows nothing.
pub(super) fn put(change: &Transaction<'_>, agent: &Remembered) -> rusqlite::Result<()> {
    change.execute(
        "DELETE FROM agent_alternates WHERE agent = ?",
        [&agent.name],
    )?;
    change.execute("DELETE FROM agents WHERE name = ?", [&agent.name])?;
    if agent.gatekeeper.is_none() && agent.alternates.is_empty() {
        return Ok(());
    }
    change.execute(
        "INSERT INTO agents (name, gatekeeper, endpoint_identifier) VALUES (?, ?, ?)",
        params![
            agent.name,
            agent.gatekeeper.map(|address| address.to_string()),
            agent.endpoint_identifier,
        ],
    )?;
    for (position, alternate) in agent.alternates.iter().enumerate() {
        change.execute(
            "INSERT INTO agent_alternates (agent, position, address, identifier, priority, need_to_register)
             VALUES (?, ?, ?, ?, ?, ?)",
            params![
                agent.name,
                position.cast_signed() as i64,
                alternate.address.to_string(),
                alternate.gatekeeper_identifier,
                alternate.priority,
                alternate.need_to_register,
            ],
        )?;
    }
    Ok(())
}

/// Loads all agents. Invalid addresses are skipped.
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<Remembered>> {
    let mut agents =
        db.prepare("SELECT name, gatekeeper, endpoint_identifier FROM agents ORDER BY name")?;
    let agents = agents.query_map([], |row| {
        let gatekeeper: Option<String> = row.get(1)?;
        Ok(Remembered {
            name: row.get(0)?,
            gatekeeper: gatekeeper.and_then(|text| text.parse().ok()),
            endpoint_identifier: row.get(2)?,
            alternates: Vec::new(),
        })
    })?;
    let mut agents = agents.collect::<rusqlite::Result<Vec<_>>>()?;
    for agent in &mut agents {
        agent.alternates = alternates(db, &agent.name)?;
    }
    Ok(agents)
}

fn alternates(db: &Connection, agent: &str) -> rusqlite::Result<Vec<Alternate>> {
    let mut all = db.prepare_cached(
        "SELECT address, identifier, priority, need_to_register FROM agent_alternates
         WHERE agent = ? ORDER BY position",
    )?;
    let mut rows = all.query([agent])?;
    let mut alternates = Vec::new();
    while let Some(row) = rows.next()? {
        if let Ok(address) = row.get_ref(0)?.as_str().unwrap_or_default().parse() {
            alternates.push(Alternate {
                address,
                gatekeeper_identifier: row.get(1)?,
                priority: row.get(2)?,
                need_to_register: row.get(3)?,
            });
        }
    }
    Ok(alternates)
}
