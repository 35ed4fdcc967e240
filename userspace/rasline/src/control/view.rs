//! Data of the controller's replies, which is also the output of `--json`. Durations are in seconds; times are seconds
//! ago or ahead.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::severity::Severity;

/// `rasline status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the controller.
    pub version: String,
    /// Process id of the controller.
    pub pid: u32,
    /// Seconds since the controller started.
    pub uptime: f64,
    /// Path of the configuration.
    pub config: String,
    /// Id of the XDP program.
    pub program: u32,
    /// Configured interfaces.
    pub interfaces: Vec<Interface>,
    /// Missing resources that the controller waits for (addresses, pins), one line each.
    #[serde(default)]
    pub waiting: Vec<String>,
    /// Configured zones.
    pub zones: Vec<Zone>,
    /// Configured agents.
    #[serde(default)]
    pub agents: Vec<Agent>,
    /// Rates over the last second.
    pub rates: Rates,
    /// Occupancy of the kernel's tables.
    pub tables: Tables,
    /// Figures of the learner.
    pub learning: Learning,
    /// The store on disk, which survives restarts.
    #[serde(default)]
    pub store: Store,
    /// State of the zones' profiles.
    #[serde(default)]
    pub profiles: Profiles,
    /// Messages lost between kernel, controller and network.
    pub losses: Losses,
}

/// A configured interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// endpoints, gatekeepers or both.
    pub side: String,
    /// native or generic.
    pub mode: String,
    /// Whether the controller's program is attached to it now.
    pub attached: bool,
    /// Id of the XDP program attached to it now; 0: none.
    pub program: u32,
    /// up, down, no carrier, absent; unknown: its state could not be read.
    #[serde(default)]
    pub link: String,
    /// Problem of the interface; empty if there is none.
    pub trouble: String,
}

/// A configured zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// Name.
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
    /// Heard from within their rhythm.
    pub alive: usize,
    /// Keep-alive overdue.
    pub late: usize,
    /// Nothing received for longer than their threshold.
    pub silent: usize,
    /// Silent for four times their threshold, or expired.
    pub gone: usize,
    /// Heard from once after they were silent or gone.
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

/// State of the active probes of a gatekeeper.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// unknown, up, suspect or down.
    pub state: String,
    /// Smoothed round-trip time, seconds.
    pub round_trip: Option<f64>,
    /// Seconds since the last answer.
    pub last_answer: Option<f64>,
    /// Probes sent.
    pub sent: u64,
    /// Probes answered.
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

/// A gatekeeper of a zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gatekeeper {
    /// Name of the zone.
    pub zone: String,
    /// Id.
    pub id: String,
    /// Address and RAS port.
    pub address: String,
    /// Priority.
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

/// A known registration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// Number of the registration, for `show` and `drop`.
    pub id: u64,
    /// Alias names.
    pub aliases: Vec<String>,
    /// Address and port of its RAS messages.
    pub address: Option<SocketAddr>,
    /// endpointIdentifier.
    pub endpoint_identifier: String,
    /// Name of the zone.
    pub zone: String,
    /// Gatekeeper.
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
    /// Seconds since the endpoint was last heard from, if it is silent or gone.
    #[serde(default)]
    pub silent_for: Option<f64>,
    /// Seconds after which the endpoint counts as silent; `None` if it has no rhythm.
    #[serde(default)]
    pub silent_after: Option<f64>,
}

/// An agent: one of rasline's own endpoints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Name.
    pub name: String,
    /// State: waiting, discovering, registering, registered, moving or leaving.
    pub state: String,
    /// Whether it is registered.
    pub registered: bool,
    /// RAS address of the gatekeeper that it is registered with, or is asking.
    pub gatekeeper: Option<SocketAddr>,
    /// gatekeeperIdentifier.
    pub gatekeeper_identifier: Option<String>,
    /// endpointIdentifier.
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
    pub losses: std::collections::BTreeMap<String, u64>,
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
    pub unproved: std::collections::BTreeMap<String, u64>,
    /// Call-signalling messages that were ignored.
    pub signalling_ignored: u64,
    /// RAS messages that could not be sent.
    pub not_sent: u64,
    /// Problem of its socket; empty if there is none.
    pub trouble: String,
}

/// Messages per second, over the last second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Keep-alives answered by the kernel.
    pub answers: f64,
    /// RAS messages that passed.
    pub passes: f64,
}

/// Occupancy of the kernel's tables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tables {
    /// Registrations published.
    pub slots: usize,
    /// Maximum number that can be published.
    pub slots_max: usize,
    /// Number of RCFs published.
    pub profiles: usize,
    /// Maximum number that can be published.
    pub profiles_max: usize,
    /// Why the last registration could not be published; empty if all could.
    pub refused: String,
    /// Number of registrations that could not be published.
    pub refusals: u64,
    /// Registrations of an earlier controller that are answered but not known; after a minute they are withdrawn and
    /// relearned.
    #[serde(default)]
    pub unclaimed: usize,
}

/// Figures of the learner.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Learning {
    /// Requests waiting for their confirm.
    pub pending: usize,
    /// Messages processed.
    pub messages: u64,
    /// Messages that could not be decoded.
    pub undecodable: u64,
    /// Pairs of RRQ and RCF seen.
    pub paired: u64,
    /// Requests whose answer was not seen.
    pub unanswered: u64,
    /// Requests forgotten early because too many were waiting.
    pub forgotten: u64,
    /// RCFs sent on with `endpoint_ttl`.
    pub patched: u64,
    /// RCFs sent on unchanged.
    pub unpatched: u64,
    /// Registrations not kept because `max_registrations` was reached.
    pub refused: u64,
    /// Keep-alives confirmed to another address than the one at which the registration is alive.
    #[serde(default)]
    pub elsewhere: u64,
}

/// The store on disk, which survives restarts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// Path of the file.
    pub path: String,
    /// Number of registrations in the file.
    pub registrations: u64,
    /// Registrations restored when the controller started.
    pub restored: u64,
    /// Changes waiting to be written.
    pub waiting: usize,
    /// Seconds since the last write.
    pub last_write: Option<f64>,
    /// Overflows of the queue of changes; after each one everything is written again.
    pub overflows: u64,
    /// New path of a corrupt file that was moved aside since the start; empty if there was none.
    pub set_aside: String,
    /// Error of the store; empty if there is none.
    pub error: String,
}

/// State of the profiles from which rasline serves zones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profiles {
    /// Number of zones that have a profile.
    pub zones: usize,
    /// Source: database, copy (the last good one), or nothing (neither exists or can be read; profiles read earlier
    /// stay in use).
    pub source: String,
    /// When the copy was made, seconds since 1970.
    pub since: Option<u64>,
    /// Error and next step; empty if there is none.
    pub error: String,
}

/// Messages lost between kernel, controller and network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// Messages not copied because the ring buffer was full.
    pub copy_lost: u64,
    /// Messages not copied because of `copies_per_source`.
    pub copy_limited_source: u64,
    /// RAS messages to rasline's own gatekeepers from unknown senders, or from the wrong side of the network.
    #[serde(default)]
    pub strangers: u64,
    /// RAS messages to rasline's own gatekeepers dropped because their source sent too many while others waited.
    #[serde(default)]
    pub crowded_out: u64,
    /// Messages that waited too long in the ring buffer, so that the kernel stopped diverting RCFs for a second.
    #[serde(default)]
    pub behind: u64,
    /// Messages not copied because of `copies_per_second`.
    pub copy_limited_total: u64,
    /// Messages that the controller could not send.
    pub send_failed: u64,
}

/// Verdict counters of one interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Name of the interface; `-` for all that are not configured.
    pub interface: String,
    /// All counters, in the order of the data path's table.
    pub counters: Vec<Counter>,
}

/// A verdict counter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    /// Name.
    pub name: String,
    /// Value.
    pub value: u64,
    /// Description of what it counts.
    pub help: String,
}

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Sequence number, from 1.
    pub number: u64,
    /// Time, seconds since 1970.
    pub time: f64,
    /// Subject: registration, gatekeeper, zone, agent, interface, controller, table.
    pub about: String,
    /// Name of the event, as in docs/events.md.
    #[serde(default)]
    pub event: String,
    /// Severity; `None` from a controller of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Name of the zone, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Id of the gatekeeper, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gatekeeper: Option<String>,
    /// Name of the agent, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Number of the registration, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<u64>,
    /// Name of the interface, if the event concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Text for people; its wording may change.
    pub text: String,
    /// Additional fields by name.
    #[serde(flatten)]
    pub details: serde_json::Map<String, serde_json::Value>,
}
