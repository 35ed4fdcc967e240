//! Ends of registrations: the endpoint's, the gatekeeper's, the operator's.

use std::net::SocketAddr;

use rasline_h225::messages::{ucf, urj};
use rasline_h225::text::from_bmp;
use rasline_h225::types::{
    RasMessage, RegistrationConfirm, UnregRejectReason, UnregRequestReason, UnregistrationRequest,
};
use rasline_h225::{RasKind, encode_ras};

use crate::proxy::downstream::dispatch::Asked;
use crate::proxy::downstream::refuse::Why;
use crate::proxy::entries::{Entry, Up};
use crate::proxy::machine::{Proxy, Timer};
use crate::proxy::relay::waits::PATIENCE;
use crate::proxy::upstream::queue::Lane;
use crate::proxy::upstream::registration::SILENT;
use crate::proxy::upstream::requests_to_gatekeeper::{Purpose, RequestToGatekeeper, retries};
use crate::proxy::{EntryId, Event, Output, UpstreamState, rrq};
use crate::ras_server::{self, Ended};

impl Proxy {
    /// URQ of an endpoint: confirmed at once, and passed on in the name of rasline.
    pub(in crate::proxy) fn leaves(
        &mut self,
        asked: &Asked<'_>,
        urq: &UnregistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let id = match &urq.endpoint_identifier {
            Some(identifier) => self.whose(&from_bmp(identifier), asked.from),
            None => self.named_by_address(asked.from, urq),
        };
        let Some(id) = id else {
            let urj = urj(asked.seq, UnregRejectReason::NotCurrentlyRegistered);
            self.stats.rejected += 1;
            return self.reply(asked, &urj, out);
        };
        // Once the endpoint has its UCF, the kernel must not confirm another keep-alive.
        self.withdraw(id, out);
        self.reply(asked, &ucf(asked.seq), out);
        self.end(id, Ended::Left, out);
    }

    fn named_by_address(&self, from: SocketAddr, urq: &UnregistrationRequest) -> Option<EntryId> {
        let mut all = urq
            .call_signal_address
            .iter()
            .filter_map(rasline_h225::text::from_transport);
        let id = all.find_map(|address| self.entries.by_signalling(address))?;
        let entry = self.entries.get(id)?;
        (entry.endpoint.ip() == from.ip()).then_some(id)
    }

    /// Ends a registration on both sides; the endpoint knows, or is told by the caller.
    pub(in crate::proxy) fn end(
        &mut self,
        id: EntryId,
        why: Ended,
        out: &mut Vec<Output>,
    ) -> Option<Entry> {
        self.withdraw(id, out);
        for ticket in self.waiting(id, |_| true) {
            self.refuse(ticket, Why::NotRegistered, out);
        }
        self.moved(id, false, out);
        self.stand(id, UpstreamState::Queued);
        self.queue.remove(id);
        self.gateway.joining.remove(&id);
        self.keep_alives.clear(id);
        self.timers.clear(Timer::Life(id));
        self.timers.clear(Timer::Retry(id));
        let entry = self.entries.remove(id)?;
        self.calls.without(id, out);
        self.leave(&entry, out);
        if entry.confirmed {
            out.push(Output::Forget { id });
            out.push(Output::Event(Event::Endpoint(
                ras_server::Event::Unregistered {
                    endpoint_identifier: entry.identifier.clone(),
                    endpoint: entry.endpoint,
                    why,
                },
            )));
        }
        Some(entry)
    }

    /// The gatekeeper need not keep it: a URQ, repeated once if it serves.
    fn leave(&mut self, entry: &Entry, out: &mut Vec<Output>) {
        if let Some(seq) = entry.up.flight
            && let Some(flight) = self.to_gatekeeper.get_mut(seq)
        {
            // Whether it is registered thereby is known when the RCF comes.
            flight.purpose = Purpose::Abandoned;
            self.timers
                .set(Timer::ToGatekeeper(seq), self.now.after(PATIENCE));
        }
        if self.is_aggregate() {
            return self.leave_gateway(entry, out);
        }
        if entry.up.gatekeeper.is_some() && entry.up.gatekeeper == self.active {
            let from = self.active.and_then(|to| self.source(entry, to));
            self.leave_registration(&entry.full, &entry.up, (from, entry.signalling), out);
        }
    }

    /// A URQ for what this RRQ registered, from this address, repeated once.
    pub(in crate::proxy) fn leave_registration(
        &mut self,
        full: &[u8],
        up: &Up,
        (from, signalling): (Option<SocketAddr>, Option<SocketAddr>),
        out: &mut Vec<Output>,
    ) {
        if let (Some(from), Some(to), Some((seq, octets))) =
            (from, up.gatekeeper, self.urq(full, up))
        {
            self.leave_by((from, to), seq, octets, signalling, out);
        }
    }

    pub(in crate::proxy) fn leave_by(
        &mut self,
        (from, to): (SocketAddr, SocketAddr),
        seq: u16,
        octets: Vec<u8>,
        signalling: Option<SocketAddr>,
        out: &mut Vec<Output>,
    ) {
        let retry = retries(RasKind::UnregistrationRequest);
        let flight = RequestToGatekeeper {
            from,
            to,
            purpose: Purpose::Leave(signalling),
            octets: octets.into(),
            retry,
        };
        if let Some(address) = signalling {
            self.leaving.insert(address, seq);
        }
        self.stats.upstream_left += 1;
        self.launch(seq, flight, out);
    }

    /// The gatekeeper before gets one URQ: nobody knows whether it lives.
    pub(in crate::proxy) fn leave_once(&mut self, before: &Up, id: EntryId, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let full = entry.full.clone();
        let way = before.gatekeeper;
        let way = way.and_then(|to| Some((self.source(entry, to)?, to)));
        if let (Some(way), Some((seq, payload))) = (way, self.urq(&full, before)) {
            self.stats.upstream_left += 1;
            self.send_once(seq, way, payload, out);
        }
    }

    /// What an RRQ of ours brought about is undone.
    pub(in crate::proxy) fn undo(
        &mut self,
        flight: &RequestToGatekeeper,
        rcf: &RegistrationConfirm,
        out: &mut Vec<Output>,
    ) {
        let up = Up {
            identifier: Some(rcf.endpoint_identifier.clone()),
            gatekeeper_identifier: rcf.gatekeeper_identifier.clone(),
            ..Up::default()
        };
        if let Some((seq, payload)) = self.urq(&flight.octets, &up) {
            self.stats.upstream_left += 1;
            self.send_once(seq, (flight.from, flight.to), payload, out);
        }
    }

    pub(in crate::proxy) fn urq(&mut self, full: &[u8], up: &Up) -> Option<(u16, Vec<u8>)> {
        let identifier = up.identifier.clone()?;
        let rrq = rrq::parse(full)?;
        let seq = self.to_gatekeeper.number()?;
        let mut urq = UnregistrationRequest::new(seq);
        urq.call_signal_address = rrq.call_signal_address;
        urq.endpoint_identifier = Some(identifier);
        urq.gatekeeper_identifier
            .clone_from(&up.gatekeeper_identifier);
        let octets = encode_ras(&RasMessage::UnregistrationRequest(urq)).ok()?;
        Some((seq, octets))
    }

    /// A URQ came to its end.
    pub(in crate::proxy) fn left(&mut self, address: Option<SocketAddr>, seq: u16) {
        if let Some(address) = address
            && self.leaving.get(&address) == Some(&seq)
        {
            self.leaving.remove(&address);
        }
    }

    /// Who leaves and comes again must not be unregistered by what is under way.
    pub(in crate::proxy) fn stay(&mut self, address: Option<SocketAddr>) {
        if let Some(seq) = address.and_then(|address| self.leaving.remove(&address)) {
            self.land(seq);
        }
    }

    /// The gatekeeper unregisters an endpoint: registered again, unless it is not wanted there.
    pub(in crate::proxy) fn unregistered(
        &mut self,
        id: EntryId,
        urq: &UnregistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let unwanted = matches!(
            urq.reason,
            Some(
                UnregRequestReason::SecurityDenial
                    | UnregRequestReason::SecurityError(_)
                    | UnregRequestReason::RegisterWithAssignedGk
            )
        );
        self.unknown_there(id);
        if unwanted {
            self.dismiss(
                id,
                UnregRequestReason::ReregistrationRequired,
                Ended::NotAllowed,
                out,
            );
        } else {
            self.again(id);
        }
    }

    /// Registers again; after a while, if it was confirmed just now: it may be in somebody's way there.
    fn again(&mut self, id: EntryId) {
        let confirmed = self.entries.get(id).map(|entry| entry.up.confirmed);
        let young = confirmed.is_some_and(|at| self.now.since(at) < SILENT);
        self.enqueue(id, Lane::Quiet);
        if young {
            self.queue.remove(id);
            self.timers.set(Timer::Retry(id), self.now.after(SILENT));
        }
    }

    /// Ends a registration and tells the endpoint by a URQ.
    pub(in crate::proxy) fn dismiss(
        &mut self,
        id: EntryId,
        reason: UnregRequestReason,
        why: Ended,
        out: &mut Vec<Output>,
    ) {
        if let Some(entry) = self.end(id, why, out)
            && entry.confirmed
        {
            self.urq_down(&entry, reason, out);
        }
    }

    /// The operator drops an endpoint.
    pub(in crate::proxy) fn dropped(&mut self, id: EntryId, out: &mut Vec<Output>) {
        self.dismiss(
            id,
            UnregRequestReason::ReregistrationRequired,
            Ended::Dropped,
            out,
        );
    }
}
