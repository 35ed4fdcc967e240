//! A gatekeeper that routes call signalling and H.245, as GnuGk 5.15 does.
//!
//! | event | what it does |
//! |---|---|
//! | two endpoints with one callSignalAddress | the second registration replaces the first |
//! | ARQ | ACF gatekeeperRouted, or ARJ calledPartyNotRegistered |
//! | Setup after ARQ | Setup to the callSignalAddress of the called alias, with the same identifiers and call reference |
//! | Setup without ARQ | ReleaseComplete, cause 21 |
//! | Setup with the callIdentifier of a running call | cause 21, and that call ends |
//! | second Setup on a connection | ReleaseComplete newConnectionNeeded |
//! | message in a call | passed to the other leg, StatusInquiry, too |
//! | leg lost | ReleaseComplete to the other one |
//! | first message Facility or StatusInquiry | ReleaseComplete and FIN |
//! | no Setup within 8 s | FIN |
//! | operator's disconnect, URQ of a party | DRQ forcedDrop to both, FIN 5 s later |
//! | stop | DRQ forcedDrop to both, FIN, URQ maintenance to all endpoints |
//!
//! A killed one needs no model: its machine closes its connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::{
    AdmissionRequest, CallIdentifier, DisengageReason, DisengageRequest, RasMessage,
    UnregRequestReason,
};
use rasline_h225::{decode_ras, messages::Urq};

use super::reader::Reader;
use super::{Action, ConnectionId, Node, Stack};
use crate::admission::{self, Refusal};
use crate::gatekeeper::{Gatekeeper, Policy};
use crate::messages::{self, CALL_SIGNALLING, alias_text, bmp};

mod calls;
mod h245;

use calls::RoutedCall;

const RAS: u16 = 1719;
/// Its first port for H.245.
const FIRST_H245: u16 = 40_000;
/// A connection without a call is closed after this time.
const SETUP_TIMEOUT: Duration = Duration::from_secs(8);
/// An admission without Setup is forgotten after this time.
const SIGNAL_TIMEOUT: Duration = Duration::from_secs(30);
/// A call that the operator ends is closed this long after DRQ.
const DRQ_TIMEOUT: Duration = Duration::from_secs(5);
/// UNIX time at the beginning; nothing is signed.
const UNIX: u32 = 1_700_000_000;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// No message has come.
    New,
    /// Call signalling of a call, of the caller (0) or the called side (1).
    Signalling(u32, usize),
    /// H.245 of a call.
    H245(u32, usize),
}

#[derive(Clone, Debug)]
struct Line {
    role: Role,
    since: Duration,
    reader: Reader,
    /// What waits for the connection to be established; `None` afterwards.
    waiting: Option<Vec<Vec<u8>>>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct RoutedGatekeeper {
    host: std::net::IpAddr,
    registrar: Gatekeeper,
    /// Admitted calls without Setup: when, endpointIdentifier of the caller, called alias.
    admitted: BTreeMap<[u8; 16], (Duration, String, String)>,
    lines: BTreeMap<ConnectionId, Line>,
    calls: BTreeMap<u32, RoutedCall>,
    next_call: u32,
    next_connection: u32,
    next_h245: u16,
    actions: Vec<Action>,
}

impl RoutedGatekeeper {
    /// A gatekeeper on this host with this gatekeeperIdentifier.
    #[must_use]
    pub fn new(host: std::net::IpAddr, name: &str) -> Self {
        Self {
            host,
            registrar: Gatekeeper::new(Policy {
                name: name.to_owned(),
                compares_addresses: true,
                ..Policy::default()
            }),
            admitted: BTreeMap::new(),
            lines: BTreeMap::new(),
            calls: BTreeMap::new(),
            next_call: 1,
            next_connection: 1,
            next_h245: FIRST_H245,
            actions: Vec::new(),
        }
    }

    /// Its RAS address.
    #[must_use]
    pub const fn ras(&self) -> SocketAddr {
        SocketAddr::new(self.host, RAS)
    }

    /// Its only callSignalAddress.
    #[must_use]
    pub const fn signalling(&self) -> SocketAddr {
        SocketAddr::new(self.host, CALL_SIGNALLING)
    }

    /// The registrar within it.
    #[must_use]
    pub const fn registrar(&self) -> &Gatekeeper {
        &self.registrar
    }

    /// The registrar, to change its policy.
    pub const fn registrar_mut(&mut self) -> &mut Gatekeeper {
        &mut self.registrar
    }

    /// callIdentifiers of the running calls.
    #[must_use]
    pub fn calls(&self) -> Vec<[u8; 16]> {
        self.calls
            .values()
            .map(|call| call.ids.identifier)
            .collect()
    }

    /// Ends a call as its operator does: DRQ to both parties, FIN 5 s later.
    pub fn disconnect(&mut self, now: Duration, identifier: [u8; 16]) {
        let found = self
            .calls
            .iter()
            .find(|(_, call)| call.ids.identifier == identifier);
        if let Some((&id, _)) = found {
            self.force_drop(id);
            if let Some(call) = self.calls.get_mut(&id) {
                call.close_at = Some(now + DRQ_TIMEOUT);
            }
        }
    }

    /// Forgets an endpoint, as when its timeToLive is over; its calls end.
    pub fn unregister(&mut self, now: Duration, eid: &str) {
        if let Some((octets, to)) = self.registrar.unregister(eid, UNIX) {
            self.send_ras(to, octets);
        }
        self.end_calls_of(now, eid);
    }

    /// Stops as at SIGTERM: DRQ to all parties, FIN, URQ to all endpoints.
    ///
    /// # Panics
    /// When its gatekeeperIdentifier is too long.
    pub fn stop(&mut self) {
        let calls: Vec<u32> = self.calls.keys().copied().collect();
        for id in calls {
            self.force_drop(id);
            self.close_call(id);
        }
        let all: Vec<_> = self
            .registrar
            .registrations()
            .map(|(eid, one)| (eid.to_owned(), one.ras))
            .collect();
        for (eid, to) in all {
            let urq = Urq {
                seq: 1,
                endpoint_identifier: Some(eid),
                gatekeeper_identifier: Some(self.registrar.policy.name.clone()),
                reason: Some(UnregRequestReason::Maintenance),
                ..Urq::default()
            };
            let urq = urq.message().expect("a URQ");
            let (_, octets) = self.registrar.request(to, urq, UNIX);
            self.send_ras(to, octets);
        }
    }

    fn send_ras(&mut self, to: SocketAddr, octets: Vec<u8>) {
        let from = self.ras();
        self.actions.push(Action::Datagram { from, to, octets });
    }

    /// Sends DRQ forcedDrop to both parties that are registered.
    fn force_drop(&mut self, id: u32) {
        let Some(call) = self.calls.get(&id).cloned() else {
            return;
        };
        for (side, leg) in call.legs.iter().enumerate() {
            let mut drq = DisengageRequest::new(
                1,
                bmp(&leg.eid),
                call.ids.conference.to_vec().into(),
                call.reference,
                DisengageReason::ForcedDrop,
            );
            drq.call_identifier = Some(CallIdentifier::new(call.ids.identifier));
            drq.answered_call = Some(side == 1);
            let drq = RasMessage::DisengageRequest(drq);
            let (_, octets) = self.registrar.request(leg.ras, drq, UNIX);
            self.send_ras(leg.ras, octets);
        }
    }

    fn end_calls_of(&mut self, now: Duration, eid: &str) {
        let of = |call: &RoutedCall| call.legs.iter().any(|leg| leg.eid == eid);
        let ended = self.calls.values().filter(|call| of(call));
        let ended: Vec<_> = ended.map(|call| call.ids.identifier).collect();
        for identifier in ended {
            self.disconnect(now, identifier);
        }
    }

    /// Admits a call between registered endpoints.
    fn admit(&mut self, now: Duration, from: SocketAddr, arq: &AdmissionRequest) {
        let seq = arq.request_seq_num;
        let eid = messages::text(&arq.endpoint_identifier);
        let called = arq.destination_info.iter().flatten().find_map(alias_text);
        let is_called_here = called
            .as_deref()
            .is_some_and(|one| self.registrar.find_alias(one).is_some());
        let reply = if self.registrar.registration(&eid).is_none() {
            admission::arj(seq, Refusal::InvalidEndpointIdentifier)
        } else if !arq.answer_call && !is_called_here {
            admission::arj(seq, Refusal::CalledPartyNotRegistered)
        } else {
            let identifier = arq.call_identifier.as_ref();
            let identifier = identifier.and_then(|one| one.guid[..].try_into().ok());
            if let (false, Some(identifier), Some(called)) = (arq.answer_call, identifier, called) {
                self.admitted.insert(identifier, (now, eid, called));
            }
            admission::acf(seq, self.signalling())
        };
        self.send_ras(from, reply);
    }

    fn new_line(
        &mut self,
        since: Duration,
        role: Role,
        waiting: Option<Vec<Vec<u8>>>,
    ) -> ConnectionId {
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let line = Line {
            role,
            since,
            reader: Reader::new(Stack::H323plus),
            waiting,
        };
        self.lines.insert(connection, line);
        connection
    }

    /// Connects to an endpoint, and sends this when the connection is established.
    fn connect(
        &mut self,
        now: Duration,
        role: Role,
        to: SocketAddr,
        first: Vec<Vec<u8>>,
    ) -> ConnectionId {
        let connection = self.new_line(now, role, Some(first));
        let from = self.host;
        self.actions.push(Action::Connect {
            connection,
            from,
            to,
        });
        connection
    }

    /// Sends a TPKT, at once or when the connection is established.
    fn send(&mut self, connection: ConnectionId, octets: Vec<u8>) {
        match self.lines.get_mut(&connection) {
            Some(Line {
                waiting: Some(waiting),
                ..
            }) => waiting.push(octets),
            Some(_) => self.actions.push(Action::Send { connection, octets }),
            None => {}
        }
    }

    fn close(&mut self, connection: ConnectionId) {
        if self.lines.remove(&connection).is_some() {
            self.actions.push(Action::Close(connection));
        }
    }
}

impl Node for RoutedGatekeeper {
    fn udp_addresses(&self) -> Vec<SocketAddr> {
        vec![self.ras()]
    }

    fn start(&mut self, _: Duration) {
        self.actions.push(Action::Listen(self.signalling()));
    }

    fn datagram(&mut self, now: Duration, at: SocketAddr, from: SocketAddr, octets: &[u8]) {
        let Ok(message) = decode_ras(octets) else {
            return;
        };
        if let RasMessage::AdmissionRequest(arq) = &message {
            self.admit(now, from, arq);
            return;
        }
        let handled = self.registrar.handle(at, from, octets, UNIX);
        let Some((received, reply)) = handled else {
            return;
        };
        if let Some(reply) = reply {
            self.send_ras(from, reply);
        }
        if let (RasMessage::UnregistrationRequest(_), Some(eid)) = (message, received.eid) {
            self.end_calls_of(now, &eid);
        }
    }

    fn accepted(&mut self, now: Duration, at: SocketAddr, _: SocketAddr) -> ConnectionId {
        let role = self.h245_role(at).unwrap_or(Role::New);
        let connection = self.new_line(now, role, None);
        if let Role::H245(id, side) = role {
            self.join_h245(now, id, side, connection);
        }
        connection
    }

    fn connected(&mut self, _: Duration, connection: ConnectionId) {
        let line = self.lines.get_mut(&connection);
        let waiting = line.and_then(|line| line.waiting.take());
        for octets in waiting.into_iter().flatten() {
            self.actions.push(Action::Send { connection, octets });
        }
    }

    fn received(&mut self, now: Duration, connection: ConnectionId, octets: &[u8]) {
        let Some(line) = self.lines.get_mut(&connection) else {
            return;
        };
        let (messages, wrong) = line.reader.take(octets);
        for message in messages {
            self.handle_message(now, connection, &message);
        }
        if wrong.is_some() {
            self.lose(connection);
            self.close(connection);
        }
    }

    fn closed(&mut self, _: Duration, connection: ConnectionId) {
        self.lose(connection);
        self.close(connection);
    }

    fn next_due(&self) -> Option<Duration> {
        let new = self.lines.values().filter(|line| line.role == Role::New);
        let new = new.map(|line| line.since + SETUP_TIMEOUT);
        let closing = self.calls.values().filter_map(|call| call.close_at);
        let admitted = self.admitted.values().map(|(at, ..)| *at + SIGNAL_TIMEOUT);
        new.chain(closing).chain(admitted).min()
    }

    fn due(&mut self, now: Duration) {
        self.admitted
            .retain(|_, (at, ..)| *at + SIGNAL_TIMEOUT > now);
        let idle = self
            .lines
            .iter()
            .filter(|(_, line)| line.role == Role::New && line.since + SETUP_TIMEOUT <= now);
        let idle: Vec<_> = idle.map(|(connection, _)| *connection).collect();
        for connection in idle {
            self.close(connection);
        }
        let over = self
            .calls
            .iter()
            .filter(|(_, call)| call.close_at.is_some_and(|at| at <= now));
        let over: Vec<u32> = over.map(|(id, _)| *id).collect();
        for id in over {
            self.close_call(id);
        }
    }

    fn take(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }
}
