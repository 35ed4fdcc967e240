//! Checks zones, their prefixes and gatekeepers: names, ranges, overlaps.

use std::{collections::HashSet, net::IpAddr, time::Duration};

use ipnet::IpNet;
use toml::Spanned;

use super::{
    Backup, Gatekeeper, Origin, Ras, Zone,
    check::{Checker, DAY},
    human_duration, raw, serving,
};
use crate::bpf::Dataplane;

impl Checker<'_> {
    pub(super) fn zones(
        &mut self,
        raw: Vec<Spanned<raw::Zone>>,
        backup: Option<&Backup>,
    ) -> Vec<Zone> {
        if raw.is_empty() {
            self.fail(None, "zone", "no zones configured; add a [[zone]]");
        }
        if raw.len() > Dataplane::MAX_ZONES as usize {
            self.fail(
                None,
                "zone",
                format!(
                    "{} zones configured; the maximum is {}",
                    raw.len(),
                    Dataplane::MAX_ZONES
                ),
            );
        }
        let gatekeepers: usize = raw.iter().map(|z| z.get_ref().gatekeeper.len()).sum();
        if gatekeepers > Dataplane::MAX_GATEKEEPERS as usize {
            self.fail(
                None,
                "zone.gatekeeper",
                format!(
                    "{gatekeepers} gatekeepers configured; the maximum is {}",
                    Dataplane::MAX_GATEKEEPERS
                ),
            );
        }
        self.prefixes(&raw);
        let mut names = HashSet::new();
        raw.into_iter()
            .map(|zone| self.zone(zone, &mut names, backup))
            .collect()
    }

    /// Checks that prefixes of different zones do not overlap and contain no gatekeeper.
    fn prefixes(&mut self, zones: &[Spanned<raw::Zone>]) {
        let prefixes: Vec<(&str, &Spanned<IpNet>)> = zones
            .iter()
            .flat_map(|z| {
                z.get_ref()
                    .endpoints
                    .iter()
                    .map(|p| (z.get_ref().name.get_ref().as_str(), p))
            })
            .collect();
        let overlaps = |a: &IpNet, b: &IpNet| a.contains(b) || b.contains(a);
        for (i, (zone, prefix)) in prefixes.iter().enumerate() {
            let net = prefix.get_ref();
            if net.trunc() != *net {
                self.fail(
                    Some(prefix.span()),
                    "endpoints",
                    format!(
                        "{net} has bits set after its prefix; write \"{}\"",
                        net.trunc()
                    ),
                );
            }
            if let IpNet::V6(v6) = net
                && v6.contains(&std::net::Ipv4Addr::UNSPECIFIED.to_ipv6_mapped())
            {
                self.fail(
                    Some(prefix.span()),
                    "endpoints",
                    format!(
                        "{net} includes IPv4 (::ffff:0:0/96); use a longer prefix, such as 2000::/3"
                    ),
                );
            }
            if let Some((other, theirs)) = prefixes[..i]
                .iter()
                .find(|(other, p)| other != zone && overlaps(p.get_ref(), net))
            {
                self.fail(Some(prefix.span()), "endpoints", format!("{net} of zone \"{zone}\" overlaps {} of zone \"{other}\"; an endpoint belongs to one zone only, so separate them", theirs.get_ref()));
            }
        }
        self.allowed(zones, &prefixes);
        for gatekeeper in zones.iter().flat_map(|z| &z.get_ref().gatekeeper) {
            let address = &gatekeeper.get_ref().address;
            if let Some((zone, prefix)) = prefixes
                .iter()
                .find(|(_, p)| p.get_ref().contains(address.get_ref()))
            {
                self.fail(Some(address.span()), "address", format!("gatekeeper \"{}\" ({}) is inside {} of zone \"{zone}\"'s endpoints; narrow that prefix", gatekeeper.get_ref().id.get_ref(), address.get_ref(), prefix.get_ref()));
            }
        }
    }

    /// Checks the prefixes of learned alternates, which must not overlap those of endpoints.
    fn allowed(&mut self, zones: &[Spanned<raw::Zone>], endpoints: &[(&str, &Spanned<IpNet>)]) {
        for zone in zones {
            let zone = zone.get_ref();
            for prefix in &zone.allowed_alternates {
                let net = prefix.get_ref();
                let inside = endpoints.iter().find(|(_, p)| {
                    let p = p.get_ref();
                    p.contains(net) || net.contains(p)
                });
                let what = if net.trunc() != *net {
                    format!(
                        "{net} has bits set after its prefix; write \"{}\"",
                        net.trunc()
                    )
                } else if let Some((other, theirs)) = inside {
                    format!(
                        "{net} overlaps {} of zone \"{other}\"'s endpoints; a gatekeeper cannot be among endpoints, so narrow one of them",
                        theirs.get_ref()
                    )
                } else {
                    continue;
                };
                self.fail(Some(prefix.span()), "allowed_alternates", what);
            }
            if zone.learn_alternates && zone.allowed_alternates.is_empty() {
                let what = format!(
                    "zone \"{}\" learns alternates but allows none; list the prefixes in which they may lie",
                    zone.name.get_ref()
                );
                self.fail(Some(zone.name.span()), "allowed_alternates", what);
            }
        }
    }

    #[allow(clippy::too_many_lines)] // a check for each key of the table
    fn zone(
        &mut self,
        zone: Spanned<raw::Zone>,
        names: &mut HashSet<String>,
        backup: Option<&Backup>,
    ) -> Zone {
        let second = Duration::from_secs(1);
        let span = zone.span();
        let zone = zone.into_inner();
        let name = zone.name.get_ref().clone();
        if name.is_empty() || !names.insert(name.clone()) {
            let what = if name.is_empty() {
                "is empty; give the zone a name".to_owned()
            } else {
                format!("duplicate zone name \"{name}\"; rename one")
            };
            self.fail(Some(zone.name.span()), "name", what);
        }
        if zone.endpoints.is_empty() {
            self.fail(
                Some(span.clone()),
                "endpoints",
                format!("zone \"{name}\" has no endpoints; list their prefixes"),
            );
        }
        let ras = serving::ras(&zone);
        if zone.gatekeeper.is_empty() && ras != Ras::Registrar {
            self.fail(
                Some(span),
                "gatekeeper",
                format!("zone \"{name}\" has no gatekeepers; add a [[zone.gatekeeper]]"),
            );
        }
        let service_address = self.services(&name, &zone.service_address, &zone.gatekeeper);
        let serving = self.serving(&zone, &service_address, backup);
        let ttl_span = zone.endpoint_ttl.as_ref().map(Spanned::span);
        let refresh_span = zone.refresh_every.as_ref().map(Spanned::span);
        let endpoint_ttl = self.duration("endpoint_ttl", zone.endpoint_ttl, (second, DAY));
        if endpoint_ttl.is_some_and(|d| d.subsec_nanos() != 0) {
            self.fail(
                ttl_span,
                "endpoint_ttl",
                "timeToLive is in whole seconds; remove the fraction",
            );
        }
        let refresh_every = self.duration("refresh_every", zone.refresh_every, (second, 365 * DAY));
        if let (Some(ttl), Some(every)) = (endpoint_ttl, refresh_every)
            && every < ttl
        {
            self.fail(refresh_span, "refresh_every", format!("{} is shorter than endpoint_ttl ({}), so no keep-alive would be answered; use a longer time", human_duration(every), human_duration(ttl)));
        }
        let hold_for = self
            .duration("hold_for", zone.hold_for, (second, 365 * DAY))
            .unwrap_or(Duration::from_mins(15));
        let silent_span = zone.silent_after.as_ref().map(Spanned::span);
        let silent_after = self.duration("silent_after", zone.silent_after, (second, 7 * DAY));
        if let (Some(ttl), Some(silent)) = (endpoint_ttl, silent_after)
            && silent <= ttl
        {
            self.fail(silent_span, "silent_after", format!("{} is not longer than endpoint_ttl ({}), the time between two keep-alives; use a longer time", human_duration(silent), human_duration(ttl)));
        }
        let dead_after = self
            .duration(
                "dead_after",
                zone.dead_after,
                (Duration::from_millis(50), Duration::from_mins(1)),
            )
            .unwrap_or(Duration::from_millis(600));
        let rip_delay = self
            .duration(
                "rip_delay",
                zone.rip_delay,
                (Duration::from_millis(10), Duration::from_secs(30)),
            )
            .unwrap_or(Duration::from_secs(2));
        Zone {
            standby: zone.standby,
            migrate_rate: self.number("migrate_rate", zone.migrate_rate, (0, 1_000_000), 200),
            unknown_rate: self.number("unknown_rate", zone.unknown_rate, (0, 1_000_000), 2000),
            on_loss: zone.on_loss,
            shape: zone.shape,
            rip_delay,
            ras,
            gatekeeper_identifier: serving.gatekeeper_identifier,
            upstream: serving.upstream,
            upstream_source: serving.upstream_source,
            upstream_address: serving.upstream_address,
            multicast: serving.multicast,
            service_address: match ras {
                Ras::Transparent => service_address,
                Ras::Proxy | Ras::Registrar => Vec::new(),
            },
            failback: self.failback(zone.failback),
            probe: self.probe(zone.probe),
            learn_alternates: zone.learn_alternates,
            allowed_alternates: zone
                .allowed_alternates
                .into_iter()
                .map(Spanned::into_inner)
                .collect(),
            gatekeepers: [self.gatekeepers(&name, zone.gatekeeper), serving.own].concat(),
            name,
            answer: zone.answer,
            endpoint_ttl,
            refresh_every,
            hold_for,
            silent_after,
            dead_after,
            endpoints: zone
                .endpoints
                .into_iter()
                .map(Spanned::into_inner)
                .collect(),
        }
    }

    /// Checks service addresses: no duplicates, and none of a gatekeeper.
    fn services(
        &mut self,
        zone: &str,
        raw: &[Spanned<IpAddr>],
        gatekeepers: &[Spanned<raw::Gatekeeper>],
    ) -> Vec<IpAddr> {
        let mut all = Vec::new();
        for address in raw {
            let a = *address.get_ref();
            let what = if a.is_unspecified() || a.is_multicast() {
                format!("{a} is not a unicast address; use an address that endpoints can send to")
            } else if all.contains(&a) {
                format!("duplicate address {a} in zone \"{zone}\"; remove one")
            } else if gatekeepers
                .iter()
                .any(|g| *g.get_ref().address.get_ref() == a)
            {
                format!(
                    "{a} is a gatekeeper of zone \"{zone}\"; use another address as service address"
                )
            } else {
                all.push(a);
                continue;
            };
            self.fail(Some(address.span()), "service_address", what);
        }
        all
    }

    fn gatekeepers(&mut self, zone: &str, raw: Vec<Spanned<raw::Gatekeeper>>) -> Vec<Gatekeeper> {
        let mut ids: HashSet<String> = HashSet::new();
        let mut addresses: HashSet<IpAddr> = HashSet::new();
        let mut all = Vec::new();
        for gatekeeper in raw {
            let g = gatekeeper.into_inner();
            let (id, address) = (g.id.get_ref().clone(), *g.address.get_ref());
            if id.is_empty() || !ids.insert(id.clone()) {
                let what = if id.is_empty() {
                    "is empty; give the gatekeeper a name".to_owned()
                } else {
                    format!("duplicate gatekeeper id \"{id}\" in zone \"{zone}\"; rename one")
                };
                self.fail(Some(g.id.span()), "id", what);
            }
            if !addresses.insert(address) {
                self.fail(Some(g.address.span()), "address", format!("duplicate gatekeeper address {address} in zone \"{zone}\"; give each gatekeeper its own address"));
            }
            if address.is_unspecified() || address.is_multicast() {
                self.fail(
                    Some(g.address.span()),
                    "address",
                    format!("{address} is not a unicast address; use the gatekeeper's own address"),
                );
            }
            all.push(Gatekeeper {
                id,
                address,
                ras_port: self.number("ras_port", g.ras_port, (1, 65_535), 1719),
                call_signal_port: self.number(
                    "call_signal_port",
                    g.call_signal_port,
                    (1, 65_535),
                    1720,
                ),
                priority: self.number("priority", g.priority, (0, 127), 0),
                origin: Origin::Configured,
            });
        }
        all
    }
}
