//! Endpoint monitoring: which endpoints are alive, and which have fallen silent, since when.
//!
//! ```text
//!              first sign of life               quiet > rhythm + one retransmission
//!  +---------+ ------------------> +-------+ -----------------------------------> +------+
//!  | Unknown |                     | Alive |                                      | Late |
//!  +---------+ <------------------ +-------+ <----------------------------------- +------+
//!    |    ^     the monitor was       ^  ^        any sign of life                   |
//!    |    |     late or blind         |  |                                           | quiet > silent_after
//!    |    +-------------------------- | -|-------------------------- (from Late too) |
//!    | watched in vain                |  +--------------+                            v
//!    | for silent_after            +------+  spoke      |   +------+             +--------+
//!    |                             | Back |  again      |   | Gone | <---------- | Silent |
//!    +----------------> Silent     +------+ ------------+   +------+  4 x that,  +--------+
//!                                     ^                        |     or expired      |
//!                                     +------------------------+---------------------+
//!                                               any sign of life
//! ```
//!
//! The threshold of silence is the longer of the endpoint's learned rhythm and the timeToLive that it was given, plus
//! time for retransmissions ([`Rhythm`]); the zone's `silent_after` takes its place, but never undercuts what the
//! endpoint may do. Both are learned again after a change of timeToLive or of the gatekeeper.
//!
//! Invariants:
//! - an endpoint that spoke within its threshold is never Silent;
//! - silence counts only while the monitor was looking: a look that came late, a start of the controller, or an
//!   interface that is down, begin it again, and what is not known meanwhile is Unknown;
//! - nothing is allocated for an endpoint that stays as it is, and a look costs one comparison for it.

mod digest;
mod monitor;
mod rhythm;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use digest::{Digest, Example, TOLD_EXAMPLES, Told};
pub use monitor::{JUDGED_AT_ONCE, LATE_LOOK, Monitor, RECHECK};
pub use rhythm::{RETRANSMISSION, Rhythm, Thresholds};

use crate::{RegistrationId, Time};

/// What is known of an endpoint's presence.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Nothing: it was not watched for long enough, or has no rhythm.
    #[default]
    Unknown,
    /// It spoke within its rhythm.
    Alive,
    /// Its keep-alive is overdue, but may have been lost.
    Late,
    /// It has said nothing for longer than it may.
    Silent,
    /// It has been silent for so long that it is not expected to return by itself.
    Gone,
    /// It spoke once after it was silent or gone.
    Back,
}

impl Presence {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Alive,
        Self::Late,
        Self::Silent,
        Self::Gone,
        Self::Back,
        Self::Unknown,
    ];

    /// The name in events, metrics and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Alive => "alive",
            Self::Late => "late",
            Self::Silent => "silent",
            Self::Gone => "gone",
            Self::Back => "back",
        }
    }

    /// Whether the endpoint is known to be missing.
    #[must_use]
    pub const fn is_missing(self) -> bool {
        matches!(self, Self::Silent | Self::Gone)
    }
}

/// What kind of message showed that an endpoint lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A keep-alive or RRQ: one of a rhythm.
    KeepAlive,
    /// Any other: it comes when it comes.
    Other,
}

/// A registration as the monitor needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Number.
    pub id: RegistrationId,
    /// Zone index.
    pub zone: u32,
    /// Gatekeeper index; only a change of it matters.
    pub gatekeeper: u32,
    /// Where its RAS messages come from.
    pub endpoint: SocketAddr,
    /// timeToLive that the endpoint was given.
    pub time_to_live: Option<Duration>,
}

/// What was found out about a registration that has been quiet for too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// When something else than its own keep-alive last came from its address.
    pub spoke: Option<Time>,
    /// When its address last kept a registration alive at another gatekeeper.
    pub elsewhere: Option<Time>,
}

/// A registration became silent, gone, or is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Number.
    pub id: RegistrationId,
    /// Zone index.
    pub zone: u32,
    /// Where its RAS messages come from.
    pub endpoint: SocketAddr,
    /// [`Presence::Silent`], [`Presence::Gone`] or [`Presence::Back`].
    pub to: Presence,
    /// When it last spoke before that. Silence counts from here.
    pub last_seen: Time,
}

/// A registration that is missing now: what call recovery starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// Number.
    pub id: RegistrationId,
    /// Zone index.
    pub zone: u32,
    /// Where its RAS messages came from.
    pub endpoint: SocketAddr,
    /// [`Presence::Silent`] or [`Presence::Gone`].
    pub presence: Presence,
    /// When it last spoke.
    pub last_seen: Time,
    /// When its silence was found.
    pub found: Time,
}

/// How many registrations of a zone are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([usize; 6]);

impl Counts {
    /// How many are in this state.
    #[must_use]
    pub const fn of(&self, presence: Presence) -> usize {
        self.0[presence as usize]
    }

    /// All.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// Those that are silent or gone.
    #[must_use]
    pub const fn missing(&self) -> usize {
        self.of(Presence::Silent) + self.of(Presence::Gone)
    }

    pub(crate) const fn add(&mut self, presence: Presence) {
        self.0[presence as usize] += 1;
    }

    pub(crate) const fn take(&mut self, presence: Presence) {
        self.0[presence as usize] -= 1;
    }
}
