//! What the call machine takes and gives.

use std::net::{IpAddr, SocketAddr};

use super::Event;
use crate::ZoneIndex;
use crate::ras_server::CallFact;

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
        /// Connection.
        link: LinkId,
        /// Zone of the service address.
        zone: ZoneIndex,
        /// The endpoint's address.
        peer: SocketAddr,
        /// The service address.
        local: SocketAddr,
    },
    /// A gatekeeper connected to an address that stands for an endpoint upstream.
    GatekeeperConnected {
        /// Connection.
        link: LinkId,
        /// The gatekeeper's address.
        peer: SocketAddr,
        /// The address that it called.
        local: SocketAddr,
    },
    /// A connection that [`Output::Connect`] asked for is there.
    Connected {
        /// Connection.
        link: LinkId,
        /// Its address on this side.
        local: SocketAddr,
    },
    /// [`Output::Listen`] was carried out.
    Listening {
        /// Listener.
        listener: ListenerId,
        /// Where it listens; `None`: it could not.
        address: Option<SocketAddr>,
    },
    /// The peer of an H.245 listener connected; the listener is closed.
    ControlConnected {
        /// Listener.
        listener: ListenerId,
        /// Connection.
        link: LinkId,
        /// The peer's address.
        peer: SocketAddr,
    },
    /// A whole message without its TPKT.
    Message {
        /// Connection.
        link: LinkId,
        /// The message.
        octets: &'a [u8],
    },
    /// A connection is gone; all messages that came on it were given before.
    Lost {
        /// Connection.
        link: LinkId,
        /// Why.
        why: LinkLoss,
    },
    /// Something that RAS says.
    Fact {
        /// About the calls of this zone.
        zone: ZoneIndex,
        /// What.
        fact: CallFact,
    },
    /// The operator ends a call.
    Release {
        /// Call.
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
        /// Its number.
        link: LinkId,
        /// Address on this side; the port is any.
        from: IpAddr,
        /// Address of the peer.
        to: SocketAddr,
    },
    /// Listen for one H.245 connection, at any port; answered by [`Input::Listening`].
    Listen {
        /// Its number.
        listener: ListenerId,
        /// Address on this side.
        on: IpAddr,
    },
    /// Listen no more.
    StopListening {
        /// Listener.
        listener: ListenerId,
    },
    /// Write a message with its TPKT, in one piece.
    Write {
        /// Connection.
        link: LinkId,
        /// TPKT.
        octets: Vec<u8>,
    },
    /// Close a connection after what was written.
    Close {
        /// Connection.
        link: LinkId,
    },
    /// Tell people.
    Event(Event),
}
