//! Registration: RRQ, RCF, RRJ (H.225.0 7.9).
//!
//! The lightweight RRQ is an RRQ with `keep_alive` TRUE.

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AliasAddress, AltGkInfo, AlternateGk, AlternateTransportAddresses, CallCapacity,
    CallCreditCapability, CapacityReportingCapability, CapacityReportingSpecification, ClearToken,
    CryptoH323Token, Endpoint, EndpointType, FeatureSet, GenericData, Icv, NonStandardParameter,
    PartyNumber, RasUsageInfoTypes, RasUsageSpecification, RehomingModel, SecurityErrors,
    ServiceControlSession, SupportedPrefix, TransportAddress, TransportQos, UseSpecifiedTransport,
    VendorIdentifier,
};

/// RRQ, full or (keepAlive TRUE) lightweight.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RegistrationRequest {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub protocol_identifier: ObjectIdentifier,
    pub non_standard_data: Option<NonStandardParameter>,
    pub discovery_complete: bool,
    pub call_signal_address: List<TransportAddress>,
    pub ras_address: List<TransportAddress>,
    pub terminal_type: EndpointType,
    pub terminal_alias: Option<List<AliasAddress>>,
    #[rasn(size("1..=128"))]
    pub gatekeeper_identifier: Option<BmpString>,
    pub endpoint_vendor: VendorIdentifier,
    #[rasn(extension_addition)]
    pub alternate_endpoints: Option<List<Endpoint>>,
    #[rasn(extension_addition, value("1..=4294967295"))]
    pub time_to_live: Option<u32>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub keep_alive: Option<bool>,
    #[rasn(extension_addition, size("1..=128"))]
    pub endpoint_identifier: Option<BmpString>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub will_supply_uuies: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub maintain_connection: Option<bool>,
    #[rasn(extension_addition)]
    pub alternate_transport_addresses: Option<AlternateTransportAddresses>,
    #[rasn(extension_addition)]
    pub additive_registration: Option<()>,
    #[rasn(extension_addition)]
    pub terminal_alias_pattern: Option<List<AddressPattern>>,
    #[rasn(extension_addition)]
    pub supports_alt_gk: Option<()>,
    #[rasn(extension_addition)]
    pub usage_reporting_capability: Option<RasUsageInfoTypes>,
    #[rasn(extension_addition)]
    pub multiple_calls: Option<bool>,
    #[rasn(extension_addition)]
    pub supported_h248_packages: Option<List<OctetString>>,
    #[rasn(extension_addition)]
    pub call_credit_capability: Option<CallCreditCapability>,
    #[rasn(extension_addition)]
    pub capacity_reporting_capability: Option<CapacityReportingCapability>,
    #[rasn(extension_addition)]
    pub capacity: Option<CallCapacity>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub restart: Option<()>,
    #[rasn(extension_addition)]
    pub supports_acf_sequences: Option<()>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub supports_assigned_gk: Option<bool>,
    #[rasn(extension_addition)]
    pub assigned_gatekeeper: Option<AlternateGk>,
    #[rasn(extension_addition)]
    pub transport_qos: Option<TransportQos>,
    #[rasn(extension_addition)]
    pub language: Option<List<LanguageTag>>,
}

/// RCF.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RegistrationConfirm {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub protocol_identifier: ObjectIdentifier,
    pub non_standard_data: Option<NonStandardParameter>,
    pub call_signal_address: List<TransportAddress>,
    pub terminal_alias: Option<List<AliasAddress>>,
    #[rasn(size("1..=128"))]
    pub gatekeeper_identifier: Option<BmpString>,
    #[rasn(size("1..=128"))]
    pub endpoint_identifier: BmpString,
    #[rasn(extension_addition)]
    pub alternate_gatekeeper: Option<List<AlternateGk>>,
    #[rasn(extension_addition, value("1..=4294967295"))]
    pub time_to_live: Option<u32>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub will_respond_to_irr: Option<bool>,
    #[rasn(extension_addition)]
    pub pre_granted_arq: Option<RegistrationConfirmPreGrantedArq>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub maintain_connection: Option<bool>,
    #[rasn(extension_addition)]
    pub service_control: Option<List<ServiceControlSession>>,
    #[rasn(extension_addition)]
    pub supports_additive_registration: Option<()>,
    #[rasn(extension_addition)]
    pub terminal_alias_pattern: Option<List<AddressPattern>>,
    #[rasn(extension_addition)]
    pub supported_prefixes: Option<List<SupportedPrefix>>,
    #[rasn(extension_addition)]
    pub usage_spec: Option<List<RasUsageSpecification>>,
    #[rasn(extension_addition)]
    pub feature_server_alias: Option<AliasAddress>,
    #[rasn(extension_addition)]
    pub capacity_reporting_spec: Option<CapacityReportingSpecification>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub assigned_gatekeeper: Option<AlternateGk>,
    #[rasn(extension_addition)]
    pub rehoming_model: Option<RehomingModel>,
    #[rasn(extension_addition)]
    pub transport_qos: Option<TransportQos>,
    /// Since version 8.
    #[rasn(extension_addition)]
    pub language: Option<List<LanguageTag>>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RegistrationConfirmPreGrantedArq {
    pub make_call: bool,
    pub use_gk_call_signal_address_to_make_call: bool,
    pub answer_call: bool,
    pub use_gk_call_signal_address_to_answer: bool,
    #[rasn(extension_addition, value("1..=65535"))]
    pub irr_frequency_in_call: Option<u16>,
    #[rasn(extension_addition, value("0..=4294967295"))]
    pub total_bandwidth_restriction: Option<u32>,
    #[rasn(extension_addition)]
    pub alternate_transport_addresses: Option<AlternateTransportAddresses>,
    #[rasn(extension_addition)]
    pub use_specified_transport: Option<UseSpecifiedTransport>,
}

/// RRJ.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RegistrationReject {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub protocol_identifier: ObjectIdentifier,
    pub non_standard_data: Option<NonStandardParameter>,
    pub reject_reason: RegistrationRejectReason,
    #[rasn(size("1..=128"))]
    pub gatekeeper_identifier: Option<BmpString>,
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
    pub assigned_gatekeeper: Option<AlternateGk>,
}

/// `RegistrationRejectReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum RegistrationRejectReason {
    DiscoveryRequired,
    InvalidRevision,
    InvalidCallSignalAddress,
    InvalidRasAddress,
    DuplicateAlias(List<AliasAddress>),
    InvalidTerminalType,
    UndefinedReason,
    TransportNotSupported,
    #[rasn(extension_addition)]
    TransportQosNotSupported,
    #[rasn(extension_addition)]
    ResourceUnavailable,
    #[rasn(extension_addition)]
    InvalidAlias,
    #[rasn(extension_addition)]
    SecurityDenial,
    #[rasn(extension_addition)]
    FullRegistrationRequired,
    #[rasn(extension_addition)]
    AdditiveRegistrationNotSupported,
    #[rasn(extension_addition)]
    InvalidTerminalAliases(RegistrationRejectReasonInvalidTerminalAliases),
    #[rasn(extension_addition)]
    GenericDataReason,
    #[rasn(extension_addition)]
    NeededFeatureNotSupported,
    #[rasn(extension_addition)]
    SecurityError(SecurityErrors),
    #[rasn(extension_addition)]
    RegisterWithAssignedGk,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RegistrationRejectReasonInvalidTerminalAliases {
    pub terminal_alias: Option<List<AliasAddress>>,
    pub terminal_alias_pattern: Option<List<AddressPattern>>,
    pub supported_prefixes: Option<List<SupportedPrefix>>,
}

/// `AddressPattern`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum AddressPattern {
    Wildcard(AliasAddress),
    Range(AddressPatternRange),
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct AddressPatternRange {
    pub start_of_range: PartyNumber,
    pub end_of_range: PartyNumber,
}

/// An element of a SEQUENCE OF, with the constraint of the element.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(delegate, size("1..=32"))]
pub struct LanguageTag(pub Ia5String);
