//! What listeners and connections report to the loop of the thread.

use std::net::SocketAddr;

use rasline_core::{
    ZoneIndex,
    call::{LinkId, LinkLoss, ListenerId},
};
use tokio::net::TcpStream;

/// Whose connections a listener takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Endpoints of a zone.
    Endpoints(ZoneIndex),
    /// Gatekeepers that call an endpoint.
    Gatekeepers,
}

/// What happens at listeners and connections.
pub(super) enum News {
    /// Somebody connected.
    Accepted {
        purpose: Purpose,
        stream: TcpStream,
        peer: SocketAddr,
        local: SocketAddr,
    },
    /// The peer of an H.245 listener connected.
    ControlAccepted {
        id: ListenerId,
        stream: TcpStream,
        peer: SocketAddr,
    },
    /// A connection was made.
    Connected { link: LinkId, local: SocketAddr },
    /// A message came.
    Message { link: LinkId, octets: Vec<u8> },
    /// A connection is gone.
    Lost { link: LinkId, why: LinkLoss },
}
