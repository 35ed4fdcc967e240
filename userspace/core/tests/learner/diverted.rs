//! `endpoint_ttl`: each diverted RCF is sent on once, patched where it can be.

use rasline_core::{Input, Message, NotAnsweredReason, Reason, State};
use rasline_h225::decode_ras;
use rasline_h225::messages::{Rcf, Rrq};
use rasline_h225::view::{Summary, summarise};

use crate::learner::world::*;

fn time_to_live(rcf: &[u8]) -> Option<u32> {
    match summarise(&decode_ras(rcf).unwrap()) {
        Summary::Rcf { time_to_live, .. } => time_to_live,
        other => panic!("{other:?}"),
    }
}

#[test]
fn patched_and_learned() {
    let mut world = World::new(two_rhythms());
    let register = full(1, signalling(0), "alice").encode().unwrap();
    world.message(Reason::UnknownRrq, endpoint(1), &register);
    let out = world.message(
        Reason::Diverted,
        endpoint(1),
        &rcf(1, "e").encode().unwrap(),
    );
    assert_eq!(time_to_live(sends(&out)[0].2), Some(5));
    for seq in [2, 3] {
        world.message(Reason::UnknownRrq, endpoint(1), &keep_alive(seq, "e"));
        let answer = rcf(seq, "e").encode().unwrap();
        let out = world.message(Reason::Diverted, endpoint(1), &answer);
        let all = sends(&out);
        let [(0, to, sent)] = all[..] else {
            panic!("{out:?}")
        };
        assert_eq!((to, time_to_live(sent)), (endpoint(1), Some(5)));
        assert_eq!(sent[2..4], answer[2..4]);
        for template in templates(&out) {
            assert_eq!(template.original_rcf, masked(&answer));
            assert_eq!(template.rcf, masked(sent));
            assert_eq!(template.gatekeeper_ttl, 600 * SECOND);
        }
        assert_eq!(templates(&out).len(), usize::from(seq == 3));
    }
    assert_eq!(world.only().endpoint_ttl, Some(5 * SECOND));
    assert_eq!(world.learner.stats().patched, 3);
}

#[test]
fn what_cannot_be_patched_goes_on_as_it_is() {
    let cases = [
        Rcf {
            token: true,
            ..rcf(1, "e")
        },
        Rcf {
            time_to_live: Some(5),
            ..rcf(1, "e")
        },
        Rcf {
            time_to_live: Some(4),
            ..rcf(1, "e")
        },
        Rcf {
            time_to_live: None,
            ..rcf(1, "e")
        },
    ];
    let mut raw: Vec<Vec<u8>> = cases.iter().map(|rcf| rcf.encode().unwrap()).collect();
    raw.extend([
        rrj(1),
        keep_alive(1, "e"),
        vec![],
        vec![0x12],
        vec![0xff; 3000],
    ]);
    for payload in raw {
        for divert in [two_rhythms(), config()] {
            let mut world = World::new(divert);
            let out = world.message(Reason::Diverted, endpoint(1), &payload);
            assert_eq!(sends(&out), [(0, endpoint(1), &payload[..])]);
        }
    }
}

#[test]
fn sent_whatever_else_goes_wrong() {
    let payload = rcf(1, "e").encode().unwrap();
    let mut nothing_fits = two_rhythms();
    nothing_fits.max_registrations = 0;
    let mut world = World::new(nothing_fits);
    world.message(Reason::UnknownRrq, endpoint(1), &keep_alive(1, "e"));
    let out = world.message(Reason::Diverted, endpoint(1), &payload);
    assert_eq!(time_to_live(sends(&out)[0].2), Some(600));
    assert_eq!(world.learner.stats().refused, 1);
    // A zone that is not configured (any more).
    let (zone, gatekeeper) = (9, 9);
    let message = Message {
        seen_as: crate::learner::world::GATEKEEPER,
        reason: Reason::Diverted,
        zone,
        gatekeeper,
        endpoint: endpoint(1),
        payload: &payload,
    };
    let out = world.input(Input::Message(message));
    assert_eq!(sends(&out), [(9, endpoint(1), &payload[..])]);
    assert_eq!(world.learner.stats().foreign, 1);
}

#[test]
fn only_diverted_ones_are_sent() {
    let mut world = World::new(two_rhythms());
    for reason in [
        Reason::FromGatekeeper,
        Reason::ChangedRcf,
        Reason::Withdrawn,
    ] {
        let out = world.message(reason, endpoint(1), &rcf(1, "e").encode().unwrap());
        assert_eq!(sends(&out), []);
    }
}

#[test]
fn a_secured_endpoint_is_recorded_and_left_alone() {
    let mut world = World::new(two_rhythms());
    let rrq = Rrq {
        token: true,
        ..Rrq::lightweight(1, endpoint(1), "e")
    }
    .encode()
    .unwrap();
    let answer = Rcf {
        token: true,
        ..rcf(1, "e")
    }
    .encode()
    .unwrap();
    world.message(Reason::UnknownRrq, endpoint(1), &rrq);
    let out = world.message(Reason::Diverted, endpoint(1), &answer);
    assert_eq!(sends(&out), [(0, endpoint(1), &answer[..])]);
    assert_eq!(
        world.only().state,
        State::NotAnswered {
            why: NotAnsweredReason::Secured
        }
    );
}

#[test]
fn another_confirm_to_a_refresh_is_learned_again() {
    let mut world = World::new(two_rhythms());
    let id = world.learned(endpoint(1), "e");
    // The known one, which came while its slot was not looked at: nothing changes.
    let out = world.message(
        Reason::Diverted,
        endpoint(1),
        &rcf(20, "e").encode().unwrap(),
    );
    assert_eq!((out.len(), sends(&out).len()), (1, 1));
    let changed = Rcf {
        time_to_live: Some(90),
        ..rcf(21, "e")
    }
    .encode()
    .unwrap();
    let out = world.message(Reason::Diverted, endpoint(1), &changed);
    assert_eq!(
        (withdrawn(&out), time_to_live(sends(&out)[0].2)),
        (vec![id], Some(5))
    );
    assert_eq!(world.state(id), State::Learning { pairs: 0 });
}
