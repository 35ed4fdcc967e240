//! What agents tell people.

use std::net::SocketAddr;

use serde::Serialize;

use super::{AgentId, Loss};

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Agent.
    pub agent: AgentId,
    /// Its name.
    pub name: String,
    /// What.
    pub kind: EventKind,
}

/// What happened to an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It is registered with a gatekeeper.
    Registered {
        /// Which one.
        gatekeeper: SocketAddr,
        /// Without a full registration.
        lightweight: bool,
    },
    /// A gatekeeper rejected it.
    Rejected {
        /// Which one.
        gatekeeper: SocketAddr,
        /// rejectReason, in the standard's words.
        reason: String,
    },
    /// A gatekeeper unregistered it.
    Unregistered {
        /// Which one.
        gatekeeper: SocketAddr,
        /// Reason, in the standard's words.
        reason: String,
    },
    /// Its gatekeeper does not answer.
    Silent {
        /// Which one.
        gatekeeper: SocketAddr,
    },
    /// Its call-signalling connection is there.
    Connected {
        /// To whom.
        gatekeeper: SocketAddr,
    },
    /// Its call-signalling connection was lost.
    SignallingLost {
        /// To whom.
        gatekeeper: SocketAddr,
        /// How.
        why: Loss,
    },
    /// None of its gatekeepers takes it; it goes on trying.
    NoGatekeeper,
}

/// How an agent stands, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View {
    /// Its name.
    pub name: String,
    /// State, by the name in the diagram.
    pub state: String,
    /// Gatekeeper that it is registered with, or asks.
    pub gatekeeper: Option<SocketAddr>,
    /// gatekeeperIdentifier.
    pub gatekeeper_identifier: Option<String>,
    /// endpointIdentifier.
    pub endpoint_identifier: Option<String>,
    /// timeToLive granted, seconds.
    pub time_to_live: Option<u32>,
    /// When it was confirmed last, CLOCK_MONOTONIC ns.
    pub confirmed_ns: Option<u64>,
    /// Peer of its call-signalling connection, if that is there.
    pub connected_to: Option<SocketAddr>,
    /// All candidates, best first, learned ones after configured ones.
    pub candidates: Vec<SocketAddr>,
    /// Full registrations since the start.
    pub registrations: u64,
    /// Lightweight RRQs confirmed since the start.
    pub keep_alives: u64,
    /// Connections lost since the start.
    pub losses: u64,
    /// Messages that could not be used.
    pub ignored: u64,
}
