//! All zones: inputs, decisions and what follows from them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::decide::{Active, Better, Decision, decide};
use super::inputs::put_back;
use super::steering::{ready, steered};
use super::zone::{Gatekeeper, Zone};
use super::{Input, Manual, MoveCause, Output, Steering, ZonePolicy};
use crate::health::{Evidence, State};
use crate::{Event, EventKind, GatekeeperIndex, Time, ZoneIndex};

/// Which gatekeeper serves each zone.
#[derive(Clone, Debug, Default)]
pub struct Failover {
    pub(super) zones: BTreeMap<ZoneIndex, Zone>,
    gatekeepers: HashMap<GatekeeperIndex, Gatekeeper>,
    /// Restored before their zones were known.
    pub(super) restored: BTreeMap<ZoneIndex, (Option<GatekeeperIndex>, Manual)>,
    pub(super) minute: Option<u16>,
    pub(super) now: Time,
}

/// A move, and what it rests on.
pub(super) struct Move {
    /// `None`: the zone has no candidate any more.
    pub to: Option<GatekeeperIndex>,
    pub cause: MoveCause,
    pub detected_at: Time,
    pub evidence: Evidence,
}

impl Failover {
    /// No zones yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        self.now = now;
        match input {
            Input::Policies(policies) => self.policies(now, policies, out),
            Input::Health {
                gatekeeper,
                state,
                evidence,
            } => self.health(now, gatekeeper, state, evidence, out),
            Input::KernelDecided {
                zone,
                gatekeeper,
                from: _,
                at,
                evidence_at,
            } => self.kernel(now, zone, gatekeeper, (at, evidence_at), out),
            Input::Calls { gatekeeper, open } => {
                self.gatekeepers.entry(gatekeeper).or_default().calls = Some(open);
                self.evaluate_of(now, gatekeeper, out);
            }
            Input::Switch { zone, gatekeeper } => self.switch(now, zone, gatekeeper, out),
            Input::Hold { zone } => self.hold(now, zone, out),
            Input::Release { zone } => self.release(now, zone, out),
            Input::Restore {
                zone,
                active,
                manual,
            } => self.restore(now, zone, active, manual, out),
            Input::Tick { minute_of_day } => {
                self.minute = Some(minute_of_day);
                for zone in self.zones.keys().copied().collect::<Vec<_>>() {
                    self.evaluate(now, zone, out);
                }
            }
        }
    }

    pub(super) fn known(&self, gatekeeper: GatekeeperIndex) -> Gatekeeper {
        self.gatekeepers
            .get(&gatekeeper)
            .cloned()
            .unwrap_or_default()
    }

    /// What is known of a zone's gatekeeper; nothing of one that it does not have.
    pub(super) fn known_active(&self, active: Option<GatekeeperIndex>) -> Gatekeeper {
        active.map(|active| self.known(active)).unwrap_or_default()
    }

    fn policies(&mut self, now: Time, policies: Vec<ZonePolicy>, out: &mut Vec<Output>) {
        let zones: BTreeSet<ZoneIndex> = policies.iter().map(|policy| policy.zone).collect();
        self.zones.retain(|zone, _| zones.contains(zone));
        for policy in policies {
            let index = policy.zone;
            if let Some(zone) = self.zones.get_mut(&index) {
                zone.adopt(policy);
                self.drop_lost_switch(now, index, out);
            } else {
                self.zones.insert(index, Zone::new(policy, now));
                self.begin(now, index, out);
            }
            self.evaluate(now, index, out);
        }
        let candidates = self.zones.values().flat_map(Zone::gatekeepers);
        let candidates: BTreeSet<GatekeeperIndex> = candidates.collect();
        self.gatekeepers.retain(|it, _| candidates.contains(it));
    }

    /// A new zone: where it was before, or at the best one.
    fn begin(&mut self, now: Time, zone: ZoneIndex, out: &mut Vec<Output>) {
        let restored = self.restored.remove(&zone);
        let best = self.best(zone);
        let Some(it) = self.zones.get_mut(&zone) else {
            return;
        };
        it.active = best.or_else(|| it.gatekeepers().next());
        if let Some((active, manual)) = restored {
            put_back(it, now, active, manual);
        }
        self.steer(zone, false, true, out);
    }

    fn health(
        &mut self,
        now: Time,
        gatekeeper: GatekeeperIndex,
        state: State,
        evidence: Evidence,
        out: &mut Vec<Output>,
    ) {
        let known = self.gatekeepers.entry(gatekeeper).or_default();
        known.set(now, state, evidence);
        let news = matches!(state, State::Up | State::Down) && known.told != state;
        let from = known.told;
        if news {
            known.told = state;
        }
        let zone = self.zones.values().find(|zone| zone.has(gatekeeper));
        if let (true, Some(zone)) = (news, zone.map(|zone| zone.index)) {
            let kind = EventKind::HealthChanged {
                from,
                to: state,
                evidence,
            };
            out.push(event(now, zone, Some(gatekeeper), kind));
        }
        self.evaluate_of(now, gatekeeper, out);
    }

    fn evaluate_of(&mut self, now: Time, gatekeeper: GatekeeperIndex, out: &mut Vec<Output>) {
        let concerned = self.zones.values().filter(|zone| zone.has(gatekeeper));
        for zone in concerned.map(|zone| zone.index).collect::<Vec<_>>() {
            self.evaluate(now, zone, out);
        }
    }

    /// Decides anew.
    pub(super) fn evaluate(&mut self, now: Time, index: ZoneIndex, out: &mut Vec<Output>) {
        let Some(zone) = self.zones.get(&index) else {
            return;
        };
        let active = self.known_active(zone.active);
        let known = |it: GatekeeperIndex| self.known(it);
        let back = zone
            .better()
            .find(|it| ready(zone, *it, known, now, self.minute).is_ok());
        let over = self
            .refuge(now, index)
            .filter(|it| Some(*it) != zone.active);
        let standing = match (zone.has_active(), active.dead()) {
            (false, _) => Active::Vanished,
            (true, true) => Active::Dead,
            (true, false) => Active::Alive,
        };
        let better = back.map_or(Better::No, |_| Better::Ready);
        let (to, cause) = match decide(zone.held(), standing, better, over.is_some()) {
            Decision::Stay => (None, MoveCause::Down),
            Decision::NoLivingGatekeeper => {
                return self.report_no_living_gatekeeper(now, index, active.evidence, out);
            }
            Decision::FailOver if standing == Active::Vanished => (over, MoveCause::Reconfigured),
            Decision::FailOver if self.damped_until(now, index).is_some() => {
                (None, MoveCause::Down)
            }
            Decision::FailOver => (over, MoveCause::Down),
            Decision::FailBack => (back, MoveCause::Failback),
        };
        if let Some(to) = to {
            let to = Move {
                to: Some(to),
                cause,
                detected_at: now,
                evidence: active.evidence,
            };
            self.carry_out(now, index, &to, out);
        } else {
            self.steer(index, false, false, out);
        }
        self.zones.entry(index).and_modify(|it| it.dark = false);
    }

    /// Nobody lives: told once. A gatekeeper that vanished makes room for one that at least exists.
    fn report_no_living_gatekeeper(
        &mut self,
        now: Time,
        index: ZoneIndex,
        evidence: Evidence,
        out: &mut Vec<Output>,
    ) {
        let Some(zone) = self.zones.get_mut(&index) else {
            return;
        };
        if !zone.dark {
            zone.dark = true;
            out.push(event(
                now,
                index,
                zone.active,
                EventKind::NoCandidate { evidence },
            ));
        }
        let (has, first) = (zone.has_active(), zone.gatekeepers().next());
        if has || first == zone.active {
            self.steer(index, false, false, out);
        } else {
            let to = Move {
                to: first,
                cause: MoveCause::Reconfigured,
                detected_at: now,
                evidence,
            };
            self.carry_out(now, index, &to, out);
        }
    }

    /// Where a zone goes whose gatekeeper is dead: the best candidate that lives and did not fail lately, else the best
    /// one.
    fn refuge(&self, now: Time, zone: ZoneIndex) -> Option<GatekeeperIndex> {
        let mut order = self.zones.get(&zone)?.order();
        let steady = |it: &GatekeeperIndex| {
            let known = self.known(*it);
            known.lives() && known.usable_at(now) <= now
        };
        order.find(steady).or_else(|| self.best(zone))
    }

    /// Until when a zone stays with a dead gatekeeper, since all others that live failed lately, too: endpoints are
    /// held meanwhile, which costs them less than one move after the other. None: it does not.
    pub(super) fn damped_until(&self, now: Time, index: ZoneIndex) -> Option<Time> {
        let zone = self.zones.get(&index)?;
        if !self.known_active(zone.active).dead() || !zone.has_active() {
            return None;
        }
        let refuge = self
            .refuge(now, index)
            .filter(|it| Some(*it) != zone.active)?;
        Some(self.known(refuge).usable_at(now)).filter(|until| *until > now)
    }

    /// Whether a zone stays with this gatekeeper although it is dead and others live, for a while.
    #[must_use]
    pub fn is_damped(&self, now: Time, gatekeeper: GatekeeperIndex) -> bool {
        let mut zones = self.zones.values();
        zones.any(|zone| {
            zone.active == Some(gatekeeper)
                && !zone.held()
                && self.damped_until(now, zone.index).is_some()
        })
    }

    /// The best candidate that lives, else the best one that is not known to be dead.
    fn best(&self, zone: ZoneIndex) -> Option<GatekeeperIndex> {
        let zone = self.zones.get(&zone)?;
        let living = zone.order().find(|it| self.known(*it).lives());
        living.or_else(|| zone.order().find(|it| !self.known(*it).dead()))
    }

    pub(super) fn carry_out(
        &mut self,
        now: Time,
        index: ZoneIndex,
        to: &Move,
        out: &mut Vec<Output>,
    ) {
        let Some(zone) = self.zones.get_mut(&index) else {
            return;
        };
        let from = std::mem::replace(&mut zone.active, to.to);
        (zone.since, zone.cause, zone.decided_at) = (now, to.cause, now);
        if let Some(to) = to.to {
            zone.left.remove(&to);
        }
        let back = to.cause == MoveCause::Failback;
        if let Some(from) = from
            && zone.has(from)
            && (!back || zone.place(from) < to.to.map_or(usize::MAX, |to| zone.place(to)))
        {
            zone.left.insert(from);
        }
        if back {
            zone.forget_left();
        }
        if let (MoveCause::Down | MoveCause::Kernel, Some(from)) = (to.cause, from) {
            self.gatekeepers.entry(from).or_default().failed(now);
        }
        self.steer(index, true, true, out);
        self.persist(index, out);
        out.extend(told(now, index, from, to));
    }

    /// Tells the kernel, if there is something new.
    pub(super) fn steer(
        &mut self,
        index: ZoneIndex,
        moved: bool,
        force: bool,
        out: &mut Vec<Output>,
    ) {
        let Some(zone) = self.zones.get(&index) else {
            return;
        };
        let steered = steered(zone, |it| self.known(it));
        let auto = !zone.held();
        if !force && steered == zone.steered && auto == zone.auto {
            return;
        }
        let active = zone.active;
        self.zones.entry(index).and_modify(|zone| {
            zone.steered.clone_from(&steered);
            zone.auto = auto;
        });
        out.push(Output::Steer(Steering {
            zone: index,
            active,
            steered,
            auto,
            moved,
        }));
    }

    pub(super) fn persist(&self, index: ZoneIndex, out: &mut Vec<Output>) {
        out.extend(self.zones.get(&index).map(|zone| Output::Persist {
            zone: index,
            active: zone.active,
            manual: zone.manual,
        }));
    }
}

/// What people are told of a move; of a switch they were told when it was asked for.
fn told(now: Time, zone: ZoneIndex, from: Option<GatekeeperIndex>, to: &Move) -> Option<Output> {
    let kind = match to.cause {
        MoveCause::Switch => return None,
        MoveCause::Failback => EventKind::Failback { from, to: to.to },
        cause => EventKind::Failover {
            from,
            to: to.to,
            cause,
            detected_at: to.detected_at,
            evidence: to.evidence,
        },
    };
    Some(event(now, zone, to.to, kind))
}

/// An event about a zone and its gatekeeper.
pub(super) fn event(
    time: Time,
    zone: ZoneIndex,
    gatekeeper: Option<GatekeeperIndex>,
    kind: EventKind,
) -> Output {
    Output::Event(Event {
        time,
        zone,
        gatekeeper,
        registration: None,
        kind,
    })
}
