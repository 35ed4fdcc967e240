//! Rejections for zones that would be served but may not be; the table stands in the [module](super).

use std::net::SocketAddr;

use rasline_h225::text::from_transport;
use rasline_h225::types::{
    AdmissionReject, AdmissionRejectReason, BandRejectReason, BandwidthReject, DisengageReject,
    DisengageRejectReason, GatekeeperReject, GatekeeperRejectReason, GatekeeperRequest,
    InfoRequestNak, InfoRequestNakReason, LocationReject, LocationRejectReason, RegistrationReject,
    RegistrationRejectReason, RegistrationRequest, ServiceControlResponse,
    ServiceControlResponseResult, TransportAddress, UnregRejectReason, UnregistrationReject,
};
use rasline_h225::{RasMessage, encode_ras};

/// A rejection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rejection {
    /// To whom.
    pub(super) to: SocketAddr,
    /// The message.
    pub(super) payload: Vec<u8>,
    /// Kind of the request.
    pub(super) request: &'static str,
    /// rejectReason, in the standard's words.
    pub(super) reason: &'static str,
}

/// The rejection of a message that came from there. `None` for what is not rejected.
pub(super) fn reject(message: &RasMessage, from: SocketAddr) -> Option<Rejection> {
    let seq = message.request_seq_num();
    let mut to = from;
    let (answer, reason) = match message {
        RasMessage::GatekeeperRequest(grq) => {
            to = reply_to(&grq.ras_address, from);
            (discovery(grq), "terminalExcluded")
        }
        RasMessage::RegistrationRequest(rrq) => (registration(rrq), "securityDenial"),
        RasMessage::LocationRequest(lrq) => {
            to = reply_to(&lrq.reply_address, from);
            let reject = LocationReject::new(seq, LocationRejectReason::InvalidPermission);
            (RasMessage::LocationReject(reject), "invalidPermission")
        }
        RasMessage::InfoRequestResponse(irr) if irr.need_response != Some(true) => return None,
        _ => simple(message, seq)?,
    };
    Some(Rejection {
        to,
        payload: encode_ras(&answer).ok()?,
        request: message.kind().name(),
        reason,
    })
}

/// What has nothing but requestSeqNum and a reason.
fn simple(message: &RasMessage, seq: u16) -> Option<(RasMessage, &'static str)> {
    Some(match message {
        RasMessage::UnregistrationRequest(_) => {
            let reason = UnregRejectReason::NotCurrentlyRegistered;
            let reject = UnregistrationReject::new(seq, reason);
            (
                RasMessage::UnregistrationReject(reject),
                "notCurrentlyRegistered",
            )
        }
        RasMessage::AdmissionRequest(_) => {
            let reject = AdmissionReject::new(seq, AdmissionRejectReason::InvalidPermission);
            (RasMessage::AdmissionReject(reject), "invalidPermission")
        }
        RasMessage::BandwidthRequest(_) => {
            let reject = BandwidthReject::new(seq, BandRejectReason::InvalidPermission, 0);
            (RasMessage::BandwidthReject(reject), "invalidPermission")
        }
        RasMessage::DisengageRequest(_) => {
            let reject = DisengageReject::new(seq, DisengageRejectReason::NotRegistered);
            (RasMessage::DisengageReject(reject), "notRegistered")
        }
        RasMessage::InfoRequestResponse(_) => {
            let nak = InfoRequestNak::new(seq, InfoRequestNakReason::NotRegistered);
            (RasMessage::InfoRequestNak(nak), "notRegistered")
        }
        RasMessage::ServiceControlIndication(_) => {
            let mut response = ServiceControlResponse::new(seq);
            response.result = Some(ServiceControlResponseResult::NotAvailable);
            (RasMessage::ServiceControlResponse(response), "notAvailable")
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

/// Where the answer is wanted, if that is the sender itself: nobody is made to send to others.
fn reply_to(wanted: &TransportAddress, from: SocketAddr) -> SocketAddr {
    from_transport(wanted)
        .filter(|wanted| wanted.ip() == from.ip() && wanted.port() != 0)
        .unwrap_or(from)
}
