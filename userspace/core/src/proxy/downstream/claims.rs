//! What a full RRQ (H.225.0 7.9) or an additive one may claim: whose it is, which addresses and aliases it may have.
//!
//! Gatekeepers look at none of this, since all endpoints may be at rasline's address.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rasline_h225::text::{from_alias, from_bmp, from_transport};
use rasline_h225::types::{AliasAddress, RegistrationRequest, TransportAddress};

use crate::Reserved;
use crate::claimed::may_claim;
use crate::proxy::endpoints::{Endpoint, Endpoints};
use crate::proxy::{EntryId, rrq};

/// Whose RRQ it is.
pub(in crate::proxy) enum Claimant {
    Known(EntryId),
    New,
    /// Its callSignalAddress is that of an endpoint on another host.
    Taken,
}

/// The endpoint that a full RRQ is of.
pub(in crate::proxy) fn find_claimant(
    endpoints: &Endpoints,
    from: SocketAddr,
    rrq: &RegistrationRequest,
) -> Claimant {
    let same_host = |id: &EntryId| {
        let endpoint = endpoints.get(*id);
        endpoint.is_some_and(|endpoint| endpoint.is_on_host(from.ip()))
    };
    let named = rrq.endpoint_identifier.as_ref().map(from_bmp);
    let named = named.and_then(|name| endpoints.by_identifier(&name));
    let there = endpoints.by_signalling(rrq::signalling_address(rrq, from));
    match (named.filter(same_host), there) {
        (_, Some(id)) if !same_host(&id) => Claimant::Taken,
        (Some(id), _) | (None, Some(id)) => Claimant::Known(id),
        (None, None) => Claimant::New,
    }
}

/// The RRQ with those addresses only that its sender may claim. `None`: it has none of those that it names.
pub(in crate::proxy) fn keep_own_addresses(
    endpoints: &Endpoints,
    reserved: &Reserved,
    from: SocketAddr,
    rrq: &RegistrationRequest,
) -> Option<RegistrationRequest> {
    let mut own = rrq.clone();
    let may = |address: &TransportAddress| {
        // Calls over anything but IP are none of ours.
        from_transport(address).is_none_or(|address| {
            let nowhere = !rrq::is_usable(&address);
            nowhere
                || reserved.allows(&address) && may_claim(from.ip(), &address, endpoints.hosts())
        })
    };
    own.call_signal_address.retain(&may);
    if let Some(alternates) = &mut own.alternate_endpoints {
        alternates.retain(|one| {
            let mut calls = one.call_signal_address.iter().flatten();
            let ras = one.ras_address.iter().flatten();
            calls.all(&may) && ras.into_iter().all(&may)
        });
    }
    let named = rrq
        .alternate_endpoints
        .as_ref()
        .is_some_and(|all| !all.is_empty());
    own.alternate_endpoints
        .take_if(|all| named && all.is_empty());
    let lost = own.call_signal_address.is_empty() && !rrq.call_signal_address.is_empty();
    (!lost).then_some(own)
}

/// Whether every callSignalAddress that an endpoint adds may be its own.
pub(in crate::proxy) fn may_add_addresses(
    endpoints: &Endpoints,
    reserved: &Reserved,
    (id, from): (EntryId, SocketAddr),
    rrq: &RegistrationRequest,
) -> bool {
    let mut addresses = rrq.call_signal_address.iter().filter_map(from_transport);
    addresses.all(|address| {
        let owner = endpoints.by_signalling(address);
        reserved.allows(&address)
            && may_claim(from.ip(), &address, endpoints.hosts())
            && owner.is_none_or(|owner| owner == id)
    })
}

/// Endpoints elsewhere that claim an address on the host that this RRQ comes from: they have to give way.
pub(in crate::proxy) fn find_squatters(
    endpoints: &Endpoints,
    from: SocketAddr,
    rrq: &RegistrationRequest,
) -> Vec<EntryId> {
    let named = rrq.call_signal_address.iter().filter_map(from_transport);
    let own = named.filter(|address| address.ip() == from.ip());
    let elsewhere = |id: &EntryId| {
        let endpoint = endpoints.get(*id);
        endpoint.is_some_and(|endpoint| !endpoint.is_on_host(from.ip()))
    };
    let mut seen = BTreeSet::new();
    own.filter_map(|address| endpoints.by_signalling(address))
        .filter(|id| elsewhere(id) && seen.insert(*id))
        .collect()
}

/// Aliases in it that an endpoint on another host has.
pub(in crate::proxy) fn aliases_held_elsewhere(
    endpoints: &Endpoints,
    from: SocketAddr,
    rrq: &RegistrationRequest,
) -> Vec<AliasAddress> {
    aliases_held(endpoints, rrq, |_, owner| !owner.is_on_host(from.ip()))
}

/// Aliases in it that endpoints other than this one have.
pub(in crate::proxy) fn aliases_of_others(
    endpoints: &Endpoints,
    id: EntryId,
    rrq: &RegistrationRequest,
) -> Vec<AliasAddress> {
    aliases_held(endpoints, rrq, |owner, _| owner != id)
}

fn aliases_held(
    endpoints: &Endpoints,
    rrq: &RegistrationRequest,
    by: impl Fn(EntryId, &Endpoint) -> bool,
) -> Vec<AliasAddress> {
    let is_held = |alias: &&AliasAddress| {
        let owner = from_alias(alias).and_then(|text| endpoints.by_alias(&text));
        let found = owner.and_then(|id| Some((id, endpoints.get(id)?)));
        found.is_some_and(|(id, endpoint)| by(id, endpoint))
    };
    let all = rrq.terminal_alias.iter().flatten();
    all.filter(is_held).cloned().collect()
}

/// Whether a full RRQ says only what the gatekeeper has confirmed.
pub(in crate::proxy) fn changes_nothing(endpoint: &Endpoint, rrq: &RegistrationRequest) -> bool {
    let plain = !rrq::is_secured(rrq) && rrq.restart.is_none();
    let held = endpoint.confirmed && endpoint.wanted.is_none();
    plain
        && held
        && rrq::parse(&endpoint.full)
            .is_some_and(|before| rrq::digest_content(&before) == rrq::digest_content(rrq))
}
