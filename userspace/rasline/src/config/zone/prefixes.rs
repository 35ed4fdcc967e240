//! Prefixes of zones: those of endpoints overlap neither each other nor gatekeepers.

use ipnet::IpNet;
use toml::Spanned;

use super::RawZone;
use crate::config::checker::Checker;

/// Checks that prefixes of different zones do not overlap and contain no gatekeeper.
pub(super) fn check_all(c: &mut Checker<'_>, zones: &[Spanned<RawZone>]) {
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
            c.fail(
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
            c.fail(
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
            c.fail(Some(prefix.span()), "endpoints", format!("{net} of zone \"{zone}\" overlaps {} of zone \"{other}\"; an endpoint belongs to one zone only, so separate them", theirs.get_ref()));
        }
    }
    check_allowed_alternates(c, zones, &prefixes);
    for gatekeeper in zones.iter().flat_map(|z| &z.get_ref().gatekeeper) {
        let address = &gatekeeper.get_ref().address;
        if let Some((zone, prefix)) = prefixes
            .iter()
            .find(|(_, p)| p.get_ref().contains(address.get_ref()))
        {
            c.fail(Some(address.span()), "address", format!("gatekeeper \"{}\" ({}) is inside {} of zone \"{zone}\"'s endpoints; narrow that prefix", gatekeeper.get_ref().id.get_ref(), address.get_ref(), prefix.get_ref()));
        }
    }
}

/// Checks the prefixes of learned alternates, which must not overlap those of endpoints.
fn check_allowed_alternates(
    c: &mut Checker<'_>,
    zones: &[Spanned<RawZone>],
    endpoints: &[(&str, &Spanned<IpNet>)],
) {
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
            c.fail(Some(prefix.span()), "allowed_alternates", what);
        }
        if zone.learn_alternates && zone.allowed_alternates.is_empty() {
            let what = format!(
                "zone \"{}\" learns alternates but allows none; list the prefixes in which they may lie",
                zone.name.get_ref()
            );
            c.fail(Some(zone.name.span()), "allowed_alternates", what);
        }
    }
}
