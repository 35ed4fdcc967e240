//! All endpoints behind one gateway registration.

use std::time::Duration;

use rasline_core::proxy::{Settings, Upstream, UpstreamState};
use rasline_h225::text::{from_alias, from_bmp, to_bmp};
use rasline_h225::types::{
    AliasAddress, InfoRequest, RasMessage, RegistrationConfirm, RegistrationReject,
    RegistrationRejectReason, RegistrationRequest,
};
use rasline_h225::{decode_ras, view};

use crate::proxy::world::*;

fn aggregate(rate: u32) -> World {
    let mut world = World::with(Settings {
        upstream: Upstream::Aggregate,
        ..settings(rate)
    });
    world.active(Some(ONE));
    world
}

fn last_rrq(world: &World) -> RegistrationRequest {
    match decode_ras(&world.at_gatekeepers.last().unwrap().2).unwrap() {
        RasMessage::RegistrationRequest(rrq) => rrq,
        other => panic!("{other:?}"),
    }
}

fn aliases(rrq: &RegistrationRequest) -> Vec<String> {
    rrq.terminal_alias
        .iter()
        .flatten()
        .filter_map(from_alias)
        .collect()
}

#[test]
fn one_registration_carries_all() {
    let mut world = aggregate(0);
    let eids: Vec<String> = (1..=3).map(|n| world.register(n)).collect();
    assert_eq!(world.registered_at(ONE), 1);
    let gateway = world.gatekeepers[&ONE].views().next().unwrap();
    assert_eq!(gateway.aliases, [alias(1), alias(2), alias(3)]);
    assert!(last_rrq(&world).terminal_type.gateway.is_some());
    // Each has its own endpointIdentifier, and sees its own alias only.
    assert_ne!(eids[0], eids[1]);
    let view::Summary::Rcf { aliases, .. } = view::summarise(&world.last(3)) else {
        panic!("{:?}", world.last(3))
    };
    assert_eq!(aliases, [alias(3)]);
    // Calls are the gateway's.
    world.forget();
    let seq = world.call(2, &eids[1], 3);
    world.pass(SECOND);
    let RasMessage::AdmissionRequest(arq) = decode_ras(&world.at_gatekeepers[0].2).unwrap() else {
        panic!("no ARQ")
    };
    assert_eq!(
        from_bmp(&arq.endpoint_identifier),
        gateway.endpoint_identifier
    );
    assert_eq!(world.last(2).request_seq_num(), seq);
}

#[test]
fn keep_alives_and_status_are_the_gateways() {
    let mut world = aggregate(0);
    world.register(1);
    world.register(2);
    world.forget();
    world.pass(Duration::from_secs(100));
    let kinds = world.kinds_at(ONE);
    assert!(
        (1..=4).contains(&kinds.len()) && kinds.iter().all(|kind| *kind == "rrq"),
        "{kinds:?}"
    );
    world.order(ONE, &RasMessage::InfoRequest(InfoRequest::new(7, 0)));
    world.pass(SECOND);
    assert_eq!(world.kinds_at(ONE).last(), Some(&"IRR"));
    assert_eq!((world.kinds(1).len(), world.registered_at(ONE)), (0, 1));
}

#[test]
fn who_leaves_is_taken_out_and_the_last_one_ends_it() {
    let mut world = aggregate(0);
    let eids: Vec<String> = (1..=2).map(|n| world.register(n)).collect();
    world.forget();
    world.unregister(1, &eids[0]);
    world.pass(SECOND);
    assert_eq!(world.kinds_at(ONE), ["RRQ"]);
    assert_eq!(aliases(&last_rrq(&world)), [alias(2)]);
    world.unregister(2, &eids[1]);
    world.pass(SECOND);
    assert_eq!(world.kinds_at(ONE), ["RRQ", "URQ"]);
    assert_eq!(world.registered_at(ONE), 0);
    // And again.
    world.register(3);
    assert_eq!(world.registered_at(ONE), 1);
}

#[test]
fn it_moves_with_one_rrq_and_comes_back_when_it_was_forgotten() {
    let mut world = aggregate(0);
    let eids: Vec<String> = (1..=50).map(|n| world.register(n)).collect();
    world.forget();
    world.active(Some(TWO));
    world.pass(SECOND);
    assert_eq!(world.kinds_at(TWO), ["RRQ"]);
    assert_eq!(
        world.gatekeepers[&TWO]
            .views()
            .next()
            .unwrap()
            .aliases
            .len(),
        50
    );
    assert_eq!(world.registered_at(ONE), 0);
    world
        .gatekeepers
        .insert(TWO, gatekeeper(TWO, "gk-number-two"));
    world.pass(Duration::from_mins(1));
    assert_eq!(
        world.gatekeepers[&TWO]
            .views()
            .next()
            .unwrap()
            .aliases
            .len(),
        50
    );
    assert!(world.at_endpoints.is_empty());
    assert!(
        world
            .views()
            .iter()
            .all(|view| view.upstream == UpstreamState::Registered)
    );
    assert_eq!(world.views()[0].endpoint_identifier, eids[0]);
}

/// The gatekeeper's part is played here: it adds what it is told.
#[test]
fn aliases_are_added_where_the_gatekeeper_can() {
    let mut world = aggregate(0);
    world.dead.push(ONE);
    let confirm = |world: &mut World| {
        let mut rcf = RegistrationConfirm::new(
            last_rrq(world).request_seq_num,
            to_bmp("the-gateway").unwrap(),
        );
        rcf.supports_additive_registration = Some(());
        rcf.time_to_live = Some(600);
        world.order(ONE, &RasMessage::RegistrationConfirm(rcf));
        world.pass(100 * MS);
    };
    for n in 1..=2 {
        world.send(n, &full(10, n).message().unwrap());
        world.pass(100 * MS);
        assert_eq!(last_rrq(&world).additive_registration.is_some(), n == 2);
        assert_eq!(aliases(&last_rrq(&world)), [alias(n)]);
        confirm(&mut world);
        assert_eq!(world.kinds(n), ["RCF"]);
    }
    // One whose alias is somebody else's does not spoil it for the others.
    for n in 3..=4 {
        world.send(n, &full(10, n).message().unwrap());
    }
    world.pass(100 * MS);
    let first = aliases(&last_rrq(&world));
    let taken: AliasAddress = last_rrq(&world).terminal_alias.unwrap().remove(0);
    let rrj = RegistrationReject::new(
        last_rrq(&world).request_seq_num,
        RegistrationRejectReason::DuplicateAlias(vec![taken].into()),
    );
    world.order(ONE, &RasMessage::RegistrationReject(rrj));
    world.pass(100 * MS);
    confirm(&mut world);
    let refused = if first[0] == alias(3) { 3 } else { 4 };
    assert_eq!(world.kinds(refused), ["RRJ"]);
    assert_eq!(world.kinds(7 - refused), ["RCF"]);
    // Who leaves takes its aliases along.
    let eid = world.views()[0].endpoint_identifier.clone();
    world.unregister(1, &eid);
    world.pass(100 * MS);
    let RasMessage::UnregistrationRequest(urq) =
        decode_ras(&world.at_gatekeepers.last().unwrap().2).unwrap()
    else {
        panic!("no URQ")
    };
    let gone: Vec<String> = urq
        .endpoint_alias
        .iter()
        .flatten()
        .filter_map(from_alias)
        .collect();
    assert_eq!(gone, [alias(1)]);
}
