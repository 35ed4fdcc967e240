//! Requests of the gatekeeper: for whom, and what rasline answers by itself.

use std::net::SocketAddr;

use rasline_h225::encode_ras;
use rasline_h225::messages::{ucf, urj};
use rasline_h225::text::{from_transport, to_transport};
use rasline_h225::types::{
    InfoRequest, InfoRequestResponse, InfoRequestResponseStatus, RasMessage, UnregRejectReason,
    UnregistrationRequest,
};

use crate::proxy::downstream::refuse::{Why, refusal};
use crate::proxy::downstream::requests_to_endpoints::Way;
use crate::proxy::entries::GATEWAY;
use crate::proxy::machine::Proxy;
use crate::proxy::relay::call_ref::CallReference;
use crate::proxy::{EntryId, Output, rrq};
use crate::transaction::RequestKey;

impl Proxy {
    pub(in crate::proxy) fn ordered(
        &mut self,
        way: Way,
        payload: &[u8],
        message: RasMessage,
        out: &mut Vec<Output>,
    ) {
        use RasMessage as M;
        let (from, to) = way;
        // Endpoint that the message was sent to, if the message itself names none.
        let resident = self.resident(to).filter(|_| self.is_endpoints(to));
        if self.is_endpoints(to) && resident.is_none() {
            return self.pass_on(way, payload, out);
        }
        if !self.is_active(from) {
            self.stats.ignored += 1;
            return;
        }
        let key = RequestKey::at(to, from, payload);
        if self.repeated_down(key, out) || self.repeated_up(key, to, out) {
            return;
        }
        let id = match &message {
            M::UnregistrationRequest(urq) => return self.urq_up(way, key, urq, out),
            M::InfoRequest(irq) => match CallReference::by_irq(irq) {
                None if resident.is_some() => resident,
                None => return self.report(way, key, irq, out),
                Some(said) => match self.calls.of(&said).or(resident) {
                    // Nobody may say that there is no such call: it is asked for again.
                    None => return self.stats.ignored += 1,
                    found => found,
                },
            },
            M::BandwidthRequest(brq) => {
                let named = self.entries.by_upstream(&brq.endpoint_identifier);
                named.or_else(|| self.calls.of(&brq.into()))
            }
            M::DisengageRequest(drq) => {
                let named = self.entries.by_upstream(&drq.endpoint_identifier);
                named.or_else(|| self.calls.of(&drq.into()))
            }
            M::ServiceControlIndication(sci) => {
                let named = sci.endpoint_identifier.as_ref();
                named.map_or(resident, |named| self.entries.by_upstream(named))
            }
            M::LocationRequest(_) | M::NonStandardMessage(_) => resident,
            _ => None,
        };
        match id {
            Some(id) => self.relay_down(id, (way, key), message, out),
            None => self.unknown(way, key, &message, payload, out),
        }
    }

    /// A retransmission of what was answered.
    fn repeated_up(&mut self, key: RequestKey, from: SocketAddr, out: &mut Vec<Output>) -> bool {
        let Some(reply) = self.replies.get(self.now, key) else {
            return false;
        };
        self.stats.repeated += 1;
        out.push(Output::ToGatekeeper {
            from,
            to: reply.to,
            payload: reply.octets.to_vec(),
        });
        true
    }

    fn unknown(
        &mut self,
        way: Way,
        key: RequestKey,
        message: &RasMessage,
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        self.stats.ignored += 1;
        let seq = message.request_seq_num();
        let refusal = refusal(message.kind(), seq, Why::NotRegistered, payload);
        if let Some(octets) = refusal.and_then(|message| encode_ras(&message).ok()) {
            self.answer_up(way, key, octets, out);
        }
    }

    fn urq_up(
        &mut self,
        way: Way,
        key: RequestKey,
        urq: &UnregistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let named = urq.endpoint_identifier.as_ref();
        if self.is_aggregate() && named.is_some() && named == self.gateway.up.identifier.as_ref() {
            if let Ok(octets) = encode_ras(&ucf(urq.request_seq_num)) {
                self.answer_up(way, key, octets, out);
            }
            return self.forgotten(out);
        }
        let mut addresses = urq.call_signal_address.iter().filter_map(from_transport);
        let id = match named {
            Some(named) => self.entries.by_upstream(named),
            None => addresses
                .find_map(|address| self.entries.by_signalling(address))
                .or_else(|| self.resident(way.1)),
        };
        let answer = match id {
            Some(_) => ucf(urq.request_seq_num),
            None => urj(
                urq.request_seq_num,
                UnregRejectReason::NotCurrentlyRegistered,
            ),
        };
        let message = RasMessage::UnregistrationRequest(urq.clone());
        self.alternates_named(way.0, &message, out);
        if let Ok(octets) = encode_ras(&answer) {
            self.answer_up(way, key, octets, out);
        }
        if let Some(id) = id {
            self.unregistered(id, urq, out);
        }
    }

    /// IRR in place of the endpoint that was confirmed longest ago. It names no calls, and says so where there are some.
    fn report(&mut self, way: Way, key: RequestKey, irq: &InfoRequest, out: &mut Vec<Output>) {
        let irr = match self.keep_alives.first() {
            Some(GATEWAY) => self
                .gateway_irr(irq)
                .map(|irr| (irr, !self.calls.is_empty())),
            Some(id) => self
                .irr(id, way.1, irq)
                .map(|irr| (irr, self.calls.has(id))),
            None => None,
        };
        let irr = irr.map(|(mut irr, calls)| {
            irr.irr_status = calls.then_some(InfoRequestResponseStatus::Incomplete);
            irr
        });
        match irr.and_then(|irr| encode_ras(&RasMessage::InfoRequestResponse(irr)).ok()) {
            Some(octets) => self.answer_up(way, key, octets, out),
            None => self.stats.ignored += 1,
        }
    }

    fn irr(&self, id: EntryId, ras: SocketAddr, irq: &InfoRequest) -> Option<InfoRequestResponse> {
        let entry = self.entries.get(id)?;
        let full = rrq::parse(&entry.full)?;
        let mut irr = InfoRequestResponse::new(
            irq.request_seq_num,
            full.terminal_type,
            entry.up.identifier.clone()?,
            to_transport(ras),
        );
        irr.call_signal_address = full.call_signal_address;
        irr.endpoint_alias = full.terminal_alias;
        irr.need_response = Some(false);
        irr.unsolicited = Some(false);
        Some(irr)
    }
}
