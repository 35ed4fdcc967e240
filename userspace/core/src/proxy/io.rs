//! What a proxy takes and gives.

use std::net::SocketAddr;

use super::{EntryId, Event};
use crate::Time;
use crate::ras_server::{CallFact, OwnAdmission, StoredCall};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A RAS message of an endpoint.
    FromEndpoint {
        /// From where.
        from: SocketAddr,
        /// The service address that it went to.
        to: SocketAddr,
        /// The message.
        payload: &'a [u8],
    },
    /// A RAS message of a gatekeeper.
    FromGatekeeper {
        /// From where.
        from: SocketAddr,
        /// Where it went: an address that messages to gatekeepers leave from, or that of an endpoint of the zone which
        /// has nothing to do with the proxy.
        to: SocketAddr,
        /// The message.
        payload: &'a [u8],
    },
    /// Gatekeeper that serves the zone now; `None`: none lives. Another one than before: all register there.
    Active(Option<SocketAddr>),
    /// It is [`Proxy::next_due`](super::Proxy::next_due).
    Due,
    /// The kernel answered a keep-alive of this endpoint at this time. Also the answer to [`Output::AskSeen`].
    Seen {
        /// Endpoint.
        id: EntryId,
        /// When.
        at: Time,
    },
    /// An endpoint as [`Output::Store`] gave it.
    Restore(Box<Stored>),
    /// A call as [`Output::StoreCall`] gave it. To be given after the endpoints.
    RestoreCall(Box<StoredCall>),
    /// Ask for an admission without the endpoint; answered by [`CallFact::AdmissionAnswered`].
    AskAdmission(OwnAdmission),
    /// The operator drops an endpoint: URQ both ways.
    Drop {
        /// Endpoint.
        id: EntryId,
    },
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send to an endpoint.
    ToEndpoint {
        /// From which service address; that of a gatekeeper for its message which is not the proxy's.
        from: SocketAddr,
        /// To whom.
        to: SocketAddr,
        /// The message.
        payload: Vec<u8>,
    },
    /// Send to a gatekeeper.
    ToGatekeeper {
        /// From which address: an endpoint's, or [`Settings::ras_address`](super::Settings::ras_address).
        from: SocketAddr,
        /// To whom.
        to: SocketAddr,
        /// The message.
        payload: Vec<u8>,
    },
    /// Let the kernel answer this keep-alive from now on, in place of an earlier one of this endpoint.
    Publish(Box<crate::ras_server::Offer>),
    /// The kernel must not answer this endpoint any more.
    Withdraw {
        /// Endpoint.
        id: EntryId,
    },
    /// timeToLive runs out: did the kernel answer meanwhile? Answered by [`Input::Seen`], if it did.
    AskSeen {
        /// Endpoint.
        id: EntryId,
    },
    /// Keep across restarts, in place of what was kept of this one.
    Store(Box<Stored>),
    /// Keep no longer.
    Forget {
        /// Endpoint.
        id: EntryId,
    },
    /// Keep across restarts, in place of what was kept of this call.
    StoreCall(Box<StoredCall>),
    /// Keep no longer.
    ForgetCall {
        /// [`StoredCall::call`].
        call: String,
    },
    /// Something that concerns the calls of the zone; only with
    /// [`Settings::call_signalling`](super::Settings::call_signalling).
    Call(CallFact),
    /// Tell people.
    Event(Event),
}

/// What is kept of an endpoint across restarts. Number 0 is the gateway registration of an aggregate: its
/// endpointIdentifier is empty, its addresses are rasline's, its full RRQ is the gateway's own, and
/// `confirmed` is when the gatekeeper confirmed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What a registrar would keep.
    pub registration: crate::ras_server::Stored,
    /// Gatekeeper that it is registered with.
    pub gatekeeper: Option<SocketAddr>,
    /// endpointIdentifier there.
    pub upstream_identifier: Option<String>,
    /// gatekeeperIdentifier there.
    pub upstream_gatekeeper_identifier: Option<String>,
    /// timeToLive there, seconds.
    pub upstream_ttl: Option<u32>,
    /// Port of the callSignalAddress that represents it there.
    pub upstream_signalling_port: Option<u16>,
}
