//! The rasline controller and its command line.
//!
//! Sockets, ring buffer and timers become inputs of `rasline-core`; its outputs are carried out in one place
//! ([`supervisor`]). [`bpf`] is the only module that knows the kernel program; [`cli`] the only one that prints.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod bpf;
pub mod cli;
pub mod config;
pub mod control;
pub mod failure;
pub mod firewall;
pub mod host;
pub mod log;
pub mod metrics;
pub mod printable;
pub mod probe;
pub mod profiles;
pub mod store;
pub mod suggest;
pub mod supervisor;
