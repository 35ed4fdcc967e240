//! The contents of User-User in call signalling (H.225.0 7.3). An IRR may carry its H323-UU-PDU, too.

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    AlertingUuie, AliasAddress, CallLinkage, CallProceedingUuie, ConnectUuie, FacilityUuie,
    GenericData, InformationUuie, NonStandardParameter, NotifyUuie, ProgressUuie,
    ReleaseCompleteUuie, SecurityErrors, SetupAcknowledgeUuie, SetupUuie, StatusInquiryUuie,
    StatusUuie, TunnelledProtocol,
};

/// `H323-UserInformation`: the contents of User-User.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct UserInformation {
    pub h323_uu_pdu: H323UuPdu,
    pub user_data: Option<UserData>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct UserData {
    #[rasn(value("0..=255"))]
    pub protocol_discriminator: u8,
    #[rasn(size("1..=131"))]
    pub user_information: OctetString,
}

/// `H323-UU-PDU`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H323UuPdu {
    pub h323_message_body: H323UuPduH323MessageBody,
    pub non_standard_data: Option<NonStandardParameter>,
    #[rasn(extension_addition)]
    pub h4501_supplementary_service: Option<List<OctetString>>,
    /// Mandatory in the versions that know it; absent from older peers.
    #[rasn(extension_addition)]
    pub h245_tunnelling: Option<bool>,
    #[rasn(extension_addition)]
    pub h245_control: Option<List<OctetString>>,
    #[rasn(extension_addition)]
    pub non_standard_control: Option<List<NonStandardParameter>>,
    #[rasn(extension_addition)]
    pub call_linkage: Option<CallLinkage>,
    #[rasn(extension_addition)]
    pub tunnelled_signalling_message: Option<H323UuPduTunnelledSignallingMessage>,
    #[rasn(extension_addition)]
    pub provisional_resp_to_h245_tunnelling: Option<()>,
    #[rasn(extension_addition)]
    pub stimulus_control: Option<StimulusControl>,
    #[rasn(extension_addition)]
    pub generic_data: Option<List<GenericData>>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct H323UuPduTunnelledSignallingMessage {
    pub tunnelled_protocol_id: TunnelledProtocol,
    pub message_content: List<OctetString>,
    pub tunnelling_required: Option<()>,
    pub non_standard_data: Option<NonStandardParameter>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum H323UuPduH323MessageBody {
    Setup(Box<SetupUuie>),
    CallProceeding(Box<CallProceedingUuie>),
    Connect(Box<ConnectUuie>),
    Alerting(Box<AlertingUuie>),
    Information(Box<InformationUuie>),
    ReleaseComplete(Box<ReleaseCompleteUuie>),
    Facility(Box<FacilityUuie>),
    #[rasn(extension_addition)]
    Progress(Box<ProgressUuie>),
    #[rasn(extension_addition)]
    Empty,
    #[rasn(extension_addition)]
    Status(Box<StatusUuie>),
    #[rasn(extension_addition)]
    StatusInquiry(Box<StatusInquiryUuie>),
    #[rasn(extension_addition)]
    SetupAcknowledge(Box<SetupAcknowledgeUuie>),
    #[rasn(extension_addition)]
    Notify(Box<NotifyUuie>),
}

/// `StimulusControl`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct StimulusControl {
    pub non_standard: Option<NonStandardParameter>,
    pub is_text: Option<()>,
    pub h248_message: Option<OctetString>,
}

/// `ReleaseCompleteReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum ReleaseCompleteReason {
    NoBandwidth,
    GatekeeperResources,
    UnreachableDestination,
    DestinationRejection,
    InvalidRevision,
    NoPermission,
    UnreachableGatekeeper,
    GatewayResources,
    BadFormatAddress,
    AdaptiveBusy,
    InConf,
    UndefinedReason,
    #[rasn(extension_addition)]
    FacilityCallDeflection,
    #[rasn(extension_addition)]
    SecurityDenied,
    #[rasn(extension_addition)]
    CalledPartyNotRegistered,
    #[rasn(extension_addition)]
    CallerNotRegistered,
    #[rasn(extension_addition)]
    NewConnectionNeeded,
    #[rasn(extension_addition)]
    NonStandardReason(NonStandardParameter),
    #[rasn(extension_addition, size("16"))]
    ReplaceWithConferenceInvite(OctetString),
    #[rasn(extension_addition)]
    GenericDataReason,
    #[rasn(extension_addition)]
    NeededFeatureNotSupported,
    #[rasn(extension_addition)]
    TunnelledSignallingRejected,
    #[rasn(extension_addition)]
    InvalidCid,
    #[rasn(extension_addition)]
    SecurityError(SecurityErrors),
    #[rasn(extension_addition)]
    HopCountExceeded,
}

/// `FacilityReason`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum FacilityReason {
    RouteCallToGatekeeper,
    CallForwarded,
    RouteCallToMc,
    UndefinedReason,
    #[rasn(extension_addition)]
    ConferenceListChoice,
    #[rasn(extension_addition)]
    StartH245,
    #[rasn(extension_addition)]
    NoH245,
    #[rasn(extension_addition)]
    NewTokens,
    #[rasn(extension_addition)]
    FeatureSetUpdate,
    #[rasn(extension_addition)]
    ForwardedElements,
    #[rasn(extension_addition)]
    TransportedInformation,
}

/// `ConferenceList`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ConferenceList {
    #[rasn(size("16"))]
    pub conference_id: Option<OctetString>,
    pub conference_alias: Option<AliasAddress>,
    pub non_standard_data: Option<NonStandardParameter>,
}
