//! Gatekeepers that close a connection in order and go on answering, and those that are left.

use rasline_core::agent::{Config, EventKind, Input, Loss, Signalling, Strategy};
use rasline_h225::messages::Rcf;
use rasline_h225::types::RegistrationRejectReason as Why;

use crate::agent::world::{SECOND, World, alternate, calls, config, gk, ms, rcf};

fn with(signalling: Signalling) -> Config {
    Config {
        signalling,
        ..config(&[1, 2])
    }
}

/// A gatekeeper that closes after eight seconds, and confirms what it is asked.
fn closes(world: &mut World) {
    let (connection, _) = world.connections[0];
    world.input(Input::Connected { connection });
    world.run(8 * SECOND);
    world.lose(Loss::Closed);
    assert_eq!((world.last().word(), world.last().to), ("rrq", gk(1)));
    world.answer(|seq| rcf(seq, 1));
    assert_eq!(world.view().gatekeeper, Some(gk(1)));
}

#[test]
fn an_orderly_close_is_no_loss_where_the_gatekeeper_confirms() {
    for strategy in [Strategy::InOrder, Strategy::All] {
        let mut world = World::registered_with(
            Config {
                strategy,
                ..with(Signalling::Auto)
            },
            &[alternate(3, 1)],
        );
        world.lose(Loss::Closed);
        let own = world.sent[0].clone();
        assert_eq!(
            (own.word(), own.to),
            ("rrq", gk(1)),
            "the present one first"
        );
        world.confirm(1, own.seq());
        world.run(ms(60));
        assert_eq!(world.view().gatekeeper, Some(gk(1)));
        assert_eq!(world.connects.len(), 1, "opened again");
        assert_eq!(world.connects[0].1, calls(1));
        let registered = |one: &&EventKind| matches!(one, EventKind::Registered { .. });
        assert_eq!(world.events.iter().filter(registered).count(), 0);
    }
}

#[test]
fn the_second_close_makes_it_per_call() {
    let mut world = World::registered(with(Signalling::Auto));
    closes(&mut world);
    closes(&mut world);
    assert!(world.connections.is_empty());
    let per_call = EventKind::SignallingPerCall { gatekeeper: gk(1) };
    let told = |world: &World| world.events.iter().filter(|one| **one == per_call).count();
    assert_eq!(told(&world), 1);
    // It stays registered there, without connection, for ever.
    let connects = world.connects.len();
    for _ in 0..3 {
        world.now = world.agents.next_due().unwrap();
        world.input(Input::Due);
        assert_eq!((world.last().word(), world.last().to), ("rrq", gk(1)));
        world.answer(|seq| rcf(seq, 1));
    }
    assert_eq!(world.connects.len(), connects);
    assert_eq!(told(&world), 1, "once");
    // The operator may try again.
    world.input(Input::Reregister {
        agent: crate::agent::world::ME,
    });
    world.answer(|seq| rcf(seq, 1));
    assert_eq!(world.connects.len(), connects + 1);
}

#[test]
fn another_gatekeeper_may_bear_it() {
    let mut world = World::registered(with(Signalling::Auto));
    closes(&mut world);
    closes(&mut world);
    world.run(225 * SECOND);
    // The first one dies: no RCF to any repetition.
    world.run(30 * SECOND);
    let seq = world
        .sent
        .iter()
        .rfind(|sent| sent.to == gk(2))
        .unwrap()
        .seq();
    world.confirm(2, seq);
    assert_eq!(world.connections.last().unwrap().1, calls(2));
}

#[test]
fn held_means_opened_again() {
    let mut world = World::registered(with(Signalling::Hold));
    for _ in 0..200 {
        if let Some((connection, _)) = world.connections.first().copied() {
            world.input(Input::Connected { connection });
            world.run(SECOND);
            world.lose(Loss::Closed);
        } else {
            world.run(SECOND);
        }
        for sent in std::mem::take(&mut world.sent) {
            if sent.word() == "rrq" {
                world.confirm(1, sent.seq());
            }
        }
    }
    assert!(world.connects.len() >= 5);
    assert_eq!(world.view().gatekeeper, Some(gk(1)));
}

#[test]
fn per_call_and_off_keep_none() {
    for signalling in [Signalling::PerCall, Signalling::Off] {
        let world = World::registered(with(signalling));
        assert!(world.connections.is_empty() && world.connects.is_empty());
    }
}

#[test]
fn a_close_by_a_gatekeeper_that_dies_is_a_loss() {
    let mut world = World::registered(with(Signalling::Auto));
    let start = world.now;
    world.lose(Loss::Closed);
    world.run(ms(500));
    let second = world.sent.iter().find(|sent| sent.to == gk(2)).unwrap();
    assert!(second.at <= start.after(ms(500)));
    let seq = second.seq();
    world.confirm(2, seq);
    assert_eq!(world.view().gatekeeper, Some(gk(2)));
    assert_eq!(world.connects.last().unwrap().1, calls(2));
}

#[test]
fn whom_it_leaves_for_another_identifier_gets_a_urq() {
    let mut world = World::registered(with(Signalling::Auto));
    world.lose(Loss::Reset);
    let seq = world.last().seq();
    world.reject(2, seq, Why::FullRegistrationRequired);
    let seq = world.last().seq();
    world.reject(1, seq, Why::FullRegistrationRequired);
    assert_eq!((world.last().word(), world.last().to), ("RRQ", gk(2)));
    world.answer(|seq| Rcf {
        endpoint_identifier: "other".into(),
        ..rcf(seq, 2)
    });
    let urq = world.sent.iter().find(|sent| sent.word() == "URQ").unwrap();
    assert_eq!(urq.to, gk(1));
    let rasline_h225::RasMessage::UnregistrationRequest(urq) = &urq.message else {
        panic!("no URQ")
    };
    let named = urq.endpoint_identifier.as_ref();
    assert_eq!(
        named.map(rasline_h225::text::from_bmp).as_deref(),
        Some("0001_ep")
    );
}
