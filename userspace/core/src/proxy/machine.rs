//! The whole proxy: its sides, its inputs, its clock.
//!
//! The methods stand in three files: here what is due and what both sides have to do when an endpoint comes to its end, in
//! `endpoint_messages` and `gatekeeper_messages` what a message brings about. Each part decides for itself; what follows
//! for another part is carried over here.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rasline_h225::types::{RasMessage, UnregRequestReason};
use rasline_h225::{RasKind, encode_ras, renumbered};

use super::downstream::EndpointSide;
use super::downstream::lifetimes::LifetimeStep;
use super::downstream::requests_to_endpoints::AnsweredRequest;
use super::endpoints::{Endpoint, GATEWAY};
use super::message::{EndpointMessage, GatekeeperMessage, GatekeeperRequest};
use super::refuse::{Why, refusal};
use super::relay::Relay;
use super::relay::waits::OverdueWait;
use super::stored::{restore_endpoint, store_endpoint};
use super::translate::{self, UpstreamNames};
use super::upstream::{GatekeeperSide, ask_admission};
use super::view::view_endpoint;
use super::{EntryId, Event, Input, Output, Settings, Stats, Stored, View, rrq, signalled_calls};
use crate::Time;
use crate::ras_server::{CallFact, Ended, OwnAdmission, StoredCall};

/// Timers handled, and RRQs sent, at most in one input; what is left is due still.
const AT_ONCE: usize = 1000;

/// Whose timer is due. Of those that are due at the same time, an earlier one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Lifetime,
    Retry,
    RequestToGatekeeper,
    Wait,
    RequestToEndpoint,
}

/// A proxy for the endpoints of one zone.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub(super) now: Time,
    settings: Settings,
    pub(super) downstream: EndpointSide,
    pub(super) upstream: GatekeeperSide,
    pub(super) relay: Relay,
    /// What the parts do not count themselves.
    pub(super) stats: Stats,
}

impl Proxy {
    /// A proxy without endpoints; no gatekeeper serves yet.
    #[must_use]
    pub fn new(settings: Settings, now: Time) -> Self {
        Self {
            now,
            downstream: EndpointSide::new(&settings),
            upstream: GatekeeperSide::new(&settings, now),
            relay: Relay::new(),
            stats: Stats::default(),
            settings,
        }
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        self.now = self.now.max(now);
        match input {
            Input::FromEndpoint { from, to, payload } => {
                self.handle_endpoint_message(from, to, payload, out);
            }
            Input::FromGatekeeper { from, to, payload } => {
                let said = GatekeeperMessage { from, to, payload };
                self.handle_gatekeeper_message(said, out);
            }
            Input::Active(gatekeeper) => self.activate(gatekeeper, out),
            Input::Due => self.expire(out),
            Input::Seen { id, at } => self.downstream.note_seen(id, at, self.now),
            Input::Restore(stored) => self.restore(&stored, out),
            Input::RestoreCall(stored) => self.restore_call(&stored, out),
            Input::AskAdmission(asked) => self.ask_admission(&asked, out),
            Input::Drop { id } => {
                let reason = UnregRequestReason::ReregistrationRequired;
                self.dismiss(id, reason, Ended::Dropped, out);
            }
        }
        self.register_next(out);
    }

    /// What it was given.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether rasline ends the call signalling of the zone.
    pub(super) const fn ends_calls(&self) -> bool {
        self.settings.call_signalling.is_some()
    }

    /// When [`Input::Due`] is wanted.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        let timer = self.next_timer().map(|(at, _)| at);
        let keep_alive = self.upstream.next_keep_alive();
        let registration = self.upstream.next_registration();
        let all = [timer, keep_alive, registration];
        all.into_iter().flatten().min()
    }

    /// The endpoints, in the order of their numbers.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        let mut all: Vec<View> = self
            .downstream
            .endpoints
            .iter()
            .filter(|(_, endpoint)| endpoint.confirmed)
            .filter_map(|(id, endpoint)| self.view_of(id, endpoint))
            .collect();
        all.sort_by_key(|view| view.id);
        all
    }

    /// When each endpoint was last heard of: number, address, timeToLive, time.
    pub fn last_seen(&self) -> impl Iterator<Item = (EntryId, SocketAddr, u32, Time)> {
        let all = self.downstream.endpoints.iter();
        let all = all.filter(|(_, endpoint)| endpoint.confirmed);
        all.map(|(id, one)| (id, one.address, one.time_to_live, one.last_seen))
    }

    /// The view of one endpoint.
    #[must_use]
    pub fn view(&self, id: EntryId) -> Option<View> {
        self.view_of(id, self.downstream.endpoints.get(id)?)
    }

    /// The gatekeeper that last answered a request of ours, and when: a sign that it lives.
    #[must_use]
    pub const fn last_answer(&self) -> Option<(SocketAddr, Time)> {
        self.upstream.last_answer()
    }

    /// Counts since the start, and what there is now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            endpoints: self.downstream.endpoints.len() as u64,
            waiting: self.relay.waits.len() as u64,
            calls: self.relay.calls.len() as u64,
            ..self.stats
        };
        self.upstream.add_counts(&mut stats);
        stats
    }

    fn view_of(&self, id: EntryId, endpoint: &Endpoint) -> Option<View> {
        let (identity, state) = (self.upstream.identity(id)?, self.upstream.state(id)?);
        let waiting = self.relay.waits.count_of(id);
        Some(view_endpoint(id, endpoint, (identity, state), waiting))
    }

    // What is due.

    fn next_timer(&self) -> Option<(Time, Timer)> {
        let all = [
            (self.downstream.next_lifetime(), Timer::Lifetime),
            (self.upstream.next_retry(), Timer::Retry),
            (
                self.upstream.requests.next_due(),
                Timer::RequestToGatekeeper,
            ),
            (self.relay.waits.next_due(), Timer::Wait),
            (
                self.downstream.requests.next_due(),
                Timer::RequestToEndpoint,
            ),
        ];
        let set = all.into_iter().filter_map(|(at, timer)| Some((at?, timer)));
        set.min()
    }

    fn expire(&mut self, out: &mut Vec<Output>) {
        for _ in 0..AT_ONCE {
            match self.next_timer().filter(|(at, _)| *at <= self.now) {
                None => break,
                Some((_, Timer::Lifetime)) => self.expire_lifetime(out),
                Some((_, Timer::Retry)) => self.upstream.expire_retry(self.now),
                Some((_, Timer::RequestToGatekeeper)) => {
                    let endpoints = &self.downstream.endpoints;
                    self.upstream.expire_request(endpoints, self.now, out);
                }
                Some((_, Timer::Wait)) => self.expire_wait(out),
                Some((_, Timer::RequestToEndpoint)) => {
                    out.extend(self.downstream.requests.expire(self.now));
                }
            }
        }
        for _ in 0..AT_ONCE {
            let endpoints = &self.downstream.endpoints;
            if !self.upstream.send_due_keep_alive(endpoints, self.now, out) {
                break;
            }
        }
    }

    fn expire_lifetime(&mut self, out: &mut Vec<Output>) {
        let Some((id, step)) = self.downstream.expire(self.now) else {
            return;
        };
        match step {
            LifetimeStep::Hold => {}
            LifetimeStep::Store => self.store(id, out),
            LifetimeStep::AskKernel => out.push(Output::AskSeen { id }),
            LifetimeStep::AskEndpoint => match self.downstream.requests.next_number() {
                Some(seq) => out.extend(self.downstream.poll(id, seq, self.now)),
                None => self.stats.overflowed += 1,
            },
            LifetimeStep::Expire => {
                self.stats.expired += 1;
                let reason = UnregRequestReason::TtlExpired;
                self.dismiss(id, reason, Ended::Expired, out);
            }
        }
    }

    fn expire_wait(&mut self, out: &mut Vec<Output>) {
        match self.relay.waits.expire(self.now) {
            None => {}
            Some(OverdueWait::TakesLong(ticket)) => self.send_rip(ticket, out),
            Some(OverdueWait::OutOfPatience(ticket)) => {
                let wait = self.relay.waits.get(ticket);
                let wait = wait.map(|wait| (wait.id, wait.kind));
                self.refuse(ticket, Why::Unavailable, out);
                if let Some((id, RasKind::RegistrationRequest)) = wait {
                    self.give_up_rrq(id, out);
                }
            }
        }
    }

    /// Sends the full RRQs whose turn it is.
    fn register_next(&mut self, out: &mut Vec<Output>) {
        for _ in 0..AT_ONCE {
            let endpoints = &self.downstream.endpoints;
            if !self.upstream.register_next(endpoints, self.now, out) {
                return;
            }
        }
    }

    /// Another gatekeeper serves: endpoints register there, and what waits goes there.
    fn activate(&mut self, gatekeeper: Option<SocketAddr>, out: &mut Vec<Output>) {
        let endpoints = &self.downstream.endpoints;
        if !self.upstream.activate(gatekeeper, endpoints, self.now, out) {
            return;
        }
        if let Some(gatekeeper) = gatekeeper.filter(|_| self.ends_calls()) {
            out.push(Output::Call(CallFact::Serves { gatekeeper }));
            let ids = self.downstream.endpoints.iter().map(|(id, _)| id);
            let registered = ids.filter(|id| self.upstream.is_registered(*id));
            for endpoint in registered.collect::<BTreeSet<_>>() {
                out.push(Output::Call(CallFact::RegisteredWith {
                    endpoint,
                    gatekeeper,
                }));
            }
        }
        for id in self.relay.waits.endpoints() {
            if self.upstream.is_registered(id) {
                self.send_waiting(id, out);
            }
        }
    }

    // What outlives a restart.

    /// Keeps an endpoint across restarts.
    pub(super) fn store(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let Some(endpoint) = self.downstream.endpoints.get_mut(id) else {
            return;
        };
        endpoint.stored = self.now;
        if let Some(identity) = self.upstream.identity(id).filter(|_| endpoint.confirmed) {
            let signalling = self.upstream.signalling_of(id);
            let stored = store_endpoint(id, endpoint, identity, signalling);
            out.push(Output::Store(stored));
        }
    }

    /// Reports where calls to and from an endpoint are signalled, if rasline ends them.
    pub(super) fn report_registered(&self, id: EntryId, out: &mut Vec<Output>) {
        let fact = signalled_calls::registered(id, &self.downstream, &self.upstream);
        out.extend(fact.map(Output::Call));
    }

    /// Asks the gatekeeper that serves for an admission, in the name of an endpoint that learns nothing of it.
    fn ask_admission(&mut self, asked: &OwnAdmission, out: &mut Vec<Output>) {
        let endpoints = &self.downstream.endpoints;
        let bandwidth = self.relay.calls.bandwidth_of(asked.call, asked.asker());
        out.push(ask_admission(
            &mut self.upstream,
            asked,
            bandwidth,
            endpoints,
            self.now,
        ));
    }

    fn restore(&mut self, stored: &Stored, out: &mut Vec<Output>) {
        let id = EntryId(stored.registration.id.0);
        if id == GATEWAY {
            return self.upstream.restore_gateway(stored, self.now, out);
        }
        let endpoints = &mut self.downstream.endpoints;
        endpoints.reserve_number(id);
        if endpoints.get(id).is_some() {
            return;
        }
        let restored = restore_endpoint(&stored.registration, endpoints, self.now);
        let Some(endpoint) = restored.filter(|_| !self.downstream.is_full()) else {
            return out.push(Output::Forget { id });
        };
        self.downstream.restore(id, endpoint, self.now);
        self.upstream.restore(id, stored, self.now);
        self.report_registered(id, out);
        if let Some(octets) = &stored.registration.lightweight
            && let Some(rrq) = rrq::parse(octets)
        {
            self.publish(id, octets, &rrq, out);
        }
    }

    /// Takes a call as it was stored, after the endpoints.
    fn restore_call(&mut self, stored: &StoredCall, out: &mut Vec<Output>) {
        let who = |identifier: &str| self.downstream.endpoints.by_identifier(identifier);
        if self.relay.calls.restore(stored, who, self.now, out) {
            self.stats.restored_calls += 1;
        } else {
            self.stats.lost_calls += 1;
        }
    }

    // Ends of registrations and of waits.

    /// Ends a registration on both sides; the endpoint knows, or is told by the caller.
    pub(super) fn end(
        &mut self,
        id: EntryId,
        why: Ended,
        out: &mut Vec<Output>,
    ) -> Option<Endpoint> {
        out.extend(self.downstream.withdraw(id));
        for ticket in self.relay.waits.tickets_of(id, |_| true) {
            self.refuse(ticket, Why::NotRegistered, out);
        }
        let registration = self.upstream.remove(id, self.now, out)?;
        if registration.signalling.is_some() {
            out.push(Output::Call(CallFact::Unregistered { endpoint: id }));
        }
        let endpoint = self.downstream.remove(id)?;
        self.relay.calls.remove_endpoint(id, out);
        let others = &self.downstream.endpoints;
        self.upstream
            .leave((&endpoint, &registration), others, self.now, out);
        if endpoint.confirmed {
            out.push(Output::Forget { id });
            out.push(Output::Event(Event::Endpoint(endpoint.unregistered(why))));
        }
        Some(endpoint)
    }

    /// Ends a registration and tells the endpoint by a URQ.
    pub(super) fn dismiss(
        &mut self,
        id: EntryId,
        reason: UnregRequestReason,
        why: Ended,
        out: &mut Vec<Output>,
    ) {
        let Some(endpoint) = self.end(id, why, out).filter(|one| one.confirmed) else {
            return;
        };
        let (Some(names), Some(seq)) = (
            self.downstream.names_of(&endpoint),
            self.downstream.requests.next_number(),
        ) else {
            self.stats.overflowed += 1;
            return;
        };
        let output = self
            .downstream
            .dismiss(&endpoint, (seq, &names), reason, self.now);
        out.extend(output);
    }

    /// A full RRQ of this endpoint came to nothing, and it knows: it stays what it was, if it was confirmed before.
    pub(super) fn give_up_rrq(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let is_rrq = |kind| kind == RasKind::RegistrationRequest;
        if !self.relay.waits.tickets_of(id, is_rrq).is_empty() {
            return;
        }
        let Some(endpoint) = self.downstream.endpoints.get_mut(id) else {
            return;
        };
        if !endpoint.confirmed {
            self.end(id, Ended::NotAllowed, out);
            return;
        }
        (endpoint.wanted, endpoint.adding) = (None, None);
        self.upstream.keep_as_before(id, self.now);
    }

    /// Answers a request that waits.
    pub(super) fn answer(&mut self, ticket: u64, octets: Vec<u8>, out: &mut Vec<Output>) {
        let Some(id) = self.relay.waits.get(ticket).map(|wait| wait.id) else {
            return;
        };
        let endpoint = self.downstream.endpoints.get(id);
        let identifier = endpoint.map_or("", |endpoint| &endpoint.identifier);
        self.relay.answer(ticket, octets, identifier, self.now, out);
        self.stop_waiting(ticket, id);
    }

    /// Refuses a request that waits: there will be no answer.
    pub(super) fn refuse(&mut self, ticket: u64, why: Why, out: &mut Vec<Output>) {
        let Some(wait) = self.relay.waits.get(ticket) else {
            return;
        };
        self.stats.rejected += 1;
        let id = wait.id;
        let refusal = refusal(wait.kind, wait.seq, why, &wait.payload);
        if let Some(octets) = refusal.and_then(|message| encode_ras(&message).ok()) {
            return self.answer(ticket, octets, out);
        }
        self.relay.waits.remove(ticket);
        self.stop_waiting(ticket, id);
    }

    fn stop_waiting(&mut self, ticket: u64, id: EntryId) {
        self.upstream.requests.stop_relaying(ticket, self.now);
        let waits = self.relay.waits.count_of(id) > 0;
        self.upstream.set_waited_for(id, waits);
    }

    /// Tells an endpoint that its request takes long, if that has been said before or is due.
    pub(super) fn send_rip(&mut self, ticket: u64, out: &mut Vec<Output>) {
        if let Some(rip) = self.relay.waits.rip(ticket) {
            self.stats.in_progress += 1;
            out.push(rip);
        }
    }

    // Answers of endpoints to requests of the gatekeeper, and to rasline's own.

    pub(super) fn is_answer(&self, asked: &EndpointMessage<'_>) -> bool {
        let requests = &self.downstream.requests;
        requests.answers_from(asked.from.ip(), asked.seq, asked.kind)
    }

    pub(super) fn handle_answer(
        &mut self,
        asked: &EndpointMessage<'_>,
        mut message: RasMessage,
        out: &mut Vec<Output>,
    ) {
        let Some(answered) = self.take_answered(asked, out) else {
            return;
        };
        let Some(request) = answered.gatekeeper else {
            return;
        };
        let Some(endpoint) = self.downstream.endpoints.get(answered.id) else {
            return;
        };
        let names = self
            .upstream
            .names_of(answered.id, endpoint, request.gatekeeper);
        let Some(names) = names else {
            return;
        };
        let names = UpstreamNames {
            ras_address: request.asked_at,
            ..names
        };
        message.set_request_seq_num(request.seq);
        if translate::to_gatekeeper(&mut message, &names)
            && let Ok(octets) = encode_ras(&message)
        {
            self.answer_gatekeeper(&request, octets, out);
        }
    }

    /// As [`Self::handle_answer`], for what does not decode and has no identifiers.
    pub(super) fn handle_raw_answer(&mut self, asked: &EndpointMessage<'_>, out: &mut Vec<Output>) {
        let answered = self.take_answered(asked, out);
        if let Some(request) = answered.and_then(|answered| answered.gatekeeper)
            && let Some(octets) = renumbered(asked.payload, request.seq)
        {
            self.stats.raw += 1;
            self.answer_gatekeeper(&request, octets, out);
        }
    }

    /// The request that an endpoint's message answers.
    fn take_answered(
        &mut self,
        asked: &EndpointMessage<'_>,
        out: &mut Vec<Output>,
    ) -> Option<AnsweredRequest> {
        let requests = &mut self.downstream.requests;
        let Some(answered) = requests.take_answered(asked.from.ip(), asked.seq, asked.kind) else {
            self.stats.ignored += 1;
            return None;
        };
        self.downstream.note_message(answered.id, self.now);
        if asked.kind == RasKind::DisengageConfirm {
            self.relay.calls.on_drq(answered.id, &answered.octets, out);
        }
        Some(answered)
    }

    /// Answers a gatekeeper's request, and keeps the answer for retransmissions.
    pub(super) fn answer_gatekeeper(
        &mut self,
        asker: &GatekeeperRequest,
        octets: Vec<u8>,
        out: &mut Vec<Output>,
    ) {
        let to = asker.gatekeeper;
        self.relay.keep_answer(asker.key, to, &octets, self.now);
        out.push(asker.answer(octets));
    }
}
