//! `OpenLogicalChannelAck` and the addresses in it (H.245 Annex A).

use rasn::prelude::*;

use super::List;

use super::{H245NonStandardParameter, RouteAddress};

/// `OpenLogicalChannelAck`: acknowledges a channel and says where its media is sent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct OpenLogicalChannelAck {
    #[rasn(value("1..=65535"))]
    pub forward_logical_channel_number: u16,
    pub reverse_logical_channel_parameters: Option<ReverseLogicalChannelAckParameters>,
    #[rasn(extension_addition)]
    pub separate_stack: Option<NetworkAccessParameters>,
    #[rasn(extension_addition)]
    pub forward_multiplex_ack_parameters: Option<ForwardMultiplexAckParameters>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ReverseLogicalChannelAckParameters {
    #[rasn(value("1..=65535"))]
    pub reverse_logical_channel_number: u16,
    #[rasn(value("0..=65535"))]
    pub port_number: Option<u16>,
    pub multiplex_parameters: Option<ReverseMultiplexParameters>,
    #[rasn(extension_addition, value("1..=65535"))]
    pub replacement_for: Option<u16>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum ReverseMultiplexParameters {
    H222LogicalChannelParameters(H222LogicalChannelParameters),
    #[rasn(extension_addition)]
    H2250LogicalChannelParameters(Box<H2250LogicalChannelParameters>),
}

/// `H222LogicalChannelParameters`: parameters of a channel over H.222.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H222LogicalChannelParameters {
    #[rasn(value("0..=65535"))]
    pub resource_id: u16,
    #[rasn(value("0..=8191"))]
    pub sub_channel_id: u16,
    #[rasn(value("0..=8191"))]
    pub pcr_pid: Option<u16>,
    pub program_descriptors: Option<OctetString>,
    pub stream_descriptors: Option<OctetString>,
}

/// `H2250LogicalChannelParameters`, H.245, without its additions.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H2250LogicalChannelParameters {
    pub non_standard: Option<List<H245NonStandardParameter>>,
    #[rasn(value("0..=255"))]
    pub session_id: u8,
    #[rasn(value("1..=255"))]
    pub associated_session_id: Option<u8>,
    pub media_channel: Option<H245TransportAddress>,
    pub media_guaranteed_delivery: Option<bool>,
    pub media_control_channel: Option<H245TransportAddress>,
    pub media_control_guaranteed_delivery: Option<bool>,
    pub silence_suppression: Option<bool>,
    pub destination: Option<TerminalLabel>,
    #[rasn(value("96..=127"))]
    pub dynamic_rtp_payload_type: Option<u8>,
    pub media_packetization: Option<MediaPacketization>,
}

/// `TerminalLabel`: number of a terminal in a conference.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct TerminalLabel {
    #[rasn(value("0..=192"))]
    pub mcu_number: u8,
    #[rasn(value("0..=192"))]
    pub terminal_number: u8,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum MediaPacketization {
    H261aVideoPacketization,
    #[rasn(extension_addition)]
    RtpPayloadType(RtpPayloadType),
}

/// `RTPPayloadType`: RTP payload type and what it carries.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RtpPayloadType {
    pub payload_descriptor: RtpPayloadDescriptor,
    #[rasn(value("0..=127"))]
    pub payload_type: Option<u8>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum RtpPayloadDescriptor {
    NonStandardIdentifier(H245NonStandardParameter),
    #[rasn(value("1..=32768", extensible))]
    RfcNumber(u32),
    Oid(ObjectIdentifier),
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum ForwardMultiplexAckParameters {
    H2250LogicalChannelAckParameters(H2250LogicalChannelAckParameters),
}

/// `H2250LogicalChannelAckParameters`: addresses at the side that acknowledges a channel.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H2250LogicalChannelAckParameters {
    pub non_standard: Option<List<H245NonStandardParameter>>,
    #[rasn(value("1..=255"))]
    pub session_id: Option<u8>,
    pub media_channel: Option<H245TransportAddress>,
    pub media_control_channel: Option<H245TransportAddress>,
    #[rasn(value("96..=127"))]
    pub dynamic_rtp_payload_type: Option<u8>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub flow_control_to_zero: Option<bool>,
    #[rasn(extension_addition, value("0..=65535"))]
    pub port_number: Option<u16>,
}

/// `NetworkAccessParameters`, H.245, without its additions.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct NetworkAccessParameters {
    pub distribution: Option<Distribution>,
    pub network_address: NetworkAddress,
    pub associate_conference: bool,
    #[rasn(size("1..=255"))]
    pub external_reference: Option<OctetString>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum Distribution {
    Unicast,
    Multicast,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum NetworkAddress {
    Q2931Address(Q2931Address),
    #[rasn(size("1..=128"), from("#", "*", ",", "0..=9"))]
    E164Address(Ia5String),
    LocalAreaAddress(H245TransportAddress),
}

/// `Q2931Address`: address in an ATM network.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Q2931Address {
    pub address: Q2931AddressAddress,
    #[rasn(size("1..=20"))]
    pub subaddress: Option<OctetString>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum Q2931AddressAddress {
    #[rasn(size("1..=16"), from(" ", "0..=9"))]
    InternationalNumber(Ia5String),
    #[rasn(size("1..=20"))]
    NsapAddress(OctetString),
}

/// `TransportAddress`: address of media.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum H245TransportAddress {
    UnicastAddress(UnicastAddress),
    MulticastAddress(MulticastAddress),
}

/// `UnicastAddress`: address of one receiver.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum UnicastAddress {
    IPAddress(H245IpAddress),
    IPXAddress(H245IpxAddress),
    IP6Address(H245Ip6Address),
    #[rasn(size("16"))]
    NetBios(OctetString),
    IPSourceRouteAddress(H245IpSourceRouteAddress),
    #[rasn(extension_addition, size("1..=20"))]
    Nsap(OctetString),
    #[rasn(extension_addition)]
    NonStandardAddress(H245NonStandardParameter),
}

/// `MulticastAddress`: address of a group of receivers.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum MulticastAddress {
    IPAddress(H245IpAddress),
    IP6Address(H245Ip6Address),
    #[rasn(extension_addition, size("1..=20"))]
    Nsap(OctetString),
    #[rasn(extension_addition)]
    NonStandardAddress(H245NonStandardParameter),
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H245IpAddress {
    #[rasn(size("4"))]
    pub network: OctetString,
    #[rasn(value("0..=65535"))]
    pub tsap_identifier: u16,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H245IpxAddress {
    #[rasn(size("6"))]
    pub node: OctetString,
    #[rasn(size("4"))]
    pub netnum: OctetString,
    #[rasn(size("2"))]
    pub tsap_identifier: OctetString,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H245Ip6Address {
    #[rasn(size("16"))]
    pub network: OctetString,
    #[rasn(value("0..=65535"))]
    pub tsap_identifier: u16,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H245IpSourceRouteAddress {
    pub routing: H245Routing,
    #[rasn(size("4"))]
    pub network: OctetString,
    #[rasn(value("0..=65535"))]
    pub tsap_identifier: u16,
    pub route: List<RouteAddress>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
pub enum H245Routing {
    Strict,
    Loose,
}
