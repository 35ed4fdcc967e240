//! A zone: its settings, which gatekeeper serves it and why, and rasline's own gatekeeper of it.

use serde::{Deserialize, Serialize};

use super::Gatekeeper;

/// A configured zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// Name of the zone.
    pub name: String,
    /// offload, hold or off.
    pub answer: String,
    /// timeToLive given to endpoints (`endpoint_ttl`), seconds.
    pub endpoint_ttl: Option<f64>,
    /// Refresh interval (`refresh_every`), seconds.
    pub refresh_every: Option<f64>,
    /// How long endpoints of a silent gatekeeper are answered (`hold_for`), seconds.
    pub hold_for: f64,
    /// After this time without an answer a gatekeeper counts as silent (`dead_after`), seconds.
    pub dead_after: f64,
    /// Prefixes of its endpoints.
    pub endpoints: Vec<String>,
    /// Number of known registrations.
    pub known: usize,
    /// Number of registrations that the kernel answers.
    pub answered: usize,
    /// Number of its endpoints in each state of presence.
    #[serde(default)]
    pub presence: PresenceCounts,
    /// After this time an endpoint counts as silent (`silent_after`), seconds; `None`: by its own rhythm.
    #[serde(default)]
    pub silent_after: Option<f64>,
    /// Gatekeepers of the zone.
    pub gatekeepers: Vec<Gatekeeper>,
    /// Messages from unregistered sources that `unknown_rate` held back.
    #[serde(default)]
    pub limited: u64,
    /// Which gatekeeper serves the zone, and why; `None` if rasline itself is the only one.
    #[serde(default)]
    pub steering: Option<Steering>,
    /// transparent, proxy or registrar.
    #[serde(default)]
    pub ras: String,
    /// State of rasline's own gatekeeper of the zone; `None` if it has none.
    #[serde(default)]
    pub serving: Option<Serving>,
    /// Alternates named by its gatekeepers that did not become candidates, and why.
    #[serde(default)]
    pub refused_alternates: Vec<String>,
}

/// Number of registrations in each state of presence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceCounts {
    /// Sending within their rhythm.
    pub alive: usize,
    /// Whose keep-alive is overdue.
    pub late: usize,
    /// Nothing received for longer than their threshold.
    pub silent: usize,
    /// Silent for four times their threshold, or expired.
    pub gone: usize,
    /// Sent something once after they were silent or gone.
    pub back: usize,
    /// Not observed for long enough, or without a rhythm.
    pub unknown: usize,
}

impl PresenceCounts {
    /// Name and count of each state.
    #[must_use]
    pub const fn all(&self) -> [(&'static str, usize); 6] {
        [
            ("alive", self.alive),
            ("late", self.late),
            ("silent", self.silent),
            ("gone", self.gone),
            ("back", self.back),
            ("unknown", self.unknown),
        ]
    }

    /// Adds the counts of another zone.
    pub const fn add(&mut self, other: &Self) {
        self.alive += other.alive;
        self.late += other.late;
        self.silent += other.silent;
        self.gone += other.gone;
        self.back += other.back;
        self.unknown += other.unknown;
    }

    /// Number of silent and gone endpoints.
    #[must_use]
    pub const fn missing(&self) -> usize {
        self.silent + self.gone
    }
}

/// rasline's own gatekeeper of a zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Serving {
    /// idle (the zone's own gatekeepers serve it), running, refusing (the zone may not be served) or proxy.
    pub phase: String,
    /// Why the zone is refused; empty if it is not.
    pub why: String,
    /// Number of registrations with rasline.
    pub registrations: u64,
    /// Active calls that rasline admitted, or that a proxy passed on.
    pub calls: u64,
    /// Calls admitted by an earlier controller that were restored.
    #[serde(default)]
    pub restored_calls: u64,
    /// Calls admitted by an earlier controller that could not be restored.
    #[serde(default)]
    pub lost_calls: u64,
    /// Number of endpoints in its profile.
    pub known: u64,
    /// Number of rejected requests.
    pub rejected: u64,
    /// Number of messages that could not be decoded.
    pub malformed: u64,
    /// Number of messages that failed authentication.
    pub denied: u64,
    /// Full registrations deferred (RIP) during overload.
    #[serde(default)]
    pub put_off: u64,
    /// Endpoints that the proxy has registered with the zone's gatekeeper; `None` if it is no proxy.
    pub registered_upstream: Option<u64>,
}

/// Which gatekeeper receives a zone's traffic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    /// Id of the gatekeeper that serves the zone.
    pub active: Option<String>,
    /// Id of the preferred gatekeeper.
    pub preferred: Option<String>,
    /// The operator's decision in words; empty if there is none.
    pub manual: String,
    /// Seconds since the active gatekeeper began to serve.
    pub since: f64,
    /// Cause of the last move.
    pub cause: String,
    /// Ids of gatekeepers whose traffic is redirected to the active one.
    pub steered: Vec<String>,
    /// Whether no gatekeeper of the zone is alive.
    pub dark: bool,
    /// What the zone waits for before it returns to a better gatekeeper; empty if nothing.
    pub waiting_for: String,
    /// Number of moves that the kernel program decided without the controller.
    pub kernel_decisions: u32,
    /// Keep-alives let through to move their registrations.
    pub migrated: u64,
    /// RRQs held back by the migrate rate.
    pub shaped: u64,
    /// Id of the gatekeeper at which registrations are kept warm.
    pub standby: Option<String>,
    /// Registrations kept warm there.
    pub warm: usize,
    /// Registrations that are being made warm.
    pub warming: usize,
    /// Registrations that cannot be kept warm.
    pub cold: usize,
}
