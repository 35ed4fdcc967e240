//! Types of what the store keeps.

use std::net::SocketAddr;

use rasline_core::{Alternate, Stored, Time};

pub use rasline_core::record::Served;

/// A gatekeeper of a zone, identified independently of its index in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keeper {
    /// Name of the zone.
    pub zone: String,
    /// Id of the gatekeeper.
    pub gatekeeper: String,
    /// RAS address of the gatekeeper.
    pub address: SocketAddr,
}

/// The frequently changing part of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Time of the last confirmation by the gatekeeper.
    pub confirmed: Time,
    /// Time of the last keep-alive.
    pub last_seen: Time,
    /// Number of keep-alives answered by the kernel.
    pub answered: u64,
}

impl Times {
    pub(super) const fn of(stored: &Stored) -> Self {
        Self {
            confirmed: stored.confirmed,
            last_seen: stored.last_seen,
            answered: stored.answered,
        }
    }

    pub(super) const fn write_to(self, stored: &mut Stored) {
        stored.confirmed = self.confirmed;
        stored.last_seen = self.last_seen;
        stored.answered = self.answered;
    }
}

/// The gatekeeper that serves a zone, and the operator's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Name of the zone.
    pub zone: String,
    /// Id of the active gatekeeper; empty if there is none.
    pub active: String,
    /// The operator's decision.
    pub manual: Manual,
    /// Time since which the gatekeeper serves the zone.
    pub since: Time,
}

/// The operator's decision, with gatekeepers by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Manual {
    /// No decision.
    #[default]
    None,
    /// Prefer this gatekeeper.
    Switch(String),
    /// Do not move the zone.
    Hold,
}

/// A gatekeeper's list of alternates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The gatekeeper that sent the list.
    pub by: Keeper,
    /// Kind of the message with the list.
    pub message: String,
    /// Time of arrival.
    pub at: Time,
    /// Entries of the list; empty to forget the list.
    pub alternates: Vec<Alternate>,
}

/// State of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Number of registrations in the file.
    pub registrations: u64,
    /// Number of changes waiting to be written.
    pub waiting: usize,
    /// Time of the last write.
    pub last_write: Option<Time>,
    /// The current error; empty if there is none.
    pub error: String,
    /// New path of a corrupt file that was moved aside since the start; empty if there was none.
    pub set_aside: String,
    /// Number of times that the queue of changes overflowed.
    pub overflows: u64,
}
