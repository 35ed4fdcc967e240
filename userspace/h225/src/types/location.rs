//! Location: LRQ, LCF, LRJ (H.225.0 7.13).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AliasAddress, AltGkInfo, AlternateTransportAddresses, CallIdentifier, CircuitInfo, ClearToken,
    CryptoH323Token, Endpoint, EndpointType, FeatureSet, GenericData, Icv, LanguageTag,
    NonStandardParameter, PartyNumber, SecurityErrors2, ServiceControlSession, SupportedProtocols,
    TransportAddress, TunnelledProtocol,
};

/// LRQ.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct LocationRequest {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    #[rasn(size("1..=128"))]
    pub endpoint_identifier: Option<BmpString>,
    pub destination_info: List<AliasAddress>,
    pub non_standard_data: Option<NonStandardParameter>,
    pub reply_address: TransportAddress,
    #[rasn(extension_addition)]
    pub source_info: Option<List<AliasAddress>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub can_map_alias: Option<bool>,
    #[rasn(extension_addition, size("1..=128"))]
    pub gatekeeper_identifier: Option<BmpString>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub desired_protocols: Option<List<SupportedProtocols>>,
    #[rasn(extension_addition)]
    pub desired_tunnelled_protocol: Option<TunnelledProtocol>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition, value("1..=255"))]
    pub hop_count: Option<u8>,
    #[rasn(extension_addition)]
    pub circuit_info: Option<Box<CircuitInfo>>,
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition, value("0..=4294967295"))]
    pub band_width: Option<u32>,
    #[rasn(extension_addition)]
    pub source_endpoint_info: Option<List<AliasAddress>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub can_map_src_alias: Option<bool>,
    #[rasn(extension_addition)]
    pub language: Option<List<LanguageTag>>,
}

/// LCF.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct LocationConfirm {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub call_signal_address: TransportAddress,
    pub ras_address: TransportAddress,
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub destination_info: Option<List<AliasAddress>>,
    #[rasn(extension_addition)]
    pub dest_extra_call_info: Option<List<AliasAddress>>,
    #[rasn(extension_addition)]
    pub destination_type: Option<Box<EndpointType>>,
    #[rasn(extension_addition)]
    pub remote_extension_address: Option<List<AliasAddress>>,
    #[rasn(extension_addition)]
    pub alternate_endpoints: Option<List<Endpoint>>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub alternate_transport_addresses: Option<AlternateTransportAddresses>,
    #[rasn(extension_addition)]
    pub supported_protocols: Option<List<SupportedProtocols>>,
    #[rasn(extension_addition)]
    pub multiple_calls: Option<bool>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub circuit_info: Option<Box<CircuitInfo>>,
    #[rasn(extension_addition)]
    pub service_control: Option<List<ServiceControlSession>>,
    #[rasn(extension_addition)]
    pub modified_src_info: Option<List<AliasAddress>>,
    #[rasn(extension_addition, value("0..=4294967295"))]
    pub band_width: Option<u32>,
    /// Since version 8.
    #[rasn(extension_addition)]
    pub language: Option<List<LanguageTag>>,
}

/// LRJ.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct LocationReject {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub reject_reason: LocationRejectReason,
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub alt_gk_info: Option<AltGkInfo>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub service_control: Option<List<ServiceControlSession>>,
}

/// `LocationRejectReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum LocationRejectReason {
    NotRegistered,
    InvalidPermission,
    RequestDenied,
    UndefinedReason,
    #[rasn(extension_addition)]
    SecurityDenial,
    #[rasn(extension_addition)]
    AliasesInconsistent,
    #[rasn(extension_addition)]
    RouteCalltoScn(List<PartyNumber>),
    #[rasn(extension_addition)]
    ResourceUnavailable,
    #[rasn(extension_addition)]
    GenericDataReason,
    #[rasn(extension_addition)]
    NeededFeatureNotSupported,
    #[rasn(extension_addition)]
    HopCountExceeded,
    #[rasn(extension_addition)]
    IncompleteAddress,
    #[rasn(extension_addition)]
    SecurityError(SecurityErrors2),
    #[rasn(extension_addition)]
    SecurityDHmismatch,
    #[rasn(extension_addition)]
    NoRouteToDestination,
    #[rasn(extension_addition)]
    UnallocatedNumber,
}
