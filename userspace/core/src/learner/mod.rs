//! The learner: what the controller knows of each registration from the RAS messages that the kernel copies, and
//! which keep-alives the kernel may answer because of it.
//!
//! [`Learner::handle`] takes the time and one [`Input`] and appends [`Output`]s, which the caller carries out in order;
//! what became of them comes back as inputs. The steps of a registration are one file each: `learn` (messages come in),
//! `pending` (requests that wait for their answer), `confirm` (RCFs), `register` (what these tell), `leave` (RRJ, URQ, UCF),
//! `phase` (the state machine), `publish` (what it decides), `restore` and `reconfigure`. `grant` and `trial` decide
//! which timeToLive an endpoint gets; `standby` keeps registrations warm at another gatekeeper.
//!
//! Two things always hold:
//! - every diverted RCF gives exactly one [`Output::Send`], whatever it is;
//! - a registration is published only after two keep-alives with different requestSeqNum, equal in every other octet,
//!   were confirmed by RCFs equal in every other octet; or it is restored as it was published before.

mod census;
mod config;
mod confirm;
mod gatekeepers;
mod grant;
mod io;
mod learn;
mod leave;
mod machine;
mod not_answered;
mod pending;
mod phase;
mod publish;
mod reconfigure;
mod register;
mod registration;
mod registrations;
mod registry;
mod restore;
mod standby;
mod stats;
mod trial;

pub use census::{Census, CensusState};
pub use config::{Answer, Config, Gatekeeper, Zone};
pub use io::{Input, Message, Output, Reason, Refusal, SlotReport, Template};
pub use machine::Learner;
pub use not_answered::NotAnsweredReason;
pub use registration::{Registration, State};
pub(crate) use registry::Record;
pub use restore::Stored;
pub use standby::{ColdWhy, WarmCounts, Warmth};
pub use stats::{GatekeeperInfo, Stats};
