//! What the call machine takes and gives.

use std::net::{IpAddr, SocketAddr};

use super::Event;
use crate::ZoneIndex;
use crate::ras_server::{CallFact, OwnAdmission};

/// Number of a TCP connection; never used again. The side that makes a connection numbers it: the executor those that it
/// accepts, the machine those that it asks for. Theirs have [`LinkId::DIALLED`] set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

impl LinkId {
    /// Marks connections that the machine asked for.
    pub const DIALLED: u64 = 1 << 63;
}

/// Number of a listener for one H.245 connection; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u64);

/// Number of a call; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// callIdentifier (H.225.0 7.3), the same on all legs of a call.
pub type CallIdentifier = [u8; 16];

/// Why a connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLoss {
    /// It could not be made.
    Refused,
    /// The peer closed it.
    Closed,
    /// The peer reset it.
    Reset,
    /// The peer acknowledged nothing for too long.
    Silent,
    /// The peer sent something other than TPKTs.
    Garbled,
    /// The peer does not read what it is sent.
    Full,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// An endpoint connected to the service address of a zone.
    EndpointConnected {
        /// Number of the connection.
        link: LinkId,
        /// Zone of the service address.
        zone: ZoneIndex,
        /// The endpoint's address.
        peer: SocketAddr,
        /// The service address.
        local: SocketAddr,
    },
    /// A gatekeeper connected to an address that represents an endpoint upstream.
    GatekeeperConnected {
        /// Number of the connection.
        link: LinkId,
        /// The gatekeeper's address.
        peer: SocketAddr,
        /// The address that it called.
        local: SocketAddr,
    },
    /// A connection that [`Output::Connect`] asked for is there.
    Connected {
        /// Number of the connection.
        link: LinkId,
        /// Its address on this side.
        local: SocketAddr,
    },
    /// [`Output::Listen`] was carried out.
    Listening {
        /// Number of the listener.
        listener: ListenerId,
        /// Where it listens; `None`: it could not.
        address: Option<SocketAddr>,
    },
    /// A host connected to an H.245 listener, which stays until it is closed.
    ControlConnected {
        /// Number of the listener.
        listener: ListenerId,
        /// Number of the connection.
        link: LinkId,
        /// The peer's address.
        peer: SocketAddr,
    },
    /// A whole message without its TPKT.
    Message {
        /// Number of the connection.
        link: LinkId,
        /// Octets of the Q.931 or H.245 message.
        octets: &'a [u8],
    },
    /// A connection is gone; all messages that came on it were given before.
    Lost {
        /// Number of the connection.
        link: LinkId,
        /// How it was lost.
        why: LinkLoss,
    },
    /// Something that RAS says.
    Fact {
        /// About the calls of this zone.
        zone: ZoneIndex,
        /// What it says.
        fact: CallFact,
    },
    /// The operator ends a call.
    Release {
        /// Number of the call.
        call: CallId,
    },
    /// It is [`Calls::next_due`](super::Calls::next_due).
    Due,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Make a connection; answered by [`Input::Connected`] or [`Input::Lost`].
    Connect {
        /// Number that it is given.
        link: LinkId,
        /// Address on this side; the port is any.
        from: IpAddr,
        /// Address of the peer.
        to: SocketAddr,
    },
    /// Listen for one H.245 connection, at any port; answered by [`Input::Listening`].
    Listen {
        /// Number that it is given.
        listener: ListenerId,
        /// Address on this side.
        on: IpAddr,
    },
    /// Listen no more.
    StopListening {
        /// Number of the listener.
        listener: ListenerId,
    },
    /// Write a message with its TPKT, in one piece.
    Write {
        /// Number of the connection.
        link: LinkId,
        /// The whole TPKT.
        octets: Vec<u8>,
    },
    /// Close a connection after what was written.
    Close {
        /// Number of the connection.
        link: LinkId,
    },
    /// Ask a gatekeeper for an admission; answered by [`CallFact::AdmissionAnswered`].
    AskAdmission {
        /// Zone of the call.
        zone: ZoneIndex,
        /// The admission to ask for.
        asked: OwnAdmission,
    },
    /// Report this to people.
    Event(Event),
}
