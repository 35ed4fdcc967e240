//! Calls: legs, relay, the loss of a gatekeeper.

mod announcing;
mod hostile;
mod losing;
mod random;
mod relaying;
mod world;
