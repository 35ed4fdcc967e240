//! Converts between ASN.1 types and text, socket addresses and aliases.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rasn::types::{BmpString, Ia5String, OctetString};

use crate::EncodeError;
use crate::types::{
    AliasAddress, IsupNumber, MobileUim, PartyNumber, TransportAddress, TransportAddressIp6Address,
    TransportAddressIpAddress,
};

/// Converts a BMPString to text. Malformed UTF-16 becomes U+FFFD, so the text is for people and for comparison, not for
/// the wire.
#[must_use]
pub fn from_bmp(text: &BmpString) -> String {
    String::from_utf16_lossy(&text.clone().into_vec())
}

/// Converts text to a BMPString.
///
/// # Errors
/// When it is longer than the field allows.
pub fn to_bmp(text: &str) -> Result<BmpString, EncodeError> {
    // rasn takes the octets of UTF-16BE.
    let octets: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    BmpString::try_from(octets.as_slice())
        .map_err(|error| EncodeError::Constraint(error.to_string()))
}

/// Converts text to an IA5String.
///
/// # Errors
/// When it has a character that is not ASCII.
pub fn to_ia5(text: &str) -> Result<Ia5String, EncodeError> {
    Ia5String::try_from(text).map_err(|error| EncodeError::Constraint(error.to_string()))
}

/// Converts an IA5String to text.
#[must_use]
pub fn from_ia5(text: &Ia5String) -> String {
    String::from_utf8_lossy(text.as_iso646_bytes()).into_owned()
}

/// The socket address, if it is an IP address.
#[must_use]
pub fn from_transport(address: &TransportAddress) -> Option<SocketAddr> {
    match address {
        TransportAddress::IpAddress(v4) => Some(socket(
            <[u8; 4]>::try_from(&v4.ip[..]).ok()?.into(),
            v4.port,
        )),
        TransportAddress::Ip6Address(v6) => Some(socket(
            <[u8; 16]>::try_from(&v6.ip[..]).ok()?.into(),
            v6.port,
        )),
        _ => None,
    }
}

const fn socket(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}

/// Converts a socket address to ASN.1.
#[must_use]
pub fn to_transport(address: SocketAddr) -> TransportAddress {
    match address.ip() {
        IpAddr::V4(ip) => TransportAddress::IpAddress(v4(ip, address.port())),
        IpAddr::V6(ip) => TransportAddress::Ip6Address(v6(ip, address.port())),
    }
}

fn v4(ip: Ipv4Addr, port: u16) -> TransportAddressIpAddress {
    TransportAddressIpAddress {
        ip: OctetString::from(ip.octets().to_vec()),
        port,
    }
}

fn v6(ip: Ipv6Addr, port: u16) -> TransportAddressIp6Address {
    TransportAddressIp6Address {
        ip: OctetString::from(ip.octets().to_vec()),
        port,
    }
}

/// An alias as text. `None` if it has none (a transport address that is not IP, an empty identity).
#[must_use]
pub fn from_alias(alias: &AliasAddress) -> Option<String> {
    match alias {
        AliasAddress::H323Id(text) => Some(from_bmp(text)),
        AliasAddress::DialedDigits(text)
        | AliasAddress::UrlId(text)
        | AliasAddress::EmailId(text) => Some(from_ia5(text)),
        AliasAddress::TransportId(address) => {
            from_transport(address).map(|address| address.to_string())
        }
        AliasAddress::PartyNumber(number) => Some(from_party(number)),
        AliasAddress::MobileUim(identity) => from_mobile(identity),
        AliasAddress::IsupNumber(number) => Some(from_isup(number)),
    }
}

fn from_party(number: &PartyNumber) -> String {
    from_ia5(match number {
        PartyNumber::E164Number(number) => &number.public_number_digits,
        PartyNumber::PrivateNumber(number) => &number.private_number_digits,
        PartyNumber::DataPartyNumber(digits)
        | PartyNumber::TelexPartyNumber(digits)
        | PartyNumber::NationalStandardPartyNumber(digits) => digits,
    })
}

fn from_isup(number: &IsupNumber) -> String {
    from_ia5(match number {
        IsupNumber::E164Number(number) => &number.address,
        IsupNumber::PrivateNumber(number) => &number.address,
        IsupNumber::DataPartyNumber(digits)
        | IsupNumber::TelexPartyNumber(digits)
        | IsupNumber::NationalStandardPartyNumber(digits) => digits,
    })
}

fn from_mobile(identity: &MobileUim) -> Option<String> {
    let digits = match identity {
        MobileUim::Ansi41Uim(uim) => uim
            .imsi
            .as_ref()
            .or(uim.mdn.as_ref())
            .or(uim.msisdn.as_ref())
            .or(uim.min.as_ref()),
        MobileUim::GsmUim(uim) => uim
            .imsi
            .as_ref()
            .or(uim.msisdn.as_ref())
            .or(uim.imei.as_ref()),
    };
    digits.map(from_ia5)
}
