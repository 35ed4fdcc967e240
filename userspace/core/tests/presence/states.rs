//! Each state and each way from one to another.

use rasline_core::presence::{Absence, JUDGED_AT_ONCE, Presence, RECHECK, Sign, Subject, Trace};
use rasline_core::{RegistrationId, Time};

use crate::presence::world::{World, ZONE, s, subject};

#[test]
fn quiet_makes_late_silent_gone_each_at_its_time() {
    // timeToLive, own rhythm; last second of Alive, of Late, of Silent.
    for (ttl, rhythm, late, silent, gone) in [
        (5, 4, 8, 14, 56),
        (5, 5, 8, 14, 56),
        (5, 20, 23, 40, 160),
        (10, 7, 13, 20, 80),
        (60, 50, 63, 90, 360),
        (60, 90, 93, 120, 480),
        (600, 300, 603, 630, 2520),
        (0, 60, 63, 90, 360),
    ] {
        let mut world = World::new(3);
        let one = subject(1, ttl);
        world.live(&one, rhythm, 12);
        world.told(1);
        world.hear(&one);
        let spoke = world.now;
        let mut seen = Vec::new();
        for _ in 0..=gone + RECHECK.as_secs() {
            world.tick();
            let state = world.of(1);
            if seen.last().is_none_or(|(last, _)| *last != state) {
                seen.push((state, world.now.since(spoke).as_secs()));
            }
        }
        let states: Vec<_> = seen.iter().map(|(state, _)| *state).collect();
        assert_eq!(
            states,
            [
                Presence::Alive,
                Presence::Late,
                Presence::Silent,
                Presence::Gone
            ],
            "ttl {ttl}, rhythm {rhythm}: {seen:?}"
        );
        let times: Vec<u64> = seen.iter().skip(1).map(|(_, at)| *at).collect();
        assert_eq!(times[..2], [late + 1, silent + 1], "ttl {ttl}, {rhythm}");
        let bound = gone + 1..=gone + 1 + RECHECK.as_secs();
        assert!(bound.contains(&times[2]), "ttl {ttl}, {rhythm}: {times:?}");
        assert_eq!(world.told(1), [Presence::Silent, Presence::Gone]);
    }
}

#[test]
fn one_that_is_back_is_told_once_and_is_alive_when_it_speaks_again() {
    for quiet in [20, 100] {
        let mut world = World::new(3);
        let one = subject(1, 5);
        world.live(&one, 4, 5);
        world.pass(quiet);
        assert!(world.of(1).is_missing());
        let last = world.monitor.presence(RegistrationId(1)).unwrap().1;
        world.told(1);
        world.hear(&one);
        assert_eq!(world.of(1), Presence::Back);
        world.tick();
        assert_eq!(world.of(1), Presence::Back);
        assert_eq!(world.changes[0].last_seen, last, "when it fell silent");
        assert_eq!(world.told(1), [Presence::Back]);
        world.live(&one, 4, 3);
        assert_eq!(world.of(1), Presence::Alive);
        assert_eq!(world.told(1), []);
        world.pass(20);
        assert_eq!(world.told(1), [Presence::Silent], "and silent again");
    }
}

#[test]
fn any_message_of_its_address_is_a_sign_of_life() {
    let mut world = World::new(3);
    let one = subject(1, 5);
    world.live(&one, 4, 5);
    // No keep-alive any more, but ARQs, seen by address only.
    world.trace = |_| Trace {
        spoke: Some(Time(0).after(s(1_000_000 + 86_400))),
        elsewhere: None,
    };
    world.pass(100);
    assert_eq!(world.of(1), Presence::Alive);
    world.trace = |_| Trace::default();
    world.pass(20);
    assert_eq!(world.told(1), [Presence::Silent]);
    world.trace = |_| Trace {
        spoke: Some(Time(0).after(s(1_000_000 + 86_400))),
        elsewhere: None,
    };
    world.pass(RECHECK.as_secs() + 1);
    assert_eq!(world.told(1), [Presence::Back]);
}

#[test]
fn one_that_moved_to_another_gatekeeper_is_not_missed_at_the_old_one() {
    let mut world = World::new(3);
    let one = subject(1, 5);
    world.live(&one, 4, 5);
    world.trace = |_| Trace {
        spoke: None,
        elsewhere: Some(Time(0).after(s(1_000_000 + 86_400))),
    };
    world.pass(100);
    assert_eq!(world.monitor.presence(RegistrationId(1)), None);
    assert_eq!(world.told(1), []);
    world.hear(&one);
    world.tick();
    assert_eq!(world.of(1), Presence::Alive, "it returned");
}

#[test]
fn a_late_look_knows_nothing_and_begins_again() {
    for (stall, expected) in [(2, Presence::Silent), (60, Presence::Unknown)] {
        let mut world = World::new(3);
        let (one, two) = (subject(1, 5), subject(2, 5));
        for _ in 0..5 {
            world.hear(&one);
            world.hear(&two);
            world.pass(4);
        }
        world.hear(&one);
        world.live(&two, 4, 3);
        world.told(1);
        world.stall(stall);
        // What came meanwhile is known by then: the second one lives.
        world.hear(&two);
        world.tick();
        assert_eq!((world.of(1), world.of(2)), (expected, Presence::Alive));
        world.live(&two, 1, 12);
        if expected == Presence::Unknown {
            assert_eq!(world.told(1), []);
        }
        world.live(&two, 1, 60);
        assert_eq!(world.of(1), Presence::Gone, "watched for long enough now");
    }
}

#[test]
fn whoever_is_known_to_be_silent_stays_so_over_a_late_look() {
    let mut world = World::new(3);
    let one = subject(1, 5);
    world.live(&one, 4, 5);
    world.pass(20);
    assert_eq!(world.told(1), [Presence::Silent]);
    world.stall(100);
    world.pass(20);
    assert_eq!((world.of(1), world.told(1)), (Presence::Silent, vec![]));
}

#[test]
fn nothing_is_silent_while_no_interface_is_up() {
    let mut world = World::new(3);
    let all: Vec<Subject> = (1..=40).map(|n| subject(n, 5)).collect();
    for _ in 0..5 {
        for one in &all {
            world.hear(one);
        }
        world.pass(4);
    }
    world.blind = true;
    world.pass(1000);
    assert_eq!(world.changes, []);
    assert_eq!(world.monitor.counts(ZONE).of(Presence::Unknown), 43);
    world.blind = false;
    // Most come back, and so the others are known to be missing.
    for _ in 0..5 {
        all[..30].iter().for_each(|one| world.hear(one));
        world.pass(4);
    }
    assert_eq!(world.changes.len(), 10);
    assert_eq!(world.monitor.counts(ZONE).of(Presence::Alive), 30);
}

#[test]
fn after_a_start_one_that_was_not_heard_of_is_unknown_then_silent() {
    // Heard of since the start, of forty: few, or most.
    for (heard, until) in [(5, 4 * 14), (39, 14)] {
        let mut world = World::fresh();
        let all: Vec<Subject> = (1..=40).map(|n| subject(n, 5)).collect();
        let before = Time(world.now.0 - 60_000_000_000);
        for one in &all {
            let now = world.now;
            world.monitor.hear(now, one, before, Sign::KeepAlive);
        }
        let mut silent_at = None;
        for second in 0..70 {
            all[..heard].iter().for_each(|one| world.hear(one));
            world.tick();
            if world.of(40) == Presence::Silent && silent_at.is_none() {
                silent_at = Some(second);
            } else if silent_at.is_none() {
                assert_eq!(world.of(40), Presence::Unknown);
            }
        }
        let silent_at = silent_at.expect("it is told in the end");
        assert!((until - 2..=until + 2).contains(&silent_at), "{silent_at}");
        assert_eq!(world.of(1), Presence::Alive);
    }
}

#[test]
fn a_shorter_time_to_live_and_another_gatekeeper_do_not_make_it_silent() {
    let change: [fn(&mut Subject); 2] = [
        |one| one.time_to_live = Some(s(5)),
        |one| (one.gatekeeper, one.time_to_live) = (1, Some(s(5))),
    ];
    for change in change {
        let mut world = World::new(3);
        let mut one = subject(1, 120);
        world.live(&one, 100, 5);
        change(&mut one);
        // Its next keep-alive brings it the new timeToLive.
        world.live(&one, 100, 1);
        world.live(&one, 4, 5);
        assert_eq!(world.told(1), []);
        world.hear(&one);
        world.pass(15);
        assert_eq!(world.told(1), [Presence::Silent], "by the new timeToLive");
    }
}

#[test]
fn a_zone_may_give_its_threshold() {
    let mut world = World::new(3);
    let (one, two) = (subject(1, 5), subject(2, 0));
    world.hear(&one);
    world.hear(&two);
    world.monitor.configure([(ZONE, Some(s(30)))]);
    world.pass(30);
    assert_eq!(world.of(1), Presence::Late);
    world.tick();
    assert_eq!(
        (world.of(1), world.of(2)),
        (Presence::Silent, Presence::Silent)
    );
    world.monitor.configure([(ZONE, None)]);
    world.tick();
    assert_eq!(world.of(1), Presence::Silent, "no sign of life came");
}

#[test]
fn without_any_rhythm_nobody_is_missed() {
    let mut world = World::new(3);
    let one = subject(1, 0);
    world.hear(&one);
    world.tick();
    assert_eq!(world.of(1), Presence::Alive);
    world.pass(10_000);
    assert_eq!((world.of(1), world.told(1)), (Presence::Unknown, vec![]));
    world.hear(&one);
    world.tick();
    assert_eq!(world.of(1), Presence::Alive);
}

#[test]
fn registrations_end() {
    let mut world = World::new(0);
    for n in 1..=3 {
        world.live(&subject(n, 60), 1, 2);
    }
    world.monitor.end(RegistrationId(1));
    world.pass(70);
    world.monitor.expire(world.now, RegistrationId(2));
    world.hear(&subject(3, 60));
    world.monitor.expire(world.now, RegistrationId(3));
    world.tick();
    let told: Vec<_> = world.changes.iter().map(|c| (c.id.0, c.to)).collect();
    assert_eq!(told, [(2, Presence::Gone)], "3 had just spoken");
    assert!(world.monitor.is_empty());
    assert_eq!(world.monitor.counts(ZONE).total(), 0);
}

#[test]
fn those_that_are_given_all_at_once_end_when_they_are_missing() {
    let mut world = World::new(2);
    let all = |n: u64, world: &World| {
        let last = world.now;
        (1..=n)
            .map(move |n| (subject(n, 5), last))
            .collect::<Vec<_>>()
    };
    let five = all(5, &world);
    for _ in 0..20 {
        let now = world.now;
        world.monitor.hear_all(now, five.iter().copied());
        world.tick();
    }
    assert_eq!(world.changes.len(), 5, "their last signs of life are old");
    let now = world.now;
    world.monitor.hear_all(now, all(3, &world).into_iter());
    world.pass(2);
    let told: Vec<_> = world.changes[5..].iter().map(|c| (c.id.0, c.to)).collect();
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(
        told.iter().filter(|(_, to)| *to == Presence::Gone).count(),
        2
    );
    assert_eq!(world.monitor.len(), 5);
}

#[test]
fn who_is_missing_since_when() {
    let mut world = World::new(3);
    let one = subject(1, 5);
    world.hear(&one);
    let spoke = world.now;
    world.pass(15);
    let absences: Vec<Absence> = world.monitor.absences().collect();
    let expected = Absence {
        id: RegistrationId(1),
        zone: ZONE,
        endpoint: one.endpoint,
        presence: Presence::Silent,
        last_seen: spoke,
        found: world.now,
    };
    assert_eq!(absences, [expected]);
}

#[test]
fn more_than_one_look_can_judge_are_told_by_the_next_ones() {
    let mut world = World::new(0);
    let all = JUDGED_AT_ONCE as u64 * 2 + 10;
    for n in 0..all {
        world.hear(&subject(n, 5));
    }
    world.pass(14);
    assert_eq!(world.changes.len(), 0);
    world.tick();
    assert_eq!(world.changes.len(), JUDGED_AT_ONCE);
    world.pass(2);
    assert_eq!(world.changes.len() as u64, all);
}
