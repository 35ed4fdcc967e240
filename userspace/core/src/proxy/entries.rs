//! The endpoints and the indices over them.
//!
//! Invariant: an endpointIdentifier of either side, a callSignalAddress and an alias lead to one endpoint at most. What is indexed
//! changes only by the methods here.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use rasline_h225::text::from_bmp;
use rasline_h225::types::BmpString;

use super::{EntryId, UpstreamState};
use crate::Time;
use crate::claimed::Hosts;

/// The gateway registration of an aggregate.
pub(super) const GATEWAY: EntryId = EntryId(0);

/// How sure it is that an endpoint is there; see [`super::downstream::expiry`].
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

/// How it stands with the gatekeeper.
#[derive(Clone, Debug, Default)]
pub(super) struct Up {
    pub standing: UpstreamState,
    /// The full RRQ under way.
    pub flight: Option<u16>,
    /// It was restored: when it was confirmed last is a guess.
    pub doubtful: bool,
    // Of the last RCF.
    pub gatekeeper: Option<SocketAddr>,
    pub identifier: Option<BmpString>,
    pub gatekeeper_identifier: Option<BmpString>,
    pub ttl: Option<u32>,
    pub confirmed: Time,
    /// It takes RRQs that add aliases.
    pub additive: bool,
}

/// An endpoint.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    // Indexed.
    pub identifier: String,
    pub signalling: Option<SocketAddr>,
    pub aliases: Vec<String>,
    // Not indexed; `endpoint` and `ras` only by [`Entries::met`] and [`Entries::move_ras`].
    /// Where its messages come from.
    pub endpoint: SocketAddr,
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
    /// timeToLive that it was told.
    pub time_to_live: u32,
    pub last_seen: Time,
    pub life: Life,
    /// When it was stored.
    pub stored: Time,
    /// Digest of what is published.
    pub published: Option<u64>,
    /// Digest of a keep-alive that is not the published one.
    pub other: Option<u64>,
    /// Requests that wait.
    pub waits: BTreeSet<u64>,
    /// Whether [`super::upstream::moving`] counts on it.
    pub moving: bool,
    pub up: Up,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    all: HashMap<EntryId, Entry>,
    identifiers: HashMap<String, EntryId>,
    signalling: HashMap<SocketAddr, EntryId>,
    upstream: HashMap<String, EntryId>,
    hosts: HashMap<SocketAddr, EntryId>,
    by_ras: HashMap<SocketAddr, BTreeSet<EntryId>>,
    senders: Hosts,
    aliases: HashMap<String, EntryId>,
    last: u64,
}

impl Entries {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn get(&self, id: EntryId) -> Option<&Entry> {
        self.all.get(&id)
    }

    pub fn get_mut(&mut self, id: EntryId) -> Option<&mut Entry> {
        self.all.get_mut(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.all.iter().map(|(id, entry)| (*id, entry))
    }

    pub fn by_identifier(&self, identifier: &str) -> Option<EntryId> {
        self.identifiers.get(identifier).copied()
    }

    pub fn by_signalling(&self, address: SocketAddr) -> Option<EntryId> {
        self.signalling.get(&address).copied()
    }

    pub fn by_upstream(&self, identifier: &BmpString) -> Option<EntryId> {
        self.upstream.get(&from_bmp(identifier)).copied()
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

    /// Who has this alias.
    pub fn by_alias(&self, alias: &str) -> Option<EntryId> {
        self.aliases.get(alias).copied()
    }

    /// A number that none has had.
    pub fn fresh(&mut self) -> EntryId {
        self.last += 1;
        EntryId(self.last)
    }

    /// A number that is in use elsewhere.
    pub fn taken(&mut self, id: EntryId) {
        self.last = self.last.max(id.0);
    }

    pub fn insert(&mut self, id: EntryId, entry: Entry) {
        self.identifiers.insert(entry.identifier.clone(), id);
        if let Some(address) = entry.signalling {
            self.signalling.insert(address, id);
        }
        if let Some(identifier) = &entry.up.identifier {
            self.upstream.insert(from_bmp(identifier), id);
        }
        self.hosts.insert(entry.endpoint, id);
        self.by_ras.entry(entry.ras).or_default().insert(id);
        self.senders.add(entry.endpoint.ip());
        self.claim(id, &entry);
        self.all.insert(id, entry);
    }

    pub fn remove(&mut self, id: EntryId) -> Option<Entry> {
        let entry = self.all.remove(&id)?;
        self.identifiers.remove(&entry.identifier);
        self.unlink_signalling(id, entry.signalling);
        self.unlink_upstream(id, entry.up.identifier.as_ref());
        self.unlink_host(id, entry.endpoint);
        self.unlink_ras(id, entry.ras);
        self.senders.remove(entry.endpoint.ip());
        self.yield_aliases(id, &entry.aliases);
        Some(entry)
    }

    /// An endpoint that was not confirmed yet owns no alias.
    fn claim(&mut self, id: EntryId, entry: &Entry) {
        if entry.confirmed {
            let own = entry.aliases.iter().map(|alias| (alias.clone(), id));
            self.aliases.extend(own);
        }
    }

    fn yield_aliases(&mut self, id: EntryId, aliases: &[String]) {
        for alias in aliases {
            if self.aliases.get(alias) == Some(&id) {
                self.aliases.remove(alias);
            }
        }
    }

    /// It is confirmed with these aliases. Gives those who had one of them.
    pub fn own(&mut self, id: EntryId, aliases: Vec<String>) -> BTreeSet<EntryId> {
        let Some(entry) = self.all.get_mut(&id) else {
            return BTreeSet::new();
        };
        let before = std::mem::replace(&mut entry.aliases, aliases.clone());
        self.yield_aliases(id, &before);
        let others = aliases
            .into_iter()
            .filter_map(|alias| self.aliases.insert(alias, id));
        others.filter(|other| *other != id).collect()
    }

    /// It sent RAS from here, to that service address, and wants to be asked there.
    pub fn met(&mut self, id: EntryId, from: SocketAddr, to: SocketAddr, ras: SocketAddr) {
        let Some(entry) = self.all.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut entry.endpoint, from);
        entry.seen_as = to;
        self.senders.add(from.ip());
        self.senders.remove(before.ip());
        if before != from {
            self.unlink_host(id, before);
        }
        self.hosts.insert(from, id);
        self.move_ras(id, ras);
    }

    /// Another RAS address.
    pub fn move_ras(&mut self, id: EntryId, to: SocketAddr) {
        let Some(entry) = self.all.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut entry.ras, to);
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

    /// Another callSignalAddress.
    pub fn move_signalling(&mut self, id: EntryId, to: Option<SocketAddr>) {
        let Some(entry) = self.all.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut entry.signalling, to);
        self.unlink_signalling(id, before);
        if let Some(address) = to {
            self.signalling.insert(address, id);
        }
    }

    /// Another endpointIdentifier upstream.
    pub fn name_upstream(&mut self, id: EntryId, identifier: Option<BmpString>) {
        let Some(entry) = self.all.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut entry.up.identifier, identifier.clone());
        self.unlink_upstream(id, before.as_ref());
        if let Some(identifier) = identifier {
            self.upstream.insert(from_bmp(&identifier), id);
        }
    }

    fn unlink_signalling(&mut self, id: EntryId, address: Option<SocketAddr>) {
        if let Some(address) = address
            && self.signalling.get(&address) == Some(&id)
        {
            self.signalling.remove(&address);
        }
    }

    fn unlink_upstream(&mut self, id: EntryId, identifier: Option<&BmpString>) {
        if let Some(identifier) = identifier.map(from_bmp)
            && self.upstream.get(&identifier) == Some(&id)
        {
            self.upstream.remove(&identifier);
        }
    }
}
