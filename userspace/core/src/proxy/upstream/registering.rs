//! Full RRQs at the rate, keep-alives in time, and what the answers to them bring about.

use std::net::SocketAddr;

use rasline_h225::text::to_transport;
use rasline_h225::types::{
    InfoRequestResponse, RasMessage, RegistrationConfirm, RegistrationReject,
    RegistrationRejectReason as Rrj,
};

use super::own_admissions::{answer_admission, refuse_admission};
use super::queue::Lane;
use super::requests_to_gatekeeper::{OverdueRequest, Purpose, RequestToGatekeeper};
use super::{GatekeeperSide, REST, SILENT};
use crate::Time;
use crate::proxy::endpoints::{Endpoints, GATEWAY};
use crate::proxy::identity::UpstreamIdentity;
use crate::proxy::{EntryId, Output, UpstreamState, rrq};

/// What follows from a gatekeeper's answer for the other side.
pub(in crate::proxy) enum FollowUp {
    Nothing,
    /// This endpoint is registered.
    Registered(EntryId, Box<RegistrationConfirm>),
    /// The gatekeeper does not want these endpoints. [`GatekeeperSide::go_on_carrying`] comes then.
    TurnedAway(Vec<(EntryId, RegistrationReject)>),
    /// The gateway carries these endpoints: [`GatekeeperSide::confirm_carried`] says which of them are to be told, and
    /// [`GatekeeperSide::conclude_carrying`] comes then.
    Carried {
        ids: Vec<EntryId>,
        gatekeeper: SocketAddr,
        rcf: Box<RegistrationConfirm>,
        /// The RRQ that was confirmed.
        full: Box<[u8]>,
    },
    /// The request with this ticket was answered.
    Answered(u64, Box<RasMessage>),
}

impl GatekeeperSide {
    /// Sends the full RRQ whose turn it is. False: it is nobody's.
    pub fn register_next(
        &mut self,
        endpoints: &Endpoints,
        now: Time,
        out: &mut Vec<Output>,
    ) -> bool {
        if !self.may_register() {
            return false;
        }
        match self.queue.pop(now) {
            None => return false,
            Some(GATEWAY) => self.register_gateway(endpoints, now, out),
            Some(id) => self.register(id, endpoints, now, out),
        }
        true
    }

    /// Sends an endpoint's full RRQ, or repeats it. Only what it adds is sent to a gatekeeper that takes additive RRQs.
    fn register(&mut self, id: EntryId, endpoints: &Endpoints, now: Time, out: &mut Vec<Output>) {
        let (Some(to), Some(registration), Some(endpoint)) =
            (self.active, self.registrations.get(id), endpoints.get(id))
        else {
            return;
        };
        if let Some(seq) = registration.request {
            return self.repeat_registration(seq, now, out);
        }
        let identity = &registration.identity;
        let here = identity.gatekeeper == Some(to);
        let adds = here && identity.additive && !identity.is_over(now);
        let added = endpoint.adding.as_deref().filter(|_| adds);
        let said = rrq::parse(added.unwrap_or_else(|| endpoint.newest_rrq()));
        let said = said.map(|said| rrq::name_upstream(said, registration.signalling));
        let from = self.sources.source_of(endpoint, to);
        let (Some(said), Some(from), Some(seq)) = (said, from, self.requests.next_number()) else {
            return;
        };
        let Ok(octets) = rrq::make_full(said, seq, here.then_some(identity), from) else {
            self.counts.unsendable += 1;
            return;
        };
        if let Some(address) = endpoint.signalling {
            self.requests.stop_leaving(address, now);
        }
        self.count_full(now);
        let purpose = Purpose::Register(id);
        out.push(self.requests.send(seq, (from, to), octets, purpose, now));
        self.registrations.set_state(id, UpstreamState::Asked);
        if let Some(registration) = self.registrations.get_mut(id) {
            registration.request = Some(seq);
        }
    }

    pub(super) fn count_full(&mut self, now: Time) {
        self.counts.full += 1;
        self.queue.note_sent(now);
    }

    pub(super) fn repeat_registration(&mut self, seq: u16, now: Time, out: &mut Vec<Output>) {
        if let Some(output) = self.requests.repeat(seq, now) {
            self.count_full(now);
            out.push(output);
        }
    }

    pub(super) fn schedule_keep_alive(&mut self, id: EntryId, now: Time) {
        if self.is_aggregate {
            self.keep_alives
                .schedule_gateway(&self.gateway.identity, now);
        } else if let Some(registration) = self.registrations.get(id) {
            self.keep_alives.schedule(id, &registration.identity, now);
        }
    }

    /// Sends the keep-alive that is due first. False: none is.
    pub fn send_due_keep_alive(
        &mut self,
        endpoints: &Endpoints,
        now: Time,
        out: &mut Vec<Output>,
    ) -> bool {
        match self.keep_alives.pop(now) {
            None => return false,
            Some(GATEWAY) => self.send_gateway_keep_alive(now, out),
            Some(id) => self.send_keep_alive(id, endpoints, now, out),
        }
        true
    }

    fn send_keep_alive(
        &mut self,
        id: EntryId,
        endpoints: &Endpoints,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let (Some(to), Some(registration), Some(endpoint)) =
            (self.active, self.registrations.get(id), endpoints.get(id))
        else {
            return;
        };
        if !self.is_registered_at(id, to) {
            return;
        }
        let identity = &registration.identity;
        if identity.is_over(now) {
            self.registrations.forget_identity(id);
            return self.enqueue(id, Lane::Quiet);
        }
        let (Some(full), Some(seq)) = (rrq::parse(&endpoint.full), self.requests.next_number())
        else {
            return self.keep_alives.try_again(id, now);
        };
        let Some(from) = self.sources.source_of(endpoint, to) else {
            return;
        };
        let full = rrq::name_upstream(full, registration.signalling);
        let Ok(octets) = rrq::make_keep_alive(full, seq, identity, from) else {
            return;
        };
        self.counts.lightweight += 1;
        let purpose = Purpose::KeepAlive(id);
        out.push(self.requests.send(seq, (from, to), octets, purpose, now));
    }

    fn is_registered_at(&self, id: EntryId, gatekeeper: SocketAddr) -> bool {
        let registration = self.registrations.get(id);
        self.is_registered(id)
            && registration.is_some_and(|one| one.identity.gatekeeper == Some(gatekeeper))
    }

    /// Sends the request again that is due first, or gives it up.
    pub fn expire_request(&mut self, endpoints: &Endpoints, now: Time, out: &mut Vec<Output>) {
        match self.requests.expire(now) {
            None => {}
            Some(OverdueRequest::SentAgain(output)) => out.push(output),
            Some(OverdueRequest::RegisterAgain(id)) => self.enqueue(id, Lane::Quiet),
            Some(OverdueRequest::CarryAgain) => self.queue.push(GATEWAY, Lane::Wanted),
            Some(OverdueRequest::GivenUp(request)) => {
                self.on_given_up(request, endpoints, now, out);
            }
        }
    }

    fn on_given_up(
        &mut self,
        request: RequestToGatekeeper,
        endpoints: &Endpoints,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        match request.purpose {
            Purpose::Register(id) => {
                if let Some(endpoint) = endpoints.get(id)
                    && let Some(event) =
                        (self.sources).note_unanswered(request.to, request.from, endpoint)
                {
                    out.push(Output::Event(event));
                }
                self.end_registration(id, UpstreamState::Queued);
                self.retries.set(id, now.after(SILENT));
            }
            Purpose::Carry(ids) => self.carry_again(&ids, SILENT, now),
            Purpose::KeepAlive(id) => self.try_keep_alive_again(id, now),
            Purpose::Admit(ticket) => out.push(refuse_admission(ticket)),
            // The endpoint's request waits on for a gatekeeper that answers, until its patience is over.
            Purpose::Relay { .. } | Purpose::Leave(_) | Purpose::Abandoned => {}
        }
    }

    fn end_registration(&mut self, id: EntryId, state: UpstreamState) {
        if let Some(registration) = self.registrations.get_mut(id) {
            registration.request = None;
        }
        self.registrations.set_state(id, state);
    }

    /// A keep-alive without an answer is tried again, until timeToLive is over.
    fn try_keep_alive_again(&mut self, id: EntryId, now: Time) {
        if id == GATEWAY || self.is_registered(id) {
            self.keep_alives.try_again(id, now);
        }
    }

    /// Notes a message of this gatekeeper to the address that a request under way came from; whether it answers that, or says
    /// that it will.
    pub fn note_message(
        &mut self,
        (gatekeeper, source): (SocketAddr, SocketAddr),
        answers: bool,
        now: Time,
    ) {
        self.sources.note_answered(gatekeeper, source);
        if answers {
            self.last_answer = Some((gatekeeper, now));
        }
    }

    /// Notes how many milliseconds the answer to a request takes (RIP).
    pub fn on_rip(&mut self, seq: u16, delay: u16, now: Time) {
        match self.requests.get(seq).map(|request| &request.purpose) {
            Some(Purpose::Register(id)) => self.queue.remove(*id),
            Some(Purpose::Carry(_)) => self.queue.remove(GATEWAY),
            _ => {}
        }
        let delay = std::time::Duration::from_millis(delay.into());
        self.requests.postpone(seq, delay, now);
    }

    /// Ends the request that a message answers, and says what follows.
    pub fn on_answer(
        &mut self,
        seq: u16,
        message: RasMessage,
        endpoints: &Endpoints,
        now: Time,
        out: &mut Vec<Output>,
    ) -> FollowUp {
        let Some(request) = self.requests.finish(seq, now) else {
            return FollowUp::Nothing;
        };
        let RequestToGatekeeper {
            from,
            to,
            octets,
            purpose,
            ..
        } = request;
        match (purpose, message) {
            (Purpose::Register(id), RasMessage::RegistrationConfirm(rcf)) => {
                self.sources.note_accepted(to, from, &octets);
                return self.on_rcf((id, to), rcf, endpoints, now, out);
            }
            (Purpose::Register(id), RasMessage::RegistrationReject(rrj)) => {
                return self.on_rrj((id, to), rrj);
            }
            (Purpose::Register(id), _) => {
                // XRS: it does not understand an RRQ; it will not answer the next one either.
                self.end_registration(id, UpstreamState::Refused);
                self.retries.set(id, now.after(REST));
            }
            (Purpose::Carry(ids), RasMessage::RegistrationConfirm(rcf)) => {
                self.sources.note_accepted(to, from, &octets);
                self.on_gateway_rcf((from, to), &rcf, now, out);
                return FollowUp::Carried {
                    ids,
                    gatekeeper: to,
                    rcf: Box::new(rcf),
                    full: octets,
                };
            }
            (Purpose::Carry(ids), RasMessage::RegistrationReject(rrj)) => {
                return self.on_gateway_rrj(&ids, &rrj, endpoints, out);
            }
            (Purpose::Carry(ids), _) => self.carry_again(&ids, REST, now),
            (Purpose::Abandoned, RasMessage::RegistrationConfirm(rcf)) => {
                self.undo((from, to), &octets, rcf, endpoints, now, out);
            }
            (Purpose::KeepAlive(GATEWAY), message) => {
                self.on_gateway_keep_alive_answer(to, &message, now, out);
            }
            (Purpose::KeepAlive(id), message) => self.on_keep_alive_answer((id, to), message, now),
            (Purpose::Admit(ticket), message) => {
                out.push(answer_admission(ticket, &octets, &message));
            }
            (Purpose::Relay { ticket, .. }, message) => {
                return FollowUp::Answered(ticket, Box::new(message));
            }
            (Purpose::Leave(_) | Purpose::Abandoned, _) => {}
        }
        FollowUp::Nothing
    }

    /// An endpoint's full RRQ was confirmed. The gatekeeper that served before gets one URQ.
    fn on_rcf(
        &mut self,
        (id, from): (EntryId, SocketAddr),
        mut rcf: RegistrationConfirm,
        endpoints: &Endpoints,
        now: Time,
        out: &mut Vec<Output>,
    ) -> FollowUp {
        let (Some(registration), Some(endpoint)) =
            (self.registrations.get_mut(id), endpoints.get(id))
        else {
            return FollowUp::Nothing;
        };
        registration.request = None;
        let (before, signalling) = (registration.identity.clone(), registration.signalling);
        if endpoint.adding.is_some() && before.gatekeeper == Some(from) {
            // Fields that are left out are as before.
            rcf.time_to_live = rcf.time_to_live.or(before.ttl);
            let named = before.gatekeeper_identifier.clone();
            rcf.gatekeeper_identifier = rcf.gatekeeper_identifier.or(named);
        }
        self.take_rcf(id, from, &rcf, now);
        if let Some(old) = before.gatekeeper.filter(|old| *old != from)
            && let Some(source) = self.sources.source_of(endpoint, old)
        {
            let way = ((source, old), signalling);
            self.send_urq_once(&endpoint.full, &before, way, now, out);
        }
        FollowUp::Registered(id, Box::new(rcf))
    }

    fn take_rcf(&mut self, id: EntryId, from: SocketAddr, rcf: &RegistrationConfirm, now: Time) {
        self.registrations.take_rcf(id, from, rcf, now);
        self.schedule_keep_alive(id, now);
    }

    /// An endpoint's full RRQ was rejected.
    fn on_rrj(&mut self, (id, from): (EntryId, SocketAddr), rrj: RegistrationReject) -> FollowUp {
        self.counts.rejected += 1;
        let Some(registration) = self.registrations.get_mut(id) else {
            return FollowUp::Nothing;
        };
        registration.request = None;
        let identity = &mut registration.identity;
        let forgotten = matches!(
            rrj.reject_reason,
            Rrj::FullRegistrationRequired | Rrj::DiscoveryRequired
        );
        if forgotten && identity.gatekeeper == Some(from) && identity.identifier.is_some() {
            // It knows neither identifier any more: without them, then.
            self.registrations.forget_identity(id);
        } else if rrj.reject_reason == Rrj::AdditiveRegistrationNotSupported && identity.additive {
            identity.additive = false;
        } else {
            return FollowUp::TurnedAway(vec![(id, rrj)]);
        }
        self.enqueue(id, Lane::Quiet);
        FollowUp::Nothing
    }

    /// Confirmed, and nobody waits for it: its endpoint left, or another gatekeeper serves. Undone by a URQ, unless an
    /// endpoint with this callSignalAddress is registered there, or about to be.
    fn undo(
        &mut self,
        (from, to): (SocketAddr, SocketAddr),
        full: &[u8],
        rcf: RegistrationConfirm,
        endpoints: &Endpoints,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let address = rrq::parse(full).map(|rrq| rrq::signalling_address(&rrq, to));
        let heir = address.and_then(|address| {
            let own = endpoints.by_signalling(address);
            own.or_else(|| self.find_by_signalling(address))
        });
        let is_needed = heir
            .and_then(|id| self.registrations.get(id))
            .is_some_and(|one| self.active == Some(to) || one.identity.gatekeeper == Some(to));
        if is_needed {
            return;
        }
        let identity = UpstreamIdentity {
            identifier: Some(rcf.endpoint_identifier),
            gatekeeper_identifier: rcf.gatekeeper_identifier,
            ..UpstreamIdentity::default()
        };
        self.send_urq_once(full, &identity, ((from, to), None), now, out);
    }

    /// Handles the answer to an endpoint's keep-alive. After anything but an RCF the endpoint is registered again.
    fn on_keep_alive_answer(
        &mut self,
        (id, from): (EntryId, SocketAddr),
        message: RasMessage,
        now: Time,
    ) {
        if !self.is_registered_at(id, from) {
            return;
        }
        let RasMessage::RegistrationConfirm(mut rcf) = message else {
            self.registrations.forget_identity(id);
            return self.enqueue(id, Lane::Quiet);
        };
        if let Some(registration) = self.registrations.get(id) {
            let before = &registration.identity;
            rcf.time_to_live = rcf.time_to_live.or(before.ttl);
            if rcf.gatekeeper_identifier.is_none() {
                rcf.gatekeeper_identifier
                    .clone_from(&before.gatekeeper_identifier);
            }
        }
        self.take_rcf(id, from, &rcf, now);
    }

    /// An IRR with this number for the endpoint whose keep-alive is due first: as a rule the one that was confirmed longest
    /// ago; or for the gateway. `asked_at`: the address that the gatekeeper asked.
    pub fn report(
        &self,
        seq: u16,
        asked_at: SocketAddr,
        endpoints: &Endpoints,
    ) -> Option<(EntryId, InfoRequestResponse)> {
        let id = self.keep_alives.first()?;
        let irr = if id == GATEWAY {
            let gateway = &self.gateway;
            let way = (self.sources.own()?, None);
            make_irr(seq, &gateway.full, &gateway.identity, way)
        } else {
            let registration = self.registrations.get(id)?;
            let way = (asked_at, registration.signalling);
            make_irr(seq, &endpoints.get(id)?.full, &registration.identity, way)
        };
        Some((id, irr?))
    }
}

/// An IRR that says what this full RRQ registered.
fn make_irr(
    seq: u16,
    full: &[u8],
    identity: &UpstreamIdentity,
    (ras, signalling): (SocketAddr, Option<SocketAddr>),
) -> Option<InfoRequestResponse> {
    let full = rrq::name_upstream(rrq::parse(full)?, signalling);
    let identifier = identity.identifier.clone()?;
    let mut irr = InfoRequestResponse::new(seq, full.terminal_type, identifier, to_transport(ras));
    irr.call_signal_address = full.call_signal_address;
    irr.endpoint_alias = full.terminal_alias;
    irr.need_response = Some(false);
    irr.unsolicited = Some(false);
    Some(irr)
}
