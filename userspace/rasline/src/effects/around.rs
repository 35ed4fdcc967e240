//! What the site looks at: the kernel's tables, the slots in them, and the probes.

use std::{net::SocketAddr, time::Duration};

use rasline_core::{
    GatekeeperIndex, RegistrationKey, Time, ZoneIndex,
    presence::{Subject, Trace},
    site::{KernelDecision, Steering, Surroundings},
};

use rasline_kernel::Dataplane;

use super::Slots;
use crate::{host::monotonic_ns, probe::Probes};

// What the site reckons with is what the kernel's rows hold.
const _: () = assert!(rasline_core::alternates::MAX_CANDIDATES == Dataplane::MAX_CANDIDATES);
const _: () = assert!(Dataplane::MAX_ZONES <= RegistrationKey::MAX_ZONES);

/// References to what it is.
pub(super) struct Around<'a> {
    pub dataplane: &'a Dataplane,
    pub slots: &'a Slots,
    pub probes: &'a Probes,
}

impl Surroundings for Around<'_> {
    fn decided(&self, zone: ZoneIndex) -> Option<KernelDecision> {
        let decided = self.dataplane.zones.decided(zone.0)?;
        Some(KernelDecision {
            active: GatekeeperIndex(decided.active),
            from: GatekeeperIndex(decided.from),
            at: Time(decided.at_ns),
            evidence_at: Time(decided.evidence_ns),
        })
    }

    fn steered_to(&self, zone: ZoneIndex) -> Option<(GatekeeperIndex, Time)> {
        let (active, moved_ns) = self.dataplane.zones.steered_to(zone.0)?;
        Some((GatekeeperIndex(active), Time(moved_ns)))
    }

    fn steering(&self, zone: ZoneIndex) -> Option<Steering> {
        let row = self.dataplane.steering(zone.0)?;
        let indices = |all: Vec<u32>| all.into_iter().map(GatekeeperIndex).collect();
        Some(Steering {
            active: row.active.map(GatekeeperIndex),
            steered: indices(row.steered),
            candidates: indices(row.candidates),
            moved: Time(row.moved_ns),
        })
    }

    fn is_auto(&self, zone: ZoneIndex) -> bool {
        self.dataplane.zones.is_auto(zone.0)
    }

    fn last_seen(&self, key: RegistrationKey) -> Option<Time> {
        let place = self.slots.get(key)?.place;
        let observed = self.dataplane.table().observe(monotonic_ns(), place)?;
        Some(Time(observed.last_seen_ns))
    }

    fn known_as(&self, own: SocketAddr, endpoint: SocketAddr) -> Option<SocketAddr> {
        self.dataplane.flows.known_as(own, endpoint)
    }

    fn trace(&self, now: Time, subject: &Subject) -> Trace {
        self.dataplane
            .trace(now.0, subject.endpoint, subject.gatekeeper)
    }

    fn is_silent(&self, gatekeeper: GatekeeperIndex, dead_after: Duration) -> bool {
        let now_ns = monotonic_ns();
        let since = self
            .dataplane
            .gatekeepers
            .silent_since(gatekeeper.0, dead_after, now_ns);
        since.is_some()
    }

    fn is_probed(&self, gatekeeper: GatekeeperIndex) -> Option<bool> {
        self.probes.seen(gatekeeper.0).map(|seen| seen.probed)
    }
}
