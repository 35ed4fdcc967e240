//! The agent: an endpoint towards gatekeepers (H.225.0 7.8 to 7.10, H.323 7.2).
//!
//! One [`Agents`] holds any number of agents; each keeps one registration (of one or several devices) alive at one of its
//! gatekeepers, and, if wanted, a call-signalling connection to it.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use rasline_h225::view::Alternate;

/// Which agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentId(pub u32);

/// Which of the call-signalling connections that agents ever asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(pub u64);

/// What an agent is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which one.
    pub id: AgentId,
    /// Its name, for people.
    pub name: String,
    /// Where it wants RAS (rasAddress); the first one is its socket's.
    pub ras_addresses: Vec<SocketAddr>,
    /// Where it wants calls (callSignalAddress).
    pub call_signal_addresses: Vec<SocketAddr>,
    /// What it says it is.
    pub kind: Kind,
    /// Devices that it registers for.
    pub devices: Vec<Device>,
    /// Its gatekeepers, the first one first.
    pub gatekeepers: Vec<Candidate>,
    /// How gatekeepers are looked for.
    pub discovery: Discovery,
    /// Whom a lost connection makes it ask.
    pub strategy: Strategy,
    /// timeToLive that it proposes.
    pub time_to_live: Duration,
    /// How long lightweight RRQs to alternates may stay unanswered before it registers in full.
    pub t1: Duration,
    /// Whether it keeps a call-signalling connection to its gatekeeper.
    pub signalling: bool,
    /// H.235, if gatekeepers want it.
    pub credentials: Option<Credentials>,
    /// Makes jitter differ between agents.
    pub seed: u64,
}

/// What an agent says it is (terminalType).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A terminal.
    Terminal,
    /// A gateway, with the prefixes of its devices.
    #[default]
    Gateway,
}

/// A device that an agent registers for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its aliases.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Prefixes that lead to it.
    #[serde(default)]
    pub prefixes: Vec<String>,
}

/// A gatekeeper that an agent may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// RAS address.
    pub address: SocketAddr,
    /// gatekeeperIdentifier, if known.
    pub gatekeeper_identifier: Option<String>,
}

/// How gatekeepers are looked for (H.225.0 7.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Discovery {
    /// Not at all: RRQ at once.
    Off,
    /// GRQ to each configured gatekeeper in turn.
    #[default]
    Unicast,
    /// GRQ to 224.0.1.41:1718, and as [`Discovery::Unicast`] if nobody answers.
    Multicast,
}

/// Whom a lost connection makes an agent ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// One alternate after the other.
    #[default]
    InOrder,
    /// All of them at once; the best one that confirms wins.
    All,
}

/// H.235 credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who it is: an alias.
    pub identifier: String,
    /// What only it and the gatekeeper know.
    pub password: String,
    /// How.
    pub mechanism: crate::profile::Authentication,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}, {:?})", self.identifier, self.mechanism)
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// All agents, at start and on reload. Those that go unregister.
    Configure(Vec<Config>),
    /// A RAS message came to an agent's socket.
    Message {
        /// Which one.
        agent: AgentId,
        /// From whom.
        from: SocketAddr,
        /// The message.
        payload: &'a [u8],
    },
    /// A connection was made.
    Connected {
        /// Which one.
        connection: ConnectionId,
    },
    /// A connection could not be made, or was lost.
    Lost {
        /// Which one.
        connection: ConnectionId,
        /// How.
        why: Loss,
    },
    /// What was remembered of an agent; fed after [`Input::Configure`], before anything is due.
    Restore(Remembered),
    /// The operator wants it to register in full, now.
    Reregister {
        /// Which one.
        agent: AgentId,
    },
    /// It is [`Agents::next_due`].
    Due,
    /// UNIX time in seconds when [`Time`](crate::Time) was 0: for time stamps of H.235.
    WallClock {
        /// Seconds.
        unix_at_zero: i64,
    },
    /// All agents are to unregister: the process ends.
    Stop,
}

/// How a connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// It could not be made.
    Refused,
    /// Reset.
    Reset,
    /// Closed by the gatekeeper.
    Closed,
    /// TCP keep-alives or Status Enquiries were not answered.
    Silent,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a RAS message from an agent's socket.
    Send {
        /// Which one.
        agent: AgentId,
        /// To whom.
        to: SocketAddr,
        /// The message.
        payload: Vec<u8>,
    },
    /// Open a call-signalling connection; answered by [`Input::Connected`] or [`Input::Lost`].
    Connect {
        /// Agent.
        agent: AgentId,
        /// Its number.
        connection: ConnectionId,
        /// Where to.
        to: SocketAddr,
    },
    /// Close one, if it is open; nothing comes back.
    Disconnect {
        /// Which one.
        connection: ConnectionId,
    },
    /// Keep across restarts, in place of what was kept of this agent.
    Persist(Remembered),
    /// Tell people.
    Event(Event),
}

/// What is kept of an agent across restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its name.
    pub name: String,
    /// Gatekeeper that it was registered with.
    pub gatekeeper: Option<SocketAddr>,
    /// endpointIdentifier that it had.
    pub endpoint_identifier: Option<String>,
    /// Alternates that were named, best first.
    pub alternates: Vec<Alternate>,
}

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
