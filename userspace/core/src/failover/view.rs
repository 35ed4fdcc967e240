//! What people see of a zone.

use serde::Serialize;

use super::machine::Failover;
use super::steering::{Wait, ready};
use super::{Manual, MoveCause};
use crate::{GatekeeperIndex, Time, ZoneIndex};

/// A zone as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ZoneView {
    /// The gatekeeper that serves; `None`: the zone has no candidate.
    pub active: Option<GatekeeperIndex>,
    /// The one that comes first, by the operator's decision or by priority; `None`: the zone has no candidate.
    pub preferred: Option<GatekeeperIndex>,
    /// The operator's decision.
    pub manual: Manual,
    /// Since when the active one is active.
    pub since: Time,
    /// Why it is.
    pub cause: MoveCause,
    /// Gatekeepers whose traffic goes to the active one.
    pub steered: Vec<GatekeeperIndex>,
    /// Whether no candidate lives.
    pub dark: bool,
    /// If a better one is not active: what for.
    pub waiting_for: Option<String>,
}

impl Failover {
    /// A zone as it stands now.
    #[must_use]
    pub fn zone_at(&self, now: Time, zone: ZoneIndex) -> Option<ZoneView> {
        let zone = self.zones.get(&zone)?;
        let known = |it: GatekeeperIndex| self.known(it);
        let wait = |it| ready(zone, it, known, now, self.minute).err();
        let waiting = if zone.held() {
            Some(Wait::Operator)
        } else if let Some(until) = self.damped_until(now, zone.index) {
            Some(Wait::Steady(until))
        } else {
            let mut waits = zone.better().filter_map(wait);
            let first = waits.next();
            // A living one says more than a dead one that stands before it.
            waits.find(|it| *it != Wait::Life).or(first)
        };
        Some(ZoneView {
            active: zone.active,
            preferred: zone.order().next(),
            manual: zone.manual,
            since: zone.since,
            cause: zone.cause,
            steered: zone.steered.clone(),
            dark: zone.dark,
            waiting_for: waiting.map(|wait| text(wait, now, zone.held())),
        })
    }

    /// A zone as it stood at the last input.
    #[must_use]
    pub fn zone(&self, zone: ZoneIndex) -> Option<ZoneView> {
        self.zone_at(self.now, zone)
    }
}

fn text(wait: Wait, now: Time, held: bool) -> String {
    match wait {
        Wait::Operator if held => "the operator's release (held)".into(),
        Wait::Operator => "the operator's switch (failback = none)".into(),
        Wait::Life => "the better gatekeeper to be up".into(),
        Wait::Rest(until) => format!(
            "the better gatekeeper to stay up for another {} s",
            until.since(now).as_millis().div_ceil(1000)
        ),
        Wait::Steady(until) => format!(
            "another gatekeeper to stay up for {} s, since all of them failed lately",
            until.since(now).as_millis().div_ceil(1000)
        ),
        Wait::Calls(Some(open)) => format!("{open} open calls to end"),
        Wait::Calls(None) => "calls to end; how many are open is not known yet".into(),
        Wait::Minute(minute) => format!("the time of day {:02}:{:02}", minute / 60, minute % 60),
    }
}
