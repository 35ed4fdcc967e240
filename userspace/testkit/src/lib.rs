//! Tools to test rasline end to end on one machine: network namespaces, a gatekeeper and endpoints to talk to, the
//! controller as a child process, and independent decoders.
//!
//! What endpoints and gatekeepers send and how they react is in `rasline_testkit_model`; this crate runs it on sockets.
//!
//! Invariants: everything made here is named after this process, is removed when its owner is dropped (a panic
//! included), and what a killed process left behind is swept by the next one. Nothing waits without a deadline.

pub mod call;
mod callserver;
pub mod capture;
pub mod clock;
pub mod controller;
pub mod endpoint;
pub mod fleet;
pub mod flood;
pub mod gatekeeper;
pub mod host;
mod journal;
pub mod netns;
mod node;
pub mod oracle;
mod pktinfo;
pub mod process;
pub mod receive;
pub mod rtp;
mod running;
pub mod settings;
pub mod signalling;
pub mod stalls;
pub mod stream;
pub mod swarm;
pub mod topology;
pub mod wait;
pub mod xdp;

pub use rasline_testkit_model::call::{
    Control, Ended, Phone, PhoneSettings, RoutedGatekeeper, Stack, State as PhoneState,
};
pub use rasline_testkit_model::{admission, clients, credentials, messages, zone};

pub use admission::Alternate;
pub use call::CallLine;
pub use capture::Capture;
pub use clients::{ChildGatekeeper, Client, Terminal};
pub use controller::Controller;
pub use credentials::{Authenticator, Credentials};
pub use endpoint::Endpoint;
pub use fleet::Fleet;
pub use gatekeeper::{FakeGatekeeper, Policy, Refuse, Seen, What};
pub use host::Host;
pub use netns::Netns;
pub use node::RunningNode;
pub use oracle::Oracle;
pub use process::GatekeeperProcess;
pub use receive::Reply;
pub use rtp::Stream;
pub use running::Running;
pub use settings::Settings;
pub use stalls::Stalls;
pub use stream::KeepAlives;
pub use swarm::Swarm;
pub use topology::{Gateway, GatewayOptions};
