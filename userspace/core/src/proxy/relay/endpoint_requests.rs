//! Requests of endpoints, sent on to the gatekeeper and their answers back.

use std::net::SocketAddr;

use rasline_h225::text::from_bmp;
use rasline_h225::types::{BmpString, InfoRequestResponse, RasMessage};
use rasline_h225::{RasKind, decode_ras, encode_ras, renumbered};

use crate::proxy::downstream::dispatch::Asked;
use crate::proxy::downstream::refuse::Why;
use crate::proxy::machine::{Proxy, Timer};
use crate::proxy::relay::translate::{self, Upstream};
use crate::proxy::upstream::queue::Lane;
use crate::proxy::upstream::requests_to_gatekeeper::{Purpose, RequestToGatekeeper, retries};
use crate::proxy::{EntryId, Output, UpstreamState};

impl Proxy {
    pub(in crate::proxy) fn request(
        &mut self,
        asked: &Asked<'_>,
        message: &RasMessage,
        out: &mut Vec<Output>,
    ) {
        let id = match named(message) {
            Some(identifier) => self.whose(&from_bmp(identifier), asked.from),
            None => self.neighbour(asked),
        };
        let Some(id) = id else {
            return self.turn_down(asked, Why::NotRegistered, out);
        };
        self.heard(id);
        self.take_on(id, asked, out);
    }

    /// A message that names no endpoint is of the one that has sent RAS from this address.
    fn neighbour(&self, asked: &Asked<'_>) -> Option<EntryId> {
        self.entries.by_host(asked.from)
    }

    /// A request that does not decode, and has no identifiers.
    pub(in crate::proxy) fn raw_request(&mut self, asked: &Asked<'_>, out: &mut Vec<Output>) {
        match self.neighbour(asked) {
            Some(id) => self.take_on(id, asked, out),
            None => self.turn_down(asked, Why::NotRegistered, out),
        }
    }

    fn take_on(&mut self, id: EntryId, asked: &Asked<'_>, out: &mut Vec<Output>) {
        if let Some(ticket) = self.wait(asked.wait(Some(id), self.now)) {
            self.stats.relayed += 1;
            self.send_on(ticket, out);
        }
    }

    /// Sends a request to the gatekeeper, if the endpoint is registered there; else as soon as it is.
    pub(in crate::proxy) fn send_on(&mut self, ticket: u64, out: &mut Vec<Output>) {
        let Some(id) = self.waits.get(ticket).and_then(|wait| wait.id) else {
            return;
        };
        match self.entries.get(id).map(|entry| entry.up.standing) {
            Some(UpstreamState::Registered) => {}
            Some(UpstreamState::Refused) => return self.refuse(ticket, Why::NotRegistered, out),
            Some(UpstreamState::Queued) => {
                if self.queue.contains(id) || self.gateway.joins(id) {
                    self.enqueue(id, Lane::Wanted);
                }
                return;
            }
            _ => return,
        }
        let known = self.active.and_then(|to| self.known(id, to));
        let (Some(gatekeeper), Some(known)) = (self.active, known) else {
            return;
        };
        let Some(seq) = self.to_gatekeeper.number() else {
            self.stats.overflowed += 1;
            return;
        };
        let Some(wait) = self.waits.get_mut(ticket) else {
            return;
        };
        let Some(octets) = translated(&wait.payload, seq, &known) else {
            self.stats.ignored += 1;
            return;
        };
        wait.flight = Some(seq);
        self.stats.retried += u64::from(std::mem::replace(&mut wait.sent, true));
        let kind = wait.kind;
        let retry = retries(kind);
        let flight = RequestToGatekeeper {
            from: known.ras_address,
            to: gatekeeper,
            purpose: Purpose::Relay { wait: ticket, kind },
            octets: octets.into(),
            retry,
        };
        self.launch(seq, flight, out);
    }

    /// A request goes out under this number.
    pub(in crate::proxy) fn launch(
        &mut self,
        seq: u16,
        flight: RequestToGatekeeper,
        out: &mut Vec<Output>,
    ) {
        out.push(Output::ToGatekeeper {
            from: flight.from,
            to: flight.to,
            payload: flight.octets.to_vec(),
        });
        self.timers
            .set(Timer::ToGatekeeper(seq), self.now.after(flight.retry.every));
        self.to_gatekeeper.insert(seq, flight);
    }

    /// A message goes out whose answer is not waited for.
    pub(in crate::proxy) fn send_once(
        &mut self,
        seq: u16,
        (from, to): (SocketAddr, SocketAddr),
        payload: Vec<u8>,
        out: &mut Vec<Output>,
    ) {
        self.to_gatekeeper.spend(seq, self.now, (from, to));
        out.push(Output::ToGatekeeper { from, to, payload });
    }

    /// A number is free again.
    pub(in crate::proxy) fn land(&mut self, seq: u16) -> Option<RequestToGatekeeper> {
        self.timers.clear(Timer::ToGatekeeper(seq));
        self.to_gatekeeper.remove(seq, self.now)
    }

    /// How this gatekeeper, which serves, knows an endpoint.
    pub(in crate::proxy) fn known(&self, id: EntryId, gatekeeper: SocketAddr) -> Option<Upstream> {
        let (up, entry) = (self.identity(id)?, self.entries.get(id)?);
        Some(Upstream {
            endpoint_identifier: up.identifier.clone(),
            gatekeeper_identifier: up.gatekeeper_identifier.clone(),
            ras_address: self.source(entry, gatekeeper)?,
        })
    }

    /// What waits for this endpoint to be registered goes out.
    pub(in crate::proxy) fn send_waiting(&mut self, id: EntryId, out: &mut Vec<Output>) {
        for ticket in self.waiting(id, |kind| kind != RasKind::RegistrationRequest) {
            if self
                .waits
                .get(ticket)
                .is_some_and(|wait| wait.flight.is_none())
            {
                self.send_on(ticket, out);
            }
        }
    }

    /// The requests of an endpoint that wait.
    pub(in crate::proxy) fn waiting(
        &self,
        id: EntryId,
        wanted: impl Fn(RasKind) -> bool,
    ) -> Vec<u64> {
        let Some(entry) = self.entries.get(id) else {
            return Vec::new();
        };
        let is_wanted = |ticket: &&u64| {
            let wait = self.waits.get(**ticket);
            wait.is_some_and(|wait| wanted(wait.kind))
        };
        entry.waits.iter().filter(is_wanted).copied().collect()
    }

    /// The gatekeeper answered a request.
    pub(in crate::proxy) fn relay_answer(
        &mut self,
        ticket: u64,
        mut message: RasMessage,
        out: &mut Vec<Output>,
    ) {
        let Some(wait) = self.waits.get(ticket) else {
            return;
        };
        let entry = wait.id.and_then(|id| self.entries.get(id));
        let Some(known) = entry.and_then(|entry| self.downstream(entry)) else {
            return;
        };
        message.set_request_seq_num(wait.seq);
        translate::to_endpoint(&mut message, &known);
        match encode_ras(&message) {
            Ok(octets) => self.answer(ticket, octets, out),
            Err(_) => self.refuse(ticket, Why::Unavailable, out),
        }
    }

    /// IRR: the answer to an IRQ, or sent by itself, then with an answer or without.
    pub(in crate::proxy) fn status(
        &mut self,
        asked: &Asked<'_>,
        irr: InfoRequestResponse,
        out: &mut Vec<Output>,
    ) {
        let Some(id) = self.whose(&from_bmp(&irr.endpoint_identifier), asked.from) else {
            if irr.need_response == Some(true) {
                self.turn_down(asked, Why::NotRegistered, out);
            }
            self.stats.ignored += 1;
            return;
        };
        self.heard(id);
        self.calls_reported(id, &irr, out);
        let needs = irr.need_response == Some(true);
        let message = RasMessage::InfoRequestResponse(irr);
        if self
            .to_endpoints
            .answers(id, asked.seq, RasKind::InfoRequestResponse)
        {
            self.answered_down(asked, message, out);
        } else if needs {
            self.take_on(id, asked, out);
        } else {
            self.inform(id, message, out);
        }
    }

    /// A message that has no answer.
    fn inform(&mut self, id: EntryId, mut message: RasMessage, out: &mut Vec<Output>) {
        let standing = self.entries.get(id).map(|entry| entry.up.standing);
        let known = self.active.and_then(|to| self.known(id, to));
        let (Some(to), Some(known), Some(seq)) = (self.active, known, self.to_gatekeeper.number())
        else {
            return;
        };
        message.set_request_seq_num(seq);
        if standing == Some(UpstreamState::Registered)
            && translate::to_gatekeeper(&mut message, &known)
            && let Ok(payload) = encode_ras(&message)
        {
            self.stats.relayed += 1;
            self.send_once(seq, (known.ras_address, to), payload, out);
        }
    }
}

/// A request as the gatekeeper gets it.
fn translated(payload: &[u8], seq: u16, known: &Upstream) -> Option<Vec<u8>> {
    let Ok(mut message) = decode_ras(payload) else {
        return renumbered(payload, seq);
    };
    message.set_request_seq_num(seq);
    if !translate::to_gatekeeper(&mut message, known) {
        return None;
    }
    encode_ras(&message).ok()
}

/// endpointIdentifier of a request, if it has one.
fn named(message: &RasMessage) -> Option<&BmpString> {
    use RasMessage as M;
    match message {
        M::AdmissionRequest(arq) => Some(&arq.endpoint_identifier),
        M::BandwidthRequest(brq) => Some(&brq.endpoint_identifier),
        M::DisengageRequest(drq) => Some(&drq.endpoint_identifier),
        M::LocationRequest(lrq) => lrq.endpoint_identifier.as_ref(),
        M::ResourcesAvailableIndicate(rai) => Some(&rai.endpoint_identifier),
        M::ServiceControlIndication(sci) => sci.endpoint_identifier.as_ref(),
        _ => None,
    }
}
