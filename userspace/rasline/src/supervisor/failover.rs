//! Which gatekeeper serves each zone: health, the kernel's own decisions and the operator go into the core's failover
//! machine, its decisions into the kernel.
//!
//! Invariant: the kernel is told only what differs from what it has; every telling ends a decision of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rasline_core::{
    GatekeeperIndex, Time, ZoneIndex,
    failover::{self, Candidate, Failback as Policy, Input, Manual, Output, ZonePolicy},
    health::{self, Evidence, State},
};
use rasline_kernel::{Dataplane, Steering};

use crate::{
    config::{Config, Failback, Origin, Zone},
    control::{Reply, view},
    failure::{Failure, Result},
    host::{self, monotonic_ns},
    probe::{Report, Target},
    suggest::did_you_mean,
    supervisor::{Supervisor, apply, hang_up::LostCalls},
};

/// How often the kernel's own decisions are looked for.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A gatekeeper of which probes say nothing is dead after this many times `dead_after`, and this long at least.
const TRAFFIC_DEAD: u32 = 3;
const LEAST_TRAFFIC_DEAD: Duration = Duration::from_millis(900);
/// Counting calls takes one part in so many of the time at most.
const COUNT_SELDOM: u64 = 20;

/// Drives the failover machine: the machine, what it was given, and what its decisions need beside it.
#[derive(Debug, Default)]
pub(super) struct FailoverDriver {
    pub(super) machine: failover::Failover,
    /// Gatekeepers found dead.
    pub(super) down: BTreeSet<u32>,
    /// Those of them that are not marked down in the kernel, since moves are damped.
    damped: BTreeSet<u32>,
    /// The kernel's decisions that were given to the machine: zone and time.
    heard: BTreeMap<u32, u64>,
    /// Calls are not counted before.
    count_at: u64,
    /// Connections to gatekeepers that are gone.
    pub(super) lost_calls: LostCalls,
    /// What the operator decided, by zone name: for the store.
    pub(super) kept: BTreeMap<String, (String, Manual)>,
}

/// What the store remembers of a zone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    pub(super) active: Option<u32>,
    pub(super) manual: Manual,
}

/// The policies of a configuration, each zone's candidates in their order.
fn zone_policies(supervisor: &Supervisor) -> Vec<ZonePolicy> {
    let policy = |zone: &Zone| {
        let candidate = |g: &crate::config::Gatekeeper| {
            Some(Candidate {
                gatekeeper: GatekeeperIndex(supervisor.layout.gatekeeper(zone, g)?),
                priority: g.priority,
                need_to_register: matches!(
                    g.origin,
                    Origin::Learned {
                        need_to_register: true,
                        ..
                    }
                ),
            })
        };
        Some(ZonePolicy {
            zone: ZoneIndex(supervisor.layout.zone(&zone.name)?),
            // A proxy's own gatekeeper is the one that its endpoints see.
            candidates: (zone.gatekeepers.iter())
                .filter(|g| !(zone.mode.is_proxy() && g.is_own()))
                .filter_map(candidate)
                .collect(),
            failback: match zone.failback {
                Failback::None => Policy::None,
                Failback::After(time) => Policy::After(time),
                Failback::AfterCalls => Policy::AfterCalls,
                Failback::Window { from, to } => Policy::Window {
                    from_minute: from,
                    to_minute: to,
                },
            },
        })
    };
    let zones = supervisor.config.zones.iter();
    zones
        .filter(|z| z.is_watched())
        .filter_map(policy)
        .collect()
}

/// Whom to probe, and how: every gatekeeper of every zone but rasline's own.
fn probe_targets(config: &Config, layout: &crate::supervisor::layout::Layout) -> Vec<Target> {
    let zones = config.zones.iter();
    let interfaces = config.interfaces.iter();
    let endpoints: Vec<String> = interfaces
        .filter(|i| !i.side.gatekeepers())
        .map(|i| i.name.clone())
        .collect();
    zones
        .flat_map(|zone| zone.gatekeepers.iter().map(move |g| (zone, g)))
        .filter(|(_, g)| !g.is_own())
        .filter_map(|(zone, g)| {
            let settings = health::Settings {
                traffic_dead: judged_by_traffic(zone),
                ..zone.probe.settings()
            };
            let target = Target {
                gatekeeper: layout.gatekeeper(zone, g)?,
                ras: g.ras(),
                call: std::net::SocketAddr::new(g.address, g.call_signal_port),
                probe: zone.probe.ras,
                settings,
                endpoints: endpoints.clone(),
            };
            (target.is_probed() || settings.traffic_dead.is_some()).then_some(target)
        })
        .collect()
}

/// How long endpoints' requests must be unanswered until a gatekeeper of which probes say nothing is dead. Where there
/// are others the program decides that by itself.
fn judged_by_traffic(zone: &Zone) -> Option<Duration> {
    let alone = zone.mode.is_transparent() && !zone.is_steered();
    alone.then(|| (zone.dead_after * TRAFFIC_DEAD).max(LEAST_TRAFFIC_DEAD))
}

impl Supervisor {
    /// At start: what was in force before goes on. The program's tables outlive the controller, a hold with them; the
    /// store outlives the machine.
    pub(super) fn start_failover(&mut self, before: &BTreeMap<String, Before>) {
        for zone in &self.config.zones.clone() {
            let Some(index) = self.layout.zone(&zone.name) else {
                continue;
            };
            let kept = before.get(&zone.name).copied().unwrap_or_default();
            let steered = self.dataplane.steered_to(index);
            let (active, moved, manual) = match steered.filter(|_| !zone.mode.is_proxy()) {
                Some((active, moved_ns)) => {
                    let manual = match kept.manual {
                        _ if !self.dataplane.is_auto(index) => Manual::Hold,
                        Manual::Hold => Manual::None,
                        manual => manual,
                    };
                    (Some(active), moved_ns != 0, manual)
                }
                None => (kept.active, false, kept.manual),
            };
            let Some(active) = active else { continue };
            let first = apply::candidates(zone, &self.layout).first() == Some(&active);
            // Else it is where it starts anyway.
            if manual != Manual::None || moved || !first {
                self.fail_over(Input::Restore {
                    zone: ZoneIndex(index),
                    active: Some(GatekeeperIndex(active)),
                    manual,
                });
            }
        }
        self.follow_zones();
    }

    /// After a reload, or when other alternates are known.
    pub(super) fn refresh_failover(&mut self) {
        let known = self.layout.gatekeepers();
        self.failover.down.retain(|g| known.contains(g));
        self.cut_off.retain(|g, _| known.contains(g));
        self.follow_zones();
        self.steer_again();
        self.choose_standbys();
    }

    /// Zones, their gatekeepers and how these are probed, as they stand in the configuration.
    fn follow_zones(&mut self) {
        // Together, so that nothing is told to the kernel before its own decisions are heard.
        let mut inputs = vec![Input::Policies(zone_policies(self))];
        inputs.extend(self.poll_kernel_decisions());
        let own = self.own_gatekeepers();
        inputs.extend(own.iter().map(|g| healthy(*g)));
        self.drive_failover(inputs);
        let targets = probe_targets(&self.config, &self.layout);
        let mut unknown = self.layout.gatekeepers();
        for target in &targets {
            unknown.remove(&target.gatekeeper);
        }
        let dataplane = &self.dataplane;
        let ended = self.probes.set(targets, |g| dataplane.known_answers(g));
        unknown.extend(ended);
        unknown.retain(|g| !own.contains(g));
        for gatekeeper in unknown.intersection(&self.layout.gatekeepers()) {
            self.forget_health(*gatekeeper);
        }
    }

    /// What was thought of a gatekeeper, by this controller or the one before, is void: it is probed otherwise now, or
    /// not at all.
    fn forget_health(&mut self, gatekeeper: u32) {
        self.cut_off.remove(&gatekeeper);
        self.dataplane.set_down(gatekeeper, None);
        if self.failover.down.remove(&gatekeeper) {
            self.fail_over(Input::Health {
                gatekeeper: GatekeeperIndex(gatekeeper),
                state: State::Unknown,
                evidence: Evidence::default(),
            });
        }
    }

    /// Puts into the kernel what is decided: its tables were written anew.
    fn steer_again(&mut self) {
        for zone in &self.config.zones.clone() {
            let index = self.layout.zone(&zone.name).map(ZoneIndex);
            let view = index.and_then(|index| Some((index, self.failover.machine.zone(index)?)));
            if let Some((index, view)) = view {
                self.steer(&failover::Steering {
                    zone: index,
                    active: view.active,
                    steered: view.steered,
                    auto: view.manual != Manual::Hold,
                    moved: false,
                });
            }
        }
    }

    /// What a probe found.
    pub(super) fn handle_probe_report(&mut self, report: Report) {
        match report {
            Report::Answered { gatekeeper, at } => self.dataplane.probe_answered(gatekeeper, at.0),
            Report::CutOff { gatekeeper, why } => self.way_changed(gatekeeper, why),
            // What is thought of it then is decided with the whole zone in view.
            Report::Changed { gatekeeper, .. } if self.cut_off.contains_key(&gatekeeper) => {}
            Report::Changed { gatekeeper, change } => {
                if change.to == State::Down {
                    self.failover.down.insert(gatekeeper);
                } else if change.to == State::Up {
                    if self.failover.down.remove(&gatekeeper) {
                        self.dataplane.set_back(gatekeeper, monotonic_ns());
                    }
                    self.dataplane.set_down(gatekeeper, None);
                }
                self.fail_over(Input::Health {
                    gatekeeper: GatekeeperIndex(gatekeeper),
                    state: change.to,
                    evidence: change.evidence,
                });
                self.mark_down_in_kernel(gatekeeper);
                if matches!(change.to, State::Up | State::Down) {
                    self.choose_standbys();
                }
            }
        }
    }

    /// Tells the program that a gatekeeper was found dead, which makes it leave it; not while moves are damped, and
    /// not where the program's own evidence was all there was.
    fn mark_down_in_kernel(&mut self, gatekeeper: u32) {
        if !self.failover.down.contains(&gatekeeper) {
            return;
        }
        let now_ns = monotonic_ns();
        let damped = (self.failover.machine).is_damped(Time(now_ns), GatekeeperIndex(gatekeeper));
        let probed = self.probes.seen(gatekeeper).is_none_or(|seen| seen.probed);
        if probed && !damped {
            self.dataplane.set_down(gatekeeper, Some(now_ns));
            self.failover.damped.remove(&gatekeeper);
        } else if damped {
            self.failover.damped.insert(gatekeeper);
        }
    }

    /// Decisions of the kernel that were not heard yet.
    fn poll_kernel_decisions(&mut self) -> Vec<Input> {
        let mut inputs = Vec::new();
        for zone in self.config.zones.iter().filter(|z| z.is_steered()) {
            let Some(index) = self.layout.zone(&zone.name) else {
                continue;
            };
            let Some(decided) = self.dataplane.decided(index) else {
                continue;
            };
            if self.failover.heard.insert(index, decided.at_ns) != Some(decided.at_ns) {
                inputs.push(Input::KernelDecided {
                    zone: ZoneIndex(index),
                    gatekeeper: GatekeeperIndex(decided.active),
                    from: Some(GatekeeperIndex(decided.from)),
                    at: Time(decided.at_ns),
                    evidence_at: Time(decided.evidence_ns),
                });
            }
        }
        inputs
    }

    /// Looks for decisions of the kernel.
    pub(super) fn look_at_kernel(&mut self) {
        let inputs = self.poll_kernel_decisions();
        if !inputs.is_empty() {
            self.drive_failover(inputs);
        }
    }

    /// Time passes, and calls end.
    pub(super) fn tick_failover(&mut self, now_ns: u64) {
        let mut inputs = Vec::new();
        if now_ns >= self.failover.count_at {
            inputs = self.count_calls(now_ns);
            // Flows may be many: counting them takes a twentieth of the time at most.
            let took = monotonic_ns().saturating_sub(now_ns);
            self.failover.count_at = now_ns + COUNT_SELDOM * took;
        }
        self.note_probed();
        inputs.push(Input::Tick {
            minute_of_day: host::minute_of_day(),
        });
        self.drive_failover(inputs);
        for gatekeeper in std::mem::take(&mut self.failover.damped) {
            self.mark_down_in_kernel(gatekeeper);
        }
    }

    /// Tells the program what gatekeepers answer to probes.
    fn note_probed(&self) {
        for gatekeeper in self.layout.gatekeepers() {
            let seen = self.probes.seen(gatekeeper).filter(|seen| seen.probed);
            let answers = seen.map(|seen| seen.evidence.answers);
            self.dataplane
                .set_probed(gatekeeper, answers.unwrap_or_default());
        }
    }

    /// Open calls at the gatekeepers that zones wait to leave.
    fn count_calls(&self, now_ns: u64) -> Vec<Input> {
        let waiting = |zone: &Zone| {
            let index = self.layout.zone(&zone.name)?;
            let view = self.failover.machine.zone(ZoneIndex(index))?;
            let waits = zone.failback == Failback::AfterCalls && view.active != view.preferred;
            view.active.filter(|_| waits)
        };
        let mut inputs = Vec::new();
        for gatekeeper in self.config.zones.iter().filter_map(waiting) {
            match self.dataplane.open_connections(gatekeeper.0, now_ns) {
                Ok(open) => inputs.push(Input::Calls { gatekeeper, open }),
                Err(e) => tracing::warn!("{e}"),
            }
        }
        inputs
    }

    pub(super) fn fail_over(&mut self, input: Input) {
        self.drive_failover(vec![input]);
    }

    fn drive_failover(&mut self, inputs: Vec<Input>) {
        let mut out = Vec::new();
        for input in inputs {
            self.failover
                .machine
                .handle(Time(monotonic_ns()), input, &mut out);
        }
        // Only where each zone goes in the end, and that before anything else.
        let mut steered = BTreeMap::new();
        for output in &out {
            if let Output::Steer(steering) = output {
                steered.insert(steering.zone, steering);
            }
        }
        for steering in steered.values() {
            self.steer(steering);
        }
        for output in out {
            match output {
                Output::Steer(_) => {}
                Output::Persist {
                    zone,
                    active,
                    manual,
                } => self.keep_decision(zone, active, manual),
                Output::Event(event) => self.tell(&event),
            }
        }
    }

    fn keep_decision(&mut self, zone: ZoneIndex, active: Option<GatekeeperIndex>, manual: Manual) {
        let zone = self.zone_name(zone.0);
        let active = active.map_or_else(|| "-".to_owned(), |it| self.gatekeeper_name(it.0));
        self.remember_decision(&zone, &active, manual);
        self.failover.kept.insert(zone, (active, manual));
    }

    /// Tells the kernel, if it does not have it so already, or the proxy.
    fn steer(&mut self, steering: &failover::Steering) {
        let index = steering.zone.0;
        let active = steering.active.map(|active| active.0);
        let Some(zone) = self.zone_at(index) else {
            return;
        };
        if zone.mode.is_proxy() {
            return self.proxy_to(index, active);
        }
        // With one gatekeeper there is nowhere to go.
        if !zone.is_steered() {
            return;
        }
        self.serve_if_own(index, active);
        let Some(zone) = self.zone_at(index) else {
            return;
        };
        let mut candidates = apply::candidates(zone, &self.layout);
        candidates.truncate(Dataplane::MAX_CANDIDATES);
        let mut steered: Vec<u32> = steering.steered.iter().map(|it| it.0).collect();
        steered.sort_unstable();
        self.dataplane.set_auto(index, steering.auto);
        let decided = self.dataplane.decided(index);
        let before = self.dataplane.steered_to(index);
        let there = decided
            .map(|d| d.active)
            .or(before.map(|(active, _)| active));
        let moved_ns = match (decided, before) {
            _ if there != active => monotonic_ns(),
            (Some(decided), _) => decided.at_ns,
            (None, Some((_, moved_ns))) => moved_ns,
            (None, None) => 0,
        };
        let wanted = Steering {
            zone: index,
            active,
            steered,
            candidates,
            // The first choice is no move.
            moved_ns: if there.is_none() { 0 } else { moved_ns },
        };
        if decided.is_none() && self.dataplane.steering(index).as_ref() == Some(&wanted) {
            return;
        }
        self.dataplane.steer(&wanted);
        if there != active
            && let Some(gatekeeper) = active
        {
            self.taken_over(index, gatekeeper);
        }
        self.choose_standbys();
    }

    /// `rasline zone switch`, `hold` and `release`.
    pub(super) fn decide_by_hand(&mut self, zone: &str, decision: ByHand) -> Result<Reply> {
        let found = self.config.zones.iter().find(|z| z.name == zone);
        let (Some(found), Some(index)) = (found, self.layout.zone(zone)) else {
            self.show_zone(zone)?;
            return Err(Failure::plain(format!("zone {zone}"), "not in force yet"));
        };
        if !found.is_decided() {
            return Err(Failure::new(
                format!("zone {zone}"),
                "only one gatekeeper configured, so there is nothing to decide",
                "add another [[zone.gatekeeper]]",
            ));
        }
        let (input, done) = match decision {
            ByHand::Switch(id) => {
                let g = found.gatekeepers.iter().find(|g| g.id == id);
                let gatekeeper = g
                    .and_then(|g| self.layout.gatekeeper(found, g))
                    .ok_or_else(|| no_gatekeeper(found, &id))?;
                let dead = self.failover.down.contains(&gatekeeper);
                let input = Input::Switch {
                    zone: ZoneIndex(index),
                    gatekeeper: GatekeeperIndex(gatekeeper),
                };
                let done = if dead {
                    format!("{zone}: {id} is down; the zone moves there as soon as it is up")
                } else {
                    format!("{zone}: switched to {id}, until `rasline zone release {zone}`")
                };
                (input, done)
            }
            ByHand::Hold => (
                Input::Hold {
                    zone: ZoneIndex(index),
                },
                format!("{zone}: held where it is, until `rasline zone release {zone}`"),
            ),
            ByHand::Release => (
                Input::Release {
                    zone: ZoneIndex(index),
                },
                format!("{zone}: released; it moves as its policy says"),
            ),
        };
        self.fail_over(input);
        Ok(Reply::done(done))
    }

    /// What is shown of where a zone's traffic goes; none: it is not steered.
    pub(super) fn steering_view(&self, index: u32) -> Option<view::Steering> {
        let now_ns = monotonic_ns();
        let zone = self
            .failover
            .machine
            .zone_at(Time(now_ns), ZoneIndex(index))?;
        let moved = self.dataplane.moved(index);
        let warm = self.effects.learner.warm_counts(index);
        let name = |g: GatekeeperIndex| self.gatekeeper_name(g.0);
        Some(view::Steering {
            active: zone.active.map(name),
            preferred: zone.preferred.map(name),
            manual: match zone.manual {
                Manual::None => String::new(),
                Manual::Switch { gatekeeper } => {
                    format!("switched to {}", name(gatekeeper))
                }
                Manual::Hold => "held".to_owned(),
            },
            since: Time(now_ns).since(zone.since).as_secs_f64(),
            cause: zone.cause.to_string(),
            steered: zone.steered.iter().map(|g| name(*g)).collect(),
            dark: zone.dark,
            waiting_for: zone.waiting_for.unwrap_or_default(),
            kernel_decisions: moved.decisions,
            migrated: moved.migrated,
            shaped: moved.shaped,
            standby: warm.gatekeeper.map(|g| self.gatekeeper_name(g)),
            warm: warm.warm,
            warming: warm.waiting,
            cold: warm.cold,
        })
    }
}

/// rasline's own gatekeeper is there as long as the controller is.
fn healthy(gatekeeper: u32) -> Input {
    Input::Health {
        gatekeeper: GatekeeperIndex(gatekeeper),
        state: State::Up,
        evidence: Evidence::default(),
    }
}

/// What the operator decides.
pub(super) enum ByHand {
    /// To this gatekeeper, by id.
    Switch(String),
    /// Stay.
    Hold,
    /// As the policy says.
    Release,
}

fn no_gatekeeper(zone: &Zone, id: &str) -> Failure {
    let close = did_you_mean(id, zone.gatekeepers.iter().map(|g| g.id.as_str()));
    let zone = &zone.name;
    Failure::new(
        format!("gatekeeper {id}"),
        format!("zone {zone} has no gatekeeper of this id"),
        format!("{close}see `rasline zone show {zone}`"),
    )
}
