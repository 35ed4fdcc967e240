//! Files into the database.

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

/// Failures told at most.
const TOLD: usize = 50;

/// A file to import.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// Its name, to say where something is wrong.
    pub name: &'a str,
    /// What stands in it.
    pub text: &'a str,
    /// What it is written in.
    pub format: Format,
    /// TOML and JSON: only the profile of this zone. LDIF: the zone of all entries, whatever they say.
    pub zone: Option<&'a str>,
}

/// What was imported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Zones whose profiles were written.
    pub zones: Vec<String>,
    /// How many of them are new.
    pub new: usize,
    /// Endpoints in the file.
    pub endpoints: usize,
    /// Entries of a directory that are no endpoints of H.323.
    pub others: usize,
    /// Values of a directory that have no place in a profile, by attribute.
    pub left_out: BTreeMap<&'static str, usize>,
}

/// What stands in a file.
pub(super) enum Parsed {
    Profiles(Vec<Profile>),
    Directory(Directory),
}

/// Imports a text: all that is in it, or nothing.
///
/// # Errors
/// All that is wrong with it, the first 50 things; or why it cannot be written.
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

/// A profile that passes its check, or what is wrong with it, for people.
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
                let (cause, next) = ("has no profile of that zone", "name another zone or file");
                let thing = format!("{}: zone {zone:?}", self.name);
                return Err(vec![Failure::new(thing, cause, next)]);
            }
        }
        let mut zones = HashSet::new();
        if let Some(twice) = profiles.iter().find(|p| !zones.insert(&p.zone)) {
            let thing = format!("{}: zone {:?}", self.name, twice.zone);
            let failure = Failure::new(thing, "has two profiles", "remove one of the two");
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

    /// Entries by the zone that they belong to.
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

/// An endpoint without a password keeps the one it has; an empty one takes it off.
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

/// Zones by what an h323IdentityGKDomain may say: the zone's name, or its gatekeeperIdentifier; in lower case.
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

/// An entry whose zone is not clear.
fn astray(entry: &Entry, found: &[String]) -> Failure {
    let next = "name the zone with --zone";
    match &entry.domain {
        None => Failure::new(&entry.place, "has no h323IdentityGKDomain", next),
        Some(domain) if found.is_empty() => Failure::new(
            &entry.place,
            format!(
                "h323IdentityGKDomain {domain:?} is no zone or gatekeeperIdentifier of a profile"
            ),
            format!("{next}, or make the profile first"),
        ),
        Some(domain) => Failure::new(
            &entry.place,
            format!(
                "h323IdentityGKDomain {domain:?} fits several zones: {}",
                found.join(", ")
            ),
            next,
        ),
    }
}

/// Joins entries of a directory to a profile. One whose first alias is known takes the place of that endpoint's aliases,
/// and of its password and address where it has them; the others are added. Gives what contradicts.
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

/// Aliases that two endpoints have now.
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
            // The one of the directory is what the administrator looks at.
            let (here, there) = if places.contains_key(&index) {
                (index, first)
            } else {
                (first, index)
            };
            let cause = format!("alias {alias:?} belongs to {} already", place(there));
            failures.push(Failure::new(place(here), cause, "remove one of the two"));
        }
    }
    failures
}
