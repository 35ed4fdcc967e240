//! Status: IRQ, IRR, IACK, INAK (H.225.0 7.15).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AliasAddress, AltGkInfo, AlternateGk, CallCapacity, CallIdentifier, CallLinkage, CallModel,
    CallType, CircuitInfo, ClearToken, ConferenceIdentifier, CryptoH323Token, EndpointType,
    GenericData, H323UuPdu, Icv, NonStandardParameter, RasUsageInfoTypes, RasUsageInformation,
    SecurityErrors2, TransportAddress, UuiesRequested,
};

/// IRQ.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct InfoRequest {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    #[rasn(value("0..=65535"))]
    pub call_reference_value: u16,
    pub non_standard_data: Option<NonStandardParameter>,
    pub reply_address: Option<TransportAddress>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    #[rasn(extension_addition)]
    pub uuies_requested: Option<UuiesRequested>,
    #[rasn(extension_addition)]
    pub call_linkage: Option<CallLinkage>,
    #[rasn(extension_addition)]
    pub usage_info_requested: Option<RasUsageInfoTypes>,
    #[rasn(extension_addition)]
    pub segmented_response_supported: Option<()>,
    #[rasn(extension_addition, value("0..=65535"))]
    pub next_segment_requested: Option<u16>,
    #[rasn(extension_addition)]
    pub capacity_info_requested: Option<()>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
    #[rasn(extension_addition)]
    pub assigned_gatekeeper: Option<AlternateGk>,
}

/// IRR.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct InfoRequestResponse {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub endpoint_type: EndpointType,
    #[rasn(size("1..=128"))]
    pub endpoint_identifier: BmpString,
    pub ras_address: TransportAddress,
    pub call_signal_address: List<TransportAddress>,
    pub endpoint_alias: Option<List<AliasAddress>>,
    pub per_call_info: Option<List<InfoRequestResponsePerCallInfoItem>>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    #[rasn(extension_addition)]
    pub integrity_check_value: Option<Icv>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub need_response: Option<bool>,
    #[rasn(extension_addition)]
    pub capacity: Option<CallCapacity>,
    #[rasn(extension_addition)]
    pub irr_status: Option<InfoRequestResponseStatus>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub unsolicited: Option<bool>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct InfoRequestResponsePerCallInfoItem {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(value("0..=65535"))]
    pub call_reference_value: u16,
    #[rasn(size("16"))]
    pub conference_id: OctetString,
    pub originator: Option<bool>,
    pub audio: Option<List<RtpSession>>,
    pub video: Option<List<RtpSession>>,
    pub data: Option<List<TransportChannelInfo>>,
    pub h245: TransportChannelInfo,
    pub call_signalling: TransportChannelInfo,
    pub call_type: CallType,
    #[rasn(value("0..=4294967295"))]
    pub band_width: u32,
    pub call_model: CallModel,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub call_identifier: Option<CallIdentifier>,
    #[rasn(extension_addition)]
    pub tokens: Option<List<ClearToken>>,
    #[rasn(extension_addition)]
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub substitute_conf_ids: Option<List<ConferenceIdentifier>>,
    #[rasn(extension_addition)]
    pub pdu: Option<List<InfoRequestResponsePerCallInfoItemPduItem>>,
    #[rasn(extension_addition)]
    pub call_linkage: Option<CallLinkage>,
    #[rasn(extension_addition)]
    pub usage_information: Option<Box<RasUsageInformation>>,
    #[rasn(extension_addition)]
    pub circuit_info: Option<Box<CircuitInfo>>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct InfoRequestResponsePerCallInfoItemPduItem {
    pub h323pdu: H323UuPdu,
    pub sent: bool,
}

/// IACK.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct InfoRequestAck {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub non_standard_data: Option<NonStandardParameter>,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    pub integrity_check_value: Option<Icv>,
}

/// INAK.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct InfoRequestNak {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub non_standard_data: Option<NonStandardParameter>,
    pub nak_reason: InfoRequestNakReason,
    pub alt_gk_info: Option<AltGkInfo>,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    pub integrity_check_value: Option<Icv>,
}

/// `InfoRequestNakReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum InfoRequestNakReason {
    NotRegistered,
    SecurityDenial,
    UndefinedReason,
    #[rasn(extension_addition)]
    SecurityError(SecurityErrors2),
}

/// `InfoRequestResponseStatus`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum InfoRequestResponseStatus {
    Complete,
    Incomplete,
    #[rasn(value("0..=65535"))]
    Segment(u16),
    InvalidCall,
}

/// `RTPSession`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RtpSession {
    pub rtp_address: TransportChannelInfo,
    pub rtcp_address: TransportChannelInfo,
    pub cname: Ia5String,
    #[rasn(value("1..=4294967295"))]
    pub ssrc: u32,
    #[rasn(value("1..=255"))]
    pub session_id: u8,
    pub associated_session_ids: List<SessionId>,
    #[rasn(extension_addition)]
    pub multicast: Option<()>,
    #[rasn(extension_addition, value("0..=4294967295"))]
    pub bandwidth: Option<u32>,
}

/// An element of a SEQUENCE OF, with the constraint of the element.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(delegate, value("1..=255"))]
pub struct SessionId(pub u8);

/// `TransportChannelInfo`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct TransportChannelInfo {
    pub send_address: Option<TransportAddress>,
    pub recv_address: Option<TransportAddress>,
}
