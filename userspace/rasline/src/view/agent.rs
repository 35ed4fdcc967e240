//! An agent: one of rasline's own endpoints.

use std::{collections::BTreeMap, net::SocketAddr};

use serde::{Deserialize, Serialize};

/// An agent: one of rasline's own endpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Name of the agent.
    pub name: String,
    /// State: waiting, discovering, registering, registered, moving or leaving.
    pub state: String,
    /// Whether it is registered.
    pub registered: bool,
    /// RAS address of the gatekeeper that it is registered with, or is asking.
    pub gatekeeper: Option<SocketAddr>,
    /// gatekeeperIdentifier of that gatekeeper.
    pub gatekeeper_identifier: Option<String>,
    /// endpointIdentifier that this gatekeeper assigned.
    pub endpoint_identifier: Option<String>,
    /// timeToLive granted by this gatekeeper, seconds.
    pub time_to_live: Option<u32>,
    /// Seconds since this gatekeeper's last RCF.
    pub confirmed: Option<f64>,
    /// Peer of its call-signalling connection, if one is established.
    pub connected_to: Option<SocketAddr>,
    /// All gatekeepers that it may use, best first.
    pub candidates: Vec<SocketAddr>,
    /// Its own RAS address.
    pub ras_address: String,
    /// Aliases of its devices.
    pub aliases: Vec<String>,
    /// Full registrations since the start.
    pub registrations: u64,
    /// Lightweight RRQs confirmed since the start.
    pub keep_alives: u64,
    /// Call-signalling connections lost since the start: refused, reset, closed, silent.
    pub losses: BTreeMap<String, u64>,
    /// Number of losses after which it registered again.
    pub recoveries: u64,
    /// Duration of the last recovery, from the loss to the RCF, seconds.
    pub last_recovery: Option<f64>,
    /// RAS messages that were ignored.
    pub ignored: u64,
    /// Whether its gatekeeper must sign its messages (H.235.1).
    #[serde(default)]
    pub proof_demanded: bool,
    /// Messages discarded because they were not proved to be from its gatekeeper, by reason.
    #[serde(default)]
    pub unproved: BTreeMap<String, u64>,
    /// Call-signalling messages that were ignored.
    pub signalling_ignored: u64,
    /// RAS messages that could not be sent.
    pub not_sent: u64,
    /// Problem of its socket; empty if there is none.
    pub trouble: String,
}
