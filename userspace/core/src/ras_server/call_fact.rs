//! What a gatekeeper's RAS says that concerns the calls whose signalling rasline ends.

use std::net::SocketAddr;

use super::{AdmissionAnswer, AdmissionTicket, EntryId};

/// A fact about the calls of one zone. Facts are given in the order in which they happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallFact {
    /// An endpoint is registered; replaces what was known of it.
    Registered {
        /// Number of the endpoint.
        endpoint: EntryId,
        /// The endpoint's own callSignalAddress.
        signalling: SocketAddr,
        /// rasline's callSignalAddress that the endpoint knows.
        service: SocketAddr,
        /// rasline's callSignalAddress that represents the endpoint towards gatekeepers.
        upstream: SocketAddr,
    },
    /// An endpoint is registered with a gatekeeper; with another one than before, it no longer is with that.
    RegisteredWith {
        /// Number of the endpoint.
        endpoint: EntryId,
        /// RAS address of the gatekeeper.
        gatekeeper: SocketAddr,
    },
    /// An endpoint is registered no more.
    Unregistered {
        /// Number of the endpoint.
        endpoint: EntryId,
    },
    /// The ARQ of an endpoint that calls was granted.
    Admitted {
        /// Number of the endpoint.
        endpoint: EntryId,
        /// callIdentifier of the call.
        call: [u8; 16],
        /// destCallSignalAddress of the ACF.
        to: SocketAddr,
        /// RAS address of the gatekeeper that granted it.
        gatekeeper: SocketAddr,
    },
    /// An admission that the calls asked for was answered.
    AdmissionAnswered {
        /// Ticket of the question.
        ticket: AdmissionTicket,
        /// What the gatekeeper answered.
        answer: AdmissionAnswer,
    },
    /// A gatekeeper orders an endpoint out of a call (DRQ).
    Disengaged {
        /// Number of the endpoint.
        endpoint: EntryId,
        /// callIdentifier of the call.
        call: [u8; 16],
        /// RAS address of the gatekeeper.
        gatekeeper: SocketAddr,
    },
    /// A gatekeeper has unregistered an endpoint (URQ): it controls no call of it any more.
    Dismissed {
        /// Number of the endpoint.
        endpoint: EntryId,
        /// RAS address of the gatekeeper.
        gatekeeper: SocketAddr,
    },
    /// A gatekeeper serves the zone: from now on it may signal calls.
    Serves {
        /// Its RAS address.
        gatekeeper: SocketAddr,
    },
    /// A gatekeeper is dead: it controls no call any more.
    Lost {
        /// Its RAS address.
        gatekeeper: SocketAddr,
    },
}
