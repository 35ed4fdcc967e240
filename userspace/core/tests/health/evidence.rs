//! What is evidence of life, and whose silence is evidence of death.

use std::time::Duration;

use rasline_core::health::{Answers, Health, Kind, Settings, State, TcpProbe};

use crate::health::ms;
use crate::health::world::{Manner, START, World};

const GRQ: Kind = Kind::Grq;
const RRQ: Kind = Kind::Rrq;

fn fallback() -> Settings {
    Settings {
        tcp: TcpProbe::Fallback,
        ..Settings::default()
    }
}

/// It ignores GRQs for a while, as it has never done before, and answers endpoints all the time.
#[test]
fn what_endpoints_are_answered_is_life() {
    for every in [5, 30, 90] {
        let mut world = World::new(Settings {
            kinds: &[GRQ],
            ..Settings::default()
        });
        world.traffic = Some(ms(every));
        world.run(ms(7400));
        for _ in 0..20 {
            world.ignores = vec![GRQ];
            world.run(ms(600));
            world.ignores.clear();
            world.run(ms(900));
        }
        assert_eq!(world.falls(), 0, "an answer every {every} ms");
        assert_eq!(world.health.state(), State::Up);
    }
}

/// Before its silence is called death it is asked otherwise.
#[test]
fn one_that_ignores_what_it_answered_is_asked_otherwise() {
    for (first, then) in [(GRQ, RRQ), (RRQ, GRQ)] {
        let mut world = World::new(Settings::default());
        world.ignores = vec![then];
        world.run(ms(2000));
        world.ignores = vec![first];
        world.run(ms(60_000));
        assert_eq!(world.falls(), 0);
        assert_eq!(world.health.state(), State::Up);
        let died = world.now;
        world.manner = Manner::Silent;
        world.run(ms(150));
        assert_eq!(
            world.health.state(),
            State::Down,
            "its death is still found"
        );
        assert!(world.became(State::Down).unwrap().since(died) <= ms(150));
    }
}

/// Discovery is switched off, as field gatekeepers are: what it answers is found out.
#[test]
fn a_kind_that_was_never_answered_does_not_count() {
    for ignored in [GRQ, RRQ] {
        let mut world = World::new(fallback());
        world.ignores = vec![ignored];
        world.run(ms(60_000));
        assert_eq!(world.falls(), 0);
        assert_eq!(world.health.state(), State::Up);
        let answers = world.health.answers();
        assert_eq!((answers.grq, answers.rrq), (ignored == RRQ, ignored == GRQ));
        world.manner = Manner::Silent;
        world.run(ms(150));
        assert_eq!(world.health.state(), State::Down);
    }
}

#[test]
fn one_that_answers_no_probe_at_all_is_seen_by_its_port() {
    let mut world = World::new(fallback());
    world.ignores = vec![GRQ, RRQ];
    world.run(ms(60_000));
    assert_eq!(world.falls(), 0);
    assert_eq!(world.health.state(), State::Up);
    assert!(world.health.answers().tcp && !world.health.answers().ras());
    let probes = world.probes;
    world.run(ms(10_000));
    assert!(world.probes - probes <= 60, "it is asked seldom");
    world.accepts = false;
    world.run(ms(4000));
    assert_eq!(world.health.state(), State::Down);
    world.accepts = true;
    world.run(ms(4000));
    assert_eq!(world.health.state(), State::Up);
}

#[test]
fn one_that_answers_endpoints_only_is_seen_by_that() {
    let mut world = World::new(Settings {
        traffic_dead: Some(ms(1800)),
        ..fallback()
    });
    world.ignores = vec![GRQ, RRQ];
    world.accepts = false;
    world.traffic = Some(ms(700));
    world.run(ms(60_000));
    assert_eq!(world.falls(), 0);
    assert_eq!(world.health.state(), State::Up);
    // Nobody asks it anything: its silence says nothing.
    world.traffic = None;
    world.run(ms(600_000));
    assert_eq!(world.falls(), 0);
    world.unanswered_since = Some(world.now);
    world.run(ms(1700));
    assert_eq!(world.falls(), 0);
    world.run(ms(200));
    assert_eq!(world.health.state(), State::Down);
    (world.unanswered_since, world.traffic) = (None, Some(ms(700)));
    world.run(ms(10_000));
    assert_eq!(world.health.state(), State::Up);
}

/// Probes are off: what endpoints meet is all there is.
#[test]
fn one_that_is_not_probed_is_judged_by_traffic() {
    let mut world = World::new(Settings {
        ras: false,
        traffic_dead: Some(ms(900)),
        ..Settings::default()
    });
    world.traffic = Some(ms(500));
    world.run(ms(5000));
    assert_eq!(world.health.state(), State::Up);
    world.manner = Manner::Silent;
    world.run(ms(60_000));
    assert_eq!(world.falls(), 0, "nobody asked it anything");
    world.unanswered_since = Some(world.now);
    world.run(ms(1050));
    assert_eq!(world.health.state(), State::Down);
    world.manner = Manner::Answers;
    world.unanswered_since = None;
    world.run(ms(5000));
    assert_eq!(world.health.state(), State::Up);
    assert_eq!(world.probes, 0);
}

/// What a controller before had found out holds: a frozen one whose host accepts connections is dead.
#[test]
fn what_was_known_before_a_restart_counts() {
    let known = Answers {
        grq: true,
        ..Answers::default()
    };
    let mut world = World::with(Health::knowing(fallback(), known, START));
    world.manner = Manner::Silent;
    world.run(ms(2100));
    assert_eq!(world.health.state(), State::Down);

    let known = Answers {
        traffic: true,
        ..Answers::default()
    };
    let mut world = World::with(Health::knowing(fallback(), known, START));
    world.ignores = vec![GRQ, RRQ];
    world.accepts = false;
    world.run(Duration::from_mins(10));
    assert_eq!(world.falls(), 0, "it has never answered what it is asked");
}

/// What the data path saw before the start of the controller is no sign of life now.
#[test]
fn old_traffic_is_no_news() {
    let mut world = World::new(Settings::default());
    world.manner = Manner::Silent;
    world.handle(rasline_core::health::Input::Traffic(
        rasline_core::health::Traffic {
            last_reply: Some(rasline_core::Time(START.0 - 1)),
            unanswered_since: None,
        },
    ));
    world.run(ms(2100));
    assert_eq!(world.health.state(), State::Down);
}

/// One that is dead to probes and alive to endpoints comes back by that alone.
#[test]
fn traffic_brings_it_back() {
    let mut world = World::new(Settings::default());
    world.run(ms(1000));
    world.manner = Manner::Silent;
    world.run(ms(200));
    assert_eq!(world.health.state(), State::Down);
    world.manner = Manner::Answers;
    world.ignores = vec![GRQ, RRQ];
    world.traffic = Some(ms(30));
    world.run(ms(5000));
    assert_eq!(world.health.state(), State::Up);
    assert_eq!(world.falls(), 1);
}
