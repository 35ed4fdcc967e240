//! Rejections for zones that would be served but may not be; the table stands in the [module](super).

use rasline_h225::RasMessage;
use rasline_h225::types::{
    AdmissionReject, AdmissionRejectReason, BandRejectReason, BandwidthReject, DisengageReject,
    DisengageRejectReason, GatekeeperReject, GatekeeperRejectReason, GatekeeperRequest,
    InfoRequestNak, InfoRequestNakReason, LocationReject, LocationRejectReason, RegistrationReject,
    RegistrationRejectReason, RegistrationRequest, ServiceControlResponse,
    ServiceControlResponseResult, UnregRejectReason, UnregistrationReject,
};

/// The rejection of a message. `None` for what is not rejected.
pub(super) fn reject(message: &RasMessage) -> Option<RasMessage> {
    use RasMessage as M;
    let seq = message.request_seq_num();
    Some(match message {
        M::GatekeeperRequest(grq) => discovery(grq),
        M::RegistrationRequest(rrq) => registration(rrq),
        M::UnregistrationRequest(_) => {
            let reason = UnregRejectReason::NotCurrentlyRegistered;
            M::UnregistrationReject(UnregistrationReject::new(seq, reason))
        }
        M::AdmissionRequest(_) => {
            let reason = AdmissionRejectReason::InvalidPermission;
            M::AdmissionReject(AdmissionReject::new(seq, reason))
        }
        M::BandwidthRequest(_) => {
            let reason = BandRejectReason::InvalidPermission;
            M::BandwidthReject(BandwidthReject::new(seq, reason, 0))
        }
        M::DisengageRequest(_) => {
            let reason = DisengageRejectReason::NotRegistered;
            M::DisengageReject(DisengageReject::new(seq, reason))
        }
        M::LocationRequest(_) => {
            let reason = LocationRejectReason::InvalidPermission;
            M::LocationReject(LocationReject::new(seq, reason))
        }
        M::InfoRequestResponse(irr) if irr.need_response == Some(true) => {
            let reason = InfoRequestNakReason::NotRegistered;
            M::InfoRequestNak(InfoRequestNak::new(seq, reason))
        }
        M::ServiceControlIndication(_) => {
            let mut response = ServiceControlResponse::new(seq);
            response.result = Some(ServiceControlResponseResult::NotAvailable);
            M::ServiceControlResponse(response)
        }
        _ => return None,
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
