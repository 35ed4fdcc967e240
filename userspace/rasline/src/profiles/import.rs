//! Imports files into the database.

use std::collections::{BTreeMap, HashMap, HashSet};

use rasline_core::profile::{KnownEndpoint, Profile};
use rusqlite::Transaction;
use serde::Serialize;

use super::{
    Format, Profiles, Refused, Trouble,
    format::{
        self,
        directory::{self, Directory, Entry},
    },
    rows, unknown,
};
use crate::failure::{Failure, Result};

/// Maximum number of failures that are reported.
const TOLD: usize = 50;

/// A file to import.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// Name of the file, for messages.
    pub name: &'a str,
    /// Content of the file.
    pub text: &'a str,
    /// Format of the file.
    pub format: Format,
    /// TOML and JSON: import only the profile of this zone. LDIF: assign all entries to this zone.
    pub zone: Option<&'a str>,
}

/// Result of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Number of profiles that were written.
    pub zones: Vec<String>,
    /// Number of new profiles among them.
    pub new: usize,
    /// Number of endpoints in the file.
    pub endpoints: usize,
    /// Number of entries of a directory that are not H.323 endpoints.
    pub others: usize,
    /// Number of values of a directory without a place in a profile, by attribute.
    pub left_out: BTreeMap<&'static str, usize>,
}

/// Parsed content of a file.
pub(super) enum Parsed {
    Profiles(Vec<Profile>),
    Directory(Directory),
}

/// Imports all of a text, or nothing if it has an error.
///
/// # Errors
/// The first 50 errors in the text, or why it cannot be written.
pub fn import_text(
    profiles: &mut Profiles,
    text: &str,
    format: Format,
) -> Result<Imported, Vec<Failure>> {
    profiles.import(&Import {
        name: "text",
        text,
        format,
        zone: None,
    })
}

/// Checks a profile. Returns its errors for people.
pub(super) fn checked(name: &str, profile: &Profile) -> Result<(), Vec<Failure>> {
    profile.check().map_err(|faults| {
        let told = |fault: &rasline_core::profile::Fault| {
            let thing = format!("{name}: zone {:?}: {}", profile.zone, fault.place);
            Failure::new(thing, &fault.wrong, fault.wrong.next_step())
        };
        faults.iter().map(told).collect()
    })
}

impl Import<'_> {
    pub(super) fn parse(&self) -> Result<Parsed, Vec<Failure>> {
        let profiles = match self.format {
            Format::Toml => format::toml(self.name, self.text),
            Format::Json => format::json(self.name, self.text),
            Format::Ldif => return directory::parse(self.name, self.text).map(Parsed::Directory),
        };
        let mut profiles = profiles.map_err(|failure| vec![failure])?;
        if let Some(zone) = self.zone {
            profiles.retain(|profile| profile.zone == zone);
            if profiles.is_empty() {
                let (cause, next) = (
                    "no profile of this zone in the file",
                    "name another zone or file",
                );
                let thing = format!("{}: zone {zone:?}", self.name);
                return Err(vec![Failure::new(thing, cause, next)]);
            }
        }
        let mut zones = HashSet::new();
        if let Some(twice) = profiles.iter().find(|p| !zones.insert(&p.zone)) {
            let thing = format!("{}: zone {:?}", self.name, twice.zone);
            let failure = Failure::new(thing, "duplicate profile", "remove one of the two");
            return Err(vec![failure]);
        }
        Ok(Parsed::Profiles(profiles))
    }

    pub(super) fn write(
        &self,
        parsed: Parsed,
        change: &Transaction<'_>,
        unix: i64,
    ) -> Result<Imported, Refused> {
        match parsed {
            Parsed::Profiles(profiles) => self.write_profiles(profiles, change, unix),
            Parsed::Directory(directory) => self.write_directory(directory, change, unix),
        }
    }

    fn write_profiles(
        &self,
        mut profiles: Vec<Profile>,
        change: &Transaction<'_>,
        unix: i64,
    ) -> Result<Imported, Refused> {
        let mut imported = Imported::default();
        let mut failures = Vec::new();
        for profile in &mut profiles {
            keep_passwords(profile, rows::passwords(change, &profile.zone)?);
            match checked(self.name, profile) {
                Ok(()) => imported.put(profile, profile.endpoints.len(), change, unix)?,
                Err(more) => failures.extend(more),
            }
        }
        done(imported, failures)
    }

    fn write_directory(
        &self,
        directory: Directory,
        change: &Transaction<'_>,
        unix: i64,
    ) -> Result<Imported, Refused> {
        let mut imported = Imported {
            others: directory.others,
            left_out: directory.left_out,
            ..Imported::default()
        };
        let mut failures = Vec::new();
        let zones = self.by_zone(directory.entries, change, &mut failures)?;
        for (zone, entries) in zones {
            let count = entries.len();
            let Some(mut profile) = rows::profile(change, &zone)? else {
                failures.push(unknown(&zone));
                continue;
            };
            let wrong = join(&mut profile, entries);
            if wrong.is_empty() {
                checked(self.name, &profile)?;
                imported.put(&profile, count, change, unix)?;
            }
            failures.extend(wrong);
        }
        done(imported, failures)
    }

    /// Groups entries by the zone that they belong to.
    fn by_zone(
        &self,
        entries: Vec<Entry>,
        change: &Transaction<'_>,
        failures: &mut Vec<Failure>,
    ) -> Result<BTreeMap<String, Vec<Entry>>, Trouble> {
        let mut zones: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        if let Some(zone) = self.zone {
            zones.insert(zone.to_owned(), entries);
            return Ok(zones);
        }
        let domains = domains(change)?;
        for entry in entries {
            let domain = entry.domain.as_deref().unwrap_or_default();
            let found = domains.get(&domain.to_ascii_lowercase());
            match found.map_or(&[][..], Vec::as_slice) {
                [zone] => zones.entry(zone.clone()).or_default().push(entry),
                found => failures.push(astray(&entry, found)),
            }
        }
        Ok(zones)
    }
}

impl Imported {
    fn put(
        &mut self,
        profile: &Profile,
        endpoints: usize,
        change: &Transaction<'_>,
        unix: i64,
    ) -> Result<(), Trouble> {
        self.new += usize::from(rows::put(change, profile, unix)?);
        self.endpoints += endpoints;
        self.zones.push(profile.zone.clone());
        Ok(())
    }
}

fn done(imported: Imported, mut failures: Vec<Failure>) -> Result<Imported, Refused> {
    failures.truncate(TOLD);
    if failures.is_empty() {
        Ok(imported)
    } else {
        Err(failures.into())
    }
}

/// An endpoint without a password keeps the one in the database; an empty password removes it.
fn keep_passwords(profile: &mut Profile, mut before: HashMap<String, String>) {
    for endpoint in &mut profile.endpoints {
        match endpoint.password.as_deref() {
            Some("") => endpoint.password = None,
            Some(_) => {}
            None => {
                let name = endpoint.aliases.first();
                endpoint.password = name.and_then(|name| before.remove(name));
            }
        }
    }
}

/// Zones by the values of h323IdentityGKDomain that select them: name and gatekeeperIdentifier, in lower case.
fn domains(change: &Transaction<'_>) -> Result<HashMap<String, Vec<String>>, Trouble> {
    let mut domains: HashMap<String, Vec<String>> = HashMap::new();
    for summary in rows::summaries(change)? {
        for name in [&summary.zone, &summary.gatekeeper_identifier] {
            let zones = domains.entry(name.to_ascii_lowercase()).or_default();
            if !zones.contains(&summary.zone) {
                zones.push(summary.zone.clone());
            }
        }
    }
    Ok(domains)
}

/// The error for an entry whose zone cannot be determined.
fn astray(entry: &Entry, found: &[String]) -> Failure {
    let next = "give the zone with --zone";
    match &entry.domain {
        None => Failure::new(&entry.place, "has no h323IdentityGKDomain", next),
        Some(domain) if found.is_empty() => Failure::new(
            &entry.place,
            format!(
                "no profile has h323IdentityGKDomain {domain:?} as its zone or gatekeeperIdentifier"
            ),
            format!("{next}, or create the profile first"),
        ),
        Some(domain) => Failure::new(
            &entry.place,
            format!(
                "h323IdentityGKDomain {domain:?} matches several zones: {}",
                found.join(", ")
            ),
            next,
        ),
    }
}

/// Merges entries of a directory into a profile. An entry whose first alias is known replaces that endpoint's aliases,
/// and its password and address if it has them; other entries are added. Returns the conflicts.
fn join(profile: &mut Profile, entries: Vec<Entry>) -> Vec<Failure> {
    let mut owners: HashMap<String, usize> = HashMap::new();
    for (index, endpoint) in profile.endpoints.iter().enumerate() {
        owners.extend(endpoint.aliases.iter().map(|alias| (alias.clone(), index)));
    }
    let mut places: HashMap<usize, String> = HashMap::new();
    let mut failures = Vec::new();
    for entry in entries {
        let name = entry.endpoint.aliases.first();
        let known = name.and_then(|name| owners.get(name).copied());
        let index = known.unwrap_or(profile.endpoints.len());
        if let Some(other) = places.insert(index, entry.place.clone()) {
            let cause = format!("names the same endpoint as {other}");
            failures.push(Failure::new(entry.place, cause, "remove one of the two"));
            continue;
        }
        match profile.endpoints.get_mut(index) {
            Some(endpoint) => renew(endpoint, entry.endpoint),
            None => profile.endpoints.push(entry.endpoint),
        }
    }
    failures.extend(shared(profile, &places));
    failures
}

fn renew(endpoint: &mut KnownEndpoint, entry: KnownEndpoint) {
    endpoint.aliases = entry.aliases;
    if entry.password.is_some() {
        endpoint.password = entry.password;
    }
    if entry.call_signal_address.is_some() {
        endpoint.call_signal_address = entry.call_signal_address;
    }
}

/// Reports aliases that two endpoints have now.
fn shared(profile: &Profile, places: &HashMap<usize, String>) -> Vec<Failure> {
    let mut owners: HashMap<&str, usize> = HashMap::new();
    let mut failures = Vec::new();
    let place = |index: usize| match places.get(&index) {
        Some(place) => place.clone(),
        None => format!("endpoints[{index}] of the profile"),
    };
    for (index, endpoint) in profile.endpoints.iter().enumerate() {
        for alias in &endpoint.aliases {
            let Some(first) = owners.insert(alias, index) else {
                continue;
            };
            // Name the entry of the directory first, as the administrator is looking at that.
            let (here, there) = if places.contains_key(&index) {
                (index, first)
            } else {
                (first, index)
            };
            let cause = format!(
                "duplicate alias {alias:?}, already used by {}",
                place(there)
            );
            failures.push(Failure::new(place(here), cause, "remove one of the two"));
        }
    }
    failures
}
