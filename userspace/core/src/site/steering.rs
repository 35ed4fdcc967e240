//! Which gatekeeper serves each zone: health, the kernel's own decisions and the operator go into the failover machine; what
//! it decides goes to the kernel, the zone's proxy or registrar, and the standby.
//!
//! A gatekeeper that cannot be reached because a link of this machine is down is judged with its whole zone in view: where
//! all are behind that link nothing is known of any of them and the zone stays; where another one can be reached, one that
//! cannot is as good as dead.
//!
//! Invariants: the kernel is given a decision only if it differs from what it has; each one ends a decision of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::io::{ByHand, KernelChange, Output, Steering, Surroundings};
use super::scene::{Scene, Step};
use super::standbys::Standbys;
use super::{Config, Event, Origin, Zone};
use crate::failover::{self, Candidate, Failback, Failover, Input, Manual, ZonePolicy};
use crate::health::{Change, Evidence, State};
use crate::record::{Decision, Record};
use crate::{GatekeeperIndex, Time, ZoneIndex};

/// Which gatekeeper serves each zone.
#[derive(Debug, Default)]
pub struct ZoneSteering {
    machine: Failover,
    /// Gatekeepers found dead.
    down: BTreeSet<GatekeeperIndex>,
    /// Those of them that are not marked down in the kernel, since moves are damped.
    damped: BTreeSet<GatekeeperIndex>,
    /// Gatekeepers behind a link of this machine that is down, and why.
    cut_off: BTreeMap<GatekeeperIndex, String>,
    /// The kernel's decisions that were given to the machine, by their time.
    adopted: BTreeMap<ZoneIndex, Time>,
    standbys: Standbys,
    decisions: BTreeMap<ZoneIndex, Decision>,
}

impl ZoneSteering {
    /// The state of a zone now; `None` if nothing is decided about it.
    #[must_use]
    pub fn zone(&self, now: Time, zone: ZoneIndex) -> Option<failover::ZoneView> {
        self.machine.zone_at(now, zone)
    }

    /// Whether a gatekeeper was found dead.
    #[must_use]
    pub fn is_down(&self, gatekeeper: GatekeeperIndex) -> bool {
        self.down.contains(&gatekeeper)
    }

    /// Why a gatekeeper cannot be reached, if a link of this machine is the reason.
    #[must_use]
    pub fn cut_off(&self, gatekeeper: GatekeeperIndex) -> Option<&str> {
        self.cut_off.get(&gatekeeper).map(String::as_str)
    }

    /// Whether any registrations are kept warm.
    pub(super) fn has_standbys(&self) -> bool {
        !self.standbys.is_empty()
    }

    /// The last decision about a zone, or of all.
    pub(super) fn decisions(&self) -> &BTreeMap<ZoneIndex, Decision> {
        &self.decisions
    }

    /// Gatekeepers that zones will leave as soon as no call is open there.
    pub(super) fn awaits_calls(&self, config: &Config) -> Vec<GatekeeperIndex> {
        let waiting = |zone: &Zone| {
            let view = self.machine.zone(zone.index)?;
            let waits = zone.failback == Failback::AfterCalls && view.active != view.preferred;
            view.active.filter(|_| waits)
        };
        config.zones.iter().filter_map(waiting).collect()
    }

    /// Gatekeepers that are silent while their zone is served by another one that is not, where lost connections are to be
    /// reset. The kernel judges by the same tables.
    pub(super) fn lost_gatekeepers(
        config: &Config,
        around: &dyn Surroundings,
    ) -> BTreeSet<GatekeeperIndex> {
        let lost_of = |zone: &Zone| {
            let settings = zone.transparent().filter(|it| it.resets_lost)?;
            let is_silent = |one: GatekeeperIndex| around.is_silent(one, settings.dead_after);
            let active = active_in_kernel(around, zone.index);
            let active = active.filter(|active| !is_silent(*active))?;
            let others = zone.gatekeepers.iter().map(|one| one.index);
            let lost = others.filter(|one| *one != active && is_silent(*one));
            Some(lost.collect::<Vec<_>>())
        };
        let steered = config.zones.iter().filter(|zone| zone.is_steered());
        steered.filter_map(lost_of).flatten().collect()
    }

    /// Starts from what was in force before. The kernel's tables outlive the controller, a hold with them; what is
    /// remembered outlives the kernel.
    pub(super) fn start(&mut self, scene: Scene<'_>, remembered: &[Decision]) -> Vec<Step> {
        let mut steps = Vec::new();
        for zone in &scene.config.zones {
            let kept = remembered.iter().find(|it| it.zone == zone.index);
            let (kept_active, kept_manual) =
                kept.map_or((None, Manual::None), |it| (it.active, it.manual));
            let there = scene.around.steered_to(zone.index);
            let (active, moved, manual) = match there.filter(|_| !zone.is_proxied()) {
                Some((active, moved)) => {
                    let manual = match kept_manual {
                        _ if !scene.around.is_auto(zone.index) => Manual::Hold,
                        Manual::Hold => Manual::None,
                        manual => manual,
                    };
                    (Some(active), moved != Time(0), manual)
                }
                None => (kept_active, false, kept_manual),
            };
            let Some(active) = active else { continue };
            let is_first = zone.outside().first() == Some(&active);
            // Else it is where it starts anyway.
            if manual != Manual::None || moved || !is_first {
                let restore = Input::Restore {
                    zone: zone.index,
                    active: Some(active),
                    manual,
                };
                self.drive(scene, vec![restore], &mut steps);
            }
        }
        self.follow_zones(scene, &mut steps);
        steps
    }

    /// Follows another configuration, whose tables in the kernel have just been rewritten.
    pub(super) fn reconfigure(&mut self, scene: Scene<'_>) -> Vec<Step> {
        let known: BTreeSet<_> = scene.config.gatekeepers().map(|(_, g)| g.index).collect();
        self.down.retain(|gatekeeper| known.contains(gatekeeper));
        self.cut_off
            .retain(|gatekeeper, _| known.contains(gatekeeper));
        self.decisions
            .retain(|zone, _| scene.config.zone(*zone).is_some());
        let mut steps = Vec::new();
        self.follow_zones(scene, &mut steps);
        for zone in &scene.config.zones {
            if let Some(view) = self.machine.zone(zone.index) {
                let decision = failover::Steering {
                    zone: zone.index,
                    active: view.active,
                    steered: view.steered,
                    auto: view.manual != Manual::Hold,
                    moved: false,
                };
                self.steer(scene, &decision, &mut steps);
            }
        }
        self.choose_standbys(scene, &mut steps);
        steps
    }

    /// Zones and their gatekeepers as they are configured now.
    fn follow_zones(&mut self, scene: Scene<'_>, steps: &mut Vec<Step>) {
        // Together, so that the kernel is given no decision before its own ones are known.
        let mut inputs = vec![Input::Policies(zone_policies(scene.config))];
        inputs.extend(self.kernel_decisions(scene));
        let own = scene.config.own_gatekeepers();
        // Rasline's own gatekeeper is there as long as the controller is.
        inputs.extend(own.iter().map(|one| health(*one, State::Up)));
        self.drive(scene, inputs, steps);
        steps.push(Step::Output(Output::Probe));
    }

    /// What was thought of gatekeepers is void: they are probed otherwise now, or not at all.
    pub(super) fn forget_health(
        &mut self,
        scene: Scene<'_>,
        gatekeepers: &BTreeSet<GatekeeperIndex>,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        for gatekeeper in gatekeepers {
            self.cut_off.remove(gatekeeper);
            steps.push(mark_down(*gatekeeper, None));
            if self.down.remove(gatekeeper) {
                let unknown = health(*gatekeeper, State::Unknown);
                self.drive(scene, vec![unknown], &mut steps);
                self.choose_standbys(scene, &mut steps);
            }
        }
        steps
    }

    /// Follows a change of a gatekeeper's health. What is thought of one that is cut off is decided with its whole zone in
    /// view.
    pub(super) fn handle_health(
        &mut self,
        scene: Scene<'_>,
        gatekeeper: GatekeeperIndex,
        change: &Change,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.cut_off.contains_key(&gatekeeper) {
            return steps;
        }
        match change.to {
            State::Down => {
                self.down.insert(gatekeeper);
            }
            State::Up => {
                if self.down.remove(&gatekeeper) {
                    let at = scene.now;
                    let back = KernelChange::Back { gatekeeper, at };
                    steps.push(Step::Output(Output::Kernel(back)));
                }
                steps.push(mark_down(gatekeeper, None));
            }
            State::Suspect | State::Unknown => {}
        }
        let health = Input::Health {
            gatekeeper,
            state: change.to,
            evidence: change.evidence,
        };
        self.drive(scene, vec![health], &mut steps);
        self.mark_found_dead(scene, gatekeeper, &mut steps);
        if matches!(change.to, State::Up | State::Down) {
            self.choose_standbys(scene, &mut steps);
        }
        steps
    }

    /// Follows a change of the way to a gatekeeper.
    pub(super) fn handle_way(
        &mut self,
        scene: Scene<'_>,
        gatekeeper: GatekeeperIndex,
        why: Option<String>,
        state: State,
        cut: &BTreeSet<GatekeeperIndex>,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(why) = why {
            let event = Event::CutOff {
                gatekeeper,
                why: why.clone(),
            };
            steps.push(Step::Output(Output::Event(event)));
            self.cut_off.insert(gatekeeper, why);
        } else if self.cut_off.remove(&gatekeeper).is_some() {
            let event = Event::Reached { gatekeeper };
            steps.push(Step::Output(Output::Event(event)));
            self.judge(scene, gatekeeper, state, &mut steps);
        }
        // Probers find out one after the other; a zone is judged by how all of its ways are now.
        let zones = scene.config.zones.iter();
        let zones = zones.filter(|zone| zone.gatekeepers.iter().any(|g| g.index == gatekeeper));
        for zone in zones {
            let all: Vec<_> = zone.gatekeepers.iter().map(|one| one.index).collect();
            let unreachable: Vec<_> = all.iter().filter(|one| cut.contains(one)).collect();
            let state = judge_unreachable(unreachable.len() < all.len());
            for gatekeeper in unreachable {
                if self.cut_off.contains_key(gatekeeper) {
                    self.judge(scene, *gatekeeper, state, &mut steps);
                }
            }
        }
        steps
    }

    fn judge(
        &mut self,
        scene: Scene<'_>,
        gatekeeper: GatekeeperIndex,
        state: State,
        steps: &mut Vec<Step>,
    ) {
        let down = state == State::Down;
        let was_down = self.down.contains(&gatekeeper);
        if down {
            self.down.insert(gatekeeper);
        } else {
            self.down.remove(&gatekeeper);
        }
        if down != was_down {
            steps.push(mark_down(gatekeeper, down.then_some(scene.now)));
        }
        self.drive(scene, vec![health(gatekeeper, state)], steps);
    }

    /// Tells the kernel that a gatekeeper was found dead, which makes it leave it; not while moves are damped, and not
    /// where the kernel's own evidence was all there was.
    fn mark_found_dead(
        &mut self,
        scene: Scene<'_>,
        gatekeeper: GatekeeperIndex,
        steps: &mut Vec<Step>,
    ) {
        if !self.down.contains(&gatekeeper) {
            return;
        }
        let is_damped = self.machine.is_damped(scene.now, gatekeeper);
        let is_probed = scene.around.is_probed(gatekeeper).unwrap_or(true);
        if is_damped {
            self.damped.insert(gatekeeper);
        } else if is_probed {
            steps.push(mark_down(gatekeeper, Some(scene.now)));
            self.damped.remove(&gatekeeper);
        }
    }

    /// Adopts what the kernel decided by itself since the last time.
    pub(super) fn adopt_kernel_decisions(&mut self, scene: Scene<'_>) -> Vec<Step> {
        let inputs = self.kernel_decisions(scene);
        let mut steps = Vec::new();
        if !inputs.is_empty() {
            self.drive(scene, inputs, &mut steps);
        }
        steps
    }

    fn kernel_decisions(&mut self, scene: Scene<'_>) -> Vec<Input> {
        let mut inputs = Vec::new();
        for zone in scene.config.zones.iter().filter(|zone| zone.is_steered()) {
            let Some(decided) = scene.around.decided(zone.index) else {
                continue;
            };
            if self.adopted.insert(zone.index, decided.at) != Some(decided.at) {
                inputs.push(Input::KernelDecided {
                    zone: zone.index,
                    gatekeeper: decided.active,
                    from: Some(decided.from),
                    at: decided.at,
                    evidence_at: decided.evidence_at,
                });
            }
        }
        inputs
    }

    /// Time passes.
    pub(super) fn tick(&mut self, scene: Scene<'_>, minute_of_day: u16) -> Vec<Step> {
        let mut steps = Vec::new();
        self.drive(scene, vec![Input::Tick { minute_of_day }], &mut steps);
        for gatekeeper in std::mem::take(&mut self.damped) {
            self.mark_found_dead(scene, gatekeeper, &mut steps);
        }
        steps
    }

    /// So many calls are open at a gatekeeper.
    pub(super) fn handle_calls(
        &mut self,
        scene: Scene<'_>,
        gatekeeper: GatekeeperIndex,
        open: u32,
    ) -> Vec<Step> {
        let mut steps = Vec::new();
        self.drive(scene, vec![Input::Calls { gatekeeper, open }], &mut steps);
        steps
    }

    /// The operator decides.
    pub(super) fn decide_by_hand(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        decision: ByHand,
    ) -> Vec<Step> {
        let input = match decision {
            ByHand::Switch(gatekeeper) => Input::Switch { zone, gatekeeper },
            ByHand::Hold => Input::Hold { zone },
            ByHand::Release => Input::Release { zone },
        };
        let mut steps = Vec::new();
        self.drive(scene, vec![input], &mut steps);
        steps
    }

    /// Gives the machine its inputs and follows what it decides.
    fn drive(&mut self, scene: Scene<'_>, inputs: Vec<Input>, steps: &mut Vec<Step>) {
        let mut out = Vec::new();
        for input in inputs {
            self.machine.handle(scene.now, input, &mut out);
        }
        // Only where each zone goes in the end, and that before anything else.
        let mut steered = BTreeMap::new();
        for output in &out {
            if let failover::Output::Steer(decision) = output {
                steered.insert(decision.zone, decision);
            }
        }
        for decision in steered.into_values() {
            self.steer(scene, decision, steps);
        }
        for output in out {
            match output {
                failover::Output::Steer(_) => {}
                failover::Output::Persist {
                    zone,
                    active,
                    manual,
                } => {
                    let decision = Decision {
                        zone,
                        active,
                        manual,
                        since: scene.now,
                    };
                    self.decisions.insert(zone, decision);
                    let record = Record::Decision(decision);
                    steps.push(Step::Output(Output::Persist(record)));
                }
                failover::Output::Event(event) => {
                    steps.push(Step::Output(Output::Event(Event::Network(event))));
                }
            }
        }
    }

    /// Tells the kernel where a zone goes, if it does not have it so already, or the zone's proxy.
    fn steer(&mut self, scene: Scene<'_>, decision: &failover::Steering, steps: &mut Vec<Step>) {
        let active = decision.active;
        let Some(zone) = scene.config.zone(decision.zone) else {
            return;
        };
        if zone.is_proxied() {
            return steps.push(Step::Upstream(zone.index, active));
        }
        // With one gatekeeper there is nowhere to go.
        if !zone.is_steered() {
            return;
        }
        steps.push(Step::Serve(zone.index, active));
        let (index, on) = (zone.index, decision.auto);
        let auto = KernelChange::Auto { zone: index, on };
        steps.push(Step::Output(Output::Kernel(auto)));
        let decided = scene.around.decided(index);
        let before = scene.around.steering(index);
        let there = match (decided, &before) {
            (Some(decided), _) => Some(decided.active),
            (None, Some(before)) => before.active,
            (None, None) => None,
        };
        let mut steered = decision.steered.clone();
        steered.sort_unstable();
        let wanted = Steering {
            active,
            steered,
            candidates: zone.kernel_candidates(),
            moved: match (there, decided, &before) {
                // The first choice is no move.
                (None, ..) => Time(0),
                (Some(_), ..) if there != active => scene.now,
                (Some(_), Some(decided), _) => decided.at,
                (Some(_), None, before) => before.as_ref().map_or(Time(0), |it| it.moved),
            },
        };
        if decided.is_none() && before.as_ref() == Some(&wanted) {
            return;
        }
        let steer = KernelChange::Steer {
            zone: index,
            to: wanted,
        };
        steps.push(Step::Output(Output::Kernel(steer)));
        if there != active
            && let Some(gatekeeper) = active
        {
            steps.extend(self.standbys.take_over(index, gatekeeper));
        }
        self.choose_standbys(scene, steps);
    }

    /// Makes every warm zone's standby the best gatekeeper that is neither serving it nor known to be dead.
    fn choose_standbys(&mut self, scene: Scene<'_>, steps: &mut Vec<Step>) {
        let zones = scene.config.zones.iter();
        let warm = zones.filter(|zone| zone.transparent().is_some_and(|it| it.standby));
        let wanted = warm.filter_map(|zone| {
            let gatekeeper = self.standby_of(zone)?;
            Some((zone.index, (gatekeeper, zone.migrate_rate.max(1))))
        });
        let wanted = wanted.collect();
        self.standbys.replace(wanted, steps);
    }

    fn standby_of(&self, zone: &Zone) -> Option<GatekeeperIndex> {
        let active = self.machine.zone(zone.index)?.active;
        let mut candidates = zone.outside().into_iter();
        candidates.find(|one| Some(*one) != active && !self.down.contains(one))
    }
}

/// The gatekeeper that the kernel sends a zone's traffic to, by its own decision or the site's.
fn active_in_kernel(around: &dyn Surroundings, zone: ZoneIndex) -> Option<GatekeeperIndex> {
    let decided = around.decided(zone).map(|it| it.active);
    decided.or_else(|| around.steered_to(zone).map(|(active, _)| active))
}

/// The health of a gatekeeper that is cut off, as the failover machine gets it.
const fn judge_unreachable(another_can_be_reached: bool) -> State {
    if another_can_be_reached {
        State::Down
    } else {
        State::Unknown
    }
}

fn health(gatekeeper: GatekeeperIndex, state: State) -> Input {
    Input::Health {
        gatekeeper,
        state,
        evidence: Evidence::default(),
    }
}

fn mark_down(gatekeeper: GatekeeperIndex, since: Option<Time>) -> Step {
    Step::Output(Output::Kernel(KernelChange::Down { gatekeeper, since }))
}

/// The policies of a configuration, each zone's candidates in their order.
fn zone_policies(config: &Config) -> Vec<ZonePolicy> {
    let policy = |zone: &Zone| ZonePolicy {
        zone: zone.index,
        // A proxy's own gatekeeper is the one that its endpoints see.
        candidates: (zone.gatekeepers.iter())
            .filter(|one| !(zone.is_proxied() && one.is_own()))
            .map(|one| Candidate {
                gatekeeper: one.index,
                priority: one.priority,
                need_to_register: one.origin
                    == Origin::Learned {
                        need_to_register: true,
                    },
            })
            .collect(),
        failback: zone.failback,
    };
    let zones = config.zones.iter().filter(|zone| zone.is_watched());
    zones.map(policy).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_cut_off_is_left_only_for_one_that_is_not() {
        assert_eq!(judge_unreachable(true), State::Down);
        assert_eq!(judge_unreachable(false), State::Unknown);
    }
}
