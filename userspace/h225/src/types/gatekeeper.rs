//! Gatekeeper discovery: GRQ, GCF, GRJ (H.225.0 7.8) and the lists of alternate gatekeepers.

use rasn::prelude::*;

use super::List;

use super::{
    AliasAddress, AuthenticationMechanism, ClearToken, CryptoH323Token, Endpoint, EndpointType,
    FeatureSet, GenericData, Icv, IntegrityMechanism, NonStandardParameter, QseriesOptions,
    SecurityErrors, TransportAddress,
};

/// GRQ: looks for a gatekeeper.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
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

impl GatekeeperRequest {
    /// A value with mandatory fields only; lists are empty, flags FALSE.
    #[must_use]
    pub fn new(seq: u16, ras_address: TransportAddress, endpoint_type: EndpointType) -> Self {
        Self {
            request_seq_num: seq,
            protocol_identifier: crate::messages::protocol_identifier(),
            non_standard_data: None,
            ras_address,
            endpoint_type,
            gatekeeper_identifier: None,
            call_services: None,
            endpoint_alias: None,
            alternate_endpoints: None,
            tokens: None,
            crypto_tokens: None,
            authentication_capability: None,
            algorithm_oids: None,
            integrity: None,
            integrity_check_value: None,
            supports_alt_gk: None,
            feature_set: None,
            generic_data: None,
            supports_assigned_gk: None,
            assigned_gatekeeper: None,
        }
    }
}

/// GCF: the sender is willing to be the gatekeeper.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
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

impl GatekeeperConfirm {
    /// A value with mandatory fields only; lists are empty, flags FALSE.
    #[must_use]
    pub fn new(seq: u16, ras_address: TransportAddress) -> Self {
        Self {
            request_seq_num: seq,
            protocol_identifier: crate::messages::protocol_identifier(),
            non_standard_data: None,
            gatekeeper_identifier: None,
            ras_address,
            alternate_gatekeeper: None,
            authentication_mode: None,
            tokens: None,
            crypto_tokens: None,
            algorithm_oid: None,
            integrity: None,
            integrity_check_value: None,
            feature_set: None,
            generic_data: None,
            assigned_gatekeeper: None,
            rehoming_model: None,
        }
    }
}

/// GRJ: the sender is not willing to be the gatekeeper.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
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

impl GatekeeperReject {
    /// A value with mandatory fields only; lists are empty, flags FALSE.
    #[must_use]
    pub fn new(seq: u16, reject_reason: GatekeeperRejectReason) -> Self {
        Self {
            request_seq_num: seq,
            protocol_identifier: crate::messages::protocol_identifier(),
            non_standard_data: None,
            gatekeeper_identifier: None,
            reject_reason,
            alt_gk_info: None,
            tokens: None,
            crypto_tokens: None,
            integrity_check_value: None,
            feature_set: None,
            generic_data: None,
        }
    }
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
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
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

impl AlternateGk {
    /// A value with mandatory fields only; lists are empty, flags FALSE.
    #[must_use]
    pub fn new(ras_address: TransportAddress, priority: u8) -> Self {
        Self {
            ras_address,
            gatekeeper_identifier: None,
            need_to_register: false,
            priority,
        }
    }
}

/// `AltGKInfo`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct AltGkInfo {
    pub alternate_gatekeeper: List<AlternateGk>,
    pub alt_gk_is_permanent: bool,
}

impl AltGkInfo {
    /// A value with mandatory fields only; lists are empty, flags FALSE.
    #[must_use]
    pub fn new() -> Self {
        Self {
            alternate_gatekeeper: List::default(),
            alt_gk_is_permanent: false,
        }
    }
}

/// `RehomingModel`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
pub enum RehomingModel {
    GatekeeperBased,
    EndpointBased,
}
