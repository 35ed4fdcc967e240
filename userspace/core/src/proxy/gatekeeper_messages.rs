//! What comes from gatekeepers: answers by our numbers, and requests for endpoints.

use std::net::SocketAddr;

use rasline_h225::messages::{ucf, urj};
use rasline_h225::text::from_transport;
use rasline_h225::types::{
    BmpString, DisengageConfirm, DisengageRequest, InfoRequest, InfoRequestResponseStatus,
    RasMessage, RegistrationConfirm, RegistrationReject, RegistrationRejectReason as Rrj,
    UnregRejectReason, UnregRequestReason, UnregistrationRequest,
};
use rasline_h225::{RasKind, decode_ras, encode_ras, header, renumbered};

use super::addressee::find_addressee;
use super::endpoints::GATEWAY;
use super::machine::Proxy;
use super::message::{GatekeeperMessage, GatekeeperRequest, has_no_identifiers};
use super::refuse::{Why, not_understood, refusal};
use super::relay::call_ref::CallReference;
use super::translate;
use super::upstream::FollowUp;
use super::upstream::requests_to_gatekeeper::Purpose;
use super::{EntryId, Event, Output, signalled_calls};
use crate::octets;
use crate::ras_server::{CallFact, Ended};
use crate::transaction::RequestKey;

impl Proxy {
    /// Takes a message that came from a gatekeeper to an address of ours, or of an endpoint.
    pub(super) fn handle_gatekeeper_message(
        &mut self,
        said: GatekeeperMessage<'_>,
        out: &mut Vec<Output>,
    ) {
        let Ok(message) = decode_ras(said.payload) else {
            return self.handle_undecodable_gatekeeper_message(said, out);
        };
        let (kind, seq) = (message.kind(), message.request_seq_num());
        // A NonStandard that has the number of one of ours is taken for its answer.
        let is_answer = kind == RasKind::NonStandardMessage
            && (self.upstream.requests.get(seq))
                .is_some_and(|one| one.purpose.kind() == RasKind::NonStandardMessage);
        if kind.is_request() && !is_answer {
            return self.handle_gatekeeper_request(said, message, out);
        }
        let request = self.upstream.requests.get(seq);
        let Some(request) = request.filter(|one| one.is_between(said.from, said.to)) else {
            return self.handle_unawaited(said, seq, out);
        };
        let (asked, way) = (request.purpose.kind(), (request.to, request.from));
        let is_rip = kind == RasKind::RequestInProgress;
        self.upstream
            .note_message(way, is_rip || kind.answers(asked), self.now);
        self.note_alternates(way.0, &message, out);
        match message {
            RasMessage::RequestInProgress(rip) => self.upstream.on_rip(seq, rip.delay, self.now),
            message if kind.answers(asked) => {
                let endpoints = &self.downstream.endpoints;
                let follow_up = self
                    .upstream
                    .on_answer(seq, message, endpoints, self.now, out);
                self.follow_up(follow_up, out);
            }
            _ => self.stats.ignored += 1,
        }
    }

    fn note_alternates(
        &mut self,
        gatekeeper: SocketAddr,
        message: &RasMessage,
        out: &mut Vec<Output>,
    ) {
        let event = self.upstream.note_alternates(gatekeeper, message);
        out.extend(event.map(Output::Event));
    }

    /// Carries over to the endpoints what follows from an answer.
    fn follow_up(&mut self, follow_up: FollowUp, out: &mut Vec<Output>) {
        match follow_up {
            FollowUp::Nothing => {}
            FollowUp::Answered(ticket, message) => self.relay_answer(ticket, *message, out),
            FollowUp::Registered(id, rcf) => self.confirm_endpoint(id, &rcf, out),
            FollowUp::TurnedAway(all) => {
                for (id, rrj) in all {
                    self.turn_away(id, &rrj, out);
                }
                self.upstream.go_on_carrying();
            }
            FollowUp::Carried {
                ids,
                gatekeeper,
                rcf,
                full,
            } => {
                for id in ids {
                    if self.upstream.confirm_carried(id, gatekeeper) {
                        let own = self.downstream.rcf_of_carried(id, &rcf);
                        self.confirm_endpoint(id, &own, out);
                    }
                }
                let endpoints = &self.downstream.endpoints;
                self.upstream.conclude_carrying(full, endpoints, out);
            }
        }
    }

    /// The gatekeeper answered an endpoint's request.
    fn relay_answer(&mut self, ticket: u64, mut message: RasMessage, out: &mut Vec<Output>) {
        let Some(wait) = self.relay.waits.get(ticket) else {
            return;
        };
        let endpoint = self.downstream.endpoints.get(wait.id);
        let Some(names) = endpoint.and_then(|one| self.downstream.names_of(one)) else {
            return;
        };
        if let Some(gatekeeper) = self.upstream.active().filter(|_| self.ends_calls()) {
            let fact = signalled_calls::admitted(wait.id, &wait.payload, &message, gatekeeper);
            out.extend(fact.map(Output::Call));
        }
        message.set_request_seq_num(wait.seq);
        translate::to_endpoint(&mut message, &names);
        match encode_ras(&message) {
            Ok(octets) => self.answer(ticket, octets, out),
            Err(_) => self.refuse(ticket, Why::Unavailable, out),
        }
    }

    // Registrations.

    /// Confirms an endpoint that the gatekeeper has registered, and sends what waited for that.
    fn confirm_endpoint(&mut self, id: EntryId, rcf: &RegistrationConfirm, out: &mut Vec<Output>) {
        if let Some(endpoint) = self.downstream.endpoints.get_mut(id)
            && let Some(wanted) = endpoint.wanted.take()
        {
            endpoint.full = wanted;
            endpoint.adding = None;
        }
        self.upstream.set_registered(id);
        self.report_registered(id, out);
        if let Some(gatekeeper) = self.upstream.active().filter(|_| self.ends_calls()) {
            out.push(Output::Call(CallFact::RegisteredWith {
                endpoint: id,
                gatekeeper,
            }));
        }
        self.send_rcf(id, rcf, out);
        for other in self.downstream.apply_rrq(id) {
            self.end(other, Ended::Replaced, out);
        }
        self.store(id, out);
        self.upstream.note_moved(id, true, out);
        self.send_waiting(id, out);
    }

    /// Answers the full RRQs of an endpoint that wait.
    fn send_rcf(&mut self, id: EntryId, rcf: &RegistrationConfirm, out: &mut Vec<Output>) {
        let is_rrq = |kind| kind == RasKind::RegistrationRequest;
        let tickets = self.relay.waits.tickets_of(id, is_rrq);
        if tickets.is_empty() {
            return;
        }
        let Some(mut grant) = self.downstream.grant(id, rcf) else {
            return;
        };
        for ticket in tickets {
            let Some(seq) = self.relay.waits.get(ticket).map(|wait| wait.seq) else {
                continue;
            };
            grant.rcf.set_request_seq_num(seq);
            if let Ok(octets) = encode_ras(&grant.rcf) {
                self.stats.full += 1;
                if let Some(endpoint) = self.downstream.endpoints.get_mut(id) {
                    endpoint.rcf = octets::full(&octets);
                }
                self.answer(ticket, octets, out);
            }
        }
        if grant.changes_ttl {
            // The kernel would tell the one before.
            out.extend(self.downstream.withdraw(id));
        }
        self.downstream.renew(id, self.now);
        if let Some(endpoint) = self.downstream.endpoints.get(id).filter(|_| grant.is_first) {
            out.push(Output::Event(Event::Endpoint(endpoint.registered())));
        }
    }

    /// Rejects an endpoint that the gatekeeper rejected. Its registration ends if it waits for the answer.
    fn turn_away(&mut self, id: EntryId, rrj: &RegistrationReject, out: &mut Vec<Output>) {
        let Some(endpoint) = self.downstream.endpoints.get(id) else {
            return;
        };
        if endpoint.adding.is_some() {
            return self.reject_addition(id, rrj, out);
        }
        let event = endpoint.rejected(&rrj.reject_reason);
        out.push(Output::Event(Event::Endpoint(event)));
        if rrj.reject_reason == Rrj::InvalidCallSignalAddress {
            let event = self.upstream.note_address_refused(endpoint);
            out.extend(event.map(Output::Event));
        }
        self.upstream.set_refused(id, self.now);
        self.upstream.note_moved(id, false, out);
        let told = self.send_rrj(id, rrj, out);
        for ticket in self.relay.waits.tickets_of(id, |_| true) {
            self.refuse(ticket, Why::NotRegistered, out);
        }
        if told {
            self.end(id, Ended::NotAllowed, out);
        }
    }

    /// Rejects an additive registration that the gatekeeper rejected. The endpoint stays registered as before.
    fn reject_addition(&mut self, id: EntryId, rrj: &RegistrationReject, out: &mut Vec<Output>) {
        if let Some(endpoint) = self.downstream.endpoints.get_mut(id) {
            (endpoint.wanted, endpoint.adding) = (None, None);
        }
        self.upstream.set_doubtful(id);
        self.send_rrj(id, rrj, out);
        self.upstream.settle(id, self.now);
        if self.upstream.is_registered(id) {
            self.send_waiting(id, out);
        }
    }

    /// Answers the full RRQs of an endpoint that wait. True if there were any.
    fn send_rrj(&mut self, id: EntryId, rrj: &RegistrationReject, out: &mut Vec<Output>) -> bool {
        let is_rrq = |kind| kind == RasKind::RegistrationRequest;
        let tickets = self.relay.waits.tickets_of(id, is_rrq);
        for ticket in &tickets {
            self.stats.rejected += 1;
            self.relay_answer(*ticket, RasMessage::RegistrationReject(rrj.clone()), out);
        }
        !tickets.is_empty()
    }

    // What is nobody's answer, or cannot be decoded.

    /// What does not decode goes on as it is where nothing in it is to be translated.
    fn handle_undecodable_gatekeeper_message(
        &mut self,
        said: GatekeeperMessage<'_>,
        out: &mut Vec<Output>,
    ) {
        self.stats.malformed += 1;
        let Some(header) = header(said.payload) else {
            return self.pass_on(said, out);
        };
        let request = self.upstream.requests.get(header.seq);
        let awaited = request.filter(|one| one.is_between(said.from, said.to));
        match awaited.map(|one| &one.purpose) {
            Some(Purpose::Relay { ticket, kind }) if header.kind.answers(*kind) => {
                self.relay_raw_answer(*ticket, header.kind, said.payload, out);
            }
            _ if header.kind.is_request() => {
                self.reject_undecodable_request(said, header.seq, out);
            }
            None => self.handle_unawaited(said, header.seq, out),
            Some(_) => {}
        }
    }

    fn relay_raw_answer(
        &mut self,
        ticket: u64,
        kind: RasKind,
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        let wait = self
            .relay
            .waits
            .get(ticket)
            .filter(|_| has_no_identifiers(kind));
        match wait.and_then(|wait| renumbered(payload, wait.seq)) {
            Some(octets) => {
                self.stats.raw += 1;
                self.answer(ticket, octets, out);
            }
            // It cannot be passed on without what endpoints must not see, so the endpoint gets a reject.
            None => self.refuse(ticket, Why::Unavailable, out),
        }
    }

    /// A request for the proxy gets an XRS, if it is of the gatekeeper that serves.
    fn reject_undecodable_request(
        &mut self,
        said: GatekeeperMessage<'_>,
        seq: u16,
        out: &mut Vec<Output>,
    ) {
        if self.upstream.is_endpoints(said.to) && self.find_resident(said.to).is_none() {
            return self.pass_on(said, out);
        }
        if let Ok(payload) = encode_ras(&not_understood(seq, said.payload))
            && self.upstream.is_active(said.from)
        {
            let (from, to) = (said.to, said.from);
            out.push(Output::ToGatekeeper { from, to, payload });
        }
    }

    /// An answer to nothing that is under way: a late one is ignored, another one is not the proxy's.
    fn handle_unawaited(&mut self, said: GatekeeperMessage<'_>, seq: u16, out: &mut Vec<Output>) {
        let requests = &self.upstream.requests;
        let earlier = requests.are_young(self.now) && self.find_resident(said.to).is_some();
        if earlier || requests.is_late(seq, self.now, (said.from, said.to)) {
            self.stats.ignored += 1;
        } else {
            self.pass_on(said, out);
        }
    }

    /// A message of a gatekeeper that is not the proxy's: its endpoint gets it as it is.
    fn pass_on(&mut self, said: GatekeeperMessage<'_>, out: &mut Vec<Output>) {
        self.stats.ignored += 1;
        let (from, to) = (said.from, said.to);
        if self.upstream.is_endpoints(to) {
            let payload = said.payload.to_vec();
            out.push(Output::ToEndpoint { from, to, payload });
        }
    }

    /// The endpoint of the proxy at this RAS address; of several, a registered one before others, and of these the one
    /// that was confirmed longest ago.
    fn find_resident(&self, address: SocketAddr) -> Option<EntryId> {
        let all = self.downstream.endpoints.by_ras(address);
        all.min_by_key(|id| self.upstream.rank(*id))
    }

    // Requests.

    fn handle_gatekeeper_request(
        &mut self,
        said: GatekeeperMessage<'_>,
        message: RasMessage,
        out: &mut Vec<Output>,
    ) {
        let GatekeeperMessage { from, to, payload } = said;
        // Endpoint that the message was sent to, if the message itself names none.
        let to_endpoint = self.upstream.is_endpoints(to);
        let resident = self.find_resident(to).filter(|_| to_endpoint);
        if to_endpoint && resident.is_none() {
            return self.pass_on(said, out);
        }
        if !self.upstream.is_active(from) {
            self.stats.ignored += 1;
            return;
        }
        let asker = GatekeeperRequest {
            gatekeeper: from,
            asked_at: to,
            seq: message.request_seq_num(),
            key: RequestKey::at(to, from, payload),
        };
        if let Some(output) = self.find_repetition(&asker) {
            self.stats.repeated += 1;
            return out.push(output);
        }
        if let RasMessage::UnregistrationRequest(urq) = &message {
            return self.handle_gatekeeper_urq(&asker, urq, out);
        }
        let named = |identifier: &BmpString| self.upstream.by_identifier(identifier);
        let addressee = find_addressee(&message, resident, named, &self.relay.calls);
        match (addressee, &message) {
            (Some(id), RasMessage::DisengageRequest(drq)) if self.ends_calls() => {
                self.take_disengage(id, &asker, drq, out);
            }
            (Some(id), _) => self.relay_to_endpoint(id, asker, message, out),
            (None, RasMessage::InfoRequest(irq)) => self.answer_irq(&asker, irq, out),
            (None, _) => self.reject_gatekeeper_request(&asker, &message, payload, out),
        }
    }

    /// What a retransmission of a gatekeeper's request brings about: the same again.
    fn find_repetition(&self, asker: &GatekeeperRequest) -> Option<Output> {
        let repeated = self.downstream.requests.repeat(asker.key);
        repeated.or_else(|| {
            let answer = self.relay.find_answer(asker.key, self.now)?;
            Some(asker.answer(answer.octets.to_vec()))
        })
    }

    /// The gatekeeper ends a call whose signalling ends here: the endpoint learns it by that, if it comes to that.
    fn take_disengage(
        &mut self,
        id: EntryId,
        asker: &GatekeeperRequest,
        drq: &DisengageRequest,
        out: &mut Vec<Output>,
    ) {
        if let Ok(octets) = encode_ras(&RasMessage::DisengageConfirm(DisengageConfirm::new(
            asker.seq,
        ))) {
            self.answer_gatekeeper(asker, octets, out);
        }
        if let Some(gatekeeper) = self.upstream.active() {
            out.extend(signalled_calls::disengaged(id, drq, gatekeeper).map(Output::Call));
        }
    }

    fn relay_to_endpoint(
        &mut self,
        id: EntryId,
        asker: GatekeeperRequest,
        message: RasMessage,
        out: &mut Vec<Output>,
    ) {
        let Some(endpoint) = self.downstream.endpoints.get(id) else {
            return;
        };
        let names = self.downstream.names_of(endpoint);
        let (Some(names), Some(seq)) = (names, self.downstream.requests.next_number()) else {
            self.stats.overflowed += 1;
            return;
        };
        let output = self
            .downstream
            .relay((seq, id), asker, &names, message, self.now);
        self.stats.relayed_down += u64::from(output.is_some());
        out.extend(output);
    }

    fn reject_gatekeeper_request(
        &mut self,
        asker: &GatekeeperRequest,
        message: &RasMessage,
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        self.stats.ignored += 1;
        let refusal = refusal(message.kind(), asker.seq, Why::NotRegistered, payload);
        if let Some(octets) = refusal.and_then(|message| encode_ras(&message).ok()) {
            self.answer_gatekeeper(asker, octets, out);
        }
    }

    /// The gatekeeper unregisters an endpoint, or the gateway: registered again, unless it is not wanted there.
    fn handle_gatekeeper_urq(
        &mut self,
        asker: &GatekeeperRequest,
        urq: &UnregistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let named = urq.endpoint_identifier.as_ref();
        if named.is_some_and(|named| self.upstream.is_gateway(named)) {
            if let Ok(octets) = encode_ras(&ucf(asker.seq)) {
                self.answer_gatekeeper(asker, octets, out);
            }
            return self.upstream.forget_gateway(out);
        }
        let mut addresses = urq.call_signal_address.iter().filter_map(from_transport);
        let id = match named {
            Some(named) => self.upstream.by_identifier(named),
            None => addresses
                .find_map(|address| {
                    let own = self.downstream.endpoints.by_signalling(address);
                    own.or_else(|| self.upstream.find_by_signalling(address))
                })
                .or_else(|| self.find_resident(asker.asked_at)),
        };
        let answer = match id {
            Some(_) => ucf(asker.seq),
            None => urj(asker.seq, UnregRejectReason::NotCurrentlyRegistered),
        };
        let message = RasMessage::UnregistrationRequest(urq.clone());
        self.note_alternates(asker.gatekeeper, &message, out);
        if let Ok(octets) = encode_ras(&answer) {
            self.answer_gatekeeper(asker, octets, out);
        }
        if let Some(id) = id {
            self.on_unregistered(id, urq, out);
        }
    }

    fn on_unregistered(&mut self, id: EntryId, urq: &UnregistrationRequest, out: &mut Vec<Output>) {
        use UnregRequestReason as R;
        self.upstream.forget_identity(id);
        if let Some(gatekeeper) = self.upstream.active().filter(|_| self.ends_calls()) {
            let endpoint = id;
            let dismissed = CallFact::Dismissed {
                endpoint,
                gatekeeper,
            };
            out.push(Output::Call(dismissed));
        }
        match urq.reason {
            Some(R::SecurityDenial | R::SecurityError(_) | R::RegisterWithAssignedGk) => {
                let reason = R::ReregistrationRequired;
                self.dismiss(id, reason, Ended::NotAllowed, out);
            }
            _ => self.upstream.register_again(id, self.now),
        }
    }

    /// IRR in place of the endpoint that was confirmed longest ago. It names no calls, and says so where there are some. An
    /// IRQ about a call that nobody is known to be in is not answered: it is asked for again.
    fn answer_irq(&mut self, asker: &GatekeeperRequest, irq: &InfoRequest, out: &mut Vec<Output>) {
        if CallReference::by_irq(irq).is_some() {
            self.stats.ignored += 1;
            return;
        }
        let (endpoints, calls) = (&self.downstream.endpoints, &self.relay.calls);
        let reported = self.upstream.report(asker.seq, asker.asked_at, endpoints);
        let irr = reported.map(|(id, mut irr)| {
            let in_calls = calls.has(id) || id == GATEWAY && !calls.is_empty();
            irr.irr_status = in_calls.then_some(InfoRequestResponseStatus::Incomplete);
            RasMessage::InfoRequestResponse(irr)
        });
        match irr.and_then(|irr| encode_ras(&irr).ok()) {
            Some(octets) => self.answer_gatekeeper(asker, octets, out),
            None => self.stats.ignored += 1,
        }
    }
}
