//! The rest of a call: Information, Facility, Notify, Status, ReleaseComplete (H.225.0 7.3).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AliasAddress, CallCapacity, CallIdentifier, CircuitInfo, ClearToken, ConferenceList,
    CryptoH323Token, DisplayName, EndpointType, FacilityReason, FeatureSet, H245Security,
    PresentationIndicator, ReleaseCompleteReason, ScreeningIndicator, ServiceControlSession,
    TransportAddress,
};

/// `Information-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct InformationUuie {
    pub protocol_identifier: ObjectIdentifier,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub fast_start: Option<List<OctetString>>,
    #[rasn(extension_addition)]
    pub fast_connect_refused: Option<()>,
    #[rasn(extension_addition)]
    pub circuit_info: Option<Box<CircuitInfo>>,
}

/// `Facility-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct FacilityUuie {
    pub protocol_identifier: ObjectIdentifier,
    pub alternative_address: Option<TransportAddress>,
    pub alternative_alias_address: Option<List<AliasAddress>>,
    #[rasn(size("16"))]
    pub conference_id: Option<OctetString>,
    pub reason: FacilityReason,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition)]
    pub dest_extra_call_info: Option<List<AliasAddress>>,
    #[rasn(extension_addition)]
    pub remote_extension_address: Option<AliasAddress>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub conferences: Option<List<ConferenceList>>,
    #[rasn(extension_addition)]
    pub h245_address: Option<TransportAddress>,
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
    pub service_control: Option<List<ServiceControlSession>>,
    #[rasn(extension_addition)]
    pub circuit_info: Option<Box<CircuitInfo>>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub destination_info: Option<Box<EndpointType>>,
    #[rasn(extension_addition)]
    pub h245_security_mode: Option<H245Security>,
}

/// `Notify-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct NotifyUuie {
    pub protocol_identifier: ObjectIdentifier,
    pub call_identifier: CallIdentifier,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub connected_address: Option<List<AliasAddress>>,
    #[rasn(extension_addition)]
    pub presentation_indicator: Option<PresentationIndicator>,
    #[rasn(extension_addition)]
    pub screening_indicator: Option<ScreeningIndicator>,
    #[rasn(extension_addition)]
    pub destination_info: Option<Box<EndpointType>>,
    #[rasn(extension_addition)]
    pub display_name: Option<List<DisplayName>>,
}

/// `Status-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct StatusUuie {
    pub protocol_identifier: ObjectIdentifier,
    pub call_identifier: CallIdentifier,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
}

/// `StatusInquiry-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct StatusInquiryUuie {
    pub protocol_identifier: ObjectIdentifier,
    pub call_identifier: CallIdentifier,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
}

/// `ReleaseComplete-UUIE`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ReleaseCompleteUuie {
    pub protocol_identifier: ObjectIdentifier,
    pub reason: Option<ReleaseCompleteReason>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub busy_address: Option<List<AliasAddress>>,
    #[rasn(extension_addition)]
    pub presentation_indicator: Option<PresentationIndicator>,
    #[rasn(extension_addition)]
    pub screening_indicator: Option<ScreeningIndicator>,
    #[rasn(extension_addition)]
    pub capacity: Option<CallCapacity>,
    #[rasn(extension_addition)]
    pub service_control: Option<List<ServiceControlSession>>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub destination_info: Option<Box<EndpointType>>,
    #[rasn(extension_addition)]
    pub display_name: Option<List<DisplayName>>,
}
