//! The control unit: a gatekeeper for each zone that has none of its own at the moment, and for those that never had one.
//!
//! ```text
//!              Serve on, or always                          profile, subscription holds
//!   Idle ------------------------------> (is it allowed?) -----------------------------> Running
//!    ^                                     |          ^                                    |
//!    |                      no profile, or |          | profile given, or                  |
//!    |                      not subscribed |          | subscribed again                   |
//!    |                                     v          |                                    |
//!    |                                   Refusing ----+<-----------------------------------+
//!    |                                     |         profile gone, subscription off or over |
//!    +-------------------------------------+-----------------------------------------------+
//!                       Serve off, and not always
//! ```
//! - *Running*: a [`Registrar`](crate::registrar) serves the zone from the last profile given; another profile is applied
//!   to it as it runs.
//! - *Refusing*: requests are rejected (see [below](self#refusals)); nobody is registered.
//! - *Idle*: the zone's own gatekeepers serve it. What still comes here is counted and not answered, so that the sender
//!   tries again, and reaches them.
//!
//! Leaving *Running* withdraws and forgets every registration of the zone. Endpoints are not told: the next message of
//! each goes to the zone's own gatekeeper, which asks for a full registration if it does not know it. Calls in progress
//! go on, as their signalling and media do not pass here.
//!
//! Zones of one tenant reach each other where the profiles of both name the other (`reach`): by prefix for digits, by
//! alias for all else. Zones of different tenants never do. Invariants: a zone has a registrar exactly while it is
//! *Running*; what is published or kept of a zone was given by the registrar that runs.
//!
//! # Refusals
//! | request | answer while *Refusing* | why this one |
//! |---|---|---|
//! | GRQ | GRJ terminalExcluded | discovery is permitted to nobody here |
//! | RRQ, full or lightweight | RRJ securityDenial | not fullRegistrationRequired: that would be refused as well |
//! | URQ | URJ notCurrentlyRegistered | nobody is |
//! | ARQ | ARJ invalidPermission | "permission has expired" |
//! | BRQ | BRJ invalidPermission | as ARQ |
//! | DRQ | DRJ notRegistered | nobody is |
//! | LRQ | LRJ invalidPermission | "exclusion by administrator or feature" |
//! | IRR with needResponse | INAK notRegistered | nobody is |
//! | SCI | SCR notAvailable | no session |
//! | anything else | none | answers, indications, and requests that cannot be rejected (RAI, IRQ) |

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rasline_h225::view::Alternate;

use crate::Reserved;
use crate::Time;
use crate::profile::Profile;
use crate::registrar::{self, EntryId};

mod directory;
mod kept;
pub mod learned;
mod lifecycle;
mod machine;
mod neighbours;
mod reach;
mod refuse;
mod unit;
mod view;

pub use learned::{gatekeeper_identifier, known_after, known_endpoints, listed};
pub use machine::ControlUnit;
pub use view::{Event, Phase, Refusal, Stats, View, Why};

/// What a control unit is given once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Makes endpointIdentifiers differ from those of other starts; not secret.
    pub seed: u64,
    /// UNIX time in seconds when [`Time`] was 0.
    pub unix_at_zero: i64,
    /// Requests that each module remembers at most, to answer retransmissions alike.
    pub max_answers: usize,
    /// Registrations at most that are kept for zones which are not served yet ([`Input::Restore`]), and as many calls.
    pub max_restored: usize,
}

/// A zone that may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSettings {
    /// Index; its identity.
    pub zone: u32,
    /// Name: its profile is the one of this name.
    pub name: String,
    /// It is served always (`ras = "registrar"`), not only when its gatekeepers are gone.
    pub always: bool,
    /// RAS addresses of the zone's gatekeepers as endpoints know them, its service addresses first. The first one stands
    /// for endpoints whose own is not known, when others look for them.
    pub own: Vec<SocketAddr>,
    /// RAS addresses of this machine that the zone is served at ([`registrar::Settings::here`]).
    pub here: Vec<SocketAddr>,
    /// Where calls to the gatekeeper go, in RCF; empty is allowed.
    pub call_signal_address: Option<SocketAddr>,
    /// Addresses that no endpoint has.
    pub reserved: Reserved,
    /// Alternates that endpoints are told.
    pub alternates: Vec<Alternate>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// All zones that may be served. Those that are not in it any more are retired.
    Zones(Vec<ZoneSettings>),
    /// All profiles, of whatever zones. No zone is served, or refused, before they are given for the first time.
    Profiles {
        /// In place of those before.
        all: Vec<Arc<Profile>>,
    },
    /// A zone's gatekeepers are all gone, or one is back and the zone returned to it.
    Serve {
        /// Zone index.
        zone: u32,
        /// Gone.
        on: bool,
    },
    /// A RAS message for a zone that is served here.
    Message {
        /// Zone index.
        zone: u32,
        /// From where.
        from: SocketAddr,
        /// The gatekeeper's RAS address as the sender knows it, or a multicast group.
        to: SocketAddr,
        /// The message.
        payload: &'a [u8],
    },
    /// As [`registrar::Input::Seen`].
    Seen {
        /// Zone index.
        zone: u32,
        /// Registration.
        id: EntryId,
        /// When.
        at: Time,
    },
    /// As [`registrar::Input::Restore`]. Kept until the zone is served, or it is too old.
    Restore {
        /// Zone index.
        zone: u32,
        /// As it was stored.
        stored: Box<registrar::Stored>,
    },
    /// As [`registrar::Input::RestoreCall`], after the registrations. Kept as they are, and as long.
    RestoreCall {
        /// Zone index.
        zone: u32,
        /// As it was stored.
        stored: Box<registrar::StoredCall>,
    },
    /// As [`registrar::Input::Drop`].
    Drop {
        /// Zone index.
        zone: u32,
        /// Registration.
        id: EntryId,
    },
    /// As [`registrar::Input::Overload`], for all zones.
    Overload(Option<Duration>),
    /// It is `next_due`.
    Due,
    /// Once a second: subscriptions that end, registrations kept in vain.
    Tick,
    /// UNIX time in seconds when [`Time`] was 0, anew.
    WallClock {
        /// Seconds.
        unix_at_zero: i64,
    },
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// What the registrar of a zone wants; never [`registrar::Output::Locate`]. Registrations are numbered by zone; the
    /// numbers are not used again, as long as the zone is configured.
    Zone {
        /// Zone index.
        zone: u32,
        /// What.
        output: registrar::Output,
    },
    /// Tell people.
    Event(Event),
}
