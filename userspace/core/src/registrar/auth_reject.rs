//! What is answered to messages that are not proved.
//!
//! securityDenial, and no more: whether an identifier is known or a password wrong is not told. An RRJ of version 5 or
//! later says that a clock is wrong, or that the message is for another gatekeeper, since that can be helped. A locked source is not answered.

use rasline_h225::messages::urj;
use rasline_h225::types::{
    AdmissionReject, AdmissionRejectReason, BandRejectReason, BandwidthReject, DisengageReject,
    DisengageRejectReason, InfoRequestNak, InfoRequestNakReason, RasMessage,
    RegistrationRejectReason, RegistrationRequest, SecurityErrors, UnregRejectReason,
};

use super::policy::Policy;
use super::reply::Reply;
use crate::access::Denied;

/// The version that brought SecurityErrors.
const DETAILED: u32 = 5;

/// The answer to a message that is not proved.
pub(super) fn answer_denied(policy: &Policy, message: &RasMessage, why: Denied) -> Reply {
    use RasMessage as M;
    if why == Denied::Locked {
        return Reply::Nothing;
    }
    let seq = message.request_seq_num();
    Reply::anyone(match message {
        M::RegistrationRequest(rrq) => return policy.rrj(seq, rrq, reason(rrq, why)),
        M::UnregistrationRequest(_) => urj(seq, UnregRejectReason::SecurityDenial),
        M::AdmissionRequest(_) => {
            let why = AdmissionRejectReason::SecurityDenial;
            M::AdmissionReject(AdmissionReject::new(seq, why))
        }
        M::BandwidthRequest(_) => {
            let why = BandRejectReason::SecurityDenial;
            M::BandwidthReject(BandwidthReject::new(seq, why, 0))
        }
        M::DisengageRequest(_) => {
            let why = DisengageRejectReason::SecurityDenial;
            M::DisengageReject(DisengageReject::new(seq, why))
        }
        M::InfoRequestResponse(irr) if irr.need_response == Some(true) => {
            let why = InfoRequestNakReason::SecurityDenial;
            M::InfoRequestNak(InfoRequestNak::new(seq, why))
        }
        _ => return Reply::Nothing,
    })
}

fn reason(rrq: &RegistrationRequest, why: Denied) -> RegistrationRejectReason {
    let version = rrq.protocol_identifier.last().copied().unwrap_or(0);
    let detail = match why {
        Denied::WrongTime => SecurityErrors::SecurityWrongSyncTime,
        Denied::Replay => SecurityErrors::SecurityReplay,
        Denied::NotForUs => SecurityErrors::SecurityWrongGeneralId,
        _ => return RegistrationRejectReason::SecurityDenial,
    };
    if version >= DETAILED {
        RegistrationRejectReason::SecurityError(detail)
    } else {
        RegistrationRejectReason::SecurityDenial
    }
}
