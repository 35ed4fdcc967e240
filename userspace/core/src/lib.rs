//! rasline's state machines, without IO: no clock, no sockets, no randomness.
//!
//! Each folder is one machine that takes the time and an input, and gives back what is to be done:
//! [`learner`] learns registrations from the traffic, [`health`] and [`failover`] decide which gatekeeper serves a zone,
//! [`registrar`], [`proxy`] and [`backup`] are gatekeepers of rasline's own, [`agent`] registers rasline itself. [`site`]
//! composes all but the agents, which have a thread of their own.
//! What they share is at the root: identities, time, events, octets as the kernel compares them.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
pub mod agent;
pub mod alternates;
pub mod backup;
pub mod call;
mod claimed;
mod event;
pub mod failover;
pub mod health;
mod ids;
pub mod learner;
mod octets;
pub mod presence;
pub mod profile;
pub mod proxy;
pub mod ras_server;
pub mod record;
pub mod registrar;
pub mod site;
mod time;
mod transaction;

pub use claimed::Reserved;
pub use event::{Cause, Event, EventKind};
pub use ids::{GatekeeperIndex, RegistrationId, RegistrationKey, ZoneIndex};
pub use learner::{
    Answer, Census, CensusState, ColdWhy, Config, Gatekeeper, GatekeeperInfo, Input, Learner,
    Message, NotAnsweredReason, Output, Reason, Refusal, Registration, SlotReport, State, Stats,
    Stored, Template, WarmCounts, Warmth, Zone,
};
pub use rasline_h225::view::Alternate;
pub use time::Time;
