//! What RAS says: endpoints, gatekeepers, and which call was admitted to where.
//!
//! Invariants: an upstream address represents one endpoint; admissions have a bound, the oldest make way.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use super::io::CallIdentifier;
use crate::ZoneIndex;
use crate::ras_server::{CallFact, EntryId};

/// Admissions remembered at most. One is needed for the seconds between ACF and Setup.
const ADMISSIONS: usize = 65_536;

/// An endpoint as calls need to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// callSignalAddress of the endpoint.
    pub signalling: SocketAddr,
    /// The service address that it knows.
    pub service: SocketAddr,
    /// Its callSignalAddress towards gatekeepers.
    pub upstream: SocketAddr,
}

/// Where an admitted call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Admission {
    pub endpoint: EntryId,
    pub to: SocketAddr,
    /// RAS address of the gatekeeper.
    pub gatekeeper: SocketAddr,
}

/// An endpoint of a zone.
pub(super) type EndpointKey = (ZoneIndex, EntryId);
type AdmissionKey = (ZoneIndex, CallIdentifier);

/// Endpoints, gatekeepers and admissions of all zones.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    endpoints: HashMap<EndpointKey, Endpoint>,
    by_host: HashMap<(ZoneIndex, IpAddr), BTreeSet<EntryId>>,
    by_upstream: HashMap<SocketAddr, EndpointKey>,
    gatekeepers: HashSet<(ZoneIndex, SocketAddr)>,
    /// The gatekeeper that each endpoint is registered with.
    registered_with: HashMap<EndpointKey, SocketAddr>,
    admissions: HashMap<AdmissionKey, Admission>,
    order: VecDeque<AdmissionKey>,
}

impl Directory {
    /// Notes what RAS says of a zone.
    pub fn note(&mut self, zone: ZoneIndex, fact: &CallFact) {
        match *fact {
            CallFact::Registered {
                endpoint,
                signalling,
                service,
                upstream,
            } => {
                let new = Endpoint {
                    signalling,
                    service,
                    upstream,
                };
                self.insert((zone, endpoint), new);
            }
            CallFact::Unregistered { endpoint } => {
                self.registered_with.remove(&(zone, endpoint));
                self.remove((zone, endpoint));
            }
            CallFact::RegisteredWith {
                endpoint,
                gatekeeper,
            } => {
                self.registered_with.insert((zone, endpoint), gatekeeper);
            }
            CallFact::Dismissed {
                endpoint,
                gatekeeper,
            } => {
                let key = (zone, endpoint);
                if self.registered_with(key) == Some(gatekeeper) {
                    self.registered_with.remove(&key);
                }
            }
            CallFact::Lost { gatekeeper } => {
                let is_lost =
                    |key: &EndpointKey, with: &SocketAddr| key.0 == zone && *with == gatekeeper;
                self.registered_with.retain(|key, with| !is_lost(key, with));
            }
            CallFact::Admitted {
                endpoint,
                call,
                to,
                gatekeeper,
            } => {
                let new = Admission {
                    endpoint,
                    to,
                    gatekeeper,
                };
                self.admit((zone, call), new);
            }
            CallFact::Serves { gatekeeper } => {
                self.gatekeepers.insert((zone, gatekeeper));
            }
            CallFact::Disengaged { .. } | CallFact::AdmissionAnswered { .. } => {}
        }
    }

    pub fn endpoint(&self, zone: ZoneIndex, endpoint: EntryId) -> Option<Endpoint> {
        self.endpoints.get(&(zone, endpoint)).copied()
    }

    /// RAS address of the gatekeeper that an endpoint is registered with, unless that is dead.
    pub fn registered_with(&self, endpoint: EndpointKey) -> Option<SocketAddr> {
        self.registered_with.get(&endpoint).copied()
    }

    /// The endpoint that an upstream address represents.
    pub fn by_upstream(&self, address: SocketAddr) -> Option<(ZoneIndex, EntryId)> {
        self.by_upstream.get(&address).copied()
    }

    /// Whether an endpoint is registered from this host.
    pub fn has_host(&self, zone: ZoneIndex, host: IpAddr) -> bool {
        self.by_host.contains_key(&(zone, host))
    }

    /// The gatekeeper of a zone that speaks from this host: its RAS address.
    pub fn gatekeeper_at(&self, zone: ZoneIndex, host: IpAddr) -> Option<SocketAddr> {
        let mut all = self.gatekeepers.iter();
        all.find(|(of, address)| *of == zone && address.ip() == host)
            .map(|(_, address)| *address)
    }

    /// The admission of a call that an endpoint at this host makes.
    pub fn admission(
        &self,
        zone: ZoneIndex,
        call: CallIdentifier,
        host: IpAddr,
    ) -> Option<Admission> {
        let found = *self.admissions.get(&(zone, call))?;
        let endpoint = self.endpoint(zone, found.endpoint)?;
        (endpoint.signalling.ip() == host).then_some(found)
    }

    fn admit(&mut self, key: AdmissionKey, new: Admission) {
        if self.admissions.insert(key, new).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > ADMISSIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.admissions.remove(&oldest);
        }
    }

    fn insert(&mut self, key: EndpointKey, new: Endpoint) {
        self.remove(key);
        let host = (key.0, new.signalling.ip());
        self.by_host.entry(host).or_default().insert(key.1);
        self.by_upstream.insert(new.upstream, key);
        self.endpoints.insert(key, new);
    }

    fn remove(&mut self, key: EndpointKey) {
        let Some(old) = self.endpoints.remove(&key) else {
            return;
        };
        if self.by_upstream.get(&old.upstream) == Some(&key) {
            self.by_upstream.remove(&old.upstream);
        }
        let host = (key.0, old.signalling.ip());
        if let Some(all) = self.by_host.get_mut(&host) {
            all.remove(&key.1);
            if all.is_empty() {
                self.by_host.remove(&host);
            }
        }
    }
}
