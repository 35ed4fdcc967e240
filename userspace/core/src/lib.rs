//! rasline's state machines, without IO: no clock, no sockets, no randomness.
//!
//! [`Core::handle`] takes the time and one [`Input`] and appends [`Output`]s, which the caller carries out in order;
//! what became of them comes back as inputs. Two things always hold:
//! - every diverted RCF gives exactly one [`Output::Send`], whatever it is;
//! - a registration is published only after two keep-alives with different requestSeqNum, equal in every other octet,
//!   were confirmed by RCFs equal in every other octet; or it is restored as it was published before.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
pub mod agent;
pub mod alternates;
pub mod backup;
mod census;
mod claimed;
mod config;
mod confirm;
mod event;
pub mod failover;
mod grant;
pub mod health;
mod io;
mod learn;
mod leave;
mod machine;
mod octets;
mod pending;
mod phase;
pub mod presence;
pub mod profile;
pub mod proxy;
mod publish;
mod reconfigure;
mod register;
pub mod registrar;
mod registration;
mod registry;
mod restore;
mod standby;
mod stats;
mod time;
mod trial;
mod watching;
mod why;

pub use census::{Census, Standing};
pub use claimed::Reserved;
pub use config::{Answer, Config, Gatekeeper, Zone};
pub use event::{Cause, Event, EventKind};
pub use io::{Input, Kernel, Message, Output, Reason, Refusal, Template};
pub use machine::Core;
pub use rasline_h225::view::Alternate;
pub use registration::{Registration, RegistrationId, State};
pub use restore::Stored;
pub use standby::{ColdWhy, WarmCounts, Warmth};
pub use stats::{GatekeeperInfo, Stats};
pub use time::Time;
pub use why::Why;
