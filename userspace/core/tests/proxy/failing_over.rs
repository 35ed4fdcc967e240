//! Another gatekeeper serves the zone.

use std::time::Duration;

use rasline_core::proxy::{Event, UpstreamState};
use rasline_h225::types::RasMessage;

use crate::proxy::world::*;

/// The most full RRQs that a gatekeeper got within any second.
fn densest(world: &World) -> usize {
    let all = world.at_gatekeepers.iter();
    let times: Vec<u64> = all
        .filter(|(_, _, octets)| kind(octets) == "RRQ")
        .map(|(at, _, _)| at.0)
        .collect();
    let mut most = 0;
    let mut start = 0;
    for (n, at) in times.iter().enumerate() {
        while times[start] + 1_000_000_000 <= *at {
            start += 1;
        }
        most = most.max(n + 1 - start);
    }
    most
}

#[test]
fn ten_thousand_endpoints_move_at_the_rate_and_see_only_rcfs() {
    const ALL: u32 = 10_000;
    let mut world = World::new(500);
    for n in 1..=ALL {
        let seq = world.next_seq();
        world.send(n, &full(seq, n).message().unwrap());
        world.pass(2 * MS);
    }
    world.pass(5 * SECOND);
    assert_eq!(world.registered_at(ONE), ALL as usize);
    let before: Vec<String> = world
        .views()
        .into_iter()
        .map(|one| one.endpoint_identifier)
        .collect();
    world.forget();
    world.dead.push(ONE);
    world.active(None);
    world.pass(SECOND);
    world.active(Some(TWO));
    // Keep-alives go on all the while.
    for (n, eid) in (1..=ALL).zip(&before).step_by(10) {
        world.keep_alive(n, eid);
        world.pass(18 * MS);
    }
    world.pass(5 * SECOND);
    assert_eq!(world.registered_at(TWO), ALL as usize);
    assert!(
        densest(&world) <= 500,
        "{} RRQs within a second",
        densest(&world)
    );
    let after: Vec<String> = world
        .views()
        .into_iter()
        .map(|one| one.endpoint_identifier)
        .collect();
    assert_eq!(before, after);
    assert_eq!(world.at_endpoints.len(), ALL as usize / 10);
    for (_, _, octets) in &world.at_endpoints {
        assert_eq!(kind(octets), "RCF");
    }
    let moves: Vec<&Event> = world
        .events
        .iter()
        .filter(|event| matches!(event, Event::Moving { .. } | Event::Moved { .. }))
        .collect();
    assert_eq!(
        moves,
        [
            &Event::Moving {
                gatekeeper: TWO,
                endpoints: ALL as usize
            },
            &Event::Moved {
                gatekeeper: TWO,
                registered: ALL as usize,
                rejected: 0
            }
        ]
    );
}

#[test]
fn a_request_in_flight_is_retried_where_the_endpoint_is_registered_next() {
    let mut world = World::new(10);
    let eids: Vec<String> = (1..=50).map(|n| world.register(n)).collect();
    world.forget();
    world.dead.push(ONE);
    let seq = world.call(50, &eids[49], 1);
    world.pass(3 * SECOND);
    assert_eq!(world.kinds(50), ["RIP"]);
    world.active(Some(TWO));
    world.pass(100 * MS);
    // The caller moves first.
    assert_eq!(world.known_as(TWO, 50).len(), 1);
    world.pass(6 * SECOND);
    let RasMessage::AdmissionConfirm(acf) = world.last(50) else {
        panic!("{:?}", world.last(50))
    };
    assert_eq!(acf.request_seq_num, seq);
    assert_eq!(world.stats().retried, 1);
}

#[test]
fn both_parties_of_a_call_in_flight_move_first() {
    let mut world = World::new(10);
    let eids: Vec<String> = (1..=20).map(|n| world.register(n)).collect();
    world.forget();
    world.dead.push(ONE);
    let first = world.call(19, &eids[18], 20);
    world.pass(100 * MS);
    world.active(Some(TWO));
    world.pass(5 * SECOND);
    let answers: Vec<&str> = world
        .kinds(19)
        .into_iter()
        .filter(|kind| *kind != "RIP")
        .collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(world.last(19).request_seq_num(), first);
}

#[test]
fn who_waits_too_long_is_told() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.forget();
    world.dead.push(ONE);
    world.active(None);
    world.call(1, &eid, 1);
    world.keep_alive(1, &eid);
    world.pass(Duration::from_secs(30));
    let kinds = world.kinds(1);
    assert_eq!(kinds[0], "RCF");
    assert_eq!(kinds.last(), Some(&"ARJ"));
    assert!(kinds[1..kinds.len() - 1].iter().all(|kind| *kind == "RIP"));
    assert_eq!(world.views().len(), 1);
}

#[test]
fn back_to_a_gatekeeper_that_knows_it_still() {
    let mut world = World::new(1);
    for n in 1..=3 {
        let seq = world.next_seq();
        world.send(n, &full(seq, n).message().unwrap());
    }
    world.pass(5 * SECOND);
    assert_eq!(world.registered_at(ONE), 3);
    world.forget();
    world.active(Some(TWO));
    world.pass(500 * MS);
    world.active(Some(ONE));
    world.pass(SECOND);
    // The two that had not moved yet did not register again.
    let full = world
        .kinds_at(ONE)
        .iter()
        .filter(|kind| **kind == "RRQ")
        .count();
    assert!(full <= 1, "{full}");
    world.pass(5 * SECOND);
    assert_eq!((world.registered_at(ONE), world.registered_at(TWO)), (3, 0));
}

#[test]
fn rejected_by_the_next_one_and_tried_again() {
    let mut world = World::new(0);
    let eid = world.register(1);
    // Somebody else has the alias there.
    let rrq = rasline_h225::messages::Rrq {
        aliases: vec![alias(1)],
        ..rasline_h225::messages::Rrq::full(1, signalling(9), ras(9))
    };
    let taken = rrq.encode().unwrap();
    let mut out = Vec::new();
    let message = rasline_core::registrar::Input::Message {
        from: ras(9),
        to: TWO,
        payload: &taken,
    };
    let now = world.now;
    world
        .gatekeepers
        .get_mut(&TWO)
        .unwrap()
        .handle(now, message, &mut out);
    world.forget();
    world.active(Some(TWO));
    world.pass(SECOND);
    assert_eq!(world.views()[0].upstream, UpstreamState::Refused);
    world.keep_alive(1, &eid);
    world.call(1, &eid, 1);
    world.pass(SECOND);
    assert_eq!(world.kinds(1), ["RCF", "ARJ"]);
    let moved = Event::Moved {
        gatekeeper: TWO,
        registered: 0,
        rejected: 1,
    };
    assert!(world.events.contains(&moved));
    world
        .gatekeepers
        .insert(TWO, gatekeeper(TWO, "gk-number-two"));
    world.pass(Duration::from_secs(61));
    assert_eq!(world.views()[0].upstream, UpstreamState::Registered);
    assert_eq!(world.kinds(1), ["RCF", "ARJ"]);
}
