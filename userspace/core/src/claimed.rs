//! Whose an address is that an endpoint says it is reached at (callSignalAddress, alternateEndpoints).
//!
//! Anybody can write any address into an RRQ, and calls go there. So an address speaks for who sends from it: an
//! endpoint that sends from a host takes an address there from whoever claimed it before from elsewhere, and nobody
//! claims an address on a host that another endpoint sends from. Addresses of this machine and of gatekeepers are no
//! endpoint's, nor is what no host can be reached at.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Addresses that no endpoint has: this machine's and the gatekeepers'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reserved(Arc<BTreeSet<IpAddr>>);

impl FromIterator<IpAddr> for Reserved {
    fn from_iter<T: IntoIterator<Item = IpAddr>>(all: T) -> Self {
        Self(Arc::new(
            all.into_iter().map(|ip| ip.to_canonical()).collect(),
        ))
    }
}

impl Reserved {
    /// Whether an endpoint can be reached at this address.
    #[must_use]
    pub fn allows(&self, address: &SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast() || ip.octets()[0] == 0);
        address.port() != 0
            && !ip.is_unspecified()
            && !ip.is_multicast()
            && !ip.is_loopback()
            && !broadcast
            && !self.0.contains(&ip)
    }
}

/// How many endpoints send from each host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(HashMap<IpAddr, u32>);

impl Hosts {
    pub fn add(&mut self, host: IpAddr) {
        *self.0.entry(host).or_default() += 1;
    }

    pub fn remove(&mut self, host: IpAddr) {
        if let Some(count) = self.0.get_mut(&host) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&host);
            }
        }
    }

    /// Whether an endpoint sends from there.
    pub fn contains(&self, host: IpAddr) -> bool {
        self.0.contains_key(&host)
    }
}

/// Whether this host may claim the address, as far as who sends from where decides it.
pub(crate) fn may_claim(from: IpAddr, address: &SocketAddr, hosts: &Hosts) -> bool {
    address.ip() == from || !hosts.contains(address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_nobodys() {
        let reserved: Reserved = ["192.0.2.1", "2001:db8::1"]
            .map(|ip| ip.parse().unwrap())
            .into_iter()
            .collect();
        for (address, allowed) in [
            ("192.0.2.2:1720", true),
            ("[2001:db8::2]:1720", true),
            ("192.0.2.1:1720", false),
            ("192.0.2.1:50000", false),
            ("[::ffff:192.0.2.1]:1720", false),
            ("[2001:db8::1]:1720", false),
            ("127.0.0.1:1720", false),
            ("127.9.9.9:1720", false),
            ("[::1]:1720", false),
            ("[::ffff:127.0.0.1]:1720", false),
            ("0.0.0.0:1720", false),
            ("0.1.2.3:1720", false),
            ("[::]:1720", false),
            ("255.255.255.255:1720", false),
            ("224.0.1.41:1720", false),
            ("[ff02::1]:1720", false),
            ("192.0.2.2:0", false),
        ] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(reserved.allows(&address), allowed, "{address}");
        }
    }

    #[test]
    fn hosts_that_somebody_sends_from() {
        let (one, two) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mut hosts = Hosts::default();
        hosts.add(one);
        hosts.add(one);
        hosts.remove(one);
        let claimed = SocketAddr::new(one, 1720);
        assert!(may_claim(one, &claimed, &hosts));
        assert!(!may_claim(two, &claimed, &hosts));
        hosts.remove(one);
        hosts.remove(one);
        assert!(may_claim(two, &claimed, &hosts));
    }
}
