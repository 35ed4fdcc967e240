//! A call whose signalling rasline ends.

use serde::{Deserialize, Serialize};

/// A call with its legs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Its number; never used again by this controller.
    pub number: u64,
    /// Name of the zone.
    pub zone: String,
    /// callIdentifier, 32 hexadecimal digits.
    pub call: Option<String>,
    /// Alias of the caller.
    pub caller: Option<String>,
    /// Alias of the called party.
    pub callee: Option<String>,
    /// `setting-up`, `ringing` or `connected`.
    pub state: String,
    /// Seconds since the Setup.
    pub age: f64,
    /// Seconds since it was connected.
    pub connected_for: Option<f64>,
    /// RAS address of the gatekeeper that controls it; `None`: it has lost its gatekeeper.
    pub gatekeeper: Option<String>,
    /// Whether its endpoints are connected to each other without a gatekeeper.
    pub joined: bool,
    /// Its legs, from the caller to the called endpoint.
    pub legs: Vec<Leg>,
}

/// A leg of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// `caller`, `caller-gatekeeper`, `called-gatekeeper` or `called`.
    pub leg: String,
    /// Address and port of the peer.
    pub peer: String,
    /// rasline's callSignalAddress on this leg.
    pub own: String,
    /// Call reference value.
    pub call_reference: u16,
    /// Whether H.245 has a connection of its own.
    pub h245_connection: bool,
}
