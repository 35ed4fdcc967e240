//! The rasline controller and its command line.
//!
//! Sockets, ring buffer and timers become inputs of `rasline-core`'s site in one loop ([`daemon`]); what the site wants is
//! carried out in one place ([`effects`]). `rasline_kernel` is the only crate that knows the kernel program; [`cli`] is the
//! only module that prints.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
pub mod effects;
pub mod firewall;
pub mod io;
pub mod log;
pub mod metrics;
pub mod offline;
pub mod printable;
pub mod probe;
pub mod profiles;
pub mod signalling;
pub mod store;
pub mod suggest;
pub mod tcp;
pub mod view;

pub use rasline_host as host;
pub use rasline_host::failure;
