//! callSignalAddress behind a proxy: whose it is. The gatekeeper cannot tell, since all endpoints send from rasline.

use std::net::SocketAddr;

use rasline_h225::messages::Rrq;
use rasline_h225::text::from_transport;
use rasline_h225::types::{RasMessage, RegistrationRejectReason};
use rasline_h225::{decode_ras, encode_ras};

use crate::proxy::world::*;

fn claims(seq: u16, n: u32, claimed: &[SocketAddr]) -> Rrq {
    Rrq {
        call_signal_addresses: claimed.to_vec(),
        ..full(seq, n)
    }
}

/// Sends it and gives the kind of what comes.
fn answer(world: &mut World, n: u32, claimed: &[SocketAddr]) -> RasMessage {
    let seq = world.next_seq();
    world.send(n, &claims(seq, n, claimed).message().unwrap());
    world.pass(SECOND);
    world.last(n)
}

fn is_refused(message: &RasMessage) -> bool {
    matches!(message, RasMessage::RegistrationReject(rrj)
        if rrj.reject_reason == RegistrationRejectReason::InvalidCallSignalAddress)
}

/// callSignalAddresses that the gatekeeper has of this endpoint.
fn upstream(world: &World, n: u32) -> Vec<SocketAddr> {
    let all = world.gatekeepers[&ONE].views();
    all.filter(|view| view.aliases == [alias(n)])
        .filter_map(|view| view.call_signal_address)
        .collect()
}

#[test]
fn the_owner_takes_its_address_back() {
    let mut world = World::new(0);
    assert_eq!(answer(&mut world, 2, &[signalling(1)]).kind().name(), "RCF");
    assert_eq!(upstream(&world, 2), [signalling(1)]);
    let owner = answer(&mut world, 1, &[signalling(1)]);
    assert_eq!(owner.kind().name(), "RCF");
    assert_eq!(upstream(&world, 1), [signalling(1)]);
    assert!(upstream(&world, 2).is_empty());
    assert_eq!(world.last(2).kind().name(), "URQ");
    let views = world.views();
    assert_eq!((views.len(), views[0].endpoint), (1, ras(1)));
    // And keeps it, on all its ports.
    let other = SocketAddr::new(signalling(1).ip(), 1721);
    for claimed in [signalling(1), other] {
        let thief = answer(&mut world, 2, &[claimed]);
        assert!(is_refused(&thief), "{claimed}: {thief:?}");
    }
    assert_eq!(
        answer(&mut world, 2, &[signalling(2), other]).kind().name(),
        "RCF"
    );
    assert_eq!(upstream(&world, 2), [signalling(2)]);
}

#[test]
fn what_is_nobodys_never_goes_upstream() {
    let mut settings = settings(0);
    settings.reserved = [SERVICE.ip(), RAS.ip(), ONE.ip()].into_iter().collect();
    let mut world = World::with(settings);
    world.active(Some(ONE));
    let nobodys = [
        "127.0.0.1:1720".parse().unwrap(),
        SocketAddr::new(SERVICE.ip(), 1720),
        SocketAddr::new(RAS.ip(), 5000),
        SocketAddr::new(ONE.ip(), 1720),
    ];
    for claimed in nobodys {
        let refused = answer(&mut world, 1, &[claimed]);
        assert!(is_refused(&refused), "{claimed}: {refused:?}");
    }
    assert!(world.kinds_at(ONE).is_empty());
    let all: Vec<_> = nobodys.into_iter().chain([signalling(1)]).collect();
    assert_eq!(answer(&mut world, 1, &all).kind().name(), "RCF");
    for (_, _, octets) in &world.at_gatekeepers {
        let Ok(RasMessage::RegistrationRequest(rrq)) = decode_ras(octets) else {
            continue;
        };
        let told: Vec<_> = (rrq.call_signal_address.iter())
            .filter_map(from_transport)
            .collect();
        assert_eq!(told, [signalling(1)]);
    }
}

/// Nor is an address of another named as an alternate of an endpoint.
#[test]
fn alternate_endpoints_are_its_own() {
    let mut world = World::new(0);
    world.register(1);
    let seq = world.next_seq();
    let RasMessage::RegistrationRequest(mut rrq) = full(seq, 2).message().unwrap() else {
        unreachable!("an RRQ")
    };
    let named = |address| {
        let mut one = rasline_h225::types::Endpoint::new();
        one.call_signal_address = Some(vec![rasline_h225::text::to_transport(address)].into());
        one
    };
    rrq.alternate_endpoints = Some(
        [
            named(signalling(1)),
            named("127.0.0.1:1720".parse().unwrap()),
            named(SocketAddr::new(signalling(2).ip(), 1721)),
        ]
        .into(),
    );
    world.send_octets(
        2,
        encode_ras(&RasMessage::RegistrationRequest(rrq)).unwrap(),
    );
    world.pass(SECOND);
    let (_, _, octets) = world.at_gatekeepers.last().unwrap();
    let Ok(RasMessage::RegistrationRequest(rrq)) = decode_ras(octets) else {
        panic!("an RRQ")
    };
    let left = rrq.alternate_endpoints.unwrap_or_default();
    assert_eq!(left[..], [named(SocketAddr::new(signalling(2).ip(), 1721))]);
}
