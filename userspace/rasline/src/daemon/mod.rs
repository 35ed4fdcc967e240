//! The controller: one event loop that hands what happens to the site and has carried out what the site wants.
//!
//! Ring buffer, sockets, timer, signals and requests come in; what the site decides is carried out in [`crate::effects`].
//! Invariants: no channel is unbounded; the heartbeat is written only by this loop, so it stops when the loop does.

mod agents;
mod calls;
mod event_loop;
mod gatekeeper_way;
mod machine;
mod measure;
mod ports;
mod rates;
mod reload;
mod requests;
mod restore;
mod service;
mod show;
mod site_config;
mod start;
mod turn;
mod watch;

pub use start::run;

use std::{path::PathBuf, time::Instant};

use rasline_core::site::Site;

use crate::{
    agent::Agents,
    config::{Config, LastGood},
    effects::{Effects, hang_up::LostCalls, tracked::Tracked},
    io::sources::Sources,
    metrics::Metrics,
    profiles::Source,
};

use machine::Machine;
use ports::Ports;
use rates::Rates;

/// Everything that changes.
struct Daemon {
    file: PathBuf,
    /// As the file has it.
    file_config: Config,
    last_good: LastGood,
    /// With what was learned.
    config: Config,
    /// Makes endpointIdentifiers differ from those of other starts.
    seed: u64,
    /// What decides.
    site: Site,
    /// What carries out.
    effects: Effects,
    agents: Agents,
    ports: Ports,
    machine: Machine,
    tracked: Tracked,
    lost_calls: LostCalls,
    sources: Sources,
    /// Datagrams dropped because their sources sent too much while others waited.
    crowded_out: u64,
    /// Where profiles were read from.
    profile_source: Option<Source>,
    profile_trouble: Option<String>,
    rates: Rates,
    metrics: Option<Metrics>,
    started: Instant,
    /// The same as a date, seconds since 1970; taken once, so that it never changes.
    started_at: f64,
    /// Messages that waited too long in the ring.
    behind: u64,
    /// Calls are not counted before, CLOCK_MONOTONIC.
    count_at_ns: u64,
}
