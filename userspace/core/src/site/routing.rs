//! Which zone a datagram to rasline's own gatekeepers is for, by its addresses.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use rasline_h225::{RasKind, header};

use super::{Config, Zone, ZoneMode};
use crate::ZoneIndex;
use crate::agent::MULTICAST;
use crate::alternates::Prefix;

/// Tables that answer it.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// First and last address of each prefix, and its zone. Prefixes of different zones do not overlap.
    endpoints: Vec<(IpAddr, IpAddr, ZoneIndex)>,
    /// Zone that a gatekeeper's messages to a proxy's own address are for.
    upstream: HashMap<(SocketAddr, IpAddr), ZoneIndex>,
    /// Zones that are the only one at an own address.
    alone: HashMap<SocketAddr, ZoneIndex>,
    /// Zones whose endpoints discover their gatekeeper by multicast.
    multicast: HashSet<ZoneIndex>,
    /// Zones that rasline is the only gatekeeper of, towards endpoints.
    served: HashSet<ZoneIndex>,
}

impl Routes {
    pub fn new(config: &Config) -> Self {
        let zones = || config.zones.iter();
        let mut endpoints: Vec<_> = zones()
            .flat_map(|zone| zone.endpoints.iter().map(move |net| ends(*net, zone.index)))
            .collect();
        endpoints.sort_unstable();
        let is_multicast =
            |zone: &&Zone| matches!(zone.mode, ZoneMode::Registrar { multicast: true });
        Self {
            endpoints,
            upstream: upstream(config),
            alone: alone(config),
            multicast: zones().filter(is_multicast).map(|z| z.index).collect(),
            served: zones()
                .filter(|zone| !zone.is_transparent())
                .map(|zone| zone.index)
                .collect(),
        }
    }

    /// Whether rasline itself is the gatekeeper of a zone's endpoints: nothing is to be learned there.
    pub fn is_served(&self, zone: ZoneIndex) -> bool {
        self.served.contains(&zone)
    }

    /// The zone whose proxy a message of this gatekeeper to this address is for.
    pub fn upstream(&self, local: SocketAddr, from: IpAddr) -> Option<ZoneIndex> {
        self.upstream.get(&(local, from)).copied()
    }

    /// The zone that an address is an endpoint of.
    pub fn zone_of_endpoint(&self, address: IpAddr) -> Option<ZoneIndex> {
        let after = self
            .endpoints
            .partition_point(|(first, ..)| *first <= address);
        // A zone's own prefixes may lie within each other.
        let before = self.endpoints[..after].iter().rev();
        before
            .take_while(|(first, ..)| first.is_ipv4() == address.is_ipv4())
            .find(|(_, last, _)| address <= *last)
            .map(|(.., zone)| *zone)
    }

    /// Whether a zone's endpoints are answered when they ask all gatekeepers.
    pub fn hears_multicast(&self, zone: ZoneIndex) -> bool {
        self.multicast.contains(&zone)
    }

    /// The zone that somebody means who is no endpoint: gatekeepers of other networks look for its endpoints (LRQ). Nobody
    /// registers from outside of the zone's `endpoints`.
    pub fn zone_of_search(&self, local: SocketAddr, payload: &[u8]) -> Option<ZoneIndex> {
        let searches = header(payload).is_some_and(|it| it.kind == RasKind::LocationRequest);
        let zone = self.alone.get(&local).copied();
        zone.filter(|_| searches)
    }
}

/// Whether a datagram came to the multicast group.
pub(super) fn is_multicast(local: SocketAddr) -> bool {
    local == MULTICAST
}

fn ends(net: Prefix, zone: ZoneIndex) -> (IpAddr, IpAddr, ZoneIndex) {
    let (first, last) = net.range();
    (first, last, zone)
}

fn upstream(config: &Config) -> HashMap<(SocketAddr, IpAddr), ZoneIndex> {
    let mut all = HashMap::new();
    for zone in &config.zones {
        if let ZoneMode::Proxy(settings) = &zone.mode
            && let Some(local) = settings.ras_address
        {
            let outside = zone.gatekeepers.iter().filter(|one| !one.is_own());
            all.extend(outside.map(|one| ((local, one.ras.ip()), zone.index)));
        }
    }
    all
}

/// Who speaks to these and is no endpoint of any zone, a neighbour say, means this zone.
fn alone(config: &Config) -> HashMap<SocketAddr, ZoneIndex> {
    let mut zones: HashMap<SocketAddr, BTreeSet<ZoneIndex>> = HashMap::new();
    let registrars = config.gatekeepers().filter(|(zone, one)| {
        let is_registrar = matches!(zone.mode, ZoneMode::Registrar { .. });
        is_registrar && one.is_own()
    });
    for (zone, one) in registrars {
        zones.entry(one.ras).or_default().insert(zone.index);
    }
    let only = |(address, zones): (SocketAddr, BTreeSet<ZoneIndex>)| {
        let zone = zones.first().copied().filter(|_| zones.len() == 1)?;
        Some((address, zone))
    };
    zones.into_iter().filter_map(only).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_their_zone() {
        let nets = [
            ("10.0.0.0", 8, 1),
            ("10.1.0.0", 16, 1),
            ("192.0.2.0", 24, 2),
            ("0.0.0.0", 5, 4),
            ("fd00:a::", 64, 3),
        ];
        let prefix = |address: &str, length| Prefix {
            address: address.parse().unwrap(),
            length,
        };
        let mut endpoints: Vec<_> = nets
            .iter()
            .map(|(address, length, zone)| ends(prefix(address, *length), ZoneIndex(*zone)))
            .collect();
        endpoints.sort_unstable();
        let routes = Routes {
            endpoints,
            ..Routes::default()
        };
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
            let found = routes.zone_of_endpoint(address.parse().unwrap());
            assert_eq!(found, zone.map(ZoneIndex), "{address}");
        }
    }
}
