//! The RAS proxy: the gatekeeper towards a zone's endpoints, an endpoint towards its gatekeepers, for each of them.
//!
//! Endpoints keep one endpointIdentifier, whichever gatekeeper serves them.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Time;

/// Which endpoint of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

/// What a proxy is given once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// gatekeeperIdentifier towards endpoints.
    pub gatekeeper_identifier: String,
    /// RAS address of its own that gatekeepers see (rasAddress upstream).
    pub ras_address: SocketAddr,
    /// Whether endpoints are registered one by one, or all behind one gateway.
    pub upstream: Upstream,
    /// timeToLive given to endpoints; `None`: the gatekeeper's own.
    pub endpoint_ttl: Option<Duration>,
    /// RRQs upstream a second at most when all register again; 0: no bound.
    pub migrate_rate: u32,
    /// Endpoints at most.
    pub max_endpoints: usize,
    /// Makes endpointIdentifiers differ from those of other starts; not secret.
    pub seed: u64,
}

/// How endpoints are registered upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upstream {
    /// Each one by itself.
    #[default]
    Each,
    /// All of them behind one gateway registration, which carries their aliases.
    Aggregate,
}

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
    /// A RAS message came to the upstream socket.
    FromGatekeeper {
        /// From where.
        from: SocketAddr,
        /// The message.
        payload: &'a [u8],
    },
    /// Gatekeeper that serves the zone now; `None`: none lives. Another one than before: all register there.
    Active(Option<SocketAddr>),
    /// It is [`Proxy::next_due`].
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
        /// From which service address.
        from: SocketAddr,
        /// To whom.
        to: SocketAddr,
        /// The message.
        payload: Vec<u8>,
    },
    /// Send from the upstream socket.
    ToGatekeeper {
        /// To whom.
        to: SocketAddr,
        /// The message.
        payload: Vec<u8>,
    },
    /// As [`registrar::Output::Publish`](crate::registrar::Output::Publish).
    Publish(Box<crate::registrar::Offer>),
    /// As there.
    Withdraw {
        /// Endpoint.
        id: EntryId,
    },
    /// As there.
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
    /// Tell people.
    Event(Event),
}

/// What is kept of an endpoint across restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What a registrar would keep.
    pub registration: crate::registrar::Stored,
    /// Gatekeeper that it is registered with.
    pub gatekeeper: Option<SocketAddr>,
    /// endpointIdentifier there.
    pub upstream_identifier: Option<String>,
    /// gatekeeperIdentifier there.
    pub upstream_gatekeeper_identifier: Option<String>,
    /// timeToLive there, seconds.
    pub upstream_ttl: Option<u32>,
}

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// As a registrar's.
    Endpoint(crate::registrar::Event),
    /// All endpoints begin to register with another gatekeeper.
    Moving {
        /// Which one.
        gatekeeper: SocketAddr,
        /// How many.
        endpoints: usize,
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
}
