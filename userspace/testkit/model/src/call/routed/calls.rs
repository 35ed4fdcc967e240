//! Call signalling through the gatekeeper.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::q931::{self, CallReference, Message, cause};
use rasline_h225::types::{ReleaseCompleteReason as Reason, UserInformation};
use rasline_h225::uuie::build::release_complete;
use rasline_h225::uuie::{AddressField, patch_addresses};

use super::{Role, RoutedGatekeeper};
use crate::call::ConnectionId;
use crate::call::messages::{CallIds, Parsed};

/// A call and its legs: of the caller, and of the called side.
#[derive(Clone, Debug)]
pub(super) struct RoutedCall {
    pub ids: CallIds,
    /// Call reference value, the same on both legs.
    pub reference: u16,
    pub legs: [Leg; 2],
    /// When it is closed.
    pub close_at: Option<Duration>,
}

/// One side of a call.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub signalling: Option<ConnectionId>,
    pub eid: String,
    pub ras: SocketAddr,
    pub h245: Option<ConnectionId>,
    /// Where this side connects to for H.245, and where the other side listens.
    pub h245_addresses: Option<(SocketAddr, SocketAddr)>,
}

impl Leg {
    fn new(eid: String, ras: SocketAddr) -> Self {
        Self {
            signalling: None,
            eid,
            ras,
            h245: None,
            h245_addresses: None,
        }
    }
}

impl RoutedGatekeeper {
    /// Handles a message of any connection.
    pub(super) fn handle_message(
        &mut self,
        now: Duration,
        connection: ConnectionId,
        octets: &[u8],
    ) {
        let Some(line) = self.lines.get(&connection) else {
            return;
        };
        let role = line.role;
        if let Role::H245(id, side) = role {
            self.relay_h245(id, side, octets);
            return;
        }
        let Some(parsed) = Parsed::parse(octets) else {
            self.lose(connection);
            self.close(connection);
            return;
        };
        match (role, parsed.message.message_type) {
            (Role::New, q931::SETUP) => self.handle_setup(now, connection, &parsed),
            (Role::New, q931::FACILITY | q931::STATUS_ENQUIRY) => {
                let reference = CallReference::GLOBAL;
                let message = release_complete(
                    reference,
                    None,
                    cause::NORMAL_UNSPECIFIED,
                    Some(Reason::UndefinedReason),
                );
                self.send_message(connection, &message);
                self.close(connection);
            }
            (Role::Signalling(..), q931::SETUP) => {
                self.refuse(
                    connection,
                    &parsed,
                    cause::RESOURCE_UNAVAILABLE,
                    Reason::NewConnectionNeeded,
                );
            }
            (Role::Signalling(id, side), kind) => {
                self.relay(id, side, parsed);
                if kind == q931::RELEASE_COMPLETE {
                    self.close_call(id);
                }
            }
            _ => {}
        }
    }

    /// Answers a Setup with `ReleaseComplete`.
    fn refuse(&mut self, connection: ConnectionId, setup: &Parsed, cause: u8, reason: Reason) {
        let reference = setup.message.reference.reversed();
        let identifier = setup.ids().map(|ids| ids.identifier);
        let message = release_complete(reference, identifier, cause, Some(reason));
        self.send_message(connection, &message);
    }

    fn send_message(&mut self, connection: ConnectionId, message: &Message) {
        let octets = message.to_tpkt().expect("a message that fits a TPKT");
        self.send(connection, octets);
    }

    /// Routes a call that was admitted.
    fn handle_setup(&mut self, now: Duration, connection: ConnectionId, parsed: &Parsed) {
        let ids = parsed.ids();
        let running = self
            .calls
            .iter()
            .find(|(_, call)| ids.is_some_and(|ids| ids.identifier == call.ids.identifier));
        let running = running.map(|(id, _)| *id);
        let admitted = ids.and_then(|ids| Some((ids, self.admitted.remove(&ids.identifier)?)));
        let parties = admitted.and_then(|(ids, (_, caller, called))| {
            let ras = self.registrar.registration(&caller)?.ras;
            let (eid, one) = self.registrar.find_alias(&called)?;
            let called = Leg::new(eid.to_owned(), one.ras);
            Some((
                ids,
                [Leg::new(caller, ras), called],
                *one.signalling.first()?,
            ))
        });
        let Some((ids, mut legs, to)) = parties.filter(|_| running.is_none()) else {
            self.refuse(
                connection,
                parsed,
                cause::CALL_REJECTED,
                Reason::UndefinedReason,
            );
            self.close(connection);
            if let Some(id) = running {
                self.tear_down(id);
            }
            return;
        };
        let id = self.next_call;
        self.next_call += 1;
        if let Some(line) = self.lines.get_mut(&connection) {
            line.role = Role::Signalling(id, 0);
        }
        let changes = [
            (AddressField::SourceCallSignal, self.signalling()),
            (AddressField::DestinationCallSignal, to),
        ];
        let setup = patched(&parsed.message, &changes);
        let octets = setup.to_tpkt().expect("a Setup that fits a TPKT");
        legs[0].signalling = Some(connection);
        legs[1].signalling = Some(self.connect(now, Role::Signalling(id, 1), to, vec![octets]));
        let call = RoutedCall {
            ids,
            reference: parsed.message.reference.value,
            legs,
            close_at: None,
        };
        self.calls.insert(id, call);
    }

    /// Passes a message to the other leg. An h245Address in it becomes one of the gatekeeper.
    fn relay(&mut self, id: u32, from: usize, parsed: Parsed) {
        let other = 1 - from;
        let theirs = parsed
            .information
            .as_ref()
            .and_then(UserInformation::h245_address);
        let ours = theirs.and_then(|theirs| self.listen_for_h245(id, other, theirs));
        let mut message = parsed.message;
        if let Some(ours) = ours {
            message = patched(&message, &[(AddressField::H245, ours)]);
        }
        let to = self
            .calls
            .get(&id)
            .and_then(|call| call.legs[other].signalling);
        if let Some(to) = to {
            self.send_message(to, &message);
        }
    }

    /// A connection is lost: a leg of a call ends the call.
    pub(super) fn lose(&mut self, connection: ConnectionId) {
        let role = self.lines.get(&connection).map(|line| line.role);
        match role {
            Some(Role::Signalling(id, side)) => {
                self.release(id, 1 - side);
                self.close_call(id);
            }
            Some(Role::H245(id, side)) => self.close_h245(id, side),
            _ => {}
        }
    }

    /// Ends a running call whose Setup came a second time: FIN to the caller, `ReleaseComplete` to the called side.
    fn tear_down(&mut self, id: u32) {
        self.release(id, 1);
        self.close_call(id);
    }

    /// Sends `ReleaseComplete` to one side of a call.
    fn release(&mut self, id: u32, side: usize) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let reference = CallReference {
            value: call.reference,
            to_originator: side == 0,
        };
        let identifier = Some(call.ids.identifier);
        let message = release_complete(
            reference,
            identifier,
            cause::NORMAL_UNSPECIFIED,
            Some(Reason::UndefinedReason),
        );
        if let Some(connection) = call.legs[side].signalling {
            self.send_message(connection, &message);
        }
    }

    /// Closes all connections of a call and forgets it.
    pub(super) fn close_call(&mut self, id: u32) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        for leg in call.legs {
            for connection in [leg.h245, leg.signalling].into_iter().flatten() {
                self.close(connection);
            }
        }
    }
}

/// The message with other addresses; unchanged where it has none.
fn patched(message: &Message, changes: &[(AddressField, SocketAddr)]) -> Message {
    let mut result = message.clone();
    for change in changes {
        let per = result
            .user_user()
            .map(|per| patch_addresses(per, &[*change]));
        if let Some(Ok(per)) = per {
            result.set_user_user(&per);
        }
    }
    result
}
