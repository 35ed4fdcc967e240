//! Transport and alias addresses, party numbers (H.225.0 7.6).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{IsupNumber, MobileUim, NonStandardParameter};

/// `TransportAddress`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum TransportAddress {
    IpAddress(TransportAddressIpAddress),
    IpSourceRoute(TransportAddressIpSourceRoute),
    IpxAddress(TransportAddressIpxAddress),
    Ip6Address(TransportAddressIp6Address),
    #[rasn(size("16"))]
    NetBios(OctetString),
    #[rasn(size("1..=20"))]
    Nsap(OctetString),
    NonStandardAddress(NonStandardParameter),
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct TransportAddressIp6Address {
    #[rasn(size("16"))]
    pub ip: OctetString,
    #[rasn(value("0..=65535"))]
    pub port: u16,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct TransportAddressIpxAddress {
    #[rasn(size("6"))]
    pub node: OctetString,
    #[rasn(size("4"))]
    pub netnum: OctetString,
    #[rasn(size("2"))]
    pub port: OctetString,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct TransportAddressIpSourceRoute {
    #[rasn(size("4"))]
    pub ip: OctetString,
    #[rasn(value("0..=65535"))]
    pub port: u16,
    pub route: List<RouteAddress>,
    pub routing: TransportAddressIpSourceRouteRouting,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum TransportAddressIpSourceRouteRouting {
    Strict,
    Loose,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct TransportAddressIpAddress {
    #[rasn(size("4"))]
    pub ip: OctetString,
    #[rasn(value("0..=65535"))]
    pub port: u16,
}

/// `AlternateTransportAddresses`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct AlternateTransportAddresses {
    pub annex_e: Option<List<TransportAddress>>,
    #[rasn(extension_addition)]
    pub sctp: Option<List<TransportAddress>>,
}

/// `AliasAddress`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum AliasAddress {
    #[rasn(size("1..=128"), from("#", "*", ",", "0..=9"))]
    DialedDigits(Ia5String),
    #[rasn(size("1..=256"))]
    H323Id(BmpString),
    #[rasn(extension_addition, size("1..=512"))]
    UrlId(Ia5String),
    #[rasn(extension_addition)]
    TransportId(TransportAddress),
    #[rasn(extension_addition, size("1..=512"))]
    EmailId(Ia5String),
    #[rasn(extension_addition)]
    PartyNumber(PartyNumber),
    #[rasn(extension_addition)]
    MobileUim(MobileUim),
    #[rasn(extension_addition)]
    IsupNumber(IsupNumber),
}

/// `ExtendedAliasAddress`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ExtendedAliasAddress {
    pub address: AliasAddress,
    pub presentation_indicator: Option<PresentationIndicator>,
    pub screening_indicator: Option<ScreeningIndicator>,
}

/// `PartyNumber`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum PartyNumber {
    E164Number(PublicPartyNumber),
    #[rasn(size("1..=128"), from("#", "*", ",", "0..=9"))]
    DataPartyNumber(Ia5String),
    #[rasn(size("1..=128"), from("#", "*", ",", "0..=9"))]
    TelexPartyNumber(Ia5String),
    PrivateNumber(PrivatePartyNumber),
    #[rasn(size("1..=128"), from("#", "*", ",", "0..=9"))]
    NationalStandardPartyNumber(Ia5String),
}

/// `PublicPartyNumber`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct PublicPartyNumber {
    pub public_type_of_number: PublicTypeOfNumber,
    #[rasn(size("1..=128"), from("#", "*", ",", "0..=9"))]
    pub public_number_digits: Ia5String,
}

/// `PrivatePartyNumber`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct PrivatePartyNumber {
    pub private_type_of_number: PrivateTypeOfNumber,
    #[rasn(size("1..=128"), from("#", "*", ",", "0..=9"))]
    pub private_number_digits: Ia5String,
}

/// `PublicTypeOfNumber`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum PublicTypeOfNumber {
    Unknown,
    InternationalNumber,
    NationalNumber,
    NetworkSpecificNumber,
    SubscriberNumber,
    AbbreviatedNumber,
}

/// `PrivateTypeOfNumber`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum PrivateTypeOfNumber {
    Unknown,
    Level2RegionalNumber,
    Level1RegionalNumber,
    PisnSpecificNumber,
    LocalNumber,
    AbbreviatedNumber,
}

/// `PresentationIndicator`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum PresentationIndicator {
    PresentationAllowed,
    PresentationRestricted,
    AddressNotAvailable,
}

/// `ScreeningIndicator`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, Copy, PartialEq, Eq)]
#[rasn(enumerated)]
#[non_exhaustive]
pub enum ScreeningIndicator {
    UserProvidedNotScreened = 0,
    UserProvidedVerifiedAndPassed = 1,
    UserProvidedVerifiedAndFailed = 2,
    NetworkProvided = 3,
}

/// `DisplayName`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct DisplayName {
    pub language: Option<Ia5String>,
    #[rasn(size("1..=80"))]
    pub name: BmpString,
}

/// An element of a SEQUENCE OF, with the constraint of the element.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(delegate, size("4"))]
pub struct RouteAddress(pub OctetString);
