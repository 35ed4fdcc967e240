//! A peer that sends what it is given on one connection.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::q931::{Message, Stream};
use rasline_h225::types::{CallIdentifier, H323UuPduH323MessageBody as Body};
use rasline_h225::uuie::{decode_uuie, encode_uuie};
use rasline_testkit_model::call::{Action, ConnectionId, Node};
use rasline_testkit_model::clients::wire::frame;

use crate::site::{SOON, Site, host};

/// A Setup for the call of this callIdentifier, in a TPKT.
pub fn setup(identifier: [u8; 16]) -> Vec<u8> {
    let octets = &frame("signalling/routed-tunnelled", 22).octets;
    let mut message = Message::parse(&octets[4..]).unwrap();
    let mut information = decode_uuie(message.user_user().unwrap()).unwrap();
    if let Body::Setup(body) = &mut information.h323_uu_pdu.h323_message_body {
        body.call_identifier = Some(CallIdentifier::new(identifier));
    }
    message.set_user_user(&encode_uuie(&information).unwrap());
    message.to_tpkt().unwrap()
}

pub struct Peer {
    sends: Vec<Vec<u8>>,
    stream: Stream,
    received: Vec<Vec<u8>>,
    closed: bool,
    actions: Vec<Action>,
}

const CONNECTION: ConnectionId = ConnectionId(1);

impl Peer {
    /// Connects to the gatekeeper and sends these; its place.
    pub fn add(site: &mut Site, sends: Vec<Vec<u8>>) -> usize {
        let peer = site.network.add(Self {
            sends,
            stream: Stream::default(),
            received: Vec::new(),
            closed: false,
            actions: Vec::new(),
        });
        site.network.pass(SOON);
        peer
    }

    /// What it received, and whether its connection was closed.
    pub fn see(site: &Site, peer: usize) -> (Vec<Vec<u8>>, bool) {
        let peer: &Self = site.network.get(peer);
        (peer.received.clone(), peer.closed)
    }
}

impl Node for Peer {
    fn udp_addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }

    fn start(&mut self, _: Duration) {
        self.actions.push(Action::Connect {
            connection: CONNECTION,
            from: host(50),
            to: SocketAddr::new(host(100), 1720),
        });
    }

    fn datagram(&mut self, _: Duration, _: SocketAddr, _: SocketAddr, _: &[u8]) {}

    fn accepted(&mut self, _: Duration, _: SocketAddr, _: SocketAddr) -> ConnectionId {
        unreachable!("it does not listen")
    }

    fn connected(&mut self, _: Duration, connection: ConnectionId) {
        let sends = self.sends.drain(..);
        self.actions
            .extend(sends.map(|octets| Action::Send { connection, octets }));
    }

    fn received(&mut self, _: Duration, _: ConnectionId, octets: &[u8]) {
        let received = &mut self.received;
        self.stream
            .take(octets, |message| received.push(message.to_vec()))
            .unwrap();
    }

    fn closed(&mut self, _: Duration, _: ConnectionId) {
        self.closed = true;
    }

    fn next_due(&self) -> Option<Duration> {
        None
    }

    fn due(&mut self, _: Duration) {}

    fn take(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }
}
