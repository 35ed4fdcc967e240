//! The state of each endpoint at the gatekeeper, and its identifiers there.
//!
//! Invariant: an endpointIdentifier of a gatekeeper leads to one endpoint at most.

use std::collections::HashMap;
use std::net::SocketAddr;

use rasline_h225::text::from_bmp;
use rasline_h225::types::{BmpString, RegistrationConfirm};

use super::queue::Lane;
use crate::Time;
use crate::proxy::identity::UpstreamIdentity;
use crate::proxy::{EntryId, UpstreamState};

/// An endpoint's registration with the gatekeeper.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Registration {
    state: UpstreamState,
    /// The full RRQ under way.
    pub request: Option<u16>,
    pub identity: UpstreamIdentity,
    /// Whether requests of the endpoint wait for it.
    pub is_waited_for: bool,
    /// callSignalAddress that represents the endpoint; `None`: its own.
    pub signalling: Option<SocketAddr>,
}

impl Registration {
    /// The lane in which it is queued: the wanted one, or a better one.
    pub const fn lane(&self, wanted: Lane) -> Lane {
        if self.is_waited_for {
            Lane::Wanted
        } else {
            wanted
        }
    }
}

/// The registrations of all endpoints.
#[derive(Clone, Debug, Default)]
pub(super) struct Registrations {
    all: HashMap<EntryId, Registration>,
    by_identifier: HashMap<String, EntryId>,
    registered: u64,
}

impl Registrations {
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn get(&self, id: EntryId) -> Option<&Registration> {
        self.all.get(&id)
    }

    pub fn get_mut(&mut self, id: EntryId) -> Option<&mut Registration> {
        self.all.get_mut(&id)
    }

    pub fn state(&self, id: EntryId) -> Option<UpstreamState> {
        self.all.get(&id).map(|registration| registration.state)
    }

    /// How many are registered.
    pub const fn count_registered(&self) -> u64 {
        self.registered
    }

    /// All endpoints, in the order of their numbers.
    pub fn ids(&self) -> Vec<EntryId> {
        let mut ids: Vec<EntryId> = self.all.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Endpoints that are registered, in the order of their numbers.
    pub fn registered_ids(&self) -> Vec<EntryId> {
        let is_in = |(id, one): (&EntryId, &Registration)| {
            (one.state == UpstreamState::Registered).then_some(*id)
        };
        let mut ids: Vec<EntryId> = self.all.iter().filter_map(is_in).collect();
        ids.sort_unstable();
        ids
    }

    /// The endpoint that a gatekeeper knows by this endpointIdentifier.
    pub fn by_identifier(&self, identifier: &BmpString) -> Option<EntryId> {
        self.by_identifier.get(&from_bmp(identifier)).copied()
    }

    /// Adds an endpoint, which is not registered yet.
    pub fn insert(&mut self, id: EntryId, identity: UpstreamIdentity) {
        if let Some(identifier) = &identity.identifier {
            self.by_identifier.insert(from_bmp(identifier), id);
        }
        let registration = Registration {
            identity,
            ..Registration::default()
        };
        self.all.insert(id, registration);
    }

    pub fn remove(&mut self, id: EntryId) -> Option<Registration> {
        self.set_state(id, UpstreamState::Queued);
        let registration = self.all.remove(&id)?;
        self.unindex(id, registration.identity.identifier.as_ref());
        Some(registration)
    }

    pub fn set_state(&mut self, id: EntryId, state: UpstreamState) {
        let Some(registration) = self.all.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut registration.state, state);
        self.registered += u64::from(state == UpstreamState::Registered);
        self.registered -= u64::from(before == UpstreamState::Registered);
    }

    /// Makes an endpointIdentifier lead to this endpoint, even if another one had it meanwhile.
    pub fn claim_identifier(&mut self, id: EntryId) {
        let registration = self.all.get(&id);
        if let Some(identifier) = registration.and_then(|one| one.identity.identifier.as_ref()) {
            self.by_identifier.insert(from_bmp(identifier), id);
        }
    }

    fn unindex(&mut self, id: EntryId, identifier: Option<&BmpString>) {
        if let Some(identifier) = identifier.map(from_bmp)
            && self.by_identifier.get(&identifier) == Some(&id)
        {
            self.by_identifier.remove(&identifier);
        }
    }

    /// Notes that the gatekeeper knows it no more. Its identifiers there may be another endpoint's by now: some count anew
    /// after a restart.
    pub fn forget_identity(&mut self, id: EntryId) {
        let Some(registration) = self.all.get_mut(&id) else {
            return;
        };
        let identity = &mut registration.identity;
        identity.gatekeeper = None;
        identity.gatekeeper_identifier = None;
        let before = identity.identifier.take();
        self.unindex(id, before.as_ref());
    }

    /// Takes what an RCF of this gatekeeper says.
    pub fn take_rcf(
        &mut self,
        id: EntryId,
        gatekeeper: SocketAddr,
        rcf: &RegistrationConfirm,
        now: Time,
    ) {
        let Some(registration) = self.all.get_mut(&id) else {
            return;
        };
        let identity = &mut registration.identity;
        let same = identity.gatekeeper == Some(gatekeeper);
        identity.gatekeeper = Some(gatekeeper);
        identity
            .gatekeeper_identifier
            .clone_from(&rcf.gatekeeper_identifier);
        identity.ttl = rcf.time_to_live;
        identity.additive =
            rcf.supports_additive_registration.is_some() || (identity.additive && same);
        identity.confirmed = now;
        identity.doubtful = false;
        let identifier = Some(rcf.endpoint_identifier.clone());
        let before = std::mem::replace(&mut identity.identifier, identifier);
        self.unindex(id, before.as_ref());
        self.claim_identifier(id);
    }
}

#[cfg(test)]
mod tests {
    use rasline_h225::text::to_bmp;

    use super::*;

    const ONE: EntryId = EntryId(1);
    const TWO: EntryId = EntryId(2);

    fn gatekeeper(n: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, n], 1719))
    }

    fn rcf(identifier: &str) -> RegistrationConfirm {
        let mut rcf = RegistrationConfirm::new(1, to_bmp(identifier).unwrap());
        rcf.supports_additive_registration = Some(());
        rcf
    }

    fn two() -> Registrations {
        let mut all = Registrations::default();
        all.insert(TWO, UpstreamIdentity::default());
        all.insert(ONE, UpstreamIdentity::default());
        all
    }

    #[test]
    fn registered_ones_are_counted() {
        let mut all = two();
        for _ in 0..2 {
            all.set_state(TWO, UpstreamState::Registered);
        }
        assert_eq!(
            (all.count_registered(), all.registered_ids()),
            (1, vec![TWO])
        );
        all.set_state(EntryId(3), UpstreamState::Registered);
        assert!(all.remove(TWO).is_some());
        assert_eq!((all.count_registered(), all.ids()), (0, vec![ONE]));
    }

    #[test]
    fn an_identifier_is_of_who_was_confirmed_last() {
        let (mut all, name) = (two(), to_bmp("a").unwrap());
        all.take_rcf(ONE, gatekeeper(1), &rcf("a"), Time(1));
        all.take_rcf(TWO, gatekeeper(1), &rcf("a"), Time(2));
        assert_eq!(all.by_identifier(&name), Some(TWO));
        all.forget_identity(ONE);
        assert_eq!(all.by_identifier(&name), Some(TWO));
        all.take_rcf(TWO, gatekeeper(1), &rcf("b"), Time(3));
        assert_eq!(all.by_identifier(&name), None);
        all.remove(TWO);
        assert_eq!(all.by_identifier(&to_bmp("b").unwrap()), None);
    }

    #[test]
    fn who_adds_aliases_does_so_until_another_gatekeeper_confirms() {
        let mut all = two();
        let mut plain = rcf("a");
        plain.supports_additive_registration = None;
        let mut is_additive = |from, rcf: &RegistrationConfirm| {
            all.take_rcf(ONE, gatekeeper(from), rcf, Time(1));
            all.get(ONE).unwrap().identity.additive
        };
        assert!(is_additive(1, &rcf("a")));
        assert!(is_additive(1, &plain));
        assert!(!is_additive(2, &plain));
    }
}
