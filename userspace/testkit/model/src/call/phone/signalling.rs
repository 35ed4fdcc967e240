//! What a phone does at messages of call signalling and H.245.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::q931::{self, CallReference, cause};
use rasline_h225::types::UserInformation;

use super::leg::Leg;
use super::{Direction, Ended, H245, Phone, Received, State, Via, incoming};
use crate::call::ConnectionId;
use crate::call::fast;
use crate::call::messages::{CallIds, Carried, Maker, Parsed, Stack, calling_alias};

impl Phone {
    /// Handles a message of one of its connections.
    pub(super) fn handle_message(
        &mut self,
        now: Duration,
        connection: ConnectionId,
        octets: &[u8],
    ) {
        let of_call = self.leg.as_ref().map(|leg| (leg.h245, leg.signalling));
        if of_call.is_some_and(|(h245, _)| h245 == Some(connection)) {
            self.handle_h245(now, Via::H245, &[octets.to_vec()]);
            return;
        }
        self.note(now, Via::Signalling, octets);
        let Some(parsed) = Parsed::parse(octets) else {
            self.violations.push(format!("no Q.931: {octets:02x?}"));
            return;
        };
        if of_call.is_some_and(|(_, signalling)| signalling == Some(connection)) {
            self.handle_in_call(now, &parsed);
        } else if parsed.message.message_type == q931::SETUP {
            self.handle_setup(now, connection, &parsed);
        } else {
            let kind = parsed.message.message_type;
            self.violations.push(format!("{kind:#04x} before Setup"));
            self.close(connection);
        }
    }

    fn note(&mut self, at: Duration, via: Via, octets: &[u8]) {
        let octets = octets.to_vec();
        self.received.push(Received { at, via, octets });
    }

    /// Takes a call, or is busy.
    fn handle_setup(&mut self, now: Duration, connection: ConnectionId, parsed: &Parsed) {
        let reference = parsed.message.reference;
        let (Some(ids), Some(information)) = (parsed.ids(), &parsed.information) else {
            self.violations
                .push("Setup without callIdentifier".to_owned());
            return;
        };
        if reference.to_originator || reference.value == 0 {
            self.violations.push(format!("Setup with {reference:?}"));
            return;
        }
        if self.leg.is_some() {
            let octets = self.busy(ids, reference);
            self.send(connection, octets);
            self.close(connection);
            return;
        }
        let mut leg = Leg::incoming(&self.settings, ids, reference, connection);
        leg.tunnels &= information.tunnels_h245();
        if self.settings.fast_start {
            leg.take_proposals(&self.settings, information.fast_start());
        }
        leg.other = calling_alias(information).unwrap_or_default();
        let source = information.source_call_signal_address();
        let call = incoming(ids, reference.value, source);
        leg.admission = self.terminal.answer(now, &call, &leg.other);
        let proceeding = leg.maker.call_proceeding(&tunnelling(&leg));
        let is_admitted = leg.admission.is_some();
        self.begin(leg);
        self.send(connection, proceeding);
        let tunnelled: Vec<_> = information
            .h245_control()
            .iter()
            .map(|one| one.to_vec())
            .collect();
        self.handle_h245(now, Via::Tunnel, &tunnelled);
        if !is_admitted {
            self.release(now, cause::SUBSCRIBER_ABSENT, Ended::Refused);
        }
    }

    fn busy(&self, ids: CallIds, reference: CallReference) -> Vec<u8> {
        let maker = Maker {
            stack: self.settings.stack,
            ids,
            reference: reference.reversed(),
        };
        maker.release_complete(cause::USER_BUSY, &Carried::default())
    }

    /// Sends Alerting: the gatekeeper has admitted the call.
    pub(super) fn ring(&mut self, now: Duration) {
        let Some(leg) = &mut self.leg else {
            return;
        };
        let Some(connection) = leg.signalling else {
            return;
        };
        leg.answer_at = self.settings.answers_after.map(|pause| now + pause);
        let alerting = leg.maker.alerting(&tunnelling(leg));
        self.send(connection, alerting);
    }

    /// Answers: sends Connect.
    pub(super) fn pick_up(&mut self) {
        let Some(leg) = &mut self.leg else {
            return;
        };
        let Some(connection) = leg.signalling else {
            return;
        };
        leg.answer_at = None;
        leg.state = State::Up;
        let mut carried = tunnelling(leg);
        carried.fast_start.clone_from(&leg.fast_answer);
        if carried.fast_start.is_some() {
            // H.245 is left to the caller.
        } else if !leg.tunnels {
            carried.address = Some(SocketAddr::new(self.settings.host, H245));
        } else if self.settings.stack == Stack::H323plus {
            carried.messages = leg.control.start();
        }
        let connect = leg.maker.connect(&carried);
        self.send(connection, connect);
    }

    /// Handles a message of its call, if it fits.
    fn handle_in_call(&mut self, now: Duration, parsed: &Parsed) {
        let Some(leg) = &self.leg else {
            return;
        };
        if let Err(wrong) = fits(leg, parsed) {
            self.violations.push(wrong);
            return;
        }
        match parsed.message.message_type {
            q931::ALERTING => self.set_state(State::Ringing),
            q931::CONNECT => self.set_state(State::Up),
            q931::STATUS_ENQUIRY => {
                let status = leg.maker.status();
                if let Some(connection) = leg.signalling {
                    self.send(connection, status);
                }
            }
            q931::SETUP => self.violations.push("a second Setup".to_owned()),
            q931::RELEASE_COMPLETE => {
                self.handle_tunnelled(now, parsed);
                self.released(now, parsed.message.cause());
                return;
            }
            _ => {}
        }
        self.handle_tunnelled(now, parsed);
        self.begin_h245(parsed);
    }

    fn set_state(&mut self, state: State) {
        if let Some(leg) = self
            .leg
            .as_mut()
            .filter(|leg| leg.direction == Direction::Outgoing)
        {
            leg.state = state;
        }
    }

    /// h323plus answers with a `ReleaseComplete` of its own.
    fn released(&mut self, now: Duration, cause: Option<u8>) {
        let ended = Ended::There(cause);
        match self.settings.stack {
            Stack::H323plus => self.release(now, cause::NORMAL_CALL_CLEARING, ended),
            Stack::Ooh323c => self.end(now, ended),
        }
    }

    /// Handles H.245 in the tunnel. A FALSE of h245Tunnelling in an answer to Setup ends tunnelling for good.
    fn handle_tunnelled(&mut self, now: Duration, parsed: &Parsed) {
        let Some(information) = &parsed.information else {
            return;
        };
        let is_answer = matches!(
            parsed.message.message_type,
            q931::CALL_PROCEEDING | q931::ALERTING | q931::PROGRESS | q931::CONNECT
        );
        if let Some(leg) = self.leg.as_mut().filter(|_| is_answer) {
            leg.tunnels &= information.tunnels_h245();
        }
        let messages = information.h245_control().iter();
        let messages: Vec<_> = messages.map(|one| one.to_vec()).collect();
        self.handle_h245(now, Via::Tunnel, &messages);
    }

    /// The caller begins H.245 at Connect: in the tunnel, or at h245Address.
    fn begin_h245(&mut self, parsed: &Parsed) {
        let address = parsed
            .information
            .as_ref()
            .and_then(UserInformation::h245_address);
        let Some(leg) = self
            .leg
            .as_mut()
            .filter(|leg| leg.direction == Direction::Outgoing)
        else {
            return;
        };
        let answer = parsed
            .information
            .as_ref()
            .map_or(&[][..], UserInformation::fast_start);
        if let Some(peer) = fast::media_address(answer) {
            leg.control.open_fast(peer);
            if self.settings.stack == Stack::H323plus {
                return;
            }
        }
        if leg.tunnels {
            if leg.state == State::Up {
                let messages = leg.control.start();
                self.send_h245(messages);
            }
        } else if let Some(address) = address.filter(|_| leg.h245.is_none()) {
            let connection = self.connect(address);
            if let Some(leg) = &mut self.leg {
                leg.h245 = Some(connection);
            }
        }
    }

    /// Handles H.245 messages that came together.
    fn handle_h245(&mut self, now: Duration, via: Via, messages: &[Vec<u8>]) {
        let mut answers = Vec::new();
        for message in messages {
            self.note(now, via, message);
            if let Some(leg) = &mut self.leg {
                answers.extend(leg.control.handle(message));
            }
        }
        self.send_h245(answers);
        self.send_media(now);
    }
}

/// h245Tunnelling as the call has it.
fn tunnelling(leg: &Leg) -> Carried {
    Carried {
        tunnels: leg.tunnels,
        ..Carried::default()
    }
}

/// Whether a message has the call reference and the callIdentifier of the call.
fn fits(leg: &Leg, parsed: &Parsed) -> Result<(), String> {
    let reference = parsed.message.reference;
    if reference != leg.expected() {
        return Err(format!("{reference:?} instead of {:?}", leg.expected()));
    }
    let identifier = parsed
        .information
        .as_ref()
        .and_then(UserInformation::call_identifier);
    if identifier.is_some_and(|one| one != leg.maker.ids.identifier) {
        return Err(format!(
            "callIdentifier {identifier:02x?} is of another call"
        ));
    }
    Ok(())
}
