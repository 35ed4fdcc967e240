//! Endpoints add aliases.

use std::time::Duration;

use rasline_core::proxy::{EntryId, Input, Proxy, Settings, Upstream, UpstreamState};
use rasline_h225::decode_ras;
use rasline_h225::text::{from_alias, from_bmp, to_bmp};
use rasline_h225::types::{
    RasMessage, RegistrationConfirm, RegistrationReject, RegistrationRejectReason,
    RegistrationRequest,
};

use crate::proxy::world::*;

/// An additive RRQ of endpoint `n`.
fn additive(seq: u16, n: u32, eid: &str, aliases: &[&str]) -> RasMessage {
    let mut rrq = full(seq, n);
    rrq.aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
    rrq.endpoint_identifier = Some(eid.into());
    let RasMessage::RegistrationRequest(mut rrq) = rrq.message().unwrap() else {
        unreachable!()
    };
    rrq.additive_registration = Some(());
    RasMessage::RegistrationRequest(rrq)
}

fn add(world: &mut World, n: u32, eid: &str, aliases: &[&str]) {
    let seq = world.next_seq();
    world.send(n, &additive(seq, n, eid, aliases));
    world.pass(100 * MS);
}

fn texts(rrq: &RegistrationRequest) -> Vec<String> {
    let all = rrq.terminal_alias.iter().flatten();
    all.filter_map(from_alias).collect()
}

fn last_rrq(world: &World) -> RegistrationRequest {
    match decode_ras(&world.at_gatekeepers.last().unwrap().2).unwrap() {
        RasMessage::RegistrationRequest(rrq) => rrq,
        other => panic!("{other:?}"),
    }
}

fn rejection(world: &World, n: u32) -> RegistrationRejectReason {
    match world.last(n) {
        RasMessage::RegistrationReject(rrj) => rrj.reject_reason,
        other => panic!("{other:?}"),
    }
}

fn aliases_at(world: &World, gatekeeper: std::net::SocketAddr) -> Vec<String> {
    world.gatekeepers[&gatekeeper]
        .views()
        .next()
        .unwrap()
        .aliases
}

#[test]
fn what_is_added_is_kept() {
    let mut world = World::new(0);
    let eid = world.register(1);
    let RasMessage::RegistrationConfirm(rcf) = world.last(1) else {
        panic!("{:?}", world.last(1))
    };
    assert_eq!(rcf.supports_additive_registration, Some(()));
    world.forget();
    add(&mut world, 1, &eid, &["500"]);
    assert_eq!(
        (world.kinds(1), world.kinds_at(ONE)),
        (vec!["RCF"], vec!["RRQ"])
    );
    let both = [alias(1), "500".into()];
    assert_eq!(aliases_at(&world, ONE), both);
    assert_eq!(world.views()[0].aliases, both);
    assert_eq!(world.views()[0].endpoint_identifier, eid);
    // Once more changes nothing.
    add(&mut world, 1, &eid, &["500"]);
    assert_eq!((world.kinds(1).len(), world.kinds_at(ONE).len()), (2, 1));
    // The next gatekeeper hears all of it, and so does the next process.
    world.active(Some(TWO));
    world.pass(SECOND);
    assert_eq!(aliases_at(&world, TWO), both);
    let other = Settings {
        seed: 0x1234,
        ..settings(0)
    };
    world.proxy = Proxy::new(other, world.now);
    for one in world.stored.clone().into_values() {
        world.input(Input::Restore(Box::new(one)));
    }
    assert_eq!(world.views()[0].aliases, both);
    // A full RRQ says all that there is.
    world.active(Some(ONE));
    assert_eq!(world.register(1), eid);
    assert_eq!(aliases_at(&world, ONE), [alias(1)]);
}

/// The gatekeeper's part is played here.
fn confirm(world: &mut World, adds: bool, time_to_live: Option<u32>) {
    let seq = last_rrq(world).request_seq_num;
    let mut rcf = RegistrationConfirm::new(seq, to_bmp("up").unwrap());
    rcf.supports_additive_registration = adds.then_some(());
    rcf.time_to_live = time_to_live;
    world.order(ONE, &RasMessage::RegistrationConfirm(rcf));
    world.pass(100 * MS);
}

fn reject(world: &mut World, reason: RegistrationRejectReason) {
    let rrj = RegistrationReject::new(last_rrq(world).request_seq_num, reason);
    world.order(ONE, &RasMessage::RegistrationReject(rrj));
    world.pass(100 * MS);
}

/// Registered with a gatekeeper that is played; its endpointIdentifier.
fn played(adds: bool) -> (World, String) {
    let mut world = World::new(0);
    world.dead.push(ONE);
    world.send(1, &full(10, 1).message().unwrap());
    world.pass(100 * MS);
    confirm(&mut world, adds, Some(60));
    let eid = world.views()[0].endpoint_identifier.clone();
    world.forget();
    (world, eid)
}

#[test]
fn a_gatekeeper_that_takes_additive_rrqs_gets_them() {
    let (mut world, eid) = played(true);
    add(&mut world, 1, &eid, &["500"]);
    // Another one before the first was answered.
    add(&mut world, 1, &eid, &["501"]);
    let rrq = last_rrq(&world);
    assert!(rrq.additive_registration.is_some());
    assert_eq!(
        rrq.endpoint_identifier.as_ref().map(from_bmp).as_deref(),
        Some("up")
    );
    assert_eq!(texts(&rrq), ["500", "501"]);
    confirm(&mut world, false, None);
    assert_eq!(world.kinds(1), ["RCF", "RCF"]);
    assert_eq!(world.views()[0].aliases, [&alias(1), "500", "501"]);
    // timeToLive is as it was.
    world.forget();
    world.pass(Duration::from_secs(50));
    assert_eq!(world.kinds_at(ONE)[0], "rrq");
    // One that says that it does not take them any more gets the whole.
    confirm(&mut world, true, Some(60));
    add(&mut world, 1, &eid, &["502"]);
    assert_eq!(texts(&last_rrq(&world)), ["502"]);
    reject(
        &mut world,
        RegistrationRejectReason::AdditiveRegistrationNotSupported,
    );
    assert!(last_rrq(&world).additive_registration.is_none());
    assert_eq!(texts(&last_rrq(&world)), [&alias(1), "500", "501", "502"]);
    confirm(&mut world, false, Some(60));
    assert_eq!(world.kinds(1), ["RCF"]);
}

#[test]
fn who_may_not_add_stays_what_it_was() {
    for adds in [true, false] {
        let (mut world, eid) = played(adds);
        add(&mut world, 1, &eid, &["500"]);
        let list = last_rrq(&world).terminal_alias.unwrap();
        reject(&mut world, RegistrationRejectReason::DuplicateAlias(list));
        assert!(matches!(
            rejection(&world, 1),
            RegistrationRejectReason::DuplicateAlias(_)
        ));
        let view = &world.views()[0];
        assert_eq!(
            (&view.aliases[..], view.upstream),
            (&[alias(1)][..], UpstreamState::Registered)
        );
        world.forget();
        world.keep_alive(1, &eid);
        world.pass(Duration::from_secs(21));
        assert_eq!(world.kinds(1), ["RCF"]);
        assert!(world.kinds_at(ONE).contains(&"rrq"), "does it hold?");
        assert!(world.stored.contains_key(&EntryId(1)));
    }
}

#[test]
fn what_is_not_ones_own_is_not_added() {
    let mut world = World::new(0);
    let eids: Vec<String> = (1..=2).map(|n| world.register(n)).collect();
    world.forget();
    add(&mut world, 1, &eids[0], &["500", &alias(2)]);
    let RegistrationRejectReason::DuplicateAlias(list) = rejection(&world, 1) else {
        panic!("{:?}", world.last(1))
    };
    assert_eq!(
        list.iter().filter_map(from_alias).collect::<Vec<_>>(),
        [alias(2)]
    );
    let unknown = RegistrationRejectReason::FullRegistrationRequired;
    add(&mut world, 1, &eids[1], &["500"]);
    assert_eq!(rejection(&world, 1), unknown);
    add(&mut world, 1, "nobody", &["500"]);
    assert_eq!(rejection(&world, 1), unknown);
    let mut rrq = additive(77, 1, &eids[0], &["500"]);
    if let RasMessage::RegistrationRequest(rrq) = &mut rrq {
        rrq.call_signal_address = vec![rasline_h225::text::to_transport(signalling(2))].into();
    }
    world.send(1, &rrq);
    world.pass(SECOND);
    assert_eq!(
        rejection(&world, 1),
        RegistrationRejectReason::InvalidCallSignalAddress
    );
    assert!(world.at_gatekeepers.is_empty());
    assert_eq!(world.views()[0].aliases, [alias(1)]);
}

#[test]
fn what_is_added_is_bounded() {
    let mut world = World::new(0);
    let eid = world.register(1);
    for n in 0..40 {
        let long = format!("{n}-{}", "x".repeat(200));
        add(&mut world, 1, &eid, &[&long]);
    }
    assert_eq!(
        rejection(&world, 1),
        RegistrationRejectReason::ResourceUnavailable
    );
    assert!(world.views()[0].aliases.len() < 20);
    assert!(world.stored[&EntryId(1)].registration.full.len() <= 4096);
    assert_eq!(world.views()[0].upstream, UpstreamState::Registered);
}

#[test]
fn an_aggregate_says_it_with_the_others() {
    let mut world = World::with(Settings {
        upstream: Upstream::Aggregate,
        ..settings(0)
    });
    world.active(Some(ONE));
    let eids: Vec<String> = (1..=2).map(|n| world.register(n)).collect();
    world.forget();
    add(&mut world, 1, &eids[0], &["500"]);
    assert_eq!(world.kinds(1), ["RCF"]);
    assert_eq!((world.registered_at(ONE), world.kinds(2).len()), (1, 0));
    let mut all = aliases_at(&world, ONE);
    all.sort();
    assert_eq!(all, [alias(1), alias(2), "500".into()]);
    assert_eq!(world.views()[0].aliases, [alias(1), "500".into()]);
}
