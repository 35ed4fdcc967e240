//! What an endpoint is: EndpointType, Endpoint, vendor and non-standard data (H.225.0 7.6).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AliasAddress, AlternateTransportAddresses, CircuitInfo, ClearToken, CryptoH323Token,
    FeatureSet, SupportedProtocols, TransportAddress,
};

/// `EndpointType`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct EndpointType {
    pub non_standard_data: Option<NonStandardParameter>,
    pub vendor: Option<VendorIdentifier>,
    pub gatekeeper: Option<GatekeeperInfo>,
    pub gateway: Option<GatewayInfo>,
    pub mcu: Option<McuInfo>,
    pub terminal: Option<TerminalInfo>,
    pub mc: bool,
    pub undefined_node: bool,
    #[rasn(extension_addition, size("32"))]
    pub set: Option<BitString>,
    #[rasn(extension_addition)]
    pub supported_tunnelled_protocols: Option<List<TunnelledProtocol>>,
}

/// `Endpoint`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Endpoint {
    pub non_standard_data: Option<NonStandardParameter>,
    pub alias_address: Option<List<AliasAddress>>,
    pub call_signal_address: Option<List<TransportAddress>>,
    pub ras_address: Option<List<TransportAddress>>,
    pub endpoint_type: Option<Box<EndpointType>>,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(value("0..=127"))]
    pub priority: Option<u8>,
    pub remote_extension_address: Option<List<AliasAddress>>,
    pub dest_extra_call_info: Option<List<AliasAddress>>,
    #[rasn(extension_addition)]
    pub alternate_transport_addresses: Option<AlternateTransportAddresses>,
    #[rasn(extension_addition)]
    pub circuit_info: Option<Box<CircuitInfo>>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
}

/// `GatekeeperInfo`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct GatekeeperInfo {
    pub non_standard_data: Option<NonStandardParameter>,
}

/// `GatewayInfo`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct GatewayInfo {
    pub protocol: Option<List<SupportedProtocols>>,
    pub non_standard_data: Option<NonStandardParameter>,
}

/// `McuInfo`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct McuInfo {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub protocol: Option<List<SupportedProtocols>>,
}

/// `TerminalInfo`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct TerminalInfo {
    pub non_standard_data: Option<NonStandardParameter>,
}

/// `VendorIdentifier`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct VendorIdentifier {
    pub vendor: H221NonStandard,
    #[rasn(size("1..=256"))]
    pub product_id: Option<OctetString>,
    #[rasn(size("1..=256"))]
    pub version_id: Option<OctetString>,
    #[rasn(extension_addition)]
    pub enterprise_number: Option<ObjectIdentifier>,
}

/// `H221NonStandard`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H221NonStandard {
    #[rasn(value("0..=255"))]
    pub t35_country_code: u8,
    #[rasn(value("0..=255"))]
    pub t35_extension: u8,
    #[rasn(value("0..=65535"))]
    pub manufacturer_code: u16,
}

/// `NonStandardParameter`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct NonStandardParameter {
    pub non_standard_identifier: NonStandardIdentifier,
    pub data: OctetString,
}

/// `NonStandardIdentifier`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum NonStandardIdentifier {
    Object(ObjectIdentifier),
    H221NonStandard(H221NonStandard),
}

/// `QseriesOptions`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct QseriesOptions {
    pub q932_full: bool,
    pub q951_full: bool,
    pub q952_full: bool,
    pub q953_full: bool,
    pub q955_full: bool,
    pub q956_full: bool,
    pub q957_full: bool,
    pub q954_info: Q954Details,
}

/// `Q954Details`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Q954Details {
    pub conference_calling: bool,
    pub three_party_service: bool,
}

/// `SupportedPrefix`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct SupportedPrefix {
    pub non_standard_data: Option<NonStandardParameter>,
    pub prefix: AliasAddress,
}

/// `TunnelledProtocol`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct TunnelledProtocol {
    pub id: TunnelledProtocolId,
    #[rasn(size("1..=64"))]
    pub sub_identifier: Option<Ia5String>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum TunnelledProtocolId {
    TunnelledProtocolObjectId(ObjectIdentifier),
    TunnelledProtocolAlternateId(TunnelledProtocolAlternateIdentifier),
}

/// `TunnelledProtocolAlternateIdentifier`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct TunnelledProtocolAlternateIdentifier {
    #[rasn(size("1..=64"))]
    pub protocol_type: Ia5String,
    #[rasn(size("1..=64"))]
    pub protocol_variant: Option<Ia5String>,
}
