//! DRQ: a call is over (H.225.0 7.14).
//!
//! A DRQ for a call that is not known, of an endpoint that is, is confirmed: the call is over, and the endpoint would ask
//! in vain until it gives up (those that another gatekeeper admitted are not known).

use rasline_h225::types::{
    DisengageConfirm, DisengageReject, DisengageRejectReason as Why, DisengageRequest, RasMessage,
};

use super::calls::Calls;
use super::reply::Reply;
use super::{EntryId, Output};
use crate::Time;
use crate::ras_server::CallKey;

/// Answers the DRQ of an endpoint that is registered.
pub(super) fn answer_drq(
    calls: &mut Calls,
    (id, drq): (EntryId, &DisengageRequest),
    now: Time,
    out: &mut Vec<Output>,
) -> Reply {
    let seq = drq.request_seq_num;
    let (identifier, conference) = (drq.call_identifier.as_ref(), &drq.conference_id[..]);
    let key = CallKey::new(identifier, conference, drq.call_reference_value);
    if let Some(call) = calls.find(&key) {
        let known = calls.get(call);
        let Some(leg) = known.and_then(|known| known.leg(id, drq.answered_call)) else {
            return drj(seq, Some(id), Why::RequestToDropOther);
        };
        calls.leave(call, leg, now, out);
    }
    let dcf = DisengageConfirm::new(seq);
    Reply::to(Some(id), RasMessage::DisengageConfirm(dcf))
}

pub(super) fn drj(seq: u16, id: Option<EntryId>, why: Why) -> Reply {
    let drj = DisengageReject::new(seq, why);
    Reply::to(id, RasMessage::DisengageReject(drj))
}
