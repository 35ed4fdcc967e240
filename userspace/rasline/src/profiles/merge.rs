//! Merges learned endpoints into configured profiles.

use std::collections::{HashMap, HashSet};

use rasline_core::profile::{KnownEndpoint, Profile};
use rusqlite::Connection;

use super::{Trouble, learned, rows};

/// All profiles, with learned endpoints merged in.
pub(super) fn all(db: &Connection) -> Result<Vec<Profile>, Trouble> {
    let mut all = rows::all(db)?;
    for profile in &mut all {
        let learned = learned::endpoints(db, &profile.zone)?;
        merge(profile, learned);
    }
    Ok(all)
}

/// Adds learned endpoints; of two that conflict, the first one. For a configured endpoint, missing values are filled
/// in: the addresses and, with the RAS address, the endpointIdentifier. Configured values are not changed, no alias is
/// added, and a learned endpoint that shares aliases with several configured ones is skipped.
pub fn merge(profile: &mut Profile, learned: Vec<KnownEndpoint>) {
    if learned.is_empty() {
        return;
    }
    let given = profile.endpoints.len();
    let mut owners: HashMap<String, usize> = HashMap::new();
    let mut identifiers: HashSet<String> = HashSet::new();
    for (index, endpoint) in profile.endpoints.iter().enumerate() {
        owners.extend(endpoint.aliases.iter().map(|alias| (alias.clone(), index)));
        identifiers.extend(endpoint.endpoint_identifier.clone());
    }
    for mut endpoint in learned {
        if let Some(identifier) = &endpoint.endpoint_identifier
            && identifiers.contains(identifier)
        {
            endpoint.endpoint_identifier = None;
        }
        let hits: HashSet<usize> = endpoint
            .aliases
            .iter()
            .filter_map(|alias| owners.get(alias).copied())
            .collect();
        let mut hits = hits.into_iter();
        let index = match (hits.next(), hits.next()) {
            (None, _) => {
                let index = profile.endpoints.len();
                owners.extend(endpoint.aliases.iter().map(|alias| (alias.clone(), index)));
                profile.endpoints.push(endpoint);
                index
            }
            (Some(index), None) if index < given => {
                fill(&mut profile.endpoints[index], endpoint);
                index
            }
            _ => continue,
        };
        identifiers.extend(profile.endpoints[index].endpoint_identifier.clone());
    }
}

fn fill(given: &mut KnownEndpoint, learned: KnownEndpoint) {
    // The identifier is valid only together with the address from which it was learned.
    let same_place = given.ras_address.is_none() || given.ras_address == learned.ras_address;
    if same_place && given.endpoint_identifier.is_none() {
        given.endpoint_identifier = learned.endpoint_identifier;
    }
    given.ras_address = given.ras_address.or(learned.ras_address);
    given.call_signal_address = given.call_signal_address.or(learned.call_signal_address);
}
