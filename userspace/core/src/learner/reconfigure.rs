//! Another configuration: what it does not concern stays as it is.

use std::collections::BTreeSet;

use super::{Config, Learner, Output, Registration, Zone};
use crate::{Cause, RegistrationId, Time};

/// What a reload means for a registration.
enum Fate {
    Keep,
    /// Its template is another now.
    Renew,
    Remove,
}

impl Learner {
    pub(crate) fn reconfigure(&mut self, now: Time, config: Config, out: &mut Vec<Output>) {
        let old = std::mem::replace(&mut self.config, config);
        let mut gone = Vec::new();
        for record in self.registry.iter() {
            match fate(&old, &self.config, &record.shown) {
                Fate::Keep => {}
                Fate::Renew => {
                    self.renewals.insert(record.shown.id);
                }
                Fate::Remove => gone.push(record.shown.id),
            }
        }
        for id in gone {
            self.remove(now, id, Cause::Reconfigured, out);
        }
        self.forget_gatekeepers(&old);
        self.renew_some(now, out);
    }

    fn forget_gatekeepers(&mut self, old: &Config) {
        let kept: BTreeSet<u32> = old
            .zones
            .iter()
            .filter_map(|zone| Some((zone, same(zone, &self.config)?)))
            .flat_map(|(zone, new)| {
                zone.gatekeepers
                    .iter()
                    .filter(|g| new.gatekeepers.contains(g))
            })
            .map(|gatekeeper| gatekeeper.index)
            .collect();
        self.gatekeepers.retain(|index, _| kept.contains(index));
    }

    /// Registrations that wait to be published again.
    #[must_use]
    pub fn renewals(&self) -> impl ExactSizeIterator<Item = RegistrationId> + '_ {
        self.renewals.iter().copied()
    }
}

/// The same zone in another configuration: same name, same place in the kernel's tables.
fn same<'a>(zone: &Zone, config: &'a Config) -> Option<&'a Zone> {
    config
        .zones
        .iter()
        .find(|other| other.name == zone.name && other.index == zone.index)
}

fn fate(old: &Config, new: &Config, registration: &Registration) -> Fate {
    let before = old
        .zones
        .iter()
        .find(|zone| zone.index == registration.zone);
    let Some((before, after)) = before.and_then(|zone| Some((zone, same(zone, new)?))) else {
        return Fate::Remove;
    };
    let gatekeeper = before
        .gatekeepers
        .iter()
        .find(|g| g.index == registration.gatekeeper);
    if !gatekeeper.is_some_and(|g| after.gatekeepers.contains(g)) {
        return Fate::Remove;
    }
    let policy = |zone: &Zone| (zone.answer, zone.endpoint_ttl, zone.refresh_every);
    if policy(before) != policy(after) && registration.state.is_published() {
        Fate::Renew
    } else {
        Fate::Keep
    }
}
