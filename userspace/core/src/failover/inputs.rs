//! What the operator, the kernel and the time before a restart have decided.

use super::machine::{Failover, Move, event};
use super::zone::Zone;
use super::{Manual, MoveCause, Output};
use crate::health::Evidence;
use crate::{EventKind, GatekeeperIndex, Time, ZoneIndex};

impl Failover {
    pub(super) fn restore(
        &mut self,
        now: Time,
        zone: ZoneIndex,
        active: Option<GatekeeperIndex>,
        manual: Manual,
        out: &mut Vec<Output>,
    ) {
        let Some(it) = self.zones.get_mut(&zone) else {
            self.restored.insert(zone, (active, manual));
            return;
        };
        put_back(it, now, active, manual);
        self.steer(zone, false, true, out);
        self.evaluate(now, zone, out);
    }

    /// Adopts what the kernel did, or puts it right.
    pub(super) fn kernel(
        &mut self,
        now: Time,
        zone: ZoneIndex,
        gatekeeper: GatekeeperIndex,
        (at, evidence_at): (Time, Time),
        out: &mut Vec<Output>,
    ) {
        let dead = self.known(gatekeeper).dead();
        let active = self.zones.get(&zone).and_then(|it| it.active);
        let evidence = Evidence {
            first_unanswered: Some(evidence_at),
            ..self.known_active(active).evidence
        };
        let Some(it) = self.zones.get_mut(&zone) else {
            return;
        };
        // Decided before the controller's own decision, which put an end to it.
        if at < it.decided_at || Some(gatekeeper) == it.active {
            return;
        }
        if it.held() || dead || !it.has(gatekeeper) {
            it.decided_at = now;
            self.steer(zone, false, true, out);
        } else {
            let to = Move {
                to: Some(gatekeeper),
                cause: MoveCause::Kernel,
                detected_at: at,
                evidence,
            };
            self.carry_out(now, zone, &to, out);
        }
        self.evaluate(now, zone, out);
    }

    pub(super) fn switch(
        &mut self,
        now: Time,
        zone: ZoneIndex,
        gatekeeper: GatekeeperIndex,
        out: &mut Vec<Output>,
    ) {
        let dead = self.known(gatekeeper).dead();
        let Some(it) = self.zones.get_mut(&zone).filter(|it| it.has(gatekeeper)) else {
            return;
        };
        it.manual = Manual::Switch { gatekeeper };
        let from = it.active;
        let kind = EventKind::Switched {
            from,
            to: gatekeeper,
        };
        out.push(event(now, zone, Some(gatekeeper), kind));
        if it.active == Some(gatekeeper) || dead {
            self.persist(zone, out);
        } else {
            let to = Move {
                to: Some(gatekeeper),
                cause: MoveCause::Switch,
                detected_at: now,
                evidence: Evidence::default(),
            };
            self.carry_out(now, zone, &to, out);
        }
        self.evaluate(now, zone, out);
    }

    pub(super) fn hold(&mut self, now: Time, zone: ZoneIndex, out: &mut Vec<Output>) {
        let Some(it) = self.zones.get_mut(&zone).filter(|it| !it.held()) else {
            return;
        };
        it.manual = Manual::Hold;
        out.push(event(now, zone, it.active, EventKind::Held));
        self.persist(zone, out);
        self.evaluate(now, zone, out);
    }

    pub(super) fn release(&mut self, now: Time, zone: ZoneIndex, out: &mut Vec<Output>) {
        let held = |it: &&mut Zone| it.manual != Manual::None;
        let Some(it) = self.zones.get_mut(&zone).filter(held) else {
            return;
        };
        it.manual = Manual::None;
        it.forget_left();
        out.push(event(now, zone, it.active, EventKind::Released));
        self.persist(zone, out);
        self.evaluate(now, zone, out);
    }

    /// A switch to a gatekeeper that is no candidate any more is over.
    pub(super) fn drop_lost_switch(&mut self, now: Time, zone: ZoneIndex, out: &mut Vec<Output>) {
        let lost = self.zones.get(&zone).is_some_and(
            |it| matches!(it.manual, Manual::Switch { gatekeeper } if !it.has(gatekeeper)),
        );
        if lost {
            self.release(now, zone, out);
        }
    }
}

/// As it was before a restart. What comes before the active one was left, else it would be active.
pub(super) fn put_back(
    zone: &mut Zone,
    now: Time,
    active: Option<GatekeeperIndex>,
    manual: Manual,
) {
    zone.manual = match manual {
        Manual::Switch { gatekeeper } if !zone.has(gatekeeper) => Manual::None,
        manual => manual,
    };
    if let Some(active) = active.filter(|active| zone.has(*active)) {
        zone.active = Some(active);
        (zone.since, zone.cause) = (now, MoveCause::Restored);
        zone.left = zone.gatekeepers().take(zone.place(active)).collect();
    }
}
