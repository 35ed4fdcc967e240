//! Admission: ARQ, ACF, ARJ (H.225.0 7.11).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AliasAddress, AltGkInfo, AlternateGk, AlternateTransportAddresses, CallCapacity,
    CallIdentifier, CallLinkage, CircuitInfo, ClearToken, CryptoH323Token, DataRate, Endpoint,
    EndpointType, FeatureSet, GenericData, Icv, LanguageTag, NonStandardParameter, PartyNumber,
    QosCapability, QseriesOptions, RasUsageSpecification, SecurityErrors2, ServiceControlSession,
    SupportedProtocols, TransportAddress, TunnelledProtocol,
};

/// ARQ.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct AdmissionRequest {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    #[minimal(CallType::PointToPoint)]
    pub call_type: CallType,
    pub call_model: Option<CallModel>,
    #[rasn(size("1..=128"))]
    pub endpoint_identifier: BmpString,
    pub destination_info: Option<List<AliasAddress>>,
    pub dest_call_signal_address: Option<TransportAddress>,
    pub dest_extra_call_info: Option<List<AliasAddress>>,
    pub src_info: List<AliasAddress>,
    pub src_call_signal_address: Option<TransportAddress>,
    #[rasn(value("0..=4294967295"))]
    pub band_width: u32,
    #[rasn(value("0..=65535"))]
    pub call_reference_value: u16,
    pub non_standard_data: Option<NonStandardParameter>,
    pub call_services: Option<Box<QseriesOptions>>,
    #[rasn(size("16"))]
    pub conference_id: OctetString,
    pub active_mc: bool,
    pub answer_call: bool,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub can_map_alias: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition)]
    pub src_alternatives: Option<List<Endpoint>>,
    #[rasn(extension_addition)]
    pub dest_alternatives: Option<List<Endpoint>>,
    #[rasn(extension_addition, size("1..=128"))]
    pub gatekeeper_identifier: Option<BmpString>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub transport_qos: Option<TransportQos>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub will_supply_uuies: Option<bool>,
    #[rasn(extension_addition)]
    pub call_linkage: Option<CallLinkage>,
    #[rasn(extension_addition)]
    pub gateway_data_rate: Option<DataRate>,
    #[rasn(extension_addition)]
    pub capacity: Option<CallCapacity>,
    #[rasn(extension_addition)]
    pub circuit_info: Option<Box<CircuitInfo>>,
    #[rasn(extension_addition)]
    pub desired_protocols: Option<List<SupportedProtocols>>,
    #[rasn(extension_addition)]
    pub desired_tunnelled_protocol: Option<TunnelledProtocol>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub can_map_src_alias: Option<bool>,
}

/// ACF.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct AdmissionConfirm {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    #[rasn(value("0..=4294967295"))]
    pub band_width: u32,
    pub call_model: CallModel,
    pub dest_call_signal_address: TransportAddress,
    #[rasn(value("1..=65535"))]
    pub irr_frequency: Option<u16>,
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
    pub transport_qos: Option<TransportQos>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub will_respond_to_irr: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub uuies_requested: Option<UuiesRequested>,
    #[rasn(extension_addition)]
    pub language: Option<List<LanguageTag>>,
    #[rasn(extension_addition)]
    pub alternate_transport_addresses: Option<AlternateTransportAddresses>,
    #[rasn(extension_addition)]
    pub use_specified_transport: Option<UseSpecifiedTransport>,
    #[rasn(extension_addition)]
    pub circuit_info: Option<Box<CircuitInfo>>,
    #[rasn(extension_addition)]
    pub usage_spec: Option<List<RasUsageSpecification>>,
    #[rasn(extension_addition)]
    pub supported_protocols: Option<List<SupportedProtocols>>,
    #[rasn(extension_addition)]
    pub service_control: Option<List<ServiceControlSession>>,
    #[rasn(extension_addition)]
    pub multiple_calls: Option<bool>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub modified_src_info: Option<List<AliasAddress>>,
    #[rasn(extension_addition)]
    pub assigned_gatekeeper: Option<AlternateGk>,
}

/// ARJ.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct AdmissionReject {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub reject_reason: AdmissionRejectReason,
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub alt_gk_info: Option<AltGkInfo>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub call_signal_address: Option<List<TransportAddress>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub service_control: Option<List<ServiceControlSession>>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub assigned_gatekeeper: Option<AlternateGk>,
}

/// `AdmissionRejectReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum AdmissionRejectReason {
    CalledPartyNotRegistered,
    InvalidPermission,
    RequestDenied,
    UndefinedReason,
    CallerNotRegistered,
    RouteCallToGatekeeper,
    InvalidEndpointIdentifier,
    ResourceUnavailable,
    #[rasn(extension_addition)]
    SecurityDenial,
    #[rasn(extension_addition)]
    QosControlNotSupported,
    #[rasn(extension_addition)]
    IncompleteAddress,
    #[rasn(extension_addition)]
    AliasesInconsistent,
    #[rasn(extension_addition)]
    RouteCallToScn(List<PartyNumber>),
    #[rasn(extension_addition)]
    ExceedsCallCapacity,
    #[rasn(extension_addition)]
    CollectDestination,
    #[rasn(extension_addition)]
    CollectPin,
    #[rasn(extension_addition)]
    GenericDataReason,
    #[rasn(extension_addition)]
    NeededFeatureNotSupported,
    #[rasn(extension_addition)]
    SecurityError(SecurityErrors2),
    #[rasn(extension_addition)]
    SecurityDHmismatch,
    #[rasn(extension_addition)]
    NoRouteToDestination,
    #[rasn(extension_addition)]
    UnallocatedNumber,
    #[rasn(extension_addition)]
    RegisterWithAssignedGk,
}

/// `CallType`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum CallType {
    PointToPoint,
    OneToN,
    NToOne,
    NToN,
}

/// `CallModel`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum CallModel {
    Direct,
    GatekeeperRouted,
}

/// `UUIEsRequested`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct UuiesRequested {
    pub setup: bool,
    pub call_proceeding: bool,
    pub connect: bool,
    pub alerting: bool,
    pub information: bool,
    pub release_complete: bool,
    pub facility: bool,
    pub progress: bool,
    pub empty: bool,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub status: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub status_inquiry: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub setup_acknowledge: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub notify: Option<bool>,
}

/// `TransportQOS`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum TransportQos {
    EndpointControlled,
    GatekeeperControlled,
    NoControl,
    #[rasn(extension_addition, size("1..=256"))]
    QosCapabilities(List<QosCapability>),
}

/// `UseSpecifiedTransport`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum UseSpecifiedTransport {
    Tcp,
    AnnexE,
    #[rasn(extension_addition)]
    Sctp,
}
