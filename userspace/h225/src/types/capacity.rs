//! Capacity, circuits, call identity and usage (H.225.0 7.6).

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{GenericData, NonStandardParameter};

/// `CallIdentifier`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CallIdentifier {
    #[rasn(size("16"))]
    pub guid: OctetString,
}

impl CallIdentifier {
    /// With these octets.
    #[must_use]
    pub fn new(guid: [u8; 16]) -> Self {
        let guid = guid.to_vec().into();
        Self { guid }
    }
}

/// An element of a SEQUENCE OF, with the constraint of the element.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(delegate, size("16"))]
pub struct ConferenceIdentifier(pub OctetString);

/// An element of a SEQUENCE OF, with the constraint of the element.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(delegate, value("0..=65535"))]
pub struct CallReferenceValue(pub u16);

/// `CallLinkage`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CallLinkage {
    #[rasn(size("16"))]
    pub global_call_id: Option<OctetString>,
    #[rasn(size("16"))]
    pub thread_id: Option<OctetString>,
}

/// `CallCapacity`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CallCapacity {
    pub maximum_call_capacity: Option<Box<CallCapacityInfo>>,
    pub current_call_capacity: Option<Box<CallCapacityInfo>>,
}

/// `CallCapacityInfo`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CallCapacityInfo {
    pub voice_gw_calls_available: Option<List<CallsAvailable>>,
    pub h310_gw_calls_available: Option<List<CallsAvailable>>,
    pub h320_gw_calls_available: Option<List<CallsAvailable>>,
    pub h321_gw_calls_available: Option<List<CallsAvailable>>,
    pub h322_gw_calls_available: Option<List<CallsAvailable>>,
    pub h323_gw_calls_available: Option<List<CallsAvailable>>,
    pub h324_gw_calls_available: Option<List<CallsAvailable>>,
    pub t120_only_gw_calls_available: Option<List<CallsAvailable>>,
    pub t38_fax_annexb_only_gw_calls_available: Option<List<CallsAvailable>>,
    pub terminal_calls_available: Option<List<CallsAvailable>>,
    pub mcu_calls_available: Option<List<CallsAvailable>>,
    #[rasn(extension_addition)]
    pub sip_gw_calls_available: Option<List<CallsAvailable>>,
}

/// `CallsAvailable`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CallsAvailable {
    #[rasn(value("0..=4294967295"))]
    pub calls: u32,
    #[rasn(size("1..=128"))]
    pub group: Option<Ia5String>,
    #[rasn(extension_addition)]
    pub carrier: Option<CarrierInfo>,
}

/// `CapacityReportingCapability`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CapacityReportingCapability {
    pub can_report_call_capacity: bool,
}

/// `CapacityReportingSpecification`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CapacityReportingSpecification {
    pub when: CapacityReportingSpecificationWhen,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CapacityReportingSpecificationWhen {
    pub call_start: Option<()>,
    pub call_end: Option<()>,
}

/// `CircuitInfo`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CircuitInfo {
    pub source_circuit_id: Option<CircuitIdentifier>,
    pub destination_circuit_id: Option<CircuitIdentifier>,
    pub generic_data: Option<List<GenericData>>,
}

/// `CircuitIdentifier`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CircuitIdentifier {
    pub cic: Option<CicInfo>,
    pub group: Option<GroupId>,
    #[rasn(extension_addition)]
    pub carrier: Option<CarrierInfo>,
}

/// `CicInfo`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CicInfo {
    pub cic: List<CicOctets>,
    #[rasn(size("2..=5"))]
    pub point_code: OctetString,
}

/// An element of a SEQUENCE OF, with the constraint of the element.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(delegate, size("2..=4"))]
pub struct CicOctets(pub OctetString);

/// `GroupID`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct GroupId {
    pub member: Option<List<GroupMember>>,
    #[rasn(size("1..=128"))]
    pub group: Ia5String,
}

/// An element of a SEQUENCE OF, with the constraint of the element.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(delegate, value("0..=65535"))]
pub struct GroupMember(pub u16);

/// `CarrierInfo`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CarrierInfo {
    #[rasn(size("3..=4"))]
    pub carrier_identification_code: Option<OctetString>,
    #[rasn(size("1..=128"))]
    pub carrier_name: Option<Ia5String>,
}

/// `RasUsageInfoTypes`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RasUsageInfoTypes {
    pub non_standard_usage_types: List<NonStandardParameter>,
    pub start_time: Option<()>,
    pub end_time: Option<()>,
    pub termination_cause: Option<()>,
}

/// `RasUsageSpecification`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RasUsageSpecification {
    pub when: RasUsageSpecificationWhen,
    pub call_starting_point: Option<RasUsageSpecificationCallStartingPoint>,
    pub required: RasUsageInfoTypes,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RasUsageSpecificationCallStartingPoint {
    pub alerting: Option<()>,
    pub connect: Option<()>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RasUsageSpecificationWhen {
    pub start: Option<()>,
    pub end: Option<()>,
    pub in_irr: Option<()>,
}

/// `RasUsageInformation`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct RasUsageInformation {
    pub non_standard_usage_fields: List<NonStandardParameter>,
    #[rasn(value("1..=4294967295"))]
    pub alerting_time: Option<u32>,
    #[rasn(value("1..=4294967295"))]
    pub connect_time: Option<u32>,
    #[rasn(value("1..=4294967295"))]
    pub end_time: Option<u32>,
}
