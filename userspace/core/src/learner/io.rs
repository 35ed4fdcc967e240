//! What goes into [`Learner`](super::Learner) and what comes out.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Config, Stored};
use crate::{Event, RegistrationId, Time};

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// The kernel copied (or diverted) a RAS message.
    Message(Message<'a>),
    /// An [`Output::Publish`] was carried out.
    Published {
        /// Registration.
        id: RegistrationId,
    },
    /// An [`Output::Publish`] could not be carried out; nothing is published for it.
    PublishFailed {
        /// Registration.
        id: RegistrationId,
        /// Why.
        why: Refusal,
    },
    /// What the kernel noted about a published registration.
    SlotReport(SlotReport),
    /// Time passes; about once a second.
    Tick,
    /// The operator drops a registration.
    DropRegistration {
        /// Registration.
        id: RegistrationId,
    },
    /// Another configuration.
    Reconfigure(Config),
    /// A registration as [`Learner::stored`](super::Learner::stored) gave it once, maybe to another controller. It is
    /// published if it still holds, else nothing comes of it.
    Restore(Box<Stored>),
    /// A zone's registrations are to be kept warm at a gatekeeper, at so many RRQs a second at most; or no more.
    Standby {
        /// Zone index.
        zone: u32,
        /// Gatekeeper index and rate.
        to: Option<(u32, u32)>,
    },
    /// A zone is served by another gatekeeper: what was kept warm there is that one's own from now on.
    TakeOver {
        /// Zone index.
        zone: u32,
        /// Gatekeeper index.
        gatekeeper: u32,
    },
    /// Time passes; twenty times a second while a zone has a standby.
    Pace,
}

/// A RAS message as the kernel handed it over.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Why it was handed over.
    pub reason: Reason,
    /// Zone index.
    pub zone: u32,
    /// Gatekeeper index.
    pub gatekeeper: u32,
    /// The endpoint's address and port, whichever way the message went.
    pub endpoint: SocketAddr,
    /// The gatekeeper's RAS address as the endpoint knows it: another, or the zone's service address, while the
    /// zone's traffic is steered.
    pub seen_as: SocketAddr,
    /// The message.
    pub payload: &'a [u8],
}

/// Why the kernel handed a message over; as `CopyReason` of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An RRQ that matches no live slot; it went on.
    UnknownRrq,
    /// A URQ or UCF of an endpoint; it went on.
    FromEndpoint,
    /// A message of a gatekeeper; it went on.
    FromGatekeeper,
    /// An RCF that was taken out of the traffic: it must be sent on.
    Diverted,
    /// An RCF to a known keep-alive that is not the known one; its slot was withdrawn, it went on.
    ChangedRcf,
    /// RRJ, URQ or UCF that withdrew at least one slot; it went on.
    Withdrawn,
    /// A message of a gatekeeper on standby, taken out of the traffic: it must be sent on, unless it was asked for.
    Standby,
}

impl Reason {
    /// Whether the endpoint sent it.
    #[must_use]
    pub const fn from_endpoint(self) -> bool {
        matches!(self, Self::UnknownRrq | Self::FromEndpoint)
    }
}

/// The state of a published slot as the periodic scan of the kernel's table found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotReport {
    /// Registration.
    pub id: RegistrationId,
    /// Its last keep-alive.
    pub last_seen: Time,
    /// Keep-alives answered since the registration is known; never less than before.
    pub answered: u64,
    /// When the gatekeeper last confirmed it.
    pub confirmed: Time,
    /// The kernel withdrew it.
    pub withdrawn: bool,
}

/// Why a registration could not be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No slot, or no room for its RCF.
    TableFull,
    /// Too many registrations behind this address and port.
    Crowded,
    /// The messages do not fit a slot.
    Unfit,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a message to an endpoint from the gatekeeper's RAS address.
    Send {
        /// Gatekeeper index.
        gatekeeper: u32,
        /// Its address as the endpoint knows it.
        from: SocketAddr,
        /// Where to.
        endpoint: SocketAddr,
        /// The message.
        payload: Vec<u8>,
    },
    /// Send a message to a gatekeeper as if it came from an endpoint.
    SendAs {
        /// Where it comes from.
        endpoint: SocketAddr,
        /// The gatekeeper's RAS address.
        to: SocketAddr,
        /// The message.
        payload: Vec<u8>,
    },
    /// Publish to the kernel; answered by [`Input::Published`] or [`Input::PublishFailed`].
    Publish(Box<Template>),
    /// Take what is published for this registration out of the kernel, if anything is.
    Withdraw {
        /// Registration.
        id: RegistrationId,
    },
    /// What is to be stored of a published registration is another now.
    Store {
        /// Registration.
        id: RegistrationId,
    },
    /// Tell people.
    Event(Event),
}

/// What the kernel needs to answer a registration's keep-alives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Registration.
    pub id: RegistrationId,
    /// Zone index.
    pub zone: u32,
    /// Gatekeeper index.
    pub gatekeeper: u32,
    /// Where the keep-alives come from.
    pub endpoint: SocketAddr,
    /// The keep-alive, octets 2 and 3 zero.
    pub rrq: Vec<u8>,
    /// The RCF that the endpoint gets, octets 2 and 3 zero.
    pub rcf: Vec<u8>,
    /// The RCF as the gatekeeper sends it, octets 2 and 3 zero.
    pub original_rcf: Vec<u8>,
    /// endpointIdentifier, UTF-16BE.
    pub endpoint_identifier: Vec<u8>,
    /// timeToLive of the gatekeeper's RCF.
    pub gatekeeper_ttl: Duration,
    /// How often a keep-alive is let through.
    pub refresh_every: Duration,
    /// When the gatekeeper last confirmed the registration.
    pub confirmed: Time,
    /// Its last keep-alive.
    pub last_seen: Time,
}
