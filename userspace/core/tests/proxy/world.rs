//! A proxy, gatekeepers that are registrars of this crate, a network between them, and the clock.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::Time;
use rasline_core::proxy::{
    EntryId, Event, Input, Output, Proxy, Settings, Source, Stats, Stored, View,
};
use rasline_core::registrar::{self, Offer, Registrar, StoredCall};
use rasline_h225::types::RasMessage;
use rasline_h225::{decode_ras, encode_ras};
use rasline_testkit_model::party::granted_identifier;
use rasline_testkit_model::transit::Transit;

pub use crate::proxy::parts::*;

#[derive(Clone, Debug)]
enum Packet {
    /// From an endpoint to rasline, or back.
    Up(SocketAddr, Vec<u8>),
    Down(SocketAddr, Vec<u8>),
    /// From rasline, under this address, to a gatekeeper, or back.
    Out(SocketAddr, SocketAddr, Vec<u8>),
    In(SocketAddr, SocketAddr, Vec<u8>),
}

/// What the network does to a packet: how often it arrives, and how late.
pub type Fate = Box<dyn FnMut() -> Vec<Duration>>;

pub struct World {
    pub proxy: Proxy,
    pub now: Time,
    pub gatekeepers: BTreeMap<SocketAddr, Registrar>,
    /// They take nothing and say nothing.
    pub dead: Vec<SocketAddr>,
    pub fate: Fate,
    net: Transit<Packet>,
    /// What endpoints and gatekeepers got.
    pub at_endpoints: Vec<(Time, SocketAddr, Vec<u8>)>,
    pub at_gatekeepers: Vec<(Time, SocketAddr, Vec<u8>)>,
    /// Where each of these came from.
    pub sources: Vec<SocketAddr>,
    /// What endpoints got from gatekeepers' addresses: from, to, octets.
    pub passed_on: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    pub events: Vec<Event>,
    pub call_facts: Vec<rasline_core::ras_server::CallFact>,
    pub offers: Vec<Offer>,
    pub withdrawn: Vec<EntryId>,
    pub stored: BTreeMap<EntryId, Stored>,
    /// What is kept of calls, by name.
    pub calls: BTreeMap<String, StoredCall>,
    pub asked_seen: VecDeque<EntryId>,
    seq: u16,
}

impl World {
    pub fn new(rate: u32) -> Self {
        let mut world = Self::with(settings(rate));
        world.active(Some(ONE));
        world
    }

    pub fn with(settings: Settings) -> Self {
        Self {
            proxy: Proxy::new(settings, START),
            now: START,
            gatekeepers: BTreeMap::from([
                (ONE, gatekeeper(ONE, "gk-one")),
                (TWO, gatekeeper(TWO, "gk-number-two")),
            ]),
            dead: Vec::new(),
            fate: Box::new(|| vec![MS]),
            net: Transit::default(),
            at_endpoints: Vec::new(),
            at_gatekeepers: Vec::new(),
            sources: Vec::new(),
            passed_on: Vec::new(),
            events: Vec::new(),
            call_facts: Vec::new(),
            offers: Vec::new(),
            withdrawn: Vec::new(),
            stored: BTreeMap::new(),
            calls: BTreeMap::new(),
            asked_seen: VecDeque::new(),
            seq: 0,
        }
    }

    pub fn active(&mut self, gatekeeper: Option<SocketAddr>) {
        self.input(Input::Active(gatekeeper));
    }

    pub fn input(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.proxy.handle(self.now, input, &mut out);
        withdrawn_before_ucf(&out);
        for one in out {
            self.carry_out(one);
        }
    }

    fn carry_out(&mut self, one: Output) {
        match one {
            Output::ToEndpoint { from, to, payload } if [ONE, TWO].contains(&from) => {
                self.passed_on.push((from, to, payload));
            }
            Output::ToEndpoint { from, to, payload } => {
                assert_eq!(from, SERVICE);
                self.post(&Packet::Down(to, payload));
            }
            Output::ToGatekeeper { from, to, payload } => {
                self.post(&Packet::Out(from, to, payload));
            }
            Output::Publish(offer) => self.offers.push(*offer),
            Output::Withdraw { id } => self.withdrawn.push(id),
            Output::AskSeen { id } => self.asked_seen.push_back(id),
            Output::Store(stored) => {
                self.stored
                    .insert(EntryId(stored.registration.id.0), *stored);
            }
            Output::Forget { id } => {
                self.stored.remove(&id);
            }
            Output::StoreCall(call) => {
                self.calls.insert(call.call.clone(), *call);
            }
            Output::ForgetCall { call } => {
                self.calls.remove(&call);
            }
            Output::Call(fact) => self.call_facts.push(fact),
            Output::Event(event) => self.events.push(event),
        }
    }

    fn post(&mut self, packet: &Packet) {
        for delay in (self.fate)() {
            self.net.send(self.now.after(delay), packet.clone());
        }
    }

    fn deliver(&mut self, packet: Packet) {
        match packet {
            Packet::Up(from, payload) => self.input(Input::FromEndpoint {
                from,
                to: SERVICE,
                payload: &payload,
            }),
            Packet::In(from, to, payload) => self.input(Input::FromGatekeeper {
                from,
                to,
                payload: &payload,
            }),
            Packet::Down(to, payload) => self.at_endpoints.push((self.now, to, payload)),
            Packet::Out(from, to, payload) => {
                if !self.dead.contains(&to) {
                    let message = registrar::Input::Message {
                        from,
                        to,
                        payload: &payload,
                    };
                    self.gatekeeper_input(to, message);
                }
                self.at_gatekeepers.push((self.now, to, payload));
                self.sources.push(from);
            }
        }
    }

    /// A gatekeeper is given something; what it says to addresses that are not the proxy's comes to the proxy only where
    /// the kernel diverts.
    pub fn gatekeeper_input(&mut self, at: SocketAddr, input: registrar::Input<'_>) {
        let mut out = Vec::new();
        let Some(gatekeeper) = self.gatekeepers.get_mut(&at) else {
            return;
        };
        gatekeeper.handle(self.now, input, &mut out);
        for one in out {
            if let registrar::Output::Send { to, payload, .. } = one
                && (to == RAS || self.proxy.settings().source == Source::Endpoint)
            {
                self.post(&Packet::In(at, to, payload));
            }
        }
    }

    /// When something happens next.
    fn next(&self) -> Option<Time> {
        let living = self
            .gatekeepers
            .iter()
            .filter(|(at, _)| !self.dead.contains(at));
        let due = living.filter_map(|(_, gatekeeper)| gatekeeper.next_due());
        due.chain(self.net.next_due())
            .chain(self.proxy.next_due())
            .min()
    }

    /// Time passes.
    pub fn pass(&mut self, duration: Duration) {
        let until = self.now.after(duration);
        while let Some(at) = self.next().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            while let Some(packet) = self.net.take(self.now) {
                self.deliver(packet);
            }
            let due = |next: Option<Time>, now| next.is_some_and(|at| at <= now);
            for at in [ONE, TWO] {
                let next = self.gatekeepers.get(&at).and_then(Registrar::next_due);
                if due(next, self.now) && !self.dead.contains(&at) {
                    self.gatekeeper_input(at, registrar::Input::Due);
                }
            }
            if due(self.proxy.next_due(), self.now) {
                self.input(Input::Due);
            }
        }
        self.now = until;
    }

    pub fn next_seq(&mut self) -> u16 {
        self.seq = self.seq % 60_000 + 1;
        self.seq
    }

    /// An endpoint sends.
    pub fn send(&mut self, n: u32, message: &RasMessage) {
        self.send_octets(n, encode_ras(message).unwrap());
    }

    pub fn send_octets(&mut self, n: u32, octets: Vec<u8>) {
        self.post(&Packet::Up(ras(n), octets));
    }

    /// The gatekeeper sends.
    pub fn order(&mut self, from: SocketAddr, message: &RasMessage) {
        self.order_to(from, RAS, message);
    }

    /// The gatekeeper sends, to this address.
    pub fn order_to(&mut self, from: SocketAddr, to: SocketAddr, message: &RasMessage) {
        self.post(&Packet::In(from, to, encode_ras(message).unwrap()));
    }

    /// Registers an endpoint; its endpointIdentifier.
    pub fn register(&mut self, n: u32) -> String {
        let seq = self.next_seq();
        self.send(n, &full(seq, n).message().unwrap());
        self.pass(SECOND / 10);
        granted_identifier(&self.last(n))
    }

    pub fn keep_alive(&mut self, n: u32, eid: &str) {
        let seq = self.next_seq();
        self.send(n, &party(n).keep_alive(seq, eid).message().unwrap());
    }

    pub fn unregister(&mut self, n: u32, eid: &str) {
        let urq = party(n).urq(self.next_seq(), eid);
        self.send(n, &urq.message().unwrap());
    }

    /// A call to the alias of another endpoint; its requestSeqNum.
    pub fn call(&mut self, n: u32, eid: &str, to: u32) -> u16 {
        let seq = self.next_seq();
        self.send(n, &arq(seq, eid, n, to));
        seq
    }

    /// What an endpoint got last.
    pub fn last(&self, n: u32) -> RasMessage {
        let mut all = self.at_endpoints.iter().rev();
        let found = all.find(|(_, to, _)| *to == ras(n));
        decode_ras(&found.expect("nothing came").2).unwrap()
    }

    /// Kinds of what an endpoint got.
    pub fn kinds(&self, n: u32) -> Vec<&'static str> {
        let all = self.at_endpoints.iter().filter(|(_, to, _)| *to == ras(n));
        all.map(|(_, _, octets)| kind(octets)).collect()
    }

    /// Kinds of what a gatekeeper got.
    pub fn kinds_at(&self, gatekeeper: SocketAddr) -> Vec<&'static str> {
        let all = self
            .at_gatekeepers
            .iter()
            .filter(|(_, to, _)| *to == gatekeeper);
        all.map(|(_, _, octets)| kind(octets)).collect()
    }

    /// endpointIdentifier that a gatekeeper gave an endpoint.
    pub fn known_as(&self, gatekeeper: SocketAddr, n: u32) -> Vec<String> {
        let all = self.gatekeepers[&gatekeeper].views();
        all.filter(|view| view.aliases == [alias(n)])
            .map(|view| view.endpoint_identifier)
            .collect()
    }

    pub fn registered_at(&self, gatekeeper: SocketAddr) -> usize {
        self.gatekeepers[&gatekeeper].stats().registrations as usize
    }

    pub fn stats(&self) -> Stats {
        self.proxy.stats()
    }

    pub fn views(&self) -> Vec<View> {
        self.proxy.views()
    }

    pub fn forget(&mut self) {
        self.at_endpoints.clear();
        self.at_gatekeepers.clear();
        self.sources.clear();
        self.passed_on.clear();
        self.events.clear();
    }
}

/// Once an endpoint has its UCF, the kernel must not confirm a keep-alive of it that is still under way.
fn withdrawn_before_ucf(out: &[Output]) {
    let ucf = out.iter().position(|one| match one {
        Output::ToEndpoint { payload, .. } => {
            let message = decode_ras(payload);
            matches!(message, Ok(RasMessage::UnregistrationConfirm(_)))
        }
        _ => false,
    });
    let after = out.iter().skip(ucf.unwrap_or(out.len()));
    for one in after {
        assert!(!matches!(one, Output::Withdraw { .. }), "{out:?}");
    }
}
