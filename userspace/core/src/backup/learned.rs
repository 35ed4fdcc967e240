//! What the zone's live traffic tells about its endpoints, for a profile.
//!
//! The full RRQ says most: aliases, prefixes, call signalling address. Where only lightweight RRQs were seen, they and
//! their RCFs say what they say. The address is the one that the endpoint's messages come from, which is where answers
//! reach it, whatever it says.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::net::SocketAddr;

use rasline_h225::text::{from_alias, from_transport};
use rasline_h225::types::RegistrationRequest;
use rasline_h225::view::supported_prefixes;
use rasline_h225::{RasMessage, decode_ras};

use crate::RegistrationId;
use crate::claimed::{Hosts, Reserved, may_claim};
use crate::learner::{Learner, Record};
use crate::profile::{KnownEndpoint, check_endpoint};

/// Aliases, and prefixes, that are taken of one endpoint at most.
const TAKEN: usize = 256;

/// The endpoints of a zone as they are registered with its gatekeepers; together they may stand in one profile: of two
/// that claim an alias, or an endpointIdentifier, the one heard of last has it. Those without an alias are left out, as
/// a profile cannot name them. A message of each registration is decoded: a zone of many thousands is better walked in
/// parts by [`known_after`].
#[must_use]
pub fn known_endpoints(learner: &Learner, zone: u32, reserved: &Reserved) -> Vec<KnownEndpoint> {
    let all = known_after(learner, zone, RegistrationId(0)).collect();
    listed(learner, all, reserved)
}

/// What [`known_after`] gave of a zone, in the form of [`known_endpoints`].
#[must_use]
pub fn listed(
    learner: &Learner,
    mut all: Vec<(RegistrationId, KnownEndpoint)>,
    reserved: &Reserved,
) -> Vec<KnownEndpoint> {
    let mut hosts = Hosts::default();
    let each = all.iter().filter_map(|(_, one)| one.ras_address);
    each.for_each(|ras| hosts.add(ras.ip()));
    let seen = |id| learner.registration(id).map(|shown| shown.last_seen);
    all.sort_by_cached_key(|(id, _)| Reverse((seen(*id), *id)));
    let (mut aliases, mut identifiers) = (HashSet::new(), HashSet::new());
    let mut addresses = HashSet::new();
    let mut listed = Vec::with_capacity(all.len());
    for (_, mut endpoint) in all {
        endpoint
            .aliases
            .retain(|alias| aliases.insert(alias.clone()));
        if endpoint.aliases.is_empty() {
            continue;
        }
        endpoint
            .endpoint_identifier
            .take_if(|id| !identifiers.insert(id.clone()));
        // The address speaks for who sends from it.
        let from = endpoint.ras_address.map(|ras| ras.ip());
        endpoint.call_signal_address.take_if(|address| {
            let may = from.is_none_or(|from| may_claim(from, address, &hosts));
            let own = from == Some(address.ip());
            !may || !reserved.allows(address) || !(addresses.insert(*address) || own)
        });
        listed.push(endpoint);
    }
    listed.sort_by(|a, b| a.aliases.cmp(&b.aliases));
    listed
}

/// As [`known_endpoints`], one by one, of registrations with larger numbers than this; an endpoint that is registered
/// twice comes twice.
pub fn known_after(
    learner: &Learner,
    zone: u32,
    after: RegistrationId,
) -> impl Iterator<Item = (RegistrationId, KnownEndpoint)> {
    let records = learner.records_after(after);
    let here = records.filter(move |record| record.shown.zone == zone);
    here.filter_map(|record| Some((record.shown.id, known(record)?)))
}

/// gatekeeperIdentifier that endpoints of the zone know: that of the first configured gatekeeper that told its own.
#[must_use]
pub fn gatekeeper_identifier(learner: &Learner, zone: u32) -> Option<String> {
    let gatekeepers = learner.config().zone(zone)?.gatekeepers.iter();
    gatekeepers
        .filter_map(|gatekeeper| learner.gatekeeper(gatekeeper.index))
        .find_map(|info| info.gatekeeper_identifier.clone())
}

fn known(record: &Record) -> Option<KnownEndpoint> {
    let shown = &record.shown;
    let full = record.full_rrq.as_deref().and_then(request);
    let rrq = full.or_else(|| request(&record.pair.as_ref()?.rrq));
    let rrq = rrq.as_deref();
    // What the gatekeeper confirmed comes first: the first alias names the endpoint.
    let mut aliases = shown.aliases.clone();
    let listed = rrq.and_then(|rrq| rrq.terminal_alias.as_deref());
    add(
        &mut aliases,
        listed.unwrap_or_default().iter().filter_map(from_alias),
    );
    let mut prefixes = Vec::new();
    let listed = rrq.map(|rrq| supported_prefixes(&rrq.terminal_type));
    add(&mut prefixes, listed.into_iter().flatten());
    let mut addresses = shown.call_signal_addresses.clone();
    let listed = rrq.map_or(&[][..], |rrq| &rrq.call_signal_address);
    addresses.extend(listed.iter().filter_map(from_transport));
    // Its own host first; what nobody can be reached at, not at all.
    addresses.retain(|address| Reserved::default().allows(address));
    addresses.sort_by_key(|address| address.ip() != shown.endpoint.ip());
    let mut endpoint = KnownEndpoint {
        aliases,
        prefixes,
        password: None,
        call_signal_address: addresses.first().copied(),
        ras_address: Some(shown.endpoint),
        endpoint_identifier: Some(shown.endpoint_identifier.clone()),
    };
    if check_endpoint(&endpoint).is_err() {
        cut(&mut endpoint, &addresses);
    }
    check_endpoint(&endpoint).is_ok().then_some(endpoint)
}

fn request(raw: &[u8]) -> Option<Box<RegistrationRequest>> {
    match decode_ras(raw) {
        Ok(RasMessage::RegistrationRequest(rrq)) => Some(Box::new(rrq)),
        _ => None,
    }
}

fn add(to: &mut Vec<String>, texts: impl Iterator<Item = String>) {
    for text in texts {
        if to.len() < TAKEN && !to.contains(&text) {
            to.push(text);
        }
    }
}

/// Takes out what no profile may say: traffic says whatever it likes.
fn cut(endpoint: &mut KnownEndpoint, addresses: &[SocketAddr]) {
    let fits = |set: &dyn Fn(&mut KnownEndpoint)| {
        let mut alone = KnownEndpoint {
            aliases: vec!["a".to_owned()],
            ..KnownEndpoint::default()
        };
        set(&mut alone);
        check_endpoint(&alone).is_ok()
    };
    let aliases = &mut endpoint.aliases;
    aliases.retain(|one| fits(&|alone| alone.aliases = vec![one.clone()]));
    let prefixes = &mut endpoint.prefixes;
    prefixes.retain(|one| fits(&|alone| alone.prefixes = vec![one.clone()]));
    let mut addresses = addresses.iter().copied();
    endpoint.call_signal_address =
        addresses.find(|one| fits(&|alone| alone.call_signal_address = Some(*one)));
}
