//! RRJ, URQ, UCF, expiry, drop, reload.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::{Answer, Cause, EventKind, Input, Reason, RegistrationId, State};
use rasline_h225::messages::Rrq;

use crate::learner::world::*;

fn two() -> (World, RegistrationId, RegistrationId) {
    let mut world = World::new(config());
    let a = world.learned(endpoint(1), "a");
    let b = world.learned(endpoint(1), "b");
    (world, a, b)
}

fn rejected() -> EventKind {
    gone(Cause::Rejected {
        reason: "fullRegistrationRequired".into(),
    })
}

#[test]
fn a_rejected_keep_alive_ends_its_registration_only() {
    let (mut world, a, b) = two();
    world.message(Reason::UnknownRrq, endpoint(1), &keep_alive(20, "a"));
    let out = world.message(Reason::FromGatekeeper, endpoint(1), &rrj(20));
    assert_eq!(
        (withdrawn(&out), events(&out)),
        (vec![a], vec![&rejected()])
    );
    assert!(world.learner.registration(a).is_none());
    assert_eq!(world.state(b), State::Answered);
}

/// What is sent in the name of a published registration, and rejected: only its own keep-alive speaks for it.
#[test]
fn a_rejection_ends_only_what_asked() {
    let lightweight = |seq, eid: &str| Rrq::lightweight(seq, endpoint(1), eid);
    let own = keep_alive(20, "a");
    let rows: [(&str, SocketAddr, Vec<u8>, bool); 8] = [
        ("its keep-alive", endpoint(1), own.clone(), true),
        (
            "its keep-alive, from elsewhere",
            endpoint(2),
            own.clone(),
            false,
        ),
        (
            "its keep-alive, from another port",
            SocketAddr::new(endpoint(1).ip(), 40_000),
            own,
            false,
        ),
        (
            "another keep-alive with its endpointIdentifier",
            endpoint(1),
            lightweight(20, "a").encode().unwrap(),
            false,
        ),
        (
            "one that names another rasAddress",
            endpoint(1),
            Rrq::lightweight(20, endpoint(9), "a").encode().unwrap(),
            false,
        ),
        (
            "one with tokens",
            endpoint(1),
            Rrq {
                token: true,
                ..lightweight(20, "a")
            }
            .encode()
            .unwrap(),
            false,
        ),
        (
            "a full RRQ with its endpointIdentifier",
            endpoint(1),
            Rrq {
                endpoint_identifier: Some("a".into()),
                ..full(20, signalling(0), "alice")
            }
            .encode()
            .unwrap(),
            false,
        ),
        (
            "a full RRQ of nobody",
            endpoint(1),
            full(20, signalling(0), "alice").encode().unwrap(),
            false,
        ),
    ];
    for (what, from, rrq, ends) in rows {
        let (mut world, a, b) = two();
        world.message(Reason::UnknownRrq, from, &rrq);
        let out = world.message(Reason::FromGatekeeper, from, &rrj(20));
        let expected = if ends { vec![a] } else { vec![] };
        assert_eq!(withdrawn(&out), expected, "{what}");
        assert_eq!(world.learner.registration(a).is_none(), ends, "{what}");
        assert_eq!(world.state(b), State::Answered, "{what}");
    }
}

#[test]
fn a_rejection_ends_what_is_still_learned() {
    let mut world = World::new(config());
    world.keeps_alive(endpoint(1), 10, "a");
    let other = Rrq::lightweight(20, endpoint(1), "a").encode().unwrap();
    world.message(Reason::UnknownRrq, endpoint(1), &other);
    let out = world.message(Reason::FromGatekeeper, endpoint(1), &rrj(20));
    assert_eq!(events(&out), [&rejected()]);
    assert_eq!(world.learner.registrations().count(), 0);
}

/// The kernel withdrew the slot whose refresh was rejected; a forged RRQ of the same number hides that from nobody.
#[test]
fn a_rejected_refresh_is_seen_behind_a_forged_rrq() {
    let mut world = World::new(config());
    let id = world.learned(endpoint(1), "a");
    let forged = Rrq::lightweight(20, endpoint(1), "x").encode().unwrap();
    world.message(Reason::UnknownRrq, endpoint(1), &forged);
    let out = world.message(Reason::Withdrawn, endpoint(1), &rrj(20));
    assert_eq!(withdrawn(&out), [id]);
}

/// URQ and UCF to or from another address concern nobody.
#[test]
fn an_unregistration_from_elsewhere_ends_nothing() {
    let (mut world, a, b) = two();
    for stranger in [endpoint(2), SocketAddr::new(endpoint(1).ip(), 40_000)] {
        for eid in [Some("a"), None] {
            world.message(Reason::FromEndpoint, stranger, &urq(30, eid));
            for reason in [Reason::FromGatekeeper, Reason::Withdrawn] {
                assert_eq!(world.message(reason, stranger, &ucf_octets(30)), []);
                assert_eq!(world.message(reason, stranger, &urq(31, eid)), []);
            }
        }
        // Asked there, confirmed here: another's number.
        world.message(Reason::FromEndpoint, stranger, &urq(32, Some("a")));
        let out = world.message(Reason::FromGatekeeper, endpoint(1), &ucf_octets(32));
        assert_eq!(out, []);
    }
    assert_eq!(
        (world.state(a), world.state(b)),
        (State::Answered, State::Answered)
    );
}

#[test]
fn a_rejected_refresh_ends_the_only_registration_there() {
    let mut world = World::new(config());
    let id = world.learned(endpoint(1), "a");
    let out = world.message(Reason::Withdrawn, endpoint(1), &rrj(20));
    assert_eq!(
        (withdrawn(&out), events(&out)),
        (vec![id], vec![&rejected()])
    );
}

#[test]
fn of_several_the_scan_tells_which_refresh_was_rejected() {
    let (mut world, a, b) = two();
    assert_eq!(world.message(Reason::Withdrawn, endpoint(1), &rrj(20)), []);
    assert_eq!(withdrawn(&world.kernel(b, true)), [b]);
    assert_eq!(world.state(a), State::Answered);
}

#[test]
fn a_stray_rejection_does_nothing() {
    let (mut world, _, _) = two();
    assert_eq!(
        world.message(Reason::FromGatekeeper, endpoint(1), &rrj(20)),
        []
    );
    assert_eq!(world.learner.stats().published, 2);
}

#[test]
fn urq_of_the_gatekeeper_ends_the_named_and_keeps_the_other() {
    let (mut world, a, b) = two();
    let out = world.message(Reason::Withdrawn, endpoint(1), &urq(1, Some("a")));
    assert_eq!((withdrawn(&out), published(&out)), (vec![a, b], vec![b]));
    assert_eq!(
        events(&out),
        [&gone(Cause::UnregisteredByGatekeeper { reason: None })]
    );
    assert_eq!(world.only().id, b);
    assert_eq!(world.only().state, State::Answered);
}

#[test]
fn urq_of_the_gatekeeper_that_names_nobody_means_all() {
    let (mut world, a, b) = two();
    let out = world.message(Reason::Withdrawn, endpoint(1), &urq(1, None));
    assert_eq!((withdrawn(&out), published(&out)), (vec![a, b], vec![]));
    assert_eq!(world.learner.registrations().count(), 0);
}

#[test]
fn urq_of_the_endpoint_counts_when_it_is_confirmed() {
    let (mut world, a, b) = two();
    assert_eq!(
        world.message(Reason::FromEndpoint, endpoint(1), &urq(30, Some("a"))),
        []
    );
    assert_eq!(world.learner.registrations().count(), 2);
    let out = world.message(Reason::Withdrawn, endpoint(1), &ucf_octets(30));
    assert_eq!((withdrawn(&out), published(&out)), (vec![a, b], vec![b]));
    assert_eq!(events(&out), [&gone(Cause::Unregistered)]);
    // Confirmed once more: the kernel withdrew the other one again.
    let out = world.message(Reason::Withdrawn, endpoint(1), &ucf_octets(30));
    assert_eq!((withdrawn(&out), published(&out)), (vec![b], vec![b]));
}

#[test]
fn a_confirmed_unregistration_of_unknown_means_learning_again() {
    let (mut world, a, b) = two();
    let out = world.message(Reason::Withdrawn, endpoint(1), &ucf_octets(30));
    assert_eq!((withdrawn(&out), published(&out)), (vec![a, b], vec![]));
    assert_eq!(world.state(a), State::Learning { pairs: 0 });
    let (mut world, _, _) = two();
    assert_eq!(
        world.message(Reason::FromGatekeeper, endpoint(1), &ucf_octets(30)),
        []
    );
}

#[test]
fn the_other_gatekeepers_registrations_stay() {
    let (mut world, _, _) = two();
    let out = world.message_of(1, Reason::Withdrawn, endpoint(1), &urq(1, None));
    assert_eq!(out, []);
}

#[test]
fn silence_expires() {
    let mut world = World::new(config());
    let id = world.learned(endpoint(1), "e");
    // hold_for is 900 s, and a tenth more.
    world.pass(Duration::from_secs(980));
    assert_eq!(world.input(Input::Tick), []);
    world.kernel(id, false);
    world.pass(Duration::from_secs(989));
    assert_eq!(world.input(Input::Tick), []);
    world.pass(Duration::from_secs(2));
    let out = world.input(Input::Tick);
    assert_eq!(
        (withdrawn(&out), events(&out)),
        (vec![id], vec![&EventKind::Expired])
    );
    assert_eq!(world.learner.stats().registrations, 0);
    let again = world.learned(endpoint(1), "e");
    assert!(again > id, "numbers are not used again");
}

#[test]
fn the_operator_drops() {
    let (mut world, a, _) = two();
    let out = world.input(Input::DropRegistration { id: a });
    assert_eq!(
        (withdrawn(&out), events(&out)),
        (vec![a], vec![&gone(Cause::Dropped)])
    );
    assert_eq!(world.input(Input::DropRegistration { id: a }), []);
}

#[test]
fn a_reload_that_concerns_nobody_changes_nothing() {
    let (mut world, _, _) = two();
    let mut new = config();
    new.zones[0].hold_for = 60 * SECOND;
    new.zones.push(rasline_core::Zone {
        index: 1,
        name: "other".into(),
        ..new.zones[0].clone()
    });
    assert_eq!(world.input(Input::Reconfigure(new)), []);
    assert_eq!(world.learner.stats().published, 2);
}

#[test]
fn a_reload_publishes_again_what_has_another_template() {
    let (mut world, a, b) = two();
    let out = world.input(Input::Reconfigure(two_rhythms()));
    assert_eq!((withdrawn(&out), published(&out)), (vec![a, b], vec![a, b]));
    assert_ne!(templates(&out)[0].rcf, templates(&out)[0].original_rcf);
    assert_eq!(world.get(a).endpoint_ttl, Some(5 * SECOND));
    let mut off = two_rhythms();
    off.zones[0].answer = Answer::Off;
    assert_eq!(published(&world.input(Input::Reconfigure(off))), [a, b]);
}

#[test]
fn a_reload_ends_what_is_not_configured_any_more() {
    type Change = fn(&mut rasline_core::Config);
    let changes: [Change; 5] = [
        |config| config.zones.clear(),
        |config| config.zones[0].name = "renamed".into(),
        |config| config.zones[0].index = 5,
        |config| config.zones[0].gatekeepers[0].address = endpoint(99),
        |config| config.zones[0].gatekeepers[0].id = "renamed".into(),
    ];
    for change in changes {
        let (mut world, a, b) = two();
        let mut new = config();
        change(&mut new);
        let out = world.input(Input::Reconfigure(new));
        assert_eq!((withdrawn(&out), published(&out)), (vec![a, b], vec![]));
        assert_eq!(world.learner.registrations().count(), 0);
        assert!(world.learner.gatekeeper(0).is_none());
    }
}
