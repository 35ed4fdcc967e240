//! The RAS proxy: the gatekeeper towards a zone's endpoints, an endpoint towards its gatekeepers, for each of them.
//!
//! Endpoints keep one endpointIdentifier, whichever gatekeeper serves them. How one stands with the gatekeeper:
//!
//! ```text
//!              its turn at the rate: RRQ            RCF
//! +--------+ -------------------------> +-------+ ------> +------------+ --+ lightweight RRQ,
//! | Queued |                            | Asked |         | Registered | <-+ RCF
//! +--------+ <------------------------- +-------+         +------------+
//!   ^  ^ ^      no answer, three times      | RRJ               | RRJ, URQ, timeToLive over,
//!   |  | |                                  v                   | another gatekeeper serves the zone
//!   |  | |      a rest, or it asks      +---------+             |
//!   |  | +----------------------------- | Refused |             |
//!   |  |                                +---------+             |
//!   |  +--------------------------------------------------------+
//!   +-- first full RRQ, or one that changes something
//! ```
//!
//! Invariants:
//! - a keep-alive of an endpoint that was confirmed once is confirmed, whatever becomes of it upstream;
//! - endpointIdentifier, gatekeeperIdentifier, alternates and rasline's addresses of one side never reach the other; tokens
//!   are left alone;
//! - what leaves for a gatekeeper comes from the address of the endpoint that it is about, or from rasline's own
//!   ([`Source`]), and an answer counts only if it comes from that gatekeeper to that address;
//! - no more full RRQs upstream in any second than the rate; keep-alives upstream are spread by themselves and not
//!   counted;
//! - a request is answered once by the gatekeeper that answers first, and its retransmissions alike; one that waits is
//!   told so (RIP), and refused when its patience is over.
//!
//! What the standard leaves open is decided so:
//! - A URQ of the gatekeeper is confirmed and followed by a full RRQ, unseen by the endpoint. If its reason is
//!   securityDenial, securityError or registerWithAssignedGk, the gatekeeper does not want this endpoint, which then gets
//!   the URQ and registers by itself.
//! - An IRQ without a call names no endpoint. One that comes to an endpoint's address is sent on to that endpoint. One to
//!   rasline's own is answered for the one that was confirmed longest ago: gatekeepers ask
//!   before timeToLive runs out. If that one is in calls, the IRR is marked as incomplete. An IRQ about a call goes to
//!   who is in it, and is not answered where nobody is known to be: an answer without the call would end it.
//! - The gatekeeper that served before gets one URQ when the next one has confirmed, since it may live.
//! - Endpoints may add aliases (additiveRegistration), whether the gatekeeper takes additive RRQs or not: see
//!   `downstream/additive_rrq`.
//! - GRQ is answered here, without an authenticationMode. Nothing is asked upstream: keep-alives, URQs and full RRQs after a
//!   failover are rasline's own, without fresh tokens, so what a gatekeeper that demands them chose would not hold.
//! - As `aggregate`, rasline is a gateway with the aliases and callSignalAddresses of all endpoints. Which endpoint an alias
//!   belongs to is nothing that a gatekeeper can know then: it is for zones whose endpoints call out.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Reserved;

mod addressee;
mod downstream;
mod endpoint_messages;
mod endpoints;
mod event;
mod gatekeeper_messages;
mod identity;
mod io;
mod machine;
mod message;
mod refuse;
mod relay;
mod rrq;
mod signalled_calls;
mod stored;
mod translate;
mod upstream;
mod view;

pub use event::Event;
pub use io::{Input, Output, Stored};
pub use machine::Proxy;
pub use view::{Stats, UpstreamState, View};

pub use crate::ras_server::EntryId;

/// What a proxy is given once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// gatekeeperIdentifier towards endpoints.
    pub gatekeeper_identifier: String,
    /// RAS address of rasline's own towards gatekeepers; `None`: there is none. Used as [`Source`] says.
    pub ras_address: Option<SocketAddr>,
    /// Where messages about an endpoint come from.
    pub source: Source,
    /// Whether endpoints are registered one by one, or all behind one gateway.
    pub upstream: Upstream,
    /// How rasline ends the call signalling of this zone; `None`: endpoints and gatekeepers signal without it.
    pub call_signalling: Option<CallSignalling>,
    /// timeToLive given to endpoints; `None`: the gatekeeper's own.
    pub endpoint_ttl: Option<Duration>,
    /// RRQs upstream a second at most when all register again; 0: no bound.
    pub migrate_rate: u32,
    /// Addresses that no endpoint has.
    pub reserved: Reserved,
    /// Endpoints at most.
    pub max_endpoints: usize,
    /// Makes endpointIdentifiers differ from those of other starts; not secret.
    pub seed: u64,
}

/// Where call signalling ends on both sides of the proxy. Only with [`Source::Own`] and [`Upstream::Each`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSignalling {
    /// Port of rasline's callSignalAddress at each service address, which endpoints call.
    pub service_port: u16,
    /// First port of the callSignalAddresses that stand for endpoints towards gatekeepers, at the host of
    /// [`Settings::ras_address`].
    pub first_port: u16,
    /// Last port of these.
    pub last_port: u16,
}

/// Whose address messages to gatekeepers come from, which is rasAddress in them, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The endpoint's own RAS address; rasline's for an endpoint of another address family than the gatekeeper, and for
    /// one whose full RRQ, or the RCF to it, may need fragments.
    #[default]
    Endpoint,
    /// Rasline's, for all of them.
    Own,
}

/// How endpoints are registered upstream. As an aggregate their messages come from rasline's own address, whatever
/// [`Source`] says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upstream {
    /// Each one by itself.
    #[default]
    Each,
    /// All of them behind one gateway registration, which carries their aliases.
    Aggregate,
}
