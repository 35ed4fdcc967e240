//! Calls: rasline ends the call-signalling connections of endpoints and of gatekeepers, and relays between them, so a call
//! outlives its gatekeeper.
//!
//! ```text
//!               rasline                 gatekeeper               rasline
//! endpoint - Caller | CallerGatekeeper - (routes) - CalledGatekeeper | Called - endpoint
//! ```
//!
//! While the gatekeeper is there, each half relays for itself. When it is lost, its legs are closed, and the two legs of the
//! endpoints become partners of each other: nothing is sent to an endpoint, nothing of its connections is touched. If only
//! one endpoint is here, its half ends after a while if the call is up, else at once.
//!
//! As soon as both endpoints are registered with another gatekeeper, the call is announced to it (`announcement`). From then
//! on that one controls it by two legs of its own; messages of the endpoints still go directly from one to the other.
//!
//! Invariants:
//! - nothing is sent to an endpoint because a gatekeeper is lost;
//! - an endpoint's ReleaseComplete reaches the other endpoint once, in bounded time;
//! - a Setup is answered by Connect or ReleaseComplete in bounded time;
//! - an endpoint has rasline connect to its own host only;
//! - what a gatekeeper says that does not control a call changes nothing of it;
//! - the call reference and its flag fit the leg that a message is written on; messages of a leg stay in order;
//! - everything that grows has a bound.

use std::time::Duration;

mod announce_queue;
mod announcement;
mod announcing;
mod control;
mod directory;
mod event;
mod facts;
mod in_flight;
mod io;
mod leg;
mod lifecycle;
mod links;
mod machine;
mod place;
mod received;
mod relay;
mod view;

pub use event::{EndedBy, Event, Happening};
pub use io::{CallId, CallIdentifier, Input, LinkId, LinkLoss, ListenerId, Output};
pub use lifecycle::Progress;
pub use machine::Calls;
pub use place::Place;
pub use view::{LegView, Stats, View};

/// What the machine is given once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long an endpoint waits for the gatekeeper's word that the other one has hung up.
    pub release_wait: Duration,
    /// How long a gatekeeper must live on after it ended a call that is up, for its order to count.
    pub leave_grace: Duration,
    /// How long an endpoint is kept in a call whose other party was beyond the lost gatekeeper.
    pub one_sided_hold: Duration,
    /// How long a Setup may stay without any answer.
    pub answer_wait: Duration,
    /// How long a Setup may stay without a Connect.
    pub connect_wait: Duration,
    /// How long an accepted connection may wait for its first Setup.
    pub setup_wait: Duration,
    /// How long an accepted connection may stay after its last call.
    pub idle_wait: Duration,
    /// Calls announced to gatekeepers in a second at most.
    pub announce_rate: u32,
    /// Calls at most.
    pub max_calls: usize,
    /// Connections at most.
    pub max_links: usize,
    /// Connections at most from a host with a registered endpoint: gateways have many calls.
    pub max_links_per_endpoint: usize,
    /// Connections at most from any other host.
    pub max_links_per_stranger: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            release_wait: Duration::from_secs(3),
            leave_grace: Duration::from_millis(300),
            one_sided_hold: Duration::from_mins(1),
            answer_wait: Duration::from_secs(10),
            connect_wait: Duration::from_mins(3),
            setup_wait: Duration::from_secs(15),
            idle_wait: Duration::from_secs(5),
            announce_rate: 50,
            max_calls: 20_000,
            max_links: 100_000,
            max_links_per_endpoint: 1000,
            max_links_per_stranger: 64,
        }
    }
}
