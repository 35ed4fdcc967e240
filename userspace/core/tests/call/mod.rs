//! Calls: legs, relay, the loss of a gatekeeper.

mod announcing;
mod losing;
mod relaying;
mod world;
