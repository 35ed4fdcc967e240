//! The transition table: from every phase, by every state of affairs, to the phase that it asks for.

use rasline_core::backup::{Event, Phase, Refusal, Why};
use rasline_core::profile::Subscription;

use crate::backup::world::*;

const NO_PROFILE: Phase = Phase::Refusing {
    why: Refusal::NoProfile,
};
const NOT_SUBSCRIBED: Phase = Phase::Refusing {
    why: Refusal::NotSubscribed,
};
const PHASES: [Phase; 4] = [Phase::Idle, Phase::Running, NO_PROFILE, NOT_SUBSCRIBED];

/// Brings zone 0 there from anywhere, by one change of its profile and one of whether it is to be served; `first`: which
/// comes first.
fn bring(world: &mut World, to: Phase, profile_first: bool) {
    let commit = |world: &mut World| {
        world.profiles.remove(&0);
        if to != NO_PROFILE {
            let mut profile = profile(0, 2);
            profile.subscription = Subscription {
                on: to != NOT_SUBSCRIBED,
                until: None,
            };
            world.profiles.insert(0, profile);
        }
        world.commit();
    };
    if profile_first {
        commit(world);
    }
    world.serve(0, to != Phase::Idle);
    if !profile_first {
        commit(world);
    }
    assert_eq!(world.phase(0), to);
}

#[test]
fn every_transition() {
    for from in PHASES {
        for to in PHASES {
            for profile_first in [false, true] {
                let mut world = World::with(1, 2);
                bring(&mut world, from, true);
                if from == Phase::Running {
                    world.register(0, 1);
                }
                let told = world.events.len();
                let held = world.kernel.len();
                bring(&mut world, to, profile_first);
                let same = from == Phase::Running && to == Phase::Running;
                let what = format!("{from:?} to {to:?}");
                assert_eq!(world.kernel.len(), if same { held } else { 0 }, "{what}");
                check_events(&world.events[told..], from, to, &what);
                let stats = world.unit.stats();
                assert_eq!(stats.running, u64::from(to == Phase::Running), "{what}");
                let refusing = matches!(to, Phase::Refusing { .. });
                assert_eq!(stats.refusing, u64::from(refusing), "{what}");
                assert_eq!(stats.started - stats.retired, stats.running, "{what}");
            }
        }
    }
}

/// A module that ran is retired once, one that runs is started once, one that is refused is told of; on the way a zone
/// may have been in another phase.
fn check_events(events: &[Event], from: Phase, to: Phase, what: &str) {
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    let started = count(|event| matches!(event, Event::Started { .. }));
    let retired = count(|event| matches!(event, Event::Retired { .. }));
    let (ran, runs) = (from == Phase::Running, to == Phase::Running);
    assert_eq!(
        started + usize::from(ran),
        retired + usize::from(runs),
        "{what}: {events:?}"
    );
    if from == to {
        assert_eq!(events, [], "{what}");
    }
    if let (Phase::Refusing { why }, true) = (to, from != to) {
        assert_eq!(
            events.last(),
            Some(&Event::Refusing { zone: 0, why }),
            "{what}"
        );
    }
    if ran && to == Phase::Idle {
        let returned = |event: &Event| {
            matches!(
                event,
                Event::Retired {
                    why: Why::Returned,
                    registrations: 1,
                    ..
                }
            )
        };
        assert!(events.iter().any(returned), "{what}: {events:?}");
    }
}
