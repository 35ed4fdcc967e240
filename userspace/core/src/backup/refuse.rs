//! Rejections for zones that would be served but may not be; the table stands in the [module](super).

use rasline_h225::types::{
    AdmissionReject, AdmissionRejectReason, BandRejectReason, BandwidthReject, DisengageReject,
    DisengageRejectReason, GatekeeperReject, GatekeeperRejectReason, GatekeeperRequest,
    InfoRequestNak, InfoRequestNakReason, LocationReject, LocationRejectReason, RegistrationReject,
    RegistrationRejectReason, RegistrationRequest, ServiceControlResponse,
    ServiceControlResponseResult, UnregRejectReason, UnregistrationReject,
};
use rasline_h225::{RasMessage, RasMessageRef};

/// The rejection of a message. `None` for what is not rejected.
pub(super) fn reject(message: &RasMessage) -> Option<RasMessage> {
    use RasMessage as M;
    use RasMessageRef as Asked;
    let seq = message.request_seq_num();
    Some(match message.by_ref() {
        Asked::GatekeeperRequest(grq) => discovery(grq),
        Asked::RegistrationRequest(rrq) => registration(rrq),
        Asked::UnregistrationRequest(_) => {
            let reason = UnregRejectReason::NotCurrentlyRegistered;
            M::UnregistrationReject(UnregistrationReject::new(seq, reason))
        }
        Asked::AdmissionRequest(_) => {
            let reason = AdmissionRejectReason::InvalidPermission;
            M::AdmissionReject(AdmissionReject::new(seq, reason))
        }
        Asked::BandwidthRequest(_) => {
            let reason = BandRejectReason::InvalidPermission;
            M::BandwidthReject(BandwidthReject::new(seq, reason, 0))
        }
        Asked::DisengageRequest(_) => {
            let reason = DisengageRejectReason::NotRegistered;
            M::DisengageReject(DisengageReject::new(seq, reason))
        }
        Asked::LocationRequest(_) => {
            let reason = LocationRejectReason::InvalidPermission;
            M::LocationReject(LocationReject::new(seq, reason))
        }
        Asked::InfoRequestResponse(irr) if irr.need_response == Some(true) => {
            let reason = InfoRequestNakReason::NotRegistered;
            M::InfoRequestNak(InfoRequestNak::new(seq, reason))
        }
        Asked::ServiceControlIndication(_) => {
            let mut response = ServiceControlResponse::new(seq);
            response.result = Some(ServiceControlResponseResult::NotAvailable);
            M::ServiceControlResponse(response)
        }
        Asked::InfoRequestResponse(_)
        | Asked::ResourcesAvailableIndicate(_)
        | Asked::InfoRequest(_)
        | Asked::NonStandardMessage(_)
        // Answers.
        | Asked::GatekeeperConfirm(_)
        | Asked::GatekeeperReject(_)
        | Asked::RegistrationConfirm(_)
        | Asked::RegistrationReject(_)
        | Asked::UnregistrationConfirm(_)
        | Asked::UnregistrationReject(_)
        | Asked::AdmissionConfirm(_)
        | Asked::AdmissionConfirmSequence(_)
        | Asked::AdmissionReject(_)
        | Asked::BandwidthConfirm(_)
        | Asked::BandwidthReject(_)
        | Asked::DisengageConfirm(_)
        | Asked::DisengageReject(_)
        | Asked::LocationConfirm(_)
        | Asked::LocationReject(_)
        | Asked::UnknownMessageResponse(_)
        | Asked::RequestInProgress(_)
        | Asked::ResourcesAvailableConfirm(_)
        | Asked::InfoRequestAck(_)
        | Asked::InfoRequestNak(_)
        | Asked::ServiceControlResponse(_) => return None,
    })
}

fn discovery(grq: &GatekeeperRequest) -> RasMessage {
    let reason = GatekeeperRejectReason::TerminalExcluded;
    let mut reject = GatekeeperReject::new(grq.request_seq_num, reason);
    reject.protocol_identifier = grq.protocol_identifier.clone();
    RasMessage::GatekeeperReject(reject)
}

fn registration(rrq: &RegistrationRequest) -> RasMessage {
    let reason = RegistrationRejectReason::SecurityDenial;
    let mut reject = RegistrationReject::new(rrq.request_seq_num, reason);
    reject.protocol_identifier = rrq.protocol_identifier.clone();
    RasMessage::RegistrationReject(reject)
}
