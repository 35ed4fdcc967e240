//! Where a call is to go.
//!
//! In this order: an endpoint that is registered under the alias, or that the profile knows under it with an address (it
//! may be registered with its own gatekeeper still); a gateway that serves the longest prefix of the number, with the
//! fewest calls of those that have not said that they are almost full, else one that has; a gateway that the profile
//! knows.

use std::net::SocketAddr;

use super::machine::Registrar;
use super::{Destination, EntryId};
use crate::profile::{CallModel, KnownEndpoint};

/// Why there is no destination, though it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nowhere {
    /// The aliases are those of several endpoints.
    Inconsistent,
    /// Who serves the number can take no call.
    Full,
}

impl Registrar {
    /// Where somebody is whom another zone wants to call. Numbers are taken as they are, then by the numbering plan.
    #[must_use]
    pub fn locate(&self, destination: &[String]) -> Option<Destination> {
        let found = self.resolve(destination).ok().flatten();
        let found = found.or_else(|| self.resolve(&self.planned(destination)).ok().flatten())?;
        Some(self.as_called(found))
    }

    /// The numbering plan applied.
    pub(super) fn planned(&self, numbers: &[String]) -> Vec<String> {
        let planned = |number: &String| self.profile_index.planned(&self.settings.profile, number);
        numbers
            .iter()
            .map(planned)
            .filter(|number| !number.is_empty())
            .collect()
    }

    /// Where calls to it are sent: to it, or to what routes calls.
    pub(super) fn as_called(&self, found: Destination) -> Destination {
        match self.settings.profile.call_model {
            CallModel::Direct => found,
            CallModel::GatekeeperRouted(address) => Destination {
                call_signal_address: address,
                ..found
            },
        }
    }

    /// Where it is itself.
    pub(super) fn resolve(&self, numbers: &[String]) -> Result<Option<Destination>, Nowhere> {
        let mut found: Option<Destination> = None;
        for number in numbers {
            let Some(one) = self.named(number) else {
                continue;
            };
            if found.as_ref().is_some_and(|found| *found != one) {
                return Err(Nowhere::Inconsistent);
            }
            found = Some(one);
        }
        if found.is_some() {
            return Ok(found);
        }
        let by_prefix = numbers.iter().map(|number| self.by_prefix(number));
        by_prefix
            .reduce(|first, next| match first {
                Ok(None) => next,
                first => first,
            })
            .unwrap_or(Ok(None))
    }

    fn named(&self, alias: &str) -> Option<Destination> {
        if let Some(owner) = self.entries.owner(alias) {
            return self.registered_at(owner);
        }
        let index = self.profile_index.aliases.get(alias)?;
        known_at(self.settings.profile.endpoints.get(*index)?)
    }

    fn by_prefix(&self, number: &str) -> Result<Option<Destination>, Nowhere> {
        let profile = &self.settings.profile;
        let registered = self.entries.gateways(number);
        let known = self.profile_index.prefixes.longest(number);
        // One that the profile knows counts if it serves a longer prefix than those that are registered.
        let longer = registered.map_or(0, |(length, _)| length + 1);
        let known = known.filter(|(length, _)| *length >= longer);
        let mut known = known.into_iter().flat_map(|(_, indices)| indices);
        let elsewhere = known.find_map(|index| known_at(profile.endpoints.get(*index)?));
        if elsewhere.is_some() {
            return Ok(elsewhere);
        }
        let usable = registered
            .into_iter()
            .flat_map(|(_, ids)| ids)
            .filter_map(|id| {
                let entry = self.entries.get(*id)?;
                entry.signalled_at()?;
                Some((entry.full_up, entry.almost_full, entry.calls.len(), *id))
            });
        match usable.min() {
            Some((true, ..)) => Err(Nowhere::Full),
            Some((false, _, _, id)) => Ok(self.registered_at(id)),
            None => Ok(None),
        }
    }

    /// The endpoint at a callSignalAddress.
    pub(super) fn at(&self, address: SocketAddr) -> Option<Destination> {
        if let Some(id) = self.entries.by_signalling(address) {
            let found = self.registered_at(id)?;
            return Some(Destination {
                call_signal_address: address,
                ..found
            });
        }
        let index = self.profile_index.signalling.get(&address)?;
        known_at(self.settings.profile.endpoints.get(*index)?)
    }

    fn registered_at(&self, id: EntryId) -> Option<Destination> {
        let entry = self
            .entries
            .get(id)
            .filter(|_| !self.revoked.contains(id))?;
        Some(Destination {
            call_signal_address: entry.signalled_at()?,
            ras_address: entry.ras,
            aliases: entry.aliases.clone(),
        })
    }
}

fn known_at(known: &KnownEndpoint) -> Option<Destination> {
    let call_signal_address = known.call_signal_address?;
    Some(Destination {
        call_signal_address,
        ras_address: known.ras_address.unwrap_or(call_signal_address),
        aliases: known.aliases.clone(),
    })
}
