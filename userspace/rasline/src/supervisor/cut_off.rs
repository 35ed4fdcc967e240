//! Gatekeepers that cannot be reached because a link of this machine is down.
//!
//! Where all of a zone's are behind it, nothing is known of any of them, and the zone stays where it is. Where another one
//! can be reached, one that cannot is as good as dead: its zone moves.

use std::collections::BTreeSet;

use rasline_core::{
    GatekeeperIndex,
    failover::Input,
    health::{Evidence, State},
};

use crate::{
    control::view,
    host::{link, monotonic_ns, route},
    supervisor::{Supervisor, events::name},
};

/// What the failover is told of a gatekeeper that is cut off.
const fn verdict(another_can_be_reached: bool) -> State {
    if another_can_be_reached {
        State::Down
    } else {
        State::Unknown
    }
}

impl Supervisor {
    /// A prober found the way to a gatekeeper cut, or no longer cut.
    pub(super) fn way_changed(&mut self, gatekeeper: u32, why: Option<String>) {
        if let Some(why) = why {
            let text = format!("cannot be reached, as this machine's own link is down: {why}");
            self.tell_way(gatekeeper, name::CUT_OFF, &text);
            self.cut_off.insert(gatekeeper, why);
        } else if self.cut_off.remove(&gatekeeper).is_some() {
            self.tell_way(
                gatekeeper,
                name::REACHED,
                "this machine's own link to it is up again",
            );
            let state = self
                .probes
                .seen(gatekeeper)
                .map_or(State::Unknown, |seen| seen.state);
            self.judge(gatekeeper, state);
        }
        // Probers find out one after the other; a zone is judged by how all of its ways are now.
        for zone in self.zones_of(gatekeeper) {
            let cut: BTreeSet<u32> = zone.iter().filter(|g| self.is_cut(**g)).copied().collect();
            let state = verdict(cut.len() < zone.len());
            for gatekeeper in cut {
                if self.cut_off.contains_key(&gatekeeper) {
                    self.judge(gatekeeper, state);
                }
            }
        }
    }

    fn is_cut(&self, gatekeeper: u32) -> bool {
        let zones = self.config.zones.iter();
        let mut all = zones.flat_map(|zone| zone.gatekeepers.iter().map(move |g| (zone, g)));
        let found = all.find(|(zone, g)| self.layout.gatekeeper(zone, g) == Some(gatekeeper));
        let via = self.probes.seen(gatekeeper).map_or(0, |seen| seen.via);
        let last = (via != 0).then(|| link::name_of(via)).flatten();
        found.is_some_and(|(_, g)| !g.is_own() && route::cut(g.address, last.as_deref()).is_some())
    }

    fn tell_way(&mut self, gatekeeper: u32, event: &str, text: &str) {
        let id = self.gatekeeper_name(gatekeeper);
        let text = format!("gatekeeper {id}: {text}");
        let zone = self.config.zones.iter().find(|zone| {
            let mut all = zone.gatekeepers.iter();
            all.any(|g| self.layout.gatekeeper(zone, g) == Some(gatekeeper))
        });
        self.events.record(view::Event {
            event: event.to_owned(),
            about: "gatekeeper".to_owned(),
            zone: zone.map(|zone| zone.name.clone()),
            gatekeeper: Some(id),
            text,
            ..view::Event::default()
        });
    }

    fn judge(&mut self, gatekeeper: u32, state: State) {
        let down = state == State::Down;
        let was = if down {
            !self.failover.down.insert(gatekeeper)
        } else {
            self.failover.down.remove(&gatekeeper)
        };
        if down != was {
            self.dataplane.set_down(gatekeeper, down.then(monotonic_ns));
        }
        self.fail_over(Input::Health {
            gatekeeper: GatekeeperIndex(gatekeeper),
            state,
            evidence: Evidence::default(),
        });
    }

    /// The gatekeepers of each zone that this one is of.
    fn zones_of(&self, gatekeeper: u32) -> Vec<BTreeSet<u32>> {
        let zones = self.config.zones.iter().map(|zone| {
            let all = zone.gatekeepers.iter();
            all.filter_map(|g| self.layout.gatekeeper(zone, g))
                .collect()
        });
        zones
            .filter(|all: &BTreeSet<u32>| all.contains(&gatekeeper))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_cut_off_is_left_only_for_one_that_is_not() {
        assert_eq!(verdict(true), State::Down);
        assert_eq!(verdict(false), State::Unknown);
    }
}
