//! The configuration that the site works by.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::alternates::{MAX_CANDIDATES, Prefix};
use crate::failover::Failback;
use crate::{Answer, GatekeeperIndex, Reserved, ZoneIndex, proxy};

/// RRQs that one registration may need to move: the keep-alive that is rejected, the full RRQ, two until it is known
/// again; and half as many for good measure.
const RRQS_TO_MOVE: u64 = 6;

/// A whole configuration. Zones that rasline does not know yet, or gatekeepers, have indices of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Zones, as the file lists them.
    pub zones: Vec<Zone>,
    /// Learned registrations at most.
    pub max_registrations: usize,
    /// Requests that wait for their answer at most.
    pub max_pending: usize,
    /// Addresses that no endpoint has: this machine's and the gatekeepers'.
    pub reserved: Reserved,
}

/// A zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its place in the kernel's tables.
    pub index: ZoneIndex,
    /// Its name.
    pub name: String,
    /// Who its endpoints' gatekeeper is.
    pub mode: ZoneMode,
    /// All its gatekeepers: configured ones, learned ones, rasline's own.
    pub gatekeepers: Vec<Gatekeeper>,
    /// Addresses that its endpoints are.
    pub endpoints: Vec<Prefix>,
    /// Addresses that its endpoints reach their gatekeeper at, whichever that is.
    pub service_addresses: Vec<IpAddr>,
    /// What the kernel answers.
    pub answer: Answer,
    /// timeToLive given to endpoints; `None`: the gatekeeper's own.
    pub endpoint_ttl: Option<Duration>,
    /// How often a keep-alive goes to the gatekeeper; `None`: as its timeToLive demands.
    pub refresh_every: Option<Duration>,
    /// How long registrations outlive their gatekeeper.
    pub hold_for: Duration,
    /// RRQs a second at most while registrations move; 0: no bound.
    pub migrate_rate: u32,
    /// After which silence an endpoint is missed; `None`: as its rhythm says.
    pub silent_after: Option<Duration>,
    /// When to return to a better gatekeeper.
    pub failback: Failback,
    /// gatekeeperIdentifier of rasline's own gatekeeper, if it is configured.
    pub gatekeeper_identifier: Option<String>,
}

/// Who the gatekeeper of a zone's endpoints is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneMode {
    /// Gatekeepers outside; rasline is their backup if it is one of the zone's gatekeepers.
    Transparent(Transparent),
    /// Rasline, which registers the endpoints with a gatekeeper outside.
    Proxy(Box<proxy::Settings>),
    /// Rasline alone.
    Registrar {
        /// Whether endpoints discover it by multicast.
        multicast: bool,
    },
}

/// What only a transparent zone has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transparent {
    /// Whether registrations are kept warm at the next gatekeeper.
    pub standby: bool,
    /// Whether alternates that gatekeepers name become candidates.
    pub learn_alternates: bool,
    /// Prefixes that learned alternates must be in.
    pub allowed_alternates: Vec<Prefix>,
    /// After which silence a gatekeeper counts as dead.
    pub dead_after: Duration,
    /// Whether call signalling to a gatekeeper that is lost is reset.
    pub resets_lost: bool,
}

/// A gatekeeper of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gatekeeper {
    /// Its place in the kernel's tables.
    pub index: GatekeeperIndex,
    /// Its name within the zone.
    pub id: String,
    /// RAS address.
    pub ras: SocketAddr,
    /// Port of call signalling.
    pub call_signal_port: u16,
    /// 0 comes first.
    pub priority: u8,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a zone's gatekeeper comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the configuration.
    Configured,
    /// It is rasline itself.
    Own,
    /// Another gatekeeper named it.
    Learned {
        /// Whether endpoints must register with it.
        need_to_register: bool,
    },
}

impl Config {
    /// A zone by its index.
    #[must_use]
    pub fn zone(&self, index: ZoneIndex) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.index == index)
    }

    /// A gatekeeper by its index, with its zone.
    #[must_use]
    pub fn gatekeeper(&self, index: GatekeeperIndex) -> Option<(&Zone, &Gatekeeper)> {
        let mut all = self.gatekeepers();
        all.find(|(_, gatekeeper)| gatekeeper.index == index)
    }

    /// All gatekeepers, with their zones.
    pub fn gatekeepers(&self) -> impl Iterator<Item = (&Zone, &Gatekeeper)> {
        let zones = self.zones.iter();
        zones.flat_map(|zone| zone.gatekeepers.iter().map(move |one| (zone, one)))
    }

    /// Indices of the gatekeepers that are rasline itself.
    #[must_use]
    pub fn own_gatekeepers(&self) -> BTreeSet<GatekeeperIndex> {
        let own = self.gatekeepers().filter(|(_, one)| one.is_own());
        own.map(|(_, one)| one.index).collect()
    }

    /// The name of a zone; `-` if there is none.
    #[must_use]
    pub fn zone_name(&self, index: ZoneIndex) -> String {
        let zone = self.zone(index);
        zone.map_or_else(|| "-".to_owned(), |zone| zone.name.clone())
    }

    /// The name of a gatekeeper; `-` if there is none.
    #[must_use]
    pub fn gatekeeper_name(&self, index: GatekeeperIndex) -> String {
        let found = self.gatekeeper(index);
        found.map_or_else(|| "-".to_owned(), |(_, one)| one.id.clone())
    }
}

impl Zone {
    /// Whether the kernel answers and copies its endpoints' RAS on behalf of gatekeepers outside.
    #[must_use]
    pub const fn is_transparent(&self) -> bool {
        matches!(self.mode, ZoneMode::Transparent(_))
    }

    /// Whether rasline registers its endpoints with a gatekeeper outside.
    #[must_use]
    pub const fn is_proxied(&self) -> bool {
        matches!(self.mode, ZoneMode::Proxy(_))
    }

    /// Whether its traffic may have to be steered to another gatekeeper.
    #[must_use]
    pub fn is_steered(&self) -> bool {
        self.is_transparent() && (self.gatekeepers.len() > 1 || !self.service_addresses.is_empty())
    }

    /// Whether it is watched which of its gatekeepers live: one outside may die.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        !matches!(self.mode, ZoneMode::Registrar { .. })
            && self.gatekeepers.iter().any(|one| !one.is_own())
    }

    /// Whether rasline itself is among its gatekeepers.
    #[must_use]
    pub fn has_own(&self) -> bool {
        self.gatekeepers.iter().any(Gatekeeper::is_own)
    }

    /// How long this many registrations may take to move to another gatekeeper at the zone's rate, and `hold_for` at least: else
    /// the last of them would lapse.
    #[must_use]
    pub fn time_to_move(&self, registrations: u64) -> Duration {
        let needed = match self.migrate_rate {
            0 => Duration::ZERO,
            rate => Duration::from_secs(registrations * RRQS_TO_MOVE / u64::from(rate)),
        };
        needed.max(self.hold_for)
    }

    /// What only a zone has whose endpoints rasline registers with a gatekeeper outside.
    #[must_use]
    pub fn proxy(&self) -> Option<&proxy::Settings> {
        match &self.mode {
            ZoneMode::Proxy(settings) => Some(settings),
            ZoneMode::Transparent(_) | ZoneMode::Registrar { .. } => None,
        }
    }

    /// What only a transparent zone has.
    #[must_use]
    pub const fn transparent(&self) -> Option<&Transparent> {
        match &self.mode {
            ZoneMode::Transparent(settings) => Some(settings),
            ZoneMode::Proxy(_) | ZoneMode::Registrar { .. } => None,
        }
    }

    /// Gatekeepers outside, best first: those that the kernel may move the zone to by itself. Without the controller nobody
    /// answers for its own.
    #[must_use]
    pub fn outside(&self) -> Vec<GatekeeperIndex> {
        let mut all: Vec<_> = self.gatekeepers.iter().filter(|g| !g.is_own()).collect();
        all.sort_by_key(|one| one.priority);
        all.iter().map(|one| one.index).collect()
    }

    /// As [`Zone::outside`], as many as the kernel's row holds.
    #[must_use]
    pub(super) fn kernel_candidates(&self) -> Vec<GatekeeperIndex> {
        let mut candidates = self.outside();
        candidates.truncate(MAX_CANDIDATES);
        candidates
    }

    /// Rasline's own gatekeeper that endpoints of this address family reach.
    #[must_use]
    pub(super) fn own_for(&self, address: IpAddr) -> Option<GatekeeperIndex> {
        let mut own = self.gatekeepers.iter().filter(|one| one.is_own());
        let same_family = |one: &&Gatekeeper| one.ras.is_ipv4() == address.is_ipv4();
        own.find(same_family).map(|one| one.index)
    }

    /// RAS addresses of its gatekeepers as its endpoints know them.
    #[must_use]
    pub(super) fn known_addresses(&self) -> Vec<SocketAddr> {
        let port = self.gatekeepers.first().map_or(1719, |one| one.ras.port());
        let services = self.service_addresses.iter();
        let services = services.map(|address| SocketAddr::new(*address, port));
        services
            .chain(self.gatekeepers.iter().map(|one| one.ras))
            .collect()
    }
}

impl Gatekeeper {
    /// Whether it is rasline itself.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        matches!(self.origin, Origin::Own)
    }
}
