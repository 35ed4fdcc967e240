//! Slow is not dead: the time that silence must last follows the round trips that were measured.

use std::time::Duration;

use rasline_core::health::{Settings, State};

use crate::health::ms;
use crate::health::world::{Dice, Manner, World};

/// How long it takes to find it dead from now on.
fn death(world: &mut World) -> Duration {
    world.manner = Manner::Silent;
    let died = world.now;
    world.run(ms(5000));
    assert_eq!(world.health.state(), State::Down);
    world.became(State::Down).unwrap().since(died)
}

#[test]
fn a_long_way_is_learned_before_the_first_verdict() {
    for round_trip in [50, 150, 300, 700, 950] {
        let mut world = World::new(Settings::default());
        world.round_trip = ms(round_trip);
        world.run(ms(60_000));
        assert_eq!(world.falls(), 0, "{round_trip} ms");
        assert_eq!(world.health.state(), State::Up);
        let took = death(&mut world);
        let bound = ms(3 * round_trip + 60);
        assert!(took <= bound, "{took:?} with {round_trip} ms");
    }
}

#[test]
fn a_lossy_long_way_is_learned_too() {
    for seed in 1..20 {
        let mut world = World::new(Settings::default());
        (world.round_trip, world.loss) = (ms(300), 30);
        world.dice = Dice::new(seed);
        world.run(ms(60_000));
        assert_eq!(world.falls(), 0);
    }
}

/// On a machine whose answers come irregularly a pause is nothing special.
#[test]
fn a_pause_on_a_busy_machine_is_no_death() {
    let mut world = World::new(Settings::default());
    world.jitter = ms(20);
    world.run(ms(5000));
    for _ in 0..50 {
        world.pause(ms(250));
        world.run(ms(4000));
    }
    assert_eq!(world.falls(), 0);
    assert!(death(&mut world) <= ms(700));
}

/// Where answers were quick and regular a pause cannot be told from death in 150 ms; the next one can.
#[test]
fn a_pause_is_learned() {
    let mut world = World::new(Settings::default());
    world.run(ms(5000));
    for _ in 0..10 {
        world.pause(ms(250));
        world.run(ms(10_000));
    }
    assert_eq!(world.falls(), 1);
    assert!(death(&mut world) <= ms(700));
}

#[test]
fn answers_that_become_slow_are_not_death() {
    let mut world = World::new(Settings::default());
    world.run(ms(2000));
    for round_trip in [10, 40, 90, 150, 250, 400, 700] {
        world.round_trip = ms(round_trip);
        world.run(ms(5000));
        assert_eq!(world.falls(), 0, "{round_trip} ms");
    }
}

/// However slow it was: there is a bound.
#[test]
fn the_wait_is_bounded() {
    let mut world = World::new(Settings::default());
    (world.round_trip, world.jitter) = (ms(500), ms(1500));
    world.run(ms(60_000));
    // What was under way when it died still arrives.
    assert!(death(&mut world) <= ms(2000 + 2000 + 100));
}

#[test]
fn what_is_asked_for_is_the_least() {
    let mut world = World::new(Settings {
        dead_time: ms(3000),
        ..Settings::default()
    });
    world.run(ms(2000));
    for _ in 0..20 {
        world.pause(ms(2900));
        world.run(ms(1000));
    }
    assert_eq!(world.falls(), 0);
}

/// This machine is busy: who waits for it may be late.
#[test]
fn a_busy_machine_is_patient() {
    let mut world = World::new(Settings::default());
    world.run(ms(2000));
    world.handle(rasline_core::health::Input::Busy(true));
    for _ in 0..10 {
        world.manner = Manner::Silent;
        world.run(ms(400));
        world.manner = Manner::Answers;
        world.run(ms(1000));
    }
    assert_eq!(world.falls(), 0);
    assert!(death(&mut world) <= ms(550));
    world.manner = Manner::Answers;
    world.handle(rasline_core::health::Input::Busy(false));
    world.run(ms(2000));
    assert!(death(&mut world) <= ms(150));
}
