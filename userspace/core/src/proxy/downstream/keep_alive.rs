//! Keep-alives of endpoints: confirmed at once, and by the kernel from then on.

use std::time::Duration;

use rasline_h225::encode_ras;
use rasline_h225::text::{from_bmp, to_bmp};
use rasline_h225::types::{RasMessage, RegistrationConfirm, RegistrationRequest};

use crate::octets;
use crate::proxy::downstream::dispatch::Asked;
use crate::proxy::downstream::refuse::Why;
use crate::proxy::entries::{Entry, Life};
use crate::proxy::machine::{Proxy, Timer};
use crate::proxy::{EntryId, Output, rrq};
use crate::ras_server::Offer;
use crate::transaction::digest;

/// Where requestSeqNum stands in RRQ and RCF.
const SEQ: std::ops::Range<usize> = 2..4;

impl Proxy {
    pub(in crate::proxy) fn keep_alive(
        &mut self,
        asked: &Asked<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let Some(id) = self.kept_alive(asked, rrq) else {
            return self.turn_down(asked, Why::NotRegistered, out);
        };
        self.heard(id);
        let ras = rrq::ras_address(rrq, asked.from);
        self.entries.met(id, asked.from, asked.to, ras);
        let Some(rcf) = self.light_rcf(id, asked.seq, rrq) else {
            return;
        };
        self.stats.lightweight += 1;
        self.publish(id, asked.payload, rrq, out);
        asked.send(rcf, out);
    }

    fn kept_alive(&self, asked: &Asked<'_>, rrq: &RegistrationRequest) -> Option<EntryId> {
        if let Some(identifier) = &rrq.endpoint_identifier {
            return self.whose(&from_bmp(identifier), asked.from);
        }
        let id = self
            .entries
            .by_signalling(rrq::signalling(rrq, asked.from))?;
        let entry = self.entries.get(id)?;
        (entry.endpoint.ip() == asked.from.ip() && entry.confirmed).then_some(id)
    }

    /// The RCF to a lightweight RRQ: nothing of it changes with the gatekeeper.
    fn light_rcf(&self, id: EntryId, seq: u16, rrq: &RegistrationRequest) -> Option<Vec<u8>> {
        let entry = self.entries.get(id)?;
        let rcf = self.own_rcf(entry, seq, rrq)?;
        encode_ras(&RasMessage::RegistrationConfirm(rcf)).ok()
    }

    /// An RCF that says what rasline knows by itself.
    pub(in crate::proxy) fn own_rcf(
        &self,
        entry: &Entry,
        seq: u16,
        rrq: &RegistrationRequest,
    ) -> Option<RegistrationConfirm> {
        let mut rcf = RegistrationConfirm::new(seq, to_bmp(&entry.identifier).ok()?);
        rcf.protocol_identifier = rrq.protocol_identifier.clone();
        rcf.gatekeeper_identifier = Some(self.own_identifier.clone());
        rcf.time_to_live = Some(entry.time_to_live);
        rcf.will_respond_to_irr = Some(false);
        rcf.maintain_connection = Some(false);
        Some(rcf)
    }

    /// It is there.
    pub(in crate::proxy) fn heard(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        entry.last_seen = self.now;
        if entry.life != Life::Held {
            entry.life = Life::Held;
            let lease = entry.lease();
            self.timers.set(Timer::Life(id), self.now.after(lease));
        }
    }

    /// Publishes the first keep-alive, another one when it came twice in a row, and the same one again when the kernel lets
    /// it through: that renews what the kernel promises.
    pub(in crate::proxy) fn publish(
        &mut self,
        id: EntryId,
        payload: &[u8],
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        if rrq::is_secured(rrq)
            || !octets::RRQ.contains(&payload.len())
            || octets::utf16(&entry.identifier).len() > octets::EID
        {
            return;
        }
        let (head, rest) = (&payload[..SEQ.start], &payload[SEQ.end..]);
        let way = (entry.endpoint, entry.seen_as);
        let new = digest(&(way, head, rest, entry.time_to_live));
        let same = entry.published == Some(new);
        if !same && entry.published.is_some() && entry.other != Some(new) {
            entry.other = Some(new);
            return;
        }
        let Some(offer) = self.offer(id, octets::masked(payload).into_vec(), rrq) else {
            return;
        };
        if let Some(entry) = self.entries.get_mut(id) {
            entry.published = Some(new);
            entry.other = None;
            entry.lightweight = Some(offer.rrq.as_slice().into());
        }
        out.push(Output::Publish(Box::new(offer)));
        if !same {
            self.store(id, out);
        }
    }

    fn offer(&self, id: EntryId, octets: Vec<u8>, rrq: &RegistrationRequest) -> Option<Offer> {
        let mut rcf = self.light_rcf(id, 1, rrq)?;
        if !octets::RCF.contains(&rcf.len()) {
            return None;
        }
        rcf[SEQ].fill(0);
        let entry = self.entries.get(id)?;
        Some(Offer {
            id,
            endpoint: entry.endpoint,
            seen_as: entry.seen_as,
            rrq: octets,
            rcf,
            endpoint_identifier: octets::utf16(&entry.identifier),
            time_to_live: Duration::from_secs(entry.time_to_live.into()),
            confirmed: entry.last_seen,
        })
    }

    /// The kernel must not answer as before.
    pub(in crate::proxy) fn withdraw(&mut self, id: EntryId, out: &mut Vec<Output>) {
        if let Some(entry) = self.entries.get_mut(id)
            && entry.published.take().is_some()
        {
            entry.other = None;
            out.push(Output::Withdraw { id });
        }
    }
}
