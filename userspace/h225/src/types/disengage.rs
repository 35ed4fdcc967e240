//! Disengage: DRQ, DCF, DRJ (H.225.0 7.14).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AltGkInfo, AlternateGk, CallCapacity, CallIdentifier, CallLinkage, CircuitInfo, ClearToken,
    CryptoH323Token, GenericData, Icv, NonStandardParameter, RasUsageInformation,
    ReleaseCompleteReason, SecurityErrors2, ServiceControlSession,
};

/// DRQ.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct DisengageRequest {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    #[rasn(size("1..=128"))]
    pub endpoint_identifier: BmpString,
    #[rasn(size("16"))]
    pub conference_id: OctetString,
    #[rasn(value("0..=65535"))]
    pub call_reference_value: u16,
    pub disengage_reason: DisengageReason,
    pub non_standard_data: Option<NonStandardParameter>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition, size("1..=128"))]
    pub gatekeeper_identifier: Option<BmpString>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub answered_call: Option<bool>,
    #[rasn(extension_addition)]
    pub call_linkage: Option<CallLinkage>,
    #[rasn(extension_addition)]
    pub capacity: Option<CallCapacity>,
    #[rasn(extension_addition)]
    pub circuit_info: Option<Box<CircuitInfo>>,
    #[rasn(extension_addition)]
    pub usage_information: Option<Box<RasUsageInformation>>,
    #[rasn(extension_addition)]
    pub termination_cause: Option<CallTerminationCause>,
    #[rasn(extension_addition)]
    pub service_control: Option<List<ServiceControlSession>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
}

/// DCF.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct DisengageConfirm {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub capacity: Option<CallCapacity>,
    #[rasn(extension_addition)]
    pub circuit_info: Option<Box<CircuitInfo>>,
    #[rasn(extension_addition)]
    pub usage_information: Option<Box<RasUsageInformation>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub assigned_gatekeeper: Option<AlternateGk>,
}

/// DRJ.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct DisengageReject {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub reject_reason: DisengageRejectReason,
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
    pub generic_data: Option<List<GenericData>>,
}

/// `DisengageReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum DisengageReason {
    ForcedDrop,
    NormalDrop,
    UndefinedReason,
}

/// `DisengageRejectReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum DisengageRejectReason {
    NotRegistered,
    RequestToDropOther,
    #[rasn(extension_addition)]
    SecurityDenial,
    #[rasn(extension_addition)]
    SecurityError(SecurityErrors2),
}

/// `CallTerminationCause`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum CallTerminationCause {
    ReleaseCompleteReason(ReleaseCompleteReason),
    #[rasn(size("2..=32"))]
    ReleaseCompleteCauseIe(OctetString),
}
