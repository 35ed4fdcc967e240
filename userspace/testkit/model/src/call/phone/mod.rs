//! A phone: registers, calls and is called, one call at a time.
//!
//! ```text
//!  idle --call: ARQ, ACF--> calling: Setup --Alerting--> ringing --Connect--> up
//!  idle --Setup: CallProceeding, ARQ, ACF--> ringing: Alerting --answer: Connect--> up
//!  ReleaseComplete, DRQ of the gatekeeper, a broken connection (after 100 ms): idle, with DRQ
//! ```
//! H.245 is tunnelled, or has a connection of its own, to which the caller connects. With fast connect only ooh323c
//! begins H.245, and only where it is tunnelled. With ooh323c a connection that
//! [`Reader`] gives up ends the call (cause 111).
//!
//! Invariants: all received messages are in [`Phone::received`], in order; what does not fit the call is in
//! [`Phone::violations`] and has no other effect.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rasline_h225::q931::{self, cause};

use super::control::Control;
use super::media::Reception;
use super::messages::{CallIds, Carried, Stack};
use super::reader::Reader;
use super::{Action, ConnectionId, Node};
use crate::clients::{Call, CallState, Client, Terminal, TerminalSettings};
use crate::messages::CALL_SIGNALLING;

mod leg;
mod signalling;
mod state;

use leg::Leg;
pub use state::{Direction, Ended, Received, State, Via};

const RAS: u16 = 1719;
const H245: u16 = 12_030;
const MEDIA: u16 = 5000;
/// A call ends this long after one of its connections broke.
const BROKEN_FOR: Duration = Duration::from_millis(100);

/// Identity and habits of a phone.
#[derive(Clone, Debug)]
pub struct PhoneSettings {
    /// Whose behaviour it has.
    pub stack: Stack,
    /// Its IPv4 address.
    pub host: IpAddr,
    /// Alias that it registers.
    pub alias: String,
    /// RAS address of its gatekeeper.
    pub gatekeeper: SocketAddr,
    /// Whether it tunnels H.245 if the other side does, too.
    pub tunnels: bool,
    /// Whether it proposes and takes fast connect.
    pub fast_start: bool,
    /// How long it rings before it answers; `None`: until [`Phone::answer`].
    pub answers_after: Option<Duration>,
    /// statusDeterminationNumber, different for each phone.
    pub number: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Phone {
    settings: PhoneSettings,
    terminal: Terminal,
    leg: Option<Leg>,
    readers: BTreeMap<ConnectionId, Reader>,
    next_connection: u32,
    actions: Vec<Action>,
    received: Vec<Received>,
    ended: Vec<Ended>,
    violations: Vec<String>,
    reception: Reception,
    sent_packets: u32,
}

impl Phone {
    /// A phone that is not started yet.
    #[must_use]
    pub fn new(settings: PhoneSettings) -> Self {
        let terminal = Terminal::new(TerminalSettings {
            ras: SocketAddr::new(settings.host, RAS),
            call_signal: SocketAddr::new(settings.host, CALL_SIGNALLING),
            aliases: vec![settings.alias.clone()],
            gatekeeper: settings.gatekeeper,
            first_seq: 1,
            credentials: None,
            unix: 1_700_000_000,
        });
        Self {
            settings,
            terminal,
            leg: None,
            readers: BTreeMap::new(),
            next_connection: 1,
            actions: Vec::new(),
            received: Vec::new(),
            ended: Vec::new(),
            violations: Vec::new(),
            reception: Reception::default(),
            sent_packets: 0,
        }
    }

    /// Calls an alias. Returns whether it can: it is registered and has no call.
    pub fn call(&mut self, now: Duration, alias: &str) -> bool {
        if self.leg.is_some() {
            return false;
        }
        let Some(admission) = self.terminal.call(now, alias) else {
            return false;
        };
        let call = self.terminal.calls()[admission].clone();
        self.begin(Leg::outgoing(&self.settings, &call, admission));
        true
    }

    /// Answers a call that rings.
    pub fn answer(&mut self, now: Duration) {
        if let Some(leg) = &mut self.leg
            && leg.direction == Direction::Incoming
            && leg.state == State::Ringing
        {
            leg.answer_at = Some(now);
            self.due(now);
        }
    }

    /// Hangs up: ReleaseComplete and DRQ.
    pub fn hang_up(&mut self, now: Duration) {
        self.release(now, cause::NORMAL_CALL_CLEARING, Ended::Here);
    }

    /// Sends digits by userInput.
    pub fn press(&mut self, digits: &str) {
        self.send_h245(vec![Control::user_input(digits)]);
    }

    /// Holds the other side, or resumes: a TCS without capabilities, or a full one.
    pub fn hold(&mut self, on: bool) {
        let message = self.leg.as_mut().map(|leg| leg.control.set_capable(!on));
        self.send_h245(message.into_iter().collect());
    }

    /// Unregisters by URQ.
    pub fn leave(&mut self, now: Duration) {
        self.terminal.leave(now);
    }

    /// State of its call.
    #[must_use]
    pub fn state(&self) -> State {
        self.leg.as_ref().map_or(State::Idle, |leg| leg.state)
    }

    /// Whether it is registered, as far as it knows.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.terminal.registered()
    }

    /// RAS side of the phone.
    #[must_use]
    pub const fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    /// Identifiers of its call.
    #[must_use]
    pub fn ids(&self) -> Option<CallIds> {
        self.leg.as_ref().map(|leg| leg.maker.ids)
    }

    /// The call-signalling connection of its call.
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionId> {
        self.leg.as_ref()?.signalling
    }

    /// The H.245 connection of its call.
    #[must_use]
    pub fn h245_connection(&self) -> Option<ConnectionId> {
        self.leg.as_ref()?.h245
    }

    /// The H.245 session of its call.
    #[must_use]
    pub fn control(&self) -> Option<&Control> {
        self.leg.as_ref().map(|leg| &leg.control)
    }

    /// All received messages of calls.
    #[must_use]
    pub fn received(&self) -> &[Received] {
        &self.received
    }

    /// How its calls ended.
    #[must_use]
    pub fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// What was wrong with received messages.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// RTP received in the last call.
    #[must_use]
    pub const fn reception(&self) -> &Reception {
        &self.reception
    }

    /// Number of RTP packets sent in the last call.
    #[must_use]
    pub const fn sent_packets(&self) -> u32 {
        self.sent_packets
    }

    fn begin(&mut self, leg: Leg) {
        self.leg = Some(leg);
        self.reception = Reception::default();
        self.sent_packets = 0;
    }

    fn new_connection(&mut self) -> ConnectionId {
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let reader = Reader::new(self.settings.stack);
        self.readers.insert(connection, reader);
        connection
    }

    fn connect(&mut self, to: SocketAddr) -> ConnectionId {
        let connection = self.new_connection();
        let from = self.settings.host;
        self.actions.push(Action::Connect {
            connection,
            from,
            to,
        });
        connection
    }

    fn send(&mut self, connection: ConnectionId, octets: Vec<u8>) {
        self.actions.push(Action::Send { connection, octets });
    }

    fn close(&mut self, connection: ConnectionId) {
        if self.readers.remove(&connection).is_some() {
            self.actions.push(Action::Close(connection));
        }
    }

    /// Sends H.245 messages of its call, in the tunnel or on the connection of their own.
    fn send_h245(&mut self, messages: Vec<Vec<u8>>) {
        let Some(leg) = self.leg.as_ref().filter(|_| !messages.is_empty()) else {
            return;
        };
        match (leg.h245, leg.signalling) {
            (Some(connection), _) => {
                for message in messages {
                    let octets = q931::to_tpkt(&message).expect("a short message");
                    self.send(connection, octets);
                }
            }
            (None, Some(connection)) if leg.tunnels => {
                let octets = leg.maker.facility(messages);
                self.send(connection, octets);
            }
            _ => {}
        }
    }

    /// Ends its call with a `ReleaseComplete`.
    fn release(&mut self, now: Duration, cause: u8, ended: Ended) {
        let Some(leg) = &self.leg else {
            return;
        };
        let mut carried = Carried {
            tunnels: leg.tunnels,
            ..Carried::default()
        };
        let (h245, signalling) = (leg.h245, leg.signalling.filter(|_| leg.is_established));
        if h245.is_some() {
            self.send_h245(vec![Control::end()]);
        } else if leg.tunnels && self.settings.stack == Stack::H323plus {
            carried.messages.push(Control::end());
        }
        if let (Some(leg), Some(connection)) = (&self.leg, signalling) {
            let octets = leg.maker.release_complete(cause, &carried);
            self.send(connection, octets);
        }
        self.end(now, ended);
    }

    /// Ends its call: closes its connections, and says so to the gatekeeper.
    fn end(&mut self, now: Duration, ended: Ended) {
        let Some(leg) = self.leg.take() else {
            return;
        };
        for connection in [leg.h245, leg.signalling].into_iter().flatten() {
            self.close(connection);
        }
        if let Some(admission) = leg.admission
            && matches!(
                self.terminal.calls()[admission].state,
                CallState::Admitted { .. }
            )
        {
            self.terminal.hang_up(now, admission);
        }
        self.ended.push(ended);
    }

    /// Follows what the gatekeeper decided about the call.
    fn follow_admission(&mut self, now: Duration) {
        let Some(leg) = &mut self.leg else {
            return;
        };
        let Some(admission) = leg.admission else {
            return;
        };
        let state = self.terminal.calls()[admission].state.clone();
        match state {
            CallState::Admitted { to: Some(to) } if leg.is_admitted(to) => match leg.direction {
                Direction::Outgoing => {
                    let connection = self.connect(to);
                    if let Some(leg) = &mut self.leg {
                        leg.signalling = Some(connection);
                    }
                }
                Direction::Incoming => self.ring(now),
            },
            CallState::Refused(_) => self.release(now, cause::CALL_REJECTED, Ended::Refused),
            CallState::Over => {
                self.release(now, cause::NORMAL_CALL_CLEARING, Ended::ByGatekeeper);
            }
            _ => {}
        }
    }

    fn send_media(&mut self, now: Duration) {
        let from = SocketAddr::new(self.settings.host, MEDIA);
        let Some((octets, to)) = self.leg.as_mut().and_then(|leg| leg.packet(now)) else {
            return;
        };
        self.sent_packets += 1;
        self.actions.push(Action::Datagram { from, to, octets });
    }
}

impl Node for Phone {
    fn udp_addresses(&self) -> Vec<SocketAddr> {
        [RAS, MEDIA]
            .map(|port| SocketAddr::new(self.settings.host, port))
            .into()
    }

    fn start(&mut self, now: Duration) {
        for port in [CALL_SIGNALLING, H245] {
            let at = SocketAddr::new(self.settings.host, port);
            self.actions.push(Action::Listen(at));
        }
        self.terminal.start(now);
    }

    fn datagram(&mut self, now: Duration, at: SocketAddr, from: SocketAddr, octets: &[u8]) {
        if at.port() == RAS {
            self.terminal.receive(now, from, octets);
            self.follow_admission(now);
        } else {
            self.reception.take(octets);
        }
    }

    fn accepted(&mut self, _: Duration, at: SocketAddr, _: SocketAddr) -> ConnectionId {
        let connection = self.new_connection();
        if at.port() == H245
            && let Some(leg) = &mut self.leg
        {
            leg.h245 = Some(connection);
            let messages = leg.control.start();
            self.send_h245(messages);
        }
        connection
    }

    fn connected(&mut self, _: Duration, connection: ConnectionId) {
        let Some(leg) = &mut self.leg else {
            return;
        };
        if leg.signalling == Some(connection) {
            leg.is_established = true;
            let eid = self.terminal.endpoint_identifier().unwrap_or_default();
            let setup = leg.setup(&self.settings, eid);
            self.send(connection, setup);
        } else if leg.h245 == Some(connection) {
            let messages = leg.control.start();
            self.send_h245(messages);
        }
    }

    fn received(&mut self, now: Duration, connection: ConnectionId, octets: &[u8]) {
        let Some(reader) = self.readers.get_mut(&connection) else {
            return;
        };
        let (messages, wrong) = reader.take(octets);
        for message in messages {
            self.handle_message(now, connection, &message);
        }
        if let Some(wrong) = wrong {
            self.violations.push(wrong.to_owned());
            if self.leg.as_ref().is_some_and(|leg| leg.has(connection)) {
                self.release(now, cause::PROTOCOL_ERROR, Ended::Broken);
            } else {
                self.close(connection);
            }
        }
    }

    fn closed(&mut self, now: Duration, connection: ConnectionId) {
        self.close(connection);
        let Some(leg) = self.leg.as_mut().filter(|leg| leg.has(connection)) else {
            return;
        };
        leg.lose(connection);
        leg.broken_at = Some(now + BROKEN_FOR);
    }

    fn next_due(&self) -> Option<Duration> {
        let leg = self.leg.as_ref().and_then(Leg::next_due);
        leg.into_iter().chain(self.terminal.next_due()).min()
    }

    fn due(&mut self, now: Duration) {
        if self.terminal.next_due().is_some_and(|due| due <= now) {
            self.terminal.due(now);
            self.follow_admission(now);
        }
        let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        if self.leg.as_ref().is_some_and(|leg| is_due(leg.broken_at)) {
            self.release(now, cause::TEMPORARY_FAILURE, Ended::Broken);
        }
        if self.leg.as_ref().is_some_and(|leg| is_due(leg.answer_at)) {
            self.pick_up();
        }
        self.send_media(now);
    }

    fn take(&mut self) -> Vec<Action> {
        let from = SocketAddr::new(self.settings.host, RAS);
        let datagrams = self.terminal.take().into_iter();
        let datagrams = datagrams.map(|one| Action::Datagram {
            from,
            to: one.to,
            octets: one.octets,
        });
        let mut actions = std::mem::take(&mut self.actions);
        actions.extend(datagrams);
        actions
    }
}

/// The call as the RAS side has it, for the called side.
fn incoming(ids: CallIds, reference: u16, from: Option<SocketAddr>) -> Call {
    Call {
        conference: ids.conference,
        identifier: ids.identifier,
        reference,
        other: String::new(),
        from,
        answered: true,
        state: CallState::Asked,
    }
}
