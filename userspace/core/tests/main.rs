//! The state machines in virtual time. One program, since each links all of the codec.
#![allow(clippy::unwrap_used)]

mod access;
mod agent;
mod alternates;
mod backup;
mod call;
mod failover;
mod health;
mod learner;
mod migration;
mod network;
mod presence;
mod proxy;
mod registrar;
mod site;
