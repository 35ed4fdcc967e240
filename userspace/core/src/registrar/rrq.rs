//! What an RRQ says, and full RRQs that are kept across restarts.

use std::net::SocketAddr;

use rasline_h225::messages::{Rrq, alias};
use rasline_h225::text::{from_bmp, from_transport};
use rasline_h225::types::{RasMessage, RegistrationRequest};
use rasline_h225::{decode_ras, encode_ras};

use super::aliases::prefixes;
use super::entries::Entry;
use crate::{Reserved, octets};

/// callSignalAddress: those of IP that an endpoint can have, not too many.
pub(super) fn signalling(rrq: &RegistrationRequest, reserved: &Reserved) -> Vec<SocketAddr> {
    let all = rrq.call_signal_address.iter().filter_map(from_transport);
    let all = all.filter(|address| reserved.allows(address));
    let mut usable: Vec<_> = all.take(8).collect();
    let mut seen = std::collections::BTreeSet::new();
    usable.retain(|address| seen.insert(*address));
    usable
}

/// Where it wants to be asked: rasAddress, if that is on the host that it comes from, else where it comes from. `None`:
/// it names no usable one.
pub(super) fn ras_address(from: SocketAddr, rrq: &RegistrationRequest) -> Option<SocketAddr> {
    let mut all = rrq
        .ras_address
        .iter()
        .filter_map(from_transport)
        .filter(usable)
        .peekable();
    all.peek()?;
    Some(all.find(|ras| ras.ip() == from.ip()).unwrap_or(from))
}

fn usable(address: &SocketAddr) -> bool {
    let ip = address.ip();
    address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
}

/// endpointIdentifier of an RRQ.
pub(super) fn identifier(rrq: &RegistrationRequest) -> Option<String> {
    rrq.endpoint_identifier.as_ref().map(from_bmp)
}

/// The prefixes that a gateway says it serves.
pub(super) fn served_prefixes(rrq: &RegistrationRequest) -> Vec<String> {
    prefixes(&rrq.terminal_type)
}

/// The RRQ of these octets, if it is one.
pub(super) fn decode_rrq(octets: &[u8]) -> Option<RegistrationRequest> {
    match decode_ras(octets) {
        Ok(RasMessage::RegistrationRequest(rrq)) => Some(rrq),
        _ => None,
    }
}

/// The full RRQ as it would say what is registered now, to be kept across restarts.
pub(super) fn rebuild_full_rrq(entry: &Entry) -> Box<[u8]> {
    let Some(mut rrq) = decode_rrq(&entry.full) else {
        return Box::default();
    };
    let aliases: Vec<_> = entry
        .aliases
        .iter()
        .filter_map(|text| alias(text).ok())
        .collect();
    rrq.terminal_alias = (!aliases.is_empty()).then_some(aliases.into());
    let octets = encode_ras(&RasMessage::RegistrationRequest(rrq)).unwrap_or_default();
    octets::full(&octets).unwrap_or_default()
}

/// The full RRQ that an endpoint would have sent, as the profile knows it: a registration is kept by it, and the next
/// process may have learned less. Empty if it is too long to be kept, or cannot be encoded.
pub(super) fn make_full_rrq(entry: &Entry) -> Box<[u8]> {
    let rrq = Rrq {
        call_signal_addresses: entry.signalling.clone(),
        aliases: entry.aliases.clone(),
        endpoint_identifier: Some(entry.identifier.clone()),
        ..Rrq::full(1, entry.ras, entry.ras)
    };
    let octets = rrq.encode().ok();
    octets
        .and_then(|octets| octets::full(&octets))
        .unwrap_or_default()
}
