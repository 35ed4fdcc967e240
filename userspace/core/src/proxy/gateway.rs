//! The gateway registration of an aggregate once it stands: keep-alives, who leaves, what is reported.

use std::net::SocketAddr;

use rasline_h225::text::to_transport;
use rasline_h225::types::{InfoRequest, InfoRequestResponse, RasMessage, UnregistrationRequest};
use rasline_h225::{RasKind, encode_ras};

use super::entries::{Entry, GATEWAY, Up};
use super::flights::{Flight, Purpose, retries};
use super::machine::Proxy;
use super::{Output, rrq};

impl Proxy {
    pub(super) fn gateway_keep_alive(&mut self, out: &mut Vec<Output>) {
        let Some(to) = self
            .active
            .filter(|to| self.gateway.up.gatekeeper == Some(*to))
        else {
            return;
        };
        if self.gateway.up.is_over(self.now) {
            return self.forgotten();
        }
        let (Some(full), Some(seq)) = (rrq::parse(&self.gateway.full), self.flights.number())
        else {
            return self.keep_alive_lost(GATEWAY);
        };
        let ras = self.settings.ras_address;
        let Ok(octets) = rrq::keep_alive(full, seq, &self.gateway.up, ras) else {
            return;
        };
        self.stats.upstream_lightweight += 1;
        let (every, left) = retries(RasKind::RegistrationRequest);
        let flight = Flight {
            to,
            purpose: Purpose::KeepAlive(GATEWAY),
            octets: octets.into(),
            left,
            every,
        };
        self.launch(seq, flight, out);
    }

    pub(super) fn gateway_kept_up(&mut self, from: SocketAddr, message: &RasMessage) {
        if self.gateway.up.gatekeeper != Some(from) {
            return;
        }
        let RasMessage::RegistrationConfirm(rcf) = message else {
            return self.forgotten();
        };
        self.gateway.up.confirmed = self.now;
        self.gateway.up.ttl = rcf.time_to_live.or(self.gateway.up.ttl);
        self.keep_up(GATEWAY);
    }

    /// An endpoint is gone: its aliases are taken out, or the gateway leaves with the last one.
    pub(super) fn leave_gateway(&mut self, entry: &Entry, out: &mut Vec<Output>) {
        self.gateway
            .joining
            .retain(|id| self.entries.get(*id).is_some());
        if entry.up.gatekeeper.is_none() || entry.up.gatekeeper != self.active {
            return;
        }
        let up = self.gateway.up.clone();
        if self.entries.len() == 0 {
            let full = self.gateway.full.clone();
            self.gateway.up = Up::default();
            self.keep_alives.clear(GATEWAY);
            return self.leave_registration(&full, &up, None, out);
        }
        if !up.additive {
            self.gateway.dirty = true;
            return self.go_on();
        }
        let (Some(to), Some(seq)) = (up.gatekeeper, self.flights.number()) else {
            return;
        };
        let mut urq = UnregistrationRequest::new(seq);
        urq.endpoint_identifier = up.identifier;
        urq.gatekeeper_identifier = up.gatekeeper_identifier;
        urq.endpoint_alias = rrq::parse(&entry.full).and_then(|full| full.terminal_alias);
        if urq.endpoint_alias.is_some()
            && let Ok(octets) = encode_ras(&RasMessage::UnregistrationRequest(urq))
        {
            self.leave_by(to, seq, octets, None, out);
        }
    }

    /// IRR of the gateway.
    pub(super) fn gateway_irr(&self, irq: &InfoRequest) -> Option<InfoRequestResponse> {
        let full = rrq::parse(&self.gateway.full)?;
        let mut irr = InfoRequestResponse::new(
            irq.request_seq_num,
            full.terminal_type,
            self.gateway.up.identifier.clone()?,
            to_transport(self.settings.ras_address),
        );
        irr.call_signal_address = full.call_signal_address;
        irr.endpoint_alias = full.terminal_alias;
        irr.need_response = Some(false);
        irr.unsolicited = Some(false);
        Some(irr)
    }
}
