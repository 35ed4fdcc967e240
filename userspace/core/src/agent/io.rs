//! What the agents take, and what they want done.

use std::net::SocketAddr;

use rasline_h225::view::Alternate;
use serde::{Deserialize, Serialize};

use super::{AgentId, Config, ConnectionId, Event};

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
    /// It is [`Agents::next_due`](crate::agent::Agents::next_due).
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
        /// Whether Status Enquiries may be sent on it.
        enquire: bool,
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
    /// Name of the agent.
    pub name: String,
    /// Gatekeeper that it was registered with.
    pub gatekeeper: Option<SocketAddr>,
    /// endpointIdentifier that it had.
    pub endpoint_identifier: Option<String>,
    /// Alternates that were named, best first.
    pub alternates: Vec<Alternate>,
}
