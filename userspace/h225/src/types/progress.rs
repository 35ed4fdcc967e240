//! Messages that stand alone: NonStandard, XRS, RIP, RAI, RAC (H.225.0 7.16 to 7.19).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    CallCapacity, ClearToken, CryptoH323Token, FeatureSet, GenericData, Icv, NonStandardParameter,
    SupportedProtocols,
};

/// NonStandard.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct NonStandardMessage {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub non_standard_data: NonStandardParameter,
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

/// XRS: the answer to a message that was not understood.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct UnknownMessageResponse {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub message_not_understood: Option<OctetString>,
}

/// RIP: the answer takes `delay` milliseconds longer.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RequestInProgress {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub non_standard_data: Option<NonStandardParameter>,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    pub integrity_check_value: Option<Icv>,
    #[rasn(value("1..=65535"))]
    pub delay: u16,
}

/// RAI.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ResourcesAvailableIndicate {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub protocol_identifier: ObjectIdentifier,
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(size("1..=128"))]
    pub endpoint_identifier: BmpString,
    pub protocols: List<SupportedProtocols>,
    pub almost_out_of_resources: bool,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub capacity: Option<CallCapacity>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
}

/// RAC.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ResourcesAvailableConfirm {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub protocol_identifier: ObjectIdentifier,
    pub non_standard_data: Option<NonStandardParameter>,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
}
