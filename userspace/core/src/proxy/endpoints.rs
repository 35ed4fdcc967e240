//! The endpoints and the indices over them.
//!
//! Invariant: an endpointIdentifier, a callSignalAddress and an alias lead to one endpoint at most. What is indexed changes
//! only by the methods here.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rasline_h225::RasKind;
use rasline_h225::types::RegistrationRejectReason;
use rasline_h225::view::registration_reject;

use super::EntryId;
use crate::Time;
use crate::claimed::Hosts;
use crate::ras_server::{Ended, Event, PublishedKeepAlive};

/// The gateway registration of an aggregate.
pub(super) const GATEWAY: EntryId = EntryId(0);

/// How sure it is that an endpoint is there; see [`super::downstream::lifetimes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Life {
    /// timeToLive runs.
    #[default]
    Held,
    /// It ran out, and the kernel is asked.
    Asking,
    /// It ran out, and the endpoint is asked.
    Polled,
}

/// An endpoint.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    // Indexed.
    pub identifier: String,
    pub signalling: Option<SocketAddr>,
    pub aliases: Vec<String>,
    // Changed by [`Endpoints::move_address`] and [`Endpoints::move_ras`] only.
    /// Where its messages come from.
    pub address: SocketAddr,
    /// The service address that it knows.
    pub seen_as: SocketAddr,
    /// Where it wants to be asked.
    pub ras: SocketAddr,
    /// The full RRQ that the gatekeeper confirmed last, requestSeqNum zeroed.
    pub full: Box<[u8]>,
    /// A newer one, which it has not confirmed yet.
    pub wanted: Option<Box<[u8]>>,
    /// The additive RRQ that made it of the one before, where nothing else did: if it comes to nothing, all is as before.
    pub adding: Option<Box<[u8]>>,
    /// The RCF to the full RRQ, as the endpoint got it.
    pub rcf: Option<Box<[u8]>>,
    pub lightweight: Option<Box<[u8]>>,
    /// It got an RCF.
    pub confirmed: bool,
    /// timeToLive in its RCF, seconds.
    pub time_to_live: u32,
    pub last_seen: Time,
    pub life: Life,
    /// When it was stored.
    pub stored: Time,
    pub published: PublishedKeepAlive,
}

impl Endpoint {
    /// timeToLive in its RCF, seconds.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.time_to_live.into())
    }

    /// Its newest full RRQ, confirmed or not.
    pub fn newest_rrq(&self) -> &[u8] {
        self.wanted.as_ref().unwrap_or(&self.full)
    }

    /// Whether it sends from this host.
    pub fn is_on_host(&self, host: IpAddr) -> bool {
        self.address.ip() == host
    }

    /// People are told that it registered.
    pub fn registered(&self) -> Event {
        Event::Registered {
            endpoint_identifier: self.identifier.clone(),
            endpoint: self.address,
            aliases: self.aliases.clone(),
        }
    }

    /// People are told that it is registered no more.
    pub fn unregistered(&self, why: Ended) -> Event {
        Event::Unregistered {
            endpoint_identifier: self.identifier.clone(),
            endpoint: self.address,
            why,
        }
    }

    /// People are told that the gatekeeper rejected its RRQ.
    pub fn rejected(&self, reason: &RegistrationRejectReason) -> Event {
        Event::Rejected {
            from: self.address,
            request: RasKind::RegistrationRequest.name().into(),
            reason: registration_reject(reason).into(),
        }
    }
}

/// All endpoints of a proxy.
#[derive(Clone, Debug, Default)]
pub(super) struct Endpoints {
    all: HashMap<EntryId, Endpoint>,
    identifiers: HashMap<String, EntryId>,
    signalling: HashMap<SocketAddr, EntryId>,
    hosts: HashMap<SocketAddr, EntryId>,
    by_ras: HashMap<SocketAddr, BTreeSet<EntryId>>,
    senders: Hosts,
    aliases: HashMap<String, EntryId>,
    last: u64,
}

impl Endpoints {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn get(&self, id: EntryId) -> Option<&Endpoint> {
        self.all.get(&id)
    }

    pub fn get_mut(&mut self, id: EntryId) -> Option<&mut Endpoint> {
        self.all.get_mut(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (EntryId, &Endpoint)> {
        self.all.iter().map(|(id, endpoint)| (*id, endpoint))
    }

    pub fn by_identifier(&self, identifier: &str) -> Option<EntryId> {
        self.identifiers.get(identifier).copied()
    }

    pub fn by_signalling(&self, address: SocketAddr) -> Option<EntryId> {
        self.signalling.get(&address).copied()
    }

    /// The endpoint that sent RAS from this address last.
    pub fn by_host(&self, address: SocketAddr) -> Option<EntryId> {
        self.hosts.get(&address).copied()
    }

    /// The endpoints that are asked at this RAS address.
    pub fn by_ras(&self, address: SocketAddr) -> impl Iterator<Item = EntryId> {
        self.by_ras.get(&address).into_iter().flatten().copied()
    }

    /// Hosts that endpoints send from.
    pub const fn hosts(&self) -> &Hosts {
        &self.senders
    }

    /// The endpoint that has this alias.
    pub fn by_alias(&self, alias: &str) -> Option<EntryId> {
        self.aliases.get(alias).copied()
    }

    /// The endpoint with this endpointIdentifier, if it is confirmed and the message comes from its host.
    pub fn find_sender(&self, identifier: &str, from: SocketAddr) -> Option<EntryId> {
        let id = self.by_identifier(identifier)?;
        let endpoint = self.get(id)?;
        (endpoint.is_on_host(from.ip()) && endpoint.confirmed).then_some(id)
    }

    /// A number that no endpoint has had.
    pub fn next_number(&mut self) -> EntryId {
        self.last += 1;
        EntryId(self.last)
    }

    /// Keeps a number that was given before a restart from being given again.
    pub fn reserve_number(&mut self, id: EntryId) {
        self.last = self.last.max(id.0);
    }

    pub fn insert(&mut self, id: EntryId, endpoint: Endpoint) {
        self.identifiers.insert(endpoint.identifier.clone(), id);
        if let Some(address) = endpoint.signalling {
            self.signalling.insert(address, id);
        }
        self.hosts.insert(endpoint.address, id);
        self.by_ras.entry(endpoint.ras).or_default().insert(id);
        self.senders.add(endpoint.address.ip());
        self.index_aliases(id, &endpoint);
        self.all.insert(id, endpoint);
    }

    pub fn remove(&mut self, id: EntryId) -> Option<Endpoint> {
        let endpoint = self.all.remove(&id)?;
        self.identifiers.remove(&endpoint.identifier);
        self.unlink_signalling(id, endpoint.signalling);
        self.unlink_host(id, endpoint.address);
        self.unlink_ras(id, endpoint.ras);
        self.senders.remove(endpoint.address.ip());
        self.unindex_aliases(id, &endpoint.aliases);
        Some(endpoint)
    }

    /// An endpoint that was not confirmed yet owns no alias.
    fn index_aliases(&mut self, id: EntryId, endpoint: &Endpoint) {
        if endpoint.confirmed {
            let own = endpoint.aliases.iter().map(|alias| (alias.clone(), id));
            self.aliases.extend(own);
        }
    }

    fn unindex_aliases(&mut self, id: EntryId, aliases: &[String]) {
        for alias in aliases {
            if self.aliases.get(alias) == Some(&id) {
                self.aliases.remove(alias);
            }
        }
    }

    /// Gives it these aliases, which were confirmed. Returns those who had one of them.
    pub fn take_aliases(&mut self, id: EntryId, aliases: Vec<String>) -> BTreeSet<EntryId> {
        let Some(endpoint) = self.all.get_mut(&id) else {
            return BTreeSet::new();
        };
        let before = std::mem::replace(&mut endpoint.aliases, aliases.clone());
        self.unindex_aliases(id, &before);
        let others = aliases
            .into_iter()
            .filter_map(|alias| self.aliases.insert(alias, id));
        others.filter(|other| *other != id).collect()
    }

    /// Notes that it sent RAS from here, to that service address, and wants to be asked there.
    pub fn move_address(&mut self, id: EntryId, from: SocketAddr, to: SocketAddr, ras: SocketAddr) {
        let Some(endpoint) = self.all.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut endpoint.address, from);
        endpoint.seen_as = to;
        self.senders.add(from.ip());
        self.senders.remove(before.ip());
        if before != from {
            self.unlink_host(id, before);
        }
        self.hosts.insert(from, id);
        self.move_ras(id, ras);
    }

    /// Gives it another RAS address.
    pub fn move_ras(&mut self, id: EntryId, to: SocketAddr) {
        let Some(endpoint) = self.all.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut endpoint.ras, to);
        if before != to {
            self.unlink_ras(id, before);
            self.by_ras.entry(to).or_default().insert(id);
        }
    }

    fn unlink_ras(&mut self, id: EntryId, address: SocketAddr) {
        if let Some(all) = self.by_ras.get_mut(&address) {
            all.remove(&id);
            if all.is_empty() {
                self.by_ras.remove(&address);
            }
        }
    }

    fn unlink_host(&mut self, id: EntryId, address: SocketAddr) {
        if self.hosts.get(&address) == Some(&id) {
            self.hosts.remove(&address);
        }
    }

    /// Gives it another callSignalAddress, or none.
    pub fn move_signalling(&mut self, id: EntryId, to: Option<SocketAddr>) {
        let Some(endpoint) = self.all.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut endpoint.signalling, to);
        self.unlink_signalling(id, before);
        if let Some(address) = to {
            self.signalling.insert(address, id);
        }
    }

    fn unlink_signalling(&mut self, id: EntryId, address: Option<SocketAddr>) {
        if let Some(address) = address
            && self.signalling.get(&address) == Some(&id)
        {
            self.signalling.remove(&address);
        }
    }
}
