//! Which keep-alives the kernel is to answer, and what is kept across restarts.
//!
//! What is predicted at registration ([`super::predict`]) is published, else the first keep-alive that is confirmed; and
//! again when the kernel lets it through. One that was not predicted so takes the place of what was. A later one that differs
//! (timeToLive that settles, another source port) replaces it as [`PublishedKeepAlive`](crate::ras_server) says.

use rasline_h225::types::{RasMessage, RegistrationRequest};
use rasline_h225::{decode_ras, encode_ras};

use super::entries::{Entries, Entry, PredictedKeepAlive};
use super::policy::Policy;
use super::predict::Makes;
use super::{EntryId, Offer, Output, Stored};
use crate::octets;
use crate::ras_server::{fits_slot, keep_alive_digest, slot_answer};

/// A lightweight RRQ, and its octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive<'a> {
    pub rrq: &'a RegistrationRequest,
    pub octets: &'a [u8],
}

impl Entries {
    /// Publishes a keep-alive that was confirmed, unless another one is published that it does not take the place of.
    pub fn publish(
        &mut self,
        id: EntryId,
        keep_alive: KeepAlive<'_>,
        (policy, makes): (&Policy, &mut Makes),
        out: &mut Vec<Output>,
    ) {
        let new = self.publishable(id, keep_alive);
        let (Some(new), Some(entry)) = (new, self.get_mut(id)) else {
            return;
        };
        let predicted = entry.predicted.take();
        let same = entry.published.is(new);
        // What was predicted and not seen makes way at once.
        if predicted.is_none() && !entry.published.admit(new) {
            return;
        }
        if !same || predicted.is_some() {
            let by_make = predicted == Some(PredictedKeepAlive::Make);
            makes.note_seen(entry, keep_alive, by_make.then_some(same));
        }
        if self.offer(id, keep_alive, new, policy, out) && !same {
            self.store(id, policy, out);
        }
    }

    /// Publishes the keep-alive that is expected of one who has just registered with this full RRQ.
    pub fn publish_expected(
        &mut self,
        id: EntryId,
        full: &RegistrationRequest,
        (policy, makes): (&Policy, &mut Makes),
        out: &mut Vec<Output>,
    ) {
        let entry = self.get(id).filter(|one| one.mode.is_open());
        let Some(entry) = entry.filter(|_| !is_secured(full)) else {
            return;
        };
        let expected = match entry.lightweight.clone() {
            Some(before) => Some((before, PredictedKeepAlive::Before)),
            None => makes
                .predict(entry, full)
                .map(|octets| (octets, PredictedKeepAlive::Make)),
        };
        if let Some((octets, source)) = expected {
            self.publish_predicted(id, &octets, source, policy, out);
        }
    }

    /// Publishes a keep-alive that was not seen yet.
    pub fn publish_predicted(
        &mut self,
        id: EntryId,
        octets: &[u8],
        source: PredictedKeepAlive,
        policy: &Policy,
        out: &mut Vec<Output>,
    ) {
        let Ok(RasMessage::RegistrationRequest(rrq)) = decode_ras(octets) else {
            return;
        };
        let keep_alive = KeepAlive { rrq: &rrq, octets };
        let Some(new) = self.publishable(id, keep_alive) else {
            return;
        };
        if self.offer(id, keep_alive, new, policy, out)
            && let Some(entry) = self.get_mut(id)
        {
            entry.predicted = Some(source);
        }
    }

    /// A digest of this keep-alive and of the answer, if the kernel can be told.
    fn publishable(&self, id: EntryId, keep_alive: KeepAlive<'_>) -> Option<u64> {
        let entry = self.get(id)?;
        let octets = keep_alive.octets;
        let fits = fits_slot(octets, &entry.identifier);
        if !fits || !entry.mode.is_open() || is_secured(keep_alive.rrq) {
            return None;
        }
        let way = (entry.endpoint, entry.seen_as);
        let more = (entry.time_to_live, &entry.identifier);
        Some(keep_alive_digest(octets, way, more))
    }

    /// Offers the kernel a keep-alive of this digest; false if its answer cannot be told.
    fn offer(
        &mut self,
        id: EntryId,
        keep_alive: KeepAlive<'_>,
        digest: u64,
        policy: &Policy,
        out: &mut Vec<Output>,
    ) -> bool {
        let masked = octets::masked(keep_alive.octets);
        let entry = self.get_mut(id);
        let Some((entry, rcf)) = entry.and_then(|entry| {
            let rcf = encode_answer(policy, entry, keep_alive.rrq)?;
            Some((entry, rcf))
        }) else {
            return false;
        };
        entry.published.set(digest);
        out.push(Output::Publish(Box::new(Offer {
            id,
            endpoint: entry.endpoint,
            seen_as: entry.seen_as,
            rrq: masked.to_vec(),
            rcf,
            endpoint_identifier: octets::utf16(&entry.identifier),
            time_to_live: entry.lease(),
            confirmed: entry.last_seen,
        })));
        entry.lightweight = Some(masked);
        true
    }

    /// Has the kernel no longer answer as before; the next keep-alive is published again.
    pub fn withdraw(&mut self, id: EntryId, out: &mut Vec<Output>) {
        if let Some(entry) = self.get_mut(id)
            && entry.published.clear()
        {
            out.push(Output::Withdraw { id });
        }
    }

    /// Has a registration kept across restarts. One without a full RRQ, or with one that is too long, is kept if the
    /// profile knows it by its endpointIdentifier.
    pub fn store(&mut self, id: EntryId, policy: &Policy, out: &mut Vec<Output>) {
        let Some(stored) = self.stored(id, policy) else {
            return;
        };
        if let Some(entry) = self.get_mut(id) {
            entry.stored = entry.last_seen;
        }
        out.push(Output::Store(Box::new(stored)));
    }

    /// What is kept of a registration across restarts; `None`: it is not kept.
    pub fn stored(&self, id: EntryId, policy: &Policy) -> Option<Stored> {
        let holds = |one: &&Entry| !one.full.is_empty() || policy.knows_identifier(&one.identifier);
        let entry = self.get(id).filter(holds)?;
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

/// The RCF that answers a keep-alive, requestSeqNum zeroed; `None` if the kernel cannot send it.
fn encode_answer(policy: &Policy, entry: &Entry, rrq: &RegistrationRequest) -> Option<Vec<u8>> {
    let rcf = policy.rcf(1, rrq, entry, false)?;
    slot_answer(encode_ras(&RasMessage::RegistrationConfirm(rcf)).ok()?)
}

/// True if an RRQ carries tokens.
fn is_secured(rrq: &RegistrationRequest) -> bool {
    rrq.tokens.is_some() || rrq.crypto_tokens.is_some() || rrq.integrity_check_value.is_some()
}
