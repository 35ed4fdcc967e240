//! Records in the store: what the site wants remembered, under names that outlive the indices of the kernel's tables.
//!
//! Invariant: what is published is in the store or on its way there, and what is not published is neither.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use rasline_core::{
    GatekeeperIndex, Registration, RegistrationId, Time, ZoneIndex,
    agent::Remembered,
    alternates, failover,
    record::{self, Record, RecordKey},
    site::{Config, Site},
};

use super::Events;
use crate::store::{Decision, Keeper, LIMIT, Listed, Manual, Store, Times};

/// How often the times of a registration are written.
const TIMES_EVERY: Duration = Duration::from_mins(1);
/// Registrations whose times are looked at in one go, at least.
const AT_ONCE: usize = 512;
/// How long the times of all of them may take when the controller stops.
const AT_STOP: Duration = Duration::from_secs(10);

/// The store, and what has yet to be written to it.
#[derive(Debug)]
pub struct Persist {
    store: Arc<Store>,
    keepers: HashMap<GatekeeperIndex, Arc<Keeper>>,
    /// What is published is in the store already.
    restoring: bool,
    /// Registrations that were restored at the start.
    pub restored: u64,
    /// Rows of calls that made no sense when the controller started, by zone.
    pub bad_calls: HashMap<ZoneIndex, u64>,
    sweep: Sweep,
    /// All that is remembered, to be stored again.
    refill: std::iter::Peekable<std::vec::IntoIter<RecordKey>>,
    /// What agents know of their gatekeepers, by name.
    agents: BTreeMap<String, Remembered>,
}

/// A walk over all registrations, a part at each tick: those that changed since the last walk are noted. Rows that
/// stand together are written together.
#[derive(Clone, Copy, Debug)]
struct Sweep {
    /// The last one that was looked at.
    at: RegistrationId,
    started: Time,
    /// When the walk before started.
    before: Time,
    done: bool,
}

impl Persist {
    /// With this store, which gatekeepers' names are given for by [`Persist::configure`].
    #[must_use]
    pub fn new(now: Time, store: Store) -> Self {
        Self {
            store: Arc::new(store),
            keepers: HashMap::new(),
            restoring: false,
            restored: 0,
            bad_calls: HashMap::new(),
            sweep: Sweep {
                at: RegistrationId(0),
                started: now,
                before: now,
                done: true,
            },
            refill: Vec::new().into_iter().peekable(),
            agents: BTreeMap::new(),
        }
    }

    /// Follows a configuration: which gatekeepers there are.
    pub fn configure(&mut self, config: &Config) {
        let learned = config.gatekeepers().filter(|(_, one)| !one.is_own());
        let keepers = learned.filter(|(zone, _)| zone.is_transparent());
        self.keepers = keepers
            .map(|(zone, one)| {
                let keeper = Keeper {
                    zone: zone.name.clone(),
                    gatekeeper: one.id.clone(),
                    address: one.ras,
                };
                (one.index, Arc::new(keeper))
            })
            .collect();
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// While registrations are restored, they are not stored again.
    pub const fn set_restoring(&mut self, restoring: bool) {
        self.restoring = restoring;
    }

    /// What agents know, by name.
    #[must_use]
    pub const fn agents(&self) -> &BTreeMap<String, Remembered> {
        &self.agents
    }

    /// An agent's knowledge that was in the store already.
    pub fn adopt_agent(&mut self, agent: Remembered) {
        self.agents.insert(agent.name.clone(), agent);
    }

    /// Remembers a record.
    pub fn put(&mut self, config: &Config, record: Record) {
        match record {
            Record::Registration(stored) => {
                let keeper = self.keepers.get(&GatekeeperIndex(stored.gatekeeper));
                if let Some(keeper) = keeper.filter(|_| !self.restoring) {
                    self.store.put(keeper, *stored);
                }
            }
            Record::Served { zone, stored } => {
                self.store.put_served(&config.zone_name(zone), *stored);
            }
            Record::Call { zone, call } => self.store.put_call(&config.zone_name(zone), *call),
            Record::Decision(decision) => self.store.put_zone(named(config, &decision)),
            Record::Alternates(list) => {
                self.put_alternates(GatekeeperIndex(list.gatekeeper), Some(*list));
            }
            Record::Agent(agent) => {
                self.store.remember_agent(Remembered::clone(&agent));
                if agent.gatekeeper.is_none() && agent.alternates.is_empty() {
                    self.agents.remove(&agent.name);
                } else {
                    self.agents.insert(agent.name.clone(), *agent);
                }
            }
        }
    }

    /// Forgets a record.
    pub fn forget(&mut self, config: &Config, key: &RecordKey) {
        match key {
            RecordKey::Registration(id) => self.store.delete(id.0),
            RecordKey::Served {
                zone,
                endpoint_identifier,
            } => {
                let zone = config.zone_name(*zone);
                self.store.delete_served(&zone, endpoint_identifier);
            }
            RecordKey::Call { zone, call } => {
                self.store.delete_call(&config.zone_name(*zone), call);
            }
            RecordKey::Alternates(gatekeeper) => self.put_alternates(*gatekeeper, None),
            RecordKey::Agent(name) => {
                self.agents.remove(name);
                self.store.remember_agent(Remembered {
                    name: name.clone(),
                    gatekeeper: None,
                    endpoint_identifier: None,
                    alternates: Vec::new(),
                });
            }
            // A zone's decision is replaced by the next one.
            RecordKey::Decision(_) => {}
        }
    }

    fn put_alternates(&self, gatekeeper: GatekeeperIndex, list: Option<alternates::List>) {
        let Some(by) = self.keepers.get(&gatekeeper) else {
            return;
        };
        let (message, at, alternates) = list.map_or_else(
            || (String::new(), Time(0), Vec::new()),
            |list| (list.message, list.at, list.alternates),
        );
        self.store.put_alternates(Listed {
            by: (**by).clone(),
            message,
            at,
            alternates,
        });
    }

    /// Decisions of an earlier controller about zones and gatekeepers that are still configured.
    #[must_use]
    pub fn decisions(&self, config: &Config) -> Vec<record::Decision> {
        let all = self.store.zones();
        let all = all.unwrap_or_else(|e| {
            tracing::error!("{e}");
            Vec::new()
        });
        all.into_iter()
            .filter_map(|decision| indexed(config, &decision))
            .collect()
    }

    /// What gatekeepers that are still configured had named.
    #[must_use]
    pub fn alternates(&self, config: &Config) -> Vec<alternates::List> {
        let all = self.store.alternates();
        let all = all.unwrap_or_else(|e| {
            tracing::error!("{e}");
            Vec::new()
        });
        let list = |list: Listed| {
            let mut keepers = self.keepers.iter();
            let (gatekeeper, _) = keepers.find(|(_, keeper)| ***keeper == list.by)?;
            let (zone, _) = config.gatekeeper(*gatekeeper)?;
            Some(alternates::List {
                zone: zone.index.0,
                gatekeeper: gatekeeper.0,
                message: list.message,
                at: list.at,
                alternates: list.alternates,
            })
        };
        all.into_iter().filter_map(list).collect()
    }

    /// Tells people what the store has to say, and the store what has changed.
    pub(super) fn tick(&mut self, now_ns: u64, site: &Site, events: &mut Events) {
        for text in self.store.news() {
            events.add("store", text);
        }
        if self.refill.len() == 0 && self.store.wants_all() {
            self.start_refill(site);
            events.save_all();
        }
        self.save_events(events);
        self.go_on_refilling(site);
        self.note_times(Time(now_ns), site);
    }

    /// Important events go to the store.
    pub fn save_events(&self, events: &mut Events) {
        for event in events.take_unsaved() {
            if let Ok(text) = serde_json::to_string(&event) {
                self.store.put_event(event.number, text);
            }
        }
    }

    /// Begins to store everything again: the store has lost what it had, or had no room. First it drops what is no more.
    fn start_refill(&mut self, site: &Site) {
        let keys = site.record_keys();
        let name = |zone: &ZoneIndex| site.config().zone_name(*zone);
        let mut learned = Vec::new();
        let (mut served, mut calls) = (Vec::new(), Vec::new());
        for key in &keys {
            match key {
                RecordKey::Registration(id) => learned.push(id.0),
                RecordKey::Served {
                    zone,
                    endpoint_identifier,
                } => served.push((name(zone), endpoint_identifier.clone())),
                RecordKey::Call { zone, call } => calls.push((name(zone), call.clone())),
                _ => {}
            }
        }
        self.store.keep_only(learned);
        self.store.keep_only_served(served);
        self.store.keep_only_calls(calls);
        for agent in self.agents.values() {
            self.store.remember_agent(agent.clone());
        }
        self.refill = keys.into_iter().peekable();
    }

    /// Stores again what there is room for.
    fn go_on_refilling(&mut self, site: &Site) {
        let mut room = [
            self.store.room(),
            self.store.room_for_served(),
            self.store.room_for_calls(),
        ];
        while let Some(key) = self.refill.peek() {
            let room = match key {
                RecordKey::Served { .. } => &mut room[1],
                RecordKey::Call { .. } => &mut room[2],
                _ => &mut room[0],
            };
            let Some(left) = room.checked_sub(1) else {
                return;
            };
            *room = left;
            // It may be over meanwhile.
            let record = self.refill.next().and_then(|key| site.record(&key));
            if let Some(record) = record {
                self.put(site.config(), record);
            }
        }
    }

    fn note_times(&mut self, now: Time, site: &Site) {
        let mut sweep = self.sweep;
        if sweep.done && now.since(sweep.started) >= TIMES_EVERY {
            sweep = Sweep {
                at: RegistrationId(0),
                started: now,
                before: sweep.started,
                done: false,
            };
        }
        if !sweep.done {
            let known = site.learner().stats().registrations;
            let part = known / TIMES_EVERY.as_secs() as usize;
            let most = part.max(AT_ONCE).min(self.store.room());
            self.note_some(site, &mut sweep, most);
        }
        self.sweep = sweep;
    }

    fn note_some(&self, site: &Site, sweep: &mut Sweep, most: usize) {
        let mut looked_at = 0;
        for shown in site.learner().registrations_after(sweep.at).take(most) {
            looked_at += 1;
            sweep.at = shown.id;
            if shown.last_seen >= sweep.before || shown.confirmed >= sweep.before {
                self.touch(shown);
            }
        }
        sweep.done = looked_at < most;
    }

    fn touch(&self, shown: &Registration) {
        if shown.state.is_published() {
            let times = Times {
                confirmed: shown.confirmed,
                last_seen: shown.last_seen,
                answered: shown.answered,
            };
            self.store.touch(shown.id.0, times);
        }
    }

    /// At the end: writes everything that is not written yet.
    pub fn write_all_times(&self, site: &Site) {
        let until = Instant::now() + AT_STOP;
        let mut sweep = self.sweep;
        if sweep.done {
            sweep.before = sweep.started;
        }
        (sweep.at, sweep.done) = (RegistrationId(0), false);
        let mut written = Ok(());
        while !sweep.done && Instant::now() < until && written.is_ok() {
            self.note_some(site, &mut sweep, LIMIT / 2);
            written = self.store.flush();
        }
        match written {
            Ok(()) if sweep.done => {}
            Ok(()) => {
                let path = self.store.path().display();
                tracing::warn!("{path}: not all times could be written");
            }
            Err(e) => tracing::error!("{e}"),
        }
    }
}

/// A decision under names.
fn named(config: &Config, decision: &record::Decision) -> Decision {
    let name = |one: GatekeeperIndex| config.gatekeeper_name(one);
    Decision {
        zone: config.zone_name(decision.zone),
        active: decision.active.map_or_else(|| "-".to_owned(), name),
        manual: match decision.manual {
            failover::Manual::None => Manual::None,
            failover::Manual::Hold => Manual::Hold,
            failover::Manual::Switch { gatekeeper } => Manual::Switch(name(gatekeeper)),
        },
        since: decision.since,
    }
}

/// A decision under indices; `None`: its zone is not configured.
fn indexed(config: &Config, decision: &Decision) -> Option<record::Decision> {
    let zone = config
        .zones
        .iter()
        .find(|zone| zone.name == decision.zone)?;
    let index = |id: &String| {
        let found = zone.gatekeepers.iter().find(|one| one.id == *id)?;
        Some(found.index)
    };
    let manual = match &decision.manual {
        Manual::None => failover::Manual::None,
        Manual::Hold => failover::Manual::Hold,
        Manual::Switch(id) => index(id).map_or(failover::Manual::None, |gatekeeper| {
            failover::Manual::Switch { gatekeeper }
        }),
    };
    Some(record::Decision {
        zone: zone.index,
        active: index(&decision.active),
        manual,
        since: decision.since,
    })
}
