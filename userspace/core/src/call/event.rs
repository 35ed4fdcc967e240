//! What is reported to people about calls.

use std::net::SocketAddr;
use std::time::Duration;

use super::io::{CallId, CallIdentifier};
use crate::ZoneIndex;

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The endpoint that called.
    Caller,
    /// The called endpoint.
    Called,
    /// The gatekeeper that controlled it.
    Gatekeeper,
    /// The operator of rasline.
    Operator,
    /// Rasline, because there was nobody left to connect.
    Rasline,
}

/// What happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A Setup was accepted.
    Started {
        /// Alias of the caller, if the Setup has one.
        caller: Option<String>,
        /// Alias of the called party, if the Setup has one.
        callee: Option<String>,
    },
    /// The gatekeeper that controlled it is lost.
    Orphaned {
        /// RAS address of the gatekeeper.
        gatekeeper: Option<SocketAddr>,
    },
    /// The endpoints are connected to each other without a gatekeeper.
    Joined,
    /// Another gatekeeper controls it.
    Announced {
        /// RAS address of the gatekeeper.
        gatekeeper: SocketAddr,
        /// How long it had none.
        after: Duration,
    },
    /// A gatekeeper did not take it; it goes on, and is announced again later.
    AnnounceRefused {
        /// RAS address of the gatekeeper.
        gatekeeper: SocketAddr,
        /// Q.850 cause, if one was given.
        cause: Option<u8>,
    },
    /// It is over.
    Ended {
        /// Who ended it.
        by: EndedBy,
        /// Q.850 cause, if one was given.
        cause: Option<u8>,
        /// How long it was connected; `None`: it never was.
        connected: Option<Duration>,
    },
}

/// Something that happened to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Index of its zone.
    pub zone: ZoneIndex,
    /// Number of the call.
    pub call: CallId,
    /// callIdentifier, if the Setup had one.
    pub identifier: Option<CallIdentifier>,
    /// What happened to it.
    pub happening: Happening,
}
