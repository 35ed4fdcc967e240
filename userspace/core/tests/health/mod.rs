//! Death is found in time, and only death.

mod evidence;
mod pace;
mod recovery;
mod world;

use std::time::Duration;

use proptest::prelude::*;
use rasline_core::Time;
use rasline_core::health::{Health, Input, Output, Settings, State, TcpProbe, Traffic};
use world::{Dice, Manner, START, World};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn hours(hours: u64) -> Duration {
    Duration::from_hours(hours)
}

#[test]
fn the_first_answer_is_life() {
    let mut world = World::new(Settings::default());
    assert_eq!(world.health.state(), State::Unknown);
    world.run(ms(1));
    assert_eq!(world.health.state(), State::Up);
    assert_eq!(
        world.health.evidence().round_trip,
        Some(Duration::from_micros(300))
    );
}

#[test]
fn death_is_found_within_150_ms_whatever_its_phase() {
    for round_trip in [200, 5_000, 12_000, 25_000] {
        for manner in [Manner::Silent, Manner::Refuses] {
            for phase in 0..100 {
                let mut world = World::new(Settings::default());
                world.round_trip = Duration::from_micros(round_trip);
                world.run(ms(1000) + Duration::from_micros(250) * phase);
                assert_eq!(world.falls(), 0);
                let died = world.now;
                world.manner = manner;
                world.run(ms(150));
                assert_eq!(
                    world.falls(),
                    1,
                    "round trip {round_trip} us, phase {phase}"
                );
                let change = world.changes.last().unwrap().1;
                assert_eq!(change.from, State::Suspect);
                assert!(change.evidence.unanswered >= 5);
                let first = change.evidence.first_unanswered.unwrap();
                assert!(first.after(world.round_trip) >= died);
                assert!(died.since(change.evidence.last_answer.unwrap()) <= ms(25));
            }
        }
    }
}

#[test]
fn a_gatekeeper_that_was_never_there_is_found_dead() {
    // It may be slow: how fast it answers is not known yet. An error that comes back is known at once.
    for (manner, before, after) in [(Manner::Silent, 1900, 2100), (Manner::Refuses, 100, 150)] {
        let mut world = World::new(Settings::default());
        world.manner = manner;
        world.run(ms(before));
        assert_eq!(world.falls(), 0);
        world.run(ms(after - before));
        assert_eq!(world.health.state(), State::Down);
        let probes = world.probes;
        world.run(ms(10_000));
        assert!(
            world.probes - probes < 450,
            "dead ones are probed slowly: {}",
            world.probes - probes
        );
    }
}

#[test]
fn losing_thirty_percent_for_hours_is_not_death() {
    for seed in 1..=3 {
        let mut world = World::new(Settings::default());
        world.dice = Dice::new(seed);
        world.loss = 30;
        world.run(hours(2));
        assert_eq!(world.falls(), 0);
        assert!(world.changes.len() > 10_000, "it was lossy");
    }
}

#[test]
fn losing_thirty_percent_of_a_long_way_is_not_death() {
    let mut world = World::new(Settings::default());
    world.loss = 30;
    world.round_trip = ms(18);
    world.run(hours(1));
    assert_eq!(world.falls(), 0);
}

#[test]
fn losing_half_is_hardly_ever_death_and_not_for_long() {
    let mut world = World::new(Settings::default());
    world.loss = 50;
    world.run(hours(4));
    assert!(world.falls() <= 4, "{} falls", world.falls());
    world.run(ms(10_000));
    assert_ne!(world.health.state(), State::Down);
}

#[test]
fn a_slow_gatekeeper_is_not_dead() {
    let mut world = World::new(Settings::default());
    world.manner = Manner::Slow;
    world.run(hours(1));
    assert_eq!(world.falls(), 0);
    assert_eq!(world.health.state(), State::Up);
    assert_eq!(world.health.evidence().round_trip, None);
}

#[test]
fn a_long_way_is_not_death() {
    for round_trip in [30, 60, 100, 250, 900] {
        let mut world = World::new(Settings::default());
        world.round_trip = ms(round_trip);
        world.run(ms(2 * round_trip + 10_000));
        let start = world.changes.len();
        world.run(hours(1));
        assert_eq!(world.health.state(), State::Up, "{round_trip} ms");
        assert_eq!(world.changes.len(), start, "{round_trip} ms");
    }
}

#[test]
fn late_timers_are_never_evidence() {
    let mut world = World::new(Settings::default());
    world.run(ms(500));
    world.manner = Manner::Silent;
    world.lateness = ms(16);
    world.run(hours(1));
    assert_eq!(world.falls(), 0);
    assert_ne!(
        world.health.state(),
        State::Suspect,
        "nothing is known either"
    );
    assert!(world.health.late_timers() > 1000);
}

#[test]
fn timers_as_late_as_allowed_still_find_it() {
    let mut world = World::new(Settings::default());
    world.lateness = ms(15);
    world.run(ms(500));
    world.manner = Manner::Silent;
    world.run(ms(250));
    assert_eq!(world.health.state(), State::Down);
    assert_eq!(world.health.late_timers(), 0);
}

#[test]
fn what_we_cannot_send_says_nothing_about_the_gatekeeper() {
    let mut world = World::new(Settings::default());
    world.run(ms(500));
    world.manner = Manner::CannotSend;
    world.run(ms(60_000));
    assert_eq!(world.falls(), 0);
    assert_eq!(world.health.state(), State::Unknown);
    world.manner = Manner::Answers;
    world.run(ms(50));
    assert_eq!(world.health.state(), State::Up);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn stalls_of_any_length_never_kill(stall in 16u64..5000, loss in 0u64..25, seed: u64) {
        let mut world = World::new(Settings::default());
        world.dice = Dice::new(seed);
        (world.stall, world.loss) = (ms(stall), loss);
        world.run(ms(600_000));
        prop_assert_eq!(world.falls(), 0);
        prop_assert!(world.health.late_timers() > 0);
    }
}

#[test]
fn our_own_link_that_is_down_is_no_evidence() {
    let mut now = Time(1_000_000_000);
    let settings = Settings::default();
    let mut health = Health::new(settings, now);
    let answer = |health: &mut Health, now: &mut Time| {
        let mut out = Vec::new();
        *now = health.due();
        health.handle(*now, Input::Timer, &mut out);
        for output in out.clone() {
            if let Output::Probe { probe, .. } = output {
                health.handle(*now, Input::Answered { probe }, &mut out);
            }
        }
    };
    for _ in 0..20 {
        answer(&mut health, &mut now);
    }
    assert_eq!(health.state(), State::Up);
    // A probe is overdue; then it is seen that the link is down.
    let mut out = Vec::new();
    while health.state() != State::Suspect {
        now = health.due();
        health.handle(now, Input::Timer, &mut out);
    }
    for _ in 0..1000 {
        health.handle(now, Input::CutOff, &mut out);
        assert_eq!(health.state(), State::Unknown);
        assert!(health.due() > now);
        now = health.due();
    }
    // It has not fallen, so it is back with its first answer.
    answer(&mut health, &mut now);
    assert_eq!(
        (health.state(), health.stable()),
        (State::Up, settings.stable)
    );
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        6 => Just(Input::Timer),
        2 => (0u64..40).prop_map(|probe| Input::Answered { probe }),
        1 => (0u64..40).prop_map(|probe| Input::Slow { probe }),
        1 => (0u64..2000).prop_map(|ago| Input::Traffic(Traffic {
            last_reply: Some(START.after(ms(ago))),
            unanswered_since: None,
        })),
        1 => Just(Input::Refused),
        1 => Just(Input::SendFailed),
        1 => Just(Input::CutOff),
        1 => Just(Input::TcpConnected),
        1 => Just(Input::TcpFailed),
    ]
}

proptest! {
    /// Down comes of timers in time and of failed connects alone, and never while answers come.
    #[test]
    fn whatever_comes(
        inputs in proptest::collection::vec((any_input(), 0u64..60_000), 1..200),
        tcp: bool,
    ) {
        let tcp = if tcp { TcpProbe::Required } else { TcpProbe::Off };
        let settings = Settings { tcp, ..Settings::default() };
        let (mut health, mut now) = (Health::new(settings, START), START);
        let mut state = State::Unknown;
        for (input, micros) in inputs {
            now = now.after(Duration::from_micros(micros));
            let (due, late) = (health.due(), health.late_timers());
            let mut out = Vec::new();
            health.handle(now, input, &mut out);
            if input == Input::Timer {
                prop_assert!(health.due() > now);
                prop_assert_eq!(health.late_timers() > late, now > due.after(settings.late));
            }
            for output in out {
                let Output::Changed(change) = output else { continue };
                prop_assert_eq!(change.from, state);
                state = change.to;
                if state != State::Down {
                    continue;
                }
                if input == Input::TcpFailed {
                    prop_assert!(tcp == TcpProbe::Required && change.evidence.tcp_failed >= 3);
                    continue;
                }
                prop_assert_eq!(input, Input::Timer);
                prop_assert!(now <= due.after(settings.late));
                let evidence = change.evidence;
                let heard = evidence.last_answer.max(evidence.last_heard).unwrap_or_default();
                prop_assert!(now.since(heard) >= settings.dead_time);
                prop_assert!(now.since(change.evidence.first_unanswered.unwrap()) >= settings.dead_time);
            }
        }
        prop_assert_eq!(state, health.state());
    }
}
