//! The ways to return.

use std::time::Duration;

use rasline_core::EventKind;
use rasline_core::failover::{Failback, Input};
use rasline_core::health::State::{Down, Suspect, Up};

use crate::failover::world::{World, ZONE, gk};

/// Failed over to 1; 0 is back.
fn away(failback: Failback) -> World {
    let mut world = World::new(failback);
    world.health(0, Down);
    world.seconds(10);
    world.health(0, Up);
    assert_eq!(world.active(), 1);
    world
}

#[test]
fn none() {
    let mut world = away(Failback::None);
    world.seconds(100_000);
    assert_eq!(world.active(), 1);
}

#[test]
fn after_a_time() {
    let mut world = away(Failback::After(Duration::from_mins(1)));
    world.seconds(30);
    world.health(0, Suspect);
    world.health(0, Up);
    assert!(
        world.waiting().contains("another 30 s"),
        "{}",
        world.waiting()
    );
    world.seconds(29);
    assert_eq!(world.active(), 1);
    assert_eq!(world.kernel.steered, [0]);
    world.seconds(1);
    assert_eq!(world.active(), 0);
    assert!(world.kernel.steered.is_empty());
    let back = EventKind::Failback {
        from: Some(gk(1)),
        to: Some(gk(0)),
    };
    assert_eq!(world.events.last(), Some(&back));
}

#[test]
fn not_to_one_that_is_suspect_right_then() {
    let mut world = away(Failback::After(Duration::from_mins(1)));
    world.seconds(59);
    world.health(0, Suspect);
    world.seconds(10);
    assert_eq!(world.active(), 1);
    world.health(0, Up);
    assert_eq!(world.active(), 0);
}

#[test]
fn after_the_calls() {
    let mut world = away(Failback::AfterCalls);
    world.seconds(5);
    assert!(world.waiting().contains("not known"));
    let calls = |gatekeeper, open| Input::Calls {
        gatekeeper: gk(gatekeeper),
        open,
    };
    world.feed(calls(0, 0));
    world.feed(calls(1, 3));
    assert_eq!(world.waiting(), "3 open calls to end");
    assert_eq!(world.active(), 1);
    world.feed(calls(1, 0));
    assert_eq!(world.active(), 0);
}

#[test]
fn in_a_window_that_goes_round_midnight() {
    let mut world = away(Failback::Window {
        from_minute: 1380,
        to_minute: 60,
    });
    world.seconds(100);
    assert_eq!(world.waiting(), "the time of day 23:00");
    world.feed(Input::Tick {
        minute_of_day: 1379,
    });
    assert_eq!(world.active(), 1);
    world.feed(Input::Tick { minute_of_day: 59 });
    assert_eq!(world.active(), 0);
}

#[test]
fn to_the_best_that_may_not_the_best_there_is() {
    let mut world = World::new(Failback::After(Duration::from_mins(1)));
    world.health(0, Down);
    world.health(1, Down);
    assert_eq!(
        (world.active(), &world.kernel.steered[..]),
        (2, &[0, 1][..])
    );
    world.health(1, Up);
    world.seconds(50);
    world.health(0, Up);
    world.seconds(30);
    assert_eq!(world.active(), 1);
    assert_eq!(world.kernel.steered, [0]);
    world.seconds(30);
    assert_eq!(world.active(), 0);
    assert!(world.kernel.steered.is_empty());
}

#[test]
fn by_hand() {
    let mut world = away(Failback::None);
    world.feed(Input::Switch {
        zone: ZONE,
        gatekeeper: gk(0),
    });
    assert_eq!((world.active(), &world.kernel.steered[..]), (0, &[1][..]));
    world.feed(Input::Release { zone: ZONE });
    assert_eq!((world.active(), world.kernel.steered.len()), (0, 0));
}
