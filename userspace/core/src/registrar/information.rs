//! IRR, RAI, SCI (H.225.0 7.15, 7.16, 7.20).

use std::collections::BTreeSet;

use rasline_h225::text::from_bmp;
use rasline_h225::types::{
    InfoRequestAck, InfoRequestNak, InfoRequestNakReason, InfoRequestResponse,
    InfoRequestResponseStatus, RasMessage, ResourcesAvailableConfirm, ResourcesAvailableIndicate,
    ServiceControlIndication, ServiceControlResponse,
};

use super::calls::{CallId, Leg};
use super::capacity::no_room;
use super::machine::Registrar;
use super::message::Asked;
use super::reply::Reply;
use super::{EntryId, Output};
use crate::ras_server::CallKey;

/// Calls of an IRR that are looked at.
const MAX_REPORTED: usize = 256;

impl Registrar {
    /// An endpoint reports: it lives, and so do the calls that it names.
    pub(super) fn information(
        &mut self,
        asked: &Asked<'_>,
        irr: &InfoRequestResponse,
        out: &mut Vec<Output>,
    ) -> Reply {
        let answer = irr.need_response == Some(true);
        let identifier = from_bmp(&irr.endpoint_identifier);
        let id = self.whose(&identifier, asked, out);
        let Some(id) = id.filter(|id| self.registered_as(&identifier, asked) == Some(*id)) else {
            self.stats.ignored += u64::from(!answer);
            let nak = InfoRequestNak::new(asked.seq, InfoRequestNakReason::NotRegistered);
            return when(answer, None, RasMessage::InfoRequestNak(nak));
        };
        self.heard(id, self.now);
        let reported = self.reported(id, irr);
        for call in &reported {
            self.call_reported(*call);
        }
        let whole = !matches!(
            irr.irr_status,
            Some(InfoRequestResponseStatus::Incomplete | InfoRequestResponseStatus::Segment(_))
        );
        if whole {
            self.not_reported(id, asked.seq, out);
        }
        let ack = RasMessage::InfoRequestAck(InfoRequestAck::new(asked.seq));
        when(answer, Some(id), ack)
    }

    /// Those calls of its that it names.
    fn reported(&self, id: EntryId, irr: &InfoRequestResponse) -> BTreeSet<CallId> {
        let calls = irr.per_call_info.iter().flatten().take(MAX_REPORTED);
        let known = calls.filter_map(|one| {
            let identifier = one.call_identifier.as_ref();
            let key = CallKey::new(identifier, &one.conference_id[..], one.call_reference_value);
            self.calls.find(&key)
        });
        let own = |call: &CallId| {
            self.entries
                .get(id)
                .is_some_and(|one| one.calls.contains(call))
        };
        known.filter(own).collect()
    }

    /// It was asked for a call and does not name it: it takes part no more. A call that was named is not asked for any
    /// more, so this finds only those that were not.
    fn not_reported(&mut self, id: EntryId, seq: u16, out: &mut Vec<Output>) {
        let Some(call) = self.calls.polled(seq) else {
            return;
        };
        let asked = |leg: &Leg| leg.entry == id && leg.polled == Some(seq);
        let legs = self.calls.get(call).map(|call| &call.legs);
        if let Some(leg) = legs.and_then(|legs| legs.iter().position(asked)) {
            self.leave_call(call, leg, out);
        }
    }

    /// A gateway has room, or almost none.
    pub(super) fn resources(
        &mut self,
        asked: &Asked<'_>,
        rai: &ResourcesAvailableIndicate,
    ) -> Reply {
        let Some(id) = self.registered_as(&from_bmp(&rai.endpoint_identifier), asked) else {
            self.stats.ignored += 1;
            return Reply::Nothing;
        };
        self.heard(id, self.now);
        if let Some(entry) = self.entries.get_mut(id) {
            entry.almost_full = rai.almost_out_of_resources;
            entry.full_up = no_room(rai.capacity.as_ref()).unwrap_or(false);
        }
        let mut rac = ResourcesAvailableConfirm::new(asked.seq);
        rac.protocol_identifier = rai.protocol_identifier.clone();
        Reply::to(Some(id), RasMessage::ResourcesAvailableConfirm(rac))
    }

    /// Services are acknowledged; there are none here.
    pub(super) fn service(&mut self, asked: &Asked<'_>, sci: &ServiceControlIndication) -> Reply {
        let named = sci.endpoint_identifier.as_ref().map(from_bmp);
        let id = named.and_then(|named| self.registered_as(&named, asked));
        if let Some(id) = id {
            self.heard(id, self.now);
        }
        let scr = ServiceControlResponse::new(asked.seq);
        Reply::to(id, RasMessage::ServiceControlResponse(scr))
    }
}

fn when(answer: bool, of: Option<EntryId>, message: RasMessage) -> Reply {
    if answer {
        Reply::to(of, message)
    } else {
        Reply::Nothing
    }
}
