//! What is learned changes: addresses, names, keep-alives, confirms, the kernel's table.

use rasline_core::{Cause, EventKind, Input, NotAnsweredReason, Reason, Refusal, State};
use rasline_h225::messages::{Rcf, Rrq};

use crate::learner::world::*;

#[test]
fn a_moved_endpoint_is_answered_only_where_it_is() {
    let mut world = World::new(config());
    let id = world.learned(endpoint(1), "e");
    let rrq = Rrq {
        endpoint_identifier: Some("e".into()),
        ..full(19, signalling(0), "alice")
    };
    let out = world.exchange(
        endpoint(2),
        &rrq.encode().unwrap(),
        &rcf(19, "e").encode().unwrap(),
    );
    assert_eq!(withdrawn(&out), [id]);
    assert_eq!(events(&out), [&back(Cause::Moved)]);
    assert_eq!(world.only().endpoint, endpoint(2));
    world.keeps_alive(endpoint(2), 20, "e");
    assert_eq!(published(&world.keeps_alive(endpoint(2), 21, "e")), [id]);
}

/// A gatekeeper that looks at the endpointIdentifier only confirms a keep-alive from anywhere.
#[test]
fn a_keep_alive_from_elsewhere_takes_nothing_from_one_that_is_alive() {
    let elsewhere = [
        endpoint(2),
        std::net::SocketAddr::new(endpoint(1).ip(), 40_000),
    ];
    // What is configured, and the timeToLive that the endpoint has with it.
    for (config, ttl) in [(config(), 600), (two_rhythms(), 5)] {
        for stranger in elsewhere {
            let mut world = World::new(config.clone());
            let id = world.learned(endpoint(1), "e");
            for seq in 20..40 {
                assert_eq!(world.keeps_alive(stranger, seq, "e"), []);
                let out = world.message(Reason::UnknownRrq, stranger, &keep_alive(seq, "e"));
                assert_eq!(out, []);
                // Told its own timeToLive, too.
                let answer = rcf(seq, "e").encode().unwrap();
                let out = world.message(Reason::Diverted, stranger, &answer);
                assert_eq!(sends(&out), [(0, stranger, &answer[..])]);
                assert_eq!((withdrawn(&out), events(&out).len()), (vec![], 0));
                world.pass(SECOND);
                // The kernel hears the endpoint.
                world.kernel(id, false);
            }
            assert_eq!(
                (world.only().endpoint, world.only().state),
                (endpoint(1), State::Answered)
            );
            assert_eq!(world.learner.stats().elsewhere, 40);
            // Silent: it may have moved.
            world.pass(SECOND * (ttl + 3));
            let out = world.keeps_alive(stranger, 50, "e");
            assert_eq!(withdrawn(&out), [id]);
            assert_eq!(events(&out), [&back(Cause::Moved)]);
            assert_eq!(published(&world.keeps_alive(stranger, 51, "e")), [id]);
        }
    }
}

#[test]
fn one_that_is_still_learned_is_not_taken_either() {
    let mut world = World::new(config());
    world.keeps_alive(endpoint(1), 10, "e");
    world.keeps_alive(endpoint(2), 20, "e");
    world.keeps_alive(endpoint(2), 21, "e");
    assert_eq!(world.only().endpoint, endpoint(1));
    assert_eq!(published(&world.keeps_alive(endpoint(1), 11, "e")).len(), 1);
}

#[test]
fn a_registration_that_goes_to_another_gatekeeper_leaves_the_first() {
    let mut world = World::new(config());
    let id = world.learned(endpoint(1), "e");
    world.message_of(1, Reason::UnknownRrq, endpoint(1), &keep_alive(20, "e"));
    let answer = rcf(20, "e").encode().unwrap();
    let out = world.message_of(1, Reason::FromGatekeeper, endpoint(1), &answer);
    assert_eq!(withdrawn(&out), [id]);
    assert_eq!(world.only().gatekeeper, 1);
}

#[test]
fn a_full_registration_gives_names_and_replaces() {
    let mut world = World::new(config());
    let register = |world: &mut World, seq, call_signal, alias: &str, eid| {
        let rrq = full(seq, call_signal, alias).encode().unwrap();
        world.exchange(endpoint(1), &rrq, &rcf(seq, eid).encode().unwrap())
    };
    register(&mut world, 1, signalling(0), "alice", "a");
    register(&mut world, 2, signalling(1), "bob", "b");
    let alice = world.learned(endpoint(1), "a");
    let bob = world.learned(endpoint(1), "b");
    assert_eq!(world.get(alice).aliases, ["alice"]);
    assert_eq!(world.get(alice).call_signal_addresses, [signalling(0)]);
    // Registers anew: same call signalling address, another endpointIdentifier.
    let out = register(&mut world, 3, signalling(0), "alice", "c");
    assert_eq!(withdrawn(&out), [alice]);
    assert!(events(&out).contains(&&gone(Cause::Replaced)));
    assert_eq!(world.state(bob), State::Answered);
    // Registers anew: same endpointIdentifier.
    let out = register(&mut world, 4, signalling(1), "robert", "b");
    assert_eq!(withdrawn(&out), []);
    assert_eq!(world.get(bob).aliases, ["robert"]);
    assert_eq!(world.learner.registrations().count(), 2);
}

#[test]
fn another_keep_alive_is_learned_after_the_old_one_is_withdrawn() {
    let mut world = World::new(config());
    let id = world.learned(endpoint(1), "e");
    let other = |seq| Rrq::lightweight(seq, endpoint(1), "e").encode().unwrap();
    let out = world.exchange(endpoint(1), &other(20), &rcf(20, "e").encode().unwrap());
    assert_eq!((withdrawn(&out), published(&out)), (vec![id], vec![]));
    assert_eq!(events(&out), [&back(Cause::KeepAliveChanged)]);
    let out = world.exchange(endpoint(1), &other(21), &rcf(21, "e").encode().unwrap());
    assert_eq!(published(&out), [id]);
}

#[test]
fn one_keep_alive_stands_for_one_registration() {
    let mut world = World::new(config());
    let nameless = |seq| {
        let rrq = Rrq {
            endpoint_identifier: None,
            ..Rrq::lightweight(seq, endpoint(1), "")
        };
        rrq.encode().unwrap()
    };
    world.exchange(
        endpoint(1),
        &nameless(10),
        &rcf(10, "old").encode().unwrap(),
    );
    let out = world.exchange(
        endpoint(1),
        &nameless(11),
        &rcf(11, "old").encode().unwrap(),
    );
    let old = published(&out);
    let out = world.exchange(
        endpoint(1),
        &nameless(12),
        &rcf(12, "new").encode().unwrap(),
    );
    assert_eq!((withdrawn(&out), published(&out)), (old, vec![]));
    assert_eq!(world.only().endpoint_identifier, "new");
}

#[test]
fn a_changed_confirm_is_the_first_of_two() {
    let mut world = World::new(config());
    let id = world.learned(endpoint(1), "e");
    let changed = |seq| {
        Rcf {
            time_to_live: Some(90),
            ..rcf(seq, "e")
        }
        .encode()
        .unwrap()
    };
    let out = world.message(Reason::ChangedRcf, endpoint(1), &changed(20));
    assert_eq!(withdrawn(&out), [id]);
    assert_eq!(world.state(id), State::Learning { pairs: 1 });
    let out = world.exchange(endpoint(1), &keep_alive(21, "e"), &changed(21));
    assert_eq!(templates(&out)[0].gatekeeper_ttl, 90 * SECOND);
    // One without timeToLive ends it.
    let out = world.message(
        Reason::ChangedRcf,
        endpoint(1),
        &Rcf {
            time_to_live: None,
            ..rcf(22, "e")
        }
        .encode()
        .unwrap(),
    );
    assert_eq!(withdrawn(&out), [id]);
    assert_eq!(
        world.learner.why_not(world.get(id)),
        Some(NotAnsweredReason::NoTimeToLive)
    );
}

#[test]
fn the_kernel_withdraws() {
    let mut world = World::new(config());
    let id = world.learned(endpoint(1), "e");
    assert_eq!(world.kernel(id, false), []);
    assert_eq!(world.get(id).answered, 7);
    let out = world.kernel(id, true);
    assert_eq!(
        (withdrawn(&out), events(&out)),
        (vec![id], vec![&back(Cause::Kernel)])
    );
    assert_eq!(world.state(id), State::Learning { pairs: 0 });
    assert_eq!(world.kernel(id, true), []);
    assert_eq!(published(&world.keeps_alive(endpoint(1), 20, "e")), []);
    assert_eq!(published(&world.keeps_alive(endpoint(1), 21, "e")), [id]);
}

#[test]
fn a_keep_alive_that_the_kernel_does_not_know_is_published_again() {
    let mut world = World::new(config());
    let id = world.learned(endpoint(1), "e");
    // Copied before it was published: nothing to do.
    assert_eq!(world.keeps_alive(endpoint(1), 20, "e"), []);
    world.pass(2 * SECOND);
    let out = world.keeps_alive(endpoint(1), 21, "e");
    assert_eq!((withdrawn(&out), published(&out)), (vec![id], vec![id]));
    assert_eq!(events(&out), Vec::<&EventKind>::new());
}

#[test]
fn a_full_kernel_table_is_named_and_tried_again() {
    let mut world = World::new(config());
    world.kernel_takes = false;
    world.keeps_alive(endpoint(1), 10, "e");
    let id = published(&world.keeps_alive(endpoint(1), 11, "e"))[0];
    assert_eq!(world.state(id), State::Publishing);
    let out = world.input(Input::PublishFailed {
        id,
        why: Refusal::TableFull,
    });
    assert_eq!(
        events(&out),
        [&EventKind::NotAnswered {
            why: NotAnsweredReason::TableFull
        }]
    );
    assert_eq!(published(&world.keeps_alive(endpoint(1), 12, "e")), [id]);
    // Told once.
    assert_eq!(
        world.input(Input::PublishFailed {
            id,
            why: Refusal::TableFull
        }),
        []
    );
    world.keeps_alive(endpoint(1), 13, "e");
    assert_eq!(
        events(&world.input(Input::Published { id })),
        [&EventKind::Learned]
    );
}
