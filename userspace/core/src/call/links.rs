//! TCP connections: which are there, whose they are, what waits until one is made.
//!
//! Invariants: a connection is closed once and then forgotten; nothing is written to one that is not there; what waits for
//! one has a bound.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::io::{CallId, LinkId, ListenerId, Output};
use super::place::Place;
use crate::ZoneIndex;
use crate::ras_server::EntryId;

/// Messages and octets that wait at most for a connection to be made.
const WAITING_MESSAGES: usize = 32;
const WAITING_OCTETS: usize = 65_536;

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An endpoint made it to the service address: it may carry several calls.
    Endpoint {
        zone: ZoneIndex,
        peer: SocketAddr,
        local: SocketAddr,
    },
    /// A gatekeeper made it to the address that represents this endpoint.
    Gatekeeper {
        zone: ZoneIndex,
        endpoint: EntryId,
        peer: SocketAddr,
        local: SocketAddr,
    },
    /// It was made for one leg.
    Leg(CallId, Place),
    /// H.245 of one leg.
    Control(CallId, Place),
}

impl Role {
    /// The host that made the connection to rasline.
    const fn host(self) -> Option<IpAddr> {
        match self {
            Self::Endpoint { peer, .. } | Self::Gatekeeper { peer, .. } => Some(peer.ip()),
            Self::Leg(..) | Self::Control(..) => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Link {
    role: Role,
    is_up: bool,
    waiting: Vec<Vec<u8>>,
    waiting_octets: usize,
}

/// All connections and H.245 listeners.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    all: HashMap<LinkId, Link>,
    listeners: HashMap<ListenerId, (CallId, Place)>,
    last_link: u64,
    last_listener: u64,
    /// Those that too much waits for.
    overflowed: Vec<LinkId>,
    /// How many connections each host has made.
    by_host: HashMap<IpAddr, usize>,
}

impl Links {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// How many connections a host has made.
    pub fn count_from(&self, host: IpAddr) -> usize {
        self.by_host.get(&host).copied().unwrap_or_default()
    }

    fn insert(&mut self, link: LinkId, role: Role, is_up: bool) {
        if let Some(host) = role.host() {
            *self.by_host.entry(host).or_default() += 1;
        }
        let new = Link {
            role,
            is_up,
            waiting: Vec::new(),
            waiting_octets: 0,
        };
        self.all.insert(link, new);
    }

    fn remove(&mut self, link: LinkId) -> Option<Link> {
        let old = self.all.remove(&link)?;
        if let Some(host) = old.role.host()
            && let Some(count) = self.by_host.get_mut(&host)
        {
            *count -= 1;
            if *count == 0 {
                self.by_host.remove(&host);
            }
        }
        Some(old)
    }

    /// Notes a connection that is there.
    pub fn accept(&mut self, link: LinkId, role: Role) {
        self.insert(link, role, true);
    }

    /// Asks for a connection.
    pub fn dial(
        &mut self,
        from: IpAddr,
        to: SocketAddr,
        role: Role,
        out: &mut Vec<Output>,
    ) -> LinkId {
        self.last_link += 1;
        let link = LinkId(LinkId::DIALLED | self.last_link);
        self.insert(link, role, false);
        out.push(Output::Connect { link, from, to });
        link
    }

    pub fn role(&self, link: LinkId) -> Option<Role> {
        self.all.get(&link).map(|one| one.role)
    }

    /// Notes that a connection was made, and writes what waited for it.
    pub fn connect(&mut self, link: LinkId, out: &mut Vec<Output>) {
        if let Some(one) = self.all.get_mut(&link) {
            one.is_up = true;
            for octets in one.waiting.drain(..) {
                out.push(Output::Write { link, octets });
            }
        }
    }

    /// Writes a TPKT, or keeps it until the connection is made. If too much waits already, the connection has overflowed.
    pub fn send(&mut self, link: LinkId, octets: Vec<u8>, out: &mut Vec<Output>) {
        let Some(one) = self.all.get_mut(&link) else {
            return;
        };
        if one.is_up {
            return out.push(Output::Write { link, octets });
        }
        let all = one.waiting_octets + octets.len();
        if one.waiting.len() >= WAITING_MESSAGES || all > WAITING_OCTETS {
            return self.overflow(link);
        }
        one.waiting_octets = all;
        one.waiting.push(octets);
    }

    /// Has a connection closed because too much waits for it.
    pub fn overflow(&mut self, link: LinkId) {
        self.overflowed.push(link);
    }

    /// Takes a connection that has overflowed and is there.
    pub fn take_overflowed(&mut self) -> Option<LinkId> {
        while let Some(link) = self.overflowed.pop() {
            if self.all.contains_key(&link) {
                return Some(link);
            }
        }
        None
    }

    /// Closes a connection of a leg that has ended. One that the peer made may carry another call, and is left to it.
    pub fn release(&mut self, link: LinkId, out: &mut Vec<Output>) {
        if matches!(self.role(link), Some(Role::Leg(..))) {
            self.close(link, out);
        }
    }

    /// Closes a connection that is not wanted.
    pub fn refuse(&mut self, link: LinkId, out: &mut Vec<Output>) {
        self.remove(link);
        out.push(Output::Close { link });
    }

    /// Closes a connection after what was written.
    pub fn close(&mut self, link: LinkId, out: &mut Vec<Output>) {
        if self.remove(link).is_some() {
            out.push(Output::Close { link });
        }
    }

    /// Forgets a connection that is gone.
    pub fn forget(&mut self, link: LinkId) {
        self.remove(link);
    }

    /// Asks for a listener for the H.245 connection of a leg.
    pub fn listen(
        &mut self,
        on: IpAddr,
        whose: (CallId, Place),
        out: &mut Vec<Output>,
    ) -> ListenerId {
        self.last_listener += 1;
        let listener = ListenerId(self.last_listener);
        self.listeners.insert(listener, whose);
        out.push(Output::Listen { listener, on });
        listener
    }

    pub fn listener(&self, listener: ListenerId) -> Option<(CallId, Place)> {
        self.listeners.get(&listener).copied()
    }

    /// The number of listeners.
    pub fn listener_count(&self) -> usize {
        self.listeners.len()
    }

    /// Forgets a listener that could not be had.
    pub fn forget_listener(&mut self, listener: ListenerId) {
        self.listeners.remove(&listener);
    }

    pub fn stop_listening(&mut self, listener: ListenerId, out: &mut Vec<Output>) {
        if self.listeners.remove(&listener).is_some() {
            out.push(Output::StopListening { listener });
        }
    }
}
