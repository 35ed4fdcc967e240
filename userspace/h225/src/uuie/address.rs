//! Changes of single addresses in an encoded H323-UserInformation.
//!
//! Decoding and encoding loses additions of later versions, so an address is replaced in place where possible: it is
//! octet aligned in aligned PER, and a changed value is accepted only if it decodes to what was meant.

use std::net::{IpAddr, SocketAddr};

use super::{decode, decode_uuie, encode_uuie};
use crate::text::{from_transport, to_transport};
use crate::types::{H323UuPduH323MessageBody as Body, TransportAddress, UserInformation};

/// Places at which an address is tried, at most.
const MAX_PLACES: usize = 8;

/// An address that can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressField {
    /// h245Address of any body that has one.
    H245,
    /// sourceCallSignalAddress of a Setup.
    SourceCallSignal,
    /// destCallSignalAddress of a Setup.
    DestinationCallSignal,
    /// alternativeAddress of a Facility.
    Alternative,
}

/// Why addresses cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchRefused {
    /// The octets do not decode.
    #[error("{0}")]
    Malformed(#[from] super::DecodeError),
    /// The message has no such address.
    #[error("no {0:?} address")]
    Absent(AddressField),
    /// It carries a cryptographic check of the whole message, which a change would break.
    #[error("secured by cryptoTokens")]
    Secured,
    /// The address is not found in place, and the rest would be lost in a new encoding.
    #[error("additions of a later version would be lost")]
    Lossy,
    /// The new value does not encode.
    #[error("{0}")]
    Encode(#[from] crate::EncodeError),
}

/// Replaces addresses in an encoded H323-UserInformation and keeps all else, including additions that this crate does
/// not know and octets after the value.
///
/// # Errors
/// When a field is absent, the message is secured, or something would be lost. The message should then be sent on
/// unchanged.
pub fn patch_addresses(
    octets: &[u8],
    changes: &[(AddressField, SocketAddr)],
) -> Result<Vec<u8>, PatchRefused> {
    let mut value = decode_unsecured(octets)?;
    let mut patched = octets.to_vec();
    for &(field, address) in changes {
        let place = field_mut(&mut value, field).and_then(Option::as_mut);
        let place = place.ok_or(PatchRefused::Absent(field))?;
        let before = core::mem::replace(place, to_transport(address));
        if *place == before {
            continue;
        }
        patched = match replace_in_place(&patched, &before, address, &value) {
            Some(replaced) => replaced,
            None => encode_again(&patched, &value)?,
        };
    }
    Ok(patched)
}

/// Removes h245Address, if there is one, and keeps all else.
///
/// # Errors
/// As [`patch_addresses`], but for the absence of the field.
pub fn remove_h245_address(octets: &[u8]) -> Result<Vec<u8>, PatchRefused> {
    let mut value = decode_unsecured(octets)?;
    match field_mut(&mut value, AddressField::H245).and_then(Option::take) {
        Some(_) => encode_again(octets, &value),
        None => Ok(octets.to_vec()),
    }
}

fn decode_unsecured(octets: &[u8]) -> Result<UserInformation, PatchRefused> {
    let value = decode_uuie(octets)?;
    if value.is_secured() {
        return Err(PatchRefused::Secured);
    }
    Ok(value)
}

/// The component for a field; `None` if this kind of message has none.
fn field_mut(
    value: &mut UserInformation,
    field: AddressField,
) -> Option<&mut Option<TransportAddress>> {
    let body = &mut value.h323_uu_pdu.h323_message_body;
    Some(match (field, body) {
        (AddressField::H245, Body::Setup(body)) => &mut body.h245_address,
        (AddressField::H245, Body::CallProceeding(body)) => &mut body.h245_address,
        (AddressField::H245, Body::Connect(body)) => &mut body.h245_address,
        (AddressField::H245, Body::Alerting(body)) => &mut body.h245_address,
        (AddressField::H245, Body::Facility(body)) => &mut body.h245_address,
        (AddressField::H245, Body::Progress(body)) => &mut body.h245_address,
        (AddressField::SourceCallSignal, Body::Setup(body)) => &mut body.source_call_signal_address,
        (AddressField::DestinationCallSignal, Body::Setup(body)) => {
            &mut body.dest_call_signal_address
        }
        (AddressField::Alternative, Body::Facility(body)) => &mut body.alternative_address,
        _ => return None,
    })
}

/// Replaces the octets of an address where this gives the expected value; `None` if it does nowhere, or if the new
/// address has another length.
fn replace_in_place(
    octets: &[u8],
    before: &TransportAddress,
    after: SocketAddr,
    expected: &UserInformation,
) -> Option<Vec<u8>> {
    let before = wire_octets(from_transport(before)?);
    let after = wire_octets(after);
    if before.len() != after.len() {
        return None;
    }
    let places = octets
        .windows(before.len())
        .enumerate()
        .filter(|(_, window)| *window == before)
        .map(|(at, _)| at);
    places.take(MAX_PLACES).find_map(|at| {
        let mut replaced = octets.to_vec();
        replaced[at..at + after.len()].copy_from_slice(&after);
        decode_uuie(&replaced)
            .is_ok_and(|value| value == *expected)
            .then_some(replaced)
    })
}

/// The octets of an address in aligned PER: IP address and port.
fn wire_octets(address: SocketAddr) -> Vec<u8> {
    let mut octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    octets.extend(address.port().to_be_bytes());
    octets
}

/// Encodes a value in place of the one in `octets`, if that has no additions of later versions. Octets after the value
/// stay.
fn encode_again(octets: &[u8], value: &UserInformation) -> Result<Vec<u8>, PatchRefused> {
    let before = decode(octets)?;
    if before.has_unknown {
        return Err(PatchRefused::Lossy);
    }
    let mut encoded = encode_uuie(value)?;
    encoded.extend(&octets[before.length..]);
    Ok(encoded)
}
