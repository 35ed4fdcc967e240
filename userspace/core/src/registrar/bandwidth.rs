//! BRQ: a call wants more, or less (H.225.0 7.12).

use rasline_h225::text::from_bmp;
use rasline_h225::types::{
    BandRejectReason as Why, BandwidthConfirm, BandwidthReject, BandwidthRequest, RasMessage,
};

use super::calls::CallId;
use super::machine::Registrar;
use super::message::Asked;
use super::reply::Reply;
use super::{EntryId, Output};
use crate::ras_server::CallKey;

impl Registrar {
    pub(super) fn bandwidth(
        &mut self,
        asked: &Asked<'_>,
        brq: &BandwidthRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let id = self.registered_as(&from_bmp(&brq.endpoint_identifier), asked);
        let Some(id) = id else {
            return brj(asked.seq, None, Why::NotBound, 0);
        };
        self.heard(id, self.now);
        let Some((call, leg)) = self.part(id, brq) else {
            return brj(asked.seq, Some(id), Why::InvalidConferenceId, 0);
        };
        self.call_reported(call);
        let limits = self.settings.profile.limits;
        let room = self.calls.room(Some(call), Some(leg), limits.bandwidth);
        let most = room.min(limits.call_bandwidth.into());
        if u64::from(brq.band_width) > most {
            let most = u32::try_from(most).unwrap_or(u32::MAX);
            return brj(asked.seq, Some(id), Why::InsufficientResources, most);
        }
        let before = self.calls.change(call, |call| {
            std::mem::replace(&mut call.legs[leg].bandwidth, brq.band_width)
        });
        if before != Some(brq.band_width) {
            self.store_call(call, out);
        }
        let bcf = BandwidthConfirm::new(asked.seq, brq.band_width);
        Reply::to(Some(id), RasMessage::BandwidthConfirm(bcf))
    }

    fn part(&self, id: EntryId, brq: &BandwidthRequest) -> Option<(CallId, usize)> {
        let reference = brq.call_reference_value;
        let key = CallKey::new(
            brq.call_identifier.as_ref(),
            &brq.conference_id[..],
            reference,
        );
        let call = self.calls.find(&key)?;
        let leg = self.calls.get(call)?.leg(id, brq.answered_call)?;
        Some((call, leg))
    }

    /// The registration of this endpointIdentifier, if the message comes from its host and is proved as its are.
    pub(super) fn registered_as(&self, identifier: &str, asked: &Asked<'_>) -> Option<EntryId> {
        let id = self.entries.by_identifier(identifier)?;
        let entry = self.entries.get(id)?;
        let own = entry.endpoint.ip() == asked.from.ip() && entry.mode.agrees(&asked.mode);
        own.then_some(id)
    }
}

fn brj(seq: u16, id: Option<EntryId>, why: Why, allowed: u32) -> Reply {
    let brj = BandwidthReject::new(seq, why, allowed);
    Reply::to(id, RasMessage::BandwidthReject(brj))
}
