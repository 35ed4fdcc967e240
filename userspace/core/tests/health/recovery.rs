//! The way back, damping, and the call-signalling port.

use std::time::Duration;

use rasline_core::health::{Settings, State, TcpProbe};

use crate::health::ms;
use crate::health::world::{Manner, World};

fn fallen(settings: Settings) -> World {
    let mut world = World::new(settings);
    world.run(ms(500));
    world.manner = Manner::Silent;
    world.run(ms(1000));
    assert_eq!(world.health.state(), State::Down);
    world
}

/// How long it takes from the first answer to Up.
fn recovery(world: &mut World) -> Duration {
    world.manner = Manner::Answers;
    let back = world.now;
    world.run(Duration::from_mins(7));
    assert_eq!(world.health.state(), State::Up);
    world.became(State::Up).unwrap().since(back)
}

#[test]
fn it_is_up_again_when_it_was_well_for_long_enough() {
    let took = recovery(&mut fallen(Settings::default()));
    assert!(took >= ms(500) && took <= ms(560), "{took:?}");
}

#[test]
fn one_answer_is_not_life() {
    let mut world = fallen(Settings::default());
    for _ in 0..20 {
        world.manner = Manner::Answers;
        world.run(ms(30));
        world.manner = Manner::Silent;
        world.run(ms(600));
        assert_eq!(world.health.state(), State::Down);
    }
}

#[test]
fn a_lossy_one_comes_back_too() {
    let mut world = fallen(Settings::default());
    world.loss = 30;
    world.manner = Manner::Answers;
    world.run(ms(5000));
    assert_ne!(world.health.state(), State::Down);
}

#[test]
fn each_fall_doubles_the_time_it_must_be_well() {
    let mut world = World::new(Settings::default());
    world.run(ms(500));
    let mut expected = ms(500);
    for _ in 0..4 {
        world.manner = Manner::Silent;
        world.run(ms(200));
        assert_eq!(world.health.state(), State::Down);
        assert_eq!(world.health.stable(), expected);
        world.manner = Manner::Answers;
        world.run(expected.saturating_sub(ms(30)));
        assert_eq!(world.health.state(), State::Down);
        world.run(ms(120));
        assert_eq!(world.health.state(), State::Up);
        expected *= 2;
    }
}

#[test]
fn damping_has_an_end() {
    let mut world = World::new(Settings::default());
    world.run(ms(500));
    for _ in 0..200 {
        world.manner = Manner::Silent;
        world.run(ms(200));
        world.manner = Manner::Answers;
        world.run(ms(4000));
    }
    assert!(world.falls() <= 12, "{} falls", world.falls());
    assert!(world.health.stable() >= ms(4000) && world.health.stable() <= ms(8000));
    world.manner = Manner::Answers;
    world.run(Duration::from_mins(11));
    assert_eq!(world.health.state(), State::Up);
    world.manner = Manner::Silent;
    world.run(ms(200));
    assert_eq!(world.health.stable(), ms(500), "old falls are forgotten");
}

fn with_tcp() -> Settings {
    Settings {
        tcp: TcpProbe::Required,
        ..Settings::default()
    }
}

#[test]
fn a_gatekeeper_that_takes_no_calls_is_down() {
    let mut world = World::new(with_tcp());
    world.run(ms(5000));
    assert_eq!(world.health.state(), State::Up);
    world.accepts = false;
    world.run(ms(1900));
    assert_eq!(
        world.health.state(),
        State::Up,
        "two failures are not enough"
    );
    world.run(ms(1200));
    assert_eq!(world.health.state(), State::Down);
    let change = world.changes.last().unwrap().1;
    assert_eq!(change.evidence.tcp_failed, 3);
    world.run(ms(60_000));
    assert_eq!(world.health.state(), State::Down);
    world.accepts = true;
    world.run(ms(3000));
    assert_eq!(world.health.state(), State::Up);
}

#[test]
fn the_port_does_not_matter_unless_required() {
    let mut world = World::new(Settings::default());
    world.accepts = false;
    world.run(ms(60_000));
    assert_eq!(world.health.state(), State::Up);
}

#[test]
fn tcp_alone() {
    let mut world = World::new(Settings {
        ras: false,
        ..with_tcp()
    });
    world.run(ms(2500));
    assert_eq!(world.health.state(), State::Up);
    world.accepts = false;
    world.run(ms(4000));
    assert_eq!(world.health.state(), State::Down);
    world.accepts = true;
    world.run(ms(4000));
    assert_eq!(world.health.state(), State::Up);
    assert_eq!(world.probes, 0);
}
