//! IRR, RAI, SCI (H.225.0 7.15, 7.16, 7.20).

use rasline_h225::types::{
    InfoRequestAck, InfoRequestNak, InfoRequestNakReason, InfoRequestResponse,
    InfoRequestResponseStatus, RasMessage, ResourcesAvailableConfirm, ResourcesAvailableIndicate,
    ServiceControlIndication, ServiceControlResponse,
};

use super::EntryId;
use super::capacity::no_room;
use super::entries::Entry;
use super::reply::Reply;

/// True if an IRR is to be answered.
pub(super) fn wants_answer(irr: &InfoRequestResponse) -> bool {
    irr.need_response == Some(true)
}

/// True if an IRR names all calls of its sender: it is no part of a longer report.
pub(super) const fn is_whole(irr: &InfoRequestResponse) -> bool {
    !matches!(
        irr.irr_status,
        Some(InfoRequestResponseStatus::Incomplete | InfoRequestResponseStatus::Segment(_))
    )
}

/// The answer to the IRR of this registration, if it wants one; `None`: of an endpoint that is not registered.
pub(super) fn answer_irr(irr: &InfoRequestResponse, id: Option<EntryId>) -> Reply {
    let seq = irr.request_seq_num;
    if !wants_answer(irr) {
        return Reply::Nothing;
    }
    let nak = || InfoRequestNak::new(seq, InfoRequestNakReason::NotRegistered);
    match id {
        Some(_) => Reply::to(id, RasMessage::InfoRequestAck(InfoRequestAck::new(seq))),
        None => Reply::anyone(RasMessage::InfoRequestNak(nak())),
    }
}

/// Notes whether a gateway has room, or almost none.
pub(super) fn note_resources(entry: &mut Entry, rai: &ResourcesAvailableIndicate) {
    entry.almost_full = rai.almost_out_of_resources;
    entry.full_up = no_room(rai.capacity.as_ref()).unwrap_or(false);
}

pub(super) fn rac(rai: &ResourcesAvailableIndicate) -> RasMessage {
    let mut rac = ResourcesAvailableConfirm::new(rai.request_seq_num);
    rac.protocol_identifier = rai.protocol_identifier.clone();
    RasMessage::ResourcesAvailableConfirm(rac)
}

/// Services are acknowledged; there are none here.
pub(super) fn scr(sci: &ServiceControlIndication) -> RasMessage {
    let scr = ServiceControlResponse::new(sci.request_seq_num);
    RasMessage::ServiceControlResponse(scr)
}
