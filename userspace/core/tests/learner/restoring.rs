//! What was published before is published again, as long as its gatekeeper's timeToLive goes on.

use std::time::Duration;

use rasline_core::{Cause, Input, Learner, Output, Reason, RegistrationId, State, Stored, Time};
use rasline_h225::messages::Rrq;

use crate::learner::world::*;

/// A world with one registration, by full RRQ and two keep-alives, and what is stored of it.
fn stored(config: rasline_core::Config) -> (World, Stored) {
    let mut world = World::new(config);
    let rrq = full(1, signalling(0), "alice").encode().unwrap();
    world.exchange(endpoint(1), &rrq, &rcf(1, "e").encode().unwrap());
    let id = world.learned(endpoint(1), "e");
    let stored = world.learner.stored(id).unwrap();
    (world, stored)
}

fn restore(world: &mut World, stored: &Stored) -> Vec<Output> {
    world.input(Input::Restore(Box::new(stored.clone())))
}

/// Another controller, `later`.
fn after(world: &World, later: Duration) -> World {
    let mut next = World::new(config());
    next.now = world.now.after(later);
    next
}

#[test]
fn published_as_it_was() {
    let (before, stored) = stored(two_rhythms());
    assert_eq!(stored.aliases, ["alice"]);
    let full_rrq = full(1, signalling(0), "alice").encode().unwrap();
    assert_eq!(stored.full_rrq.as_deref(), Some(&masked(&full_rrq)[..]));
    let mut world = World::new(two_rhythms());
    world.now = before.now.after(SECOND);
    let out = restore(&mut world, &stored);
    let template = templates(&out)[0];
    assert_eq!(template.original_rcf, *stored.rcf);
    assert_ne!(
        template.rcf, template.original_rcf,
        "5 s given to endpoints"
    );
    assert_eq!(
        (template.confirmed, template.last_seen),
        (stored.confirmed, stored.last_seen)
    );
    assert!(events(&out).is_empty(), "nothing new");
    assert_eq!(world.state(stored.id), State::Answered);
    assert_eq!(world.learner.stored(stored.id), Some(stored.clone()));
    // Numbers go on where they were.
    assert_eq!(
        world.learned(endpoint(2), "f"),
        RegistrationId(stored.id.0 + 1)
    );
}

#[test]
fn not_after_its_time_to_live() {
    let (before, stored) = stored(config());
    let left = stored
        .gatekeeper_ttl
        .saturating_sub(before.now.since(stored.confirmed));
    for (later, holds) in [
        (left.saturating_sub(SECOND), true),
        (left, false),
        (900 * SECOND, false),
    ] {
        let mut world = after(&before, later);
        assert_eq!(
            published(&restore(&mut world, &stored)).len(),
            usize::from(holds)
        );
        assert_eq!(world.learner.registrations().count(), usize::from(holds));
        assert_eq!(world.learner.stats().not_restored, u64::from(!holds));
    }
    let mut past = after(&before, Duration::ZERO);
    past.now = Time(stored.confirmed.0 - 1);
    assert_eq!(
        published(&restore(&mut past, &stored)),
        [],
        "confirmed in the future"
    );
}

#[test]
fn from_before_the_machine_started() {
    let (_, mut stored) = stored(config());
    let ago = |seconds: i64| Time((-seconds * 1_000_000_000).cast_unsigned());
    (stored.confirmed, stored.last_seen) = (ago(240), ago(230));
    let mut world = World::new(config());
    world.now = Time(60_000_000_000);
    assert_eq!(published(&restore(&mut world, &stored)), [stored.id]);
    assert_eq!(world.only().confirmed, ago(240));
    world.kernel(stored.id, false);
    assert_eq!(
        world.only().confirmed,
        world.now,
        "refreshed by live traffic"
    );
    world.pass(989 * SECOND);
    world.input(Input::Tick);
    assert_eq!(world.state(stored.id), State::Answered);
    world.pass(2 * SECOND);
    assert_eq!(
        withdrawn(&world.input(Input::Tick)),
        [stored.id],
        "forgotten in the end"
    );
}

#[test]
fn not_where_it_is_not_configured_or_known() {
    let (before, good) = stored(config());
    let fresh = || after(&before, SECOND);
    let no = |world: &mut World, stored: Stored, why: &str| {
        let count = world.learner.registrations().count();
        assert_eq!(restore(world, &stored), [], "{why}");
        assert_eq!(world.learner.registrations().count(), count, "{why}");
    };
    no(
        &mut fresh(),
        Stored {
            gatekeeper: 7,
            ..good.clone()
        },
        "gatekeeper",
    );
    no(
        &mut fresh(),
        Stored {
            zone: 7,
            ..good.clone()
        },
        "zone",
    );
    no(
        &mut fresh(),
        Stored {
            rrq: Box::from([0; 11]),
            ..good.clone()
        },
        "too short",
    );
    no(
        &mut fresh(),
        Stored {
            rcf: vec![0; 481].into(),
            ..good.clone()
        },
        "too long",
    );
    no(
        &mut fresh(),
        Stored {
            id: RegistrationId(0),
            ..good.clone()
        },
        "number",
    );
    let mut world = fresh();
    restore(&mut world, &good);
    no(&mut world, good.clone(), "twice");
    let other = Stored {
        id: RegistrationId(9),
        ..good.clone()
    };
    no(&mut world, other.clone(), "known");
    let eid = "other".to_owned();
    no(
        &mut world,
        Stored {
            endpoint_identifier: eid,
            ..other
        },
        "same keep-alive",
    );
    let mut full = fresh();
    let mut config = config();
    config.max_registrations = 0;
    full.learner = Learner::new(config);
    no(&mut full, good, "no room");
}

#[test]
fn live_traffic_goes_on_with_it() {
    let (before, stored) = stored(config());
    let mut world = after(&before, SECOND);
    restore(&mut world, &stored);
    assert_eq!(
        published(&world.keeps_alive(endpoint(1), 50, "e")),
        [],
        "as it is"
    );
    let rrj = rrj(51);
    world.message(Reason::UnknownRrq, endpoint(1), &keep_alive(51, "e"));
    let out = world.message(Reason::Withdrawn, endpoint(1), &rrj);
    assert_eq!(withdrawn(&out), [stored.id]);
    assert!(matches!(
        events(&out)[0],
        rasline_core::EventKind::Withdrawn { gone: true, .. }
    ));
    // Another keep-alive than the stored one replaces it, once seen twice.
    let mut world = after(&before, SECOND);
    restore(&mut world, &stored);
    let other = |seq| Rrq::lightweight(seq, endpoint(1), "e").encode().unwrap();
    let out = world.exchange(endpoint(1), &other(60), &rcf(60, "e").encode().unwrap());
    assert_eq!(events(&out), [&back(Cause::KeepAliveChanged)]);
    assert_eq!(world.learner.stored(stored.id), None);
}

#[test]
fn what_changes_is_stored_again() {
    let (mut world, stored) = stored(config());
    let rrq = full(30, signalling(0), "robert").encode().unwrap();
    let out = world.exchange(endpoint(1), &rrq, &rcf(30, "e").encode().unwrap());
    assert!(out.contains(&Output::Store { id: stored.id }), "{out:?}");
    let again = world.learner.stored(stored.id).unwrap();
    assert_eq!(again.aliases, ["robert"]);
    assert_eq!(again.full_rrq.unwrap().to_vec(), masked(&rrq));
}
