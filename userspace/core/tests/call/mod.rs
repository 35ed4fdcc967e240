//! Calls: legs, relay, the loss of a gatekeeper.

mod losing;
mod relaying;
mod world;
