//! Tools to test rasline end to end on one machine: network namespaces, a gatekeeper and endpoints to talk to, the
//! controller as a child process, and independent decoders.
//!
//! Invariants: everything made here is named after this process, is removed when its owner is dropped (a panic
//! included), and what a killed process left behind is swept by the next one. Nothing waits without a deadline.

pub mod controller;
pub mod endpoint;
pub mod flood;
pub mod gatekeeper;
pub mod messages;
pub mod netns;
pub mod oracle;
pub mod receive;
mod registrar;
pub mod settings;
pub mod swarm;
pub mod topology;
pub mod wait;
pub mod xdp;

pub use controller::Controller;
pub use endpoint::Endpoint;
pub use gatekeeper::{FakeGatekeeper, Policy, Seen, What};
pub use netns::Netns;
pub use oracle::Oracle;
pub use receive::Reply;
pub use settings::Settings;
pub use swarm::Swarm;
pub use topology::{Gateway, GatewayOptions};
