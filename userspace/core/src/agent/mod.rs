//! The agent: an endpoint towards gatekeepers (H.225.0 7.8 to 7.10, H.323 7.2).
//!
//! One [`Agents`] holds any number of agents; each keeps one registration (of one or several devices) alive at one of its
//! gatekeepers, and, if wanted, a call-signalling connection to it.
//!
//! ```text
//!            its time has come        GCF                          RCF
//!   Waiting -------------------> Discovering ----> Registering -------------> Registered <--+ lightweight RRQ, RCF
//!    ^  ^                          | GRJ, silence:    ^ | RRJ, silence:        | |      |   |
//!    |  |                          v next candidate   | v next candidate       | |      +---+
//!    |  +--- no candidate is left -+------------------|-+                      | |
//!    |                                                |   RRJ to a lightweight | |
//!    |                                                +----- RRQ, URQ, --------+ |
//!    |                                                |     reregister           | connection lost, keep-alive silent
//!    |                                     none of    |                          v
//!    |                              them within t1    +---------------------- Moving: lightweight RRQs to the alternates
//!    |                                                                           |
//!    +-- URQ, RRJ, or a lost connection too often in a row             RCF       +--------> Registered
//!
//!   any ---- stopped, or not configured any more: URQ ----> Leaving ---- UCF, URJ, silence ----> gone
//! ```
//!
//! Invariants:
//! - a registration is believed only after an RCF from the gatekeeper that was asked, with the number of the request;
//! - a URQ counts only if the gatekeeper does not confirm the registration when it is asked (`contested`);
//! - a connection that a gatekeeper closes in order, while it confirms the registration, is not lost (`bearing`);
//! - where proof is demanded (H.235.1), what a gatekeeper does not prove changes nothing but a sum;
//! - an agent has one connection at most, to the gatekeeper that it is registered with;
//! - what is sent without being asked is bounded: what fails at once is tried again after a pause that doubles.

#[expect(clippy::module_inception, reason = "it defines one agent of many")]
mod agent;
mod answer;
mod bearing;
mod config;
mod contested;
mod dispatch;
mod door;
mod event;
mod io;
mod link;
mod machine;
mod message;
mod moving;
mod registration;
mod registration_attempt;
mod request;
mod sign;
mod step;
mod targets;
mod transitions;
mod verify;
mod view;

pub use config::{
    AgentId, Answers, Candidate, Config, ConnectionId, Credentials, Device, Discovery, Kind,
    Signalling, Strategy,
};
pub use event::{Event, EventKind, Unproved, View};
pub use io::{Input, Loss, Output, Remembered};
pub use machine::Agents;
pub use request::MULTICAST;
