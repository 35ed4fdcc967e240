//! A known registration.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// A known registration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// Number of the registration, for `show` and `drop`.
    pub id: u64,
    /// Aliases that the endpoint registered.
    pub aliases: Vec<String>,
    /// Address and port of its RAS messages.
    pub address: Option<SocketAddr>,
    /// endpointIdentifier that the gatekeeper assigned.
    pub endpoint_identifier: String,
    /// Name of the zone.
    pub zone: String,
    /// Id of the gatekeeper.
    pub gatekeeper: String,
    /// Seconds since its last keep-alive.
    pub last_seen: Option<f64>,
    /// Who answers its keep-alives: kernel or gatekeeper.
    pub answered_by: String,
    /// Keep-alives answered by the kernel.
    pub answered: u64,
    /// Seconds until the next keep-alive is let through.
    pub next_refresh: Option<f64>,
    /// Seconds until the registration expires at the gatekeeper.
    pub time_left: Option<f64>,
    /// timeToLive granted by the gatekeeper, seconds.
    pub time_to_live: Option<f64>,
    /// timeToLive given to the endpoint instead, seconds; `None` if it has the gatekeeper's.
    pub endpoint_ttl: Option<f64>,
    /// Why the kernel does not answer; empty if it does.
    pub why_not: String,
    /// alive, late, silent, gone, back or unknown.
    #[serde(default)]
    pub presence: String,
    /// Seconds since the endpoint last sent something, if it is silent or gone.
    #[serde(default)]
    pub silent_for: Option<f64>,
    /// Seconds after which the endpoint counts as silent; `None` if it has no rhythm.
    #[serde(default)]
    pub silent_after: Option<f64>,
}
