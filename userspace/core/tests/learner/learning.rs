//! From messages to templates: what is learned, and what is not.

use std::net::{Ipv6Addr, SocketAddr};

use rasline_core::{Answer, EventKind, Input, NotAnsweredReason, Reason, State};
use rasline_h225::messages::{Rcf, Rrq};

use crate::learner::world::*;

#[test]
fn two_equal_pairs_with_different_numbers_are_published() {
    let mut world = World::new(config());
    let first = world.keeps_alive(endpoint(1), 10, "0001_ep");
    assert_eq!(published(&first), []);
    assert_eq!(world.only().state, State::Learning { pairs: 1 });
    let out = world.keeps_alive(endpoint(1), 11, "0001_ep");
    let all = templates(&out);
    let [template] = all[..] else {
        panic!("{out:?}")
    };
    assert_eq!(template.rrq, masked(&keep_alive(11, "0001_ep")));
    assert_eq!(template.rcf, masked(&rcf(11, "0001_ep").encode().unwrap()));
    assert_eq!(template.rcf, template.original_rcf);
    assert_eq!(
        template.endpoint_identifier,
        b"\x000\x000\x000\x001\0_\0e\0p"
    );
    assert_eq!(
        (template.gatekeeper_ttl, template.refresh_every),
        (600 * SECOND, 300 * SECOND)
    );
    assert_eq!(
        (template.confirmed, template.endpoint),
        (world.now, endpoint(1))
    );
    assert_eq!(world.only().state, State::Answered);
    assert_eq!(world.learner.why_not(world.only()), None);
    assert_eq!(events(&out), [&EventKind::Learned]);
    assert_eq!(world.learner.stats().published, 1);
    assert_eq!(
        world
            .learner
            .gatekeeper(0)
            .unwrap()
            .gatekeeper_identifier
            .as_deref(),
        Some("gk")
    );
}

#[test]
fn retransmissions_count_once() {
    let mut world = World::new(config());
    for _ in 0..5 {
        assert_eq!(published(&world.keeps_alive(endpoint(1), 10, "e")), []);
    }
    // Sent twice before the answer, and answered twice.
    world.message(Reason::UnknownRrq, endpoint(1), &keep_alive(10, "e"));
    world.message(Reason::UnknownRrq, endpoint(1), &keep_alive(10, "e"));
    for _ in 0..2 {
        let answer = rcf(10, "e").encode().unwrap();
        assert_eq!(
            published(&world.message(Reason::FromGatekeeper, endpoint(1), &answer)),
            []
        );
    }
    assert_eq!(world.only().state, State::Learning { pairs: 1 });
}

#[test]
fn a_confirm_before_its_request_is_unpaired() {
    let mut world = World::new(config());
    for seq in [10, 11, 12] {
        world.message(
            Reason::FromGatekeeper,
            endpoint(1),
            &rcf(seq, "e").encode().unwrap(),
        );
        world.message(Reason::UnknownRrq, endpoint(1), &keep_alive(seq, "e"));
    }
    assert_eq!(world.learner.registrations().count(), 0);
    let stats = world.learner.stats();
    assert_eq!((stats.unpaired, stats.pending), (3, 3));
}

#[test]
fn loss_delays_only() {
    let mut world = World::new(config());
    world.keeps_alive(endpoint(1), 10, "e");
    // The RCF's copy is lost.
    world.message(Reason::UnknownRrq, endpoint(1), &keep_alive(11, "e"));
    world.pass(10 * SECOND);
    let out = world.input(Input::Tick);
    assert_eq!(
        events(&out),
        [&EventKind::NotAnswered {
            why: NotAnsweredReason::Unconfirmed
        }]
    );
    assert_eq!(world.learner.stats().unanswered, 1);
    // The RRQ's copy is lost.
    world.message(
        Reason::FromGatekeeper,
        endpoint(1),
        &rcf(12, "e").encode().unwrap(),
    );
    assert_eq!(published(&world.keeps_alive(endpoint(1), 13, "e")).len(), 1);
}

#[test]
fn time_to_live_that_settles_is_waited_for() {
    let mut world = World::new(config());
    for (seq, ttl) in [(10, 87), (11, 63), (12, 45), (13, 42)] {
        let rrq = Rrq {
            time_to_live: Some(ttl),
            ..Rrq::lightweight(seq, endpoint(1), "e")
        };
        let rcf = Rcf {
            time_to_live: Some(ttl),
            ..rcf(seq, "e")
        };
        let out = world.exchange(endpoint(1), &rrq.encode().unwrap(), &rcf.encode().unwrap());
        assert_eq!(published(&out), []);
    }
    assert_eq!(
        world.learner.why_not(world.only()),
        Some(NotAnsweredReason::Settling)
    );
    let rrq = Rrq {
        time_to_live: Some(42),
        ..Rrq::lightweight(14, endpoint(1), "e")
    };
    let rcf = Rcf {
        time_to_live: Some(42),
        ..rcf(14, "e")
    };
    let out = world.exchange(endpoint(1), &rrq.encode().unwrap(), &rcf.encode().unwrap());
    assert_eq!(templates(&out)[0].gatekeeper_ttl, 42 * SECOND);
}

#[test]
fn secured_is_never_published() {
    for (of_rrq, of_rcf) in [(true, false), (false, true), (true, true)] {
        let mut world = World::new(config());
        for seq in 10..20 {
            let rrq = Rrq {
                token: of_rrq,
                ..Rrq::lightweight(seq, endpoint(1), "e")
            };
            let rcf = Rcf {
                token: of_rcf,
                ..rcf(seq, "e")
            };
            let out = world.exchange(endpoint(1), &rrq.encode().unwrap(), &rcf.encode().unwrap());
            assert_eq!(published(&out), []);
        }
        assert_eq!(
            world.learner.why_not(world.only()),
            Some(NotAnsweredReason::Secured)
        );
        // Not even if its keep-alives come without tokens, until it registers without.
        world.keeps_alive(endpoint(1), 30, "e");
        assert_eq!(published(&world.keeps_alive(endpoint(1), 31, "e")), []);
        let rrq = Rrq {
            endpoint_identifier: Some("e".into()),
            ..full(32, signalling(0), "alice")
        };
        world.exchange(
            endpoint(1),
            &rrq.encode().unwrap(),
            &rcf(32, "e").encode().unwrap(),
        );
        world.learned(endpoint(1), "e");
    }
}

#[test]
fn one_that_becomes_secured_is_withdrawn() {
    let mut world = World::new(config());
    let id = world.learned(endpoint(1), "e");
    let rrq = Rrq {
        token: true,
        ..Rrq::lightweight(20, endpoint(1), "e")
    };
    let out = world.exchange(
        endpoint(1),
        &rrq.encode().unwrap(),
        &rcf(20, "e").encode().unwrap(),
    );
    assert_eq!(withdrawn(&out), [id]);
    assert_eq!(
        world.state(id),
        State::NotAnswered {
            why: NotAnsweredReason::Secured
        }
    );
}

#[test]
fn what_does_not_fit_is_named() {
    let long = |n: usize| {
        (0..n)
            .map(|i| format!("alias-number-{i}"))
            .collect::<Vec<_>>()
    };
    let plain = Rrq::lightweight(10, endpoint(1), "e");
    let cases = [
        (
            plain.clone(),
            Rcf {
                time_to_live: None,
                ..rcf(10, "e")
            },
            NotAnsweredReason::NoTimeToLive,
        ),
        (
            Rrq {
                aliases: long(40),
                ..plain.clone()
            },
            rcf(10, "e"),
            NotAnsweredReason::RrqTooLong,
        ),
        (
            plain,
            Rcf {
                aliases: long(40),
                ..rcf(10, "e")
            },
            NotAnsweredReason::RcfTooLong,
        ),
    ];
    for (rrq, rcf, why) in cases {
        let mut world = World::new(config());
        for seq in 10..14 {
            let (rrq, rcf) = (Rrq { seq, ..rrq.clone() }, Rcf { seq, ..rcf.clone() });
            let out = world.exchange(endpoint(1), &rrq.encode().unwrap(), &rcf.encode().unwrap());
            assert_eq!(published(&out), []);
        }
        assert_eq!(world.learner.why_not(world.only()), Some(why));
    }
}

#[test]
fn two_registrations_behind_one_address_and_port() {
    let mut world = World::new(config());
    let registrations = ["0001_ep", "0002_ep"];
    for seq in [10, 11] {
        // Both under way with the same number, confirmed in the other order.
        for eid in registrations {
            world.message(Reason::UnknownRrq, endpoint(1), &keep_alive(seq, eid));
        }
        for eid in registrations.into_iter().rev() {
            let answer = rcf(seq, eid).encode().unwrap();
            let out = world.message(Reason::FromGatekeeper, endpoint(1), &answer);
            assert_eq!(published(&out).len(), usize::from(seq == 11));
            for template in templates(&out) {
                assert_eq!(template.rrq, masked(&keep_alive(seq, eid)));
            }
        }
    }
    assert_eq!(world.learner.stats().published, 2);
}

#[test]
fn ipv6() {
    let mut world = World::new(config());
    let from = SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 1719));
    let id = world.learned(from, "e");
    assert_eq!(world.get(id).endpoint, from);
}

#[test]
fn mapped_ipv4_is_ipv4() {
    let mut world = World::new(config());
    let mapped = SocketAddr::from(("::ffff:192.0.2.1".parse::<Ipv6Addr>().unwrap(), 1719));
    world.keeps_alive(mapped, 10, "e");
    assert_eq!(published(&world.keeps_alive(endpoint(1), 11, "e")).len(), 1);
}

#[test]
fn a_zone_that_only_watches_publishes_and_says_so() {
    let mut config = config();
    config.zones[0].answer = Answer::Off;
    let mut world = World::new(config);
    let id = world.learned(endpoint(1), "e");
    assert_eq!(
        world.learner.why_not(world.get(id)),
        Some(NotAnsweredReason::ZoneOff)
    );
}
