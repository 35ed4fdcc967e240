//! The protocols that a gateway supports (H.225.0 7.6).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{DataProtocolCapability, NonStandardParameter, SupportedPrefix, T38FaxProfile};

/// `SupportedProtocols`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum SupportedProtocols {
    NonStandardData(NonStandardParameter),
    H310(H310Caps),
    H320(H320Caps),
    H321(H321Caps),
    H322(H322Caps),
    H323(H323Caps),
    H324(H324Caps),
    Voice(VoiceCaps),
    T120Only(T120OnlyCaps),
    #[rasn(extension_addition)]
    NonStandardProtocol(NonStandardProtocol),
    #[rasn(extension_addition)]
    T38FaxAnnexbOnly(Box<T38FaxAnnexbOnlyCaps>),
    #[rasn(extension_addition)]
    Sip(SipCaps),
}

/// `H310Caps`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H310Caps {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub data_rates_supported: Option<List<DataRate>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub supported_prefixes: Option<List<SupportedPrefix>>,
}

/// `H320Caps`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H320Caps {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub data_rates_supported: Option<List<DataRate>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub supported_prefixes: Option<List<SupportedPrefix>>,
}

/// `H321Caps`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H321Caps {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub data_rates_supported: Option<List<DataRate>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub supported_prefixes: Option<List<SupportedPrefix>>,
}

/// `H322Caps`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H322Caps {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub data_rates_supported: Option<List<DataRate>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub supported_prefixes: Option<List<SupportedPrefix>>,
}

/// `H323Caps`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H323Caps {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub data_rates_supported: Option<List<DataRate>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub supported_prefixes: Option<List<SupportedPrefix>>,
}

/// `H324Caps`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H324Caps {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub data_rates_supported: Option<List<DataRate>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub supported_prefixes: Option<List<SupportedPrefix>>,
}

/// `VoiceCaps`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct VoiceCaps {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub data_rates_supported: Option<List<DataRate>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub supported_prefixes: Option<List<SupportedPrefix>>,
}

/// `T120OnlyCaps`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct T120OnlyCaps {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub data_rates_supported: Option<List<DataRate>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub supported_prefixes: Option<List<SupportedPrefix>>,
}

/// `NonStandardProtocol`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct NonStandardProtocol {
    pub non_standard_data: Option<NonStandardParameter>,
    pub data_rates_supported: Option<List<DataRate>>,
    pub supported_prefixes: List<SupportedPrefix>,
}

/// `T38FaxAnnexbOnlyCaps`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct T38FaxAnnexbOnlyCaps {
    pub non_standard_data: Option<NonStandardParameter>,
    pub data_rates_supported: Option<List<DataRate>>,
    pub supported_prefixes: List<SupportedPrefix>,
    pub t38_fax_protocol: DataProtocolCapability,
    pub t38_fax_profile: T38FaxProfile,
}

/// `SIPCaps`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct SipCaps {
    pub non_standard_data: Option<NonStandardParameter>,
    pub data_rates_supported: Option<List<DataRate>>,
    pub supported_prefixes: Option<List<SupportedPrefix>>,
}

/// `DataRate`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct DataRate {
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(value("0..=4294967295"))]
    pub channel_rate: u32,
    #[rasn(value("1..=256"))]
    pub channel_multiplier: Option<u16>,
}
