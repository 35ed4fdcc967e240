//! Which zone an address is an endpoint of.
//!
//! Prefixes of different zones do not overlap (the configuration is checked), so a sorted list answers.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{config::Config, supervisor::layout::Layout};

/// First and last address of each prefix, and its zone.
#[derive(Debug, Default)]
pub(super) struct Endpoints(Vec<(IpAddr, IpAddr, u32)>);

impl Endpoints {
    /// Of a configuration.
    pub(super) fn new(config: &Config, layout: &Layout) -> Self {
        let zones = config.zones.iter();
        let mut all: Vec<_> = zones
            .filter_map(|zone| Some((layout.zone(&zone.name)?, &zone.endpoints)))
            .flat_map(|(index, nets)| nets.iter().map(move |net| ends(net, index)))
            .collect();
        all.sort_unstable();
        Self(all)
    }

    /// The zone of an address.
    pub(super) fn zone(&self, address: IpAddr) -> Option<u32> {
        let after = self.0.partition_point(|(first, ..)| *first <= address);
        // A zone's own prefixes may lie within each other.
        let before = self.0[..after].iter().rev();
        before
            .take_while(|(first, ..)| first.is_ipv4() == address.is_ipv4())
            .find(|(_, last, _)| address <= *last)
            .map(|(.., zone)| *zone)
    }
}

fn ends(net: &IpNet, zone: u32) -> (IpAddr, IpAddr, u32) {
    let last = match net {
        IpNet::V4(net) => IpAddr::V4(net.broadcast()),
        IpNet::V6(net) => IpAddr::V6(net.broadcast()),
    };
    (net.network(), last, zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_their_zone() {
        let nets = [
            ("10.0.0.0/8", 1),
            ("10.1.0.0/16", 1),
            ("192.0.2.0/24", 2),
            ("0.0.0.0/5", 4),
            ("fd00:a::/64", 3),
        ];
        let mut all: Vec<_> = nets
            .iter()
            .map(|(net, zone)| ends(&net.parse().unwrap(), *zone))
            .collect();
        all.sort_unstable();
        let endpoints = Endpoints(all);
        for (address, zone) in [
            ("10.0.0.0", Some(1)),
            ("10.1.2.3", Some(1)),
            ("10.255.255.255", Some(1)),
            ("11.0.0.0", None),
            ("192.0.2.255", Some(2)),
            ("7.255.255.255", Some(4)),
            ("192.0.3.0", None),
            ("fd00:a::1", Some(3)),
            ("fd00:b::1", None),
            ("::", None),
        ] {
            assert_eq!(endpoints.zone(address.parse().unwrap()), zone, "{address}");
        }
    }
}
