//! What people are told of the control unit.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::registrar;

/// How far a zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// Its own gatekeepers serve it.
    Idle,
    /// It is served here.
    Running,
    /// It would be served here, but may not be.
    Refusing {
        /// Why.
        why: Refusal,
    },
}

/// Why a zone is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// There is no profile of it.
    NoProfile,
    /// Its profile says that it is not subscribed, or not any more.
    NotSubscribed,
}

/// Why a module was retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The zone has a gatekeeper of its own again.
    Returned,
    /// The zone may not be served any more.
    Refused(Refusal),
    /// The configuration does not have the zone any more, or has it otherwise: a module with the new settings follows, if
    /// the zone is served.
    Reconfigured,
}

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A module serves the zone from now on.
    Started {
        /// Zone index.
        zone: u32,
        /// Endpoints that its profile knows.
        known: usize,
        /// Registrations of an earlier process that it was given.
        restored: usize,
    },
    /// No module serves the zone any more.
    Retired {
        /// Zone index.
        zone: u32,
        /// Why.
        why: Why,
        /// Registrations that it had.
        registrations: u64,
    },
    /// The zone would be served, but may not be: requests are rejected.
    Refusing {
        /// Zone index.
        zone: u32,
        /// Why.
        why: Refusal,
    },
    /// A request was rejected for that. At most once a minute and zone.
    Refused {
        /// Zone index.
        zone: u32,
        /// From where the last one came.
        from: SocketAddr,
        /// Its kind: `RRQ`, ...
        request: String,
        /// Its rejectReason, in the standard's words.
        reason: String,
        /// Rejected since this was told last.
        count: u64,
    },
}

/// A zone, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View {
    /// Zone index.
    pub zone: u32,
    /// Name.
    pub name: String,
    /// How far it is.
    #[serde(flatten)]
    pub phase: Phase,
    /// Since when.
    pub since: crate::Time,
    /// It is served always.
    pub always: bool,
    /// Tenant of its profile; `None`: it has no profile.
    pub tenant: Option<String>,
    /// Endpoints that the profile knows.
    pub known: usize,
    /// Registrations kept until it is served.
    pub kept: usize,
    /// Requests rejected while it was not to be served.
    pub refused: u64,
    /// Numbers of its module, since it started.
    pub stats: Option<registrar::Stats>,
}

/// Counts since the start, and what there is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Modules that run.
    pub running: u64,
    /// Zones that would be served, but may not be.
    pub refusing: u64,
    /// Modules started.
    pub started: u64,
    /// Modules retired.
    pub retired: u64,
    /// Requests rejected because the zone may not be served.
    pub refused: u64,
    /// Answers, indications and messages that do not decode, ignored there.
    pub ignored: u64,
    /// Messages for zones that are not known.
    pub unknown_zone: u64,
    /// Messages for zones that are not served here.
    pub not_served: u64,
    /// Destinations found in another zone that is served here.
    pub reached: u64,
    /// Destinations found in the profile of a zone that is not served here.
    pub reached_by_profile: u64,
    /// Destinations found in no other zone.
    pub unreached: u64,
    /// Registrations kept for zones that are not served yet.
    pub kept: u64,
    /// Of these, forgotten: too many, or too old.
    pub not_kept: u64,
    /// Calls kept for zones that are not served yet.
    pub kept_calls: u64,
    /// Calls forgotten without being given to a registrar: too many, or nobody is kept who took part.
    pub not_kept_calls: u64,
}
