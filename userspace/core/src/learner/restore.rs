//! What is worth keeping of a published registration, and how one that was kept is published again.
//!
//! Invariant: what is restored was published once with exactly these messages, and its gatekeeper's timeToLive has not
//! run out since it last confirmed it.

use std::net::SocketAddr;
use std::time::Duration;

use super::confirm::unfit;
use super::phase::Stimulus;
use super::registrations::Registrations;
use super::registry::{Pair, Place, Record, Registry, Told};
use super::{Config, Output};
use crate::octets::masked;
use crate::{Cause, RegistrationId, Time};

/// A published registration as it can be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Number.
    pub id: RegistrationId,
    /// Zone index.
    pub zone: u32,
    /// Gatekeeper index.
    pub gatekeeper: u32,
    /// Where its RAS messages come from.
    pub endpoint: SocketAddr,
    /// endpointIdentifier.
    pub endpoint_identifier: String,
    /// gatekeeperIdentifier.
    pub gatekeeper_identifier: Option<String>,
    /// Alias names.
    pub aliases: Vec<String>,
    /// Where calls to it are signalled.
    pub call_signal_addresses: Vec<SocketAddr>,
    /// The keep-alive, octets 2 and 3 zero.
    pub rrq: Box<[u8]>,
    /// The RCF as the gatekeeper sends it, octets 2 and 3 zero.
    pub rcf: Box<[u8]>,
    /// The full RRQ that it last registered with, octets 2 and 3 zero, if it was seen.
    pub full_rrq: Option<Box<[u8]>>,
    /// timeToLive of the gatekeeper's RCF.
    pub gatekeeper_ttl: Duration,
    /// First message.
    pub first_seen: Time,
    /// When the gatekeeper last confirmed it.
    pub confirmed: Time,
    /// Its last keep-alive.
    pub last_seen: Time,
    /// Keep-alives answered by the kernel.
    pub answered: u64,
}

impl Record {
    /// What is to be stored of it, if it is published.
    pub(crate) fn stored(&self) -> Option<Stored> {
        let shown = &self.shown;
        let pair = self.pair.as_ref()?;
        if !shown.state.is_published() {
            return None;
        }
        Some(Stored {
            id: shown.id,
            zone: shown.zone,
            gatekeeper: shown.gatekeeper,
            endpoint: shown.endpoint,
            endpoint_identifier: shown.endpoint_identifier.clone(),
            gatekeeper_identifier: shown.gatekeeper_identifier.clone(),
            aliases: shown.aliases.clone(),
            call_signal_addresses: shown.call_signal_addresses.clone(),
            rrq: pair.rrq.clone(),
            rcf: pair.rcf.clone(),
            full_rrq: self.full_rrq.clone(),
            gatekeeper_ttl: shown.gatekeeper_ttl?,
            first_seen: shown.first_seen,
            confirmed: shown.confirmed,
            last_seen: shown.last_seen,
            answered: shown.answered,
        })
    }

    /// Takes over what was stored of it.
    fn fill(&mut self, now: Time, stored: Stored, pair: Pair) {
        let shown = &mut self.shown;
        shown.gatekeeper_identifier = stored.gatekeeper_identifier;
        shown.aliases = stored.aliases;
        shown.call_signal_addresses = stored.call_signal_addresses;
        shown.gatekeeper_ttl = Some(stored.gatekeeper_ttl);
        shown.first_seen = stored.first_seen;
        shown.last_seen = stored.last_seen.min(now);
        shown.confirmed = stored.confirmed;
        shown.answered = stored.answered;
        self.pair = Some(pair);
        self.full_rrq = stored.full_rrq;
        // Nothing new: a million of them need not be told one by one.
        self.told = Some(Told::Learned);
    }
}

impl Registrations {
    /// Publishes a registration again that was stored; false: one that does not hold any more, or that is known by now, is
    /// left alone.
    pub(crate) fn restore(&mut self, now: Time, stored: Stored, out: &mut Vec<Output>) -> bool {
        let place = Place {
            zone: stored.zone,
            gatekeeper: stored.gatekeeper,
            endpoint: stored.endpoint,
            endpoint_identifier: stored.endpoint_identifier.clone(),
        };
        let pair = Pair {
            seq: 0,
            rrq: masked(&stored.rrq),
            rcf: masked(&stored.rcf),
        };
        let full = self.registry.len() >= self.config.max_registrations;
        if full
            || !holds(now, &self.config, &stored, &pair)
            || !is_new(&self.registry, stored.id, &place, &pair)
        {
            return false;
        }
        let (id, last_seen) = (stored.id, stored.last_seen);
        self.registry.add_as(now, id, place);
        if let Some(record) = self.registry.get_mut(id) {
            record.fill(now, stored, pair);
        }
        if let Some(record) = self.registry.get(id) {
            let deadline = self.forget_at(&record.shown);
            self.registry.set_deadline(id, deadline);
        }
        self.note_heard(now, id, last_seen);
        self.step(now, id, Stimulus::Restored, Cause::Kernel, out);
        true
    }
}

/// Whether its gatekeeper is still configured and has it, as far as is known. What was confirmed in the future was
/// written by a clock that cannot be trusted.
fn holds(now: Time, config: &Config, stored: &Stored, pair: &Pair) -> bool {
    let ttl = u32::try_from(stored.gatekeeper_ttl.as_secs()).unwrap_or(u32::MAX);
    config.gatekeeper(stored.zone, stored.gatekeeper).is_some()
        && stored.confirmed <= now
        && now.since(stored.confirmed) < stored.gatekeeper_ttl
        && unfit(pair, false, Some(ttl)).is_none()
}

/// Whether nothing that is known stands in its way.
fn is_new(registry: &Registry, id: RegistrationId, place: &Place, pair: &Pair) -> bool {
    let same = |other: &RegistrationId| {
        let record = registry.get(*other);
        record.is_some_and(|r| {
            r.shown.endpoint_identifier == place.endpoint_identifier
                || r.pair.as_ref().is_some_and(|kept| kept.rrq == pair.rrq)
        })
    };
    id.0 != 0
        && id.0 < u64::MAX / 2
        && registry.get(id).is_none()
        && !registry.at(place.zone, place.endpoint).iter().any(same)
        && registry.find_elsewhere(place).is_none()
}
