//! DRQ: a call is over (H.225.0 7.14).
//!
//! A DRQ for a call that is not known, of an endpoint that is, is confirmed: the call is over, and the endpoint would ask
//! in vain until it gives up (those that another gatekeeper admitted are not known).

use rasline_h225::text::from_bmp;
use rasline_h225::types::{
    DisengageConfirm, DisengageReject, DisengageRejectReason as Why, DisengageRequest, RasMessage,
};

use super::Output;
use super::machine::Registrar;
use super::message::Asked;
use super::reply::Reply;
use crate::ras_server::CallKey;

impl Registrar {
    pub(super) fn disengage(
        &mut self,
        asked: &Asked<'_>,
        drq: &DisengageRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let identifier = from_bmp(&drq.endpoint_identifier);
        let id = self.whose(&identifier, asked, out);
        let proved = |id: &_| self.registered_as(&identifier, asked) == Some(*id);
        let Some(id) = id.filter(proved) else {
            let drj = DisengageReject::new(asked.seq, Why::NotRegistered);
            return Reply::anyone(RasMessage::DisengageReject(drj));
        };
        self.heard(id, self.now);
        let reference = drq.call_reference_value;
        let key = CallKey::new(
            drq.call_identifier.as_ref(),
            &drq.conference_id[..],
            reference,
        );
        if let Some(call) = self.calls.find(&key) {
            let leg = self
                .calls
                .get(call)
                .and_then(|call| call.leg(id, drq.answered_call));
            let Some(leg) = leg else {
                let drj = DisengageReject::new(asked.seq, Why::RequestToDropOther);
                return Reply::to(Some(id), RasMessage::DisengageReject(drj));
            };
            self.leave_call(call, leg, out);
        }
        let dcf = DisengageConfirm::new(asked.seq);
        Reply::to(Some(id), RasMessage::DisengageConfirm(dcf))
    }
}
