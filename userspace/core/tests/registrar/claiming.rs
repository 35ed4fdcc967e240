//! callSignalAddress: whose it is.

use std::net::SocketAddr;

use rasline_core::profile::KnownEndpoint;
use rasline_core::registrar::{Event, Input, Output};
use rasline_h225::messages::Rrq;
use rasline_h225::types::RasMessage;

use crate::registrar::world::*;

/// A full RRQ of endpoint `n` that claims this.
fn claims(seq: u16, n: u8, alias: &str, claimed: &[SocketAddr]) -> Rrq {
    Rrq {
        aliases: vec![alias.into()],
        call_signal_addresses: claimed.to_vec(),
        ..Rrq::full(seq, signalling(n), ras(n))
    }
}

fn at(n: u8, port: u16) -> SocketAddr {
    SocketAddr::new(ras(n).ip(), port)
}

#[test]
fn an_address_speaks_for_who_sends_from_it() {
    let mut world = World::new();
    // While nobody sends from there, an endpoint may be signalled elsewhere.
    let thief = world.rcf(ras(2), &claims(1, 2, "thief", &[signalling(1)]));
    let owner = world.register(1, "owner");
    assert_ne!(
        rasline_h225::text::from_bmp(&thief.endpoint_identifier),
        owner
    );
    let only = world.only();
    assert_eq!(only.call_signal_address, Some(signalling(1)));
    assert_eq!(only.aliases, ["owner"]);
    // Now somebody does: neither this one nor another one on that host.
    for (seq, claimed) in [(3, signalling(1)), (4, at(1, 1721))] {
        let rrq = claims(seq, 2, "thief", &[signalling(2), claimed]);
        // The owner is asked whether it still lives, too.
        let out = world.octets(ras(2), &rrq.encode().unwrap());
        assert_eq!(kinds(&out)[0], "RRJ");
    }
    world.rcf(ras(2), &claims(5, 2, "thief", &[signalling(2)]));
    assert_eq!(world.views().len(), 2);
    // Two on one host share it.
    let rrq = claims(6, 2, "second", &[at(2, 1721)]);
    world.rcf(SocketAddr::new(ras(2).ip(), 1800), &rrq);
    assert_eq!(world.views().len(), 3);
}

#[test]
fn a_thief_is_known_no_more() {
    let mut world = World::new();
    let thief = world.rcf(ras(2), &claims(1, 2, "thief", &[signalling(1)]));
    let thief = rasline_h225::text::from_bmp(&thief.endpoint_identifier);
    let out = world.octets(ras(1), &full(2, 1, "owner").encode().unwrap());
    let ended = |event: &Event| {
        matches!(event, Event::Unregistered { endpoint_identifier, .. }
            if *endpoint_identifier == thief)
    };
    assert!(events(&out).iter().any(ended), "{out:?}");
    assert_eq!(kinds(&world.keep_alive(2, &thief)), ["RRJ"]);
    assert_eq!(
        kinds(&world.keep_alive(1, &world.only().endpoint_identifier)),
        ["RCF"]
    );
}

/// Its name goes with it: that is the endpoint itself, at another host.
#[test]
fn who_moves_to_the_host_of_its_signalling_is_who_it_was() {
    let mut world = World::new();
    let before = world.rcf(ras(2), &claims(1, 2, "gateway", &[signalling(1)]));
    let after = world.register(1, "gateway");
    assert_eq!(
        rasline_h225::text::from_bmp(&before.endpoint_identifier),
        after
    );
    assert_eq!(world.only().endpoint, ras(1));
}

#[test]
fn what_is_nobodys() {
    let mut settings = settings(profile());
    settings.reserved = [GATEKEEPER.ip(), "203.0.113.5".parse().unwrap()]
        .into_iter()
        .collect();
    let mut world = World::of(settings);
    let nobodys: Vec<SocketAddr> = [
        "127.0.0.1:1720",
        "127.0.0.2:5",
        "198.51.100.1:1720",
        "198.51.100.1:40000",
        "203.0.113.5:1720",
        "255.255.255.255:1720",
        "[::1]:1720",
        "[::ffff:127.0.0.1]:1720",
    ]
    .map(|one| one.parse().unwrap())
    .into();
    for (address, seq) in nobodys.iter().zip(1..) {
        let rrq = claims(seq, 1, "thief", &[*address]);
        assert_eq!(
            world.rrj(ras(1), &rrq),
            "invalidCallSignalAddress",
            "{address}"
        );
    }
    let all: Vec<_> = nobodys.into_iter().take(7).chain([signalling(1)]).collect();
    world.rcf(ras(1), &claims(100, 1, "one", &all));
    assert_eq!(world.only().call_signal_address, Some(signalling(1)));
    let other = world.rcf(ras(2), &full(101, 2, "two"));
    let other = rasline_h225::text::from_bmp(&other.endpoint_identifier);
    let arq = crate::registrar::calls::arq(102, &other, 1, &["one"]);
    assert_eq!(world.admitted(2, arq), signalling(1));
}

/// An endpoint that its own gatekeeper registered, and the profile knows, goes on by keep-alives.
#[test]
fn who_is_adopted_has_its_address_back() {
    let mut known = known(&["owner"]);
    known.endpoint_identifier = Some("of_gk".into());
    known.ras_address = Some(ras(1));
    known.call_signal_address = Some(signalling(1));
    let mut profile = profile();
    profile.endpoints = vec![known];
    let mut world = World::with(profile);
    world.rcf(ras(2), &claims(1, 2, "thief", &[signalling(1)]));
    assert_eq!(kinds(&world.keep_alive(1, "of_gk")), ["RCF"]);
    let only = world.only();
    assert_eq!(
        (only.endpoint, only.call_signal_address),
        (ras(1), Some(signalling(1)))
    );
}

/// What was learned of one that claims the address of another does not come into its hands by being adopted.
#[test]
fn who_is_adopted_takes_no_address_of_another() {
    let mut known = known(&["thief"]);
    known.endpoint_identifier = Some("of_gk".into());
    known.ras_address = Some(ras(2));
    known.call_signal_address = Some(at(1, 1721));
    let mut world = World::with({
        let mut profile = profile();
        profile.endpoints = vec![KnownEndpoint { ..known }];
        profile
    });
    let owner = world.register(1, "owner");
    world.keep_alive(2, "of_gk");
    let arq = crate::registrar::calls::arq(9, &owner, 1, &["thief"]);
    let out = world.message(ras(1), &RasMessage::AdmissionRequest(arq));
    assert!(!kinds(&out).contains(&"ACF"), "{out:?}");
}

/// A restart changes nothing of it.
#[test]
fn what_is_restored_is_judged_alike() {
    let mut world = World::new();
    let mut kept = stored(&world.octets(ras(1), &full(1, 1, "one").encode().unwrap()));
    let mut settings = settings(profile());
    settings.reserved = [ras(1).ip()].into_iter().collect();
    let mut after = World::of(settings);
    let out: Vec<Output> = after.input(Input::Restore(Box::new(kept.pop().unwrap())));
    assert!(offers(&out).is_empty());
    assert!(
        after
            .views()
            .iter()
            .all(|v| v.call_signal_address.is_none())
    );
}
