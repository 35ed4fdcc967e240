//! What messages tell of calls, and calls that outlive a restart of rasline.

use rasline_h225::types::{InfoRequestResponse, RasMessage};
use rasline_h225::{RasKind as K, decode_ras, header};

use crate::proxy::machine::Proxy;
use crate::proxy::relay::waits::Wait;
use crate::proxy::{EntryId, Output};
use crate::ras_server::StoredCall;

/// Calls of an IRR that are looked at.
const REPORTED: usize = 512;

impl Proxy {
    /// A request of an endpoint was answered, by the gatekeeper or in its place.
    pub(in crate::proxy) fn call_answered(
        &mut self,
        wait: &Wait,
        answer: &[u8],
        out: &mut Vec<Output>,
    ) {
        let (Some(id), Some(answer)) = (wait.id, header(answer)) else {
            return;
        };
        match (wait.kind, answer.kind) {
            (K::AdmissionRequest, K::AdmissionConfirm | K::AdmissionConfirmSequence)
            | (K::BandwidthRequest, K::BandwidthConfirm) => self.call_goes_on(id, wait, out),
            // Who asks is in it no more, whatever the gatekeeper thinks of that.
            (K::DisengageRequest, K::DisengageConfirm | K::DisengageReject) => {
                self.call_over(id, &wait.payload, out);
            }
            _ => {}
        }
    }

    fn call_goes_on(&mut self, id: EntryId, wait: &Wait, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let who = (id, entry.identifier.as_str());
        match decode_ras(&wait.payload) {
            Ok(RasMessage::AdmissionRequest(arq)) => {
                self.calls.admitted(&(&arq).into(), who, self.now, out);
            }
            Ok(RasMessage::BandwidthRequest(brq)) => {
                self.calls.reported(&(&brq).into(), who, self.now, out);
            }
            _ => {}
        }
    }

    /// This DRQ is what ended it.
    pub(in crate::proxy) fn call_over(&mut self, id: EntryId, drq: &[u8], out: &mut Vec<Output>) {
        if let Ok(RasMessage::DisengageRequest(drq)) = decode_ras(drq) {
            self.calls.over(&(&drq).into(), id, out);
        }
    }

    /// An endpoint says in which calls it is.
    pub(in crate::proxy) fn calls_reported(
        &mut self,
        id: EntryId,
        irr: &InfoRequestResponse,
        out: &mut Vec<Output>,
    ) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let who = (id, entry.identifier.as_str());
        for info in irr.per_call_info.iter().flatten().take(REPORTED) {
            self.calls.reported(&info.into(), who, self.now, out);
        }
    }

    /// A call as it was stored, after the endpoints.
    pub(in crate::proxy) fn restore_call(&mut self, stored: &StoredCall, out: &mut Vec<Output>) {
        let who = |identifier: &str| self.entries.by_identifier(identifier);
        if self.calls.restore(stored, who, self.now, out) {
            self.stats.restored_calls += 1;
        } else {
            self.stats.lost_calls += 1;
        }
    }
}
