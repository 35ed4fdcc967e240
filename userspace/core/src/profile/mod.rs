//! The profile of a zone: what its gatekeeper knows of it, and a backup gatekeeper needs to serve it.
//!
//! A profile is whole and immutable; another one replaces it. Invariant: what [`Profile::check`] accepts, a registrar can
//! serve.

mod check;
mod date;
#[cfg(test)]
mod tests;

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};

pub use check::{Fault, MAX_IDENTIFIER, Place, Wrong, check_endpoint};
pub use date::{DateError, parse_date, show_date};

/// A zone, as a gatekeeper serves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Zone that it is for; its name is the identity of the profile.
    pub zone: String,
    /// Whose it is. Zones of different tenants never see each other.
    #[serde(default)]
    pub tenant: String,
    /// gatekeeperIdentifier that endpoints of the zone know.
    pub gatekeeper_identifier: String,
    /// Whether it is to be served.
    #[serde(default)]
    pub subscription: Subscription,
    /// timeToLive given to endpoints.
    #[serde(default)]
    pub time_to_live: TimeToLive,
    /// How calls are signalled.
    #[serde(default)]
    pub call_model: CallModel,
    /// How endpoints must show who they are.
    #[serde(default)]
    pub authentication: Authentication,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
    /// Whether endpoints that are not listed may register.
    #[serde(default)]
    pub admit_unknown: bool,
    /// Dialled digits that lead into this zone from others begin with one of these.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// Numbering plan: applied to dialled digits before anything is looked up; the longest match counts.
    #[serde(default)]
    pub plan: Vec<PlanRule>,
    /// Other zones (of the same tenant) that calls may go to and come from; both must allow it.
    #[serde(default)]
    pub reach: Vec<String>,
    /// Gatekeepers of other networks that are asked by LRQ.
    #[serde(default)]
    pub neighbours: Vec<Neighbour>,
    /// Known endpoints.
    #[serde(default)]
    pub endpoints: Vec<KnownEndpoint>,
}

impl Profile {
    /// One of a zone that nothing else is known of; not subscribed.
    #[must_use]
    pub fn new(zone: &str, gatekeeper_identifier: &str) -> Self {
        Self {
            zone: zone.to_owned(),
            tenant: String::new(),
            gatekeeper_identifier: gatekeeper_identifier.to_owned(),
            subscription: Subscription::default(),
            time_to_live: TimeToLive::default(),
            call_model: CallModel::default(),
            authentication: Authentication::default(),
            limits: Limits::default(),
            admit_unknown: false,
            prefixes: Vec::new(),
            plan: Vec::new(),
            reach: Vec::new(),
            neighbours: Vec::new(),
            endpoints: Vec::new(),
        }
    }
}

/// Whether a zone is to be served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// On at all.
    #[serde(default)]
    pub on: bool,
    /// Until when, in seconds of UNIX time; `None`: without end. Written as an RFC 3339 date and time; read as that, as a
    /// date (its first second, UTC), or as a number.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "date::until")]
    pub until: Option<u64>,
}

impl Subscription {
    /// Whether the zone is to be served at this UNIX time.
    #[must_use]
    pub fn holds(self, unix: u64) -> bool {
        self.on && self.until.is_none_or(|until| unix < until)
    }
}

/// timeToLive, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeToLive {
    /// Given to who asks for none.
    pub default: u32,
    /// Given at least.
    pub min: u32,
    /// Given at most.
    pub max: u32,
}

impl Default for TimeToLive {
    fn default() -> Self {
        Self {
            default: 300,
            min: 30,
            max: 3600,
        }
    }
}

/// How calls are signalled (H.225.0 CallModel).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallModel {
    /// Between the endpoints.
    #[default]
    Direct,
    /// By way of this address.
    GatekeeperRouted(SocketAddr),
}

/// How endpoints must show who they are (H.235).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// Not at all.
    #[default]
    None,
    /// Password hashed with MD5 (H.225.0 cryptoEPPwdHash), or better.
    Md5,
    /// HMAC-SHA1-96 over the whole message (H.235.1).
    HmacSha1,
}

/// Bounds of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Registrations at most.
    pub registrations: u32,
    /// Calls at most at the same time.
    pub calls: u32,
    /// Bandwidth at most of one call, in units of 100 bit/s (H.225.0 BandWidth).
    pub call_bandwidth: u32,
    /// Bandwidth at most of all calls, in units of 100 bit/s.
    pub bandwidth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            registrations: 100_000,
            calls: 100_000,
            call_bandwidth: 100_000,
            bandwidth: u32::MAX,
        }
    }
}

/// A rule of the numbering plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRule {
    /// Dialled digits that begin so.
    pub prefix: String,
    /// Digits taken off the front.
    #[serde(default)]
    pub strip: u8,
    /// Digits put there instead.
    #[serde(default)]
    pub add: String,
}

/// A gatekeeper of another network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// gatekeeperIdentifier.
    pub id: String,
    /// RAS address.
    pub address: SocketAddr,
    /// Digits that lead there begin so; empty: it is asked for everything unknown.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// Whether its own LRQs are answered.
    #[serde(default)]
    pub answered: bool,
}

/// An endpoint that is known ahead of its registration. `Debug` does not show its password.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownEndpoint {
    /// Aliases that it may register: digits are dialedDigits, `scheme:` a URL, everything else an h323-ID. The first one
    /// names it.
    pub aliases: Vec<String>,
    /// Prefixes that it serves as a gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
    /// Password for H.235; `None`: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Where calls to it are signalled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_signal_address: Option<SocketAddr>,
    /// Its RAS address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ras_address: Option<SocketAddr>,
    /// endpointIdentifier that its own gatekeeper gave it: with this and its RAS address a lightweight RRQ is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_identifier: Option<String>,
}

impl fmt::Debug for KnownEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownEndpoint")
            .field("aliases", &self.aliases)
            .field("prefixes", &self.prefixes)
            .field("password", &self.password.as_ref().map(|_| "..."))
            .field("call_signal_address", &self.call_signal_address)
            .field("ras_address", &self.ras_address)
            .field("endpoint_identifier", &self.endpoint_identifier)
            .finish()
    }
}
