//! The gateway registration of an aggregate over a restart, and over time.

use std::time::Duration;

use rasline_core::proxy::{EntryId, Input, Proxy, Settings, Upstream, UpstreamState};
use rasline_h225::decode_ras;
use rasline_h225::text::{from_alias, from_bmp, to_bmp};
use rasline_h225::types::{RasMessage, RegistrationConfirm, RegistrationRequest};

use crate::proxy::world::*;

const GATEWAY: EntryId = EntryId(0);

fn aggregate_settings() -> Settings {
    Settings {
        upstream: Upstream::Aggregate,
        ..settings(0)
    }
}

/// An aggregate of this many endpoints; their endpointIdentifiers.
fn aggregate(count: u32) -> (World, Vec<String>) {
    let mut world = World::with(aggregate_settings());
    world.active(Some(ONE));
    let eids = (1..=count).map(|n| world.register(n)).collect();
    (world, eids)
}

/// Another process takes over, with what was stored.
fn restart(world: &mut World, settings: Settings) {
    world.proxy = Proxy::new(
        Settings {
            seed: 0x1234,
            ..settings
        },
        world.now,
    );
    world.forget();
    for one in world.stored.clone().into_values() {
        world.input(Input::Restore(Box::new(one)));
    }
    world.active(Some(ONE));
}

fn rrqs(world: &World) -> Vec<RegistrationRequest> {
    let all = world.at_gatekeepers.iter();
    let all = all.filter_map(|(_, _, octets)| match decode_ras(octets).unwrap() {
        RasMessage::RegistrationRequest(rrq) => Some(rrq),
        _ => None,
    });
    all.collect()
}

fn aliases(rrq: &RegistrationRequest) -> Vec<String> {
    let all = rrq.terminal_alias.iter().flatten();
    all.filter_map(from_alias).collect()
}

fn all_are_in(world: &World) -> bool {
    let all = world.views();
    all.iter()
        .all(|view| view.upstream == UpstreamState::Registered)
}

#[test]
fn a_restart_goes_on_with_the_same_registration() {
    let (mut world, eids) = aggregate(3);
    let upstream = world.views()[0].upstream_identifier.clone().unwrap();
    restart(&mut world, aggregate_settings());
    world.keep_alive(2, &eids[1]);
    world.pass(Duration::from_secs(20));
    let kinds = world.kinds_at(ONE);
    assert_eq!(kinds, ["rrq"], "one that asks whether it holds");
    let eid = rrqs(&world)[0].endpoint_identifier.as_ref().map(from_bmp);
    assert_eq!(eid.as_ref(), Some(&upstream));
    assert!(all_are_in(&world));
    assert_eq!((world.kinds(2), world.kinds(1).len()), (vec!["RCF"], 0));
    // It goes on being kept alive, and grows.
    world.pass(Duration::from_mins(1));
    assert!(world.kinds_at(ONE).iter().all(|kind| *kind == "rrq"));
    assert_eq!(world.registered_at(ONE), 1);
    world.register(4);
    let last = rrqs(&world).pop().unwrap();
    assert_eq!(aliases(&last), [alias(1), alias(2), alias(3), alias(4)]);
    assert_eq!(
        last.endpoint_identifier.as_ref().map(from_bmp),
        Some(upstream)
    );
    assert_eq!(world.registered_at(ONE), 1);
}

#[test]
fn one_that_the_gatekeeper_forgot_meanwhile_is_made_anew() {
    let (mut world, _) = aggregate(3);
    world.gatekeepers.insert(ONE, gatekeeper(ONE, "gk-one"));
    restart(&mut world, aggregate_settings());
    world.pass(Duration::from_secs(5));
    assert_eq!(world.kinds_at(ONE), ["rrq", "RRQ"]);
    assert_eq!(aliases(&rrqs(&world)[1]), [alias(1), alias(2), alias(3)]);
    assert_eq!(rrqs(&world)[1].endpoint_identifier, None);
    assert!(all_are_in(&world) && world.at_endpoints.is_empty());
}

#[test]
fn one_whose_time_is_over_is_made_anew() {
    let (mut world, _) = aggregate(2);
    world.dead.push(ONE);
    world.now = world.now.after(Duration::from_secs(90));
    world.dead.clear();
    restart(&mut world, aggregate_settings());
    world.pass(Duration::from_secs(5));
    assert_eq!(world.kinds_at(ONE)[0], "RRQ");
    assert!(all_are_in(&world) && world.at_endpoints.is_empty());
}

#[test]
fn who_is_not_in_it_joins_anew() {
    let (mut world, _) = aggregate(3);
    let second = world.views()[1].id;
    let stored = world.stored.get_mut(&second).unwrap();
    stored.upstream_identifier = Some("another".into());
    restart(&mut world, aggregate_settings());
    world.pass(SECOND / 2);
    let rrqs = rrqs(&world);
    assert_eq!(rrqs.len(), 1);
    assert_eq!(aliases(&rrqs[0]), [alias(1), alias(3), alias(2)]);
    assert!(all_are_in(&world) && world.registered_at(ONE) == 1);
}

#[test]
fn it_is_forgotten_with_the_last_endpoint_and_where_there_is_none() {
    let (mut world, eids) = aggregate(1);
    assert!(world.stored.contains_key(&GATEWAY));
    world.unregister(1, &eids[0]);
    world.pass(SECOND);
    assert!(world.stored.is_empty());
    let (mut world, _) = aggregate(2);
    restart(&mut world, settings(0));
    assert!(!world.stored.contains_key(&GATEWAY));
}

/// Who does not fit into the gateway's RRQ is refused, and the gatekeeper is not asked in vain.
#[test]
fn more_than_fit_are_refused() {
    let mut world = World::with(aggregate_settings());
    world.active(Some(ONE));
    let long = |n: u32, k: u32| format!("{n}-{k}-{}", "x".repeat(200));
    for n in 1..=20 {
        let mut rrq = full(10, n);
        rrq.aliases.extend((0..8).map(|k| long(n, k)));
        world.send(n, &rrq.message().unwrap());
        world.pass(100 * MS);
    }
    world.pass(Duration::from_secs(30));
    let carried = world.views().len();
    assert!((12..20).contains(&carried), "{carried}");
    let refused = (1..=20).filter(|n| world.kinds(*n).last() == Some(&"RRJ"));
    assert_eq!(refused.count(), 20 - carried);
    let full = world
        .kinds_at(ONE)
        .iter()
        .filter(|kind| **kind == "RRQ")
        .count();
    assert!(full <= 30, "{full} full RRQs for {carried} endpoints");
}

/// The gatekeeper's part is played here: it answers keep-alives only. An endpoint whose changes come to nothing does not
/// put off the gateway's keep-alive.
#[test]
fn the_keep_alive_is_not_put_off() {
    let (mut world, eids) = aggregate(2);
    world.dead.push(ONE);
    let confirm = |world: &mut World, seq| {
        let mut rcf = RegistrationConfirm::new(seq, to_bmp("any").unwrap());
        rcf.time_to_live = Some(60);
        world.order(ONE, &RasMessage::RegistrationConfirm(rcf));
    };
    let mut last = world.now;
    let mut seen = 0;
    for n in 0..200 {
        if n % 25 == 0 {
            let mut rrq = full(100 + n, 2);
            rrq.aliases.push(alias(1000 + u32::from(n)));
            world.send(2, &rrq.message().unwrap());
            world.keep_alive(1, &eids[0]);
            world.keep_alive(2, &eids[1]);
        }
        world.pass(SECOND);
        for rrq in rrqs(&world).into_iter().skip(std::mem::take(&mut seen)) {
            if rrq.keep_alive == Some(true) {
                last = world.now;
                confirm(&mut world, rrq.request_seq_num);
            }
        }
        seen = rrqs(&world).len();
        let silent = world.now.since(last);
        assert!(
            silent < Duration::from_mins(1),
            "no keep-alive for {silent:?}"
        );
    }
}
