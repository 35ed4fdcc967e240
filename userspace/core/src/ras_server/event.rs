//! What people are told of endpoints and their calls.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An endpoint registered.
    Registered {
        /// endpointIdentifier.
        endpoint_identifier: String,
        /// Where it is.
        endpoint: SocketAddr,
        /// Its aliases.
        aliases: Vec<String>,
    },
    /// It is registered no more.
    Unregistered {
        /// endpointIdentifier.
        endpoint_identifier: String,
        /// Where it was.
        endpoint: SocketAddr,
        /// Why.
        why: Ended,
    },
    /// A request was rejected.
    Rejected {
        /// From where.
        from: SocketAddr,
        /// Kind of the request: `RRQ`, ...
        request: String,
        /// rejectReason, in the standard's words.
        reason: String,
    },
    /// A source, or somebody under a name, failed to show who he is so often that failures are answered seldom for a while.
    Locked {
        /// Which one.
        source: SocketAddr,
    },
    /// A call was admitted.
    CallStarted {
        /// callIdentifier (else conferenceID), hexadecimal.
        call: String,
        /// Caller's alias.
        from: String,
        /// Callee's alias.
        to: String,
    },
    /// A call is over.
    CallEnded {
        /// As in `CallStarted`.
        call: String,
        /// How long it was, seconds.
        seconds: u64,
    },
}

/// Why a registration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It said so (URQ).
    Left,
    /// Its timeToLive ran out, and it did not answer IRQ.
    Expired,
    /// It registered again from elsewhere, or another one took its aliases.
    Replaced,
    /// The operator dropped it.
    Dropped,
    /// The profile does not allow it any more.
    NotAllowed,
}
