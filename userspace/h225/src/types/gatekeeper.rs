//! Gatekeeper discovery: GRQ, GCF, GRJ (H.225.0 7.8) and the lists of alternate gatekeepers.

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AliasAddress, AuthenticationMechanism, ClearToken, CryptoH323Token, Endpoint, EndpointType,
    FeatureSet, GenericData, Icv, IntegrityMechanism, NonStandardParameter, QseriesOptions,
    SecurityErrors, TransportAddress,
};

/// GRQ: looks for a gatekeeper.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct GatekeeperRequest {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub protocol_identifier: ObjectIdentifier,
    pub non_standard_data: Option<NonStandardParameter>,
    pub ras_address: TransportAddress,
    pub endpoint_type: EndpointType,
    #[rasn(size("1..=128"))]
    pub gatekeeper_identifier: Option<BmpString>,
    pub call_services: Option<Box<QseriesOptions>>,
    pub endpoint_alias: Option<List<AliasAddress>>,
    #[rasn(extension_addition)]
    pub alternate_endpoints: Option<List<Endpoint>>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub authentication_capability: Option<List<AuthenticationMechanism>>,
    #[rasn(extension_addition)]
    pub algorithm_oids: Option<List<ObjectIdentifier>>,
    #[rasn(extension_addition)]
    pub integrity: Option<List<IntegrityMechanism>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub supports_alt_gk: Option<()>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub supports_assigned_gk: Option<bool>,
    #[rasn(extension_addition)]
    pub assigned_gatekeeper: Option<AlternateGk>,
}

/// GCF: the sender is willing to be the gatekeeper.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct GatekeeperConfirm {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub protocol_identifier: ObjectIdentifier,
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(size("1..=128"))]
    pub gatekeeper_identifier: Option<BmpString>,
    pub ras_address: TransportAddress,
    #[rasn(extension_addition)]
    pub alternate_gatekeeper: Option<List<AlternateGk>>,
    #[rasn(extension_addition)]
    pub authentication_mode: Option<AuthenticationMechanism>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub algorithm_oid: Option<ObjectIdentifier>,
    #[rasn(extension_addition)]
    pub integrity: Option<List<IntegrityMechanism>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub feature_set: Option<Box<FeatureSet>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub assigned_gatekeeper: Option<AlternateGk>,
    #[rasn(extension_addition)]
    pub rehoming_model: Option<RehomingModel>,
}

/// GRJ: the sender is not willing to be the gatekeeper.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct GatekeeperReject {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub protocol_identifier: ObjectIdentifier,
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(size("1..=128"))]
    pub gatekeeper_identifier: Option<BmpString>,
    pub reject_reason: GatekeeperRejectReason,
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
}

/// `GatekeeperRejectReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum GatekeeperRejectReason {
    ResourceUnavailable,
    TerminalExcluded,
    InvalidRevision,
    UndefinedReason,
    #[rasn(extension_addition)]
    SecurityDenial,
    #[rasn(extension_addition)]
    GenericDataReason,
    #[rasn(extension_addition)]
    NeededFeatureNotSupported,
    #[rasn(extension_addition)]
    SecurityError(SecurityErrors),
}

/// `AlternateGK`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct AlternateGk {
    pub ras_address: TransportAddress,
    #[rasn(size("1..=128"))]
    pub gatekeeper_identifier: Option<BmpString>,
    pub need_to_register: bool,
    #[rasn(value("0..=127"))]
    pub priority: u8,
}

/// `AltGKInfo`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct AltGkInfo {
    pub alternate_gatekeeper: List<AlternateGk>,
    pub alt_gk_is_permanent: bool,
}

/// `RehomingModel`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
pub enum RehomingModel {
    GatekeeperBased,
    EndpointBased,
}
