//! Registrations with the gatekeeper: full RRQs at the rate, keep-alives in time.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::RasKind;
use rasline_h225::types::{
    RasMessage, RegistrationConfirm, RegistrationReject, RegistrationRejectReason as Rrj,
};

use super::entries::{Entry, Up};
use super::flights::{Flight, Purpose, retries};
use super::machine::{Proxy, Timer};
use super::queue::Lane;
use super::refuse::Why;
use super::{EntryId, Event, Output, Standing, rrq, translate};
use crate::octets;
use crate::registrar;

/// A silent gatekeeper is asked again after so long; one that rejects, after this.
pub(super) const SILENT: Duration = Duration::from_secs(5);
pub(super) const REST: Duration = Duration::from_mins(1);
/// Keep-alives of restored endpoints are sent within this time, since nobody knows when the last one was.
const SOON: Duration = Duration::from_secs(20);
/// timeToLive towards an endpoint when nobody says one, seconds.
const TIME_TO_LIVE: u32 = 300;

impl Proxy {
    /// What the gatekeeper knows this endpoint by.
    pub(super) fn identity(&self, id: EntryId) -> Option<&Up> {
        self.entries.get(id).map(|entry| &entry.up)
    }

    /// It wants to register: it stands in line from now on.
    pub(super) fn enqueue(&mut self, id: EntryId, lane: Lane) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let lane = if entry.waits.is_empty() {
            lane
        } else {
            Lane::Wanted
        };
        if entry.up.flight.is_none() {
            self.stand(id, Standing::Queued);
        }
        self.timers.clear(Timer::Retry(id));
        self.keep_alives.clear(id);
        self.queue.push(id, lane);
    }

    /// It is its turn: its full RRQ is sent, or sent again.
    pub(super) fn register(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let Some(gatekeeper) = self.active else {
            return;
        };
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        if let Some(seq) = entry.up.flight {
            return self.repeat_registration(seq, out);
        }
        let here = entry.up.gatekeeper == Some(gatekeeper);
        let source = entry.wanted.as_ref().unwrap_or(&entry.full);
        let (Some(parsed), Some(seq)) = (rrq::parse(source), self.flights.number()) else {
            return;
        };
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let known = here.then_some(&entry.up);
        let Ok(octets) = rrq::full(parsed, seq, known, self.settings.ras_address) else {
            self.stats.ignored += 1;
            return;
        };
        self.stay(entry.signalling);
        let (every, left) = retries(RasKind::RegistrationRequest);
        let flight = Flight {
            to: gatekeeper,
            purpose: Purpose::Register(id),
            octets: octets.into(),
            left,
            every,
        };
        self.spend();
        self.launch(seq, flight, out);
        self.stand(id, Standing::Asked);
        if let Some(entry) = self.entries.get_mut(id) {
            entry.up.flight = Some(seq);
        }
    }

    pub(super) fn spend(&mut self) {
        self.stats.upstream_full += 1;
        self.queue.spend(self.now);
    }

    pub(super) fn repeat_registration(&mut self, seq: u16, out: &mut Vec<Output>) {
        if let Some(flight) = self.land(seq) {
            self.spend();
            self.launch(seq, flight, out);
        }
    }

    /// The gatekeeper did not answer in time.
    pub(super) fn flight_due(&mut self, seq: u16, out: &mut Vec<Output>) {
        let Some(flight) = self.flights.get_mut(seq) else {
            return;
        };
        let again = flight.left > 0 && flight.purpose != Purpose::Abandoned;
        flight.left = flight.left.saturating_sub(1);
        if again {
            if let Purpose::Register(id) = flight.purpose {
                // It waits for its turn like any other.
                return self.enqueue(id, Lane::Quiet);
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
            Purpose::Register(id) => self.unanswered(id),
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
            self.stand(id, Standing::Queued);
            self.timers.set(Timer::Retry(id), self.now.after(SILENT));
        }
    }

    /// RCF to a full RRQ.
    pub(super) fn confirmed(
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
        if let Some(wanted) = entry.wanted.take() {
            entry.full = wanted;
        }
        self.take_rcf(id, from, rcf);
        self.stand(id, Standing::In);
        if before.gatekeeper.is_some_and(|old| old != from) {
            self.leave_once(id, &before, out);
        }
        self.tell_endpoint(id, rcf, out);
        self.refresh(id, out);
        self.store(id, out);
        self.moved(id, true, out);
        self.send_waiting(id, out);
    }

    fn take_rcf(&mut self, id: EntryId, from: SocketAddr, rcf: &RegistrationConfirm) {
        let identifier = Some(rcf.endpoint_identifier.clone());
        self.entries.name_upstream(id, identifier);
        if let Some(entry) = self.entries.get_mut(id) {
            let up = &mut entry.up;
            up.gatekeeper = Some(from);
            up.gatekeeper_identifier
                .clone_from(&rcf.gatekeeper_identifier);
            up.ttl = rcf.time_to_live;
            up.confirmed = self.now;
            up.doubtful = false;
        }
        self.keep_up(id);
    }

    /// What the new full RRQ says is what is so.
    fn refresh(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let Some(full) = rrq::parse(&entry.full) else {
            return;
        };
        entry.ras = rrq::ras_address(&full, entry.endpoint);
        let signalling = rrq::signalling(&full, entry.endpoint);
        if entry.signalling != Some(signalling) {
            self.entries.move_signalling(id, Some(signalling));
        }
        let aliases = rrq::aliases(full.terminal_alias.as_deref());
        for other in self.entries.own(id, aliases) {
            self.end(other, registrar::Ended::Replaced, out);
        }
    }

    /// The endpoint gets the RCF, if it waits for one.
    fn tell_endpoint(&mut self, id: EntryId, rcf: &RegistrationConfirm, out: &mut Vec<Output>) {
        let tickets = self.waiting(id, |kind| kind == RasKind::RegistrationRequest);
        if tickets.is_empty() {
            return;
        }
        let granted = self.granted(id, rcf);
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        entry.time_to_live = granted;
        let first = !std::mem::replace(&mut entry.confirmed, true);
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let Some(known) = self.downstream(entry) else {
            return;
        };
        let registered = registered(entry);
        let mut message = RasMessage::RegistrationConfirm(rcf.clone());
        translate::to_endpoint(&mut message, &known);
        if let RasMessage::RegistrationConfirm(rcf) = &mut message {
            rcf.time_to_live = Some(granted);
        }
        for ticket in tickets {
            let Some(seq) = self.waits.get(ticket).map(|wait| wait.seq) else {
                continue;
            };
            message.set_request_seq_num(seq);
            if let Ok(octets) = rasline_h225::encode_ras(&message) {
                self.stats.full += 1;
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.rcf = octets::full(&octets);
                }
                self.answer(ticket, octets, out);
            }
        }
        self.renew(id);
        if first {
            out.push(Output::Event(Event::Endpoint(registered)));
        }
    }

    fn granted(&self, id: EntryId, rcf: &RegistrationConfirm) -> u32 {
        if let Some(ttl) = self.settings.endpoint_ttl {
            return octets::seconds(ttl);
        }
        let entry = self.entries.get(id);
        let asked = entry.and_then(|entry| rrq::parse(&entry.full)?.time_to_live);
        rcf.time_to_live.or(asked).unwrap_or(TIME_TO_LIVE)
    }

    /// RRJ to a full RRQ.
    pub(super) fn rejected(
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
            entry.up.gatekeeper_identifier = None;
            entry.up.gatekeeper = None;
            self.entries.name_upstream(id, None);
            return self.enqueue(id, Lane::Quiet);
        }
        let event = registrar::Event::Rejected {
            from: entry.endpoint,
            request: RasKind::RegistrationRequest.name().into(),
            reason: rasline_h225::view::registration_reject(&rrj.reject_reason).into(),
        };
        out.push(Output::Event(Event::Endpoint(event)));
        self.stand(id, Standing::Refused);
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
            self.end(id, registrar::Ended::NotAllowed, out);
        }
    }

    /// A full RRQ of this endpoint came to nothing, and it knows.
    pub(super) fn not_registered(&mut self, id: EntryId, out: &mut Vec<Output>) {
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
            self.end(id, registrar::Ended::NotAllowed, out);
            return;
        }
        // As before, then.
        entry.wanted = None;
        if let Some(seq) = entry.up.flight.take() {
            self.land(seq);
        }
        self.settle(id);
    }

    /// Registered, if the gatekeeper that serves has confirmed it and must know it still; else in line.
    pub(super) fn settle(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        if entry.up.gatekeeper.is_some()
            && entry.up.gatekeeper == self.active
            && entry.up.identifier.is_some()
            && !entry.up.is_over(self.now)
        {
            let identifier = entry.up.identifier.clone();
            self.entries.name_upstream(id, identifier);
            self.queue.remove(id);
            self.timers.clear(Timer::Retry(id));
            self.stand(id, Standing::In);
            self.keep_up(id);
        } else {
            self.enqueue(id, Lane::Quiet);
        }
    }

    /// When the next keep-alive is due: after half of timeToLive, and up to a quarter later.
    pub(super) fn keep_up(&mut self, id: EntryId) {
        let up = self.identity(id);
        if up.is_some_and(|up| up.doubtful) {
            let at = self.spread(id, Duration::ZERO, SOON);
            self.keep_alives.set(id, at);
            return;
        }
        let ttl = up.and_then(|up| up.ttl);
        let Some(ttl) = ttl.map(|seconds| Duration::from_secs(seconds.into())) else {
            self.keep_alives.clear(id);
            return;
        };
        let at = self.spread(id, ttl / 2, ttl / 4);
        self.keep_alives.set(id, at);
    }

    pub(super) fn keep_alive_due(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let (Some(gatekeeper), Some(entry)) = (self.active, self.entries.get(id)) else {
            return;
        };
        if entry.up.standing != Standing::In || entry.up.gatekeeper != Some(gatekeeper) {
            return;
        }
        if entry.up.is_over(self.now) {
            return self.enqueue(id, Lane::Quiet);
        }
        let (Some(full), Some(seq)) = (rrq::parse(&entry.full), self.flights.number()) else {
            return self.keep_alive_lost(id);
        };
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let Ok(octets) = rrq::keep_alive(full, seq, &entry.up, self.settings.ras_address) else {
            return;
        };
        self.stats.upstream_lightweight += 1;
        let (every, left) = retries(RasKind::RegistrationRequest);
        let flight = Flight {
            to: gatekeeper,
            purpose: Purpose::KeepAlive(id),
            octets: octets.into(),
            left,
            every,
        };
        self.launch(seq, flight, out);
    }

    /// No answer: tried again, until timeToLive is over.
    fn keep_alive_lost(&mut self, id: EntryId) {
        let standing = self.entries.get(id).map(|entry| entry.up.standing);
        if standing == Some(Standing::In) {
            self.keep_alives.set(id, self.now.after(SILENT));
        }
    }

    /// RCF or RRJ to a keep-alive.
    pub(super) fn kept_up(&mut self, id: EntryId, from: SocketAddr, message: &RasMessage) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        if entry.up.standing != Standing::In || entry.up.gatekeeper != Some(from) {
            return;
        }
        let RasMessage::RegistrationConfirm(rcf) = message else {
            return self.enqueue(id, Lane::Quiet);
        };
        let (ttl, identifier) = (entry.up.ttl, entry.up.gatekeeper_identifier.clone());
        let mut rcf = rcf.clone();
        rcf.time_to_live = rcf.time_to_live.or(ttl);
        rcf.gatekeeper_identifier = rcf.gatekeeper_identifier.or(identifier);
        self.take_rcf(id, from, &rcf);
    }
}

impl Up {
    /// Whether timeToLive, as the gatekeeper told it, is over.
    pub fn is_over(&self, now: crate::Time) -> bool {
        let ttl = self.ttl.map(|seconds| Duration::from_secs(seconds.into()));
        ttl.is_some_and(|ttl| now.since(self.confirmed) >= ttl)
    }
}

/// It registered.
pub(super) fn registered(entry: &Entry) -> registrar::Event {
    registrar::Event::Registered {
        endpoint_identifier: entry.identifier.clone(),
        endpoint: entry.endpoint,
        aliases: entry.aliases.clone(),
    }
}
