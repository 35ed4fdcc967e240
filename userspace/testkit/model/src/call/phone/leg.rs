//! A phone's call.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::q931::CallReference;
use rasline_h225::types::{List, OctetString};

use super::{Direction, MEDIA, PhoneSettings, State};
use crate::call::ConnectionId;
use crate::call::control::Control;
use crate::call::fast;
use crate::call::media::{SPACING, Sender};
use crate::call::messages::{CallIds, Carried, Maker, Parties};
use crate::clients::Call;
use crate::messages::CALL_SIGNALLING;

/// See the module.
#[derive(Clone, Debug)]
pub struct Leg {
    pub direction: Direction,
    pub state: State,
    pub maker: Maker,
    /// Its admission in the RAS side.
    pub admission: Option<usize>,
    /// destCallSignalAddress in the ACF.
    destination: Option<SocketAddr>,
    /// Alias of the other side.
    pub other: String,
    pub signalling: Option<ConnectionId>,
    /// Whether the call-signalling connection is established.
    pub is_established: bool,
    pub h245: Option<ConnectionId>,
    /// Whether H.245 is tunnelled, as far as is known.
    pub tunnels: bool,
    pub control: Control,
    /// fastStart of its Connect.
    pub fast_answer: Option<List<OctetString>>,
    /// When it picks up.
    pub answer_at: Option<Duration>,
    /// When it ends because a connection broke.
    pub broken_at: Option<Duration>,
    next_packet: Option<Duration>,
    sender: Sender,
}

impl Leg {
    fn new(
        settings: &PhoneSettings,
        direction: Direction,
        ids: CallIds,
        reference: CallReference,
    ) -> Self {
        let media = SocketAddr::new(settings.host, MEDIA);
        let state = match direction {
            Direction::Outgoing => State::Calling,
            Direction::Incoming => State::Ringing,
        };
        Self {
            direction,
            state,
            maker: Maker {
                stack: settings.stack,
                ids,
                reference,
            },
            admission: None,
            destination: None,
            other: String::new(),
            signalling: None,
            is_established: false,
            h245: None,
            tunnels: settings.tunnels,
            control: Control::new(settings.stack, media, settings.number),
            fast_answer: None,
            answer_at: None,
            broken_at: None,
            next_packet: None,
            sender: Sender::default(),
        }
    }

    /// The caller's leg.
    pub fn outgoing(settings: &PhoneSettings, call: &Call, admission: usize) -> Self {
        let ids = CallIds {
            identifier: call.identifier,
            conference: call.conference,
        };
        let reference = CallReference {
            value: call.reference,
            to_originator: false,
        };
        Self {
            admission: Some(admission),
            other: call.other.clone(),
            ..Self::new(settings, Direction::Outgoing, ids, reference)
        }
    }

    /// The called side's leg.
    pub fn incoming(
        settings: &PhoneSettings,
        ids: CallIds,
        reference: CallReference,
        connection: ConnectionId,
    ) -> Self {
        Self {
            signalling: Some(connection),
            is_established: true,
            ..Self::new(settings, Direction::Incoming, ids, reference.reversed())
        }
    }

    /// Notes the address in the ACF. Returns whether it is news.
    pub fn is_admitted(&mut self, to: SocketAddr) -> bool {
        self.destination.replace(to).is_none()
    }

    /// Call reference of messages that it receives.
    pub const fn expected(&self) -> CallReference {
        self.maker.reference.reversed()
    }

    /// Whether this connection is one of its own.
    pub fn has(&self, connection: ConnectionId) -> bool {
        [self.signalling, self.h245].contains(&Some(connection))
    }

    /// Forgets a connection.
    pub fn lose(&mut self, connection: ConnectionId) {
        if self.signalling == Some(connection) {
            self.signalling = None;
        } else {
            self.h245 = None;
        }
    }

    /// Makes its Setup.
    pub fn setup(&self, settings: &PhoneSettings, eid: &str) -> Vec<u8> {
        let source = SocketAddr::new(settings.host, CALL_SIGNALLING);
        let parties = Parties {
            caller: &settings.alias,
            source,
            called: &self.other,
            destination: self.destination.unwrap_or(source),
            eid,
        };
        let media = SocketAddr::new(settings.host, MEDIA);
        let carried = Carried {
            tunnels: self.tunnels,
            fast_start: settings
                .fast_start
                .then(|| fast::proposals(settings.stack, media)),
            ..Carried::default()
        };
        self.maker.setup(parties, &carried)
    }

    /// Takes the channels that a Setup proposes.
    pub fn take_proposals(&mut self, settings: &PhoneSettings, proposed: &[OctetString]) {
        let media = SocketAddr::new(settings.host, MEDIA);
        if let Some(peer) = fast::media_address(proposed) {
            self.fast_answer = fast::answer(settings.stack, proposed, media);
            self.control.open_fast(peer);
        }
    }

    /// The next RTP packet and its destination, if it is time.
    pub fn packet(&mut self, now: Duration) -> Option<(Vec<u8>, SocketAddr)> {
        let to = self
            .control
            .peer_media()
            .filter(|_| self.state == State::Up);
        let Some(to) = to else {
            self.next_packet = None;
            return None;
        };
        let due = *self.next_packet.get_or_insert(now);
        if due > now {
            return None;
        }
        self.next_packet = Some(due + SPACING);
        Some((self.sender.packet(), to))
    }

    /// When something of it is due.
    pub fn next_due(&self) -> Option<Duration> {
        let sends = self.state == State::Up && self.control.peer_media().is_some();
        let packet = sends.then(|| self.next_packet.unwrap_or_default());
        [packet, self.answer_at, self.broken_at]
            .into_iter()
            .flatten()
            .min()
    }
}
