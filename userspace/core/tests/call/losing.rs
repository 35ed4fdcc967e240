//! A gatekeeper is lost during a call: nothing reaches an endpoint, and the endpoints go on with each other.

use std::time::Duration;

use rasline_core::call::{EndedBy, Happening};
use rasline_core::ras_server::{CallFact, EntryId};
use rasline_h225::q931;
use rasline_h225::uuie::build;

use super::world::{Answers, CALL, World, address, gatekeeper};

/// What both phones have got so far.
fn all_got(world: &World) -> [usize; 2] {
    [0, 1].map(|n| world.phones[n].got.len() + world.phones[n].closed.len())
}

#[test]
fn a_killed_gatekeeper_is_not_noticed() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    let before = all_got(&world);
    world.kill(0);
    world.wait(Duration::from_mins(10));
    assert_eq!(all_got(&world), before);
    assert!(world.happened().contains(&Happening::Joined));
    assert_eq!(world.calls.stats().joined, 1);
    // Whatever one says, the other one gets.
    world.tunnel(0, &[0x6d, 0x40, 0x02, 0x2a, 0x39]);
    assert_eq!(world.tunnelled(1), [vec![0x6d, 0x40, 0x02, 0x2a, 0x39]]);
    world.tunnel(1, &[0x09, 0x00, 0x05]);
    assert_eq!(world.tunnelled(0), [vec![0x09, 0x00, 0x05]]);
    world.hang_up(1);
    assert_eq!(world.types(0).last(), Some(&q931::RELEASE_COMPLETE));
    assert_eq!(world.ended(), Some((EndedBy::Called, Some(16))));
    assert_eq!(world.calls.stats().calls, 0);
}

#[test]
fn a_frozen_gatekeeper_is_left_when_ras_finds_it_dead() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.routers[0].is_frozen = true;
    let before = all_got(&world);
    let gatekeeper = gatekeeper(0);
    world.fact(CallFact::Lost { gatekeeper });
    assert_eq!(all_got(&world), before);
    world.hang_up(0);
    assert_eq!(world.types(1), [q931::SETUP, q931::RELEASE_COMPLETE]);
}

/// One that shuts down says DRQ for its calls, closes them, and unregisters the endpoints.
#[test]
fn a_farewell_is_no_order() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    let before = all_got(&world);
    let gatekeeper = gatekeeper(0);
    for endpoint in [EntryId(1), EntryId(2)] {
        world.fact(CallFact::Disengaged {
            endpoint,
            call: CALL,
            gatekeeper,
        });
    }
    world.lose_router_legs(0);
    let endpoint = EntryId(2);
    world.fact(CallFact::Dismissed {
        endpoint,
        gatekeeper,
    });
    world.wait(Duration::from_mins(1));
    assert_eq!(all_got(&world), before);
    assert!(world.happened().contains(&Happening::Joined));
}

/// The operator of the gatekeeper ends a call by DRQ; its connections are closed seconds later.
#[test]
fn a_drq_of_a_living_gatekeeper_ends_the_call() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    let gatekeeper = gatekeeper(0);
    for endpoint in [EntryId(1), EntryId(2)] {
        world.fact(CallFact::Disengaged {
            endpoint,
            call: CALL,
            gatekeeper,
        });
    }
    world.wait(Duration::from_millis(300));
    assert_eq!(world.types(0).last(), Some(&q931::RELEASE_COMPLETE));
    assert_eq!(world.types(1).last(), Some(&q931::RELEASE_COMPLETE));
    assert_eq!(world.ended(), Some((EndedBy::Gatekeeper, Some(31))));
}

/// What another gatekeeper than the one that controls the call says is no order.
#[test]
fn only_the_gatekeeper_of_the_call_is_obeyed() {
    let mut world = World::new(2, 2);
    world.dial(0, 1);
    let before = all_got(&world);
    world.fact(CallFact::Disengaged {
        endpoint: EntryId(1),
        call: CALL,
        gatekeeper: gatekeeper(1),
    });
    world.fact(CallFact::Lost {
        gatekeeper: gatekeeper(1),
    });
    world.wait(Duration::from_mins(1));
    assert_eq!(all_got(&world), before);
    assert_eq!(world.calls.stats().joined, 0);
}

#[test]
fn a_ringing_call_is_joined_and_answered() {
    let mut world = World::new(2, 1);
    world.phones[1].answers = Answers::Rings;
    world.dial(0, 1);
    assert_eq!(world.types(0), [q931::CALL_PROCEEDING, q931::ALERTING]);
    world.kill(0);
    world.wait(Duration::from_secs(20));
    world.connect_call(1);
    world.wait(Duration::from_secs(1));
    world.tunnel(1, &[9, 0, 1]);
    assert_eq!(world.types(0)[2], q931::CONNECT);
    world.hang_up(0);
    assert_eq!(world.types(1).last(), Some(&q931::RELEASE_COMPLETE));
}

/// With no called leg yet there is nobody to join.
#[test]
fn a_call_without_a_called_leg_fails() {
    let mut world = World::new(2, 1);
    world.routers[0].is_frozen = true;
    world.dial(0, 1);
    assert!(world.types(0).is_empty());
    world.kill(0);
    assert_eq!(world.types(0), [q931::RELEASE_COMPLETE]);
    let cause = world.phones[0].got[0].message.cause();
    assert_eq!(cause, Some(q931::cause::TEMPORARY_FAILURE));
}

/// The other party was beyond the gatekeeper, and is lost with it.
#[test]
fn half_a_call_ends_after_a_while() {
    let mut world = World::new(1, 1);
    world.receive_from_elsewhere(0);
    assert_eq!(world.types(0), [q931::SETUP]);
    let before = world.phones[0].got.len();
    world.kill(0);
    world.wait(Duration::from_secs(59));
    assert_eq!(world.phones[0].got.len(), before);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.types(0).last(), Some(&q931::RELEASE_COMPLETE));
    let cause = world.phones[0].got.last().unwrap().message.cause();
    assert_eq!(cause, Some(q931::cause::NETWORK_OUT_OF_ORDER));
}

/// What went into a frozen gatekeeper and did not come out is delivered, once and in order.
#[test]
fn what_was_in_flight_is_delivered_once() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.tunnel(0, &[0x6d, 0x40, 0x00, 0x31]);
    world.routers[0].is_frozen = true;
    world.tunnel(0, &[0x6d, 0x40, 0x00, 0x32]);
    world.tunnel(0, &[0x6d, 0x40, 0x00, 0x33]);
    world.tunnel(1, &[0x09, 0x00, 0x05]);
    assert_eq!(world.tunnelled(1).len(), 1);
    let gatekeeper = gatekeeper(0);
    world.fact(CallFact::Lost { gatekeeper });
    let digits: Vec<u8> = world.tunnelled(1).iter().map(|one| one[3]).collect();
    assert_eq!(digits, [0x31, 0x32, 0x33]);
    assert_eq!(world.tunnelled(0), [vec![0x09, 0x00, 0x05]]);
}

#[test]
fn a_connect_in_flight_is_delivered() {
    let mut world = World::new(2, 1);
    world.phones[1].answers = Answers::Rings;
    world.dial(0, 1);
    world.routers[0].is_frozen = true;
    world.connect_call(1);
    world.fact(CallFact::Lost {
        gatekeeper: gatekeeper(0),
    });
    let types = world.types(0);
    assert_eq!(
        types,
        [q931::CALL_PROCEEDING, q931::ALERTING, q931::CONNECT]
    );
}

/// A hang-up in flight ends the call.
#[test]
fn a_hang_up_in_flight_is_delivered() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.routers[0].is_frozen = true;
    world.hang_up(0);
    assert_eq!(world.types(1), [q931::SETUP]);
    world.fact(CallFact::Lost {
        gatekeeper: gatekeeper(0),
    });
    assert_eq!(world.types(1), [q931::SETUP, q931::RELEASE_COMPLETE]);
    assert_eq!(world.calls.stats().calls, 0);
}

/// A gatekeeper that was dead and comes back says what it likes: its connections are closed.
#[test]
fn a_zombie_changes_nothing() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.routers[0].is_frozen = true;
    world.fact(CallFact::Lost {
        gatekeeper: gatekeeper(0),
    });
    let before = all_got(&world);
    world.routers[0].is_frozen = false;
    world.fact(CallFact::Disengaged {
        endpoint: EntryId(1),
        call: CALL,
        gatekeeper: gatekeeper(0),
    });
    world.router_says(0, |reference| {
        build::release_complete(reference, Some(CALL), 31, None)
    });
    world.wait(Duration::from_mins(1));
    assert_eq!(all_got(&world), before);
}

/// Endpoints whose H.245 has a connection of its own are joined in both.
#[test]
fn h245_connections_are_joined() {
    let mut world = World::new(2, 1);
    world.phones[1].control_address = Some(address("10.0.0.2:11000"));
    world.dial(0, 1);
    let connect = world.phones[0].got.last().unwrap().info.clone().unwrap();
    world.open_control(0, connect.h245_address().unwrap());
    world.kill(0);
    world.send_control(0, &[0x09, 0x00, 0x05]);
    assert_eq!(world.phones[1].control, [vec![0x09, 0x00, 0x05]]);
    world.send_control(1, &[0x28, 0x00, 0x05]);
    assert_eq!(world.phones[0].control, [vec![0x28, 0x00, 0x05]]);
    world.hang_up(0);
    assert_eq!(world.types(1).last(), Some(&q931::RELEASE_COMPLETE));
    assert_eq!(world.calls.stats().calls, 0);
}
