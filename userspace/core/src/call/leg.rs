//! One leg of a call: its connection, its call reference, its H.245 connection.

use std::collections::VecDeque;
use std::net::SocketAddr;

use rasline_h225::q931::CallReference;

use super::io::{LinkId, ListenerId};
use super::received::Received;
use crate::Time;
use crate::ras_server::EntryId;

/// A leg.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    /// Connection of its call signalling.
    pub link: LinkId,
    /// Call reference of the messages that are written on it.
    pub reference: CallReference,
    /// rasline's callSignalAddress, as the peer knows it.
    pub own: SocketAddr,
    /// callSignalAddress of the peer.
    pub peer: SocketAddr,
    /// The endpoint that it leads to, or represents.
    pub endpoint: Option<EntryId>,
    /// Messages that wait for the H.245 listener which one of them names.
    pub waiting: VecDeque<Received>,
    /// Its H.245 connection.
    pub control: Control,
    /// The gatekeeper wants this endpoint out of the call.
    pub order: Option<Order>,
    /// A Setup was sent on it, which is not answered by Connect yet.
    pub setup_timer: Option<SetupTimer>,
}

/// How long the answer to a Setup may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct SetupTimer {
    /// The first message must come until then; `None`: it has come.
    pub answer_by: Option<Time>,
    pub connect_by: Time,
}

/// An order of a gatekeeper to end a leg, which is obeyed if the gatekeeper lives on for a while.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub until: Time,
    /// Its ReleaseComplete; `None`: it was a DRQ.
    pub release: Option<Received>,
}

/// The H.245 connection of a leg.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Control {
    /// Where rasline listens for the peer.
    pub listener: Listener,
    /// Where the peer listens.
    pub target: Option<SocketAddr>,
    pub link: Option<LinkId>,
}

/// A listener for an H.245 connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Listener {
    /// None was needed yet.
    #[default]
    None,
    /// Asked for.
    Opening(ListenerId),
    /// It listens there.
    Open(ListenerId, SocketAddr),
    /// It could not be had.
    Failed,
    /// The peer has come.
    Used(SocketAddr),
}

impl Leg {
    pub fn new(link: LinkId, reference: CallReference, own: SocketAddr, peer: SocketAddr) -> Self {
        Self {
            link,
            reference,
            own,
            peer,
            endpoint: None,
            waiting: VecDeque::new(),
            control: Control::default(),
            order: None,
            setup_timer: None,
        }
    }

    /// What a message of it is recognized by: its connection, and the value of its call reference.
    pub const fn key(&self) -> (LinkId, u16) {
        (self.link, self.reference.value)
    }
}

impl Control {
    /// Takes the connection out. A listener that it came by is closed: the next connection needs another one.
    pub const fn forget_link(&mut self) -> Option<LinkId> {
        if matches!(self.listener, Listener::Used(_)) {
            self.listener = Listener::None;
        }
        self.link.take()
    }
}

impl SetupTimer {
    /// When the Setup counts as not answered.
    pub fn due(self) -> Time {
        self.answer_by.unwrap_or(self.connect_by)
    }
}

impl Listener {
    /// Its number, while it listens or is to.
    pub const fn id(self) -> Option<ListenerId> {
        match self {
            Self::Opening(id) | Self::Open(id, _) => Some(id),
            Self::None | Self::Failed | Self::Used(_) => None,
        }
    }

    /// The address to name to the peer.
    pub const fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Open(_, address) | Self::Used(address) => Some(address),
            Self::None | Self::Opening(_) | Self::Failed => None,
        }
    }
}
