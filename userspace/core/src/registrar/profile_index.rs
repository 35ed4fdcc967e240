//! The profile, indexed.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::aliases::{Prefixes, is_number};
use crate::profile::Profile;

/// Where the profile says what of whom. Indices are those of its lists.
#[derive(Clone, Debug, Default)]
pub(super) struct ProfileIndex {
    pub aliases: HashMap<String, usize>,
    pub identifiers: HashMap<String, usize>,
    pub signalling: HashMap<SocketAddr, usize>,
    pub prefixes: Prefixes<usize>,
    plan: Prefixes<usize>,
    /// Neighbours that are asked for numbers that begin so.
    pub neighbours: Prefixes<usize>,
    /// Neighbours that are asked for everything.
    pub any: Vec<usize>,
    /// Neighbours that are answered.
    pub answered: HashMap<IpAddr, usize>,
}

impl ProfileIndex {
    pub fn new(profile: &Profile) -> Self {
        let mut known = Self::default();
        known.endpoints(profile);
        for (index, rule) in profile.plan.iter().enumerate() {
            known.plan.add(&rule.prefix, index);
        }
        for (index, neighbour) in profile.neighbours.iter().enumerate() {
            for prefix in &neighbour.prefixes {
                known.neighbours.add(prefix, index);
            }
            if neighbour.prefixes.is_empty() {
                known.any.push(index);
            }
            if neighbour.answered {
                known
                    .answered
                    .entry(neighbour.address.ip())
                    .or_insert(index);
            }
        }
        known
    }

    fn endpoints(&mut self, profile: &Profile) {
        self.aliases.reserve(profile.endpoints.len());
        for (index, endpoint) in profile.endpoints.iter().enumerate() {
            for alias in &endpoint.aliases {
                self.aliases.entry(alias.clone()).or_insert(index);
            }
            for prefix in &endpoint.prefixes {
                self.prefixes.add(prefix, index);
            }
            if let Some(identifier) = &endpoint.endpoint_identifier {
                self.identifiers.entry(identifier.clone()).or_insert(index);
            }
            if let Some(address) = endpoint.call_signal_address {
                self.signalling.entry(address).or_insert(index);
            }
        }
    }

    /// The number after the numbering plan; what is no number, as it is.
    pub fn planned(&self, profile: &Profile, number: &str) -> String {
        let rule = is_number(number)
            .then(|| self.plan.longest(number)?.1.first().copied())
            .flatten()
            .and_then(|index| profile.plan.get(index));
        match rule {
            Some(rule) => {
                let rest = number.get(usize::from(rule.strip)..).unwrap_or_default();
                format!("{}{rest}", rule.add)
            }
            None => number.to_owned(),
        }
    }
}
