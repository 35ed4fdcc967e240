//! What comes from gatekeepers: answers by our numbers, and requests for endpoints.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::{RasMessage, RegistrationConfirm};
use rasline_h225::{RasKind, decode_ras, encode_ras, header, renumbered, view};

use crate::proxy::downstream::refuse::{Why, not_understood};
use crate::proxy::downstream::requests_to_endpoints::Way;
use crate::proxy::entries::GATEWAY;
use crate::proxy::machine::{Proxy, Timer};
use crate::proxy::upstream::registration::REST;
use crate::proxy::upstream::requests_to_gatekeeper::{Purpose, RequestToGatekeeper, answers};
use crate::proxy::{EntryId, Event, Output, UpstreamState, rrq};
use crate::transaction::digest;

impl Proxy {
    pub(in crate::proxy) fn gatekeeper_says(
        &mut self,
        (from, to): Way,
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        let Ok(message) = decode_ras(payload) else {
            return self.undecodable_answer((from, to), payload, out);
        };
        let kind = message.kind();
        if kind.is_request() && !self.own_non_standard(&message) {
            return self.ordered((from, to), payload, message, out);
        }
        let seq = message.request_seq_num();
        let flight = self.to_gatekeeper.get(seq);
        let Some(flight) = flight.filter(|one| one.is_between(from, to)) else {
            return self.unawaited((from, to), seq, payload, out);
        };
        let (flight, gatekeeper) = (flight.clone(), flight.to);
        self.returned(&flight);
        if kind == RasKind::RequestInProgress || answers(kind, flight.purpose.kind()) {
            self.last_answer = Some((gatekeeper, self.now));
        }
        self.alternates_named(gatekeeper, &message, out);
        match message {
            RasMessage::RequestInProgress(rip) => self.in_progress_there(seq, rip.delay),
            message if answers(kind, flight.purpose.kind()) => {
                self.land(seq);
                self.landed(seq, &flight, message, out);
            }
            _ => self.stats.ignored += 1,
        }
    }

    /// A NonStandard that has the number of one of ours is taken for its answer.
    fn own_non_standard(&self, message: &RasMessage) -> bool {
        matches!(message, RasMessage::NonStandardMessage(_))
            && self
                .to_gatekeeper
                .get(message.request_seq_num())
                .is_some_and(|flight| flight.purpose.kind() == RasKind::NonStandardMessage)
    }

    fn landed(
        &mut self,
        seq: u16,
        flight: &RequestToGatekeeper,
        message: RasMessage,
        out: &mut Vec<Output>,
    ) {
        match (&flight.purpose, &message) {
            (Purpose::Register(id), RasMessage::RegistrationConfirm(rcf)) => {
                self.address_taken(flight);
                self.confirmed(*id, flight.to, rcf, out);
            }
            (Purpose::Register(id), RasMessage::RegistrationReject(rrj)) => {
                self.rejected(*id, flight.to, rrj, out);
            }
            (Purpose::Carry(ids), RasMessage::RegistrationConfirm(rcf)) => {
                self.address_taken(flight);
                self.carried(ids, flight, rcf, out);
            }
            (Purpose::Carry(ids), RasMessage::RegistrationReject(rrj)) => {
                self.not_carried(ids, rrj, out);
            }
            (Purpose::Carry(ids), _) => {
                self.carry_again(ids, REST);
            }
            (Purpose::Register(id), _) => {
                // XRS: it does not understand an RRQ; it will not answer the next one either.
                self.unanswered_now(*id);
            }
            (Purpose::Abandoned, RasMessage::RegistrationConfirm(rcf)) => {
                self.not_wanted(flight, rcf, out);
            }
            (Purpose::KeepAlive(id), _) => self.kept_up(*id, flight.to, &message, out),
            (Purpose::Leave(address), _) => self.left(*address, seq),
            (Purpose::Relay { wait, .. }, _) => self.relay_answer(*wait, message, out),
            (Purpose::Abandoned, _) => {}
        }
    }

    fn unanswered_now(&mut self, id: EntryId) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.up.flight = None;
            self.stand(id, UpstreamState::Refused);
            let at = self.now.after(REST);
            self.timers.set(Timer::Retry(id), at);
        }
    }

    /// Confirmed, and nobody waits for it: its endpoint left, or another gatekeeper serves. Undone, unless an endpoint with
    /// this callSignalAddress is registered there, or about to be.
    fn not_wanted(
        &mut self,
        flight: &RequestToGatekeeper,
        rcf: &RegistrationConfirm,
        out: &mut Vec<Output>,
    ) {
        let address = rrq::parse(&flight.octets).map(|rrq| rrq::signalling(&rrq, flight.to));
        let heir = address.and_then(|address| self.entries.by_signalling(address));
        let needed = heir
            .and_then(|id| self.entries.get(id))
            .is_some_and(|entry| {
                self.active == Some(flight.to) || entry.up.gatekeeper == Some(flight.to)
            });
        if !needed {
            self.undo(flight, rcf, out);
        }
    }

    /// RIP: the answer takes so long.
    fn in_progress_there(&mut self, seq: u16, delay: u16) {
        let at = self.now.after(Duration::from_millis(delay.into()));
        let queued = match self.to_gatekeeper.get(seq).map(|flight| &flight.purpose) {
            Some(Purpose::Register(id)) => {
                let id = *id;
                self.queue.remove(id);
                true
            }
            Some(Purpose::Carry(_)) => {
                self.queue.remove(GATEWAY);
                true
            }
            found => found.is_some(),
        };
        if queued {
            self.timers.set(Timer::ToGatekeeper(seq), at);
        }
    }

    /// Its alternates are told once to whom it concerns, and never to endpoints.
    pub(in crate::proxy) fn alternates_named(
        &mut self,
        from: SocketAddr,
        message: &RasMessage,
        out: &mut Vec<Output>,
    ) {
        let Some(named) = view::alternates(message).filter(|named| named.permanent) else {
            return;
        };
        let list = named.list;
        let new = digest(&(from, &list));
        if self.active == Some(from) && self.alternates.replace(new) != Some(new) {
            out.push(Output::Event(Event::Alternates {
                gatekeeper: from,
                list,
            }));
        }
    }

    /// What does not decode goes on as it is where nothing in it is to be translated.
    fn undecodable_answer(&mut self, way: Way, payload: &[u8], out: &mut Vec<Output>) {
        self.stats.malformed += 1;
        let (from, to) = way;
        let Some(header) = header(payload) else {
            return self.pass_on(way, payload, out);
        };
        let flight = self.to_gatekeeper.get(header.seq);
        let awaited = flight.filter(|flight| flight.is_between(from, to));
        if let Some(Purpose::Relay { wait, kind }) = awaited.map(|flight| flight.purpose.clone())
            && answers(header.kind, kind)
        {
            let plain = matches!(
                header.kind,
                RasKind::BandwidthConfirm
                    | RasKind::LocationConfirm
                    | RasKind::ResourcesAvailableConfirm
                    | RasKind::InfoRequestAck
                    | RasKind::ServiceControlResponse
                    | RasKind::NonStandardMessage
            );
            let seq = self.waits.get(wait).map(|wait| wait.seq);
            match seq.and_then(|seq| renumbered(payload, seq)) {
                Some(octets) if plain => {
                    self.stats.raw += 1;
                    self.answer(wait, octets, out);
                }
                // It cannot be passed on without what endpoints must not see: the endpoint is told that it got none.
                _ => self.refuse(wait, Why::Unavailable, out),
            }
        } else if header.kind.is_request() {
            self.undecodable_request(way, header.seq, payload, out);
        } else if awaited.is_none() {
            self.unawaited(way, header.seq, payload, out);
        }
    }

    /// A request for the proxy gets an XRS, if it is of the gatekeeper that serves.
    fn undecodable_request(
        &mut self,
        (from, to): Way,
        seq: u16,
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        if self.is_endpoints(to) && self.resident(to).is_none() {
            return self.pass_on((from, to), payload, out);
        }
        if let Ok(payload) = encode_ras(&not_understood(seq, payload))
            && self.is_active(from)
        {
            let (from, to) = (to, from);
            out.push(Output::ToGatekeeper { from, to, payload });
        }
    }

    pub(in crate::proxy) fn is_active(&self, from: SocketAddr) -> bool {
        self.active.is_some_and(|active| active.ip() == from.ip())
    }
}

impl Purpose {
    /// The kind of the request.
    pub const fn kind(&self) -> RasKind {
        match self {
            Self::Register(_) | Self::Carry(_) | Self::KeepAlive(_) | Self::Abandoned => {
                RasKind::RegistrationRequest
            }
            Self::Leave(_) => RasKind::UnregistrationRequest,
            Self::Relay { kind, .. } => *kind,
        }
    }
}
