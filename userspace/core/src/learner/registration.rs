//! What is known of one registration, as people and the store may see it.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::NotAnsweredReason;
use crate::{RegistrationId, Time};

/// One registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Registration {
    /// Number.
    pub id: RegistrationId,
    /// Zone index.
    pub zone: u32,
    /// Gatekeeper index.
    pub gatekeeper: u32,
    /// Where its RAS messages come from.
    pub endpoint: SocketAddr,
    /// endpointIdentifier.
    pub endpoint_identifier: String,
    /// gatekeeperIdentifier.
    pub gatekeeper_identifier: Option<String>,
    /// Alias names.
    pub aliases: Vec<String>,
    /// Where calls to it are signalled.
    pub call_signal_addresses: Vec<SocketAddr>,
    /// timeToLive of its gatekeeper's last RCF.
    pub gatekeeper_ttl: Option<Duration>,
    /// timeToLive that it was given in place of that.
    pub endpoint_ttl: Option<Duration>,
    /// How often a keep-alive is let through, once learned.
    pub refresh_every: Option<Duration>,
    /// The configured interval is too long for the gatekeeper's timeToLive: half of that is taken.
    pub refresh_clamped: bool,
    /// First message.
    pub first_seen: Time,
    /// Last keep-alive or RRQ.
    pub last_seen: Time,
    /// Last RCF of the gatekeeper.
    pub confirmed: Time,
    /// Keep-alives answered by the kernel.
    pub answered: u64,
    /// Whether the kernel answers, and why not.
    pub state: State,
    /// The last pair was another than the one before.
    pub settling: bool,
    /// A message of it carried tokens or an integrity check value.
    pub secured: bool,
}

/// How far a registration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// Known, its keep-alive is not.
    Learning {
        /// Pairs of keep-alive and RCF seen that may be the lasting ones: 0 or 1.
        pairs: u8,
    },
    /// Handed to the kernel's table, not confirmed yet.
    Publishing,
    /// In the kernel's table.
    Answered,
    /// The kernel cannot answer it.
    NotAnswered {
        /// Why.
        why: NotAnsweredReason,
    },
}

impl State {
    /// Whether something is, or may be, published for it.
    #[must_use]
    pub const fn is_published(self) -> bool {
        matches!(self, Self::Publishing | Self::Answered)
    }
}
