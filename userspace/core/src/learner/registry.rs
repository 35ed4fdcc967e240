//! All registrations, and the ways to find one.
//!
//! Invariants: a registration is found by its id, at its zone, address and port, and by its gatekeeper and
//! endpointIdentifier, or not at all; each stands in the queue of deadlines once; `published` counts those that are,
//! `census` all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::ops::Bound;
use std::time::Duration;

use super::trial::Trial;
use super::{Census, Registration, State};
use crate::{RegistrationId, Time};

/// A keep-alive and its RCF, both with requestSeqNum zeroed, the RCF as the gatekeeper sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) seq: u16,
    pub(crate) rrq: Box<[u8]>,
    pub(crate) rcf: Box<[u8]>,
}

/// A registration with what only the learner needs.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) shown: Registration,
    /// The pair that may last, or that is published.
    pub(crate) pair: Option<Pair>,
    /// The full RRQ that it last registered with, requestSeqNum zeroed.
    pub(crate) full_rrq: Option<Box<[u8]>>,
    /// Whether its endpoint may be given the zone's timeToLive.
    pub(crate) trial: Trial,
    /// When the kernel got it.
    pub(crate) published_at: Time,
    /// What people were told last: learned, or why not.
    pub(crate) told: Option<Told>,
    deadline: Time,
}

/// What people were told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Learned,
    NotAnswered(super::NotAnsweredReason),
}

/// Where a registration is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) zone: u32,
    pub(crate) gatekeeper: u32,
    pub(crate) endpoint: SocketAddr,
    pub(crate) endpoint_identifier: String,
}

/// The registrations.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    records: BTreeMap<RegistrationId, Box<Record>>,
    by_endpoint: HashMap<(u32, SocketAddr), Vec<RegistrationId>>,
    by_identifier: HashMap<(u32, String), RegistrationId>,
    deadlines: BTreeSet<(Time, RegistrationId)>,
    published: usize,
    census: Census,
    last_id: u64,
}

impl Registry {
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn published(&self) -> usize {
        self.published
    }

    pub(crate) fn census(&self) -> &Census {
        &self.census
    }

    pub(crate) fn get(&self, id: RegistrationId) -> Option<&Record> {
        self.records.get(&id).map(|record| &**record)
    }

    pub(crate) fn get_mut(&mut self, id: RegistrationId) -> Option<&mut Record> {
        self.records.get_mut(&id).map(|record| &mut **record)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.records.values().map(|record| &**record)
    }

    /// Those with larger numbers than this one.
    pub(crate) fn after(&self, id: RegistrationId) -> impl Iterator<Item = &Record> {
        let larger = (Bound::Excluded(id), Bound::Unbounded);
        self.records.range(larger).map(|(_, record)| &**record)
    }

    /// Registrations at this address and port in this zone, at whichever gatekeeper.
    pub(crate) fn at(&self, zone: u32, endpoint: SocketAddr) -> &[RegistrationId] {
        self.by_endpoint
            .get(&(zone, endpoint))
            .map_or(&[], Vec::as_slice)
    }

    /// Those of them at this gatekeeper.
    pub(crate) fn at_gatekeeper(
        &self,
        zone: u32,
        gatekeeper: u32,
        endpoint: SocketAddr,
    ) -> Vec<RegistrationId> {
        let all = self.at(zone, endpoint).iter().copied();
        all.filter(|id| {
            self.get(*id)
                .is_some_and(|r| r.shown.gatekeeper == gatekeeper)
        })
        .collect()
    }

    /// The registration at exactly this place.
    pub(crate) fn find(&self, place: &Place) -> Option<RegistrationId> {
        self.at(place.zone, place.endpoint)
            .iter()
            .copied()
            .find(|id| {
                self.get(*id).is_some_and(|r| {
                    r.shown.gatekeeper == place.gatekeeper
                        && r.shown.endpoint_identifier == place.endpoint_identifier
                })
            })
    }

    /// The same registration elsewhere: its gatekeeper knows it by another address, or another gatekeeper of its zone
    /// gave it the same endpointIdentifier.
    pub(crate) fn find_elsewhere(&self, place: &Place) -> Option<RegistrationId> {
        let key = (place.gatekeeper, place.endpoint_identifier.clone());
        let moved = self.by_identifier.get(&key).copied();
        moved.or_else(|| {
            let mut here = self.at(place.zone, place.endpoint).iter().copied();
            here.find(|id| {
                let record = self.get(*id);
                record.is_some_and(|r| r.shown.endpoint_identifier == place.endpoint_identifier)
            })
        })
    }

    /// Keeps a new registration.
    pub(crate) fn add(&mut self, now: Time, place: Place) -> RegistrationId {
        let id = RegistrationId(self.last_id + 1);
        self.add_as(now, id, place);
        id
    }

    /// As [`Registry::add`], under a number that is not in use.
    pub(crate) fn add_as(&mut self, now: Time, id: RegistrationId, place: Place) {
        self.last_id = self.last_id.max(id.0);
        let shown = Registration {
            id,
            zone: place.zone,
            gatekeeper: place.gatekeeper,
            endpoint: place.endpoint,
            endpoint_identifier: place.endpoint_identifier.clone(),
            gatekeeper_identifier: None,
            aliases: Vec::new(),
            call_signal_addresses: Vec::new(),
            gatekeeper_ttl: None,
            endpoint_ttl: None,
            refresh_every: None,
            refresh_clamped: false,
            first_seen: now,
            last_seen: now,
            confirmed: now,
            answered: 0,
            state: State::Learning { pairs: 0 },
            settling: false,
            secured: false,
        };
        let deadline = now.after(Duration::from_mins(1));
        let record = Record {
            shown,
            pair: None,
            full_rrq: None,
            trial: Trial::default(),
            published_at: Time(0),
            told: None,
            deadline,
        };
        self.census.add(record.shown.gatekeeper, record.shown.state);
        self.records.insert(id, Box::new(record));
        self.deadlines.insert((deadline, id));
        self.index(id, place);
    }

    /// Forgets a registration.
    pub(crate) fn remove(&mut self, id: RegistrationId) -> Option<Box<Record>> {
        self.unindex(id);
        let record = self.records.remove(&id)?;
        self.deadlines.remove(&(record.deadline, id));
        self.published -= usize::from(record.shown.state.is_published());
        self.census
            .take(record.shown.gatekeeper, record.shown.state);
        Some(record)
    }

    /// It stands elsewhere from now on, where no pair of it was seen yet.
    pub(crate) fn move_to(&mut self, id: RegistrationId, place: Place) {
        self.unindex(id);
        if let Some(record) = self.records.get_mut(&id) {
            record.pair = None;
            record.full_rrq = None;
            record.trial = Trial::default();
            self.census
                .take(record.shown.gatekeeper, record.shown.state);
            self.census.add(place.gatekeeper, record.shown.state);
            record.shown.zone = place.zone;
            record.shown.gatekeeper = place.gatekeeper;
            record.shown.endpoint = place.endpoint;
            record
                .shown
                .endpoint_identifier
                .clone_from(&place.endpoint_identifier);
            self.index(id, place);
        }
    }

    /// Sets how far it is.
    pub(crate) fn set_state(&mut self, id: RegistrationId, state: State) {
        let Some(record) = self.records.get_mut(&id) else {
            return;
        };
        self.published -= usize::from(record.shown.state.is_published());
        self.published += usize::from(state.is_published());
        self.census
            .take(record.shown.gatekeeper, record.shown.state);
        self.census.add(record.shown.gatekeeper, state);
        record.shown.state = state;
    }

    /// The registration whose deadline comes first, if it has passed.
    pub(crate) fn due(&self, now: Time) -> Option<RegistrationId> {
        let (deadline, id) = self.deadlines.first()?;
        (*deadline <= now).then_some(*id)
    }

    /// Sets its deadline.
    pub(crate) fn set_deadline(&mut self, id: RegistrationId, deadline: Time) {
        let Some(record) = self.records.get_mut(&id) else {
            return;
        };
        self.deadlines.remove(&(record.deadline, id));
        record.deadline = deadline;
        self.deadlines.insert((deadline, id));
    }

    fn index(&mut self, id: RegistrationId, place: Place) {
        self.by_endpoint
            .entry((place.zone, place.endpoint))
            .or_default()
            .push(id);
        self.by_identifier
            .insert((place.gatekeeper, place.endpoint_identifier), id);
    }

    fn unindex(&mut self, id: RegistrationId) {
        let Some(record) = self.records.get(&id) else {
            return;
        };
        let shown = &record.shown;
        let endpoint = (shown.zone, shown.endpoint);
        if let Some(here) = self.by_endpoint.get_mut(&endpoint) {
            here.retain(|other| *other != id);
            if here.is_empty() {
                self.by_endpoint.remove(&endpoint);
            }
        }
        let identifier = (shown.gatekeeper, shown.endpoint_identifier.clone());
        if self.by_identifier.get(&identifier) == Some(&id) {
            self.by_identifier.remove(&identifier);
        }
    }
}
