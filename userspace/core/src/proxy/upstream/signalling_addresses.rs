//! The callSignalAddresses that stand for endpoints towards gatekeepers: rasline's own host, a port for each endpoint.
//!
//! Gatekeepers know an endpoint by its callSignalAddress, so a port is given to another endpoint only when no gatekeeper can
//! know the earlier one any more; the one that is free for longest is given first.
//!
//! Invariant: a port represents one endpoint at most.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use crate::Time;
use crate::proxy::{EntryId, Settings};

/// The addresses of one zone.
#[derive(Clone, Debug)]
pub(super) struct SignallingAddresses {
    host: IpAddr,
    ports: RangeInclusive<u16>,
    /// Ports that were never given. Some of them may have been restored.
    fresh: RangeInclusive<u16>,
    given: HashSet<u16>,
    by_endpoint: HashMap<EntryId, u16>,
    by_port: HashMap<u16, EntryId>,
    /// Ports that may be given again, and from when on.
    freed: VecDeque<(Time, u16)>,
}

impl SignallingAddresses {
    /// `None`: call signalling is none of the proxy's business.
    pub fn new(settings: &Settings) -> Option<Self> {
        let calls = settings.call_signalling?;
        let ports = calls.first_port..=calls.last_port;
        Some(Self {
            host: settings.ras_address?.ip(),
            fresh: ports.clone(),
            ports,
            given: HashSet::new(),
            by_endpoint: HashMap::new(),
            by_port: HashMap::new(),
            freed: VecDeque::new(),
        })
    }

    /// The address of an endpoint.
    pub fn of(&self, id: EntryId) -> Option<SocketAddr> {
        let port = self.by_endpoint.get(&id)?;
        Some(SocketAddr::new(self.host, *port))
    }

    /// The endpoint that an address represents.
    pub fn find(&self, address: SocketAddr) -> Option<EntryId> {
        let port = Some(address.port()).filter(|_| address.ip() == self.host);
        self.by_port.get(&port?).copied()
    }

    /// Whether there is an address for one more endpoint.
    pub fn has_free(&self, now: Time) -> bool {
        !self.fresh.is_empty() || self.freed.front().is_some_and(|(from, _)| *from <= now)
    }

    /// Gives an endpoint an address.
    pub fn assign(&mut self, id: EntryId, now: Time) {
        if let Some(port) = self.next(now) {
            self.give(id, port);
        }
    }

    /// Gives an endpoint the address that it had before a restart, if it is free.
    pub fn restore(&mut self, id: EntryId, port: u16) {
        if self.ports.contains(&port) && !self.by_port.contains_key(&port) {
            self.give(id, port);
        }
    }

    /// Takes an endpoint's address back: it may be given again from then on.
    pub fn free(&mut self, id: EntryId, from: Time) {
        if let Some(port) = self.by_endpoint.remove(&id) {
            self.by_port.remove(&port);
            self.freed.push_back((from, port));
        }
    }

    fn give(&mut self, id: EntryId, port: u16) {
        self.given.insert(port);
        self.by_endpoint.insert(id, port);
        self.by_port.insert(port, id);
    }

    fn next(&mut self, now: Time) -> Option<u16> {
        let given = &self.given;
        let fresh = self.fresh.find(|port| !given.contains(port));
        fresh.or_else(|| {
            let (_, port) = self.freed.pop_front_if(|(from, _)| *from <= now)?;
            Some(port)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::CallSignalling;

    fn addresses(first_port: u16, last_port: u16) -> SignallingAddresses {
        let settings = Settings {
            ras_address: Some(([192, 0, 2, 1], 1719).into()),
            call_signalling: Some(CallSignalling {
                service_port: 1720,
                first_port,
                last_port,
            }),
            ..Settings::default()
        };
        SignallingAddresses::new(&settings).unwrap()
    }

    #[test]
    fn a_port_is_given_again_in_time_and_not_earlier() {
        let mut all = addresses(5, 6);
        let ids = [1, 2, 3].map(EntryId);
        all.assign(ids[0], Time(0));
        all.assign(ids[1], Time(0));
        assert_eq!(all.of(ids[0]).map(|at| at.port()), Some(5));
        assert!(!all.has_free(Time(0)));
        all.free(ids[0], Time(10));
        all.assign(ids[2], Time(9));
        assert_eq!(all.of(ids[2]), None);
        assert!(all.has_free(Time(10)));
        all.assign(ids[2], Time(10));
        let at = ([192, 0, 2, 1], 5).into();
        assert_eq!((all.of(ids[2]), all.find(at)), (Some(at), Some(ids[2])));
        assert_eq!(all.find(([192, 0, 2, 2], 5).into()), None);
    }

    /// The configuration may name other ports than before.
    #[test]
    fn only_ports_of_the_range_are_restored() {
        let mut all = addresses(5, 6);
        for (id, port) in [(EntryId(1), 4), (EntryId(2), 7)] {
            all.restore(id, port);
            assert_eq!(all.of(id), None, "{port}");
        }
    }

    #[test]
    fn what_was_restored_is_nobody_elses() {
        let mut all = addresses(5, 6);
        all.restore(EntryId(1), 5);
        all.restore(EntryId(2), 5);
        assert_eq!(all.of(EntryId(2)), None);
        all.assign(EntryId(2), Time(0));
        assert_eq!(all.of(EntryId(2)).map(|at| at.port()), Some(6));
    }
}
