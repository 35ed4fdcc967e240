//! What comes from endpoints: is it one that was answered already, what is it, who answers it.

use std::net::SocketAddr;

use rasline_h225::messages::{ucf, urj};
use rasline_h225::text::from_bmp;
use rasline_h225::types::{
    GatekeeperRequest as Grq, InfoRequestResponse, RasMessage, RegistrationReject,
    RegistrationRejectReason as Rrj, RegistrationRequest, UnregRejectReason, UnregRequestReason,
    UnregistrationRequest,
};
use rasline_h225::{RasKind, decode_ras, encode_ras, header};

use super::downstream::additive_rrq::{Addition, add_to};
use super::downstream::claims::{
    Claimant, aliases_held_elsewhere, aliases_of_others, changes_nothing, find_claimant,
    find_squatters, keep_own_addresses, may_add_addresses,
};
use super::downstream::discovery::answer_grq;
use super::machine::Proxy;
use super::message::{EndpointMessage, endpoint_identifier, is_answer};
use super::refuse::{Why, not_understood, refusal};
use super::translate::{self, UpstreamNames, translate_request};
use super::upstream::requests_to_gatekeeper::Purpose;
use super::{EntryId, Output, UpstreamState, rrq};
use crate::ras_server::{Ended, answer_address};
use crate::transaction::RequestKey;

impl Proxy {
    /// Takes a message of an endpoint. A retransmission gets the same answer, or another RIP if it waits.
    pub(super) fn handle_endpoint_message(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        let key = RequestKey::new(from, payload);
        if let Some(ticket) = self.relay.waits.find(key) {
            self.stats.repeated += 1;
            return self.send_rip(ticket, out);
        }
        if let Some(answer) = self.relay.find_answer(key, self.now) {
            let (from, to, payload) = (to, answer.to, answer.octets.to_vec());
            self.stats.repeated += 1;
            return out.push(Output::ToEndpoint { from, to, payload });
        }
        let mut asked = EndpointMessage {
            from,
            to,
            answer_to: from,
            payload,
            kind: RasKind::NonStandardMessage,
            seq: 0,
            key,
        };
        match decode_ras(payload) {
            Ok(message) => {
                asked.kind = message.kind();
                asked.seq = message.request_seq_num();
                asked.answer_to = answer_address(from, &message);
                self.dispatch_endpoint_message(&asked, message, out);
            }
            Err(_) => self.handle_undecodable_endpoint_message(asked, out),
        }
    }

    fn dispatch_endpoint_message(
        &mut self,
        asked: &EndpointMessage<'_>,
        message: RasMessage,
        out: &mut Vec<Output>,
    ) {
        use RasMessage as M;
        match message {
            M::GatekeeperRequest(grq) => self.handle_grq(asked, &grq, out),
            M::RegistrationRequest(rrq) if rrq.keep_alive == Some(true) => {
                self.handle_keep_alive(asked, &rrq, out);
            }
            M::RegistrationRequest(rrq) if rrq.additive_registration.is_some() => {
                self.handle_additive_rrq(asked, &rrq, out);
            }
            M::RegistrationRequest(rrq) => self.handle_full_rrq(asked, &rrq, out),
            M::UnregistrationRequest(urq) => self.handle_urq(asked, &urq, out),
            M::NonStandardMessage(_) if self.is_answer(asked) => {
                self.handle_answer(asked, message, out);
            }
            M::AdmissionRequest(_)
            | M::BandwidthRequest(_)
            | M::DisengageRequest(_)
            | M::LocationRequest(_)
            | M::ResourcesAvailableIndicate(_)
            | M::ServiceControlIndication(_)
            | M::NonStandardMessage(_) => self.handle_request(asked, &message, out),
            M::InfoRequestResponse(irr) => self.handle_irr(asked, irr, out),
            _ if is_answer(asked.kind) => self.handle_answer(asked, message, out),
            _ => self.stats.ignored += 1,
        }
    }

    /// What does not decode goes on as it is where nothing in it is to be translated; else a request gets an XRS.
    fn handle_undecodable_endpoint_message(
        &mut self,
        mut asked: EndpointMessage<'_>,
        out: &mut Vec<Output>,
    ) {
        self.stats.malformed += 1;
        let Some(header) = header(asked.payload) else {
            return;
        };
        asked.kind = header.kind;
        asked.seq = header.seq;
        match header.kind {
            RasKind::NonStandardMessage => match self.downstream.endpoints.by_host(asked.from) {
                Some(id) => self.relay_request(id, &asked, out),
                None => self.turn_down(&asked, Why::NotRegistered, out),
            },
            RasKind::UnregistrationConfirm
            | RasKind::UnregistrationReject
            | RasKind::BandwidthConfirm
            | RasKind::DisengageConfirm
            | RasKind::ServiceControlResponse => self.handle_raw_answer(&asked, out),
            kind if kind.is_request() => {
                let xrs = not_understood(asked.seq, asked.payload);
                self.reply(&asked, &xrs, out);
            }
            _ => {}
        }
    }

    // Answers of rasline's own.

    /// Answers at once, and keeps the answer for retransmissions.
    fn reply(&mut self, asked: &EndpointMessage<'_>, message: &RasMessage, out: &mut Vec<Output>) {
        if let Ok(octets) = encode_ras(message) {
            let to = asked.answer_to;
            self.relay.keep_answer(asked.key, to, &octets, self.now);
            out.push(asked.answer(octets));
        }
    }

    /// Refuses a request that no gatekeeper is asked for.
    fn turn_down(&mut self, asked: &EndpointMessage<'_>, why: Why, out: &mut Vec<Output>) {
        self.stats.rejected += 1;
        if let Some(message) = refusal(asked.kind, asked.seq, why, asked.payload) {
            self.reply(asked, &message, out);
        }
    }

    fn reject_rrq(&mut self, asked: &EndpointMessage<'_>, reason: Rrj, out: &mut Vec<Output>) {
        self.stats.rejected += 1;
        let mut rrj = RegistrationReject::new(asked.seq, reason);
        rrj.gatekeeper_identifier = Some(self.downstream.own_identifier().clone());
        self.reply(asked, &RasMessage::RegistrationReject(rrj), out);
    }

    fn handle_grq(&mut self, asked: &EndpointMessage<'_>, grq: &Grq, out: &mut Vec<Output>) {
        match answer_grq(asked, grq, self.downstream.own_identifier()) {
            None => self.stats.ignored += 1,
            Some(answer) => {
                self.stats.rejected += u64::from(answer.kind() == RasKind::GatekeeperReject);
                self.reply(asked, &answer, out);
            }
        }
    }

    // Registrations.

    fn handle_keep_alive(
        &mut self,
        asked: &EndpointMessage<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let Some(id) = self.downstream.find_keep_alive_sender(asked.from, rrq) else {
            return self.turn_down(asked, Why::NotRegistered, out);
        };
        self.note_rrq(id, asked, rrq);
        let Some(rcf) = self.downstream.make_light_rcf(id, asked.seq, rrq) else {
            return;
        };
        self.stats.lightweight += 1;
        self.publish(id, asked.payload, rrq, out);
        out.push(asked.answer(rcf));
    }

    fn note_rrq(&mut self, id: EntryId, asked: &EndpointMessage<'_>, rrq: &RegistrationRequest) {
        self.downstream.note_message(id, self.now);
        let ras = rrq::ras_address(rrq, asked.from);
        let endpoints = &mut self.downstream.endpoints;
        endpoints.move_address(id, asked.from, asked.to, ras);
    }

    /// Lets the kernel answer this keep-alive, if it can and is to.
    pub(super) fn publish(
        &mut self,
        id: EntryId,
        payload: &[u8],
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) {
        if let Some(publication) = self.downstream.publish(id, payload, rrq) {
            out.push(Output::Publish(Box::new(publication.offer)));
            if publication.is_new {
                self.store(id, out);
            }
        }
    }

    fn handle_full_rrq(
        &mut self,
        asked: &EndpointMessage<'_>,
        said: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let endpoints = &self.downstream.endpoints;
        let taken = aliases_held_elsewhere(endpoints, asked.from, said);
        if !taken.is_empty() {
            return self.reject_rrq(asked, Rrj::DuplicateAlias(taken.into()), out);
        }
        let reserved = self.downstream.reserved();
        let Some(rrq) = keep_own_addresses(endpoints, reserved, asked.from, said) else {
            return self.reject_rrq(asked, Rrj::InvalidCallSignalAddress, out);
        };
        for id in find_squatters(endpoints, asked.from, &rrq) {
            let reason = UnregRequestReason::ReregistrationRequired;
            self.dismiss(id, reason, Ended::Replaced, out);
        }
        let id = match find_claimant(&self.downstream.endpoints, asked.from, &rrq) {
            Claimant::Taken => return self.reject_rrq(asked, Rrj::InvalidCallSignalAddress, out),
            Claimant::Known(id) if self.is_known(id, &rrq) => {
                return self.confirm_again(id, asked, &rrq, out);
            }
            _ if asked.payload.len() > rrq::LONGEST => {
                return self.turn_down(asked, Why::Unavailable, out);
            }
            Claimant::Known(id) => id,
            Claimant::New if self.has_no_room() => {
                return self.turn_down(asked, Why::Unavailable, out);
            }
            Claimant::New => {
                let id = self.downstream.add(asked, &rrq, self.now);
                self.upstream.add(id, self.now);
                id
            }
        };
        let octets = if rrq == *said {
            rrq::mask_number(asked.payload)
        } else {
            let without = encode_ras(&RasMessage::RegistrationRequest(rrq));
            rrq::mask_number(without.as_deref().unwrap_or(asked.payload))
        };
        self.forward_rrq(id, asked, (octets, None), out);
    }

    /// Whether there is no room for another endpoint, or no callSignalAddress that could stand for it.
    fn has_no_room(&self) -> bool {
        self.downstream.is_full() || !self.upstream.has_free_signalling(self.now)
    }

    /// Whether the gatekeeper has this RRQ already, or will get it anyway.
    fn is_known(&self, id: EntryId, rrq: &RegistrationRequest) -> bool {
        let endpoint = self.downstream.endpoints.get(id);
        self.upstream.state(id) != Some(UpstreamState::Refused)
            && endpoint.is_some_and(|endpoint| changes_nothing(endpoint, rrq))
    }

    fn handle_additive_rrq(
        &mut self,
        asked: &EndpointMessage<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let endpoints = &self.downstream.endpoints;
        let named = rrq.endpoint_identifier.as_ref().map(from_bmp);
        let sender = named.and_then(|named| endpoints.find_sender(&named, asked.from));
        let found = sender.and_then(|id| Some((id, endpoints.get(id)?)));
        let Some((id, endpoint)) = found else {
            return self.reject_rrq(asked, Rrj::FullRegistrationRequired, out);
        };
        let taken = aliases_of_others(endpoints, id, rrq);
        if !taken.is_empty() {
            return self.reject_rrq(asked, Rrj::DuplicateAlias(taken.into()), out);
        }
        let reserved = self.downstream.reserved();
        if !may_add_addresses(endpoints, reserved, (id, asked.from), rrq) {
            return self.reject_rrq(asked, Rrj::InvalidCallSignalAddress, out);
        }
        if endpoint.wanted.is_some() && endpoint.adding.is_none() {
            // It counts on what is not so yet.
            self.stats.ignored += 1;
            return;
        }
        let refused = self.upstream.state(id) == Some(UpstreamState::Refused);
        match add_to(endpoint, refused, rrq, asked.payload) {
            Addition::Impossible => self.turn_down(asked, Why::Unavailable, out),
            Addition::Nothing => self.confirm_again(id, asked, rrq, out),
            Addition::Wanted { whole, added } => {
                self.forward_rrq(id, asked, (whole, added), out);
            }
        }
    }

    /// Confirms a full RRQ that says what the gatekeeper has confirmed before.
    fn confirm_again(
        &mut self,
        id: EntryId,
        asked: &EndpointMessage<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) {
        self.note_rrq(id, asked, rrq);
        let Some(rcf) = self.downstream.last_rcf(id, asked.seq, rrq) else {
            return;
        };
        self.stats.full += 1;
        if let Ok(octets) = encode_ras(&rcf) {
            out.push(asked.answer(octets));
        }
    }

    /// Sends a full RRQ on when it is its turn.
    fn forward_rrq(
        &mut self,
        id: EntryId,
        asked: &EndpointMessage<'_>,
        (octets, adding): (Box<[u8]>, Option<Box<[u8]>>),
        out: &mut Vec<Output>,
    ) {
        if self.begin_wait(id, asked).is_none() {
            return self.give_up_rrq(id, out);
        }
        let endpoints = &mut self.downstream.endpoints;
        let ras = endpoints.get(id).map_or(asked.from, |one| one.ras);
        endpoints.move_address(id, asked.from, asked.to, ras);
        let Some(endpoint) = endpoints.get_mut(id) else {
            return;
        };
        if endpoint.wanted.as_deref() == Some(&octets) {
            // The endpoint counts requestSeqNum up when it repeats itself.
            return;
        }
        (endpoint.wanted, endpoint.adding) = (Some(octets), adding);
        self.upstream.register_anew(id, self.now);
    }

    /// URQ: confirmed at once, and passed on in the name of rasline.
    fn handle_urq(
        &mut self,
        asked: &EndpointMessage<'_>,
        urq: &UnregistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let id = match urq.endpoint_identifier.as_ref().map(from_bmp) {
            Some(named) => self.downstream.endpoints.find_sender(&named, asked.from),
            None => self.downstream.find_leaver(asked.from, urq),
        };
        let Some(id) = id else {
            let urj = urj(asked.seq, UnregRejectReason::NotCurrentlyRegistered);
            self.stats.rejected += 1;
            return self.reply(asked, &urj, out);
        };
        // Once the endpoint has its UCF, the kernel must not confirm another keep-alive.
        out.extend(self.downstream.withdraw(id));
        self.reply(asked, &ucf(asked.seq), out);
        self.end(id, Ended::Left, out);
    }

    // Requests that the gatekeeper answers.

    /// A message that names no endpoint is of the one that has sent RAS from its address.
    fn handle_request(
        &mut self,
        asked: &EndpointMessage<'_>,
        message: &RasMessage,
        out: &mut Vec<Output>,
    ) {
        let endpoints = &self.downstream.endpoints;
        let id = match endpoint_identifier(message) {
            Some(identifier) => endpoints.find_sender(&from_bmp(identifier), asked.from),
            None => endpoints.by_host(asked.from),
        };
        let Some(id) = id else {
            return self.turn_down(asked, Why::NotRegistered, out);
        };
        self.downstream.note_message(id, self.now);
        self.relay_request(id, asked, out);
    }

    fn relay_request(&mut self, id: EntryId, asked: &EndpointMessage<'_>, out: &mut Vec<Output>) {
        if let Some(ticket) = self.begin_wait(id, asked) {
            self.stats.relayed += 1;
            self.send_on(ticket, out);
        }
    }

    /// A request begins to wait for its answer. `None`: too many do.
    fn begin_wait(&mut self, id: EntryId, asked: &EndpointMessage<'_>) -> Option<u64> {
        let ticket = self.relay.waits.insert(id, asked, self.now);
        if ticket.is_none() {
            self.stats.overflowed += 1;
            return None;
        }
        self.upstream.set_waited_for(id, true);
        ticket
    }

    /// Sends a request to the gatekeeper, if the endpoint is registered there; else as soon as it is.
    fn send_on(&mut self, ticket: u64, out: &mut Vec<Output>) {
        let Some(wait) = self.relay.waits.get(ticket) else {
            return;
        };
        match self.upstream.state(wait.id) {
            Some(UpstreamState::Registered) => {}
            Some(UpstreamState::Refused) => return self.refuse(ticket, Why::NotRegistered, out),
            Some(UpstreamState::Queued) => return self.upstream.hurry(wait.id),
            _ => return,
        }
        let Some((to, names)) = self.names_at_gatekeeper(wait.id) else {
            return;
        };
        let Some(seq) = self.upstream.requests.next_number() else {
            self.stats.overflowed += 1;
            return;
        };
        let Some(octets) = translate_request(&wait.payload, seq, &names) else {
            self.stats.ignored += 1;
            return;
        };
        let (way, kind) = ((names.ras_address, to), wait.kind);
        self.stats.retried += u64::from(self.relay.waits.mark_sent(ticket));
        let purpose = Purpose::Relay { ticket, kind };
        out.push((self.upstream.requests).send(seq, way, octets, purpose, self.now));
    }

    /// The gatekeeper that serves, and how it knows an endpoint.
    fn names_at_gatekeeper(&self, id: EntryId) -> Option<(SocketAddr, UpstreamNames)> {
        let (to, endpoint) = (self.upstream.active()?, self.downstream.endpoints.get(id)?);
        Some((to, self.upstream.names_of(id, endpoint, to)?))
    }

    /// What waits for this endpoint to be registered goes out.
    pub(super) fn send_waiting(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let others = |kind| kind != RasKind::RegistrationRequest;
        for ticket in self.relay.waits.tickets_of(id, others) {
            if !self.upstream.requests.is_relaying(ticket) {
                self.send_on(ticket, out);
            }
        }
    }

    /// IRR: the answer to an IRQ, or sent by itself, then with an answer or without.
    fn handle_irr(
        &mut self,
        asked: &EndpointMessage<'_>,
        irr: InfoRequestResponse,
        out: &mut Vec<Output>,
    ) {
        let endpoints = &self.downstream.endpoints;
        let named = from_bmp(&irr.endpoint_identifier);
        let Some(id) = endpoints.find_sender(&named, asked.from) else {
            if irr.need_response == Some(true) {
                self.turn_down(asked, Why::NotRegistered, out);
            }
            self.stats.ignored += 1;
            return;
        };
        self.downstream.note_message(id, self.now);
        self.relay.calls.on_irr(&irr, (id, &named), self.now, out);
        let needs = irr.need_response == Some(true);
        let message = RasMessage::InfoRequestResponse(irr);
        if self.downstream.requests.answers(id, asked.seq, asked.kind) {
            self.handle_answer(asked, message, out);
        } else if needs {
            self.relay_request(id, asked, out);
        } else {
            self.inform(id, message, out);
        }
    }

    /// Sends a message to the gatekeeper that has no answer.
    fn inform(&mut self, id: EntryId, mut message: RasMessage, out: &mut Vec<Output>) {
        let names = self.names_at_gatekeeper(id);
        let (Some((to, names)), Some(seq)) = (names, self.upstream.requests.next_number()) else {
            return;
        };
        message.set_request_seq_num(seq);
        if self.upstream.state(id) == Some(UpstreamState::Registered)
            && translate::to_gatekeeper(&mut message, &names)
            && let Ok(payload) = encode_ras(&message)
        {
            self.stats.relayed += 1;
            let way = (names.ras_address, to);
            out.push((self.upstream.requests).send_once(seq, way, payload, self.now));
        }
    }
}
