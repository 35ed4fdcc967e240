//! The gateway registration of an aggregate: the endpoints that it carries, and its RRQ.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rasline_h225::messages::Rrq;
use rasline_h225::text::{from_alias, from_bmp};
use rasline_h225::types::{
    EndpointType, GatewayInfo, RasMessage, RegistrationConfirm, RegistrationReject,
    RegistrationRejectReason as Rrj, RegistrationRequest,
};

use crate::proxy::endpoints::{Endpoint, Endpoints, GATEWAY};
use crate::proxy::identity::UpstreamIdentity;
use crate::proxy::{EntryId, Output, Stored, rrq};
use crate::{Time, ras_server};

/// Maximum size, in octets of their full RRQs, of the endpoints in one RRQ of the gateway, so that it fits a datagram.
const OCTETS: usize = 50_000;
/// timeToLive that the gateway asks for, seconds.
const TIME_TO_LIVE: u32 = 300;

/// The one registration of an aggregate.
#[derive(Clone, Debug, Default)]
pub(super) struct Gateway {
    pub identity: UpstreamIdentity,
    /// Its full RRQ under way.
    pub request: Option<u16>,
    /// Its last full RRQ that was confirmed.
    pub full: Box<[u8]>,
    /// Endpoints that want to be in it.
    pub joining: BTreeSet<EntryId>,
    /// What the gatekeeper has is more than there is.
    pub dirty: bool,
}

/// Endpoints that one RRQ of the gateway is about.
pub(super) struct Members {
    pub all: Vec<EntryId>,
    /// Those of them that are not in it yet.
    pub joining: Vec<EntryId>,
}

impl Gateway {
    /// Whether there is something to say to the gatekeeper.
    pub fn has_news(&self) -> bool {
        self.dirty || !self.joining.is_empty()
    }

    /// Chooses who goes into the next RRQ: who is in already, unless the gatekeeper adds to what it has, and who joins.
    pub fn choose_members(&self, registered: Vec<EntryId>, endpoints: &Endpoints) -> Members {
        let mut all = registered;
        let size = |id: &EntryId| endpoints.get(*id).map_or(0, |one| one.newest_rrq().len());
        let mut octets: usize = all.iter().map(size).sum();
        let fits = |id: &&EntryId| {
            octets += size(id);
            octets <= OCTETS
        };
        let joining: Vec<EntryId> = self.joining.iter().take_while(fits).copied().collect();
        all.extend(&joining);
        Members { all, joining }
    }

    /// The full RRQ that would register the endpoints that the gateway carries now, from this address.
    pub fn whole_rrq(
        &self,
        registered: Vec<EntryId>,
        endpoints: &Endpoints,
        from: SocketAddr,
    ) -> Option<Box<[u8]>> {
        let mut octets = 0;
        let fits = |id: &EntryId| {
            octets += endpoints.get(*id).map_or(0, |one| one.full.len());
            octets <= OCTETS
        };
        let ids: Vec<EntryId> = registered.into_iter().take_while(fits).collect();
        let rrq = make_rrq(&ids, endpoints)?;
        let octets = rrq::make_full(rrq, 1, Some(&self.identity), from).ok()?;
        Some(octets.into())
    }

    /// Takes what an RCF to its full RRQ says. Returns what it was known by before.
    pub fn take_rcf(
        &mut self,
        gatekeeper: SocketAddr,
        rcf: &RegistrationConfirm,
        now: Time,
    ) -> UpstreamIdentity {
        let before = std::mem::take(&mut self.identity);
        let added = before.additive && before.gatekeeper == Some(gatekeeper);
        let named = rcf.gatekeeper_identifier.clone();
        self.request = None;
        self.identity = UpstreamIdentity {
            gatekeeper: Some(gatekeeper),
            identifier: Some(rcf.endpoint_identifier.clone()),
            gatekeeper_identifier: named.or_else(|| before.gatekeeper_identifier.clone()),
            ttl: rcf.time_to_live.or(before.ttl),
            confirmed: now,
            additive: added || rcf.supports_additive_registration.is_some(),
            doubtful: false,
        };
        before
    }

    /// Takes what an RCF to its keep-alive says.
    pub fn take_light_rcf(&mut self, rcf: &RegistrationConfirm, now: Time) {
        let identity = &mut self.identity;
        identity.confirmed = now;
        identity.doubtful = false;
        identity.ttl = rcf.time_to_live.or(identity.ttl);
        identity.additive |= rcf.supports_additive_registration.is_some();
    }

    /// What is kept of it across restarts, or that nothing is.
    pub fn store(&self, here: Option<SocketAddr>) -> Output {
        let identity = &self.identity;
        let (Some(_), Some(identifier), Some(here)) =
            (identity.gatekeeper, &identity.identifier, here)
        else {
            return Output::Forget { id: GATEWAY };
        };
        Output::Store(Box::new(Stored {
            registration: ras_server::Stored {
                id: GATEWAY,
                endpoint_identifier: String::new(),
                endpoint: here,
                seen_as: here,
                full: self.full.to_vec(),
                lightweight: None,
                time_to_live: identity.ttl.unwrap_or_default(),
                confirmed: identity.confirmed,
            },
            gatekeeper: identity.gatekeeper,
            upstream_identifier: Some(from_bmp(identifier)),
            upstream_gatekeeper_identifier: identity.gatekeeper_identifier.as_ref().map(from_bmp),
            upstream_ttl: identity.ttl,
            upstream_signalling_port: None,
        }))
    }
}

/// An RRQ of the gateway for these endpoints.
pub(super) fn make_rrq(ids: &[EntryId], endpoints: &Endpoints) -> Option<RegistrationRequest> {
    let mut gateway = GatewayInfo::new();
    let blank = Rrq {
        product: Some(("rasline".into(), env!("CARGO_PKG_VERSION").into())),
        ..Rrq::default()
    };
    let Ok(RasMessage::RegistrationRequest(mut rrq)) = blank.message() else {
        return None;
    };
    let mut aliases = Vec::new();
    let wanted = ids.iter().filter_map(|id| endpoints.get(*id));
    for full in wanted.filter_map(|endpoint| rrq::parse(endpoint.newest_rrq())) {
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

/// Those of the endpoints for which an RRJ to the gateway is: who has a duplicate alias, or all.
pub(super) fn find_at_fault(
    ids: &[EntryId],
    rrj: &RegistrationReject,
    endpoints: &Endpoints,
) -> Vec<EntryId> {
    let Rrj::DuplicateAlias(list) = &rrj.reject_reason else {
        return ids.to_vec();
    };
    let texts: Vec<String> = list.iter().filter_map(from_alias).collect();
    let has = |id: &&EntryId| {
        let claimed = rrq_of(**id, endpoints).and_then(|rrq| rrq.terminal_alias);
        let claimed = claimed.unwrap_or_default();
        let mut claimed = claimed.iter().filter_map(from_alias);
        claimed.any(|alias| texts.contains(&alias))
    };
    let found: Vec<EntryId> = ids.iter().filter(has).copied().collect();
    if found.is_empty() {
        return ids.to_vec();
    }
    found
}

/// An RRJ to the gateway as it concerns one of its endpoints: the aliases of the others are none of its business.
pub(super) fn rrj_for(
    id: EntryId,
    rrj: &RegistrationReject,
    endpoints: &Endpoints,
) -> RegistrationReject {
    let mut own = rrj.clone();
    if let Rrj::DuplicateAlias(list) = &mut own.reject_reason {
        let claimed = rrq_of(id, endpoints).and_then(|rrq| rrq.terminal_alias);
        let claimed = claimed.unwrap_or_default();
        list.retain(|alias| claimed.contains(alias));
    }
    own
}

fn rrq_of(id: EntryId, endpoints: &Endpoints) -> Option<RegistrationRequest> {
    endpoints
        .get(id)
        .map(Endpoint::newest_rrq)
        .and_then(rrq::parse)
}
