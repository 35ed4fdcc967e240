//! Registrations that outlive a restart.
//!
//! What was stored may be older than it seems: keep-alives are not stored, only that a registration lived is, once in
//! [`super::expiry::STORED`]. So a restored one gets its timeToLive anew, unless it is older than that can be.

use std::time::Duration;

use super::Stored;
use super::aliases::texts;
use super::auth::Mode;
use super::entries::Entry;
use super::expiry::STORED;
use super::registration_claim::ClaimCheck;
use super::rrq::{decode_rrq, identifier, ras_address, served_prefixes, signalling};
use crate::Time;

impl Stored {
    /// When it does not hold any more, whatever was heard of it since.
    #[must_use]
    pub fn ends(&self) -> Time {
        let lease = Duration::from_secs(self.time_to_live.into());
        self.confirmed.after(STORED + 2 * lease)
    }
}

impl ClaimCheck<'_> {
    /// The registration, if it still holds and nothing of it is another's.
    pub fn restore(self, stored: &Stored, now: Time) -> Option<Entry> {
        let limit = self.policy.limits().registrations as usize;
        if now >= stored.ends() || self.entries.len() >= limit {
            return None;
        }
        if stored.full.is_empty() {
            return self.restore_adopted(stored, now);
        }
        let full = decode_rrq(&stored.full)?;
        let from = stored.endpoint;
        let signalling = signalling(&full, &self.policy.settings.reserved);
        let claimed = (
            texts(full.terminal_alias.as_deref()),
            served_prefixes(&full),
        );
        let named = identifier(&full);
        let mode = self.accounts.mode_of(&full);
        if !self.accounts.accepts(&mode) {
            return None;
        }
        let who = (from.ip(), &mode);
        let allowed = self.allow(who, named.as_deref(), &signalling, claimed);
        let (aliases, prefixes) = allowed.ok()?;
        let identifier = &stored.endpoint_identifier;
        let all = self.entries;
        let taken = all.by_identifier(identifier).is_some()
            || signalling
                .iter()
                .any(|one| all.by_signalling(*one).is_some())
            || aliases.iter().any(|one| all.owner(one).is_some());
        if taken || identifier.is_empty() {
            return None;
        }
        let (told, asked) = (stored.time_to_live, full.time_to_live);
        let (way, ras) = ((from, stored.seen_as), ras_address(from, &full)?);
        Some(Entry {
            signalling,
            aliases,
            prefixes,
            time_to_live: self.policy.keep_time_to_live(stored.id, told, asked),
            asked,
            full: stored.full.as_slice().into(),
            stored: stored.confirmed,
            supports_alternates: full.supports_alt_gk.is_some(),
            mode,
            ..Entry::new(identifier.clone(), way, ras, now)
        })
    }

    /// One without a full RRQ: as the profile knows it now.
    fn restore_adopted(self, stored: &Stored, now: Time) -> Option<Entry> {
        let identifier = &stored.endpoint_identifier;
        if !self.accounts.accepts(&Mode::Open) || self.entries.by_identifier(identifier).is_some() {
            return None;
        }
        let way = (stored.endpoint, stored.seen_as);
        let entry = self.adopt(identifier, way, &Mode::Open, now)?;
        let told = stored.time_to_live;
        Some(Entry {
            time_to_live: self.policy.keep_time_to_live(stored.id, told, None),
            stored: stored.confirmed,
            ..entry
        })
    }
}
