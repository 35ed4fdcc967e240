//! What a registrar acts by: its settings, and its profile with an index over it.

use std::sync::Arc;

use rasline_h225::text::to_bmp;
use rasline_h225::types::BmpString;

use super::profile_index::ProfileIndex;
use super::{Destination, EntryId, Settings};
use crate::Time;
use crate::profile::{CallModel, KnownEndpoint, Limits, Profile};
use crate::transaction::digest;

/// Settings and profile. Only another profile and a clock that is set change them.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub settings: Settings,
    pub index: ProfileIndex,
}

impl Policy {
    pub fn new(settings: Settings) -> Self {
        Self {
            index: ProfileIndex::new(&settings.profile),
            settings,
        }
    }

    /// Puts another profile in force and returns the one before.
    pub fn replace_profile(&mut self, profile: Arc<Profile>) -> Arc<Profile> {
        self.index = ProfileIndex::new(&profile);
        std::mem::replace(&mut self.settings.profile, profile)
    }

    pub fn profile(&self) -> &Profile {
        &self.settings.profile
    }

    pub fn limits(&self) -> Limits {
        self.settings.profile.limits
    }

    /// gatekeeperIdentifier of the zone, if it can be encoded.
    pub fn gatekeeper_identifier(&self) -> Option<BmpString> {
        to_bmp(&self.settings.profile.gatekeeper_identifier).ok()
    }

    /// The known endpoint of this index.
    pub fn known(&self, index: usize) -> Option<&KnownEndpoint> {
        self.settings.profile.endpoints.get(index)
    }

    /// True if the profile knows an endpoint by this endpointIdentifier.
    pub fn knows_identifier(&self, identifier: &str) -> bool {
        self.index.identifiers.contains_key(identifier)
    }

    /// UNIX time, seconds.
    pub fn unix_time(&self, now: Time) -> u32 {
        let seconds = now.0.cast_signed() / 1_000_000_000;
        u32::try_from(self.settings.unix_at_zero.saturating_add(seconds)).unwrap_or(0)
    }

    /// timeToLive for one who asks for this, or for none: as the profile bounds it, and then up to a twentieth less, so
    /// that those that registered together do not keep coming together. The same at each keep-alive: an endpoint that
    /// asks for what it was given, less a bit, would come down step by step otherwise.
    pub fn grant_time_to_live(&self, id: EntryId, asked: Option<u32>) -> u32 {
        let bounds = self.settings.profile.time_to_live;
        let wanted = asked.unwrap_or(bounds.default);
        let bounded = wanted.min(bounds.max).max(bounds.min).max(1);
        let spread = u64::from(bounded / 20) + 1;
        let less = digest(&(self.settings.seed, id)) % spread;
        (bounded - less as u32).max(bounds.min)
    }

    /// timeToLive of a restored registration: that of its RCF, if the profile still allows it.
    pub fn keep_time_to_live(&self, id: EntryId, told: u32, asked: Option<u32>) -> u32 {
        let bounds = self.settings.profile.time_to_live;
        if (bounds.min..=bounds.max).contains(&told) {
            told
        } else {
            self.grant_time_to_live(id, asked)
        }
    }

    /// Numbers after the numbering plan; those of which it leaves nothing are left out.
    pub fn plan_numbers(&self, numbers: &[String]) -> Vec<String> {
        let planned = |number: &String| self.index.planned(&self.settings.profile, number);
        numbers
            .iter()
            .map(planned)
            .filter(|number| !number.is_empty())
            .collect()
    }

    /// Where calls to a destination are sent: to it, or to what routes calls.
    pub fn route(&self, found: Destination) -> Destination {
        match self.settings.profile.call_model {
            CallModel::Direct => found,
            CallModel::GatekeeperRouted(address) => Destination {
                call_signal_address: address,
                ..found
            },
        }
    }
}
