//! What the controller shows of itself: filled by the main loop, sent as JSON over the control socket, printed by the
//! CLI (`--json` as it is), and turned into samples for metrics. One file per noun.
//!
//! Durations are in seconds; times are seconds ago or ahead.

mod agent;
mod call;
mod counters;
mod event;
mod gatekeeper;
mod registration;
pub mod severity;
mod status;
mod zone;

pub use self::{
    agent::Agent,
    call::{Call, Leg},
    counters::{Counter, Counters},
    event::Event,
    gatekeeper::{Gatekeeper, Probe},
    registration::Registration,
    status::{Calls, Interface, Learning, Losses, Profiles, Rates, Status, Store, Tables},
    zone::{PresenceCounts, Serving, Steering, Zone},
};
