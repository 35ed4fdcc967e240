//! Lightweight registration (H.225.0 7.9.1): what counts of an RRQ with keepAlive.
//!
//! The registration is the one of the endpointIdentifier, else of callSignalAddress, else (of neither) of the only
//! address that it comes from. Another host, another callSignalAddress, or nothing that is known: RRJ
//! fullRegistrationRequired. Another source port or gatekeeperIdentifier does not matter, nor do aliases.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rasline_h225::messages::Rrq;
use rasline_h225::types::{RasMessage, RegistrationRejectReason as Why, RegistrationRequest};

use super::auth::Mode;
use super::entries::{Entry, Life};
use super::machine::Registrar;
use super::message::Asked;
use super::registration::{identifier, lease, ras_address, registered, signalling};
use super::reply::Reply;
use super::timers::Timer;
use super::{Ended, EntryId, Output};
use crate::claimed::may_claim;
use crate::octets;

impl Registrar {
    pub(super) fn keep_alive(
        &mut self,
        asked: &Asked<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let Some(id) = self.kept_alive(asked, rrq, out) else {
            return self.rrj(asked, rrq, Why::FullRegistrationRequired);
        };
        self.heard(id, self.now);
        if let Some(entry) = self.entries.get_mut(id) {
            entry.endpoint = asked.from;
            entry.seen_as = asked.to;
            entry.mode = asked.mode.clone();
            entry.mode.registered_as(&entry.identifier);
            entry.ras = ras_address(asked.from, rrq).unwrap_or(entry.ras);
        }
        let entry = self.entries.get(id);
        let Some(rcf) = entry.and_then(|entry| self.rcf(asked.seq, rrq, entry, false)) else {
            return Reply::Nothing;
        };
        self.stats.lightweight += 1;
        self.publish(id, asked.payload, rrq, out);
        Reply::to(Some(id), RasMessage::RegistrationConfirm(rcf))
    }

    fn kept_alive(
        &mut self,
        asked: &Asked<'_>,
        rrq: &RegistrationRequest,
        out: &mut Vec<Output>,
    ) -> Option<EntryId> {
        let named = signalling(rrq, &self.settings.reserved);
        let id = match identifier(rrq) {
            Some(identifier) => self.whose(&identifier, asked, out)?,
            None => named
                .iter()
                .find_map(|one| self.entries.by_signalling(*one))?,
        };
        let entry = self.entries.get(id)?;
        let unknown = |one: &SocketAddr| !entry.signalling.contains(one);
        let elsewhere =
            !entry.signalling.is_empty() && !named.is_empty() && named.iter().all(unknown);
        let moved = entry.endpoint.ip() != asked.from.ip();
        let own = !elsewhere && !moved && entry.mode.agrees(&asked.mode);
        (own && !self.told_by_answer(id, out)).then_some(id)
    }

    /// The registration of this endpointIdentifier, if the message comes from its host and is proved as it is. An endpoint that the profile
    /// knows by its endpointIdentifier and RAS address is registered herewith: its own gatekeeper confirmed it.
    pub(super) fn whose(
        &mut self,
        identifier: &str,
        asked: &Asked<'_>,
        out: &mut Vec<Output>,
    ) -> Option<EntryId> {
        if let Some(id) = self.entries.by_identifier(identifier) {
            let entry = self.entries.get(id)?;
            let own = entry.endpoint.ip() == asked.from.ip() && entry.mode.agrees(&asked.mode);
            return (own && !self.told_by_answer(id, out)).then_some(id);
        }
        self.adopt(identifier, asked, out)
    }

    fn adopt(
        &mut self,
        identifier: &str,
        asked: &Asked<'_>,
        out: &mut Vec<Output>,
    ) -> Option<EntryId> {
        let way = (asked.from, asked.to);
        if let Some(usurper) = self.usurper(identifier, asked.from) {
            self.end(usurper, Ended::Replaced, out);
        }
        let mut entry = self.adopted(identifier, way, &asked.mode)?;
        let id = self.entries.fresh();
        entry.time_to_live = self.granted(id, None);
        entry.until = self.now.after(lease(&entry));
        out.push(Output::Event(registered(&entry)));
        self.timers.set(Timer::Entry(id), entry.until);
        self.stays(entry.ras);
        entry.full = spoken_for(&entry);
        self.entries.insert(id, entry);
        self.store(id, out);
        Some(id)
    }

    /// Who claims, from elsewhere, an address on the host that this known endpoint sends from.
    fn usurper(&self, identifier: &str, from: SocketAddr) -> Option<EntryId> {
        let index = *self.profile_index.identifiers.get(identifier)?;
        let known = self.settings.profile.endpoints.get(index)?;
        let address = known.call_signal_address?;
        let here = address.ip() == from.ip() && known.ras_address?.ip() == from.ip();
        let holder = self.entries.by_signalling(address).filter(|_| here)?;
        let elsewhere = self.entries.get(holder)?.endpoint.ip() != from.ip();
        elsewhere.then_some(holder)
    }

    /// The registration of an endpoint that the profile knows, for what comes this way, if nothing of it is another's.
    pub(super) fn adopted(
        &self,
        identifier: &str,
        (from, to): (SocketAddr, SocketAddr),
        mode: &Mode,
    ) -> Option<Entry> {
        let index = *self.profile_index.identifiers.get(identifier)?;
        let profile = &self.settings.profile;
        let known = profile.endpoints.get(index)?;
        let ras = known.ras_address.filter(|ras| ras.ip() == from.ip())?;
        let taken = known
            .aliases
            .iter()
            .any(|one| self.entries.owner(one).is_some());
        let full = self.entries.len() >= profile.limits.registrations as usize;
        let claimable = |one: &SocketAddr| {
            self.settings.reserved.allows(one) && may_claim(from.ip(), one, self.entries.hosts())
        };
        let signalled = known.call_signal_address.filter(claimable);
        let held = signalled.is_some_and(|one| self.entries.by_signalling(one).is_some());
        let other = !mode.is_open() && self.account(mode) != Some(index);
        if taken || full || held || other {
            return None;
        }
        let prefixes: BTreeSet<String> = known.prefixes.iter().cloned().collect();
        Some(Entry {
            identifier: identifier.to_owned(),
            signalling: signalled.into_iter().collect(),
            aliases: known.aliases.clone(),
            prefixes: prefixes.into_iter().collect(),
            endpoint: from,
            seen_as: to,
            ras,
            time_to_live: profile.time_to_live.default,
            asked: None,
            last_seen: self.now,
            until: self.now,
            life: Life::Held,
            full: Box::default(),
            lightweight: None,
            stored: self.now,
            published: None,
            predicted: None,
            other: None,
            almost_full: false,
            full_up: false,
            calls: BTreeSet::new(),
            supports_alternates: false,
            mode: mode.clone(),
        })
    }
}

/// The full RRQ that an endpoint would have sent, as the profile knows it: a registration is kept by it, and the next
/// process may have learned less. Empty if it is too long to be kept, or cannot be said.
fn spoken_for(entry: &Entry) -> Box<[u8]> {
    let rrq = Rrq {
        call_signal_addresses: entry.signalling.clone(),
        aliases: entry.aliases.clone(),
        endpoint_identifier: Some(entry.identifier.clone()),
        ..Rrq::full(1, entry.ras, entry.ras)
    };
    let octets = rrq.encode().ok();
    octets
        .and_then(|octets| octets::full(&octets))
        .unwrap_or_default()
}
