//! Profiles in force: those of the database, with what the zones' live traffic adds; for zones without one, what the
//! configuration and the traffic say.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use rasline_core::{
    RegistrationId,
    backup::{self, gatekeeper_identifier, known_after, listed},
    profile::{KnownEndpoint, Profile, Subscription, TimeToLive},
};

use super::tell::name;
use crate::{
    config::{Gatekeeper, Zone},
    control::view,
    profiles::{Loaded, Source},
    supervisor::Supervisor,
};

/// How often a walk over all registrations begins.
const WALK_EVERY: Duration = Duration::from_mins(1);
/// Registrations looked at in a second at most: each costs the loop the decoding of a message.
const AT_ONCE: usize = 2000;

/// What was loaded, and what was learned since.
#[derive(Debug, Default)]
pub(super) struct Learned {
    loaded: BTreeMap<String, Arc<Profile>>,
    source: Option<Source>,
    trouble: Option<String>,
    /// By zone index, as of the last time that it was looked at.
    known: BTreeMap<u32, Vec<KnownEndpoint>>,
    walk: Walk,
    walk_at_ns: u64,
}

/// A walk over the registrations of all zones with a backup, a part each second.
#[derive(Debug, Default)]
struct Walk {
    /// Zones that it has yet to go through.
    zones: VecDeque<u32>,
    /// Number of the last one of the first zone that was looked at.
    at: u64,
    found: Vec<(RegistrationId, KnownEndpoint)>,
}

impl Supervisor {
    /// Other profiles were committed, or there is trouble with them.
    pub(in crate::supervisor) fn profiles_loaded(&mut self, loaded: Loaded) {
        let learned = &mut self.serving.learned;
        // Those that were read before are better than none.
        if loaded.source != Source::Nothing || loaded.trouble.is_none() {
            let all = loaded.profiles.into_iter();
            learned.loaded = all.map(|p| (p.zone.clone(), p)).collect();
        }
        learned.source = Some(loaded.source);
        if learned.trouble != loaded.trouble {
            learned.trouble.clone_from(&loaded.trouble);
            let text = loaded
                .trouble
                .unwrap_or_else(|| "read from the database".to_owned());
            self.events
                .controller(name::PROFILES, &format!("profiles: {text}"));
        }
        self.use_profiles();
    }

    /// Where profiles were read from.
    pub(in crate::supervisor) fn profiles_view(&self) -> view::Profiles {
        let learned = &self.serving.learned;
        let (source, since) = match learned.source {
            Some(Source::Database) => ("database", None),
            Some(Source::Snapshot { since }) => ("copy", Some(since)),
            Some(Source::Nothing) | None => ("nothing", None),
        };
        view::Profiles {
            zones: learned.loaded.len(),
            source: source.to_owned(),
            since,
            error: learned.trouble.clone().unwrap_or_default(),
        }
    }

    /// Gives the control unit the profile of each zone that it may serve.
    pub(super) fn use_profiles(&mut self) {
        let zones = self.config.zones.iter();
        let served =
            zones.filter(|z| !z.mode.is_proxy() && z.gatekeepers.iter().any(Gatekeeper::is_own));
        let mut all: BTreeMap<String, Arc<Profile>> = self.serving.learned.loaded.clone();
        for zone in served {
            let known = self.layout.zone(&zone.name);
            let known = known.and_then(|index| self.serving.learned.known.get(&index));
            let profile = if let Some(profile) = all.get(&zone.name) {
                with_known(profile, known.map_or(&[], Vec::as_slice))
            } else {
                let known = known.cloned().unwrap_or_default();
                Arc::new(default_profile(zone, &self.calls_itself(zone), known))
            };
            all.insert(zone.name.clone(), profile);
        }
        self.control_unit(backup::Input::Profiles {
            all: all.into_values().collect(),
        });
    }

    /// gatekeeperIdentifier of rasline's own gatekeeper of a zone.
    pub(super) fn calls_itself(&self, zone: &Zone) -> String {
        let learned =
            || gatekeeper_identifier(&self.effects.learner, self.layout.zone(&zone.name)?);
        let given = zone.gatekeeper_identifier.clone();
        given.or_else(learned).unwrap_or_else(|| zone.name.clone())
    }

    /// What the learner knows of a zone now, for its backup; of a large one what the last walk found.
    pub(super) fn learn_zone(&mut self, zone: u32) {
        let known = known_after(&self.effects.learner, zone, RegistrationId(0));
        let found: Vec<_> = known.take(AT_ONCE + 1).collect();
        if found.len() <= AT_ONCE || !self.serving.learned.known.contains_key(&zone) {
            let known = listed(&self.effects.learner, found, &self.serving.reserved);
            self.serving.learned.known.insert(zone, known);
        }
    }

    /// Goes on with the walk, or begins another one once in a while.
    pub(super) fn tick_profiles(&mut self, now_ns: u64) {
        let learned = &mut self.serving.learned;
        if learned.walk.zones.is_empty() {
            if now_ns < learned.walk_at_ns {
                return;
            }
            learned.walk_at_ns = now_ns + WALK_EVERY.as_nanos() as u64;
            self.begin_walk();
        }
        let Some(zone) = self.serving.learned.walk.zones.front().copied() else {
            return;
        };
        let walk = &mut self.serving.learned.walk;
        let part = known_after(&self.effects.learner, zone, RegistrationId(walk.at)).take(AT_ONCE);
        let before = walk.found.len();
        walk.found.extend(part);
        if walk.found.len() == before + AT_ONCE {
            walk.at = walk.found.last().map_or(walk.at, |(id, _)| id.0);
            return;
        }
        walk.zones.pop_front();
        walk.at = 0;
        let found = std::mem::take(&mut walk.found);
        let known = listed(&self.effects.learner, found, &self.serving.reserved);
        self.learned_of(zone, known);
    }

    fn begin_walk(&mut self) {
        let backed_up = |z: &&Zone| z.is_backed_up();
        let zones = self.config.zones.iter().filter(backed_up);
        self.serving.learned.walk.zones = zones
            .filter_map(|z| self.layout.zone(&z.name))
            .filter(|index| !self.serving.serves.contains(index))
            .collect();
    }

    fn learned_of(&mut self, zone: u32, known: Vec<KnownEndpoint>) {
        // While it is served here, there is nothing of its own gatekeeper to learn.
        if self.serving.serves.contains(&zone) {
            return;
        }
        if self.serving.learned.known.get(&zone) != Some(&known) {
            self.directory.learn(&self.zone_name(zone), known.clone());
            self.serving.learned.known.insert(zone, known);
        }
    }
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
