//! Endpoints that are alive or silent, whoever their gatekeeper is.

use rasline_core::presence::Presence;
use rasline_core::site::{Event, Input, Tick};

use super::world::*;

fn told(world: &World) -> Vec<Presence> {
    let events = world.events.iter();
    events
        .filter_map(|event| match event {
            Event::Presence(told) => Some(told.to),
            _ => None,
        })
        .collect()
}

#[test]
fn a_learned_endpoint_that_falls_silent_is_missed_and_found_again() {
    let mut config = two_gatekeepers();
    config.zones[0].silent_after = Some(10 * SECOND);
    let mut world = World::new(config);
    world.all_up();
    let key = world.learn(1, BEST);
    for n in 1..20 {
        world.seen(key, n);
        world.pass(SECOND);
    }
    assert!(told(&world).is_empty());
    world.pass(200 * SECOND);
    assert_eq!(told(&world).first(), Some(&Presence::Silent));
    world.seen(key, 30);
    world.pass(2 * SECOND);
    assert_eq!(told(&world).last(), Some(&Presence::Back));
}

#[test]
fn one_that_rasline_serves_is_missed_as_well() {
    let mut config = registrar();
    config.zones[0].silent_after = Some(10 * SECOND);
    let mut world = World::new(config);
    let eid = world.register(1);
    for _ in 0..5 {
        world.keep_alive(1, &eid);
        world.pass(2 * SECOND);
    }
    world.pass(2000 * SECOND);
    assert_eq!(told(&world).first(), Some(&Presence::Silent));
}

#[test]
fn nobody_is_missed_while_nobody_could_be_heard() {
    let mut config = registrar();
    config.zones[0].silent_after = Some(10 * SECOND);
    let mut world = World::new(config);
    let eid = world.register(1);
    world.keep_alive(1, &eid);
    for _ in 0..100 {
        world.now = world.now.after(SECOND);
        world.handle(Input::Tick(Tick {
            blind: true,
            unix_at_zero: 1_700_000_000,
            ..Tick::default()
        }));
    }
    assert!(told(&world).is_empty());
}
