//! Peers that want more than their due, and those that never answer.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::call::{Input, LinkId, ListenerId, Output};
use rasline_h225::q931::{self, CallReference, Message, cause};
use rasline_h225::uuie::build;

use super::world::{Answers, CALL, World, ZONE, address, phone, service, setup};

const LINK: LinkId = LinkId(500);

fn reference(value: u16) -> CallReference {
    CallReference {
        value,
        to_originator: false,
    }
}

/// What the machine wants done after this input, without doing it.
fn outputs(world: &mut World, input: Input<'_>) -> Vec<Output> {
    let mut out = Vec::new();
    world.calls.handle(world.now, input, &mut out);
    out
}

fn connect(world: &mut World, link: LinkId, host: SocketAddr) -> Vec<Output> {
    let input = Input::EndpointConnected {
        link,
        zone: ZONE,
        peer: SocketAddr::new(host.ip(), 45_000),
        local: service(),
    };
    outputs(world, input)
}

fn send(world: &mut World, message: &Message) -> Vec<Output> {
    let octets = &message.to_tpkt().unwrap()[4..];
    let input = Input::Message { link: LINK, octets };
    outputs(world, input)
}

/// The cause of the only message, behind which the connection is closed.
fn refusal(out: &[Output]) -> Option<u8> {
    let [Output::Write { octets, .. }, Output::Close { link: LINK }] = out else {
        panic!("{out:?}");
    };
    Message::parse(&octets[4..]).unwrap().cause()
}

fn last_cause(world: &World, n: usize) -> Option<u8> {
    world.phones[n].got.last().unwrap().message.cause()
}

/// rasline connects for H.245 to the host of an endpoint only: not to another one, and not to itself.
#[test]
fn an_endpoint_names_no_other_host_for_h245() {
    for target in ["10.0.0.99:11000", "10.1.0.1:1720", "127.0.0.1:22"] {
        let mut world = World::new(2, 1);
        world.phones[1].control_address = Some(address(target));
        world.dial(0, 1);
        let connect = world.phones[0].got.last().unwrap();
        assert_eq!(connect.message.message_type, q931::CONNECT);
        assert_eq!(connect.info.as_ref().unwrap().h245_address(), None);
        assert_eq!(world.phones[1].control_link, None);
        world.hang_up(0);
        assert_eq!(world.calls.stats().foreign_control, 1);
        assert_eq!(world.calls.stats().listeners, 0);
    }
}

/// Gatekeepers end a call when a second Setup for it comes, so none gets there.
#[test]
fn a_second_setup_of_a_call_is_refused() {
    let mut world = World::new(3, 1);
    world.dial(0, 1);
    for (host, expected) in [
        (phone(0), cause::CALL_REJECTED),
        (phone(2), cause::SUBSCRIBER_ABSENT),
    ] {
        connect(&mut world, LINK, host);
        let out = send(&mut world, &setup(reference(5), 0, 1));
        assert_eq!(refusal(&out), Some(expected));
    }
    assert_eq!(world.routers[0].setups, 1);
    assert_eq!(world.calls.stats().calls, 1);
    world.hang_up(0);
    assert_eq!(world.types(1).last(), Some(&q931::RELEASE_COMPLETE));
}

/// A Setup has a call reference of its sender: flag 0, and not the global one.
#[test]
fn a_setup_with_a_wrong_call_reference_is_ignored() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.hang_up(0);
    connect(&mut world, LINK, phone(0));
    for wrong in [reference(5).reversed(), reference(0)] {
        let out = send(&mut world, &setup(wrong, 0, 1));
        assert_eq!(out, []);
    }
    assert_eq!(world.calls.stats().calls, 0);
}

/// A call reference means a call on its own connection only.
#[test]
fn a_release_on_another_connection_is_ignored() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    connect(&mut world, LINK, phone(1));
    let release = build::release_complete(reference(77), Some(CALL), 16, None);
    assert_eq!(send(&mut world, &release), []);
    assert_eq!(world.calls.stats().calls, 1);
}

#[test]
fn connections_of_a_stranger_are_few_and_short() {
    let mut world = World::new(1, 1);
    let stranger = address("10.0.0.99:4000");
    for n in 0..64 {
        assert_eq!(connect(&mut world, LinkId(n), stranger), []);
    }
    let link = LinkId(64);
    let refused = connect(&mut world, link, stranger);
    assert_eq!(refused, [Output::Close { link }]);
    world.wait(Duration::from_secs(15));
    assert_eq!(world.calls.stats().links, 0);
    assert_eq!(world.calls.next_due(), None);
}

/// A stranger that finds the port of an H.245 listener does not keep the peer away from it.
#[test]
fn a_stranger_does_not_use_up_an_h245_listener() {
    let mut world = World::new(2, 1);
    world.phones[1].control_address = Some(SocketAddr::new(phone(1).ip(), 11_000));
    world.dial(0, 1);
    let connect = world.phones[0].got.last().unwrap().info.clone().unwrap();
    let listens = connect.h245_address().unwrap();
    let input = Input::ControlConnected {
        listener: ListenerId(u64::from(listens.port() - 40_000)),
        link: LINK,
        peer: address("10.0.0.99:4000"),
    };
    let out = outputs(&mut world, input);
    assert_eq!(out, [Output::Close { link: LINK }]);
    world.open_control(0, listens);
    let caller = world.calls.views()[0].legs[0];
    assert!(caller.has_control);
}

#[test]
fn a_setup_without_any_answer_is_given_up() {
    let mut world = World::new(2, 1);
    world.routers[0].is_frozen = true;
    world.dial(0, 1);
    world.wait(Duration::from_millis(9900));
    assert!(world.types(0).is_empty());
    world.wait(Duration::from_millis(100));
    assert_eq!(world.types(0), [q931::RELEASE_COMPLETE]);
    assert_eq!(last_cause(&world, 0), Some(cause::TIMER_EXPIRY));
    assert_eq!(world.calls.stats().calls, 0);
}

/// The gatekeeper learns that the called endpoint does not answer, and may try another one.
#[test]
fn a_called_endpoint_that_does_not_answer_is_given_up() {
    let mut world = World::new(2, 1);
    world.phones[1].answers = Answers::Nothing;
    world.dial(0, 1);
    // The gatekeeper answers by itself that it proceeds.
    world.router_says(0, |reference| build::call_proceeding(reference, CALL));
    world.wait(Duration::from_secs(10));
    for n in [0, 1] {
        assert_eq!(world.types(n).last(), Some(&q931::RELEASE_COMPLETE));
        assert_eq!(last_cause(&world, n), Some(cause::TIMER_EXPIRY));
    }
    assert_eq!(world.calls.stats().calls, 0);
}

#[test]
fn a_call_rings_for_three_minutes_at_most() {
    let mut world = World::new(2, 1);
    world.phones[1].answers = Answers::Rings;
    world.dial(0, 1);
    world.wait(Duration::from_secs(179));
    assert_eq!(world.types(0), [q931::CALL_PROCEEDING, q931::ALERTING]);
    world.wait(Duration::from_secs(1));
    for n in [0, 1] {
        assert_eq!(world.types(n).last(), Some(&q931::RELEASE_COMPLETE));
        assert_eq!(last_cause(&world, n), Some(cause::TIMER_EXPIRY));
    }
    assert_eq!(world.calls.stats().calls, 0);
}

/// An endpoint hangs up after its gatekeeper left it: the other one gets its own ReleaseComplete.
#[test]
fn a_hang_up_without_a_gatekeeper_keeps_its_cause() {
    let mut world = World::new(2, 1);
    world.dial(0, 1);
    world.router_says(0, |reference| {
        build::release_complete(reference, Some(CALL), 31, None)
    });
    world.send(0, |reference| {
        build::release_complete(reference, Some(CALL), cause::USER_BUSY, None)
    });
    assert_eq!(last_cause(&world, 1), Some(cause::USER_BUSY));
}
