//! End to end in network namespaces: endpoints, the gateway with the real program and controller, a gatekeeper.
//!
//! Each test has its own namespaces, pins and controller, so they run in parallel. They need root, the built `rasline`
//! (`cargo xtask build`, or RASLINE_BIN), tshark and pycrate (`cargo xtask setup`); without them they fail and say so.
//! Nothing is timed: a test waits for what must come, and what must never come is checked against who saw what.
#![allow(clippy::unwrap_used)]

mod agent;
mod agent_closing;
mod agent_control;
mod agent_forged;
mod agent_secured;
mod agent_silence;
mod alternates;
mod answers;
mod backup;
mod boot;
mod bystanders;
mod calls;
mod capture;
mod controller;
mod decisions;
mod discovery;
mod doctor;
mod evidence;
mod failback;
mod failover;
mod failure;
mod firewall;
mod flood;
mod fragments;
mod granting;
mod health;
mod ipv6;
mod learning;
mod links;
mod metrics;
mod migration;
mod neighbours;
mod nexthop;
mod overload;
mod own;
mod peers;
mod phones;
mod pins;
mod policy;
mod printed;
mod probing;
mod proxy;
mod proxy_sources;
mod recall;
mod registrar;
mod restart;
mod rhythms;
mod scene;
mod secured;
mod signalling;
mod silent;
mod site;
mod snapshot;
mod stacks;
mod standby;
mod steady;
mod store;
mod vanish;
mod withdrawal;
