//! Registrations and the indices over them.
//!
//! Invariant: an alias, a callSignalAddress and an endpointIdentifier lead to one registration at most, and each
//! registration is found by all that it owns. So the fields that are indexed change only by [`Entries::insert`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::aliases::Prefixes;
use super::auth::Mode;
use super::expiry::Poll;
use super::policy::Policy;
use super::sender::Peer;
use super::{EntryId, Event, View};
use crate::claimed::Hosts;
use crate::ras_server::PublishedKeepAlive;
use crate::transaction::TimerQueue;
use crate::{Time, octets};

/// How sure it is that a registration holds; see [`super::expiry`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Life {
    /// timeToLive runs.
    #[default]
    Held,
    /// It ran out, and the kernel is asked.
    Asking,
    /// It ran out, and the endpoint is asked.
    Polled(Poll),
}

/// Source of the keep-alive that is predicted for an endpoint that has not sent one yet; see [`super::predict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PredictedKeepAlive {
    /// From what the same endpoint sent before.
    Before,
    /// From others of its make.
    Make,
}

/// A registration.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    // Indexed.
    pub identifier: String,
    pub signalling: Vec<SocketAddr>,
    pub aliases: Vec<String>,
    pub prefixes: Vec<String>,
    // Not indexed, but for the host of `endpoint`, which changes only by [`Entries::insert`].
    /// Where its messages come from.
    pub endpoint: SocketAddr,
    pub seen_as: SocketAddr,
    /// Where it wants to be asked.
    pub ras: SocketAddr,
    pub time_to_live: u32,
    /// timeToLive that it asked for when it registered.
    pub asked: Option<u32>,
    pub last_seen: Time,
    /// When its timeToLive, as it was told, is over.
    pub until: Time,
    pub life: Life,
    /// Full RRQ, requestSeqNum zeroed; empty if it is not kept: it is then forgotten by a restart.
    pub full: Box<[u8]>,
    /// The keep-alive that was published.
    pub lightweight: Option<Box<[u8]>>,
    /// When it was stored as confirmed.
    pub stored: Time,
    /// The keep-alive that the kernel answers.
    pub published: PublishedKeepAlive,
    /// What is published was not seen yet.
    pub predicted: Option<PredictedKeepAlive>,
    /// It said that it is almost out of resources.
    pub almost_full: bool,
    /// It said that it can take no call.
    pub full_up: bool,
    pub supports_alternates: bool,
    /// How it proves who it is, and by which name it is spoken to: its endpointIdentifier.
    pub mode: Mode,
}

impl Entry {
    /// A registration that begins now, of which only this is known.
    pub fn new(
        identifier: String,
        (endpoint, seen_as): (SocketAddr, SocketAddr),
        ras: SocketAddr,
        now: Time,
    ) -> Self {
        Self {
            identifier,
            signalling: Vec::new(),
            aliases: Vec::new(),
            prefixes: Vec::new(),
            endpoint,
            seen_as,
            ras,
            time_to_live: 0,
            asked: None,
            last_seen: now,
            until: now,
            life: Life::Held,
            full: Box::default(),
            lightweight: None,
            stored: now,
            published: PublishedKeepAlive::default(),
            predicted: None,
            almost_full: false,
            full_up: false,
            supports_alternates: false,
            mode: Mode::Open,
        }
    }

    /// Its timeToLive.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.time_to_live.into())
    }

    /// Whom to speak to.
    pub const fn peer(&self) -> Peer<'_> {
        Peer {
            from: self.seen_as,
            to: self.ras,
            mode: &self.mode,
        }
    }

    /// True if this comes from its host, and is proved as its messages are.
    pub fn is_of(&self, host: IpAddr, mode: &Mode) -> bool {
        self.endpoint.ip() == host && self.mode.agrees(mode)
    }

    /// The event that it is registered.
    pub fn registered(&self) -> Event {
        Event::Registered {
            endpoint_identifier: self.identifier.clone(),
            endpoint: self.endpoint,
            aliases: self.aliases.clone(),
        }
    }

    /// Where calls to it are signalled.
    pub fn signalled_at(&self) -> Option<SocketAddr> {
        self.signalling.first().copied()
    }

    /// Whether keep-alives of that one are this one's, and are answered alike.
    pub fn is_as(&self, other: &Self) -> bool {
        self.endpoint == other.endpoint
            && self.identifier == other.identifier
            && self.time_to_live == other.time_to_live
    }

    /// True if people see the same in both.
    pub fn is_shown_as(&self, other: &Self) -> bool {
        self.identifier == other.identifier
            && self.endpoint == other.endpoint
            && self.aliases == other.aliases
    }

    /// What is indexed.
    fn owns(&self) -> (IpAddr, &str, &[SocketAddr], &[String], &[String]) {
        (
            self.endpoint.ip(),
            &self.identifier,
            &self.signalling,
            &self.aliases,
            &self.prefixes,
        )
    }

    /// The name that people know it by.
    pub fn name(&self) -> &str {
        self.aliases.first().unwrap_or(&self.identifier)
    }

    /// What people are shown of it; `calls`: how many it is in.
    pub fn view(&self, id: EntryId, calls: usize) -> View {
        View {
            id,
            endpoint_identifier: self.identifier.clone(),
            endpoint: self.endpoint,
            call_signal_address: self.signalled_at(),
            aliases: self.aliases.clone(),
            time_to_live: self.time_to_live,
            last_seen: self.last_seen,
            calls,
            published: self.published.is_some(),
        }
    }
}

/// All registrations.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    all: BTreeMap<EntryId, Entry>,
    identifiers: HashMap<String, EntryId>,
    signalling: HashMap<SocketAddr, EntryId>,
    owners: HashMap<String, EntryId>,
    prefixes: Prefixes<EntryId>,
    hosts: Hosts,
    /// When each is to be looked at: timeToLive, or an answer to IRQ.
    pub(super) timers: TimerQueue<EntryId>,
    last: u64,
    /// endpointIdentifiers made so far.
    made: u64,
}

impl Entries {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn get(&self, id: EntryId) -> Option<&Entry> {
        self.all.get(&id)
    }

    /// To change what is not indexed.
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

    /// The registration of this endpointIdentifier, if the message comes from its host and is proved as its are.
    pub fn find_own(&self, identifier: &str, host: IpAddr, mode: &Mode) -> Option<EntryId> {
        let id = self.by_identifier(identifier)?;
        self.get(id)?.is_of(host, mode).then_some(id)
    }

    /// Hosts that registered endpoints send from.
    pub const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    pub fn owner(&self, alias: &str) -> Option<EntryId> {
        self.owners.get(alias).copied()
    }

    /// Gateways that serve the longest prefix of this number, and how long that is.
    pub fn gateways(&self, number: &str) -> Option<(usize, &BTreeSet<EntryId>)> {
        self.prefixes.longest(number)
    }

    /// A number that no registration had.
    pub fn fresh(&mut self) -> EntryId {
        self.last += 1;
        EntryId(self.last)
    }

    /// The last number that is not fresh.
    pub const fn last(&self) -> EntryId {
        EntryId(self.last)
    }

    /// Numbers from here on are not fresh.
    pub fn taken(&mut self, id: EntryId) {
        self.last = self.last.max(id.0);
    }

    /// An endpointIdentifier that was never given: a counter, and what tells this registrar from others, as long as the
    /// kernel can look for it.
    pub fn make_identifier(&mut self, policy: &Policy) -> String {
        loop {
            self.made += 1;
            let seed = policy.settings.seed;
            let zone = &policy.profile().gatekeeper_identifier;
            let whole = format!("{:04x}{seed:016x}_{zone}", self.made);
            let mut length = 0;
            let fits = |c: &char| {
                length += c.len_utf16();
                length <= octets::EID / 2
            };
            let identifier: String = whole.chars().take_while(fits).collect();
            if !policy.knows_identifier(&identifier) && self.by_identifier(&identifier).is_none() {
                return identifier;
            }
        }
    }

    /// Takes up a registration whose timeToLive begins now.
    pub fn begin(&mut self, id: EntryId, mut entry: Entry, now: Time) {
        entry.until = now.after(entry.lease());
        self.timers.set(id, entry.until);
        self.insert(id, entry);
    }

    /// Ends a registration.
    pub fn end(&mut self, id: EntryId) -> Option<Entry> {
        self.timers.clear(id);
        self.remove(id)
    }

    /// Changes what is indexed, too, of a registration.
    pub fn change<T>(&mut self, id: EntryId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut entry = self.remove(id)?;
        let result = change(&mut entry);
        self.insert(id, entry);
        Some(result)
    }

    /// In place of the one with this number, if there is one.
    pub fn insert(&mut self, id: EntryId, mut entry: Entry) {
        entry.mode.registered_as(&entry.identifier);
        match self.all.get_mut(&id) {
            // Most endpoints register again as what they were.
            Some(before) if before.owns() == entry.owns() => {
                *before = entry;
                return;
            }
            Some(_) => drop(self.remove(id)),
            None => {}
        }
        self.hosts.add(entry.endpoint.ip());
        self.identifiers.insert(entry.identifier.clone(), id);
        for address in &entry.signalling {
            self.signalling.entry(*address).or_insert(id);
        }
        for alias in &entry.aliases {
            self.owners.entry(alias.clone()).or_insert(id);
        }
        for prefix in &entry.prefixes {
            self.prefixes.add(prefix, id);
        }
        self.all.insert(id, entry);
    }

    /// Takes a registration out, to be ended, or inserted again when it was changed.
    pub fn remove(&mut self, id: EntryId) -> Option<Entry> {
        let entry = self.all.remove(&id)?;
        self.hosts.remove(entry.endpoint.ip());
        drop_own(&mut self.identifiers, &entry.identifier, id);
        for address in &entry.signalling {
            drop_own(&mut self.signalling, address, id);
        }
        for alias in &entry.aliases {
            drop_own(&mut self.owners, alias, id);
        }
        for prefix in &entry.prefixes {
            self.prefixes.remove(prefix, &id);
        }
        Some(entry)
    }
}

fn drop_own<K: std::hash::Hash + Eq>(index: &mut HashMap<K, EntryId>, key: &K, id: EntryId) {
    if index.get(key) == Some(&id) {
        index.remove(key);
    }
}
