//! RRQs: what they say, and those that go upstream.

use std::net::SocketAddr;

use rasline_h225::text::{from_alias, from_transport, to_transport};
use rasline_h225::types::{AliasAddress, RasMessage, RegistrationRequest};
use rasline_h225::{EncodeError, decode_ras, encode_ras};

use super::identity::UpstreamIdentity;
use crate::transaction::digest;

/// Longest full RRQ that is carried, in octets.
pub(super) const LONGEST: usize = 4096;

/// The message with requestSeqNum zeroed.
pub(super) fn mask_number(message: &[u8]) -> Box<[u8]> {
    let mut octets: Box<[u8]> = message.into();
    if let Some(seq) = octets.get_mut(2..4) {
        seq.fill(0);
    }
    octets
}

/// The RRQ in these octets; `None`: they are none.
pub(super) fn parse(octets: &[u8]) -> Option<RegistrationRequest> {
    match decode_ras(octets) {
        Ok(RasMessage::RegistrationRequest(rrq)) => Some(rrq),
        _ => None,
    }
}

/// Where calls to the endpoint are signalled; without such an address, where its RAS comes from: what it is known by.
pub(super) fn signalling_address(rrq: &RegistrationRequest, from: SocketAddr) -> SocketAddr {
    let mut all = rrq.call_signal_address.iter().filter_map(from_transport);
    all.find(is_usable).unwrap_or(from)
}

/// Where it wants to be asked; never another host than it sends from.
pub(super) fn ras_address(rrq: &RegistrationRequest, from: SocketAddr) -> SocketAddr {
    let mut all = rrq.ras_address.iter().filter_map(from_transport);
    all.find(|ras| is_usable(ras) && ras.ip() == from.ip())
        .unwrap_or(from)
}

pub(super) fn is_usable(address: &SocketAddr) -> bool {
    !address.ip().is_unspecified() && !address.ip().is_multicast() && address.port() != 0
}

/// terminalAlias as people write it.
pub(super) fn aliases(aliases: Option<&[AliasAddress]>) -> Vec<String> {
    let all = aliases.unwrap_or_default().iter();
    all.filter_map(from_alias).collect()
}

/// Whether an RRQ carries tokens.
pub(super) const fn is_secured(rrq: &RegistrationRequest) -> bool {
    rrq.tokens.is_some() || rrq.crypto_tokens.is_some() || rrq.integrity_check_value.is_some()
}

/// A digest of what counts of a registration: addresses, aliases, what it is. A full RRQ of the same digest changes
/// nothing.
pub(super) fn digest_content(rrq: &RegistrationRequest) -> Option<u64> {
    let mut plain =
        RegistrationRequest::new(1, rrq.terminal_type.clone(), rrq.endpoint_vendor.clone());
    plain
        .call_signal_address
        .clone_from(&rrq.call_signal_address);
    plain.ras_address.clone_from(&rrq.ras_address);
    plain.terminal_alias.clone_from(&rrq.terminal_alias);
    plain
        .terminal_alias_pattern
        .clone_from(&rrq.terminal_alias_pattern);
    plain
        .alternate_endpoints
        .clone_from(&rrq.alternate_endpoints);
    plain.feature_set.clone_from(&rrq.feature_set);
    plain.generic_data.clone_from(&rrq.generic_data);
    plain.non_standard_data.clone_from(&rrq.non_standard_data);
    let octets = encode_ras(&RasMessage::RegistrationRequest(plain)).ok()?;
    Some(digest(&octets))
}

/// What a full RRQ says, with the callSignalAddress that represents the endpoint towards gatekeepers, if there is one.
pub(super) fn name_upstream(
    mut rrq: RegistrationRequest,
    signalling: Option<SocketAddr>,
) -> RegistrationRequest {
    if let Some(address) = signalling {
        rrq.call_signal_address = vec![to_transport(address)].into();
        rrq.alternate_endpoints = None;
    }
    rrq
}

/// The endpoint's own full RRQ as the gatekeeper gets it; `known`: what it knows the endpoint by, if it does.
///
/// # Errors
/// When it cannot be encoded.
pub(super) fn make_full(
    mut rrq: RegistrationRequest,
    seq: u16,
    known: Option<&UpstreamIdentity>,
    ras: SocketAddr,
) -> Result<Vec<u8>, EncodeError> {
    rrq.request_seq_num = seq;
    rrq.discovery_complete = true;
    rrq.ras_address = vec![to_transport(ras)].into();
    rrq.keep_alive = Some(false);
    rrq.endpoint_identifier = known.and_then(|up| up.identifier.clone());
    rrq.gatekeeper_identifier = known.and_then(|up| up.gatekeeper_identifier.clone());
    encode_ras(&RasMessage::RegistrationRequest(rrq))
}

/// A lightweight RRQ for what this full one registered.
///
/// # Errors
/// When it cannot be encoded.
pub(super) fn make_keep_alive(
    full: RegistrationRequest,
    seq: u16,
    up: &UpstreamIdentity,
    ras: SocketAddr,
) -> Result<Vec<u8>, EncodeError> {
    let mut rrq = RegistrationRequest::new(seq, full.terminal_type, full.endpoint_vendor);
    rrq.protocol_identifier = full.protocol_identifier;
    rrq.discovery_complete = true;
    rrq.call_signal_address = full.call_signal_address;
    rrq.ras_address = vec![to_transport(ras)].into();
    rrq.gatekeeper_identifier
        .clone_from(&up.gatekeeper_identifier);
    rrq.endpoint_identifier.clone_from(&up.identifier);
    rrq.time_to_live = up.ttl;
    rrq.keep_alive = Some(true);
    rrq.will_supply_uuies = full.will_supply_uuies.or(Some(false));
    rrq.maintain_connection = Some(false);
    encode_ras(&RasMessage::RegistrationRequest(rrq))
}
