//! Answers to requests of gatekeepers.
//!
//! Invariant: one message at most goes out for one that came in, and none to strangers.

use std::net::SocketAddr;

use rasline_h225::types::{
    BandRejectReason, BandwidthReject, BandwidthRequest, DisengageReject, DisengageRejectReason,
    InfoRequest, ServiceControlResponse, ServiceControlResponseResult, UnregRejectReason,
    UnregistrationRequest,
};
use rasline_h225::{RasMessage, header, messages, text};

use super::agent::{Agent, Step};
use super::message;
use super::targets::{canonical, reachable};

impl Agent {
    /// A request of a gatekeeper, or what is none.
    pub(super) fn asked(
        &mut self,
        step: &mut Step<'_>,
        from: SocketAddr,
        message: RasMessage,
        payload: &[u8],
    ) {
        if !self.is_known(from) {
            self.sums.ignored += 1;
            return;
        }
        let seq = message.request_seq_num();
        let answer = match message {
            RasMessage::UnregistrationRequest(urq) => return self.unregistered(step, from, urq),
            RasMessage::InfoRequest(irq) => return self.report(step, from, &irq),
            // No call of which this agent knows.
            RasMessage::BandwidthRequest(brq) => not_that_call(&brq),
            RasMessage::DisengageRequest(_) => RasMessage::DisengageReject(DisengageReject::new(
                seq,
                DisengageRejectReason::RequestToDropOther,
            )),
            RasMessage::ServiceControlIndication(_) => {
                let mut response = ServiceControlResponse::new(seq);
                response.result = Some(ServiceControlResponseResult::NotAvailable);
                RasMessage::ServiceControlResponse(response)
            }
            other if other.kind().is_request() => messages::xrs(seq, payload),
            _ => {
                self.sums.ignored += 1;
                return;
            }
        };
        self.send(step, from, answer);
    }

    /// A message that does not decode: if it is a request of a gatekeeper, it is told so. Whose it is cannot be seen.
    pub(super) fn not_understood(&mut self, step: &mut Step<'_>, from: SocketAddr, payload: &[u8]) {
        self.sums.ignored += 1;
        let header = header(payload).filter(|header| header.kind.is_request());
        let heard = self.is_known(from) && !self.demands_proof(from);
        if let Some(header) = header.filter(|_| heard) {
            self.send(step, from, messages::xrs(header.seq, payload));
        }
    }

    /// Whether this may be one of its gatekeepers.
    pub(super) fn is_known(&self, from: SocketAddr) -> bool {
        let held = self.registration.as_ref();
        held.is_some_and(|held| held.gatekeeper == from)
            || self
                .config
                .gatekeepers
                .iter()
                .any(|one| one.address == from)
            || self.alternates.iter().any(|one| one.address == from)
    }

    fn unregistered(&mut self, step: &mut Step<'_>, from: SocketAddr, urq: UnregistrationRequest) {
        let seq = urq.request_seq_num;
        let named = urq.endpoint_identifier.as_ref().map(text::from_bmp);
        let own = self.registration.as_ref().is_some_and(|held| {
            held.gatekeeper == from && named.is_some_and(|named| named == held.endpoint_identifier)
        });
        if self.is_repeated(step.now, from, seq) {
            self.send(step, from, messages::ucf(seq));
        } else if own && self.demands_proof(from) {
            self.obey(step, urq, false);
        } else if own {
            self.contest(step, urq);
        } else {
            let reason = UnregRejectReason::NotCurrentlyRegistered;
            self.send(step, from, messages::urj(seq, reason));
        }
    }

    /// An IRQ of the own gatekeeper gets an IRR; others have nothing to ask.
    fn report(&mut self, step: &mut Step<'_>, from: SocketAddr, irq: &InfoRequest) {
        let held = self.registration.as_ref();
        let Some(held) = held.filter(|held| held.gatekeeper == from) else {
            self.sums.ignored += 1;
            return;
        };
        let to = irq.reply_address.as_ref().and_then(text::from_transport);
        let to = to
            .map(canonical)
            .filter(|address| reachable(&self.config, *address))
            .unwrap_or(from);
        let seq = irq.request_seq_num;
        if let Ok(irr) = message::status(&self.config, seq, &held.endpoint_identifier) {
            self.send(step, to, irr);
        }
    }
}

fn not_that_call(brq: &BandwidthRequest) -> RasMessage {
    let reason = BandRejectReason::InvalidConferenceId;
    RasMessage::BandwidthReject(BandwidthReject::new(brq.request_seq_num, reason, 0))
}
