//! What the kernel is told to answer by itself, and what is kept across restarts.
//!
//! What is predicted at registration ([`super::predict`]) is published, else the first keep-alive that is confirmed; and
//! again when the kernel lets it through: that renews what the kernel promises. One that was not predicted so takes the
//! place of what was. A later one that differs (timeToLive that settles, another source port) replaces it when it came
//! twice in a row: some endpoints never send the same twice, and would be published each time in vain.

use std::time::Duration;

use rasline_h225::encode_ras;
use rasline_h225::types::{RasMessage, RegistrationRequest};

use super::entries::{Entry, PredictedKeepAlive};
use super::machine::Registrar;
use super::{EntryId, Offer, Output, Stored};
use crate::octets;
use crate::transaction::digest;

/// Where requestSeqNum stands in RRQ and RCF.
const SEQ: std::ops::Range<usize> = 2..4;

impl Registrar {
    /// A keep-alive was confirmed.
    pub(super) fn publish(
        &mut self,
        id: EntryId,
        payload: &[u8],
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) {
        let new = self.publishable(id, payload, rrq);
        let (Some(new), Some(entry)) = (new, self.entries.get_mut(id)) else {
            return;
        };
        let predicted = entry.predicted.take();
        let same = entry.published == Some(new);
        if !same && predicted.is_none() && entry.published.is_some() && entry.other != Some(new) {
            entry.other = Some(new);
            return;
        }
        if !same || predicted.is_some() {
            let by_make = predicted == Some(PredictedKeepAlive::Make);
            self.learn_make(id, (rrq, payload), by_make.then_some(same));
        }
        if self.offered(id, (payload, rrq), new, out) && !same {
            self.store(id, out);
        }
    }

    /// A keep-alive is expected that was not seen yet.
    pub(super) fn publish_predicted(
        &mut self,
        id: EntryId,
        payload: &[u8],
        (rrq, by): (&RegistrationRequest, PredictedKeepAlive),
        out: &mut Vec<Output>,
    ) {
        let Some(new) = self.publishable(id, payload, rrq) else {
            return;
        };
        if self.offered(id, (payload, rrq), new, out)
            && let Some(entry) = self.entries.get_mut(id)
        {
            entry.predicted = Some(by);
        }
    }

    /// A digest of this keep-alive and of the answer, if the kernel can be told.
    fn publishable(&self, id: EntryId, payload: &[u8], rrq: &RegistrationRequest) -> Option<u64> {
        let entry = self.entries.get(id)?;
        let fits = octets::RRQ.contains(&payload.len())
            && octets::utf16(&entry.identifier).len() <= octets::EID;
        if !fits || !entry.mode.is_open() || is_secured(rrq) {
            return None;
        }
        let (head, rest) = (&payload[..SEQ.start], &payload[SEQ.end..]);
        let way = (entry.endpoint, entry.seen_as);
        let said = (way, head, rest, entry.time_to_live, &entry.identifier);
        Some(digest(&said))
    }

    fn offered(
        &mut self,
        id: EntryId,
        (payload, rrq): (&[u8], &RegistrationRequest),
        digest: u64,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(offer) = self.offer(id, octets::masked(payload).into_vec(), rrq) else {
            return false;
        };
        if let Some(entry) = self.entries.get_mut(id) {
            entry.published = Some(digest);
            entry.lightweight = Some(octets::masked(payload));
            entry.other = None;
        }
        out.push(Output::Publish(Box::new(offer)));
        true
    }

    fn offer(&self, id: EntryId, rrq_octets: Vec<u8>, rrq: &RegistrationRequest) -> Option<Offer> {
        let entry = self.entries.get(id)?;
        let rcf = self.rcf(1, rrq, entry, false)?;
        let mut rcf = encode_ras(&RasMessage::RegistrationConfirm(rcf)).ok()?;
        if !octets::RCF.contains(&rcf.len()) {
            return None;
        }
        rcf[SEQ].fill(0);
        Some(Offer {
            id,
            endpoint: entry.endpoint,
            seen_as: entry.seen_as,
            rrq: rrq_octets,
            rcf,
            endpoint_identifier: octets::utf16(&entry.identifier),
            time_to_live: Duration::from_secs(entry.time_to_live.into()),
            confirmed: entry.last_seen,
        })
    }

    /// The kernel must not answer as before; the next keep-alive is published anew.
    pub(super) fn withdraw(&mut self, id: EntryId, out: &mut Vec<Output>) {
        if let Some(entry) = self.entries.get_mut(id)
            && entry.published.take().is_some()
        {
            entry.other = None;
            out.push(Output::Withdraw { id });
        }
    }

    /// Keeps it across restarts. One without a full RRQ, or with one that is too long, is kept if the profile knows it by
    /// its endpointIdentifier.
    pub(super) fn store(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let Some(stored) = self.stored(id) else {
            return;
        };
        if let Some(entry) = self.entries.get_mut(id) {
            entry.stored = entry.last_seen;
        }
        out.push(Output::Store(Box::new(stored)));
    }

    /// What [`Output::Store`] would say of it now: for a store that lost what it had. `None`: it is not kept.
    #[must_use]
    pub fn stored(&self, id: EntryId) -> Option<Stored> {
        let known = |eid: &str| self.profile_index.identifiers.contains_key(eid);
        let holds = |one: &&Entry| !one.full.is_empty() || known(&one.identifier);
        let entry = self.entries.get(id).filter(holds)?;
        Some(Stored {
            id,
            endpoint_identifier: entry.identifier.clone(),
            endpoint: entry.endpoint,
            seen_as: entry.seen_as,
            full: entry.full.to_vec(),
            lightweight: entry.lightweight.as_deref().map(<[u8]>::to_vec),
            time_to_live: entry.time_to_live,
            confirmed: entry.last_seen,
        })
    }
}

/// Whether an RRQ carries tokens.
pub(super) fn is_secured(rrq: &RegistrationRequest) -> bool {
    rrq.tokens.is_some() || rrq.crypto_tokens.is_some() || rrq.integrity_check_value.is_some()
}
