//! Destinations in other zones: who may reach whom, and which zone a number leads to.

use std::slice;

use super::{ControlUnit, Phase};
use crate::profile::Profile;
use crate::registrar::{Destination, is_number};

/// Where a destination was found.
#[derive(Debug)]
pub(super) enum Found {
    /// By the module of another zone.
    Served(Destination),
    /// In the profile of a zone that is not served here.
    Listed(Destination),
}

impl ControlUnit {
    /// Where somebody is to be called who is not of this zone.
    pub(super) fn reach(&self, unix: u64, zone: u32, destination: &[String]) -> Option<Found> {
        let here = self.profile_of(zone)?;
        let aliases = destination.iter();
        aliases
            .flat_map(|alias| self.leads_to(unix, here, alias).map(move |to| (alias, to)))
            .find_map(|(alias, to)| self.ask(zone, to, alias))
    }

    /// Zones that this alias leads to: for digits those with the longest prefix of them, for all else every one that can
    /// be reached; in the order of `reach`.
    fn leads_to<'a>(
        &'a self,
        unix: u64,
        here: &'a Profile,
        alias: &'a str,
    ) -> impl Iterator<Item = &'a Profile> {
        let digits = is_number(alias);
        let fits = move |profile: &Profile| {
            if digits {
                longest(profile, alias)
            } else {
                Some(0)
            }
        };
        let near = here.reach.iter().filter_map(move |name| {
            let profile = &**self.directories.get(name)?.profile();
            (both_allow(here, profile) && profile.subscription.holds(unix)).then_some(profile)
        });
        let near: Vec<&Profile> = near.collect();
        let best = near.iter().filter_map(|profile| fits(profile)).max();
        near.into_iter()
            .filter(move |profile| best.is_some() && fits(profile) == best)
    }

    /// Asks the module of that zone, or its profile if it is not served here.
    fn ask(&self, from: u32, profile: &Profile, alias: &String) -> Option<Found> {
        let unit = self.named(&profile.zone);
        if unit.is_some_and(|unit| unit.settings.zone == from) {
            return None;
        }
        match unit.map(|unit| unit.phase) {
            Some(Phase::Running) => {
                let registrar = unit?.module.as_ref()?.registrar();
                let found = registrar.locate(slice::from_ref(alias));
                found.map(Found::Served)
            }
            Some(Phase::Refusing { .. }) => None,
            Some(Phase::Idle) | None => {
                let mut found = self.directories.get(&profile.zone)?.locate(alias)?;
                let own = unit.and_then(|unit| unit.settings.own.first());
                if let (Some(own), true) = (own, found.ras_address == found.call_signal_address) {
                    found.ras_address = *own;
                }
                Some(Found::Listed(found))
            }
        }
    }
}

/// Whether calls may go from one zone to the other: one tenant, and each names the other.
fn both_allow(one: &Profile, other: &Profile) -> bool {
    one.zone != other.zone
        && one.tenant == other.tenant
        && one.reach.contains(&other.zone)
        && other.reach.contains(&one.zone)
}

/// Length of the longest prefix of the zone that these digits begin with.
pub(super) fn longest(profile: &Profile, digits: &str) -> Option<usize> {
    let prefixes = profile.prefixes.iter();
    let fitting = prefixes.filter(|prefix| !prefix.is_empty() && digits.starts_with(&***prefix));
    fitting.map(String::len).max()
}
