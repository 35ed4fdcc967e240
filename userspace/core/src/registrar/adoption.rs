//! Endpoints that the profile knows by endpointIdentifier and RAS address: their own gatekeeper confirmed them, so they are
//! registered by whatever they say.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::EntryId;
use super::auth::Mode;
use super::entries::Entry;
use super::registration_claim::ClaimCheck;
use crate::Time;
use crate::claimed::may_claim;

impl ClaimCheck<'_> {
    /// Who claims, from elsewhere, an address on the host that this known endpoint sends from.
    pub fn find_usurper(self, identifier: &str, from: SocketAddr) -> Option<EntryId> {
        let known = self.policy.known(self.index_of(identifier)?)?;
        let address = known.call_signal_address?;
        let here = address.ip() == from.ip() && known.ras_address?.ip() == from.ip();
        let holder = self.entries.by_signalling(address).filter(|_| here)?;
        let elsewhere = self.entries.get(holder)?.endpoint.ip() != from.ip();
        elsewhere.then_some(holder)
    }

    fn index_of(self, identifier: &str) -> Option<usize> {
        self.policy.index.identifiers.get(identifier).copied()
    }

    /// The registration of an endpoint that the profile knows, for what comes this way, if nothing of it is another's. Its
    /// timeToLive is the profile's.
    pub fn adopt(
        self,
        identifier: &str,
        (from, to): (SocketAddr, SocketAddr),
        mode: &Mode,
        now: Time,
    ) -> Option<Entry> {
        let index = self.index_of(identifier)?;
        let profile = self.policy.profile();
        let known = self.policy.known(index)?;
        let ras = known.ras_address.filter(|ras| ras.ip() == from.ip())?;
        let mut aliases = known.aliases.iter();
        let taken = aliases.any(|one| self.entries.owner(one).is_some());
        let full = self.entries.len() >= profile.limits.registrations as usize;
        let claimable = |one: &SocketAddr| {
            self.policy.settings.reserved.allows(one)
                && may_claim(from.ip(), one, self.entries.hosts())
        };
        let signalled = known.call_signal_address.filter(claimable);
        let held = signalled.is_some_and(|one| self.entries.by_signalling(one).is_some());
        let other = !mode.is_open() && self.accounts.of(mode) != Some(index);
        if taken || full || held || other {
            return None;
        }
        let prefixes: BTreeSet<String> = known.prefixes.iter().cloned().collect();
        Some(Entry {
            signalling: signalled.into_iter().collect(),
            aliases: known.aliases.clone(),
            prefixes: prefixes.into_iter().collect(),
            time_to_live: profile.time_to_live.default,
            mode: mode.clone(),
            ..Entry::new(identifier.to_owned(), (from, to), ras, now)
        })
    }
}
