//! Real traffic, as in tests/vectors: what of it is learned.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use rasline_core::{Config, Gatekeeper, NotAnsweredReason, Output, Reason};
use rasline_h225::{RasKind, header};

use crate::learner::world::*;

/// Messages of a capture with their sender.
fn capture(name: &str) -> Vec<(IpAddr, Vec<u8>)> {
    let path = format!(
        "{}/../../tests/vectors/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut from = None;
    let mut all = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            from = comment
                .split("from ")
                .nth(1)
                .and_then(|rest| rest.split(": ").next()?.parse().ok());
        } else {
            let octet = |i| u8::from_str_radix(&line[i..i + 2], 16).unwrap();
            all.push((
                from.unwrap(),
                (0..line.len()).step_by(2).map(octet).collect(),
            ));
        }
    }
    all
}

/// Replays it: who sent an RRQ is an endpoint, and the answer goes to who asked with its number last.
fn replay(name: &str) -> (World, Vec<Output>) {
    let messages = capture(name);
    let kind = |octets: &[u8]| header(octets).map(|header| (header.kind, header.seq));
    let endpoints: BTreeSet<IpAddr> = messages
        .iter()
        .filter(|(_, octets)| matches!(kind(octets), Some((RasKind::RegistrationRequest, _))))
        .map(|(from, _)| *from)
        .collect();
    let gatekeepers: BTreeSet<IpAddr> = messages
        .iter()
        .map(|(from, _)| *from)
        .filter(|from| !endpoints.contains(from))
        .collect();
    let gatekeepers: Vec<IpAddr> = gatekeepers.into_iter().collect();
    let mut config: Config = config();
    config.zones[0].gatekeepers = (0..)
        .zip(&gatekeepers)
        .map(|(index, ip)| Gatekeeper {
            index,
            id: index.to_string(),
            address: SocketAddr::new(*ip, 1719),
        })
        .collect();
    let mut world = World::new(config);
    let mut asked: BTreeMap<u16, IpAddr> = BTreeMap::new();
    let mut out = Vec::new();
    for (from, octets) in messages {
        world.pass(SECOND / 10);
        let Some((kind, seq)) = kind(&octets) else {
            continue;
        };
        if endpoints.contains(&from) {
            asked.insert(seq, from);
            let reason = match kind {
                RasKind::RegistrationRequest => Reason::UnknownRrq,
                _ => Reason::FromEndpoint,
            };
            // All gatekeepers of a capture with one endpoint answer themselves; the first one stands for the asked.
            let asked_gatekeeper = u32::from(gatekeepers.len() > 1);
            for gatekeeper in 0..=asked_gatekeeper {
                out.extend(world.message_of(
                    gatekeeper,
                    reason,
                    SocketAddr::new(from, 1719),
                    &octets,
                ));
            }
        } else if let Some(to) = asked.get(&seq) {
            let gatekeeper = gatekeepers.iter().position(|ip| *ip == from).unwrap() as u32;
            let to = SocketAddr::new(*to, 1719);
            out.extend(world.message_of(gatekeeper, Reason::FromGatekeeper, to, &octets));
        }
    }
    (world, out)
}

#[test]
fn plain_endpoints_are_learned() {
    for name in ["ab-ep-ttl10", "ab-child-ttl10", "g-ipv6-child"] {
        let (world, out) = replay(name);
        assert!(
            !published(&out).is_empty(),
            "{name}: {:?}",
            world.learner.registrations().collect::<Vec<_>>()
        );
        assert_eq!(world.learner.stats().undecodable, 0, "{name}");
    }
}

#[test]
fn secured_ones_are_not() {
    let (world, out) = replay("b-child-h235");
    assert_eq!(published(&out), []);
    let why: Vec<_> = world
        .learner
        .registrations()
        .map(|r| world.learner.why_not(r))
        .collect();
    assert!(
        !why.is_empty()
            && why
                .iter()
                .all(|why| *why == Some(NotAnsweredReason::Secured)),
        "{why:?}"
    );
}

#[test]
fn a_time_to_live_that_settles_is_learned_when_it_has() {
    let (_, out) = replay("b-child-ttl120-ratchet");
    let given = templates(&out);
    let ttls: Vec<_> = given.iter().map(|t| t.gatekeeper_ttl.as_secs()).collect();
    assert_eq!(ttls, [60]);
}

#[test]
fn rejected_ones_are_withdrawn() {
    let (_, out) = replay("d-rrj-fullreg");
    let rejected = events(&out)
        .into_iter()
        .filter(|e| format!("{e:?}").contains("fullRegistrationRequired"));
    assert!(rejected.count() >= 1, "{:?}", events(&out));
}

#[test]
fn real_endpoints_can_be_taken_into_a_profile() {
    use rasline_core::backup::known_endpoints;
    use rasline_core::profile::check_endpoint;
    for name in [
        "ab-ep-ttl10",
        "ab-child-ttl10",
        "g-ipv6-child",
        "b-child-h235",
    ] {
        let (world, _) = replay(name);
        let known = known_endpoints(&world.learner, 0, &rasline_core::Reserved::default());
        assert!(!known.is_empty(), "{name}");
        for endpoint in known {
            assert!(
                endpoint.call_signal_address.is_some(),
                "{name}: {endpoint:?}"
            );
            assert!(
                endpoint.endpoint_identifier.is_some(),
                "{name}: {endpoint:?}"
            );
            assert_eq!(check_endpoint(&endpoint), Ok(()), "{name}");
        }
    }
}
