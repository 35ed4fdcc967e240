//! What gatekeepers say about themselves.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use rasline_h225::view::Alternate;

use super::reconfigure::same_zone;
use super::{Config, GatekeeperInfo};
use crate::Time;

/// Identifiers and alternates that each gatekeeper announced, by index.
#[derive(Debug, Default)]
pub(crate) struct Gatekeepers(HashMap<u32, GatekeeperInfo>);

impl Gatekeepers {
    pub(crate) fn get(&self, index: u32) -> Option<&GatekeeperInfo> {
        self.0.get(&index)
    }

    /// Notes what a gatekeeper says; returns the addresses of its alternates if they are others than before.
    pub(crate) fn note(
        &mut self,
        now: Time,
        index: u32,
        gatekeeper_identifier: Option<&String>,
        alternates: Option<Vec<Alternate>>,
    ) -> Option<Vec<SocketAddr>> {
        let info = self.0.entry(index).or_default();
        if info.gatekeeper_identifier.as_ref() != gatekeeper_identifier
            && gatekeeper_identifier.is_some()
        {
            info.gatekeeper_identifier = gatekeeper_identifier.cloned();
        }
        let alternates = alternates?;
        info.alternates_at = Some(now);
        if info.alternates == alternates {
            return None;
        }
        info.alternates = alternates;
        let addresses = info.alternates.iter().map(|one| one.address);
        Some(addresses.collect())
    }

    /// Forgets those that are not as before in another configuration.
    pub(crate) fn apply(&mut self, old: &Config, new: &Config) {
        let kept: BTreeSet<u32> = old
            .zones
            .iter()
            .filter_map(|zone| Some((zone, same_zone(zone, new)?)))
            .flat_map(|(zone, new)| {
                zone.gatekeepers
                    .iter()
                    .filter(|g| new.gatekeepers.contains(g))
            })
            .map(|gatekeeper| gatekeeper.index)
            .collect();
        self.0.retain(|index, _| kept.contains(index));
    }
}
