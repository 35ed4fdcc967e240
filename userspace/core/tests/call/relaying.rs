//! While the gatekeeper is there: everything goes through it, with the addresses and call reference of each leg.

use std::time::Duration;

use rasline_core::call::{EndedBy, Happening};
use rasline_h225::q931;
use rasline_h225::types::H323UuPduH323MessageBody as Body;
use rasline_h225::uuie::build;

use super::world::{Answers, CALL, CONFERENCE, World, address, phone, service, setup, upstream};

#[test]
fn a_call_is_set_up_and_released() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    let caller = [q931::CALL_PROCEEDING, q931::ALERTING, q931::CONNECT];
    assert_eq!(world.types(0), caller);
    assert_eq!(world.types(1), [q931::SETUP]);
    assert_eq!(world.calls.stats().calls, 1);
    let view = &world.calls.views()[0];
    assert_eq!((view.legs.len(), view.is_joined), (4, false));
    assert!(view.connected.is_some());
    world.hang_up(0);
    assert_eq!(world.types(1), [q931::SETUP, q931::RELEASE_COMPLETE]);
    let release = &world.phones[1].got[1];
    assert_eq!(
        release.message.cause(),
        Some(q931::cause::NORMAL_CALL_CLEARING)
    );
    assert_eq!(world.ended(), Some((EndedBy::Caller, Some(16))));
    assert_eq!(world.calls.stats().calls, 0);
    // The connection that rasline made is closed by rasline, the caller's by the caller, or in time.
    assert_eq!(world.phones[1].closed.len(), 1);
    assert!(world.phones[0].closed.is_empty());
    world.wait(Duration::from_secs(5));
    assert_eq!(world.phones[0].closed.len(), 1);
    assert_eq!(world.calls.stats().links, 0);
}

#[test]
fn the_called_endpoint_hangs_up() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.hang_up(1);
    assert_eq!(world.types(0).last(), Some(&q931::RELEASE_COMPLETE));
    assert_eq!(world.ended(), Some((EndedBy::Called, Some(16))));
}

/// Each side learns rasline's address of its own side, and nothing of the other one's.
#[test]
fn a_setup_has_the_addresses_of_its_leg() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    let at_gatekeeper = &world.routers[0].got[0];
    let user = at_gatekeeper.user_user().unwrap();
    let info = rasline_h225::uuie::decode_uuie(user).unwrap();
    assert_eq!(info.source_call_signal_address(), Some(upstream(0)));
    let gatekeeper = address("10.2.0.8:1720");
    assert_eq!(info.destination_call_signal_address(), Some(gatekeeper));
    let at_phone = world.phones[1].got[0].info.clone().unwrap();
    assert_eq!(at_phone.source_call_signal_address(), Some(service()));
    assert_eq!(at_phone.destination_call_signal_address(), Some(phone(1)));
    let Body::Setup(body) = at_phone.body() else {
        panic!("{at_phone:?}");
    };
    assert_eq!(&body.conference_id[..], CONFERENCE);
}

#[test]
fn tunnelled_h245_and_the_unknown_pass_untouched() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.tunnel(0, &[0x6d, 0x40, 0x02, 0x2a, 0x39]);
    assert_eq!(world.tunnelled(1), [vec![0x6d, 0x40, 0x02, 0x2a, 0x39]]);
    world.send(1, |reference| {
        let mut message = q931::Message::new(reference, q931::NOTIFY);
        message.set_element(0x27, &[0x80]);
        message.set_element(0x5f, b"unknown");
        message
    });
    let got = &world.phones[0].got.last().unwrap().message;
    assert_eq!(got.element(0x5f), Some(&b"unknown"[..]));
    assert_eq!(got.element(0x27), Some(&[0x80][..]));
}

/// H.245 on a connection of its own: each peer gets rasline's address, and rasline connects to the one that listens.
#[test]
fn h245_on_its_own_connection() {
    let mut world = World::new(2, 1);
    world.phones[1].control_address = Some(address("10.0.0.2:11000"));
    world.dial(0, 1);
    let connect = world.phones[0].got.last().unwrap().clone();
    assert_eq!(connect.message.message_type, q931::CONNECT);
    let given = connect.info.unwrap().h245_address().unwrap();
    assert_eq!(given.ip(), service().ip());
    world.open_control(0, given);
    // The gatekeeper of this world does not connect for H.245: that leg waits.
    assert_eq!(world.calls.stats().listeners_failed, 0);
}

#[test]
fn a_setup_that_nobody_admitted_is_refused() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.hang_up(0);
    let link = rasline_core::call::LinkId(500);
    world.input(rasline_core::call::Input::EndpointConnected {
        link,
        zone: super::world::ZONE,
        peer: address("10.0.0.99:4000"),
        local: service(),
    });
    let mut out = Vec::new();
    let reference = q931::CallReference {
        value: 5,
        to_originator: false,
    };
    let octets = setup(reference, 0, 1).to_tpkt().unwrap();
    let octets = &octets[4..];
    let input = rasline_core::call::Input::Message { link, octets };
    world.calls.handle(world.now, input, &mut out);
    let rasline_core::call::Output::Write { octets, .. } = &out[0] else {
        panic!("{out:?}");
    };
    let refusal = q931::Message::parse(&octets[4..]).unwrap();
    assert_eq!(refusal.message_type, q931::RELEASE_COMPLETE);
    assert_eq!(refusal.reference, reference.reversed());
    assert_eq!(refusal.cause(), Some(q931::cause::SUBSCRIBER_ABSENT));
    assert_eq!(world.calls.stats().calls, 0);
}

/// The other endpoint does not wait for a gatekeeper that has the hang-up and says nothing.
#[test]
fn a_hang_up_is_passed_on_without_the_gatekeeper() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.routers[0].is_frozen = true;
    world.hang_up(0);
    assert_eq!(world.types(1), [q931::SETUP]);
    world.wait(Duration::from_millis(2900));
    assert_eq!(world.types(1), [q931::SETUP]);
    world.wait(Duration::from_millis(100));
    assert_eq!(world.types(1), [q931::SETUP, q931::RELEASE_COMPLETE]);
    assert_eq!(world.ended(), Some((EndedBy::Caller, Some(16))));
}

#[test]
fn an_endpoint_that_is_lost_ends_its_call() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.lose_phone(0);
    assert_eq!(world.types(1), [q931::SETUP, q931::RELEASE_COMPLETE]);
    let cause = world.phones[1].got[1].message.cause();
    assert_eq!(cause, Some(q931::cause::DESTINATION_OUT_OF_ORDER));
    assert_eq!(world.calls.stats().calls, 0);
}

#[test]
fn a_busy_endpoint_is_busy() {
    let mut world = World::new(2, 1);
    world.phones[1].answers = Answers::Nothing;
    world.dial(0, 1);
    world.send(1, |reference| {
        build::release_complete(reference, Some(CALL), q931::cause::USER_BUSY, None)
    });
    assert_eq!(world.types(0), [q931::RELEASE_COMPLETE]);
    let cause = world.phones[0].got[0].message.cause();
    assert_eq!(cause, Some(q931::cause::USER_BUSY));
    assert!(!world.happened().contains(&Happening::Joined));
}

/// An order of the gatekeeper is obeyed once it has lived on for a while.
#[test]
fn the_gatekeeper_ends_a_call() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.router_says(0, |reference| {
        build::release_complete(reference, Some(CALL), 31, None)
    });
    assert_eq!(world.types(1), [q931::SETUP]);
    world.wait(Duration::from_millis(300));
    assert_eq!(world.types(1), [q931::SETUP, q931::RELEASE_COMPLETE]);
    assert_eq!(world.types(0).last(), Some(&q931::RELEASE_COMPLETE));
    assert_eq!(world.ended(), Some((EndedBy::Gatekeeper, Some(31))));
    assert_eq!(world.calls.stats().calls, 0);
}
