//! What agents tell people.

use std::net::SocketAddr;

use serde::Serialize;

use super::{AgentId, Loss};

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Number of the agent.
    pub agent: AgentId,
    /// Name of the agent.
    pub name: String,
    /// What happened to it.
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
    /// Its gatekeeper closes call-signalling connections on which there is no call, and goes on confirming: from now on
    /// none is kept to it.
    SignallingPerCall {
        /// Which one.
        gatekeeper: SocketAddr,
    },
    /// A URQ in its gatekeeper's name came to nothing: the gatekeeper confirmed the registration afterwards. One event a
    /// minute at most.
    Contradicted {
        /// Which one.
        gatekeeper: SocketAddr,
    },
    /// None of its gatekeepers takes it; it goes on trying.
    NoGatekeeper,
    /// Messages in a gatekeeper's name that were not proved, and came to nothing. One event a minute at most.
    Unproved {
        /// From whose address the last one came.
        gatekeeper: SocketAddr,
        /// What it was, in the standard's words.
        message: &'static str,
        /// What was wrong with it.
        why: Unproved,
        /// How many seconds its time stamp was ahead of the clock; 0 unless that is what was wrong.
        ahead: i64,
        /// How many there were since the event before.
        count: u64,
    },
}

/// Why a message is not proved (H.235.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unproved {
    /// There is no hash over it.
    Missing,
    /// The hash is of another password, or the message was changed on its way.
    Wrong,
    /// Made with the password, but by another than the gatekeeper (sendersID), or for another than this agent (generalID).
    Misdirected,
    /// Made with the password, but its time stamp is too far from the clock.
    WrongTime,
    /// Made with the password, and it came before.
    Replayed,
}

impl Unproved {
    /// All of them, in the order of [`View::unproved`].
    pub const ALL: [Self; 5] = [
        Self::Missing,
        Self::Wrong,
        Self::Misdirected,
        Self::WrongTime,
        Self::Replayed,
    ];

    /// Its name, for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Misdirected => "misdirected",
            Self::WrongTime => "wrong_time",
            Self::Replayed => "replayed",
        }
    }
}

/// How an agent stands, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View {
    /// Name of the agent.
    pub name: String,
    /// State, by the name in the diagram.
    pub state: String,
    /// Gatekeeper that it is registered with, or asks.
    pub gatekeeper: Option<SocketAddr>,
    /// gatekeeperIdentifier of that gatekeeper.
    pub gatekeeper_identifier: Option<String>,
    /// endpointIdentifier of the agent.
    pub endpoint_identifier: Option<String>,
    /// timeToLive granted by this gatekeeper, seconds.
    pub time_to_live: Option<u32>,
    /// When this gatekeeper confirmed last, CLOCK_MONOTONIC ns.
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
    /// Whether its gatekeeper must prove what it says.
    pub proof_demanded: bool,
    /// Messages that were not proved and should have been, as [`Unproved::ALL`].
    pub unproved: [u64; Unproved::ALL.len()],
}
