//! Rows of profiles.

use std::{
    collections::HashMap,
    fmt::Display,
    net::SocketAddr,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use rasline_core::profile::{Authentication, CallModel, KnownEndpoint, Profile, Subscription};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Serialize;

use super::Trouble;

/// Summary of a profile, without its endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Name of the zone.
    pub zone: String,
    /// Tenant that the zone belongs to.
    pub tenant: String,
    /// gatekeeperIdentifier of the zone's own gatekeeper.
    pub gatekeeper_identifier: String,
    /// Whether the zone may be served.
    pub subscription: Subscription,
    /// Call model: direct or gatekeeper-routed.
    pub call_model: CallModel,
    /// How endpoints must authenticate.
    pub authentication: Authentication,
    /// Dialled prefixes that lead to this zone.
    pub prefixes: Vec<String>,
    /// Zones that calls may go to and come from.
    pub reach: Vec<String>,
    /// Number of configured endpoints.
    pub endpoints: u64,
    /// Number of configured endpoints with a password.
    pub passwords: u64,
    /// Number of learned endpoints.
    pub learned: u64,
    /// Time of the last change by the administrator, seconds since 1970.
    pub changed: u64,
}

/// The revision of the database, which changes with each write.
pub(super) fn revision(db: &Connection) -> Result<i64, Trouble> {
    let mut one = db.prepare_cached("SELECT revision FROM meta")?;
    Ok(one.query_row([], |row| row.get(0))?)
}

/// Sets a new revision. It is taken from the wall clock, so that a recreated file does not reuse an old one.
pub(super) fn touch(change: &Transaction<'_>) -> Result<(), Trouble> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let wall = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    change.execute("UPDATE meta SET revision = max(revision + 1, ?)", [wall])?;
    Ok(())
}

/// The settings of a profile, without its endpoints.
pub(super) fn settings(db: &Connection, zone: &str) -> Result<Option<Profile>, Trouble> {
    Ok(find(db, zone)?.map(|(_, profile)| profile))
}

/// A profile with its endpoints.
pub(super) fn profile(db: &Connection, zone: &str) -> Result<Option<Profile>, Trouble> {
    find(db, zone)?
        .map(|(key, profile)| whole(db, key, profile))
        .transpose()
}

/// All profiles with their endpoints, by zone.
pub(super) fn all(db: &Connection) -> Result<Vec<Profile>, Trouble> {
    heads(db)?
        .into_iter()
        .map(|(key, _, profile)| whole(db, key, profile))
        .collect()
}

/// All profiles without their endpoints, by zone.
pub(super) fn summaries(db: &Connection) -> Result<Vec<Summary>, Trouble> {
    let count = |sql: &str| -> Result<HashMap<i64, (i64, i64)>, Trouble> {
        let mut counted = db.prepare(sql)?;
        let rows = counted.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    let endpoints =
        count("SELECT profile, count(*), count(password) FROM endpoints GROUP BY profile")?;
    let learned = count(
        "SELECT p.key, count(*), 0 FROM learned l JOIN profiles p ON p.zone = l.zone GROUP BY p.key",
    )?;
    let summary = |(key, changed, profile): (i64, i64, Profile)| {
        let (endpoints, passwords) = endpoints.get(&key).copied().unwrap_or_default();
        let (learned, _) = learned.get(&key).copied().unwrap_or_default();
        Summary {
            zone: profile.zone,
            tenant: profile.tenant,
            gatekeeper_identifier: profile.gatekeeper_identifier,
            subscription: profile.subscription,
            call_model: profile.call_model,
            authentication: profile.authentication,
            prefixes: profile.prefixes,
            reach: profile.reach,
            endpoints: endpoints.cast_unsigned(),
            passwords: passwords.cast_unsigned(),
            learned: learned.cast_unsigned(),
            changed: changed.cast_unsigned(),
        }
    };
    Ok(heads(db)?.into_iter().map(summary).collect())
}

/// Passwords of a zone's endpoints, by first alias.
pub(super) fn passwords(db: &Connection, zone: &str) -> Result<HashMap<String, String>, Trouble> {
    let mut all = db.prepare_cached(
        "SELECT a.alias, e.password FROM profiles p
         JOIN endpoints e ON e.profile = p.key
         JOIN aliases a ON a.profile = p.key AND a.endpoint = e.position AND a.place = 0
         WHERE p.zone = ? AND e.password IS NOT NULL",
    )?;
    let rows = all.query_map([zone], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Replaces the profile of a zone. Returns whether it is new.
pub(super) fn put(change: &Transaction<'_>, profile: &Profile, unix: i64) -> Result<bool, Trouble> {
    let (key, new) = put_settings(change, profile, unix)?;
    change.execute("DELETE FROM aliases WHERE profile = ?", [key])?;
    change.execute("DELETE FROM endpoints WHERE profile = ?", [key])?;
    let mut one = change.prepare_cached(
        "INSERT INTO endpoints (profile, position, prefixes, password, call_signal_address, ras_address,
            endpoint_identifier)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    let mut name = change.prepare_cached(
        "INSERT INTO aliases (profile, alias, endpoint, place) VALUES (?, ?, ?, ?)",
    )?;
    for (position, endpoint) in (0_i64..).zip(&profile.endpoints) {
        let prefixes = (!endpoint.prefixes.is_empty()).then(|| endpoint.prefixes.join(","));
        one.execute(params![
            key,
            position,
            prefixes,
            endpoint.password,
            text(endpoint.call_signal_address),
            text(endpoint.ras_address),
            endpoint.endpoint_identifier,
        ])?;
        for (place, alias) in (0_i64..).zip(&endpoint.aliases) {
            name.execute(params![key, alias, position, place])?;
        }
    }
    Ok(new)
}

/// Replaces the settings of a profile. Returns its key and whether it is new.
pub(super) fn put_settings(
    change: &Transaction<'_>,
    profile: &Profile,
    unix: i64,
) -> Result<(i64, bool), Trouble> {
    let found: Option<i64> = change
        .query_row(
            "SELECT key FROM profiles WHERE zone = ?",
            [&profile.zone],
            |row| row.get(0),
        )
        .optional()?;
    let settings = serde_json::to_string(&without_endpoints(profile))
        .map_err(|e| Trouble::Damaged(e.to_string()))?;
    let mut one = change.prepare_cached(
        "INSERT INTO profiles (zone, settings, changed) VALUES (?, ?, ?)
         ON CONFLICT (zone) DO UPDATE SET settings = excluded.settings, changed = excluded.changed
         RETURNING key",
    )?;
    let key = one.query_row(params![profile.zone, settings, unix], |row| row.get(0))?;
    Ok((key, found.is_none()))
}

/// Deletes a profile and the learned endpoints of its zone. Returns whether there was a profile.
pub(super) fn delete(change: &Transaction<'_>, zone: &str) -> Result<bool, Trouble> {
    change.execute("DELETE FROM learned WHERE zone = ?", [zone])?;
    let deleted = change.execute("DELETE FROM profiles WHERE zone = ?", [zone])?;
    Ok(deleted > 0)
}

fn without_endpoints(profile: &Profile) -> Profile {
    Profile {
        zone: profile.zone.clone(),
        tenant: profile.tenant.clone(),
        gatekeeper_identifier: profile.gatekeeper_identifier.clone(),
        prefixes: profile.prefixes.clone(),
        plan: profile.plan.clone(),
        reach: profile.reach.clone(),
        neighbours: profile.neighbours.clone(),
        endpoints: Vec::new(),
        ..*profile
    }
}

fn find(db: &Connection, zone: &str) -> Result<Option<(i64, Profile)>, Trouble> {
    let mut one =
        db.prepare_cached("SELECT key, changed, settings FROM profiles WHERE zone = ?")?;
    let found = one.query_row([zone], raw_head).optional()?;
    found
        .map(|raw| parse_head(raw).map(|(key, _, profile)| (key, profile)))
        .transpose()
}

fn heads(db: &Connection) -> Result<Vec<(i64, i64, Profile)>, Trouble> {
    let mut all = db.prepare_cached("SELECT key, changed, settings FROM profiles ORDER BY zone")?;
    let rows = all.query_map([], raw_head)?;
    rows.map(|raw| parse_head(raw?)).collect()
}

fn raw_head(row: &Row<'_>) -> rusqlite::Result<(i64, i64, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn parse_head(
    (key, changed, settings): (i64, i64, String),
) -> Result<(i64, i64, Profile), Trouble> {
    let profile = serde_json::from_str(&settings)
        .map_err(|e| Trouble::Damaged(format!("settings of profile {key}: {e}")))?;
    Ok((key, changed, profile))
}

/// Loads the endpoints of a profile and checks it, as the file may have been edited by other programs.
fn whole(db: &Connection, key: i64, mut profile: Profile) -> Result<Profile, Trouble> {
    profile.endpoints = endpoints(db, key)?;
    match profile.check() {
        Ok(()) => Ok(profile),
        Err(faults) => {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            Err(Trouble::Damaged(format!(
                "profile {:?}: {first}",
                profile.zone
            )))
        }
    }
}

fn endpoints(db: &Connection, key: i64) -> Result<Vec<KnownEndpoint>, Trouble> {
    let mut all = db.prepare_cached(
        "SELECT position, prefixes, password, call_signal_address, ras_address, endpoint_identifier
         FROM endpoints WHERE profile = ? ORDER BY position",
    )?;
    let mut names = db.prepare_cached(
        "SELECT endpoint, alias FROM aliases WHERE profile = ? ORDER BY endpoint, place",
    )?;
    let mut names = names
        .query_map([key], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?
        .peekable();
    let mut rows = all.query([key])?;
    let mut endpoints = Vec::new();
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let mut endpoint = endpoint(row)?;
        while let Some(name) =
            names.next_if(|name| name.as_ref().is_ok_and(|(of, _)| *of == position))
        {
            endpoint.aliases.push(name?.1);
        }
        endpoints.push(endpoint);
    }
    match names.next() {
        Some(Err(e)) => Err(e.into()),
        Some(Ok((of, _))) => Err(Trouble::Damaged(format!(
            "aliases without an endpoint, {of}"
        ))),
        None => Ok(endpoints),
    }
}

fn endpoint(row: &Row<'_>) -> Result<KnownEndpoint, Trouble> {
    let prefixes: Option<String> = row.get(1)?;
    Ok(KnownEndpoint {
        aliases: Vec::new(),
        prefixes: prefixes
            .map(|list| list.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
        password: row.get(2)?,
        call_signal_address: address(row, 3)?,
        ras_address: address(row, 4)?,
        endpoint_identifier: row.get(5)?,
    })
}

fn address(row: &Row<'_>, column: usize) -> Result<Option<SocketAddr>, Trouble> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| SocketAddr::from_str(&text))
        .transpose()
        .map_err(|e| Trouble::Damaged(format!("an address: {e}")))
}

fn text(value: Option<impl Display>) -> Option<String> {
    value.map(|value| value.to_string())
}
