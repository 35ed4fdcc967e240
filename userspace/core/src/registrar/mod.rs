//! The registrar: a gatekeeper towards the endpoints of one zone (H.225.0 clause 7).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use rasline_h225::view::Alternate;

use crate::Time;
use crate::profile::Profile;

/// Which registration of a registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

/// What a registrar is given once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What it serves.
    pub profile: Arc<Profile>,
    /// Where calls to the gatekeeper go, in RCF; empty is allowed.
    pub call_signal_address: Option<SocketAddr>,
    /// Alternates that endpoints are told.
    pub alternates: Vec<Alternate>,
    /// Makes endpointIdentifiers differ from those of other registrars and other starts; not secret.
    pub seed: u64,
    /// Requests remembered at most, to answer retransmissions alike.
    pub max_answers: usize,
    /// UNIX time in seconds when [`Time`] was 0.
    pub unix_at_zero: i64,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A RAS message came.
    Message {
        /// From where.
        from: SocketAddr,
        /// The gatekeeper's RAS address as the sender knows it: what it is answered from.
        to: SocketAddr,
        /// The message.
        payload: &'a [u8],
    },
    /// It is [`Registrar::next_due`].
    Due,
    /// The kernel answered a keep-alive of this registration at this time, the last one so far. Also the answer to
    /// [`Output::AskSeen`].
    Seen {
        /// Registration.
        id: EntryId,
        /// When.
        at: Time,
    },
    /// Another profile. Who must not be registered under it any more is unregistered (URQ).
    Profile(Arc<Profile>),
    /// A registration as [`Output::Store`] gave it, maybe to another process. Published if it still holds.
    Restore(Box<Stored>),
    /// The answer to [`Output::Locate`].
    Located {
        /// As in that.
        ticket: u64,
        /// Where it is; `None`: nobody knows.
        found: Option<Destination>,
    },
    /// The operator drops a registration (URQ).
    Drop {
        /// Registration.
        id: EntryId,
    },
    /// More comes than can be handled now: full registrations get a RIP of this length; `None`: no more.
    Overload(Option<Duration>),
    /// UNIX time in seconds when [`Time`] was 0, anew.
    WallClock {
        /// Seconds.
        unix_at_zero: i64,
    },
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a RAS message.
    Send {
        /// From which of the gatekeeper's addresses.
        from: SocketAddr,
        /// To whom.
        to: SocketAddr,
        /// The message.
        payload: Vec<u8>,
    },
    /// Let the kernel answer this keep-alive from now on, in place of an earlier one of this registration.
    Publish(Box<Offer>),
    /// The kernel must not answer this registration any more.
    Withdraw {
        /// Registration.
        id: EntryId,
    },
    /// timeToLive runs out: did the kernel answer meanwhile? Answered by [`Input::Seen`], if it did.
    AskSeen {
        /// Registration.
        id: EntryId,
    },
    /// Keep across restarts, in place of what was kept of this one.
    Store(Box<Stored>),
    /// Keep no longer.
    Forget {
        /// Registration.
        id: EntryId,
    },
    /// Somebody wants to call who is not of this zone; answered by [`Input::Located`].
    Locate {
        /// Names the question.
        ticket: u64,
        /// destinationInfo, the numbering plan applied.
        destination: Vec<String>,
    },
    /// Tell people.
    Event(Event),
}

/// A keep-alive and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Registration.
    pub id: EntryId,
    /// Where its keep-alives come from.
    pub endpoint: SocketAddr,
    /// The gatekeeper's address as the endpoint knows it.
    pub seen_as: SocketAddr,
    /// The lightweight RRQ, requestSeqNum zeroed.
    pub rrq: Vec<u8>,
    /// The RCF, requestSeqNum zeroed.
    pub rcf: Vec<u8>,
    /// endpointIdentifier, UTF-16BE.
    pub endpoint_identifier: Vec<u8>,
    /// timeToLive.
    pub time_to_live: Duration,
    /// When the registrar confirmed it.
    pub confirmed: Time,
}

/// What is kept of a registration across restarts. Its endpointIdentifier is its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Registration.
    pub id: EntryId,
    /// endpointIdentifier.
    pub endpoint_identifier: String,
    /// Where its messages come from.
    pub endpoint: SocketAddr,
    /// The gatekeeper's address as it knows it.
    pub seen_as: SocketAddr,
    /// Its full RRQ, requestSeqNum zeroed.
    pub full: Vec<u8>,
    /// Its lightweight RRQ, requestSeqNum zeroed, if one was seen.
    pub lightweight: Option<Vec<u8>>,
    /// timeToLive given, seconds.
    pub time_to_live: u32,
    /// When it was confirmed.
    pub confirmed: Time,
}

/// Where somebody is to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Where the call is signalled.
    pub call_signal_address: SocketAddr,
    /// Its RAS address.
    pub ras_address: SocketAddr,
    /// Its aliases.
    pub aliases: Vec<String>,
}

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An endpoint registered.
    Registered {
        /// endpointIdentifier.
        endpoint_identifier: String,
        /// Where it is.
        endpoint: SocketAddr,
        /// Its aliases.
        aliases: Vec<String>,
    },
    /// It is registered no more.
    Unregistered {
        /// endpointIdentifier.
        endpoint_identifier: String,
        /// Where it was.
        endpoint: SocketAddr,
        /// Why.
        why: Ended,
    },
    /// A request was rejected.
    Rejected {
        /// From where.
        from: SocketAddr,
        /// Kind of the request: `RRQ`, ...
        request: String,
        /// rejectReason, in the standard's words.
        reason: String,
    },
    /// A source failed to show who it is so often that it is not listened to for a while.
    Locked {
        /// Which one.
        source: SocketAddr,
    },
    /// A call was admitted.
    CallStarted {
        /// callIdentifier (else conferenceID), hexadecimal.
        call: String,
        /// Caller's alias.
        from: String,
        /// Callee's alias.
        to: String,
    },
    /// A call is over.
    CallEnded {
        /// As in `CallStarted`.
        call: String,
        /// How long it was, seconds.
        seconds: u64,
    },
}

/// Why a registration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It said so (URQ).
    Left,
    /// Its timeToLive ran out, and it did not answer IRQ.
    Expired,
    /// It registered anew from elsewhere, or another one took its aliases.
    Replaced,
    /// The operator dropped it.
    Dropped,
    /// The profile does not allow it any more.
    NotAllowed,
}

/// A registration, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View {
    /// Registration.
    pub id: EntryId,
    /// endpointIdentifier.
    pub endpoint_identifier: String,
    /// Where it is.
    pub endpoint: SocketAddr,
    /// Where calls to it are signalled.
    pub call_signal_address: Option<SocketAddr>,
    /// Aliases.
    pub aliases: Vec<String>,
    /// timeToLive given, seconds.
    pub time_to_live: u32,
    /// When it was heard of last.
    pub last_seen: Time,
    /// Calls that it is in.
    pub calls: usize,
    /// Whether it was published to the kernel.
    pub published: bool,
}

/// Counts since the start, and what there is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Registrations now.
    pub registrations: u64,
    /// Calls now.
    pub calls: u64,
    /// Bandwidth of these, in units of 100 bit/s.
    pub bandwidth: u64,
    /// Full RRQs confirmed.
    pub full: u64,
    /// Lightweight RRQs confirmed.
    pub lightweight: u64,
    /// Requests rejected.
    pub rejected: u64,
    /// Retransmissions answered as before.
    pub repeated: u64,
    /// Admissions granted.
    pub admitted: u64,
    /// Locations found.
    pub located: u64,
    /// Registrations that expired.
    pub expired: u64,
    /// Messages whose tokens did not hold.
    pub denied: u64,
    /// Messages that could not be decoded.
    pub malformed: u64,
    /// Messages that are not for a gatekeeper, or not known.
    pub ignored: u64,
}
