//! Which gatekeeper serves, through every kind of trouble and every kind of return.

mod failback;
mod flapping;
mod model;
mod world;

use rasline_core::failover::{Failback, Input, Manual, MoveCause};
use rasline_core::health::State::{Down, Suspect, Unknown, Up};
use rasline_core::{EventKind, GatekeeperIndex, Time};
use world::{NONE, World, ZONE, gk, policy, three};

#[test]
fn the_first_of_the_list_serves() {
    let mut world = World::empty();
    world.feed(Input::Policies(policy(
        &[(4, 7), (5, 1), (6, 1)],
        Failback::None,
    )));
    assert_eq!(world.active(), 5);
    assert!(world.kernel.auto && world.kernel.steered.is_empty());
}

#[test]
fn the_next_one_that_lives_takes_over() {
    let mut world = World::new(Failback::None);
    world.health(1, Down);
    assert_eq!(world.kernel.steered, [1], "its endpoints need one too");
    world.events.clear();
    world.health(0, Down);
    assert_eq!(world.active(), 2);
    assert_eq!(world.kernel.steered, [0, 1]);
    assert_eq!(world.kept, Some((2, Manual::None)));
    let EventKind::Failover {
        from,
        to,
        cause,
        detected_at,
        evidence,
    } = world.events.last().unwrap()
    else {
        panic!("{:?}", world.events)
    };
    assert_eq!(
        (*from, *to, *cause, *detected_at),
        (Some(gk(0)), Some(gk(2)), MoveCause::Down, world.now)
    );
    assert_eq!(evidence.unanswered, 5);
}

#[test]
fn suspicion_moves_nothing() {
    let mut world = World::new(Failback::None);
    world.health(0, Suspect);
    world.health(0, Unknown);
    world.health(1, Suspect);
    assert_eq!((world.active(), world.moves), (0, 0));
    assert!(world.events.is_empty(), "nor are people told");
}

#[test]
fn one_of_which_nothing_is_known_is_better_than_a_dead_one() {
    let mut world = World::empty();
    world.feed(Input::Policies(three(Failback::None)));
    world.health(2, Suspect);
    world.health(0, Down);
    assert_eq!(world.active(), 2, "but not better than a living one");
    world.health(2, Down);
    assert_eq!(world.active(), 1);
}

#[test]
fn when_all_are_dead_the_zone_stays_and_the_first_to_live_takes_over() {
    let mut world = World::new(Failback::None);
    for gatekeeper in [2, 1, 0] {
        world.health(gatekeeper, Down);
    }
    let told = |world: &World| {
        let dark = |it: &&EventKind| matches!(it, EventKind::NoCandidate { .. });
        world.events.iter().filter(dark).count()
    };
    assert_eq!((world.active(), told(&world)), (0, 1));
    world.seconds(5);
    assert_eq!(told(&world), 1, "told once");
    assert!(world.failover.zone(ZONE).unwrap().dark);
    world.health(2, Up);
    assert_eq!(world.active(), 2);
    assert!(!world.failover.zone(ZONE).unwrap().dark);
    world.health(2, Down);
    assert_eq!(told(&world), 2);
}

#[test]
fn a_healthy_alternate_is_not_steered() {
    let mut world = World::new(Failback::None);
    world.health(0, Down);
    assert_eq!((world.active(), &world.kernel.steered[..]), (1, &[0][..]));
    world.health(0, Up);
    assert_eq!(world.kernel.steered, [0], "left, and not returned to");
    assert!(world.waiting().contains("failback = none"));
}

#[test]
fn the_kernels_decision_is_adopted() {
    let mut world = World::new(Failback::None);
    world.kernel_decides(2);
    assert_eq!(world.active(), 2);
    assert_eq!(world.kernel.decided, None, "it is the controller's own now");
    assert_eq!(world.kept, Some((2, Manual::None)));
    assert!(matches!(
        world.events.last(),
        Some(EventKind::Failover {
            from: Some(GatekeeperIndex(0)),
            to: Some(GatekeeperIndex(2)),
            cause: MoveCause::Kernel,
            evidence,
            ..
        }) if evidence.first_unanswered.is_some()
    ));
}

#[test]
fn the_kernels_decision_for_a_dead_one_is_put_right() {
    let mut world = World::new(Failback::None);
    world.health(1, Down);
    world.kernel_decides(1);
    assert_eq!(world.active(), 0);
    world.health(0, Down);
    world.kernel_decides(1);
    assert_eq!(world.active(), 2);
    world.kernel_decides(9);
    assert_eq!(world.active(), 2, "no candidate at all");
}

#[test]
fn a_decision_older_than_the_controllers_own_is_over() {
    let mut world = World::new(Failback::None);
    let before = world.now;
    world.seconds(1);
    world.health(0, Down);
    let late = Input::KernelDecided {
        zone: ZONE,
        gatekeeper: gk(2),
        from: Some(gk(0)),
        at: before,
        evidence_at: before,
    };
    world.feed(late);
    assert_eq!((world.active(), world.moves), (1, 1));
}

#[test]
fn a_held_zone_does_not_move() {
    let mut world = World::new(Failback::AfterCalls);
    world.feed(Input::Hold { zone: ZONE });
    assert!(!world.kernel.auto);
    world.health(0, Down);
    world.health(2, Down);
    world.seconds(10);
    assert_eq!((world.active(), world.moves), (0, 0));
    assert!(
        world.kernel.steered.is_empty(),
        "nor do endpoints of others"
    );
    assert_eq!(world.kept, Some((0, Manual::Hold)));
    world.feed(Input::Release { zone: ZONE });
    assert_eq!(world.active(), 1);
    assert_eq!(world.kernel.steered, [0, 2]);
}

#[test]
fn a_switch_holds_until_released_and_still_protects() {
    let mut world = World::new(Failback::AfterCalls);
    world.feed(Input::Calls {
        gatekeeper: gk(1),
        open: 0,
    });
    world.feed(Input::Switch {
        zone: ZONE,
        gatekeeper: gk(2),
    });
    assert_eq!((world.active(), &world.kernel.steered[..]), (2, &[0][..]));
    world.seconds(3600);
    assert_eq!(world.active(), 2);
    world.health(2, Down);
    assert_eq!((world.active(), &world.kernel.steered[..]), (0, &[2][..]));
    world.health(2, Up);
    assert!(world.waiting().contains("stay up for another 1 s"));
    world.seconds(2);
    assert_eq!((world.active(), &world.kernel.steered[..]), (2, &[0][..]));
    world.feed(Input::Calls {
        gatekeeper: gk(2),
        open: 0,
    });
    world.feed(Input::Release { zone: ZONE });
    assert_eq!(world.active(), 0, "and the zone's own failback is in force");
    assert!(world.kernel.steered.is_empty());
}

#[test]
fn a_switch_to_a_dead_one_waits_for_it() {
    let mut world = World::new(Failback::None);
    world.health(1, Down);
    world.feed(Input::Switch {
        zone: ZONE,
        gatekeeper: gk(1),
    });
    assert_eq!((world.active(), world.moves), (0, 0));
    assert!(world.waiting().contains("to be up"));
    world.health(1, Up);
    world.seconds(1);
    assert_eq!(world.active(), 1);
    world.feed(Input::Switch {
        zone: ZONE,
        gatekeeper: gk(9),
    });
    assert_eq!(world.active(), 1, "no candidate");
}

#[test]
fn a_restart_changes_nothing() {
    for manual in [
        Manual::None,
        Manual::Hold,
        Manual::Switch { gatekeeper: gk(1) },
    ] {
        for before in [true, false] {
            let mut world = World::empty();
            let restore = Input::Restore {
                zone: ZONE,
                active: Some(gk(1)),
                manual,
            };
            let policies = Input::Policies(three(Failback::None));
            if before {
                let mut out = Vec::new();
                world.failover.handle(world.now, restore.clone(), &mut out);
                assert!(out.is_empty());
                world.feed(policies);
            } else {
                // As seen from the kernel: nothing moved yet.
                world.failover.handle(world.now, policies, &mut Vec::new());
                world.feed(restore);
            }
            assert_eq!((world.active(), world.moves), (1, 0));
            assert_eq!(world.kernel.steered, [0], "the endpoints still come to it");
            assert_eq!(world.kernel.auto, manual != Manual::Hold);
            let view = world.failover.zone(ZONE).unwrap();
            assert_eq!((view.manual, view.cause), (manual, MoveCause::Restored));
        }
    }
}

#[test]
fn what_the_kernel_decided_during_a_restart_is_adopted() {
    let mut world = World::empty();
    let (decided, now) = (
        world.now,
        world.now.after(std::time::Duration::from_mins(1)),
    );
    world.now = now;
    let restore = Input::Restore {
        zone: ZONE,
        active: Some(gk(0)),
        manual: Manual::None,
    };
    world.failover.handle(now, restore, &mut Vec::new());
    world.feed(Input::Policies(three(Failback::None)));
    world.kernel.decided = Some((1, world.kernel.epoch));
    world.feed(Input::KernelDecided {
        zone: ZONE,
        gatekeeper: gk(1),
        from: Some(gk(0)),
        at: decided,
        evidence_at: Time(0),
    });
    assert_eq!(world.active(), 1);
}

#[test]
fn another_list_of_candidates() {
    let mut world = World::new(Failback::None);
    world.feed(Input::Policies(policy(
        &[(2, 0), (0, 3), (1, 5)],
        Failback::None,
    )));
    assert_eq!((world.active(), world.moves), (0, 0), "it still serves");
    world.feed(Input::Policies(policy(&[(1, 5), (2, 0)], Failback::None)));
    assert_eq!(world.active(), 2);
    assert!(matches!(
        world.events.last(),
        Some(EventKind::Failover {
            cause: MoveCause::Reconfigured,
            ..
        })
    ));
    world.feed(Input::Switch {
        zone: ZONE,
        gatekeeper: gk(1),
    });
    world.feed(Input::Policies(policy(&[(2, 0), (7, 1)], Failback::None)));
    assert_eq!(world.active(), 2);
    assert!(world.events.contains(&EventKind::Released));
    world.feed(Input::Policies(policy(&[], Failback::None)));
    assert_eq!(world.active(), NONE);
    world.feed(Input::Policies(policy(&[(8, 0)], Failback::None)));
    assert_eq!(world.active(), 8);
}

#[test]
fn events_are_written_as_they_were() {
    let mut world = World::new(Failback::None);
    world.health(0, Down);
    let text = |kind: &EventKind| serde_json::to_string(kind).unwrap();
    let evidence = r#"{"first_unanswered":null,"unanswered":5,"last_answer":null,"refused":0,"tcp_failed":0,"round_trip_us":null}"#;
    assert_eq!(
        text(&world.events[0]),
        format!(r#"{{"event":"health_changed","from":"up","to":"down","evidence":{evidence}}}"#)
    );
    assert_eq!(
        text(&world.events[1]),
        format!(
            r#"{{"event":"failover","from":0,"to":1,"cause":"down","detected_at":1000000000000,"evidence":{evidence}}}"#
        )
    );
    let plain = [
        (
            EventKind::Failback {
                from: Some(gk(1)),
                to: Some(gk(0)),
            },
            r#"{"event":"failback","from":1,"to":0}"#,
        ),
        (
            EventKind::Switched {
                from: None,
                to: gk(0),
            },
            r#"{"event":"switched","from":null,"to":0}"#,
        ),
        (EventKind::Held, r#"{"event":"held"}"#),
        (EventKind::Released, r#"{"event":"released"}"#),
    ];
    for (kind, expected) in plain {
        assert_eq!(text(&kind), expected);
        assert_eq!(serde_json::from_str::<EventKind>(expected).unwrap(), kind);
    }
}
