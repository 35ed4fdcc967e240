//! Registrations with the gatekeeper: full RRQs at the rate, keep-alives in time.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::RasKind;
use rasline_h225::types::{
    RasMessage, RegistrationConfirm, RegistrationReject, RegistrationRejectReason as Rrj,
};

use crate::proxy::downstream::refuse::Why;
use crate::proxy::entries::{Entry, GATEWAY, Up};
use crate::proxy::machine::{Proxy, Timer};
use crate::proxy::upstream::queue::Lane;
use crate::proxy::upstream::requests_to_gatekeeper::{Purpose, RequestToGatekeeper, retries};
use crate::proxy::{EntryId, Event, Output, UpstreamState, rrq};
use crate::ras_server;

/// A silent gatekeeper is asked again after so long; one that rejects, after this.
pub(in crate::proxy) const SILENT: Duration = Duration::from_secs(5);
pub(in crate::proxy) const REST: Duration = Duration::from_mins(1);

impl Proxy {
    /// What the gatekeeper knows this endpoint by.
    pub(in crate::proxy) fn identity(&self, id: EntryId) -> Option<&Up> {
        if self.is_aggregate() {
            return Some(&self.gateway.up);
        }
        self.entries.get(id).map(|entry| &entry.up)
    }

    /// It wants to register: it stands in line from now on.
    pub(in crate::proxy) fn enqueue(&mut self, id: EntryId, lane: Lane) {
        if self.is_aggregate() {
            return self.join(id, lane);
        }
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let lane = if entry.waits.is_empty() {
            lane
        } else {
            Lane::Wanted
        };
        if entry.up.flight.is_none() {
            self.stand(id, UpstreamState::Queued);
        }
        self.timers.clear(Timer::Retry(id));
        self.keep_alives.clear(id);
        self.queue.push(id, lane);
    }

    /// It is its turn: its full RRQ is sent, or sent again.
    pub(in crate::proxy) fn register(&mut self, id: EntryId, out: &mut Vec<Output>) {
        if id == GATEWAY {
            return self.register_gateway(out);
        }
        let (Some(gatekeeper), Some(entry)) = (self.active, self.entries.get(id)) else {
            return;
        };
        if let Some(seq) = entry.up.flight {
            return self.repeat_registration(seq, out);
        }
        let here = entry.up.gatekeeper == Some(gatekeeper);
        let said = rrq::parse(self.to_say(entry, here));
        let from = self.source(entry, gatekeeper);
        let (Some(parsed), Some(from), Some(seq)) = (said, from, self.to_gatekeeper.number())
        else {
            return;
        };
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let known = here.then_some(&entry.up);
        let Ok(octets) = rrq::full(parsed, seq, known, from) else {
            self.stats.ignored += 1;
            return;
        };
        self.stay(entry.signalling);
        let retry = retries(RasKind::RegistrationRequest);
        let flight = RequestToGatekeeper {
            from,
            to: gatekeeper,
            purpose: Purpose::Register(id),
            octets: octets.into(),
            retry,
        };
        self.spend();
        self.launch(seq, flight, out);
        self.stand(id, UpstreamState::Asked);
        if let Some(entry) = self.entries.get_mut(id) {
            entry.up.flight = Some(seq);
        }
    }

    pub(in crate::proxy) fn spend(&mut self) {
        self.stats.upstream_full += 1;
        self.queue.spend(self.now);
    }

    pub(in crate::proxy) fn repeat_registration(&mut self, seq: u16, out: &mut Vec<Output>) {
        if let Some(flight) = self.land(seq) {
            self.spend();
            self.launch(seq, flight, out);
        }
    }

    /// The gatekeeper did not answer in time.
    pub(in crate::proxy) fn flight_due(&mut self, seq: u16, out: &mut Vec<Output>) {
        let Some(flight) = self.to_gatekeeper.get_mut(seq) else {
            return;
        };
        if flight.retry.try_again() && flight.purpose != Purpose::Abandoned {
            // A full RRQ waits for its turn like any other.
            match flight.purpose {
                Purpose::Register(id) => return self.enqueue(id, Lane::Quiet),
                Purpose::Carry(_) => return self.queue.push(GATEWAY, Lane::Wanted),
                _ => {}
            }
            if let Some(flight) = self.land(seq) {
                self.launch(seq, flight, out);
            }
            return;
        }
        let Some(flight) = self.land(seq) else {
            return;
        };
        match flight.purpose {
            Purpose::Register(id) => {
                self.not_returned(id, flight.from, flight.to, out);
                self.unanswered(id);
            }
            Purpose::Carry(ids) => self.carry_again(&ids, SILENT),
            Purpose::KeepAlive(id) => self.keep_alive_lost(id),
            Purpose::Leave(address) => self.left(address, seq),
            // It waits on for a gatekeeper that answers, until its patience is over.
            Purpose::Relay { wait, .. } => {
                if let Some(wait) = self.waits.get_mut(wait) {
                    wait.flight = None;
                }
            }
            Purpose::Abandoned => {}
        }
    }

    fn unanswered(&mut self, id: EntryId) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.up.flight = None;
            self.stand(id, UpstreamState::Queued);
            self.timers.set(Timer::Retry(id), self.now.after(SILENT));
        }
    }

    /// RCF to a full RRQ.
    pub(in crate::proxy) fn confirmed(
        &mut self,
        id: EntryId,
        from: SocketAddr,
        rcf: &RegistrationConfirm,
        out: &mut Vec<Output>,
    ) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        entry.up.flight = None;
        let before = entry.up.clone();
        let mut rcf = rcf.clone();
        if entry.adding.is_some() && before.gatekeeper == Some(from) {
            // What is not said anew is as before.
            rcf.time_to_live = rcf.time_to_live.or(before.ttl);
            let named = before.gatekeeper_identifier.clone();
            rcf.gatekeeper_identifier = rcf.gatekeeper_identifier.or(named);
        }
        self.take_rcf(id, from, &rcf);
        if before.gatekeeper.is_some_and(|old| old != from) {
            self.leave_once(&before, id, out);
        }
        self.admitted(id, &rcf, out);
    }

    pub(in crate::proxy) fn take_rcf(
        &mut self,
        id: EntryId,
        from: SocketAddr,
        rcf: &RegistrationConfirm,
    ) {
        let identifier = Some(rcf.endpoint_identifier.clone());
        self.entries.name_upstream(id, identifier);
        if let Some(entry) = self.entries.get_mut(id) {
            let up = &mut entry.up;
            let same = up.gatekeeper == Some(from);
            up.gatekeeper = Some(from);
            up.gatekeeper_identifier
                .clone_from(&rcf.gatekeeper_identifier);
            up.ttl = rcf.time_to_live;
            up.additive = rcf.supports_additive_registration.is_some() || (up.additive && same);
            up.confirmed = self.now;
            up.doubtful = false;
        }
        self.keep_up(id);
    }

    /// RRJ to a full RRQ.
    pub(in crate::proxy) fn rejected(
        &mut self,
        id: EntryId,
        from: SocketAddr,
        rrj: &RegistrationReject,
        out: &mut Vec<Output>,
    ) {
        self.stats.upstream_rejected += 1;
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        entry.up.flight = None;
        let forgotten = matches!(
            rrj.reject_reason,
            Rrj::FullRegistrationRequired | Rrj::DiscoveryRequired
        );
        if forgotten && entry.up.gatekeeper == Some(from) && entry.up.identifier.is_some() {
            // It knows neither identifier any more: without them, then.
            self.unknown_there(id);
            return self.enqueue(id, Lane::Quiet);
        }
        if rrj.reject_reason == Rrj::AdditiveRegistrationNotSupported && entry.up.additive {
            entry.up.additive = false;
            return self.enqueue(id, Lane::Quiet);
        }
        self.turned_away(id, rrj, out);
    }

    /// The gatekeeper does not want it.
    pub(in crate::proxy) fn turned_away(
        &mut self,
        id: EntryId,
        rrj: &RegistrationReject,
        out: &mut Vec<Output>,
    ) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        if entry.adding.is_some() {
            return self.not_added(id, rrj, out);
        }
        let event = ras_server::Event::Rejected {
            from: entry.endpoint,
            request: RasKind::RegistrationRequest.name().into(),
            reason: rasline_h225::view::registration_reject(&rrj.reject_reason).into(),
        };
        out.push(Output::Event(Event::Endpoint(event)));
        if rrj.reject_reason == Rrj::InvalidCallSignalAddress {
            self.address_refused(id, out);
        }
        self.stand(id, UpstreamState::Refused);
        self.timers.set(Timer::Retry(id), self.now.after(REST));
        self.moved(id, false, out);
        let tickets = self.waiting(id, |kind| kind == RasKind::RegistrationRequest);
        let told = !tickets.is_empty();
        for ticket in tickets {
            self.stats.rejected += 1;
            self.relay_answer(ticket, RasMessage::RegistrationReject(rrj.clone()), out);
        }
        for ticket in self.waiting(id, |_| true) {
            self.refuse(ticket, Why::NotRegistered, out);
        }
        if told {
            self.end(id, ras_server::Ended::NotAllowed, out);
        }
    }

    /// A full RRQ of this endpoint came to nothing, and it knows.
    pub(in crate::proxy) fn not_registered(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let waits = !self
            .waiting(id, |kind| kind == RasKind::RegistrationRequest)
            .is_empty();
        if waits {
            return;
        }
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        if !entry.confirmed {
            self.end(id, ras_server::Ended::NotAllowed, out);
            return;
        }
        // As before, then.
        (entry.wanted, entry.adding) = (None, None);
        if let Some(seq) = entry.up.flight.take() {
            self.land(seq);
        }
        self.settle(id);
    }

    /// Registered, if the gatekeeper that serves has confirmed it and must know it still; else in line.
    pub(in crate::proxy) fn settle(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let knows = |up: &&Up| {
            up.gatekeeper == self.active && up.identifier.is_some() && !up.is_over(self.now)
        };
        let carried = entry.up.gatekeeper.is_some() && entry.up.gatekeeper == self.active;
        if carried && self.identity(id).as_ref().is_some_and(knows) {
            if !self.is_aggregate() {
                let identifier = entry.up.identifier.clone();
                self.entries.name_upstream(id, identifier);
            }
            self.queue.remove(id);
            self.gateway.joining.remove(&id);
            self.timers.clear(Timer::Retry(id));
            self.stand(id, UpstreamState::Registered);
            self.keep_up(id);
        } else {
            self.enqueue(id, Lane::Quiet);
        }
    }
}

/// It registered.
pub(in crate::proxy) fn registered(entry: &Entry) -> ras_server::Event {
    ras_server::Event::Registered {
        endpoint_identifier: entry.identifier.clone(),
        endpoint: entry.endpoint,
        aliases: entry.aliases.clone(),
    }
}
