//! Phones and the routed gatekeeper against each other in virtual time.
#![allow(clippy::unwrap_used)]

mod gatekeeper;
mod phones;
mod site;
mod wire;
