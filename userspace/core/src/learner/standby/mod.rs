//! Warm standby: while a zone's gatekeeper is well, its registrations are kept alive at the first alternate, too, with
//! the endpoints' own RRQs sent from their addresses, so that a failover needs no registration.
//!
//! ```text
//!                      full RRQ sent                RCF, same endpointIdentifier
//! Waiting ------------------------------> Asked ----------------------------------> Warm --+
//!    ^   ^                                  |  RCF, another one (URQ follows)        |     | half of its timeToLive
//!    |   |                                  |  RRJ                                   |     v over: lightweight RRQ
//!    |   +---- after a rest ---- Cold <-----+  no answer, three times                +-- Asked
//!    +------------------------------------------------- RRJ to a lightweight RRQ, URQ ----+
//! ```
//!
//! Invariants: no more RRQs a second than the zone's rate; what the alternate says about these registrations never
//! reaches an endpoint; what it says about others is sent on.

mod machine;
mod pace;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::transaction::Pacer;
use crate::{RegistrationId, Time};

/// How a registration stands at the alternate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "standby")]
pub enum Warmth {
    /// Its turn has not come yet.
    Waiting,
    /// An RRQ is under way.
    Asked,
    /// The alternate has it, under the same endpointIdentifier.
    Warm,
    /// It would have to register there after a failover.
    Cold {
        /// Why.
        why: ColdWhy,
    },
}

/// Why a registration cannot be kept warm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColdWhy {
    /// Its full RRQ was not seen (it registered before rasline ran), or carries tokens.
    NoFullRequest,
    /// Its full RRQ says what rasline cannot carry to another gatekeeper.
    NotCarried,
    /// The alternate rejects it.
    Refused,
    /// The alternate grants another endpointIdentifier.
    OtherIdentifier,
    /// The alternate does not answer.
    Silent,
}

impl std::fmt::Display for ColdWhy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoFullRequest => "its full RRQ was not seen, or carries tokens",
            Self::NotCarried => "its full RRQ says what rasline cannot carry to another gatekeeper",
            Self::Refused => "the alternate rejects it",
            Self::OtherIdentifier => "the alternate grants another endpointIdentifier",
            Self::Silent => "the alternate does not answer",
        })
    }
}

impl std::fmt::Display for Warmth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waiting => f.write_str("waits for its turn"),
            Self::Asked => f.write_str("asked"),
            Self::Warm => f.write_str("warm"),
            Self::Cold { why } => write!(f, "cold: {why}"),
        }
    }
}

/// How the registrations of a zone stand at its alternate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WarmCounts {
    /// Index of the alternate.
    pub gatekeeper: Option<u32>,
    /// Kept warm.
    pub warm: usize,
    /// Not yet.
    pub waiting: usize,
    /// Cannot be.
    pub cold: usize,
}

/// An RRQ under way.
#[derive(Clone, Copy, Debug)]
struct Asked {
    seq: u16,
    full: bool,
    tries: u8,
}

/// One registration at the alternate.
#[derive(Debug)]
struct Entry {
    zone: u32,
    warmth: Warmth,
    asked: Option<Asked>,
    /// Number of the last request.
    seq: u16,
    /// When it is looked at next.
    due: Time,
    /// Last RCF.
    confirmed: Time,
    /// timeToLive of that.
    ttl: Duration,
    /// RCF to the last lightweight RRQ, requestSeqNum zeroed.
    rcf: Option<Box<[u8]>>,
    /// How many in a row were like it.
    alike: u8,
}

/// The alternate of a zone.
#[derive(Debug)]
struct Target {
    gatekeeper: u32,
    address: SocketAddr,
    pacer: Pacer,
    due: BTreeSet<(Time, RegistrationId)>,
}

/// A registration that was warm at the gatekeeper that serves now.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) id: RegistrationId,
    pub(crate) gatekeeper: u32,
    /// requestSeqNum of the last keep-alive there.
    pub(crate) seq: u16,
    /// The RCF to it, requestSeqNum zeroed.
    pub(crate) rcf: Box<[u8]>,
    pub(crate) confirmed: Time,
    pub(crate) ttl: Duration,
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Standby {
    targets: HashMap<u32, Target>,
    entries: HashMap<RegistrationId, Entry>,
    /// Registrations that were warm at the gatekeeper that serves now: to be published as its own.
    taken: VecDeque<Taken>,
}
