//! The root of RAS: RasMessage (H.225.0 7.6 and Annex H).
//!
//! A CHOICE; its index stands in the first octet, see `crate::header`.

use rasn::prelude::*;

use super::List;

use super::{
    AdmissionConfirm, AdmissionReject, AdmissionRequest, BandwidthConfirm, BandwidthReject,
    BandwidthRequest, DisengageConfirm, DisengageReject, DisengageRequest, GatekeeperConfirm,
    GatekeeperReject, GatekeeperRequest, InfoRequest, InfoRequestAck, InfoRequestNak,
    InfoRequestResponse, LocationConfirm, LocationReject, LocationRequest, NonStandardMessage,
    RegistrationConfirm, RegistrationReject, RegistrationRequest, RequestInProgress,
    ResourcesAvailableConfirm, ResourcesAvailableIndicate, ServiceControlIndication,
    ServiceControlResponse, UnknownMessageResponse, UnregistrationConfirm, UnregistrationReject,
    UnregistrationRequest,
};

/// Every RAS message.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum RasMessage {
    GatekeeperRequest(GatekeeperRequest),
    GatekeeperConfirm(GatekeeperConfirm),
    GatekeeperReject(GatekeeperReject),
    RegistrationRequest(RegistrationRequest),
    RegistrationConfirm(RegistrationConfirm),
    RegistrationReject(RegistrationReject),
    UnregistrationRequest(UnregistrationRequest),
    UnregistrationConfirm(UnregistrationConfirm),
    UnregistrationReject(UnregistrationReject),
    AdmissionRequest(AdmissionRequest),
    AdmissionConfirm(AdmissionConfirm),
    AdmissionReject(AdmissionReject),
    BandwidthRequest(BandwidthRequest),
    BandwidthConfirm(BandwidthConfirm),
    BandwidthReject(BandwidthReject),
    DisengageRequest(DisengageRequest),
    DisengageConfirm(DisengageConfirm),
    DisengageReject(DisengageReject),
    LocationRequest(LocationRequest),
    LocationConfirm(LocationConfirm),
    LocationReject(LocationReject),
    InfoRequest(InfoRequest),
    InfoRequestResponse(InfoRequestResponse),
    NonStandardMessage(NonStandardMessage),
    UnknownMessageResponse(UnknownMessageResponse),
    #[rasn(extension_addition)]
    RequestInProgress(RequestInProgress),
    #[rasn(extension_addition)]
    ResourcesAvailableIndicate(ResourcesAvailableIndicate),
    #[rasn(extension_addition)]
    ResourcesAvailableConfirm(ResourcesAvailableConfirm),
    #[rasn(extension_addition)]
    InfoRequestAck(InfoRequestAck),
    #[rasn(extension_addition)]
    InfoRequestNak(InfoRequestNak),
    #[rasn(extension_addition)]
    ServiceControlIndication(ServiceControlIndication),
    #[rasn(extension_addition)]
    ServiceControlResponse(ServiceControlResponse),
    #[rasn(extension_addition)]
    AdmissionConfirmSequence(List<AdmissionConfirm>),
}
