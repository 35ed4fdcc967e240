//! Profiles in force: those that were read, with what the zones' live traffic adds; for zones without one, what the
//! configuration and the traffic say.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::io::{LoadedProfiles, Output};
use super::{Config, Event, Zone};
use crate::backup::{gatekeeper_identifier, known_after, listed};
use crate::learner::Learner;
use crate::profile::{KnownEndpoint, Profile, Subscription, TimeToLive};
use crate::{RegistrationId, Reserved, Time, ZoneIndex};

/// How often a walk over all registrations begins.
const WALK_EVERY: Duration = Duration::from_mins(1);
/// Registrations looked at in a second at most: each costs the decoding of a message.
const AT_ONCE: usize = 2000;

/// What was read, and what was learned since.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    loaded: BTreeMap<String, Arc<Profile>>,
    trouble: Option<String>,
    /// As of the last time that a zone was looked at.
    known: BTreeMap<ZoneIndex, Vec<KnownEndpoint>>,
    walk: Walk,
    walk_at: Time,
}

/// A walk over the registrations of all zones with a backup, a part each second.
#[derive(Debug, Default)]
struct Walk {
    /// Zones that it has yet to go through.
    zones: VecDeque<ZoneIndex>,
    /// The last registration of the first zone that was looked at.
    at: RegistrationId,
    found: Vec<(RegistrationId, KnownEndpoint)>,
}

impl Profiles {
    /// Takes what was read. Returns the event to report, if the trouble with profiles is another than before.
    pub fn load(&mut self, loaded: LoadedProfiles) -> Option<Event> {
        // Those that were read before are better than none.
        if let Some(all) = loaded.profiles {
            let all = all.into_iter();
            self.loaded = all.map(|one| (one.zone.clone(), one)).collect();
        }
        if self.trouble == loaded.trouble {
            return None;
        }
        self.trouble.clone_from(&loaded.trouble);
        Some(Event::Profiles {
            trouble: loaded.trouble,
        })
    }

    /// How many were read.
    pub fn len(&self) -> usize {
        self.loaded.len()
    }

    /// The profile of each zone that rasline may serve, and of all others that there are.
    pub fn in_force(&self, config: &Config, learner: &Learner) -> Vec<Arc<Profile>> {
        let mut all = self.loaded.clone();
        let zones = config.zones.iter();
        for zone in zones.filter(|zone| !zone.is_proxied() && zone.has_own()) {
            let known = self.known.get(&zone.index);
            let profile = if let Some(profile) = all.get(&zone.name) {
                with_known(profile, known.map_or(&[], Vec::as_slice))
            } else {
                let known = known.cloned().unwrap_or_default();
                Arc::new(default_profile(zone, &identifier(zone, learner), known))
            };
            all.insert(zone.name.clone(), profile);
        }
        all.into_values().collect()
    }

    /// Learns what is known of a zone now, for its backup; of a large one what the last walk found.
    pub fn learn_zone(&mut self, zone: ZoneIndex, learner: &Learner, reserved: &Reserved) {
        let known = known_after(learner, zone.0, RegistrationId(0));
        let found: Vec<_> = known.take(AT_ONCE + 1).collect();
        if found.len() <= AT_ONCE || !self.known.contains_key(&zone) {
            self.known.insert(zone, listed(learner, found, reserved));
        }
    }

    /// Goes on with the walk, or begins another one once in a while; gives what it learned. Nothing is learned of zones
    /// that are `served` here.
    pub fn tick(
        &mut self,
        now: Time,
        config: &Config,
        learner: &Learner,
        served: &BTreeSet<ZoneIndex>,
    ) -> Option<Output> {
        if self.walk.zones.is_empty() {
            if now < self.walk_at {
                return None;
            }
            self.walk_at = now.after(WALK_EVERY);
            let zones = config.zones.iter();
            let backed_up = zones.filter(|zone| zone.is_transparent() && zone.has_own());
            let wanted = backed_up.filter(|zone| !served.contains(&zone.index));
            self.walk.zones = wanted.map(|zone| zone.index).collect();
        }
        let zone = self.walk.zones.front().copied()?;
        let walk = &mut self.walk;
        let before = walk.found.len();
        let part = known_after(learner, zone.0, walk.at).take(AT_ONCE);
        walk.found.extend(part);
        if walk.found.len() == before + AT_ONCE {
            walk.at = walk.found.last().map_or(walk.at, |(id, _)| *id);
            return None;
        }
        walk.zones.pop_front();
        walk.at = RegistrationId(0);
        let found = std::mem::take(&mut walk.found);
        let known = listed(learner, found, &config.reserved);
        if served.contains(&zone) || self.known.get(&zone) == Some(&known) {
            return None;
        }
        self.known.insert(zone, known.clone());
        Some(Output::Learned {
            zone: config.zone_name(zone),
            endpoints: known,
        })
    }
}

/// gatekeeperIdentifier of rasline's own gatekeeper of a zone.
fn identifier(zone: &Zone, learner: &Learner) -> String {
    let given = zone.gatekeeper_identifier.clone();
    given
        .or_else(|| gatekeeper_identifier(learner, zone.index.0))
        .unwrap_or_else(|| zone.name.clone())
}

/// A profile with what its zone's traffic adds: where known endpoints are, and endpoints that are not listed.
fn with_known(profile: &Arc<Profile>, known: &[KnownEndpoint]) -> Arc<Profile> {
    if known.is_empty() {
        return Arc::clone(profile);
    }
    let mut merged = Profile::clone(profile);
    let mut by_alias: BTreeMap<String, usize> = BTreeMap::new();
    for (at, endpoint) in merged.endpoints.iter().enumerate() {
        by_alias.extend(endpoint.aliases.iter().map(|alias| (alias.clone(), at)));
    }
    for learned in known {
        let listed: HashSet<usize> = (learned.aliases.iter())
            .filter_map(|alias| by_alias.get(alias).copied())
            .collect();
        match listed.iter().next() {
            None => merged.endpoints.push(learned.clone()),
            Some(at) if listed.len() == 1 => {
                let there = &mut merged.endpoints[*at];
                // Where it is now is newer than what was written.
                there
                    .endpoint_identifier
                    .clone_from(&learned.endpoint_identifier);
                there.ras_address = learned.ras_address.or(there.ras_address);
                there.call_signal_address =
                    learned.call_signal_address.or(there.call_signal_address);
            }
            // It has aliases of several: the administrator knows better.
            Some(_) => {}
        }
    }
    Arc::new(merged)
}

/// The profile of a zone that has none: who is of the zone may register.
fn default_profile(
    zone: &Zone,
    gatekeeper_identifier: &str,
    endpoints: Vec<KnownEndpoint>,
) -> Profile {
    let ttl = zone.endpoint_ttl.map_or(TimeToLive::default(), |ttl| {
        let seconds = u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX).max(1);
        TimeToLive {
            default: seconds,
            min: seconds,
            max: seconds,
        }
    });
    Profile {
        subscription: Subscription {
            on: true,
            until: None,
        },
        time_to_live: ttl,
        admit_unknown: true,
        endpoints,
        ..Profile::new(&zone.name, gatekeeper_identifier)
    }
}
