//! No ping-pong, whatever flaps.

use std::time::Duration;

use rasline_core::Time;
use rasline_core::failover::{Failback, Input};
use rasline_core::health::{Health, Input as HealthInput, Output, Settings, State};

use crate::failover::world::{World, gk};

const POLICIES: [Failback; 3] = [
    Failback::After(Duration::from_secs(2)),
    Failback::AfterCalls,
    Failback::Window {
        from_minute: 0,
        to_minute: 0,
    },
];

fn moves_within(policy: Failback, seconds: u64, mut flap: impl FnMut(&mut World, u64)) -> u32 {
    let mut world = World::new(policy);
    for second in 0..seconds {
        for gatekeeper in 0..3 {
            world.feed(Input::Calls {
                gatekeeper: gk(gatekeeper),
                open: 0,
            });
        }
        flap(&mut world, second);
        world.seconds(1);
    }
    assert_ne!(world.active(), 2, "the third is never needed");
    world.moves
}

#[test]
fn health_that_flaps_without_any_damping() {
    for policy in POLICIES {
        let moves = moves_within(policy, 3600, |world, second| {
            let state = if second % 10 < 3 {
                State::Down
            } else {
                State::Up
            };
            world.health(0, state);
        });
        assert!((2..=10).contains(&moves), "{moves} moves by {policy:?}");
    }
}

#[test]
fn a_kernel_that_finds_silent_what_the_probes_find_well() {
    for policy in POLICIES {
        let moves = moves_within(policy, 3600, |world, _| {
            if world.active() == 0 {
                world.kernel_decides(1);
            }
        });
        assert!((2..=30).contains(&moves), "{moves} moves by {policy:?}");
    }
}

/// A gatekeeper that is there for a second and away for a second, judged by [`Health`] itself.
#[test]
fn a_gatekeeper_that_flaps() {
    for policy in POLICIES {
        let mut world = World::new(policy);
        world.feed(Input::Calls {
            gatekeeper: gk(1),
            open: 0,
        });
        let start = world.now;
        let mut health = Health::new(Settings::default(), start);
        while world.now < start.after(Duration::from_mins(30)) {
            world.now = Time(health.due().0);
            let there = world.now.since(start).as_secs().is_multiple_of(2);
            let mut out = Vec::new();
            health.handle(world.now, HealthInput::Timer, &mut out);
            for output in std::mem::take(&mut out) {
                if let (Output::Probe { probe, .. }, true) = (output, there) {
                    health.handle(world.now, HealthInput::Answered { probe }, &mut out);
                }
                changed(&mut world, output);
            }
            for output in out {
                changed(&mut world, output);
            }
            let minute_of_day = 5;
            world.feed(Input::Tick { minute_of_day });
        }
        assert!((1..=6).contains(&world.moves), "{} moves", world.moves);
        assert_eq!(world.active(), 1);
    }
}

fn changed(world: &mut World, output: Output) {
    if let Output::Changed(change) = output {
        world.health(0, change.to);
    }
}

/// All candidates flap: moving after each of them helps nobody.
#[test]
fn all_of_them_flap() {
    let mut world = World::new(Failback::None);
    for second in 0..600 {
        // Each is away for five seconds out of fifteen.
        for gatekeeper in 0..3 {
            let away = (second + 5 * u64::from(gatekeeper)) % 15 < 5;
            let state = if away { State::Down } else { State::Up };
            if world.state(gatekeeper) != state {
                world.health(gatekeeper, state);
            }
        }
        world.seconds(1);
    }
    assert!((2..=16).contains(&world.moves), "{} moves", world.moves);
}

/// One that failed lately is no refuge at once; one that did not is.
#[test]
fn the_one_that_did_not_fail_is_preferred() {
    let mut world = World::new(Failback::None);
    world.health(0, State::Down);
    assert_eq!(world.active(), 1);
    world.health(0, State::Up);
    world.health(1, State::Down);
    assert_eq!(world.active(), 2, "the first has just failed");
    world.health(2, State::Down);
    assert_eq!(world.active(), 2, "all have failed");
    let waiting = world.waiting();
    assert!(waiting.contains("all of them failed lately"), "{waiting}");
    assert!(world.failover.is_damped(world.now, gk(2)));
    world.seconds(3);
    assert_eq!(world.active(), 0);
    assert!(!world.failover.is_damped(world.now, gk(2)));
}
