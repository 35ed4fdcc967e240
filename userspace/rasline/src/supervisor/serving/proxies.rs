//! Proxies: which zones have one, with which settings, and what gatekeepers say to them.
//!
//! A proxy that speaks from its endpoints' addresses is answered there: the kernel takes it out of the traffic while the
//! controller lives. The other way is a socket of rasline's own.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
};

use rasline_core::{
    Reserved, Time,
    proxy::{self, Proxy},
};
use rasline_kernel::{Message, Reason};

use super::MAX_ENDPOINTS;
use crate::{
    config::{Config, Zone},
    host::monotonic_ns,
    supervisor::{Supervisor, layout::Layout},
};

impl Supervisor {
    /// A proxy for each zone that has one: the one before, where nothing changed.
    pub(super) fn keep_proxies(&mut self) {
        let now = Time(monotonic_ns());
        let wanted: BTreeMap<u32, proxy::Settings> = (self.config.zones.iter())
            .filter_map(|zone| {
                let reserved = self.serving.reserved.clone();
                let settings = proxy_settings(zone, self.serving.seed, reserved)?;
                Some((self.layout.zone(&zone.name)?, settings))
            })
            .collect();
        self.serving
            .proxies
            .retain(|zone, _| wanted.contains_key(zone));
        for (zone, settings) in wanted {
            let there = self.serving.proxies.get(&zone);
            if there.is_none_or(|proxy| *proxy.settings() != settings) {
                self.serving.proxies.insert(zone, Proxy::new(settings, now));
                self.restore_proxy(zone);
            }
        }
    }

    /// The gatekeeper that serves a proxied zone.
    pub(in crate::supervisor) fn proxy_to(&mut self, zone: u32, gatekeeper: Option<u32>) {
        let to = gatekeeper.and_then(|gatekeeper| {
            let zone = self.zone_at(zone)?;
            let mut all = zone.gatekeepers.iter();
            let found = all.find(|g| self.layout.gatekeeper(zone, g) == Some(gatekeeper));
            found.map(crate::config::Gatekeeper::ras)
        });
        self.proxy(zone, proxy::Input::Active(to));
    }

    /// A message of the ring buffer in a zone that rasline serves itself. What the zone's proxy has no use for is sent on
    /// as it is, and so is what was taken out before the zone got another configuration.
    pub(in crate::supervisor) fn said_to_endpoint(&mut self, message: &Message) {
        if message.reason != Reason::Standby {
            return;
        }
        let (zone, from, to) = (message.zone, message.seen_as, message.endpoint);
        if !self.serving.proxies.contains_key(&zone) {
            return self
                .spoofed_gatekeeper
                .send(monotonic_ns(), from, to, &message.octets);
        }
        let input = proxy::Input::FromGatekeeper {
            from,
            to,
            payload: &message.octets,
        };
        self.proxy(zone, input);
        self.answered_upstream(zone);
    }
}

/// A proxy's own address towards gatekeepers.
pub(super) fn own_address(zone: &Zone) -> Option<SocketAddr> {
    zone.mode.uplink()?.ras_address()
}

/// Zone that what comes from a gatekeeper to a proxy's own address is for.
pub(super) fn upstream(config: &Config, layout: &Layout) -> HashMap<(SocketAddr, IpAddr), u32> {
    let mut all = HashMap::new();
    for zone in &config.zones {
        if let (Some(local), Some(index)) = (own_address(zone), layout.zone(&zone.name)) {
            let gatekeepers = zone.gatekeepers.iter().filter(|g| !g.is_own());
            all.extend(gatekeepers.map(|g| ((local, g.address), index)));
        }
    }
    all
}

fn proxy_settings(zone: &Zone, seed: u64, reserved: Reserved) -> Option<proxy::Settings> {
    zone.mode.uplink().map(|uplink| proxy::Settings {
        gatekeeper_identifier: (zone.gatekeeper_identifier.clone())
            .unwrap_or_else(|| zone.name.clone()),
        ras_address: own_address(zone),
        source: uplink.source,
        upstream: uplink.upstream,
        endpoint_ttl: zone.endpoint_ttl,
        migrate_rate: zone.migrate_rate,
        reserved,
        max_endpoints: MAX_ENDPOINTS,
        seed,
    })
}
