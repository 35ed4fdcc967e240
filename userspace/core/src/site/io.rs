//! What goes into [`Site`](super::Site) and what comes out, and what it looks at when it decides.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Config, Event};
use crate::alternates::List;
use crate::health::{Change, State};
use crate::presence::{Subject, Trace};
use crate::profile::{KnownEndpoint, Profile};
use crate::ras_server::{CallFact, OwnAdmission};
use crate::record::{Decision, Record, RecordKey};
use crate::{GatekeeperIndex, Message, Refusal, RegistrationKey, SlotReport, Time, ZoneIndex};

/// What the site looks at when it decides: the kernel's tables and the probes. Looking changes nothing.
pub trait Surroundings {
    /// What the kernel decided for a zone by itself, if that is in force.
    fn decided(&self, zone: ZoneIndex) -> Option<KernelDecision>;
    /// The active gatekeeper of the last decision that the site gave the kernel about a zone, and when the zone moved. The
    /// kernel's own decision is left aside.
    fn steered_to(&self, zone: ZoneIndex) -> Option<(GatekeeperIndex, Time)>;
    /// That decision as a whole. All gatekeepers' rows are read for it, so it is for a zone that is about to be steered.
    fn steering(&self, zone: ZoneIndex) -> Option<Steering>;
    /// Whether the kernel may move a zone by itself.
    fn is_auto(&self, zone: ZoneIndex) -> bool;
    /// The last keep-alive of a registration that the kernel answered.
    fn last_seen(&self, key: RegistrationKey) -> Option<Time>;
    /// The gatekeeper's address that an endpoint wrote to, when its message was readdressed to this own one.
    fn known_as(&self, own: SocketAddr, endpoint: SocketAddr) -> Option<SocketAddr>;
    /// What was seen of an endpoint apart from its keep-alives.
    fn trace(&self, now: Time, subject: &Subject) -> Trace;
    /// Whether a gatekeeper has not answered endpoints for that long although it was asked.
    fn is_silent(&self, gatekeeper: GatekeeperIndex, dead_after: Duration) -> bool;
    /// Whether a gatekeeper is asked anything by probes; `None`: nothing is known of it.
    fn is_probed(&self, gatekeeper: GatekeeperIndex) -> Option<bool>;
}

/// A move of a zone that the kernel decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelDecision {
    /// The gatekeeper that it moved the zone to.
    pub active: GatekeeperIndex,
    /// The one that it left.
    pub from: GatekeeperIndex,
    /// When.
    pub at: Time,
    /// The first request that was not answered.
    pub evidence_at: Time,
}

/// Where the kernel sends a zone's traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// The gatekeeper that serves it; `None`: its traffic is left alone.
    pub active: Option<GatekeeperIndex>,
    /// Gatekeepers whose traffic goes to the active one, in order of their indices.
    pub steered: Vec<GatekeeperIndex>,
    /// Gatekeepers that the kernel may move the zone to by itself, best first.
    pub candidates: Vec<GatekeeperIndex>,
    /// When the zone moved; 0: it has always been there.
    pub moved: Time,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The first one: what an earlier controller left behind.
    Start(Box<Start>),
    /// Another configuration; the kernel's tables follow it already.
    Reconfigure(Box<Config>),
    /// Something that was remembered; registrations first, then calls.
    Restore(Record),
    /// Profiles were read, or could not be.
    Profiles(LoadedProfiles),

    /// A message that the kernel copied or took out of the traffic.
    Message(Message<'a>),
    /// A message that came to a RAS socket.
    Datagram(Datagram<'a>),
    /// So many datagrams wait.
    Waiting(usize),
    /// What the kernel noted about a slot.
    SlotReport {
        /// Whose slot it is.
        key: RegistrationKey,
        /// What was noted; its `id` is not looked at.
        report: SlotReport,
    },
    /// All slots that changed were reported.
    Scanned,
    /// The kernel answers keep-alives of this registration now.
    Published(RegistrationKey),
    /// It does not.
    PublishFailed {
        /// Whose keep-alives.
        key: RegistrationKey,
        /// Why.
        why: Refusal,
    },

    /// A gatekeeper's probes found something out.
    Health {
        /// The gatekeeper.
        gatekeeper: GatekeeperIndex,
        /// What.
        change: Change,
    },
    /// These gatekeepers are no longer probed, or otherwise than before.
    Unprobed(BTreeSet<GatekeeperIndex>),
    /// The way to a gatekeeper was cut on this machine, or is there again.
    WayChanged {
        /// The gatekeeper.
        gatekeeper: GatekeeperIndex,
        /// Why it is cut; `None`: it is there.
        why: Option<String>,
        /// What its probes think of it.
        state: State,
        /// Those of its zone's gatekeepers whose way is cut now.
        cut: BTreeSet<GatekeeperIndex>,
    },
    /// How many calls are open at a gatekeeper of [`Site::awaits_calls`](super::Site::awaits_calls).
    Calls {
        /// The gatekeeper.
        gatekeeper: GatekeeperIndex,
        /// How many.
        open: u32,
    },

    /// About twenty times a second.
    Look,
    /// The time of [`Site::next_due`](super::Site::next_due) has come.
    Due,
    /// About once a second.
    Tick(Tick),

    /// The operator decides about a zone.
    Decide {
        /// The zone.
        zone: ZoneIndex,
        /// What.
        decision: ByHand,
    },
    /// The operator drops a registration.
    Drop(RegistrationKey),
    /// The calls want an admission; [`CallFact::AdmissionAnswered`] comes back.
    AskAdmission {
        /// Zone of the call.
        zone: ZoneIndex,
        /// The admission to ask for.
        asked: OwnAdmission,
    },
}

/// What an earlier controller left behind.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Lists of alternates.
    pub alternates: Vec<List>,
    /// Profiles.
    pub profiles: LoadedProfiles,
    /// Decisions about zones.
    pub decisions: Vec<Decision>,
}

/// Profiles as they were read.
#[derive(Clone, Debug, Default)]
pub struct LoadedProfiles {
    /// All of them; `None`: none could be read, those before stay.
    pub profiles: Option<Vec<Arc<Profile>>>,
    /// What is wrong with them, if anything.
    pub trouble: Option<String>,
}

/// A RAS message that came to a socket.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Whose it is.
    pub from: SocketAddr,
    /// The socket's address, or the multicast group.
    pub local: SocketAddr,
    /// Which side it came by, if it came by an interface that has only one.
    pub side: Option<Side>,
    /// Octets.
    pub payload: &'a [u8],
}

/// Who is behind an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Endpoints only.
    Endpoints,
    /// Gatekeepers only.
    Gatekeepers,
}

/// What the time is, and what only the machine knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// Minute of the local day.
    pub minute_of_day: u16,
    /// UNIX time in seconds when the monotonic clock was 0.
    pub unix_at_zero: i64,
    /// Whether no endpoint can be heard, since no interface on their side carries the program.
    pub blind: bool,
}

/// What the operator decides about a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByHand {
    /// It goes to this gatekeeper.
    Switch(GatekeeperIndex),
    /// It stays where it is.
    Hold,
    /// It goes where its policy says.
    Release,
}

/// Something to be done. Outputs are carried out in order; what becomes of them comes back as inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Have the kernel answer these keep-alives; [`Input::Published`] or [`Input::PublishFailed`] comes back.
    Publish(Box<SlotEntry>),
    /// Have the kernel no longer answer them.
    Withdraw(RegistrationKey),
    /// Withdraw all slots whose zone has another generation now; a [`Input::SlotReport`] comes back for each.
    WithdrawStale,
    /// Change what the kernel steers by.
    Kernel(KernelChange),
    /// Send a message.
    Send(Send),
    /// Probe the gatekeepers of this configuration; [`Input::Unprobed`] comes back.
    Probe,
    /// A gatekeeper has answered a proxy at that time, which shows that it lives.
    Answered {
        /// The gatekeeper.
        gatekeeper: GatekeeperIndex,
        /// When.
        at: Time,
    },
    /// These alternates of a zone are candidates from the next [`Output::Adopt`] on, instead of those before.
    Alternates {
        /// The zone.
        zone: ZoneIndex,
        /// All of them.
        candidates: Vec<AlternateCandidate>,
    },
    /// Put learned alternates into the configuration in force.
    Adopt,
    /// Note these endpoints beside a zone's profile.
    Learned {
        /// Name of the zone.
        zone: String,
        /// All that are known.
        endpoints: Vec<KnownEndpoint>,
    },
    /// Remember this across restarts, in place of what has the same key.
    Persist(Record),
    /// Remember it no longer.
    Forget(RecordKey),
    /// Tell this to the machine of the calls ([`crate::call`]).
    Call {
        /// Whose calls it is about.
        zone: ZoneIndex,
        /// What.
        fact: CallFact,
    },
    /// Report this to people.
    Event(Event),
}

/// A keep-alive and its answer, for the kernel's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotEntry {
    /// Whose it is.
    pub key: RegistrationKey,
    /// Its zone.
    pub zone: ZoneIndex,
    /// Its gatekeeper.
    pub gatekeeper: GatekeeperIndex,
    /// Where its keep-alives come from.
    pub endpoint: SocketAddr,
    /// The lightweight RRQ, requestSeqNum zeroed.
    pub rrq: Vec<u8>,
    /// The RCF, requestSeqNum zeroed.
    pub rcf: Vec<u8>,
    /// The gatekeeper's own RCF, if another one is given to the endpoint.
    pub original_rcf: Option<Vec<u8>>,
    /// endpointIdentifier, UTF-16BE.
    pub endpoint_identifier: Vec<u8>,
    /// timeToLive of the gatekeeper.
    pub gatekeeper_ttl: Duration,
    /// How often a keep-alive goes through to it.
    pub refresh_every: Duration,
    /// When it was confirmed last.
    pub confirmed: Time,
    /// When its endpoint last sent something.
    pub last_seen: Time,
    /// Keep-alives answered before.
    pub answered: u64,
}

/// A change of what the kernel steers by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelChange {
    /// Where a zone's traffic goes; the kernel's own decision, if there is one, does not count any more.
    Steer {
        /// The zone.
        zone: ZoneIndex,
        /// Where.
        to: Steering,
    },
    /// Whether it may move a zone by itself.
    Auto {
        /// The zone.
        zone: ZoneIndex,
        /// Whether.
        on: bool,
    },
    /// Whether a gatekeeper was found dead, and when.
    Down {
        /// The gatekeeper.
        gatekeeper: GatekeeperIndex,
        /// Since when; `None`: it is not.
        since: Option<Time>,
    },
    /// A gatekeeper lives again.
    Back {
        /// The gatekeeper.
        gatekeeper: GatekeeperIndex,
        /// Since when.
        at: Time,
    },
    /// Whether registrations are kept warm at a gatekeeper.
    Standby {
        /// The gatekeeper.
        gatekeeper: GatekeeperIndex,
        /// Whether.
        on: bool,
    },
    /// How long after a move what was left behind is answered.
    MoveFor {
        /// The zone.
        zone: ZoneIndex,
        /// How long.
        time: Duration,
    },
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// By which way.
    pub by: SendBy,
    /// Source address.
    pub from: SocketAddr,
    /// Destination.
    pub to: SocketAddr,
    /// Octets.
    pub payload: Vec<u8>,
}

/// Ways of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendBy {
    /// In a gatekeeper's name, whose address is not this machine's.
    Gatekeeper,
    /// In an endpoint's name.
    Endpoint,
    /// To an endpoint: from rasline's own socket of that address, else as [`SendBy::Gatekeeper`].
    SocketOrGatekeeper,
    /// To a gatekeeper: from rasline's own socket of that address, else as [`SendBy::Endpoint`].
    SocketOrEndpoint,
}

/// An alternate that becomes a candidate of its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlternateCandidate {
    /// Its name within the zone.
    pub id: String,
    /// RAS address.
    pub ras: SocketAddr,
    /// Port of call signalling: the zone's.
    pub call_signal_port: u16,
    /// Behind all configured ones.
    pub priority: u8,
    /// Name of the gatekeeper that named it.
    pub named_by: String,
    /// Kind of the message that did.
    pub message: String,
    /// Whether endpoints must register with it.
    pub need_to_register: bool,
}
