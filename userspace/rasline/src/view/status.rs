//! The controller as a whole: interfaces, zones, agents, rates, tables and losses.

use serde::{Deserialize, Serialize};

use super::{Agent, Zone};

/// What `rasline status` shows.
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
    /// All configured interfaces.
    pub interfaces: Vec<Interface>,
    /// Missing resources that the controller waits for (addresses, pins), one line each.
    #[serde(default)]
    pub waiting: Vec<String>,
    /// All configured zones.
    pub zones: Vec<Zone>,
    /// All configured agents.
    #[serde(default)]
    pub agents: Vec<Agent>,
    /// Rates over the last second.
    pub rates: Rates,
    /// Occupancy of the kernel's tables.
    pub tables: Tables,
    /// Figures of the learner.
    pub learning: Learning,
    /// Calls whose signalling rasline ends.
    #[serde(default)]
    pub calls: Calls,
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
    /// Name of the interface.
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

/// Calls whose signalling rasline ends. Figures are at most a second old.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Number of running calls.
    pub running: u64,
    /// Of these, calls whose endpoints are connected to each other without a gatekeeper.
    pub joined: u64,
    /// Number of connections.
    pub connections: u64,
    /// Calls since the controller started.
    pub started: u64,
    /// Messages relayed, H.245 on connections of its own included.
    pub relayed: u64,
    /// Connections and Setups refused.
    pub refused: u64,
    /// Messages whose addresses could not be replaced.
    pub unchanged: u64,
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
    /// Number of registrations published.
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
    /// Number of messages processed.
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
