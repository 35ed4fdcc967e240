//! Connections between rasline and its peers in virtual time: messages stay in order and take a random time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::Time;
use rasline_core::call::{LinkId, ListenerId};
use rasline_core::ras_server::CallFact;
use rasline_testkit_model::dice::Dice;

use super::ledger::CallNumber;

/// The longest time that a message takes.
pub const DELAY: Duration = Duration::from_millis(40);

/// Who is at the far end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Phone(usize),
    /// H.245 of a phone.
    Control(usize),
    Gatekeeper(usize),
    /// Rasline itself, by this connection.
    Rasline(LinkId),
    /// Nobody listens there.
    Nobody,
}

/// Something that happens at a time.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// A phone connects to the service address.
    PhoneConnects(LinkId),
    /// A gatekeeper connects to the address of a phone upstream.
    GatekeeperConnects(LinkId, usize),
    /// A host connects to an H.245 listener.
    ControlConnects(LinkId, ListenerId, SocketAddr),
    /// An attempt of rasline to connect is answered.
    Answered(LinkId),
    AtRasline(LinkId, Vec<u8>),
    LostAtRasline(LinkId),
    AtPeer(LinkId, Vec<u8>),
    ClosedAtPeer(LinkId),
    Fact(CallFact),
    /// A called phone goes on: it rings, or answers.
    PhoneGoesOn(usize, LinkId, u16),
    Thaw(usize),
    Restart(usize),
    /// A caller must have got an answer, or an end.
    CheckAnswered(CallNumber),
    /// A caller must be connected, or have got an end.
    CheckConnected(CallNumber),
    /// The other phone of a call that ended must have got an end.
    CheckEnded(CallNumber, usize),
}

#[derive(Clone, Debug)]
pub struct Link {
    pub peer: Peer,
    /// When what was sent last arrives, to rasline and from it.
    last: [Time; 2],
    /// Rasline closed it, or was given its loss.
    pub is_over_here: bool,
    /// The peer closed it, or knows that it is closed.
    pub is_over_there: bool,
}

pub struct Network {
    pub now: Time,
    pub dice: Dice,
    queue: BTreeMap<(Time, u64), Arrival>,
    pub links: BTreeMap<LinkId, Link>,
    pub listeners: BTreeMap<SocketAddr, ListenerId>,
    last_fact: Time,
    queued: u64,
    accepted: u64,
}

impl Network {
    pub fn new(seed: u64) -> Self {
        Self {
            now: Time(1_000_000_000),
            dice: Dice::new(seed),
            queue: BTreeMap::new(),
            links: BTreeMap::new(),
            listeners: BTreeMap::new(),
            last_fact: Time(0),
            queued: 0,
            accepted: 0,
        }
    }

    pub fn next_due(&self) -> Option<Time> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes what happens next, if it is due.
    pub fn take(&mut self) -> Option<Arrival> {
        let at = self.next_due().filter(|at| *at <= self.now)?;
        let first = self.queue.pop_first().filter(|((due, _), _)| *due == at);
        first.map(|(_, arrival)| arrival)
    }

    pub fn at(&mut self, at: Time, arrival: Arrival) {
        self.queued += 1;
        self.queue.insert((at, self.queued), arrival);
    }

    pub fn after(&mut self, wait: Duration, arrival: Arrival) {
        self.at(self.now.after(wait), arrival);
    }

    fn delayed(&mut self) -> Time {
        let delay = self.dice.between(Duration::from_millis(1), DELAY);
        self.now.after(delay)
    }

    /// RAS says something, in order.
    pub fn fact(&mut self, wait: Duration, fact: CallFact) {
        let at = self.now.after(wait).max(self.last_fact);
        self.last_fact = at;
        self.at(at, Arrival::Fact(fact));
    }

    pub fn add(&mut self, link: LinkId, peer: Peer) {
        let new = Link {
            peer,
            last: [self.now; 2],
            is_over_here: false,
            is_over_there: false,
        };
        assert!(self.links.insert(link, new).is_none(), "{link:?} again");
    }

    /// A peer makes a connection.
    pub fn open(&mut self, peer: Peer, how: impl FnOnce(LinkId) -> Arrival) -> LinkId {
        self.accepted += 1;
        let link = LinkId(self.accepted);
        self.add(link, peer);
        self.reach_rasline(link, how(link));
        link
    }

    fn reach_rasline(&mut self, link: LinkId, arrival: Arrival) {
        let delayed = self.delayed();
        let one = self.links.get_mut(&link).unwrap();
        one.last[0] = one.last[0].max(delayed);
        let at = one.last[0];
        self.at(at, arrival);
    }

    fn reach_peer(&mut self, link: LinkId, arrival: Arrival) {
        let delayed = self.delayed();
        let one = self.links.get_mut(&link).unwrap();
        one.last[1] = one.last[1].max(delayed);
        let at = one.last[1];
        self.at(at, arrival);
    }

    /// A peer sends.
    pub fn send(&mut self, link: LinkId, octets: Vec<u8>) {
        if !self.links[&link].is_over_there {
            self.reach_rasline(link, Arrival::AtRasline(link, octets));
        }
    }

    /// A peer closes a connection.
    pub fn close(&mut self, link: LinkId) {
        let one = self.links.get_mut(&link).unwrap();
        if !one.is_over_there {
            one.is_over_there = true;
            self.reach_rasline(link, Arrival::LostAtRasline(link));
        }
    }

    /// A connection breaks: both sides find out.
    pub fn break_link(&mut self, link: LinkId) {
        self.reach_peer(link, Arrival::ClosedAtPeer(link));
        self.reach_rasline(link, Arrival::LostAtRasline(link));
    }

    /// Rasline asks for a connection to a peer.
    pub fn dial(&mut self, link: LinkId, peer: Peer) {
        self.add(link, peer);
        self.reach_rasline(link, Arrival::Answered(link));
    }

    /// Rasline writes.
    pub fn write(&mut self, link: LinkId, octets: &[u8]) {
        assert_eq!(octets[..2], [3, 0], "one TPKT in one write");
        let length = usize::from(u16::from_be_bytes([octets[2], octets[3]]));
        assert_eq!(length, octets.len());
        assert!(!self.links[&link].is_over_here, "{link:?} is closed");
        self.reach_peer(link, Arrival::AtPeer(link, octets[4..].to_vec()));
    }

    /// Rasline closes.
    pub fn close_here(&mut self, link: LinkId) {
        let one = self.links.get_mut(&link).unwrap();
        assert!(!one.is_over_here, "{link:?} is closed twice");
        one.is_over_here = true;
        self.reach_peer(link, Arrival::ClosedAtPeer(link));
    }
}
