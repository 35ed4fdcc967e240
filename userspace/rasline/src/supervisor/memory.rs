//! What the store is told, and what is made of it at the next start.
//!
//! Invariant: what is published is in the store or on its way there, and what is not published is neither.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use rasline_core::{
    GatekeeperIndex, Input, Registration, RegistrationId, Stored, Time, agent::Remembered,
    alternates, failover,
};

use crate::{
    control::view,
    host::monotonic_ns,
    store::{Decision, Keeper, LIMIT, Listed, Manual, Store, Times},
    supervisor::{Supervisor, failover::Before, show::ago},
};

/// How often the times of a registration are written.
const TIMES_EVERY: Duration = Duration::from_mins(1);
/// Of so many registrations at a time at least.
const AT_ONCE: usize = 512;
/// How long the times of all of them may take when the controller stops.
const AT_STOP: Duration = Duration::from_secs(10);

/// The store, and how far it was told.
#[derive(Debug)]
pub(super) struct Memory {
    store: Arc<Store>,
    /// By gatekeeper index.
    keepers: HashMap<u32, Arc<Keeper>>,
    /// What is published is in the store already.
    restoring: bool,
    restored: u64,
    sweep: Sweep,
    /// All that is published, to be stored again.
    refill: std::vec::IntoIter<RegistrationId>,
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

impl Memory {
    pub(super) fn new(store: Store, config: &rasline_core::Config) -> Self {
        let now = Time(monotonic_ns());
        let mut memory = Self {
            store: Arc::new(store),
            keepers: HashMap::new(),
            restoring: false,
            restored: 0,
            sweep: Sweep {
                at: RegistrationId(0),
                started: now,
                before: now,
                done: true,
            },
            refill: Vec::new().into_iter(),
        };
        memory.configure(config);
        memory
    }

    /// Which gatekeepers there are.
    pub(super) fn configure(&mut self, config: &rasline_core::Config) {
        let all = config
            .zones
            .iter()
            .flat_map(|z| z.gatekeepers.iter().map(move |g| (z, g)));
        self.keepers = all
            .map(|(zone, g)| {
                let keeper = Keeper {
                    zone: zone.name.clone(),
                    gatekeeper: g.id.clone(),
                    address: g.address,
                };
                (g.index, Arc::new(keeper))
            })
            .collect();
    }

    /// The store.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// It is not published any more.
    pub(super) fn forget(&self, id: RegistrationId) {
        self.store.delete(id.0);
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
}

impl Supervisor {
    /// It is published, or something about it is another.
    pub(super) fn remember(&self, id: RegistrationId) {
        if self.memory.restoring || !self.memory.store.is_open() {
            return;
        }
        if let Some(stored) = self.effects.learner.stored(id)
            && let Some(keeper) = self.memory.keepers.get(&stored.gatekeeper)
        {
            self.memory.store.put(keeper, stored);
        }
    }

    /// A zone is served otherwise, or the operator decided something.
    pub(super) fn remember_decision(&self, zone: &str, active: &str, manual: failover::Manual) {
        self.memory.store.put_zone(Decision {
            zone: zone.to_owned(),
            active: active.to_owned(),
            manual: match manual {
                failover::Manual::None => Manual::None,
                failover::Manual::Hold => Manual::Hold,
                failover::Manual::Switch { gatekeeper } => {
                    Manual::Switch(self.gatekeeper_name(gatekeeper.0))
                }
            },
            since: Time(monotonic_ns()),
        });
    }

    /// Decisions of an earlier controller about zones and gatekeepers that are still configured.
    pub(super) fn remembered_decisions(&self) -> BTreeMap<String, Before> {
        let decisions = self.memory.store.zones().unwrap_or_else(|e| {
            tracing::error!("{e}");
            Vec::new()
        });
        let index = |zone: &str, gatekeeper: &str| {
            let zone = self.config.zones.iter().find(|z| z.name == zone)?;
            let found = zone.gatekeepers.iter().find(|g| g.id == gatekeeper)?;
            self.layout.gatekeeper(zone, found)
        };
        decisions
            .into_iter()
            .map(|decision| {
                let manual = match &decision.manual {
                    Manual::None => failover::Manual::None,
                    Manual::Hold => failover::Manual::Hold,
                    Manual::Switch(gatekeeper) => index(&decision.zone, gatekeeper).map_or(
                        failover::Manual::None,
                        |gatekeeper| failover::Manual::Switch {
                            gatekeeper: GatekeeperIndex(gatekeeper),
                        },
                    ),
                };
                let active = index(&decision.zone, &decision.active);
                (decision.zone, Before { active, manual })
            })
            .collect()
    }

    /// What a gatekeeper named last; nothing: no more.
    pub(super) fn remember_alternates(&self, gatekeeper: u32, list: Option<alternates::List>) {
        let Some(by) = self.memory.keepers.get(&gatekeeper) else {
            return;
        };
        let (message, at, alternates) = list.map_or_else(
            || (String::new(), Time(0), Vec::new()),
            |list| (list.message, list.at, list.alternates),
        );
        self.memory.store.put_alternates(Listed {
            by: (**by).clone(),
            message,
            at,
            alternates,
        });
    }

    /// What gatekeepers that are still configured had named.
    pub(super) fn remembered_alternates(&self) -> Vec<alternates::List> {
        let lists = self.memory.store.alternates().unwrap_or_else(|e| {
            tracing::error!("{e}");
            Vec::new()
        });
        let list = |list: Listed| {
            let keepers = &self.memory.keepers;
            let (gatekeeper, _) = keepers.iter().find(|(_, keeper)| ***keeper == list.by)?;
            Some(alternates::List {
                zone: self.layout.zone(&list.by.zone)?,
                gatekeeper: *gatekeeper,
                message: list.message,
                at: list.at,
                alternates: list.alternates,
            })
        };
        lists.into_iter().filter_map(list).collect()
    }

    /// What an agent knows of its gatekeepers; nothing: it is no more.
    pub(super) fn remember_agent(&mut self, agent: Remembered) {
        self.memory.store.remember_agent(agent.clone());
        if agent.gatekeeper.is_none() && agent.alternates.is_empty() {
            self.agents_known.remove(&agent.name);
        } else {
            self.agents_known.insert(agent.name.clone(), agent);
        }
    }

    /// What agents knew under an earlier controller.
    pub(super) fn remembered_agents(&self) -> Vec<Remembered> {
        self.memory.store.agents().unwrap_or_else(|e| {
            tracing::error!("{e}");
            Vec::new()
        })
    }

    /// At start, before any packet meets the program: publishes what was published before, as far as it holds.
    pub(super) fn restore(&mut self) {
        let started = Instant::now();
        let places: HashMap<Keeper, (u32, u32)> = self
            .config
            .zones
            .iter()
            .flat_map(|z| z.gatekeepers.iter().map(move |g| (z, g)))
            .filter_map(|(zone, g)| {
                let place = (
                    self.layout.zone(&zone.name)?,
                    self.layout.gatekeeper(zone, g)?,
                );
                let keeper = Keeper {
                    zone: zone.name.clone(),
                    gatekeeper: g.id.clone(),
                    address: g.ras(),
                };
                Some((keeper, place))
            })
            .collect();
        let store = Arc::clone(&self.memory.store);
        self.memory.restoring = true;
        let loaded = store.load(
            |keeper| places.get(keeper).copied(),
            |stored| self.restore_one(stored),
        );
        self.memory.restoring = false;
        self.memory.restored = self.effects.learner.stats().restored;
        let published = self.effects.learner.stats().published;
        match loaded {
            Ok(all) if all.given + all.foreign + all.bad == 0 => {}
            Ok(all) => {
                let gone = all.given + all.foreign + all.bad - published;
                if gone > 0 {
                    store.keep_only(self.published_ids().map(|id| id.0).collect());
                }
                let text = format!(
                    "{published} registrations restored in {:.1} s, {gone} no longer valid",
                    started.elapsed().as_secs_f64()
                );
                tracing::info!("{text}");
                self.events.add("store", text);
            }
            Err(e) => {
                tracing::error!("{e}");
                self.events.add("store", e.to_string());
            }
        }
    }

    fn restore_one(&mut self, mut stored: Box<Stored>) {
        let table = self.dataplane.table();
        if let Some(noted) = table.observe_unclaimed(monotonic_ns(), stored.endpoint, &stored.rrq) {
            stored.confirmed = stored.confirmed.max(Time(noted.confirmed_ns));
            stored.last_seen = stored.last_seen.max(Time(noted.last_seen_ns));
        }
        self.handle(Input::Restore(stored));
    }

    fn published_ids(&self) -> impl Iterator<Item = RegistrationId> {
        let all = self.effects.learner.registrations();
        all.filter(|r| r.state.is_published()).map(|r| r.id)
    }

    /// Important events of earlier controllers.
    pub(super) fn restore_events(&mut self) {
        let earlier = self.memory.store.events().unwrap_or_else(|e| {
            tracing::error!("{e}");
            Vec::new()
        });
        let read = |text: String| serde_json::from_str(&text).ok();
        self.events
            .restore(earlier.into_iter().filter_map(read).collect());
    }

    /// Important events go to the store.
    pub(super) fn save_events(&mut self) {
        for event in self.events.take_unsaved() {
            if let Ok(text) = serde_json::to_string(&event) {
                self.memory.store.put_event(event.number, text);
            }
        }
    }

    /// Tells what the store has to say, and tells the store what has changed.
    pub(super) fn tick_memory(&mut self, now: Time) {
        for text in self.memory.store.news() {
            self.events.add("store", text);
        }
        if self.memory.refill.len() == 0 && self.memory.store.wants_all() {
            self.start_refill();
            self.events.save_all();
        }
        self.save_events();
        let room = self.memory.store.room();
        let some: Vec<RegistrationId> = self.memory.refill.by_ref().take(room).collect();
        for id in some {
            self.remember(id);
        }
        self.refill_served();
        self.note_times(now);
    }

    fn start_refill(&mut self) {
        self.start_refill_served();
        let all: Vec<RegistrationId> = self.published_ids().collect();
        self.memory
            .store
            .keep_only(all.iter().map(|id| id.0).collect());
        self.memory.refill = all.into_iter();
        for agent in self.agents_known.values() {
            self.memory.store.remember_agent(agent.clone());
        }
        for (zone, (active, manual)) in &self.failover.kept {
            self.remember_decision(zone, active, *manual);
        }
    }

    fn note_times(&mut self, now: Time) {
        let mut sweep = self.memory.sweep;
        if sweep.done && now.since(sweep.started) >= TIMES_EVERY {
            sweep = Sweep {
                at: RegistrationId(0),
                started: now,
                before: sweep.started,
                done: false,
            };
        }
        if !sweep.done {
            let part = self.effects.learner.stats().registrations / TIMES_EVERY.as_secs() as usize;
            let most = part.max(AT_ONCE).min(self.memory.store.room());
            self.note_some(&mut sweep, most);
        }
        self.memory.sweep = sweep;
    }

    fn note_some(&self, sweep: &mut Sweep, most: usize) {
        let mut looked_at = 0;
        for shown in self
            .effects
            .learner
            .registrations_after(sweep.at)
            .take(most)
        {
            looked_at += 1;
            sweep.at = shown.id;
            if shown.last_seen >= sweep.before || shown.confirmed >= sweep.before {
                self.memory.touch(shown);
            }
        }
        sweep.done = looked_at < most;
    }

    /// At the end: everything that is not written yet.
    pub(super) fn remember_all_times(&mut self) {
        let store = Arc::clone(&self.memory.store);
        let until = Instant::now() + AT_STOP;
        let mut sweep = self.memory.sweep;
        if sweep.done {
            sweep.before = sweep.started;
        }
        (sweep.at, sweep.done) = (RegistrationId(0), false);
        let mut written = Ok(());
        while !sweep.done && Instant::now() < until && written.is_ok() {
            self.note_some(&mut sweep, LIMIT / 2);
            written = store.flush();
        }
        match written {
            Ok(()) if sweep.done => {}
            Ok(()) => tracing::warn!("{}: not all times could be written", store.path().display()),
            Err(e) => tracing::error!("{e}"),
        }
    }

    pub(super) fn show_store(&self) -> view::Store {
        let status = self.memory.store.status();
        let now = monotonic_ns();
        view::Store {
            path: self.memory.store.path().display().to_string(),
            registrations: status.registrations,
            restored: self.memory.restored,
            waiting: status.waiting,
            last_write: status.last_write.map(|at| ago(now, at.0)),
            overflows: status.overflows,
            set_aside: status.set_aside,
            error: status.error,
        }
    }
}
