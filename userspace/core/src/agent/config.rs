//! What agents are told to be and to do.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::alternates::Prefix;

/// Number of an agent.
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
    /// Number of the agent.
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
    /// When it has a call-signalling connection to its gatekeeper.
    pub signalling: Signalling,
    /// Where gatekeepers may be that no configured one has the address of: alternates, assigned ones, and those that a GCF
    /// names. `None`: anywhere.
    pub allowed_alternates: Option<Vec<Prefix>>,
    /// H.235, if gatekeepers want it.
    pub credentials: Option<Credentials>,
    /// What gatekeepers must prove in turn, if the credentials are for HMAC.
    pub answers: Answers,
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
    /// Aliases of the device.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Prefixes that lead to it.
    #[serde(default)]
    pub prefixes: Vec<String>,
}

/// A gatekeeper that an agent may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// RAS address of the gatekeeper.
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

/// When an agent has a call-signalling connection to its gatekeeper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signalling {
    /// All the time, unless the gatekeeper has closed it twice while it went on confirming: then as
    /// [`Signalling::PerCall`] there.
    #[default]
    Auto,
    /// All the time: what the gatekeeper closes is opened again.
    Hold,
    /// For calls only, so none is kept while there is no call.
    PerCall,
    /// Never.
    Off,
}

/// Whose messages an agent believes (H.235.1). All its gatekeepers have the agent's password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    /// A gatekeeper that proved a message once must prove all that come after it, until the agent is told to register
    /// anew or the process ends.
    #[default]
    Learned,
    /// Only those that are proved.
    Verified,
    /// All that come from the right address with the right number.
    Any,
}

/// Credentials of an agent (H.235).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who it is: an alias.
    pub identifier: String,
    /// What only it and the gatekeeper know.
    pub password: String,
    /// How messages are signed.
    pub mechanism: crate::profile::Authentication,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}, {:?})", self.identifier, self.mechanism)
    }
}
