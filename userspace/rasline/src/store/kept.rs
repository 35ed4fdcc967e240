//! What the store takes and gives.

use std::net::SocketAddr;

use rasline_core::{Alternate, Stored, Time, proxy, registrar};

/// A gatekeeper of a zone, as it is found again under another configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keeper {
    /// Zone.
    pub zone: String,
    /// Id.
    pub gatekeeper: String,
    /// RAS address.
    pub address: SocketAddr,
}

/// What changes often about a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When the gatekeeper last confirmed it.
    pub confirmed: Time,
    /// Its last keep-alive.
    pub last_seen: Time,
    /// Keep-alives answered by the kernel.
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

/// Which gatekeeper serves a zone, and what the operator decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Zone.
    pub zone: String,
    /// Id of the active gatekeeper; empty: none.
    pub active: String,
    /// The operator's decision.
    pub manual: Manual,
    /// Since when.
    pub since: Time,
}

/// What the operator decided; gatekeepers by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Manual {
    /// Nothing.
    #[default]
    None,
    /// This one is preferred.
    Switch(String),
    /// No move.
    Hold,
}

/// A list of alternate gatekeepers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Who named them.
    pub by: Keeper,
    /// Kind of the message.
    pub message: String,
    /// When it came.
    pub at: Time,
    /// Its entries; none: there is nothing to remember.
    pub alternates: Vec<Alternate>,
}

/// A registration with rasline itself. Its zone and its endpointIdentifier are its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// By the registrar.
    Registrar(registrar::Stored),
    /// By the proxy.
    Proxy(proxy::Stored),
}

impl Served {
    /// What both have.
    #[must_use]
    pub const fn registration(&self) -> &registrar::Stored {
        match self {
            Self::Registrar(stored) => stored,
            Self::Proxy(stored) => &stored.registration,
        }
    }
}

/// How the store is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Registrations in the file.
    pub registrations: u64,
    /// Changes that wait to be written.
    pub waiting: usize,
    /// When something was last written.
    pub last_write: Option<Time>,
    /// What is wrong; empty: nothing.
    pub error: String,
    /// Corrupt file that was moved aside since the start; empty: none.
    pub set_aside: String,
    /// How often there was no room for what was to be written.
    pub overflows: u64,
}
