//! Setup (H.225.0 7.3.10).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AliasAddress, CallCapacity, CallIdentifier, CallReferenceValue, CallType, CircuitInfo,
    ClearToken, CryptoH323Token, DisplayName, EndpointType, ExtendedAliasAddress,
    FeatureDescriptor, H245Security, LanguageTag, PresentationIndicator, QseriesOptions,
    ScreeningIndicator, ServiceControlSession, SupportedProtocols, TransportAddress,
};

/// `Setup-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct SetupUuie {
    pub protocol_identifier: ObjectIdentifier,
    pub h245_address: Option<TransportAddress>,
    pub source_address: Option<List<AliasAddress>>,
    pub source_info: EndpointType,
    pub destination_address: Option<List<AliasAddress>>,
    pub dest_call_signal_address: Option<TransportAddress>,
    pub dest_extra_call_info: Option<List<AliasAddress>>,
    pub dest_extra_crv: Option<List<CallReferenceValue>>,
    pub active_mc: bool,
    #[rasn(size("16"))]
    pub conference_id: OctetString,
    pub conference_goal: SetupUuieConferenceGoal,
    pub call_services: Option<Box<QseriesOptions>>,
    pub call_type: CallType,
    #[rasn(extension_addition)]
    pub source_call_signal_address: Option<TransportAddress>,
    #[rasn(extension_addition)]
    pub remote_extension_address: Option<AliasAddress>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition)]
    pub h245_security_capability: Option<List<H245Security>>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub fast_start: Option<List<OctetString>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub media_wait_for_connect: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub can_overlap_send: Option<bool>,
    #[rasn(extension_addition, size("1..=128"))]
    pub endpoint_identifier: Option<BmpString>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub multiple_calls: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub maintain_connection: Option<bool>,
    #[rasn(extension_addition)]
    pub connection_parameters: Option<SetupUuieConnectionParameters>,
    #[rasn(extension_addition)]
    pub language: Option<List<LanguageTag>>,
    #[rasn(extension_addition)]
    pub presentation_indicator: Option<PresentationIndicator>,
    #[rasn(extension_addition)]
    pub screening_indicator: Option<ScreeningIndicator>,
    #[rasn(extension_addition)]
    pub service_control: Option<List<ServiceControlSession>>,
    #[rasn(extension_addition)]
    pub symmetric_operation_required: Option<()>,
    #[rasn(extension_addition)]
    pub capacity: Option<CallCapacity>,
    #[rasn(extension_addition)]
    pub circuit_info: Option<Box<CircuitInfo>>,
    #[rasn(extension_addition)]
    pub desired_protocols: Option<List<SupportedProtocols>>,
    #[rasn(extension_addition)]
    pub needed_features: Option<List<FeatureDescriptor>>,
    #[rasn(extension_addition)]
    pub desired_features: Option<List<FeatureDescriptor>>,
    #[rasn(extension_addition)]
    pub supported_features: Option<List<FeatureDescriptor>>,
    #[rasn(extension_addition)]
    pub parallel_h245_control: Option<List<OctetString>>,
    #[rasn(extension_addition)]
    pub additional_source_addresses: Option<List<ExtendedAliasAddress>>,
    #[rasn(extension_addition, value("1..=31"))]
    pub hop_count: Option<u8>,
    #[rasn(extension_addition)]
    pub display_name: Option<List<DisplayName>>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct SetupUuieConnectionParameters {
    pub connection_type: ScnConnectionType,
    #[rasn(value("0..=65535"))]
    pub number_of_scn_connections: u16,
    pub connection_aggregation: ScnConnectionAggregation,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum SetupUuieConferenceGoal {
    Create,
    Join,
    Invite,
    #[rasn(extension_addition)]
    CapabilityNegotiation,
    #[rasn(extension_addition)]
    CallIndependentSupplementaryService,
}

/// `ScnConnectionType`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum ScnConnectionType {
    Unknown,
    BChannel,
    Hybrid2x64,
    Hybrid384,
    Hybrid1536,
    Hybrid1920,
    Multirate,
}

/// `ScnConnectionAggregation`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum ScnConnectionAggregation {
    Auto,
    None,
    H221,
    BondedMode1,
    BondedMode2,
    BondedMode3,
}
