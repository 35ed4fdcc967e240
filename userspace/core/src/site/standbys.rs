//! Warm standby: the gatekeeper that each zone's registrations are kept warm at besides the one that serves it.

use std::collections::BTreeMap;

use super::io::{KernelChange, Output};
use super::scene::Step;
use crate::{GatekeeperIndex, ZoneIndex, learner};

/// By zone, as the learner and the kernel have them.
#[derive(Debug, Default)]
pub(super) struct Standbys(BTreeMap<ZoneIndex, GatekeeperIndex>);

impl Standbys {
    /// Whether no registrations are kept warm.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the learner is to know when a gatekeeper begins to serve a zone, if it was the zone's standby.
    pub fn take_over(&self, zone: ZoneIndex, gatekeeper: GatekeeperIndex) -> Option<Step> {
        let is_standby = self.0.get(&zone) == Some(&gatekeeper);
        is_standby.then_some(Step::Learner(learner::Input::TakeOver {
            zone: zone.0,
            gatekeeper: gatekeeper.0,
        }))
    }

    /// Puts these in place of those before, each with the RRQs a second that may be sent to it.
    pub fn replace(
        &mut self,
        wanted: BTreeMap<ZoneIndex, (GatekeeperIndex, u32)>,
        steps: &mut Vec<Step>,
    ) {
        for (zone, gatekeeper) in std::mem::take(&mut self.0) {
            let next = wanted.get(&zone).map(|(next, _)| *next);
            if next != Some(gatekeeper) {
                steps.push(mark(gatekeeper, false));
            }
            if next.is_none() {
                steps.push(teach(zone, None));
            }
        }
        for (zone, (gatekeeper, rate)) in wanted {
            // A reload rewrites gatekeepers' rows.
            steps.push(mark(gatekeeper, true));
            steps.push(teach(zone, Some((gatekeeper.0, rate))));
            self.0.insert(zone, gatekeeper);
        }
    }
}

fn mark(gatekeeper: GatekeeperIndex, on: bool) -> Step {
    Step::Output(Output::Kernel(KernelChange::Standby { gatekeeper, on }))
}

fn teach(zone: ZoneIndex, to: Option<(u32, u32)>) -> Step {
    let zone = zone.0;
    Step::Learner(learner::Input::Standby { zone, to })
}
