//! The gateway registration of an aggregate: what its RRQ says, keep-alives, who leaves, what is reported.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::messages::Rrq;
use rasline_h225::text::to_transport;
use rasline_h225::types::{
    EndpointType, GatewayInfo, InfoRequest, InfoRequestResponse, RasMessage, RegistrationRequest,
    UnregistrationRequest,
};
use rasline_h225::{RasKind, encode_ras};

use crate::proxy::entries::{Entry, GATEWAY, Up};
use crate::proxy::machine::Proxy;
use crate::proxy::upstream::requests_to_gatekeeper::{Purpose, RequestToGatekeeper, retries};
use crate::proxy::{EntryId, Output, UpstreamState, rrq};

/// Octets of endpoints' full RRQs that one RRQ of the gateway stands for at most, so that it fits a datagram.
const OCTETS: usize = 50_000;
/// timeToLive that the gateway asks for, seconds.
const TIME_TO_LIVE: u32 = 300;
/// A restored one is kept alive after so long: the gatekeeper may have forgotten it.
const SOON: Duration = Duration::from_secs(1);

impl Proxy {
    /// Who goes into the next RRQ, and which of them are new.
    pub(in crate::proxy) fn to_carry(&self, adds: bool) -> (Vec<EntryId>, Vec<EntryId>) {
        let is_in = |(id, entry): (EntryId, &Entry)| {
            (entry.up.standing == UpstreamState::Registered).then_some(id)
        };
        let mut all: Vec<EntryId> = Vec::new();
        if !adds {
            all.extend(self.entries.iter().filter_map(is_in));
            all.sort_unstable();
        }
        let size = |id: &EntryId| self.entries.get(*id).map_or(0, |one| one.wanted().len());
        let mut octets: usize = all.iter().map(size).sum();
        let fits = |id: &&EntryId| {
            octets += size(id);
            octets <= OCTETS
        };
        let joining: Vec<EntryId> = self
            .gateway
            .joining
            .iter()
            .take_while(fits)
            .copied()
            .collect();
        all.extend(&joining);
        (all, joining)
    }

    pub(in crate::proxy) fn gateway_rrq(&self, ids: &[EntryId]) -> Option<RegistrationRequest> {
        let mut gateway = GatewayInfo::new();
        let blank = Rrq {
            product: Some(("rasline".into(), env!("CARGO_PKG_VERSION").into())),
            ..Rrq::default()
        };
        let Ok(RasMessage::RegistrationRequest(mut rrq)) = blank.message() else {
            return None;
        };
        let mut aliases = Vec::new();
        let wanted = ids.iter().filter_map(|id| self.entries.get(*id));
        for full in wanted.filter_map(|entry| rrq::parse(entry.wanted())) {
            aliases.extend(full.terminal_alias.unwrap_or_default());
            rrq.call_signal_address.extend(full.call_signal_address);
            if let Some(protocols) = full.terminal_type.gateway.and_then(|one| one.protocol) {
                gateway.protocol.get_or_insert_default().extend(protocols);
            }
        }
        rrq.terminal_type = EndpointType::new();
        rrq.terminal_type.gateway = Some(gateway);
        rrq.terminal_alias = (!aliases.is_empty()).then_some(aliases.into());
        rrq.time_to_live = Some(TIME_TO_LIVE);
        Some(rrq)
    }

    /// When its next keep-alive is due: as [`Proxy::keep_up`], soon after a restart, and never later than it was due
    /// before.
    pub(in crate::proxy) fn gateway_keep_up(&mut self) {
        let at = if self.gateway.up.doubtful {
            Some(self.now.after(SOON))
        } else {
            let ttl = self.gateway.up.ttl;
            let ttl = ttl.map(|seconds| Duration::from_secs(seconds.into()));
            ttl.map(|ttl| self.spread(GATEWAY, ttl / 2, ttl / 4))
        };
        let before = self.keep_alives.at(GATEWAY);
        match [at, before].into_iter().flatten().min() {
            Some(at) => self.keep_alives.set(GATEWAY, at),
            None => self.keep_alives.clear(GATEWAY),
        }
    }

    /// The full RRQ that would register whom it carries now.
    pub(in crate::proxy) fn gateway_now(&self) -> Option<Box<[u8]>> {
        let is_in = |(id, entry): (EntryId, &Entry)| {
            (entry.up.standing == UpstreamState::Registered).then_some(id)
        };
        let mut ids: Vec<EntryId> = self.entries.iter().filter_map(is_in).collect();
        ids.sort_unstable();
        let mut octets = 0;
        let fits = |id: &EntryId| {
            octets += self.entries.get(*id).map_or(0, |one| one.full.len());
            octets <= OCTETS
        };
        let ids: Vec<EntryId> = ids.into_iter().take_while(fits).collect();
        let rrq = self.gateway_rrq(&ids)?;
        let octets = rrq::full(rrq, 1, Some(&self.gateway.up), self.settings.ras_address?).ok()?;
        Some(octets.into())
    }

    pub(in crate::proxy) fn gateway_keep_alive(&mut self, out: &mut Vec<Output>) {
        let Some(to) = self
            .active
            .filter(|to| self.gateway.up.gatekeeper == Some(*to))
        else {
            return;
        };
        if self.gateway.up.is_over(self.now) {
            return self.forgotten(out);
        }
        let (Some(full), Some(seq)) = (rrq::parse(&self.gateway.full), self.to_gatekeeper.number())
        else {
            return self.keep_alive_lost(GATEWAY);
        };
        let Some(from) = self.settings.ras_address else {
            return;
        };
        let Ok(octets) = rrq::keep_alive(full, seq, &self.gateway.up, from) else {
            return;
        };
        self.stats.upstream_lightweight += 1;
        let retry = retries(RasKind::RegistrationRequest);
        let flight = RequestToGatekeeper {
            from,
            to,
            purpose: Purpose::KeepAlive(GATEWAY),
            octets: octets.into(),
            retry,
        };
        self.launch(seq, flight, out);
    }

    pub(in crate::proxy) fn gateway_kept_up(
        &mut self,
        from: SocketAddr,
        message: &RasMessage,
        out: &mut Vec<Output>,
    ) {
        if self.gateway.up.gatekeeper != Some(from) {
            return;
        }
        let RasMessage::RegistrationConfirm(rcf) = message else {
            return self.forgotten(out);
        };
        let up = &mut self.gateway.up;
        up.confirmed = self.now;
        up.doubtful = false;
        up.ttl = rcf.time_to_live.or(up.ttl);
        up.additive |= rcf.supports_additive_registration.is_some();
        self.keep_alives.clear(GATEWAY);
        self.gateway_keep_up();
        self.store_gateway(out);
    }

    /// An endpoint is gone: its aliases are taken out, or the gateway leaves with the last one.
    pub(in crate::proxy) fn leave_gateway(&mut self, entry: &Entry, out: &mut Vec<Output>) {
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
            self.store_gateway(out);
            return self.leave_registration(&full, &up, (self.settings.ras_address, None), out);
        }
        if !up.additive {
            self.gateway.dirty = true;
            return self.go_on();
        }
        let (Some(to), Some(from), Some(seq)) = (
            up.gatekeeper,
            self.settings.ras_address,
            self.to_gatekeeper.number(),
        ) else {
            return;
        };
        let mut urq = UnregistrationRequest::new(seq);
        urq.endpoint_identifier = up.identifier;
        urq.gatekeeper_identifier = up.gatekeeper_identifier;
        urq.endpoint_alias = rrq::parse(&entry.full).and_then(|full| full.terminal_alias);
        if urq.endpoint_alias.is_some()
            && let Ok(octets) = encode_ras(&RasMessage::UnregistrationRequest(urq))
        {
            self.leave_by((from, to), seq, octets, None, out);
        }
        if let Some(now) = self.gateway_now() {
            self.gateway.full = now;
            self.store_gateway(out);
        }
    }

    /// IRR of the gateway.
    pub(in crate::proxy) fn gateway_irr(&self, irq: &InfoRequest) -> Option<InfoRequestResponse> {
        let full = rrq::parse(&self.gateway.full)?;
        let mut irr = InfoRequestResponse::new(
            irq.request_seq_num,
            full.terminal_type,
            self.gateway.up.identifier.clone()?,
            to_transport(self.settings.ras_address?),
        );
        irr.call_signal_address = full.call_signal_address;
        irr.endpoint_alias = full.terminal_alias;
        irr.need_response = Some(false);
        irr.unsolicited = Some(false);
        Some(irr)
    }
}
