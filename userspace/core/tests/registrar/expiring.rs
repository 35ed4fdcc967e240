//! When timeToLive runs out.

use rasline_core::registrar::{Ended, Event, Input, Output};
use rasline_h225::types::{RasMessage, UnregRequestReason};
use rasline_h225::view::{self, Summary};

use crate::registrar::world::*;

fn asks_kernel(out: &[Output]) -> bool {
    out.iter().any(|one| matches!(one, Output::AskSeen { .. }))
}

#[test]
fn asked_first_then_unregistered() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    assert!(world.pass(59 * SECOND).is_empty());
    let out = world.pass(SECOND);
    assert_eq!(kinds(&out), ["IRQ"]);
    assert_eq!(kinds(&world.pass(3 * SECOND)), ["IRQ"]);
    let out = world.pass(3 * SECOND);
    let all = sent(&out);
    let RasMessage::UnregistrationRequest(urq) = &all[0].1 else {
        panic!("{out:?}")
    };
    assert_eq!((all.len(), all[0].0), (1, ras(1)));
    assert_eq!(urq.reason, Some(UnregRequestReason::TtlExpired));
    let Summary::Urq {
        endpoint_identifier,
        gatekeeper_identifier,
        ..
    } = view::summarise(&all[0].1)
    else {
        panic!()
    };
    assert_eq!(endpoint_identifier, Some(eid));
    assert_eq!(gatekeeper_identifier.as_deref(), Some("gk1"));
    let why = |event: &Event| {
        matches!(
            event,
            Event::Unregistered {
                why: Ended::Expired,
                ..
            }
        )
    };
    assert!(events(&out).iter().any(why));
    assert_eq!(
        (world.views().len(), world.registrar.stats().expired),
        (0, 1)
    );
    // Once more, since nobody confirms it.
    assert_eq!(kinds(&world.pass(3 * SECOND)), ["URQ"]);
    assert!(world.pass(60 * SECOND).is_empty());
    assert_eq!(world.registrar.next_due(), None);
}

#[test]
fn keep_alives_hold_it() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    for _ in 0..20 {
        assert!(sent(&world.pass(50 * SECOND)).is_empty());
        assert_eq!(kinds(&world.keep_alive(1, &eid)), ["RCF"]);
    }
    assert_eq!(world.views().len(), 1);
}

#[test]
fn the_kernel_is_asked_before_the_endpoint() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    world.keep_alive(1, &eid);
    let id = world.only().id;
    let out = world.pass(60 * SECOND);
    assert!(asks_kernel(&out) && sent(&out).is_empty(), "{out:?}");
    let at = world.now;
    world.input(Input::Seen { id, at });
    assert!(world.pass(59 * SECOND).is_empty());
    assert!(asks_kernel(&world.pass(SECOND)));
    // It says nothing, or what is too old.
    world.input(Input::Seen { id, at });
    let out = world.pass(SECOND);
    assert_eq!(kinds(&out), ["IRQ"]);
    assert!(withdrawn(&world.pass(6 * SECOND)).contains(&id));
}

#[test]
fn an_endpoint_that_never_counts_up_is_held() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    let rrq = rasline_h225::messages::Rrq::lightweight(5, ras(1), &eid)
        .encode()
        .unwrap();
    for _ in 0..60 {
        world.pass(5 * SECOND);
        assert_eq!(kinds(&world.octets(ras(1), &rrq)), ["RCF"]);
    }
    assert_eq!(world.only().endpoint_identifier, eid);
}

#[test]
fn the_operator_drops_one() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    world.keep_alive(1, &eid);
    let id = world.only().id;
    let out = world.input(Input::Drop { id });
    assert_eq!((kinds(&out), withdrawn(&out)), (vec!["URQ"], vec![id]));
    let seq = sent(&out)[0].1.request_seq_num();
    let out = world.message(ras(1), &rasline_h225::messages::ucf(seq));
    assert!(out.is_empty());
    assert!(world.pass(10 * SECOND).is_empty());
}

#[test]
fn one_that_registers_again_is_not_told_again_to_leave() {
    let mut world = World::new();
    world.register(1, "alice");
    assert_eq!(kinds(&world.pass(66 * SECOND)), ["IRQ", "IRQ", "URQ"]);
    world.pass(SECOND);
    world.register(1, "alice");
    assert!(sent(&world.pass(50 * SECOND)).is_empty());
    assert_eq!(world.registrar.held()[1], 0);
}
