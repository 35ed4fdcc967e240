//! Rasline as the backup of a zone: from its gatekeeper's death to its return.

use rasline_core::RegistrationKey;
use rasline_core::backup;
use rasline_core::health::State;
use rasline_core::site::{Event, Input, ServedAsBackup};
use rasline_h225::RasMessage;

use super::world::*;

fn dead_and_served() -> (World, String) {
    let mut world = World::new(with_backup());
    world.health(BEST, State::Up);
    world.learn(1, BEST);
    world.health(BEST, State::Down);
    assert_eq!(world.active(), Some(OWN));
    let eid = world.register(2);
    (world, eid)
}

fn started(world: &World) -> Option<usize> {
    world.events.iter().find_map(|event| match event {
        Event::Backup(backup::Event::Started { known, .. }) => Some(*known),
        _ => None,
    })
}

#[test]
fn nobody_is_served_while_the_zones_own_gatekeeper_lives() {
    let mut world = World::new(with_backup());
    world.health(BEST, State::Up);
    world.datagram(endpoint(2), ras(OWN), &full(9, 2).encode().unwrap());
    assert!(world.sent.is_empty());
    assert!(world.site.own().backed_up().is_empty());
}

#[test]
fn what_was_learned_of_the_zone_is_known_when_the_backup_starts() {
    let (world, _) = dead_and_served();
    assert_eq!(started(&world), Some(1), "the endpoint that was learned");
    assert!(world.site.own().backed_up().contains(&ZONE));
}

#[test]
fn the_kernel_answers_for_the_backup_and_after_its_end_until_all_have_moved() {
    let (mut world, eid) = dead_and_served();
    world.keep_alive(2, &eid);
    let served = world.slots().0;
    assert_eq!(served, 1, "its keep-alive is known");
    world.health(BEST, State::Up);
    world.pass(65 * SECOND);
    assert_eq!(world.active(), Some(BEST), "returned");
    assert!(world.site.own().backed_up().is_empty());
    assert_eq!(
        world.slots().0,
        served,
        "still answered: it has yet to move"
    );
    // hold_for is longer than a minute.
    world.pass(900 * SECOND);
    assert_eq!(world.slots().0, 0);
}

/// A large zone moves at its rate, which may take longer than hold_for.
#[test]
fn a_zone_that_needs_long_to_move_is_answered_for_as_long() {
    let mut config = with_backup();
    config.zones[0].hold_for = SECOND;
    config.zones[0].migrate_rate = 1;
    let mut world = World::new(config);
    world.health(BEST, State::Up);
    world.health(BEST, State::Down);
    for n in 1..=50 {
        let eid = world.register(n);
        world.keep_alive(n, &eid);
    }
    world.pass(31 * SECOND);
    assert_eq!(world.kernel.move_for, Some(300 * SECOND));
    world.health(BEST, State::Up);
    while world.active() != Some(BEST) {
        world.pass(SECOND);
    }
    let served = world.slots().0;
    assert!(served > 0);
    world.pass(290 * SECOND);
    assert_eq!(world.slots().0, served);
    world.pass(20 * SECOND);
    assert_eq!(world.slots().0, 0);
}

#[test]
fn one_that_comes_again_before_it_was_withdrawn_stays() {
    let (mut world, eid) = dead_and_served();
    world.keep_alive(2, &eid);
    world.health(BEST, State::Up);
    world.pass(65 * SECOND);
    world.health(BEST, State::Down);
    let eid = world.register(2);
    world.keep_alive(2, &eid);
    let before = world.slots().0;
    assert!(before > 0);
    world.pass(2 * SECOND);
    assert_eq!(world.slots().0, before, "published again, so not retired");
}

#[test]
fn people_see_an_endpoint_once() {
    let mut world = World::new(with_backup());
    world.health(BEST, State::Up);
    world.learn(1, BEST);
    world.health(BEST, State::Down);
    world.register(1);
    let here = ServedAsBackup::new(world.site.own());
    let learned = world.site.learner().registrations().next();
    assert!(here.has(learned.expect("its own gatekeeper's")));
    world.health(BEST, State::Up);
    world.pass(65 * SECOND);
    assert!(ServedAsBackup::new(world.site.own()).is_empty());
}

#[test]
fn a_dropped_registration_is_gone_everywhere() {
    let (mut world, eid) = dead_and_served();
    world.keep_alive(2, &eid);
    let key = {
        let kernel = &world.kernel;
        *kernel.slots.keys().find(|key| key.is_served()).unwrap()
    };
    assert!(world.site.has_registration(key));
    assert_eq!(RegistrationKey::from_number(key.number()), key);
    world.handle(Input::Drop(key));
    assert!(!world.site.has_registration(key));
    assert_eq!(world.slots().0, 0);
    let last = world.last_to(endpoint(2));
    assert!(matches!(last, RasMessage::UnregistrationRequest(_)));
}

#[test]
fn a_crowd_puts_full_registrations_off_until_it_is_gone() {
    let (mut world, _) = dead_and_served();
    world.handle(Input::Waiting(1_025));
    world.datagram(endpoint(3), ras(OWN), &full(99, 3).encode().unwrap());
    let answer = world.last_to(endpoint(3));
    assert!(matches!(answer, RasMessage::RequestInProgress(_)));
    world.handle(Input::Waiting(65));
    let over = |world: &World| {
        let mut events = world.events.iter();
        events.any(|it| matches!(it, Event::OverloadOver))
    };
    assert!(!over(&world), "not yet: few is fewer than many");
    world.handle(Input::Waiting(64));
    assert!(over(&world));
    world.register(4);
}

#[test]
fn datagrams_of_strangers_are_counted_and_not_answered() {
    let (mut world, _) = dead_and_served();
    let before = world.sent.len();
    let stranger = ([203, 0, 113, 5], 1719).into();
    world.datagram(stranger, ras(OWN), &full(77, 3).encode().unwrap());
    assert_eq!(world.sent.len(), before);
    assert_eq!(world.site.own().strangers(), 1);
}
