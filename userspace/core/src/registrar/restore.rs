//! Registrations that outlive a restart, and profiles that change.
//!
//! What was stored may be older than it seems: keep-alives are not stored, only that a registration lived is, once in
//! [`super::expiry::STORED`]. So a restored one gets its timeToLive anew, unless it is older than that can be.

use std::sync::Arc;
use std::time::Duration;

use rasline_h225::decode_ras;
use rasline_h225::types::{RasMessage, RegistrationRequest};

use super::aliases::texts;
use super::auth::{Mode, gate};
use super::entries::{Entry, Life, PredictedKeepAlive};
use super::expiry::STORED;
use super::machine::Registrar;
use super::profile_index::ProfileIndex;
use super::registration::{identifier, lease, ras_address, signalling};
use super::registration_claim::served;
use super::timers::Timer;
use super::{EntryId, Output, Stored};
use crate::Time;
use crate::profile::{Authentication, Profile};

impl Stored {
    /// When it does not hold any more, whatever was heard of it since.
    #[must_use]
    pub fn ends(&self) -> Time {
        let lease = Duration::from_secs(self.time_to_live.into());
        self.confirmed.after(STORED + 2 * lease)
    }
}

impl Registrar {
    pub(super) fn restore(&mut self, stored: &Stored, out: &mut Vec<Output>) {
        self.entries.taken(stored.id);
        let Some(mut entry) = self.restored(stored) else {
            // What is registered under this number meanwhile is another one.
            if self.entries.get(stored.id).is_none() {
                out.push(Output::Forget { id: stored.id });
            }
            return;
        };
        let id = match self.entries.get(stored.id) {
            Some(_) => self.entries.fresh(),
            None => stored.id,
        };
        entry.until = self.now.after(lease(&entry));
        self.timers.set(Timer::Entry(id), entry.until);
        self.entries.insert(id, entry);
        if id != stored.id {
            self.store(id, out);
        }
        let lightweight = stored.lightweight.as_deref();
        if let Some((octets, rrq)) = lightweight.and_then(|octets| Some((octets, request(octets)?)))
        {
            self.publish_predicted(id, octets, (&rrq, PredictedKeepAlive::Before), out);
        }
    }

    /// The registration, if it still holds and nothing of it is another's.
    fn restored(&self, stored: &Stored) -> Option<Entry> {
        let limit = self.settings.profile.limits.registrations as usize;
        if self.now >= stored.ends() || self.entries.len() >= limit {
            return None;
        }
        if stored.full.is_empty() {
            return self.adopted_again(stored);
        }
        let full = request(&stored.full)?;
        let (from, signalling) = (stored.endpoint, signalling(&full, &self.settings.reserved));
        let claimed = (texts(full.terminal_alias.as_deref()), served(&full));
        let named = identifier(&full);
        let mode = self.mode_of(&full);
        if !self.proved_enough(&mode) {
            return None;
        }
        let (aliases, prefixes) = self
            .allowed((from.ip(), &mode), named.as_deref(), &signalling, claimed)
            .ok()?;
        let taken = self
            .entries
            .by_identifier(&stored.endpoint_identifier)
            .is_some()
            || signalling
                .iter()
                .any(|one| self.entries.by_signalling(*one).is_some())
            || aliases.iter().any(|one| self.entries.owner(one).is_some());
        if taken || stored.endpoint_identifier.is_empty() {
            return None;
        }
        let policy = self.settings.profile.time_to_live;
        let kept = (policy.min..=policy.max).contains(&stored.time_to_live);
        let anew = self.granted(stored.id, full.time_to_live);
        Some(Entry {
            identifier: stored.endpoint_identifier.clone(),
            ras: ras_address(from, &full)?,
            signalling,
            aliases,
            prefixes,
            endpoint: from,
            seen_as: stored.seen_as,
            time_to_live: if kept { stored.time_to_live } else { anew },
            asked: full.time_to_live,
            last_seen: self.now,
            until: self.now,
            life: Life::Held,
            full: stored.full.as_slice().into(),
            lightweight: None,
            stored: stored.confirmed,
            published: None,
            predicted: None,
            other: None,
            almost_full: false,
            full_up: false,
            calls: std::collections::BTreeSet::new(),
            supports_alternates: full.supports_alt_gk.is_some(),
            mode,
        })
    }

    /// One without a full RRQ: as the profile knows it now.
    fn adopted_again(&self, stored: &Stored) -> Option<Entry> {
        let identifier = &stored.endpoint_identifier;
        if !self.proved_enough(&Mode::Open) || self.entries.by_identifier(identifier).is_some() {
            return None;
        }
        let way = (stored.endpoint, stored.seen_as);
        let entry = self.adopted(identifier, way, &Mode::Open)?;
        let policy = self.settings.profile.time_to_live;
        let kept = (policy.min..=policy.max).contains(&stored.time_to_live);
        let anew = self.granted(stored.id, None);
        Some(Entry {
            time_to_live: if kept { stored.time_to_live } else { anew },
            stored: stored.confirmed,
            ..entry
        })
    }

    /// Another profile.
    pub(super) fn reconfigure(&mut self, profile: Arc<Profile>, out: &mut Vec<Output>) {
        let before = std::mem::replace(&mut self.settings.profile, profile);
        let now = &self.settings.profile;
        self.profile_index = ProfileIndex::new(now);
        if before.gatekeeper_identifier != now.gatekeeper_identifier {
            self.gate = gate(now);
        }
        let alike = before.gatekeeper_identifier == now.gatekeeper_identifier
            && before.time_to_live == now.time_to_live
            && before.authentication == now.authentication;
        let all = self.entries.iter().map(|(id, _)| id);
        let ids: Vec<EntryId> = all.filter(|id| !self.revoked.contains(*id)).collect();
        for id in ids {
            if !self.still_allowed(id) {
                self.revoke(id, out);
            } else if !alike {
                self.regrant(id, out);
            }
        }
        self.notify_revoked(out);
    }

    /// Whether it may go on, with the prefixes that it has now. Who proved nothing must register again where that is
    /// asked now.
    fn still_allowed(&mut self, id: EntryId) -> bool {
        let Some(mut entry) = self.entries.remove(id) else {
            return false;
        };
        if self.settings.profile.authentication == Authentication::None {
            entry.mode = Mode::Open;
        }
        let has = (entry.aliases.clone(), entry.prefixes.clone());
        let who = (entry.endpoint.ip(), &entry.mode);
        let allowed = self.allowed(who, Some(&entry.identifier), &entry.signalling, has);
        let may = allowed.is_ok() && self.proved_enough(&entry.mode);
        if let Ok((_, prefixes)) = allowed {
            entry.prefixes = prefixes;
        }
        self.entries.insert(id, entry);
        may
    }

    /// Its RCF will be another one.
    fn regrant(&mut self, id: EntryId, out: &mut Vec<Output>) {
        self.withdraw(id, out);
        let asked = self.entries.get(id).and_then(|entry| entry.asked);
        let granted = self.granted(id, asked);
        // Until it comes again it counts as it was told: `until` stays.
        if let Some(entry) = self.entries.get_mut(id) {
            entry.time_to_live = granted;
            self.store(id, out);
        }
    }
}

fn request(octets: &[u8]) -> Option<RegistrationRequest> {
    match decode_ras(octets) {
        Ok(RasMessage::RegistrationRequest(rrq)) => Some(rrq),
        _ => None,
    }
}
