//! Where a call is to go.
//!
//! In this order: an endpoint that is registered under the alias, or that the profile knows under it with an address (it
//! may be registered with its own gatekeeper still); a gateway that serves the longest prefix of the number, with the
//! fewest calls of those that have not said that they are almost full, else one that has; a gateway that the profile
//! knows.

use std::net::SocketAddr;

use super::calls::Calls;
use super::entries::Entries;
use super::policy::Policy;
use super::revoke::RevokedRegistrations;
use super::{Destination, EntryId};
use crate::profile::KnownEndpoint;

/// Why there is no destination, though it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nowhere {
    /// The aliases are those of several endpoints.
    Inconsistent,
    /// Who serves the number can take no call.
    Full,
}

/// Who is reached where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directory<'a> {
    pub policy: &'a Policy,
    pub entries: &'a Entries,
    pub revoked: &'a RevokedRegistrations,
    pub calls: &'a Calls,
}

impl Directory<'_> {
    /// Where somebody is whom another zone wants to call. Numbers are taken as they are, then by the numbering plan.
    pub fn locate(self, destination: &[String]) -> Option<Destination> {
        let found = self.resolve(destination).ok().flatten();
        let found = found.or_else(|| {
            self.resolve(&self.policy.plan_numbers(destination))
                .ok()
                .flatten()
        })?;
        Some(self.policy.route(found))
    }

    /// Where it is itself.
    pub fn resolve(self, numbers: &[String]) -> Result<Option<Destination>, Nowhere> {
        let mut found: Option<Destination> = None;
        for number in numbers {
            let Some(one) = self.find_named(number) else {
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
        let by_prefix = numbers.iter().map(|number| self.find_by_prefix(number));
        by_prefix
            .reduce(|first, next| match first {
                Ok(None) => next,
                first => first,
            })
            .unwrap_or(Ok(None))
    }

    fn find_named(self, alias: &str) -> Option<Destination> {
        if let Some(owner) = self.entries.owner(alias) {
            return self.registered_at(owner);
        }
        let index = self.policy.index.aliases.get(alias)?;
        known_at(self.policy.known(*index)?)
    }

    fn find_by_prefix(self, number: &str) -> Result<Option<Destination>, Nowhere> {
        let registered = self.entries.gateways(number);
        let known = self.policy.index.prefixes.longest(number);
        // One that the profile knows counts if it serves a longer prefix than those that are registered.
        let longer = registered.map_or(0, |(length, _)| length + 1);
        let known = known.filter(|(length, _)| *length >= longer);
        let mut known = known.into_iter().flat_map(|(_, indices)| indices);
        let elsewhere = known.find_map(|index| known_at(self.policy.known(*index)?));
        if elsewhere.is_some() {
            return Ok(elsewhere);
        }
        let usable = registered
            .into_iter()
            .flat_map(|(_, ids)| ids)
            .filter_map(|id| {
                let entry = self.entries.get(*id)?;
                entry.signalled_at()?;
                Some((
                    entry.full_up,
                    entry.almost_full,
                    self.calls.count_of(*id),
                    *id,
                ))
            });
        match usable.min() {
            Some((true, ..)) => Err(Nowhere::Full),
            Some((false, _, _, id)) => Ok(self.registered_at(id)),
            None => Ok(None),
        }
    }

    /// The endpoint at a callSignalAddress.
    pub fn find_at(self, address: SocketAddr) -> Option<Destination> {
        if let Some(id) = self.entries.by_signalling(address) {
            let found = self.registered_at(id)?;
            return Some(Destination {
                call_signal_address: address,
                ..found
            });
        }
        let index = self.policy.index.signalling.get(&address)?;
        known_at(self.policy.known(*index)?)
    }

    fn registered_at(self, id: EntryId) -> Option<Destination> {
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
