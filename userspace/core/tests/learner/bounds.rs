//! Memory stays within the configured bounds, and a flood does not keep others from being learned.

use std::net::SocketAddr;

use rasline_core::{EventKind, Input, Reason};

use crate::learner::world::*;

fn flooder(n: u32) -> SocketAddr {
    SocketAddr::from(((0x0a00_0000 + n / 4).to_be_bytes(), 1719 + (n % 4) as u16))
}

#[test]
fn made_up_requests_are_forgotten() {
    let mut config = config();
    config.max_pending = 100;
    let mut world = World::new(config);
    for n in 0..20_000 {
        let (seq, eid) = (n as u16 | 1, format!("{n}"));
        world.message(Reason::UnknownRrq, flooder(n), &keep_alive(seq, &eid));
        assert!(world.learner.stats().pending <= 100);
    }
    let stats = world.learner.stats();
    assert_eq!((stats.registrations, stats.pending_evicted), (0, 19_900));
    world.pass(10 * SECOND);
    world.input(Input::Tick);
    assert_eq!(world.learner.stats().pending, 0);
}

#[test]
fn one_source_has_its_share() {
    let mut world = World::new(config());
    for seq in 1..1000 {
        world.message(Reason::UnknownRrq, endpoint(1), &keep_alive(seq, "e"));
    }
    let stats = world.learner.stats();
    assert_eq!(
        (stats.pending, stats.pending_evicted_source),
        (16, 999 - 16)
    );
}

#[test]
fn others_are_learned_beside_a_flood() {
    let mut config = config();
    config.max_pending = 100;
    let mut world = World::new(config);
    let mut n = 0;
    let mut flood = |world: &mut World| {
        for _ in 0..90 {
            n += 1;
            world.message(Reason::UnknownRrq, flooder(n), &keep_alive(1, "made up"));
        }
    };
    for seq in [10, 11] {
        flood(&mut world);
        world.message(Reason::UnknownRrq, endpoint(1), &keep_alive(seq, "e"));
        flood(&mut world);
        world.message(
            Reason::FromGatekeeper,
            endpoint(1),
            &rcf(seq, "e").encode().unwrap(),
        );
    }
    assert_eq!(world.learner.stats().published, 1);
}

#[test]
fn registrations_are_bounded_and_that_is_told_once_a_minute() {
    let mut config = config();
    config.max_registrations = 2;
    let mut world = World::new(config);
    let mut told = Vec::new();
    for n in 1..=10 {
        let out = world.keeps_alive(endpoint(n), 10, &format!("{n}"));
        told.extend(
            events(&out)
                .into_iter()
                .filter(|e| matches!(e, EventKind::TableFull { .. }))
                .cloned(),
        );
    }
    assert_eq!(told, [EventKind::TableFull { refused: 1 }]);
    assert_eq!(world.learner.stats().registrations, 2);
    world.pass(60 * SECOND);
    let out = world.keeps_alive(endpoint(10), 11, "10");
    assert_eq!(events(&out), [&EventKind::TableFull { refused: 9 }]);
    // Those that are known go on.
    assert_eq!(published(&world.keeps_alive(endpoint(1), 11, "1")).len(), 1);
    // Room again.
    let id = world.learner.registrations().next().unwrap().id;
    world.input(Input::DropRegistration { id });
    world.keeps_alive(endpoint(10), 12, "10");
    assert_eq!(
        published(&world.keeps_alive(endpoint(10), 13, "10")).len(),
        1
    );
}
