//! The answers to Setup: CallProceeding, Alerting, Connect, Progress (H.225.0 7.3).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AliasAddress, CallCapacity, CallIdentifier, ClearToken, CryptoH323Token, DisplayName,
    EndpointType, FeatureSet, H245Security, LanguageTag, PresentationIndicator, ScreeningIndicator,
    ServiceControlSession, TransportAddress,
};

/// `CallProceeding-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CallProceedingUuie {
    pub protocol_identifier: ObjectIdentifier,
    pub destination_info: EndpointType,
    pub h245_address: Option<TransportAddress>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition)]
    pub h245_security_mode: Option<H245Security>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub fast_start: Option<List<OctetString>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub multiple_calls: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub maintain_connection: Option<bool>,
    #[rasn(extension_addition)]
    pub fast_connect_refused: Option<()>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
}

/// `Alerting-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct AlertingUuie {
    pub protocol_identifier: ObjectIdentifier,
    pub destination_info: EndpointType,
    pub h245_address: Option<TransportAddress>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition)]
    pub h245_security_mode: Option<H245Security>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub fast_start: Option<List<OctetString>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub multiple_calls: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub maintain_connection: Option<bool>,
    #[rasn(extension_addition)]
    pub alerting_address: Option<List<AliasAddress>>,
    #[rasn(extension_addition)]
    pub presentation_indicator: Option<PresentationIndicator>,
    #[rasn(extension_addition)]
    pub screening_indicator: Option<ScreeningIndicator>,
    #[rasn(extension_addition)]
    pub fast_connect_refused: Option<()>,
    #[rasn(extension_addition)]
    pub service_control: Option<List<ServiceControlSession>>,
    #[rasn(extension_addition)]
    pub capacity: Option<CallCapacity>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub display_name: Option<List<DisplayName>>,
}

/// `Connect-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ConnectUuie {
    pub protocol_identifier: ObjectIdentifier,
    pub h245_address: Option<TransportAddress>,
    pub destination_info: EndpointType,
    #[rasn(size("16"))]
    pub conference_id: OctetString,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition)]
    pub h245_security_mode: Option<H245Security>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub fast_start: Option<List<OctetString>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub multiple_calls: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub maintain_connection: Option<bool>,
    #[rasn(extension_addition)]
    pub language: Option<List<LanguageTag>>,
    #[rasn(extension_addition)]
    pub connected_address: Option<List<AliasAddress>>,
    #[rasn(extension_addition)]
    pub presentation_indicator: Option<PresentationIndicator>,
    #[rasn(extension_addition)]
    pub screening_indicator: Option<ScreeningIndicator>,
    #[rasn(extension_addition)]
    pub fast_connect_refused: Option<()>,
    #[rasn(extension_addition)]
    pub service_control: Option<List<ServiceControlSession>>,
    #[rasn(extension_addition)]
    pub capacity: Option<CallCapacity>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub display_name: Option<List<DisplayName>>,
}

/// `Progress-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ProgressUuie {
    pub protocol_identifier: ObjectIdentifier,
    pub destination_info: EndpointType,
    pub h245_address: Option<TransportAddress>,
    pub call_identifier: CallIdentifier,
    pub h245_security_mode: Option<H245Security>,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    pub fast_start: Option<List<OctetString>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub multiple_calls: Option<bool>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub maintain_connection: Option<bool>,
    #[rasn(extension_addition)]
    pub fast_connect_refused: Option<()>,
}

/// `SetupAcknowledge-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct SetupAcknowledgeUuie {
    pub protocol_identifier: ObjectIdentifier,
    pub call_identifier: CallIdentifier,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
}
