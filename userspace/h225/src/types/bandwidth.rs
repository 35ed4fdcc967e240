//! Bandwidth changes: BRQ, BCF, BRJ (H.225.0 7.12).

use rasn::prelude::*;

use super::List;

use super::{
    AltGkInfo, CallCapacity, CallIdentifier, CallLinkage, CallType, ClearToken, CryptoH323Token,
    GenericData, Icv, NonStandardParameter, RasUsageInformation, SecurityErrors2,
    TransportChannelInfo, TransportQos,
};

/// BRQ.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct BandwidthRequest {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    #[rasn(size("1..=128"))]
    pub endpoint_identifier: BmpString,
    #[rasn(size("16"))]
    pub conference_id: OctetString,
    #[rasn(value("0..=65535"))]
    pub call_reference_value: u16,
    pub call_type: Option<CallType>,
    #[rasn(value("0..=4294967295"))]
    pub band_width: u32,
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
    pub usage_information: Option<Box<RasUsageInformation>>,
    #[rasn(extension_addition)]
    pub bandwidth_details: Option<List<BandwidthDetails>>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub transport_qos: Option<TransportQos>,
}

impl BandwidthRequest {
    /// A value with mandatory fields only; lists are empty, flags FALSE.
    #[must_use]
    pub fn new(
        seq: u16,
        endpoint_identifier: BmpString,
        conference_id: OctetString,
        call_reference_value: u16,
        band_width: u32,
    ) -> Self {
        Self {
            request_seq_num: seq,
            endpoint_identifier,
            conference_id,
            call_reference_value,
            call_type: None,
            band_width,
            non_standard_data: None,
            call_identifier: None,
            gatekeeper_identifier: None,
            tokens: None,
            crypto_tokens: None,
            integrity_check_value: None,
            answered_call: None,
            call_linkage: None,
            capacity: None,
            usage_information: None,
            bandwidth_details: None,
            generic_data: None,
            transport_qos: None,
        }
    }
}

/// BCF.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct BandwidthConfirm {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    #[rasn(value("0..=4294967295"))]
    pub band_width: u32,
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
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub transport_qos: Option<TransportQos>,
}

impl BandwidthConfirm {
    /// A value with mandatory fields only; lists are empty, flags FALSE.
    #[must_use]
    pub fn new(seq: u16, band_width: u32) -> Self {
        Self {
            request_seq_num: seq,
            band_width,
            non_standard_data: None,
            tokens: None,
            crypto_tokens: None,
            integrity_check_value: None,
            capacity: None,
            generic_data: None,
            transport_qos: None,
        }
    }
}

/// BRJ.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct BandwidthReject {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub reject_reason: BandRejectReason,
    #[rasn(value("0..=4294967295"))]
    pub allowed_band_width: u32,
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

impl BandwidthReject {
    /// A value with mandatory fields only; lists are empty, flags FALSE.
    #[must_use]
    pub fn new(seq: u16, reject_reason: BandRejectReason, allowed_band_width: u32) -> Self {
        Self {
            request_seq_num: seq,
            reject_reason,
            allowed_band_width,
            non_standard_data: None,
            alt_gk_info: None,
            tokens: None,
            crypto_tokens: None,
            integrity_check_value: None,
            generic_data: None,
        }
    }
}

/// `BandwidthDetails`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct BandwidthDetails {
    pub sender: bool,
    pub multicast: bool,
    #[rasn(value("0..=4294967295"))]
    pub bandwidth: u32,
    pub rtcp_addresses: TransportChannelInfo,
}

/// `BandRejectReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum BandRejectReason {
    NotBound,
    InvalidConferenceId,
    InvalidPermission,
    InsufficientResources,
    InvalidRevision,
    UndefinedReason,
    #[rasn(extension_addition)]
    SecurityDenial,
    #[rasn(extension_addition)]
    SecurityError(SecurityErrors2),
}
