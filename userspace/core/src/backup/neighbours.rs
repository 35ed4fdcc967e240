//! Messages of other networks' gatekeepers, whose addresses do not say which zone they are for.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use rasline_h225::text::from_alias;
use rasline_h225::types::LocationRequest;
use rasline_h225::{RasKind, RasMessage, decode_ras, header};

use super::ControlUnit;
use super::reach::longest;
use crate::profile::Profile;

impl ControlUnit {
    /// The zone that a message of somebody is for who is an endpoint of none: one that is served and has the sender as
    /// a neighbour. Of several an answer is for the one that asked; a question for the one with the longest prefix
    /// of what is looked for, else for one that knows it, else for the first.
    #[must_use]
    pub fn zone_of_neighbour(&mut self, from: SocketAddr, payload: &[u8]) -> Option<u32> {
        let zones = self.neighbours().get(&from.ip())?.clone();
        if zones.len() == 1 {
            return zones.first().copied();
        }
        let header = header(payload)?;
        let asked = |zone: &u32| {
            let registrar = self.registrar(*zone);
            registrar.is_some_and(|registrar| registrar.waits_for(header.seq, from.ip()))
        };
        match header.kind {
            RasKind::LocationConfirm | RasKind::LocationReject | RasKind::RequestInProgress => {
                zones.into_iter().find(asked)
            }
            RasKind::LocationRequest => match decode_ras(payload) {
                Ok(RasMessage::LocationRequest(lrq)) => self.asked_for(from.ip(), &zones, &lrq),
                _ => None,
            },
            _ => None,
        }
    }

    /// The zone that is to answer, of those that answer this neighbour at all.
    fn asked_for(&self, from: IpAddr, zones: &[u32], lrq: &LocationRequest) -> Option<u32> {
        let aliases = lrq.destination_info.iter().filter_map(from_alias);
        let aliases: Vec<String> = aliases.collect();
        let answers = |zone: &&u32| {
            let profile = self.profile_of(**zone);
            profile.is_some_and(|profile| is_answered(profile, from))
        };
        let zones: Vec<u32> = zones.iter().filter(answers).copied().collect();
        let fits = |zone: &u32| {
            let profile = self.profile_of(*zone)?;
            let lengths = aliases.iter().filter_map(|alias| longest(profile, alias));
            lengths.max()
        };
        let best = zones.iter().filter_map(fits).max();
        let by_prefix = |zone: &u32| best.is_some() && fits(zone) == best;
        let knows = |zone: &u32| {
            let registrar = self.registrar(*zone);
            registrar.is_some_and(|registrar| registrar.locate(&aliases).is_some())
        };
        let found = zones.iter().copied().find(by_prefix);
        let found = found.or_else(|| zones.iter().copied().find(knows));
        found.or_else(|| zones.first().copied())
    }

    /// Zones that are served, by their neighbours.
    fn neighbours(&mut self) -> &HashMap<IpAddr, Vec<u32>> {
        let running = self.units.values().filter(|unit| unit.module.is_some());
        self.neighbours.get_or_insert_with(|| {
            let mut all: HashMap<IpAddr, Vec<u32>> = HashMap::new();
            for unit in running {
                let directory = self.directories.get(&unit.settings.name);
                let profile = directory.map(|directory| &**directory.profile());
                for neighbour in profile.iter().flat_map(|profile| &profile.neighbours) {
                    let zones = all.entry(neighbour.address.ip()).or_default();
                    if zones.last() != Some(&unit.settings.zone) {
                        zones.push(unit.settings.zone);
                    }
                }
            }
            all
        })
    }
}

fn is_answered(profile: &Profile, from: IpAddr) -> bool {
    let neighbours = profile.neighbours.iter();
    neighbours
        .filter(|one| one.address.ip() == from)
        .any(|one| one.answered)
}
