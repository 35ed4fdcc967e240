//! What the state machines need of the configuration.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Zones and bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Zones.
    pub zones: Vec<Zone>,
    /// Registrations known at most, those that are not answered included.
    pub max_registrations: usize,
    /// Requests at most that wait for their confirm.
    pub max_pending: usize,
}

impl Config {
    /// The zone of this index.
    pub(crate) fn zone(&self, index: u32) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.index == index)
    }

    /// A gatekeeper of a zone.
    pub(crate) fn gatekeeper(&self, zone: u32, gatekeeper: u32) -> Option<&Gatekeeper> {
        let mut all = self.zone(zone)?.gatekeepers.iter();
        all.find(|one| one.index == gatekeeper)
    }
}

/// A zone. The name is its identity, the index its place in the kernel's tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Policy.
    pub answer: Answer,
    /// timeToLive given to endpoints; `None`: the gatekeeper's own.
    pub endpoint_ttl: Option<Duration>,
    /// How often a keep-alive is let through; `None`: half the gatekeeper's timeToLive.
    pub refresh_every: Option<Duration>,
    /// How long keep-alives are answered for a silent gatekeeper.
    pub hold_for: Duration,
    /// Its gatekeepers.
    pub gatekeepers: Vec<Gatekeeper>,
}

/// A gatekeeper. Id and address are its identity within the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gatekeeper {
    /// Index; each gatekeeper of each zone has its own.
    pub index: u32,
    /// Id.
    pub id: String,
    /// RAS address.
    pub address: SocketAddr,
}

/// When the kernel answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Never; it only watches.
    Off,
    /// While the gatekeeper is silent.
    Hold,
    /// Always, but for one keep-alive every refresh interval.
    Offload,
}
