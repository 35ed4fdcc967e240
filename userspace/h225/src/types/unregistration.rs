//! Unregistration: URQ, UCF, URJ (H.225.0 7.10).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AddressPattern, AliasAddress, AltGkInfo, AlternateGk, ClearToken, CryptoH323Token, Endpoint,
    GenericData, Icv, NonStandardParameter, SecurityErrors2, SupportedPrefix, TransportAddress,
};

/// URQ, from an endpoint or from its gatekeeper.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct UnregistrationRequest {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub call_signal_address: List<TransportAddress>,
    pub endpoint_alias: Option<List<AliasAddress>>,
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(size("1..=128"))]
    pub endpoint_identifier: Option<BmpString>,
    #[rasn(extension_addition)]
    pub alternate_endpoints: Option<List<Endpoint>>,
    #[rasn(extension_addition, size("1..=128"))]
    pub gatekeeper_identifier: Option<BmpString>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub reason: Option<UnregRequestReason>,
    #[rasn(extension_addition)]
    pub endpoint_alias_pattern: Option<List<AddressPattern>>,
    #[rasn(extension_addition)]
    pub supported_prefixes: Option<List<SupportedPrefix>>,
    #[rasn(extension_addition)]
    pub alternate_gatekeeper: Option<List<AlternateGk>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub assigned_gatekeeper: Option<AlternateGk>,
}

/// UCF.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct UnregistrationConfirm {
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
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub assigned_gatekeeper: Option<AlternateGk>,
}

/// URJ.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct UnregistrationReject {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub reject_reason: UnregRejectReason,
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

/// `UnregRequestReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum UnregRequestReason {
    ReregistrationRequired,
    TtlExpired,
    SecurityDenial,
    UndefinedReason,
    #[rasn(extension_addition)]
    Maintenance,
    #[rasn(extension_addition)]
    SecurityError(SecurityErrors2),
    #[rasn(extension_addition)]
    RegisterWithAssignedGk,
}

/// `UnregRejectReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum UnregRejectReason {
    NotCurrentlyRegistered,
    CallInProgress,
    UndefinedReason,
    #[rasn(extension_addition)]
    PermissionDenied,
    #[rasn(extension_addition)]
    SecurityDenial,
    #[rasn(extension_addition)]
    SecurityError(SecurityErrors2),
}
