//! What messages tell of calls.

use rasline_h225::types::{InfoRequestResponse, RasMessage};
use rasline_h225::{RasKind as K, decode_ras, header};

use crate::Time;
use crate::proxy::relay::calls::Calls;
use crate::proxy::relay::waits::Wait;
use crate::proxy::{EntryId, Output};

/// Calls of an IRR that are looked at.
const REPORTED: usize = 512;

impl Calls {
    /// Notes what the answer to a request, the gatekeeper's or one in its place, says of the call that the request was
    /// about.
    pub fn on_answer(
        &mut self,
        wait: &Wait,
        answer: &[u8],
        endpoint_identifier: &str,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let Some(answer) = header(answer) else {
            return;
        };
        match (wait.kind, answer.kind) {
            (K::AdmissionRequest, K::AdmissionConfirm | K::AdmissionConfirmSequence)
            | (K::BandwidthRequest, K::BandwidthConfirm) => {
                self.on_grant(&wait.payload, (wait.id, endpoint_identifier), now, out);
            }
            // Who asks is in it no more, whatever the gatekeeper thinks of that.
            (K::DisengageRequest, K::DisengageConfirm | K::DisengageReject) => {
                self.on_drq(wait.id, &wait.payload, out);
            }
            _ => {}
        }
    }

    fn on_grant(&mut self, request: &[u8], who: (EntryId, &str), now: Time, out: &mut Vec<Output>) {
        match decode_ras(request) {
            Ok(RasMessage::AdmissionRequest(arq)) => self.admit(&(&arq).into(), who, now, out),
            Ok(RasMessage::BandwidthRequest(brq)) => self.report(&(&brq).into(), who, now, out),
            _ => {}
        }
    }

    /// Ends this endpoint's part in the call that the DRQ names.
    pub fn on_drq(&mut self, id: EntryId, drq: &[u8], out: &mut Vec<Output>) {
        if let Ok(RasMessage::DisengageRequest(drq)) = decode_ras(drq) {
            self.end_part(&(&drq).into(), id, out);
        }
    }

    /// Notes the calls that an endpoint says it is in.
    pub fn on_irr(
        &mut self,
        irr: &InfoRequestResponse,
        who: (EntryId, &str),
        now: Time,
        out: &mut Vec<Output>,
    ) {
        for info in irr.per_call_info.iter().flatten().take(REPORTED) {
            self.report(&info.into(), who, now, out);
        }
    }
}
