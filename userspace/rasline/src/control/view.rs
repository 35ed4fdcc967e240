//! What the controller shows, as it stands in replies and in `--json`. Durations are seconds, times ago or ahead.

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
    /// Seconds since it started.
    pub uptime: f64,
    /// Configuration file.
    pub config: String,
    /// Id of the XDP program.
    pub program: u32,
    /// Interfaces.
    pub interfaces: Vec<Interface>,
    /// What the controller needs and is not there now, a line each: addresses, pins.
    #[serde(default)]
    pub waiting: Vec<String>,
    /// Zones.
    pub zones: Vec<Zone>,
    /// Agents.
    #[serde(default)]
    pub agents: Vec<Agent>,
    /// Over the last second.
    pub rates: Rates,
    /// Tables.
    pub tables: Tables,
    /// Learning.
    pub learning: Learning,
    /// What is remembered over a restart.
    #[serde(default)]
    pub store: Store,
    /// Profiles of zones.
    #[serde(default)]
    pub profiles: Profiles,
    /// What went lost.
    pub losses: Losses,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// endpoints, gatekeepers or both.
    pub side: String,
    /// native or generic.
    pub mode: String,
    /// Whether this controller's program is on it now.
    pub attached: bool,
    /// Id of the program that is on it now; 0: none.
    pub program: u32,
    /// up, down, no carrier, absent; unknown: it could not be looked at.
    #[serde(default)]
    pub link: String,
    /// What is wrong with it; empty: nothing.
    pub trouble: String,
}

/// A zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Zone {
    /// Name.
    pub name: String,
    /// offload, hold or off.
    pub answer: String,
    /// timeToLive given to endpoints, seconds.
    pub endpoint_ttl: Option<f64>,
    /// Refresh interval, seconds.
    pub refresh_every: Option<f64>,
    /// How long a silent gatekeeper's endpoints are answered, seconds.
    pub hold_for: f64,
    /// When a gatekeeper counts as silent, seconds.
    pub dead_after: f64,
    /// Prefixes.
    pub endpoints: Vec<String>,
    /// Registrations known.
    pub known: usize,
    /// Of these, answered by the kernel.
    pub answered: usize,
    /// How many of its endpoints are alive, silent, ...
    #[serde(default)]
    pub presence: PresenceCounts,
    /// When an endpoint counts as silent, seconds; none: by its own rhythm.
    #[serde(default)]
    pub silent_after: Option<f64>,
    /// Gatekeepers.
    pub gatekeepers: Vec<Gatekeeper>,
    /// Messages of sources without a registration that `unknown_rate` held back.
    #[serde(default)]
    pub limited: u64,
    /// Which gatekeeper serves it, and why; none: rasline itself is its only one.
    #[serde(default)]
    pub steering: Option<Steering>,
    /// transparent, proxy or registrar.
    #[serde(default)]
    pub ras: String,
    /// How far rasline serves it itself; none: that is not for it to do.
    #[serde(default)]
    pub serving: Option<Serving>,
    /// Alternates that its gatekeepers named and that are no candidates, and why.
    #[serde(default)]
    pub refused_alternates: Vec<String>,
}

/// How many registrations of a zone are in each state of presence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceCounts {
    /// Spoke within their rhythm.
    pub alive: usize,
    /// Overdue.
    pub late: usize,
    /// Said nothing for longer than they may.
    pub silent: usize,
    /// Silent for so long that they are not expected back.
    pub gone: usize,
    /// Spoke once after that.
    pub back: usize,
    /// Not watched for long enough, or without a rhythm.
    pub unknown: usize,
}

impl PresenceCounts {
    /// Name and number of each state.
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

    /// Adds those of another zone.
    pub const fn add(&mut self, other: &Self) {
        self.alive += other.alive;
        self.late += other.late;
        self.silent += other.silent;
        self.gone += other.gone;
        self.back += other.back;
        self.unknown += other.unknown;
    }

    /// Silent or gone.
    #[must_use]
    pub const fn missing(&self) -> usize {
        self.silent + self.gone
    }
}

/// A zone that rasline may serve itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Serving {
    /// idle (its own gatekeepers do), running, refusing (it may not be served) or proxy.
    pub phase: String,
    /// Why it is refused; empty: it is not.
    pub why: String,
    /// Registrations at rasline.
    pub registrations: u64,
    /// Calls that rasline admitted, or that a proxy passed on, and that go on.
    pub calls: u64,
    /// Calls that an earlier controller admitted and that went on.
    #[serde(default)]
    pub restored_calls: u64,
    /// Calls that an earlier controller admitted and that did not hold any more, or made no sense.
    #[serde(default)]
    pub lost_calls: u64,
    /// Endpoints that its profile knows.
    pub known: u64,
    /// Requests rejected.
    pub rejected: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Messages whose tokens did not hold.
    pub denied: u64,
    /// Full registrations put off (RIP) while more came than could be handled.
    #[serde(default)]
    pub put_off: u64,
    /// Endpoints that a proxy has registered with the zone's gatekeeper.
    pub registered_upstream: Option<u64>,
}

/// Where a zone's traffic goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    /// Id of the gatekeeper that serves the zone.
    pub active: Option<String>,
    /// Id of the one that comes first.
    pub preferred: Option<String>,
    /// The operator's decision, in words; empty: none.
    pub manual: String,
    /// Seconds since the active one serves.
    pub since: f64,
    /// Why it does.
    pub cause: String,
    /// Ids of gatekeepers whose traffic goes to the active one.
    pub steered: Vec<String>,
    /// No gatekeeper of the zone lives.
    pub dark: bool,
    /// What the zone waits for before it returns to a better one; empty: nothing.
    pub waiting_for: String,
    /// Decisions that the kernel program made by itself.
    pub kernel_decisions: u32,
    /// Keep-alives let through to move their registrations.
    pub migrated: u64,
    /// RRQs held back by the migrate rate.
    pub shaped: u64,
    /// Id of the gatekeeper at which registrations are kept warm.
    pub standby: Option<String>,
    /// Registrations kept warm there.
    pub warm: usize,
    /// Not yet warm.
    pub warming: usize,
    /// Cannot be kept warm.
    pub cold: usize,
}

/// A gatekeeper's active probes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// unknown, up, suspect or down.
    pub state: String,
    /// Smoothed round trip, seconds.
    pub round_trip: Option<f64>,
    /// Seconds since the last answer.
    pub last_answer: Option<f64>,
    /// Probes sent.
    pub sent: u64,
    /// Probes answered.
    pub answered: u64,
    /// Timers of ours that fired too late to be evidence.
    pub late: u64,
    /// What it is known to answer: `grq`, `rrq`, `tcp`, and `endpoints`, whose requests the data path sees answered.
    #[serde(default)]
    pub answers: Vec<String>,
    /// The address that answers in place of the one that is asked.
    #[serde(default)]
    pub answers_from: Option<String>,
    /// Silence that means death, seconds: adapted to how fast and how regularly it answers.
    #[serde(default)]
    pub dead_time: Option<f64>,
    /// Answers that came from the endpoints' side, which count for nothing.
    #[serde(default)]
    pub strangers: u64,
}

/// A gatekeeper.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Gatekeeper {
    /// Zone.
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
    /// Seconds since the first keep-alive that it left unanswered.
    pub silent_for: Option<f64>,
    /// Keep-alives let through since its last message.
    pub outstanding: u64,
    /// Keep-alives let through, in all.
    pub requests: u64,
    /// RAS messages from it, in all.
    pub replies: u64,
    /// Registrations at it.
    pub registrations: usize,
    /// gatekeeperIdentifier that it gave.
    pub gatekeeper_identifier: Option<String>,
    /// Alternate gatekeepers that it named last.
    pub alternates: Vec<String>,
    /// Its probes; none: it is not probed.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// Why it cannot be reached from here, if a link of this machine is down or there is no route.
    #[serde(default)]
    pub cut_off: Option<String>,
    /// Where it comes from: the configuration, or the gatekeeper and message that named it.
    #[serde(default)]
    pub origin: String,
}

/// A registration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// Number that `show` and `drop` take.
    pub id: u64,
    /// Alias names.
    pub aliases: Vec<String>,
    /// Address and port of its RAS messages.
    pub address: Option<SocketAddr>,
    /// endpointIdentifier.
    pub endpoint_identifier: String,
    /// Zone.
    pub zone: String,
    /// Gatekeeper.
    pub gatekeeper: String,
    /// Seconds since its last keep-alive.
    pub last_seen: Option<f64>,
    /// kernel or gatekeeper.
    pub answered_by: String,
    /// Keep-alives answered by the kernel.
    pub answered: u64,
    /// Seconds until a keep-alive is let through.
    pub next_refresh: Option<f64>,
    /// Seconds until the registration runs out at the gatekeeper; what is promised to the endpoint follows from it.
    pub time_left: Option<f64>,
    /// timeToLive that the gatekeeper gave, seconds.
    pub time_to_live: Option<f64>,
    /// timeToLive that the endpoint was given in place of that, seconds.
    pub endpoint_ttl: Option<f64>,
    /// Why the kernel does not answer; empty: it does.
    pub why_not: String,
    /// alive, late, silent, gone, back or unknown.
    #[serde(default)]
    pub presence: String,
    /// Seconds since its last sign of life, if it is silent or gone.
    #[serde(default)]
    pub silent_for: Option<f64>,
    /// Seconds without a sign of life after which it counts as silent; none: it has no rhythm.
    #[serde(default)]
    pub silent_after: Option<f64>,
}

/// An agent: an endpoint that rasline itself is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// Name.
    pub name: String,
    /// What it is doing.
    pub state: String,
    /// Whether it is registered.
    pub registered: bool,
    /// RAS address of the gatekeeper that it is registered with, or asks.
    pub gatekeeper: Option<SocketAddr>,
    /// gatekeeperIdentifier.
    pub gatekeeper_identifier: Option<String>,
    /// endpointIdentifier.
    pub endpoint_identifier: Option<String>,
    /// timeToLive that this gatekeeper gave, seconds.
    pub time_to_live: Option<u32>,
    /// Seconds since this gatekeeper's last RCF.
    pub confirmed: Option<f64>,
    /// Peer of its call-signalling connection.
    pub connected_to: Option<SocketAddr>,
    /// All gatekeepers that it may turn to, best first.
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
    /// Losses after which it was registered again.
    pub recoveries: u64,
    /// How long the last of these took, seconds, from the loss to the RCF.
    pub last_recovery: Option<f64>,
    /// RAS messages that could not be used.
    pub ignored: u64,
    /// Whether its gatekeeper must prove what it says (H.235.1).
    #[serde(default)]
    pub proof_demanded: bool,
    /// Messages in its gatekeepers' names that were not proved and came to nothing, by what was wrong.
    #[serde(default)]
    pub unproved: std::collections::BTreeMap<String, u64>,
    /// Call-signalling messages that were read and not used.
    pub signalling_ignored: u64,
    /// RAS messages that could not be sent.
    pub not_sent: u64,
    /// What is wrong with its socket; empty: nothing.
    pub trouble: String,
}

/// Messages a second, over the last second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Keep-alives answered.
    pub answers: f64,
    /// RAS messages that passed.
    pub passes: f64,
}

/// How full the tables are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tables {
    /// Registrations published.
    pub slots: usize,
    /// Most there can be.
    pub slots_max: usize,
    /// RCFs.
    pub profiles: usize,
    /// Most there can be.
    pub profiles_max: usize,
    /// Why the last registration could not be published; empty: all could.
    pub refused: String,
    /// Registrations that could not be published.
    pub refusals: u64,
    /// Registrations of an earlier controller that are answered and not known: after a minute they are learned anew.
    #[serde(default)]
    pub unclaimed: usize,
}

/// What was learned, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Learning {
    /// Requests that wait for their confirm.
    pub pending: usize,
    /// Messages taken.
    pub messages: u64,
    /// Messages that do not decode.
    pub undecodable: u64,
    /// Pairs of RRQ and RCF.
    pub paired: u64,
    /// Requests that no answer was seen for.
    pub unanswered: u64,
    /// Requests forgotten early, because too many waited.
    pub forgotten: u64,
    /// RCFs sent on with the endpoints' timeToLive.
    pub patched: u64,
    /// RCFs sent on unchanged.
    pub unpatched: u64,
    /// Registrations not kept: max_registrations reached.
    pub refused: u64,
    /// Keep-alives confirmed to another address than the one at which their registration is alive.
    #[serde(default)]
    pub elsewhere: u64,
}

/// What is remembered over a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// The file.
    pub path: String,
    /// Registrations in it.
    pub registrations: u64,
    /// Registrations restored from it at the start.
    pub restored: u64,
    /// Changes that wait to be written.
    pub waiting: usize,
    /// Seconds since something was last written.
    pub last_write: Option<f64>,
    /// How often more had changed than could wait, so that everything was written again.
    pub overflows: u64,
    /// Where a corrupt file was moved to since the start; empty: there was none.
    pub set_aside: String,
    /// What is wrong; empty: nothing.
    pub error: String,
}

/// Profiles of zones, as a backup serves from them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profiles {
    /// Zones that have one.
    pub zones: usize,
    /// Where they were read from: database, copy (its last good one), or nothing (there is none, or it cannot be read:
    /// then those that were read before hold).
    pub source: String,
    /// When the copy was made, seconds since 1970.
    pub since: Option<u64>,
    /// What is wrong, and what to do; empty: nothing.
    pub error: String,
}

/// What went lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// Messages not copied: ring buffer full.
    pub copy_lost: u64,
    /// Messages not copied: their source sent too many.
    pub copy_limited_source: u64,
    /// RAS messages to rasline's own gatekeepers from nobody's endpoint.
    #[serde(default)]
    pub strangers: u64,
    /// RAS messages to rasline's own gatekeepers of sources that sent too many while others waited.
    #[serde(default)]
    pub crowded_out: u64,
    /// Messages that waited too long in the ring, so that the kernel diverted none for a while.
    #[serde(default)]
    pub behind: u64,
    /// Messages not copied: too many of all sources.
    pub copy_limited_total: u64,
    /// Messages of the controller that could not be sent.
    pub send_failed: u64,
}

/// Counters of one interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Interface; `-`: all that are not configured.
    pub interface: String,
    /// All of them, in order.
    pub counters: Vec<Counter>,
}

/// A counter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    /// Name.
    pub name: String,
    /// Value.
    pub value: u64,
    /// What it counts.
    pub help: String,
}

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Number, from 1.
    pub number: u64,
    /// Seconds since 1970.
    pub time: f64,
    /// What it concerns: registration, gatekeeper, zone, agent, interface, controller, table.
    pub about: String,
    /// What happened: a name that stands in docs/events.md.
    #[serde(default)]
    pub event: String,
    /// How much it matters; none: the controller is of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Zone, if it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Gatekeeper, if it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gatekeeper: Option<String>,
    /// Agent, if it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Registration, if it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<u64>,
    /// Interface, if it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// What happened, for people; its wording may change.
    pub text: String,
    /// What else is known of it, by name.
    #[serde(flatten)]
    pub details: serde_json::Map<String, serde_json::Value>,
}
