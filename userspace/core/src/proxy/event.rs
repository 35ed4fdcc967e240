//! What people are told of a proxy.

use std::net::SocketAddr;

use rasline_h225::view::Alternate;

use crate::ras_server;

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An endpoint registered, or is registered no more, or is rejected.
    Endpoint(ras_server::Event),
    /// All endpoints begin to register with another gatekeeper.
    Moving {
        /// Which one.
        gatekeeper: SocketAddr,
        /// How many.
        endpoints: usize,
    },
    /// The gatekeeper rejects callSignalAddresses: it wants one of them to be where the RRQ comes from. Once, until it
    /// confirms an RRQ that comes from elsewhere.
    AddressRefused {
        /// Which one.
        gatekeeper: SocketAddr,
        /// An endpoint that it turned away for that.
        endpoint: SocketAddr,
        /// Where that endpoint's RRQ came from.
        source: SocketAddr,
    },
    /// The gatekeeper, which lives, has never answered what came from an endpoint's own address: its answers may take
    /// another way than by this machine. Once.
    Unanswered {
        /// Which one.
        gatekeeper: SocketAddr,
        /// An endpoint whose full RRQ was not answered.
        endpoint: SocketAddr,
        /// Where that RRQ came from.
        source: SocketAddr,
    },
    /// All are registered there, or were rejected.
    Moved {
        /// Which one.
        gatekeeper: SocketAddr,
        /// Registered.
        registered: usize,
        /// Rejected.
        rejected: usize,
    },
    /// The gatekeeper named its alternates; endpoints are not told.
    Alternates {
        /// Which one.
        gatekeeper: SocketAddr,
        /// Its list, which replaces the one before.
        list: Vec<Alternate>,
    },
}
