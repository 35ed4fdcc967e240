//! A gatekeeper of a zone and its probes.

use serde::{Deserialize, Serialize};

/// A gatekeeper of a zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gatekeeper {
    /// Name of the zone.
    pub zone: String,
    /// Id in the configuration.
    pub id: String,
    /// Address and RAS port.
    pub address: String,
    /// Priority; the lowest is tried first.
    pub priority: u8,
    /// unknown, alive or silent.
    pub state: String,
    /// Seconds since its last RAS message.
    pub last_reply: Option<f64>,
    /// Seconds since the first keep-alive that it left unanswered; `None` if it is not silent.
    pub silent_for: Option<f64>,
    /// Keep-alives let through to it since its last message.
    pub outstanding: u64,
    /// Total number of keep-alives let through to it.
    pub requests: u64,
    /// Total number of RAS messages from it.
    pub replies: u64,
    /// Number of registrations with it.
    pub registrations: usize,
    /// gatekeeperIdentifier in its messages.
    pub gatekeeper_identifier: Option<String>,
    /// Alternate gatekeepers in its last list.
    pub alternates: Vec<String>,
    /// Its probes; `None` if it is not probed.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// Why this machine cannot reach it: a link that is down, or no route; `None` if it can.
    #[serde(default)]
    pub cut_off: Option<String>,
    /// Its origin: the configuration, or the gatekeeper and message that named it.
    #[serde(default)]
    pub origin: String,
}

/// State of the active probes of a gatekeeper.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// unknown, up, suspect or down.
    pub state: String,
    /// Smoothed round-trip time, seconds.
    pub round_trip: Option<f64>,
    /// Seconds since the last answer.
    pub last_answer: Option<f64>,
    /// Number of probes sent.
    pub sent: u64,
    /// Number of probes answered.
    pub answered: u64,
    /// Timers of the controller that fired too late for the result to count.
    pub late: u64,
    /// Kinds of requests it has answered: `grq`, `rrq`, `tcp`, and `endpoints` (requests of endpoints, seen by the data
    /// path).
    #[serde(default)]
    pub answers: Vec<String>,
    /// Source address of its answers, if that is not the address that is probed.
    #[serde(default)]
    pub answers_from: Option<String>,
    /// Silence after which it counts as dead, seconds; adapted to the speed and regularity of its answers.
    #[serde(default)]
    pub dead_time: Option<f64>,
    /// Answers from the endpoints' side, which are ignored.
    #[serde(default)]
    pub strangers: u64,
}
