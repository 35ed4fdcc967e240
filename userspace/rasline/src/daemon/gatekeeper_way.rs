//! The way to a gatekeeper on this machine: whether a link that leads there is down.

use std::collections::BTreeSet;

use rasline_core::{
    GatekeeperIndex,
    health::State,
    site::{Gatekeeper, Input, Site},
};

use crate::{
    host::{link, route},
    probe::Probes,
};

/// What is found when a prober says that the way to a gatekeeper has changed.
pub(super) struct Found {
    gatekeeper: GatekeeperIndex,
    state: State,
    cut: BTreeSet<GatekeeperIndex>,
}

/// Looks at the ways to all gatekeepers of its zone.
pub(super) fn look(site: &Site, probes: &Probes, gatekeeper: u32) -> Found {
    let gatekeeper = GatekeeperIndex(gatekeeper);
    let zones = site.config().zones.iter();
    let zones = zones.filter(|zone| zone.gatekeepers.iter().any(|one| one.index == gatekeeper));
    let all = zones.flat_map(|zone| &zone.gatekeepers);
    let seen = probes.seen(gatekeeper.0);
    Found {
        gatekeeper,
        state: seen.map_or(State::Unknown, |seen| seen.state),
        cut: all
            .filter(|one| is_cut(probes, one))
            .map(|one| one.index)
            .collect(),
    }
}

impl Found {
    /// The input that reports it to the site.
    pub(super) fn input(self, why: Option<String>) -> Input<'static> {
        Input::WayChanged {
            gatekeeper: self.gatekeeper,
            why,
            state: self.state,
            cut: self.cut,
        }
    }
}

fn is_cut(probes: &Probes, one: &Gatekeeper) -> bool {
    let via = probes.seen(one.index.0).map_or(0, |seen| seen.via);
    let last = (via != 0).then(|| link::name_of(via)).flatten();
    !one.is_own() && route::cut(one.ras.ip(), last.as_deref()).is_some()
}
