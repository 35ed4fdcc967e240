//! Alternate gatekeepers that gatekeepers name (H.225.0: alternateGatekeeper of GCF, RCF and URQ, AltGKInfo of rejects).
//!
//! A newer list of a gatekeeper replaces its older one. One with altGKisPermanent FALSE holds for a single request, so it
//! replaces nothing and gives no candidates. What is named becomes a candidate only if the zone learns, the address lies
//! in an allowed prefix and is one that can be used, no configured gatekeeper has it, and there is room. Learned
//! candidates come after all configured ones, so that no list puts anything before what the operator chose.
//!
//! Invariants: every candidate lies in an allowed prefix; configured and learned ones together are
//! [`MAX_CANDIDATES`] at most; what is remembered of any number of lists of any length is bounded.

mod machine;
mod weigh;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rasline_h225::view::Alternate;
use serde::{Deserialize, Serialize};

use crate::{Event, Time};

pub use machine::Alternates;

/// Candidates of a zone at most, configured and learned.
pub const MAX_CANDIDATES: usize = 8;
/// Entries remembered of one list.
pub const MAX_LISTED: usize = 32;
/// Added to a learned priority (0 to 127), so that learned ones come after configured ones.
pub const AFTER_CONFIGURED: u8 = 128;

/// What a zone allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRules {
    /// Zone index.
    pub zone: u32,
    /// `learn_alternates`.
    pub learn: bool,
    /// `allowed_alternates`; empty: nothing is allowed.
    pub allowed: Vec<Prefix>,
    /// RAS addresses of its configured gatekeepers.
    pub configured: Vec<SocketAddr>,
}

/// Addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// One of them.
    pub address: IpAddr,
    /// Bits that are alike.
    pub length: u8,
}

impl Prefix {
    /// Its first and last address.
    #[must_use]
    pub fn range(self) -> (IpAddr, IpAddr) {
        match self.address {
            IpAddr::V4(address) => {
                let hosts = u32::MAX.checked_shr(self.length.into()).unwrap_or(0);
                let first = address.to_bits() & !hosts;
                let last = first | hosts;
                (
                    Ipv4Addr::from_bits(first).into(),
                    Ipv4Addr::from_bits(last).into(),
                )
            }
            IpAddr::V6(address) => {
                let hosts = u128::MAX.checked_shr(self.length.into()).unwrap_or(0);
                let first = address.to_bits() & !hosts;
                let last = first | hosts;
                (
                    Ipv6Addr::from_bits(first).into(),
                    Ipv6Addr::from_bits(last).into(),
                )
            }
        }
    }

    /// Whether an address lies in it. IPv4 addresses mapped to IPv6 count as IPv4.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differ = u32::from(own) ^ u32::from(other);
                differ.leading_zeros() >= u32::from(self.length)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differ = u128::from(own) ^ u128::from(other);
                differ.leading_zeros() >= u32::from(self.length)
            }
            _ => false,
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// All zones, at start and whenever they change.
    Rules(Vec<ZoneRules>),
    /// A message of a gatekeeper with a list; what
    /// [`alternates`](rasline_h225::view::alternates) gives.
    List {
        /// Zone index.
        zone: u32,
        /// Gatekeeper index.
        gatekeeper: u32,
        /// Kind of the message: `RCF`, `URQ`, `ARJ`, ...
        message: String,
        /// Whether it holds beyond one request.
        permanent: bool,
        /// The list, in the order of the message.
        list: Vec<Alternate>,
    },
    /// A list learned before a restart, as [`Output::Persist`] gave it.
    Restore(List),
    /// A gatekeeper is no candidate of any zone any more: what it named is forgotten.
    Forget {
        /// Gatekeeper index.
        gatekeeper: u32,
    },
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// The learned candidates of a zone are others now.
    Candidates {
        /// Zone index.
        zone: u32,
        /// In the order in which they are to be tried.
        learned: Vec<Learned>,
    },
    /// Keep across restarts, in place of what was kept of this gatekeeper and zone.
    Persist(List),
    /// Keep nothing of this gatekeeper any more.
    Forget {
        /// Zone index.
        zone: u32,
        /// Gatekeeper index.
        gatekeeper: u32,
    },
    /// Tell people.
    Event(Event),
}

/// A gatekeeper's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Zone index.
    pub zone: u32,
    /// Gatekeeper index of the one that sent it.
    pub gatekeeper: u32,
    /// Kind of the message that brought it.
    pub message: String,
    /// When it came first.
    pub at: Time,
    /// Its entries, [`MAX_LISTED`] at most.
    pub alternates: Vec<Alternate>,
}

/// An alternate gatekeeper that was named, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// What was said of it.
    pub alternate: Alternate,
    /// Gatekeeper index of the one that named it.
    pub named_by: u32,
    /// Kind of the message.
    pub message: String,
    /// When.
    pub at: Time,
}

impl Learned {
    /// Its priority among all candidates of the zone.
    #[must_use]
    pub const fn priority(&self) -> u8 {
        self.alternate.priority.saturating_add(AFTER_CONFIGURED)
    }
}

/// Something named that is no candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was named.
    pub learned: Learned,
    /// Why it is none.
    pub why: NotTaken,
}

/// Why an alternate gatekeeper that was named is no candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotTaken {
    /// The zone does not learn.
    LearningOff,
    /// Its address lies in no allowed prefix.
    NotAllowed,
    /// No gatekeeper can have such an address.
    Unusable,
    /// The list was for one request only.
    NotPermanent,
    /// It is configured anyway.
    Configured,
    /// Another entry names it, and comes first.
    Duplicate,
    /// There is no room.
    TooMany,
}

impl NotTaken {
    /// Whether that is news: something is wrong with the list, or with the rules.
    #[must_use]
    pub const fn is_news(self) -> bool {
        matches!(self, Self::NotAllowed | Self::Unusable | Self::TooMany)
    }
}

impl std::fmt::Display for NotTaken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LearningOff => "the zone does not learn alternates",
            Self::NotAllowed => "no prefix of allowed_alternates has it",
            Self::Unusable => "not an address that a gatekeeper can have",
            Self::NotPermanent => "named for one request only",
            Self::Configured => "configured",
            Self::Duplicate => "named more than once",
            Self::TooMany => "too many candidates",
        })
    }
}
