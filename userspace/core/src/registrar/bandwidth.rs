//! BRQ: a call wants more, or less (H.225.0 7.12).

use rasline_h225::types::{
    BandRejectReason as Why, BandwidthConfirm, BandwidthReject, BandwidthRequest, RasMessage,
};

use super::calls::Calls;
use super::reply::Reply;
use super::{EntryId, Output};
use crate::Time;
use crate::profile::Limits;
use crate::ras_server::CallKey;

/// Answers the BRQ of an endpoint that is registered.
pub(super) fn answer_brq(
    calls: &mut Calls,
    (id, brq): (EntryId, &BandwidthRequest),
    limits: &Limits,
    now: Time,
    out: &mut Vec<Output>,
) -> Reply {
    let seq = brq.request_seq_num;
    let (identifier, conference) = (brq.call_identifier.as_ref(), &brq.conference_id[..]);
    let key = CallKey::new(identifier, conference, brq.call_reference_value);
    let leg = calls.find(&key).and_then(|call| {
        let leg = calls.get(call)?.leg(id, brq.answered_call)?;
        Some((call, leg))
    });
    let Some(leg) = leg else {
        return brj(seq, Some(id), Why::InvalidConferenceId, 0);
    };
    calls.report(leg.0, now);
    match calls.set_bandwidth(leg, brq.band_width, limits, out) {
        Ok(()) => {
            let bcf = BandwidthConfirm::new(seq, brq.band_width);
            Reply::to(Some(id), RasMessage::BandwidthConfirm(bcf))
        }
        Err(most) => brj(seq, Some(id), Why::InsufficientResources, most),
    }
}

/// BRJ; `allowed`: the bandwidth that it can have.
pub(super) fn brj(seq: u16, id: Option<EntryId>, why: Why, allowed: u32) -> Reply {
    let brj = BandwidthReject::new(seq, why, allowed);
    Reply::to(id, RasMessage::BandwidthReject(brj))
}
