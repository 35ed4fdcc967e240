//! What messages tell of calls.

use std::net::SocketAddr;

use rasline_h225::text::from_transport;
use rasline_h225::types::{InfoRequestResponse, RasMessage};
use rasline_h225::{RasKind as K, decode_ras, header};

use crate::Time;
use crate::proxy::relay::call_ref::CallReference;
use crate::proxy::relay::calls::Calls;
use crate::proxy::relay::waits::Wait;
use crate::proxy::{EntryId, Output};
use crate::ras_server::CallFact;

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

/// A call that a gatekeeper admitted.
pub(in crate::proxy) struct AdmittedCall {
    call: [u8; 16],
    to: SocketAddr,
}

impl AdmittedCall {
    /// As what the endpoint that calls was granted by this gatekeeper.
    pub const fn by(&self, endpoint: EntryId, gatekeeper: SocketAddr) -> CallFact {
        CallFact::Admitted {
            endpoint,
            call: self.call,
            to: self.to,
            gatekeeper,
        }
    }
}

/// The call that this answer to this request lets an endpoint make.
pub(in crate::proxy) fn find_admitted(request: &[u8], answer: &RasMessage) -> Option<AdmittedCall> {
    let acf = match answer {
        RasMessage::AdmissionConfirm(acf) => acf,
        RasMessage::AdmissionConfirmSequence(all) => all.first()?,
        _ => return None,
    };
    let Ok(RasMessage::AdmissionRequest(arq)) = decode_ras(request) else {
        return None;
    };
    let call = CallReference::from(&arq).octets()?;
    let to = from_transport(&acf.dest_call_signal_address)?;
    (!arq.answer_call).then_some(AdmittedCall { call, to })
}
