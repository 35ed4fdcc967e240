//! Another configuration: what it does not concern stays as it is.

use super::{Config, Registration, Zone};

/// What a reload means for a registration.
pub(crate) enum Fate {
    Keep,
    /// Its template is another now.
    Renew,
    Remove,
}

/// The same zone in another configuration: same name, same place in the kernel's tables.
pub(crate) fn same_zone<'a>(zone: &Zone, config: &'a Config) -> Option<&'a Zone> {
    config
        .zones
        .iter()
        .find(|other| other.name == zone.name && other.index == zone.index)
}

/// What becomes of a registration under another configuration.
pub(crate) fn fate(old: &Config, new: &Config, registration: &Registration) -> Fate {
    let before = old
        .zones
        .iter()
        .find(|zone| zone.index == registration.zone);
    let Some((before, after)) = before.and_then(|zone| Some((zone, same_zone(zone, new)?))) else {
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
