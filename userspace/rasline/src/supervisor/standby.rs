//! Warm standby: which gatekeeper a zone's registrations are kept warm at, and when they become its own.

use std::collections::BTreeMap;

use rasline_core::{GatekeeperIndex, Input, ZoneIndex};

use crate::{
    config::{Standby, Zone},
    supervisor::{Supervisor, apply},
};

/// Zone index to gatekeeper index, as the core and the kernel were told.
#[derive(Debug, Default)]
pub(super) struct Standbys(BTreeMap<u32, u32>);

impl Standbys {
    /// Whether anything is kept warm.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }
}

impl Supervisor {
    /// The zone is served by this gatekeeper from now on.
    pub(super) fn taken_over(&mut self, zone: u32, gatekeeper: u32) {
        if self.standbys.0.get(&zone) == Some(&gatekeeper) {
            self.handle(Input::TakeOver { zone, gatekeeper });
        }
    }

    /// Makes every warm zone's standby the best gatekeeper that is neither serving it nor known to be dead.
    pub(super) fn choose_standbys(&mut self) {
        let mut wanted = BTreeMap::new();
        for zone in self
            .config
            .zones
            .iter()
            .filter(|z| (z.mode.steering()).is_some_and(|s| s.standby == Standby::Warm))
        {
            if let Some(index) = self.layout.zone(&zone.name)
                && let Some(gatekeeper) = self.standby_of(index, zone)
            {
                wanted.insert(index, (gatekeeper, zone.migrate_rate.max(1)));
            }
        }
        let old = std::mem::take(&mut self.standbys.0);
        for (zone, gatekeeper) in &old {
            if wanted.get(zone).map(|(g, _)| g) != Some(gatekeeper) {
                self.dataplane.set_standby(*gatekeeper, false);
                if !wanted.contains_key(zone) {
                    self.handle(Input::Standby {
                        zone: *zone,
                        to: None,
                    });
                }
            }
        }
        for (zone, to) in wanted {
            // A reload writes gatekeepers' rows anew.
            self.dataplane.set_standby(to.0, true);
            self.standbys.0.insert(zone, to.0);
            self.handle(Input::Standby { zone, to: Some(to) });
        }
    }

    fn standby_of(&self, index: u32, zone: &Zone) -> Option<u32> {
        let active = self.failover.machine.zone(ZoneIndex(index))?.active;
        let mut candidates = apply::candidates(zone, &self.layout).into_iter();
        candidates.find(|g| Some(GatekeeperIndex(*g)) != active && !self.failover.down.contains(g))
    }
}
