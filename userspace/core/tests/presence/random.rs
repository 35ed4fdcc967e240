//! Endpoints of any rhythm, a monitor that stalls now and then, and an oracle that knows who spoke when.

use std::collections::BTreeMap;
use std::time::Duration;

use rasline_core::presence::{LATE_LOOK, Presence, Sign, Subject, Trace};
use rasline_core::{RegistrationId, Time};
use rasline_testkit_model::dice::Dice;

use crate::presence::world::{World, ZONE, s, subject};

struct Endpoint {
    subject: Subject,
    /// Seconds between its keep-alives.
    rhythm: u64,
    next: Time,
    speaks: bool,
    last: Time,
    beat: Time,
    /// Longest time between two keep-alives.
    longest: Duration,
}

/// Lives for a while and checks at each look what may be thought of each endpoint.
fn live(seed: u64) {
    let mut dice = Dice::new(seed);
    let mut world = World::fresh();
    let mut all: Vec<Endpoint> = (1..=20)
        .map(|n| {
            let ttl = [5, 10, 60, 120][dice.below(4_usize)];
            // Some are slower than they may be.
            let rhythm = 1 + dice.below(ttl + ttl / 4);
            Endpoint {
                subject: subject(n, ttl),
                rhythm,
                next: world.now.after(s(dice.below(rhythm))),
                speaks: true,
                last: Time(0),
                beat: Time(0),
                longest: Duration::ZERO,
            }
        })
        .collect();
    let mut missing: BTreeMap<RegistrationId, bool> = BTreeMap::new();
    let (mut since, mut looked) = (world.now, world.now);
    for _ in 0..3000 {
        world.now = world.now.after(s(if dice.below(300) == 0 {
            dice.below(40)
        } else {
            1
        }));
        let now = world.now;
        let mut spoke = Vec::new();
        for one in &mut all {
            if dice.below(400) == 0 {
                one.speaks = !one.speaks;
            }
            if dice.below(1500) == 0 {
                one.subject.gatekeeper += 1;
            }
            if one.speaks && one.next <= now {
                (one.last, one.next) = (now, now.after(s(one.rhythm)));
                let sign = if dice.below(10) == 0 {
                    Sign::Other
                } else {
                    Sign::KeepAlive
                };
                if sign == Sign::KeepAlive {
                    if one.beat != Time(0) {
                        one.longest = one.longest.max(now.since(one.beat));
                    }
                    one.beat = now;
                }
                world.monitor.hear(now, &one.subject, now, sign);
                spoke.push(one.subject.id);
            }
        }
        if now.since(looked) > LATE_LOOK {
            since = now;
        }
        looked = now;
        let changes = world.monitor.look(now, false, |_| Trace::default());
        for change in &changes {
            let was = missing.insert(change.id, change.to.is_missing());
            match change.to {
                Presence::Back => assert!(was == Some(true) && spoke.contains(&change.id)),
                Presence::Silent => assert_ne!(was, Some(true)),
                _ => assert_eq!(was, Some(true), "gone comes after silent"),
            }
        }
        for one in &all {
            let Some((presence, last)) = world.monitor.presence(one.subject.id) else {
                assert_eq!(one.last, Time(0));
                continue;
            };
            assert_eq!(last, one.last);
            let quiet = now.since(one.last.max(since));
            let ttl = one.subject.time_to_live.unwrap();
            let may = ttl + s(9);
            if quiet <= may {
                let told = changes.iter().find(|c| c.id == one.subject.id);
                assert!(
                    told.is_none_or(|c| c.to == Presence::Back),
                    "seed {seed}: {presence:?} after {quiet:?} of {may:?}"
                );
            }
            // Whatever was learned is no longer than what came; four times, if most of the zone was not heard of.
            let bound = (ttl.max(one.longest) + s(30)) * 4 + s(1);
            if quiet > bound {
                assert!(
                    presence.is_missing(),
                    "seed {seed}: {presence:?} after {quiet:?}"
                );
            }
        }
        let counts = world.monitor.counts(ZONE);
        for state in Presence::ALL {
            let n = (all.iter())
                .filter_map(|one| world.monitor.presence(one.subject.id))
                .filter(|(presence, _)| *presence == state)
                .count();
            assert_eq!(counts.of(state), n, "seed {seed}: {state:?}");
        }
        assert_eq!(counts.missing(), world.monitor.absences().count());
    }
}

#[test]
fn who_speaks_in_time_is_never_silent_and_who_does_not_is_told_in_time() {
    for seed in 1..=40 {
        live(seed * 0x9e37_79b9);
    }
}
