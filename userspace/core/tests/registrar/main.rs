//! The registrar: what it answers, what it publishes and keeps, when it lets go.
#![allow(clippy::unwrap_used)]

mod expiring;
mod registering;
mod world;
