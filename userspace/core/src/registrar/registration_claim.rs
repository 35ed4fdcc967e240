//! What a full RRQ claims, and whether it may.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use rasline_h225::text::from_alias;
use rasline_h225::types::{RegistrationRejectReason as Why, RegistrationRequest};

use super::EntryId;
use super::aliases::texts;
use super::auth::{Accounts, Mode};
use super::capacity::no_room;
use super::entries::{Entries, Entry};
use super::inbound::Inbound;
use super::policy::Policy;
use super::rrq::{identifier, ras_address, served_prefixes, signalling};
use crate::claimed::may_claim;
use crate::{Time, octets};

/// Aliases that an endpoint may have at most, and prefixes.
const MAX_ALIASES: usize = 256;

/// A claim that holds.
#[derive(Clone, Debug)]
pub(super) struct RegistrationClaim {
    /// The registration that it renews.
    pub same: Option<EntryId>,
    /// Registrations of the same endpoint that it takes the place of.
    pub replaced: Vec<EntryId>,
    /// endpointIdentifier that it is granted because it has it already.
    pub identifier: Option<String>,
    pub signalling: Vec<SocketAddr>,
    pub ras: SocketAddr,
    pub aliases: Vec<String>,
    pub prefixes: Vec<String>,
}

impl RegistrationClaim {
    /// The registration that it makes, of this endpointIdentifier.
    pub fn into_entry(
        self,
        identifier: String,
        asked: &Inbound<'_>,
        rrq: &RegistrationRequest,
        now: Time,
    ) -> Entry {
        Entry {
            signalling: self.signalling,
            aliases: self.aliases,
            prefixes: self.prefixes,
            asked: rrq.time_to_live,
            full: octets::full(asked.payload).unwrap_or_default(),
            full_up: no_room(rrq.capacity.as_ref()) == Some(true),
            supports_alternates: rrq.supports_alt_gk.is_some(),
            mode: asked.mode.clone(),
            ..Entry::new(identifier, (asked.from, asked.to), self.ras, now)
        }
    }
}

/// One that does not.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub reason: Why,
    /// Who owns what it claims.
    pub owners: BTreeSet<EntryId>,
}

impl From<Why> for Refusal {
    fn from(reason: Why) -> Self {
        let owners = BTreeSet::new();
        Self { reason, owners }
    }
}

/// Judges what endpoints claim, against the profile and those that are registered.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClaimCheck<'a> {
    pub accounts: Accounts<'a>,
    pub policy: &'a Policy,
    pub entries: &'a Entries,
}

impl<'a> ClaimCheck<'a> {
    pub const fn new(policy: &'a Policy, entries: &'a Entries) -> Self {
        Self {
            accounts: Accounts::new(policy, entries),
            policy,
            entries,
        }
    }

    /// What a full RRQ gets, if it may have all that it claims.
    pub fn check(
        self,
        from: SocketAddr,
        mode: &Mode,
        rrq: &RegistrationRequest,
    ) -> Result<RegistrationClaim, Refusal> {
        let signalling = signalling(rrq, &self.policy.settings.reserved);
        if signalling.is_empty() {
            return Err(Why::InvalidCallSignalAddress.into());
        }
        let ras = ras_address(from, rrq).ok_or(Why::InvalidRasAddress)?;
        let wanted = identifier(rrq);
        let claimed = texts(rrq.terminal_alias.as_deref());
        let (aliases, prefixes) = self.allow(
            (from.ip(), mode),
            wanted.as_deref(),
            &signalling,
            (claimed, served_prefixes(rrq)),
        )?;
        let names = (wanted.as_deref(), &aliases[..]);
        let (mut own, usurpers) = self.find_same((from, mode), names, &signalling)?;
        let same = (!own.is_empty()).then(|| own.remove(0));
        own.extend(usurpers);
        own.extend(self.check_aliases((from, ras, mode), &aliases, (same, &own), rrq)?);
        let full = self.entries.len() >= self.policy.limits().registrations as usize;
        if full && same.is_none() && own.is_empty() {
            return Err(Why::ResourceUnavailable.into());
        }
        Ok(RegistrationClaim {
            same,
            replaced: own,
            identifier: wanted.filter(|wanted| self.may_have_identifier(from.ip(), wanted, same)),
            signalling,
            ras,
            aliases,
            prefixes,
        })
    }

    /// True if the endpointIdentifier that it brings already belongs to this endpoint or is unassigned.
    fn may_have_identifier(self, ip: IpAddr, wanted: &str, same: Option<EntryId>) -> bool {
        if wanted.is_empty() {
            return false;
        }
        match self.entries.by_identifier(wanted) {
            Some(owner) => Some(owner) == same,
            None => self
                .policy
                .index
                .identifiers
                .get(wanted)
                .is_none_or(|index| {
                    let known = self.policy.known(*index);
                    let ras = known.and_then(|known| known.ras_address);
                    ras.is_none_or(|ras| ras.ip() == ip)
                }),
        }
    }

    /// The aliases and prefixes that it gets, if the profile lets it have those that it names. All must be of one known
    /// endpoint; others too where unknown ones are admitted. One that names none gets those of the known endpoint that
    /// it is. Prefixes are what the profile says; a gateway's own word counts only where unknown ones are admitted.
    pub fn allow(
        self,
        (ip, mode): (IpAddr, &Mode),
        identifier: Option<&str>,
        signalling: &[SocketAddr],
        (aliases, prefixes): (Vec<String>, Vec<String>),
    ) -> Result<(Vec<String>, Vec<String>), Refusal> {
        if aliases.len() > MAX_ALIASES || prefixes.len() > MAX_ALIASES {
            return Err(Why::ResourceUnavailable.into());
        }
        let open = self.policy.profile().admit_unknown;
        // Who proved who he is, is that one.
        let mut who = self.accounts.of(mode);
        for alias in &aliases {
            match self.policy.index.aliases.get(alias) {
                Some(index) if who.is_none_or(|who| who == *index) => who = Some(*index),
                None if open => {}
                _ => return Err(Why::InvalidAlias.into()),
            }
        }
        if aliases.is_empty() && who.is_none() {
            who = self.find_known(ip, identifier, signalling);
        }
        let known = who.and_then(|index| self.policy.known(index));
        let Some(known) = known else {
            return if open {
                Ok((aliases, prefixes))
            } else {
                Err(Why::SecurityDenial.into())
            };
        };
        let mut served: BTreeSet<String> = known.prefixes.iter().cloned().collect();
        served.extend(prefixes.into_iter().filter(|_| open));
        let aliases = if aliases.is_empty() {
            known.aliases.clone()
        } else {
            aliases
        };
        Ok((aliases, served.into_iter().collect()))
    }

    fn find_known(
        self,
        ip: IpAddr,
        identifier: Option<&str>,
        signalling: &[SocketAddr],
    ) -> Option<usize> {
        let by_identifier = identifier.and_then(|one| self.policy.index.identifiers.get(one));
        let here = by_identifier.filter(|index| {
            let known = self.policy.known(**index);
            known
                .and_then(|known| known.ras_address)
                .is_some_and(|ras| ras.ip() == ip)
        });
        let signalled = || {
            signalling
                .iter()
                .find_map(|one| self.policy.index.signalling.get(one))
        };
        here.or_else(signalled).copied()
    }

    /// The registrations that are this endpoint's, the one that it renews first; and those of others that claim an
    /// address on its host, and send from elsewhere.
    fn find_same(
        self,
        (from, mode): (SocketAddr, &Mode),
        (identifier, aliases): (Option<&str>, &[String]),
        signalling: &[SocketAddr],
    ) -> Result<(Vec<EntryId>, Vec<EntryId>), Refusal> {
        let refused = |owner: Option<EntryId>| Refusal {
            reason: Why::InvalidCallSignalAddress,
            owners: owner.into_iter().collect(),
        };
        let host = |id: EntryId| self.entries.get(id).map(|entry| entry.endpoint.ip());
        let proved = |id| {
            let entry = self.entries.get(id);
            entry.is_some_and(|entry| entry.mode.agrees(mode))
        };
        // It moved: the address went with it, and so did a name.
        let moved = |id: EntryId| {
            let entry = self.entries.get(id).filter(|_| proved(id));
            entry.is_some_and(|entry| entry.aliases.iter().any(|one| aliases.contains(one)))
        };
        let (mut own, mut usurpers) = (Vec::new(), Vec::new());
        let named = identifier.and_then(|one| self.entries.by_identifier(one));
        own.extend(named.filter(|id| host(*id) == Some(from.ip()) && proved(*id)));
        for address in signalling {
            let Some(id) = self.entries.by_signalling(*address) else {
                if may_claim(from.ip(), address, self.entries.hosts()) {
                    continue;
                }
                return Err(refused(None));
            };
            // The address speaks for who sends from it.
            let (here, speaks) = (host(id) == Some(from.ip()), address.ip() == from.ip());
            let to = if (here && proved(id)) || (speaks && moved(id)) {
                &mut own
            } else if speaks && !here {
                &mut usurpers
            } else {
                return Err(refused(Some(id)));
            };
            if !to.contains(&id) {
                to.push(id);
            }
        }
        usurpers.retain(|id| !own.contains(id));
        Ok((own, usurpers))
    }

    /// Whether the aliases are free, or held by registrations that this one takes the place of: its own, one with the
    /// same rasAddress, and one that was proved by the same account, wherever it is.
    fn check_aliases(
        self,
        (from, ras, mode): (SocketAddr, SocketAddr, &Mode),
        aliases: &[String],
        (same, own): (Option<EntryId>, &[EntryId]),
        rrq: &RegistrationRequest,
    ) -> Result<Vec<EntryId>, Refusal> {
        let mut replaced = Vec::new();
        let (mut owners, mut duplicates) = (BTreeSet::new(), BTreeSet::new());
        for alias in aliases {
            let Some(owner) = self.entries.owner(alias) else {
                continue;
            };
            if Some(owner) == same || own.contains(&owner) || replaced.contains(&owner) {
                continue;
            }
            let its_own = self.entries.get(owner).is_some_and(|one| {
                let there = one.ras == ras && one.endpoint.ip() == from.ip();
                one.mode.agrees(mode) && (there || !mode.is_open())
            });
            if its_own {
                replaced.push(owner);
            } else {
                owners.insert(owner);
                duplicates.insert(alias.as_str());
            }
        }
        if owners.is_empty() {
            return Ok(replaced);
        }
        let named = rrq.terminal_alias.iter().flatten();
        let duplicate = |text: String| duplicates.contains(text.as_str());
        let list = named.filter(|one| from_alias(one).is_some_and(duplicate));
        Err(Refusal {
            reason: Why::DuplicateAlias(list.cloned().collect()),
            owners,
        })
    }
}
