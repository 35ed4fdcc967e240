//! Admissions that rasline asks a gatekeeper for by itself (ARQ), on behalf of endpoints that learn nothing of it.

use std::net::SocketAddr;

use rasline_h225::types::AliasAddress;

use super::EntryId;

/// What an answer is matched with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdmissionTicket {
    /// Number of the call.
    pub call: u64,
    /// Which question about the call it is.
    pub question: u32,
}

/// An ARQ to be sent to a gatekeeper in the name of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAdmission {
    /// Comes back with the answer.
    pub ticket: AdmissionTicket,
    /// RAS address of the gatekeeper that is asked.
    pub gatekeeper: SocketAddr,
    /// The endpoint that calls.
    pub caller: EntryId,
    /// The called endpoint.
    pub called: EntryId,
    /// True: the called endpoint asks (answerCall); false: the caller does.
    pub answers: bool,
    /// callIdentifier of the call.
    pub call: [u8; 16],
    /// conferenceID of the call.
    pub conference: [u8; 16],
    /// callReferenceValue of the endpoint that asks, at this gatekeeper.
    pub reference: u16,
}

impl OwnAdmission {
    /// The endpoint that asks.
    #[must_use]
    pub const fn asker(&self) -> EntryId {
        if self.answers {
            self.called
        } else {
            self.caller
        }
    }
}

/// What became of an [`OwnAdmission`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdmissionAnswer {
    /// The gatekeeper sent an ACF.
    Granted {
        /// destCallSignalAddress of the ACF.
        to: SocketAddr,
        /// Whether the gatekeeper routes the call signalling (callModel).
        is_routed: bool,
        /// An alias of the called endpoint that the ARQ named, if it has one.
        called: Option<AliasAddress>,
    },
    /// ARJ, no answer, or it could not be asked.
    Refused,
}
