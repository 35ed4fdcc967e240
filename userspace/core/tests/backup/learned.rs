//! Profiles from live traffic.

use std::net::SocketAddr;

use rasline_core::Reserved;
use rasline_core::backup::learned::{gatekeeper_identifier, known_after};
use rasline_core::backup::{known_endpoints, listed};
use rasline_core::profile::{KnownEndpoint, check_endpoint};
use rasline_core::{Reason, RegistrationId};
use rasline_h225::messages::{Rcf, Rrq, alias};
use rasline_h225::types::{GatewayInfo, H323Caps, SupportedPrefix, SupportedProtocols, VoiceCaps};
use rasline_h225::{RasMessage, encode_ras};

use crate::learner::world::*;

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|&text| text.to_owned()).collect()
}

/// A full RRQ of a gateway for these prefixes, in two protocols.
fn gateway(seq: u16, from: SocketAddr, aliases: &[&str], prefixes: [&str; 3]) -> Vec<u8> {
    let rrq = Rrq {
        aliases: texts(aliases),
        ..Rrq::full(seq, signalling(7), from)
    };
    let RasMessage::RegistrationRequest(mut rrq) = rrq.message().unwrap() else {
        unreachable!()
    };
    let prefixes = prefixes.map(|prefix| SupportedPrefix::new(alias(prefix).unwrap()));
    let [first, second, third] = prefixes;
    let mut h323 = H323Caps::new();
    h323.supported_prefixes = Some(vec![first].into());
    let mut voice = VoiceCaps::new();
    voice.supported_prefixes = Some(vec![second, third].into());
    let mut info = GatewayInfo::new();
    info.protocol = Some(
        vec![
            SupportedProtocols::H323(h323),
            SupportedProtocols::Voice(voice),
        ]
        .into(),
    );
    rrq.terminal_type.gateway = Some(info);
    encode_ras(&RasMessage::RegistrationRequest(rrq)).unwrap()
}

fn confirmed(seq: u16, eid: &str, aliases: &[&str]) -> Vec<u8> {
    let rcf = Rcf {
        aliases: texts(aliases),
        ..rcf(seq, eid)
    };
    rcf.encode().unwrap()
}

/// What is learned of an address is what who sends from it says of it.
#[test]
fn nobody_is_learned_at_an_address_of_another() {
    let mut world = World::new(config());
    let mut register = |n: u8, claimed: SocketAddr, alias: &str| {
        let rrq = Rrq {
            aliases: texts(&[alias]),
            ..Rrq::full(u16::from(n), claimed, endpoint(n))
        };
        let rcf = confirmed(u16::from(n), &format!("eid{n}"), &[]);
        world.exchange(endpoint(n), &rrq.encode().unwrap(), &rcf);
    };
    let at = |n: u8, port| SocketAddr::new(endpoint(n).ip(), port);
    let away = |last: u8| SocketAddr::from(([203, 0, 113, last], 1720));
    register(9, at(9, 1720), "owner");
    register(10, at(9, 1720), "thief");
    register(11, at(9, 1721), "neighbour");
    register(12, "127.0.0.1:1720".parse().unwrap(), "loop");
    register(13, away(1), "ours");
    // A host that nobody sends from: of two, the one heard of last.
    register(14, away(2), "first");
    register(15, away(2), "second");
    let reserved: Reserved = [away(1).ip()].into_iter().collect();
    let known = known_endpoints(&world.learner, 0, &reserved);
    let found: Vec<_> = (known.iter())
        .filter_map(|one| Some((one.aliases[0].as_str(), one.call_signal_address?)))
        .collect();
    assert_eq!(found, [("owner", at(9, 1720)), ("second", away(2))]);
}

#[test]
fn a_full_registration_tells_all() {
    let mut world = World::new(config());
    let from = endpoint(9);
    let rrq = gateway(1, from, &["gw", "4930"], ["49", "49", "0#"]);
    world.exchange(from, &rrq, &confirmed(1, "gw_eid", &[]));
    let expected = KnownEndpoint {
        aliases: texts(&["gw", "4930"]),
        prefixes: texts(&["49", "0#"]),
        password: None,
        call_signal_address: Some(signalling(7)),
        ras_address: Some(from),
        endpoint_identifier: Some("gw_eid".into()),
    };
    assert_eq!(
        known_endpoints(&world.learner, 0, &Reserved::default()),
        [expected]
    );
    assert_eq!(gatekeeper_identifier(&world.learner, 0).unwrap(), "gk");
    assert_eq!(known_endpoints(&world.learner, 1, &Reserved::default()), []);
    assert_eq!(gatekeeper_identifier(&world.learner, 1), None);
}

#[test]
fn keep_alives_tell_what_they_say() {
    let mut world = World::new(config());
    // One whose RCF names it, one that names itself, and one that nobody names.
    let light = |seq, from, eid: &str, aliases: &[&str], call_signal: &[SocketAddr]| {
        let rrq = Rrq {
            aliases: texts(aliases),
            call_signal_addresses: call_signal.to_vec(),
            time_to_live: Some(600),
            ..Rrq::lightweight(seq, from, eid)
        };
        rrq.encode().unwrap()
    };
    let rrq = light(1, endpoint(1), "a", &[], &[signalling(1)]);
    world.exchange(endpoint(1), &rrq, &confirmed(1, "a", &["alice", "1001"]));
    let rrq = light(2, endpoint(2), "b", &["bob"], &[]);
    world.exchange(endpoint(2), &rrq, &confirmed(2, "b", &[]));
    let rrq = light(3, endpoint(3), "c", &[], &[]);
    world.exchange(endpoint(3), &rrq, &confirmed(3, "c", &[]));
    let known = known_endpoints(&world.learner, 0, &Reserved::default());
    assert_eq!(known.len(), 2);
    assert_eq!(known[0].aliases, texts(&["alice", "1001"]));
    assert_eq!(known[0].call_signal_address, Some(signalling(1)));
    assert_eq!(known[0].endpoint_identifier.as_deref(), Some("a"));
    assert_eq!(known[1].aliases, texts(&["bob"]));
    assert_eq!(known[1].ras_address, Some(endpoint(2)));
    assert_eq!(known[1].call_signal_address, None);
}

#[test]
fn an_alias_is_of_who_was_heard_of_last() {
    let mut world = World::new(config());
    for (n, eid, aliases) in [
        (1, "a", ["alice", "1001"]),
        (2, "b", ["bob", "1001"]),
        (3, "c", ["bob", "alice"]),
    ] {
        let rrq = Rrq {
            aliases: texts(&aliases),
            ..Rrq::full(n, signalling(n), endpoint(n as u8))
        };
        let rcf = confirmed(n, eid, &[]);
        world.exchange(endpoint(n as u8), &rrq.encode().unwrap(), &rcf);
        world.pass(SECOND);
    }
    let known = known_endpoints(&world.learner, 0, &Reserved::default());
    let named: Vec<_> = known
        .iter()
        .map(|one| (one.endpoint_identifier.as_deref().unwrap(), &one.aliases))
        .collect();
    assert_eq!(
        named,
        [("b", &texts(&["1001"])), ("c", &texts(&["bob", "alice"]))]
    );
}

#[test]
fn what_no_profile_may_say_is_left_out() {
    let mut world = World::new(config());
    let odd = "x\u{7}y";
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 1720));
    let rrq = Rrq {
        aliases: texts(&[odd, "fine"]),
        call_signal_addresses: vec![nowhere, signalling(3)],
        ..Rrq::full(1, signalling(3), endpoint(1))
    };
    let rcf = confirmed(1, "a", &[]);
    world.exchange(endpoint(1), &rrq.encode().unwrap(), &rcf);
    let known = known_endpoints(&world.learner, 0, &Reserved::default());
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].aliases, texts(&["fine"]));
    assert_eq!(known[0].call_signal_address, Some(signalling(3)));
    // Prefixes of a name are none.
    let rrq = gateway(2, endpoint(2), &["gw"], ["49", "abc", "7"]);
    world.exchange(endpoint(2), &rrq, &confirmed(2, "b", &[]));
    let known = known_endpoints(&world.learner, 0, &Reserved::default());
    assert_eq!(known[1].prefixes, texts(&["49", "7"]));
    assert!(known.iter().all(|one| check_endpoint(one).is_ok()));
}

#[test]
fn a_large_zone_is_walked_in_parts() {
    let mut world = World::new(config());
    for n in 1..=20_u16 {
        let from = endpoint(n as u8);
        let rrq = Rrq {
            aliases: vec![format!("ep{n}")],
            ..Rrq::full(n, signalling(n), from)
        };
        let rcf = confirmed(n, &format!("eid{n}"), &[]);
        world.exchange(from, &rrq.encode().unwrap(), &rcf);
    }
    let mut all = Vec::new();
    let mut after = RegistrationId(0);
    loop {
        let part: Vec<_> = known_after(&world.learner, 0, after).take(7).collect();
        let Some((last, _)) = part.last() else { break };
        after = *last;
        all.extend(part);
    }
    let all = listed(&world.learner, all, &Reserved::default());
    assert_eq!(
        all,
        known_endpoints(&world.learner, 0, &Reserved::default())
    );
    assert_eq!(all.len(), 20);
    // Who left is not known any more.
    world.message(Reason::FromEndpoint, endpoint(3), &urq(50, Some("eid3")));
    world.message(Reason::FromGatekeeper, endpoint(3), &ucf_octets(50));
    assert_eq!(
        known_endpoints(&world.learner, 0, &Reserved::default()).len(),
        19
    );
}
