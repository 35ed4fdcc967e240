//! What RAS imports of H.245: quality of service, data protocols, T.38.

use rasn::prelude::*;

/// `QOSCapability`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct QosCapability {
    pub non_standard_data: Option<H245NonStandardParameter>,
    pub rsvp_parameters: Option<RsvpParameters>,
    pub atm_parameters: Option<AtmParameters>,
    #[rasn(extension_addition)]
    pub local_qo_s: Option<bool>,
    #[rasn(extension_addition)]
    pub generic_transport_parameters: Option<GenericTransportParameters>,
    #[rasn(extension_addition)]
    pub service_priority: Option<ServicePriority>,
    #[rasn(extension_addition)]
    pub authorization_parameter: Option<AuthorizationParameters>,
    #[rasn(extension_addition)]
    pub qos_descriptor: Option<QosDescriptor>,
    #[rasn(extension_addition, value("0..=63"))]
    pub dscp_value: Option<u8>,
}

/// `RSVPParameters`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RsvpParameters {
    pub qos_mode: Option<QosMode>,
    #[rasn(value("1..=4294967295"))]
    pub token_rate: Option<u32>,
    #[rasn(value("1..=4294967295"))]
    pub bucket_size: Option<u32>,
    #[rasn(value("1..=4294967295"))]
    pub peak_rate: Option<u32>,
    #[rasn(value("1..=4294967295"))]
    pub min_policed: Option<u32>,
    #[rasn(value("1..=4294967295"))]
    pub max_pkt_size: Option<u32>,
}

/// `ATMParameters`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct AtmParameters {
    #[rasn(value("0..=65535"))]
    pub max_ntu_size: u16,
    pub atm_ubr: bool,
    pub atmrt_vbr: bool,
    pub atmnrt_vbr: bool,
    pub atm_abr: bool,
    pub atm_cbr: bool,
}

/// `GenericTransportParameters`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct GenericTransportParameters {
    pub non_standard_data: Option<H245NonStandardParameter>,
    #[rasn(value("1..=4294967295"))]
    pub average_rate: Option<u32>,
    #[rasn(value("1..=4294967295"))]
    pub burst: Option<u32>,
    #[rasn(value("1..=4294967295"))]
    pub peak_rate: Option<u32>,
    #[rasn(value("1..=4294967295"))]
    pub max_pkt_size: Option<u32>,
}

/// `ServicePriority`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ServicePriority {
    pub non_standard_data: Option<H245NonStandardParameter>,
    pub service_priority_signalled: bool,
    pub service_priority_value: Option<ServicePriorityValue>,
    #[rasn(extension_addition, value("0..=4095"))]
    pub service_class: Option<u16>,
    #[rasn(extension_addition, value("0..=255"))]
    pub service_subclass: Option<u8>,
}

/// `ServicePriorityValue`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ServicePriorityValue {
    pub non_standard_parameter: Option<H245NonStandardParameter>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition, value("0..=255"))]
    pub value: Option<u8>,
}

/// `AuthorizationParameters`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct AuthorizationParameters {
    pub non_standard_data: Option<H245NonStandardParameter>,
}

/// `QOSDescriptor`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct QosDescriptor {
    pub non_standard_data: Option<H245NonStandardParameter>,
    pub qos_type: QosType,
    pub qos_class: QosClass,
}

/// `QOSMode`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum QosMode {
    GuaranteedQos,
    ControlledLoad,
}

/// `QOSType`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum QosType {
    Desired,
    Required,
}

/// `QOSClass`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum QosClass {
    Class0,
    Class1,
    Class2,
    Class3,
    Class4,
    Class5,
}

/// `NonStandardParameter`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct H245NonStandardParameter {
    pub non_standard_identifier: H245NonStandardIdentifier,
    pub data: OctetString,
}

/// `NonStandardIdentifier`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
pub enum H245NonStandardIdentifier {
    Object(ObjectIdentifier),
    H221NonStandard(H245NonStandardIdentifierH221NonStandard),
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct H245NonStandardIdentifierH221NonStandard {
    #[rasn(value("0..=255"))]
    pub t35_country_code: u8,
    #[rasn(value("0..=255"))]
    pub t35_extension: u8,
    #[rasn(value("0..=65535"))]
    pub manufacturer_code: u16,
}

/// `DataProtocolCapability`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum DataProtocolCapability {
    NonStandard(H245NonStandardParameter),
    V14buffered,
    V42lapm,
    HdlcFrameTunnelling,
    H310SeparateVcStack,
    H310SingleVcStack,
    Transparent,
    #[rasn(extension_addition)]
    SegmentationAndReassembly,
    #[rasn(extension_addition)]
    HdlcFrameTunnelingwSar,
    #[rasn(extension_addition)]
    V120,
    #[rasn(extension_addition)]
    SeparateLanStack,
    #[rasn(extension_addition)]
    V76wCompression(DataProtocolCapabilityV76wCompression),
    #[rasn(extension_addition)]
    Tcp,
    #[rasn(extension_addition)]
    Udp,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum DataProtocolCapabilityV76wCompression {
    TransmitCompression(CompressionType),
    ReceiveCompression(CompressionType),
    TransmitAndReceiveCompression(CompressionType),
}

/// `CompressionType`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum CompressionType {
    V42bis(V42bis),
}

/// `V42bis`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct V42bis {
    #[rasn(value("1..=65536"))]
    pub number_of_codewords: u32,
    #[rasn(value("1..=256"))]
    pub maximum_string_length: u16,
}

/// `T38FaxProfile`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct T38FaxProfile {
    pub fill_bit_removal: bool,
    pub transcoding_jbig: bool,
    pub transcoding_mmr: bool,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition, value("0..=255"))]
    pub version: Option<u8>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub t38_fax_rate_management: Option<T38FaxRateManagement>,
    #[rasn(extension_addition)]
    pub t38_fax_udp_options: Option<T38FaxUdpOptions>,
    #[rasn(extension_addition)]
    pub t38_fax_tcp_options: Option<T38FaxTcpOptions>,
}

/// `T38FaxRateManagement`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum T38FaxRateManagement {
    LocalTcf,
    TransferredTcf,
}

/// `T38FaxUdpOptions`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct T38FaxUdpOptions {
    pub t38_fax_max_buffer: Option<Integer>,
    pub t38_fax_max_datagram: Option<Integer>,
    pub t38_fax_udp_ec: T38FaxUdpOptionsT38FaxUdpEc,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum T38FaxUdpOptionsT38FaxUdpEc {
    T38Udpfec,
    T38UdpRedundancy,
}

/// `T38FaxTcpOptions`, H.245.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct T38FaxTcpOptions {
    pub t38_tcp_bidirectional_mode: bool,
}
