//! Answers to requests of gatekeepers about which the agent has nothing to say.

use rasline_h225::types::{
    BandRejectReason, BandwidthReject, DisengageReject, DisengageRejectReason,
    ServiceControlResponse, ServiceControlResponseResult,
};
use rasline_h225::{RasMessage, messages};

/// The answer to a request of a gatekeeper about calls, of which an agent has none, or about what it does not know.
/// `None`: the message is no request.
pub(super) fn refusal(message: &RasMessage, payload: &[u8]) -> Option<RasMessage> {
    let seq = message.request_seq_num();
    Some(match message {
        RasMessage::BandwidthRequest(_) => {
            let reason = BandRejectReason::InvalidConferenceId;
            RasMessage::BandwidthReject(BandwidthReject::new(seq, reason, 0))
        }
        RasMessage::DisengageRequest(_) => {
            let reason = DisengageRejectReason::RequestToDropOther;
            RasMessage::DisengageReject(DisengageReject::new(seq, reason))
        }
        RasMessage::ServiceControlIndication(_) => {
            let mut response = ServiceControlResponse::new(seq);
            response.result = Some(ServiceControlResponseResult::NotAvailable);
            RasMessage::ServiceControlResponse(response)
        }
        other if other.kind().is_request() => messages::xrs(seq, payload),
        _ => return None,
    })
}
