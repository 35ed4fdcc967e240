//! Messages to gatekeepers from the endpoints' own addresses, and what comes back to these.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::proxy::{Event, Input, Proxy, Settings, Source, Upstream, UpstreamState};
use rasline_core::registrar;
use rasline_h225::messages::Rrq;
use rasline_h225::text::{from_bmp, from_transport, to_bmp, to_transport};
use rasline_h225::types::*;
use rasline_h225::{decode_ras, encode_ras};

use crate::proxy::world::*;

fn world(rate: u32) -> World {
    let mut world = World::with(as_endpoints(rate));
    world.active(Some(ONE));
    world
}

/// What gatekeepers got, and from where.
fn seen(world: &World) -> Vec<(SocketAddr, RasMessage)> {
    let all = world.sources.iter().zip(&world.at_gatekeepers);
    all.map(|(from, (_, _, octets))| (*from, decode_ras(octets).unwrap()))
        .collect()
}

/// Every RRQ comes from its endpoint's RAS address, which is its only rasAddress and on the host of a callSignalAddress.
fn all_are_the_endpoints(world: &World) {
    for (from, message) in seen(world) {
        if let RasMessage::RegistrationRequest(rrq) = message {
            assert_eq!(rrq.ras_address, [to_transport(from)]);
            let mut called = rrq.call_signal_address.iter().filter_map(from_transport);
            assert!(called.any(|one| one.ip() == from.ip()), "{from}: {rrq:?}");
        }
    }
}

fn rrj(seq: u16, reason: RegistrationRejectReason) -> RasMessage {
    RasMessage::RegistrationReject(RegistrationReject::new(seq, reason))
}

#[test]
fn registrations_keep_alives_and_requests_come_from_the_endpoint() {
    let mut world = world(0);
    let eid = world.register(1);
    world.register(2);
    world.call(1, &eid, 2);
    world.pass(Duration::from_secs(50));
    all_are_the_endpoints(&world);
    let sources: Vec<_> = seen(&world)
        .into_iter()
        .filter(|(from, _)| *from == ras(1))
        .map(|(_, message)| kind(&encode_ras(&message).unwrap()))
        .collect();
    assert_eq!(sources, ["RRQ", "ARQ", "rrq"]);
    assert_eq!(world.registered_at(ONE), 2);
    assert_eq!(world.kinds(1), ["RCF", "ACF"]);
    world.unregister(1, &eid);
    world.pass(SECOND);
    let (from, urq) = seen(&world).pop().unwrap();
    assert_eq!((from, urq.kind().name()), (ras(1), "URQ"));
    assert_eq!(world.registered_at(ONE), 1);
    assert!(world.passed_on.is_empty(), "{:?}", world.passed_on);
}

/// What may need fragments goes from rasline's address and comes back there, keep-alives and all; without one, from the
/// endpoint's.
#[test]
fn who_has_many_aliases_is_registered_from_our_address() {
    let many = Rrq {
        aliases: (0..40).map(|n| format!("{n:-<27}")).collect(),
        ..full(1, 1)
    };
    for (own, from) in [(Some(RAS), RAS), (None, ras(1))] {
        let mut world = World::with(Settings {
            ras_address: own,
            ..as_endpoints(0)
        });
        world.active(Some(ONE));
        world.send(1, &many.message().unwrap());
        world.register(2);
        world.pass(Duration::from_secs(50));
        let of = |source| {
            let all = seen(&world).into_iter();
            all.filter(|(from, _)| *from == source).count()
        };
        assert!(of(from) > 0 && of(ras(2)) > 0);
        assert_eq!(of(from) + of(ras(2)), world.sources.len());
        assert_eq!(world.registered_at(ONE), 2);
        assert_eq!(world.kinds(1), ["RCF"]);
    }
}

/// A gatekeeper that compares addresses refuses ours, and gets the next one from the endpoint's.
#[test]
fn who_has_many_aliases_is_not_refused_twice_for_our_address() {
    let mut world = World::with(Settings {
        ras_address: Some(RAS),
        ..as_endpoints(0)
    });
    world.dead.push(ONE);
    world.active(Some(ONE));
    let refused = RegistrationRejectReason::InvalidCallSignalAddress;
    for (seq, from, reason) in [(1, RAS, Some(refused)), (2, ras(1), None)] {
        let many = Rrq {
            aliases: (0..40).map(|n| format!("{n:-<27}")).collect(),
            ..full(seq, 1)
        };
        world.send(1, &many.message().unwrap());
        answer(&mut world, reason);
        assert_eq!(world.sources.last(), Some(&from));
    }
}

/// It may send from any port; the gatekeeper knows the one where it wants to be asked.
#[test]
fn the_ras_address_counts_not_the_port_that_it_sends_from() {
    let mut world = world(0);
    let from = SocketAddr::new(ras(1).ip(), 50_000);
    let octets = full(3, 1).encode().unwrap();
    world.input(Input::FromEndpoint {
        from,
        to: SERVICE,
        payload: &octets,
    });
    world.pass(SECOND);
    assert_eq!(world.sources, [ras(1)]);
    all_are_the_endpoints(&world);
    // One that names no rasAddress of its host is asked where it sends from.
    let nowhere = Rrq {
        ras_addresses: vec![ras(9)],
        ..full(4, 2)
    };
    world.send(2, &nowhere.message().unwrap());
    world.pass(SECOND);
    assert_eq!(world.sources.last(), Some(&ras(2)));
}

#[test]
fn the_next_gatekeeper_hears_from_the_same_address() {
    let mut world = world(0);
    let eid = world.register(1);
    world.forget();
    world.dead.push(ONE);
    world.call(1, &eid, 1);
    world.pass(SECOND);
    world.active(Some(TWO));
    world.pass(SECOND);
    all_are_the_endpoints(&world);
    assert!(world.sources.iter().all(|from| *from == ras(1)));
    assert_eq!(world.kinds_at(TWO), ["RRQ", "ARQ"]);
    assert_eq!(world.registered_at(TWO), 1);
    // The one before gets its URQ from there, too.
    assert_eq!(world.kinds_at(ONE), ["ARQ", "URQ"]);
}

#[test]
fn a_restart_goes_on_from_the_same_address() {
    let mut world = world(0);
    let eid = world.register(1);
    world.proxy = Proxy::new(as_endpoints(0), world.now);
    world.forget();
    for one in world.stored.clone().into_values() {
        world.input(Input::Restore(Box::new(one)));
    }
    world.active(Some(ONE));
    world.keep_alive(1, &eid);
    world.pass(Duration::from_secs(25));
    assert_eq!(
        (world.kinds_at(ONE), world.kinds(1)),
        (vec!["rrq"], vec!["RCF"])
    );
    assert_eq!(world.sources, [ras(1)]);
    assert_eq!(world.views()[0].upstream, UpstreamState::Registered);
    assert_eq!(world.registered_at(ONE), 1);
}

/// What was asked before a restart may be answered after it.
#[test]
fn answers_to_an_earlier_process_reach_nobody() {
    let mut world = world(0);
    world.register(1);
    let ucf = RasMessage::UnregistrationConfirm(UnregistrationConfirm::new(5));
    for to in [ras(1), ras(7)] {
        world.order_to(ONE, to, &ucf);
    }
    world.pass(100 * MS);
    let passed: Vec<SocketAddr> = world.passed_on.iter().map(|(_, to, _)| *to).collect();
    assert_eq!(passed, [ras(7)]);
    world.pass(Duration::from_secs(31));
    world.order_to(ONE, ras(1), &ucf);
    world.pass(100 * MS);
    assert_eq!(world.passed_on.len(), 2);
}

/// Answers count by number, gatekeeper and address; anything else goes to the endpoint as it came.
#[test]
fn what_is_not_the_proxys_is_sent_on() {
    let mut world = world(0);
    let eid = world.register(1);
    world.register(2);
    world.pass(Duration::from_secs(40));
    world.dead.push(ONE);
    world.pass(SECOND);
    world.forget();
    world.call(1, &eid, 2);
    world.pass(100 * MS);
    let asked = seen(&world).into_iter().map(|(_, message)| message);
    let mut arqs = asked.filter(|one| matches!(one, RasMessage::AdmissionRequest(_)));
    let number = arqs.next().unwrap().request_seq_num();
    let arj = |number| {
        let reason = AdmissionRejectReason::RequestDenied;
        RasMessage::AdmissionReject(AdmissionReject::new(number, reason))
    };
    // Another gatekeeper, another endpoint's address, another number, somebody who is not of the proxy.
    let strange = [
        (TWO, ras(1), arj(number)),
        (ONE, ras(2), arj(number)),
        (ONE, ras(1), arj(number + 1)),
        (ONE, ras(7), arj(number)),
        (ONE, ras(7), RasMessage::InfoRequest(InfoRequest::new(5, 0))),
    ];
    for (from, to, message) in &strange {
        world.order_to(*from, *to, message);
    }
    world.pass(100 * MS);
    let passed = strange.map(|(from, to, message)| (from, to, encode_ras(&message).unwrap()));
    assert_eq!(world.passed_on, passed);
    assert_eq!(world.kinds(1), Vec::<&str>::new());
    world.passed_on.clear();
    world.order_to(ONE, ras(1), &arj(number));
    // Late, and of no use to anybody.
    world.order_to(ONE, ras(1), &arj(number));
    world.pass(100 * MS);
    assert_eq!(world.kinds(1), ["ARJ"]);
    assert!(world.passed_on.is_empty(), "{:?}", world.passed_on);
}

#[test]
fn what_does_not_decode_is_sent_on_unless_it_is_asked_of_the_proxy() {
    let mut world = world(0);
    world.register(1);
    world.forget();
    let rrq = Rrq::lightweight(9, ras(1), "x").encode().unwrap();
    for (to, payload) in [
        (ras(7), &rrq[..20]),
        (ras(1), &[0xff; 40]),
        (ras(1), &rrq[..20]),
    ] {
        world.input(Input::FromGatekeeper {
            from: ONE,
            to,
            payload,
        });
    }
    world.pass(100 * MS);
    let passed: Vec<SocketAddr> = world.passed_on.iter().map(|(_, to, _)| *to).collect();
    assert_eq!(passed, [ras(7), ras(1)]);
    assert_eq!(
        (world.kinds_at(ONE), &world.sources[..]),
        (vec!["XRS"], &[ras(1)][..])
    );
}

#[test]
fn a_urq_to_an_endpoint_is_answered_from_its_address_and_followed_by_an_rrq() {
    let mut world = world(0);
    let eid = world.register(1);
    world.register(2);
    world.pass(6 * SECOND);
    world.forget();
    let view = world.gatekeepers[&ONE].views().next().unwrap();
    let id = view.id;
    world.gatekeeper_input(ONE, registrar::Input::Drop { id });
    world.pass(SECOND);
    assert_eq!(world.kinds_at(ONE), ["UCF", "RRQ"]);
    let of = world.sources[0];
    assert_eq!(world.sources, [of, of]);
    assert_eq!(of, view.endpoint);
    assert_eq!(world.registered_at(ONE), 2);
    assert!(world.at_endpoints.is_empty() && world.passed_on.is_empty());
    // A URQ that names nobody is for whom it comes to.
    world.pass(6 * SECOND);
    world.forget();
    let urq = UnregistrationRequest::new(77);
    world.order_to(ONE, ras(2), &RasMessage::UnregistrationRequest(urq));
    world.pass(SECOND);
    assert_eq!(world.kinds_at(ONE), ["UCF", "RRQ"]);
    assert_eq!(world.sources, [ras(2), ras(2)]);
    assert_eq!(world.views()[0].endpoint_identifier, eid);
}

#[test]
fn an_irq_without_a_call_reaches_whom_it_was_sent_to() {
    let mut world = world(0);
    world.register(1);
    let eid = world.register(2);
    world.forget();
    let mut irq = InfoRequest::new(900, 0);
    irq.reply_address = Some(to_transport(ONE));
    let irq = RasMessage::InfoRequest(irq);
    world.order_to(ONE, ras(2), &irq);
    world.pass(100 * MS);
    assert!(world.kinds(1).is_empty());
    let RasMessage::InfoRequest(asked) = world.last(2) else {
        panic!("{:?}", world.last(2))
    };
    let reply = asked.reply_address.as_ref().and_then(from_transport);
    assert_eq!(reply, Some(SERVICE));
    let irr = InfoRequestResponse::new(
        asked.request_seq_num,
        EndpointType::new(),
        to_bmp(&eid).unwrap(),
        to_transport(ras(2)),
    );
    world.send(2, &RasMessage::InfoRequestResponse(irr));
    world.pass(100 * MS);
    let [(from, RasMessage::InfoRequestResponse(irr))] = &seen(&world)[..] else {
        panic!("{:?}", seen(&world))
    };
    assert_eq!((*from, irr.request_seq_num), (ras(2), 900));
    assert_eq!(from_transport(&irr.ras_address), Some(ras(2)));
    assert_eq!(
        from_bmp(&irr.endpoint_identifier),
        world.known_as(ONE, 2)[0]
    );
    // The same number to another endpoint is another request; to the same one, a repetition.
    world.forget();
    world.order_to(ONE, ras(1), &irq);
    world.order_to(ONE, ras(2), &irq);
    world.pass(100 * MS);
    assert_eq!((world.kinds(1), world.kinds(2)), (vec!["IRQ"], vec![]));
    assert_eq!(world.kinds_at(ONE), ["IRR"]);
}

#[test]
fn orders_about_a_call_are_answered_from_where_they_came_to() {
    let mut world = world(0);
    world.register(1);
    world.forget();
    let upstream = to_bmp(&world.known_as(ONE, 1)[0]).unwrap();
    let conference: OctetString = vec![7; 16].into();
    let drq = DisengageRequest::new(7, upstream, conference, 1, DisengageReason::ForcedDrop);
    world.order_to(ONE, ras(1), &RasMessage::DisengageRequest(drq));
    world.pass(100 * MS);
    assert_eq!(world.kinds(1), ["DRQ"]);
    let dcf = DisengageConfirm::new(world.last(1).request_seq_num());
    world.send(1, &RasMessage::DisengageConfirm(dcf));
    world.pass(100 * MS);
    let [(from, dcf)] = &seen(&world)[..] else {
        panic!("{:?}", seen(&world))
    };
    assert_eq!((*from, dcf.request_seq_num()), (ras(1), 7));
}

/// Answers that take another way: the gatekeeper lives, and nothing of it comes here.
#[test]
fn people_are_told_once_that_no_answer_ever_came() {
    let told = |world: &World| {
        let all = world.events.iter();
        let told = all.filter(|event| matches!(event, Event::Unanswered { .. }));
        told.cloned().collect::<Vec<_>>()
    };
    for (settings, times) in [(as_endpoints(0), 1), (settings(0), 0)] {
        let mut world = World::with(settings);
        world.dead.push(ONE);
        world.active(Some(ONE));
        for n in [1, 2] {
            world.send(n, &full(9, n).message().unwrap());
        }
        world.pass(Duration::from_secs(25));
        let event = Event::Unanswered {
            gatekeeper: ONE,
            endpoint: ras(1),
            source: ras(1),
        };
        assert_eq!(told(&world), vec![event; times]);
    }
    // One that has answered may be slow, or be dead.
    let mut world = world(0);
    world.register(1);
    world.dead.push(ONE);
    world.send(2, &full(9, 2).message().unwrap());
    world.pass(Duration::from_secs(25));
    assert!(told(&world).is_empty());
}

/// What names no endpoint reaches the one at the address, and its answer goes back.
#[test]
fn lrq_and_nonstandard_reach_whom_they_were_sent_to() {
    let mut world = world(0);
    world.register(1);
    world.register(2);
    world.forget();
    let wanted = AliasAddress::DialedDigits(alias(2).as_str().try_into().unwrap());
    let mut lrq = LocationRequest::new(70, to_transport(ONE));
    lrq.destination_info = vec![wanted].into();
    world.order_to(ONE, ras(2), &RasMessage::LocationRequest(lrq));
    world.pass(100 * MS);
    let RasMessage::LocationRequest(asked) = world.last(2) else {
        panic!("{:?}", world.last(2))
    };
    assert_eq!(from_transport(&asked.reply_address), Some(SERVICE));
    let (called, here) = (to_transport(signalling(2)), to_transport(ras(2)));
    let lcf = LocationConfirm::new(asked.request_seq_num, called, here);
    world.send(2, &RasMessage::LocationConfirm(lcf));
    // requestSeqNum 300, an object identifier, three octets.
    let octets = unhex("5c012b00022b0603010203");
    world.input(Input::FromGatekeeper {
        from: ONE,
        to: ras(1),
        payload: &octets,
    });
    world.pass(100 * MS);
    assert_eq!(
        (world.kinds(1), world.kinds(2)),
        (vec!["NonStandard"], vec!["LRQ"])
    );
    let mut back = octets.clone();
    back[1..3].copy_from_slice(&world.at_endpoints[1].2[1..3]);
    world.send_octets(1, back);
    world.pass(100 * MS);
    let up: Vec<_> = seen(&world)
        .into_iter()
        .map(|(from, message)| (from, message.kind().name(), message.request_seq_num()))
        .collect();
    assert_eq!(up, [(ras(2), "LCF", 70), (ras(1), "NonStandard", 300)]);
}

/// The endpoint knows best whether it is in a call.
#[test]
fn an_irq_about_a_call_that_nobody_knows_of_reaches_the_endpoint() {
    let mut world = world(0);
    world.register(1);
    world.forget();
    let irq = RasMessage::InfoRequest(InfoRequest::new(31, 77));
    world.order_to(ONE, ras(1), &irq);
    world.pass(100 * MS);
    assert_eq!(world.kinds(1), ["IRQ"]);
}

/// An endpoint of another family than the gatekeeper has no address that it could be reached at.
#[test]
fn another_family_has_raslines_own_address_if_there_is_one() {
    let v6: SocketAddr = "[2001:db8::1]:1719".parse().unwrap();
    let rrq = Rrq::full(1, v6, v6).encode().unwrap();
    for (ras_address, sources) in [(Some(RAS), vec![RAS]), (None, vec![])] {
        let settings = Settings {
            ras_address,
            ..as_endpoints(0)
        };
        let mut world = World::with(settings);
        world.active(Some(ONE));
        world.input(Input::FromEndpoint {
            from: v6,
            to: SERVICE,
            payload: &rrq,
        });
        world.pass(SECOND);
        assert_eq!(world.sources, sources);
    }
}

#[test]
fn an_aggregate_has_raslines_own_address() {
    let mut world = World::with(Settings {
        upstream: Upstream::Aggregate,
        source: Source::Endpoint,
        ..settings(0)
    });
    world.active(Some(ONE));
    let eid = world.register(1);
    world.call(1, &eid, 1);
    world.pass(Duration::from_secs(200));
    assert!(world.sources.len() > 2);
    assert!(world.sources.iter().all(|from| *from == RAS));
}

/// Played by hand: the gatekeeper's answer to the last RRQ.
fn answer(world: &mut World, reason: Option<RegistrationRejectReason>) {
    world.pass(100 * MS);
    let all = seen(world);
    let (from, RasMessage::RegistrationRequest(rrq)) = all.last().unwrap() else {
        panic!("{all:?}")
    };
    let seq = rrq.request_seq_num;
    let message = match reason {
        Some(reason) => rrj(seq, reason),
        None => RasMessage::RegistrationConfirm(RegistrationConfirm::new(
            seq,
            to_bmp("0001_gk").unwrap(),
        )),
    };
    world.order_to(ONE, *from, &message);
    world.pass(100 * MS);
}

#[test]
fn people_are_told_once_that_addresses_are_refused_until_that_changes() {
    let refused = RegistrationRejectReason::InvalidCallSignalAddress;
    for (settings, source, again) in [
        (settings(0), RAS, 2),
        // Confirming what fits says nothing about what does not.
        (as_endpoints(0), ras(1), 1),
    ] {
        let mut world = World::with(settings);
        world.dead.push(ONE);
        world.active(Some(ONE));
        for n in [1, 2] {
            world.send(n, &full(9, n).message().unwrap());
            answer(&mut world, Some(refused.clone()));
        }
        let told = |world: &World| {
            let all = world.events.iter();
            let told = all.filter(|event| matches!(event, Event::AddressRefused { .. }));
            told.cloned().collect::<Vec<_>>()
        };
        let event = Event::AddressRefused {
            gatekeeper: ONE,
            endpoint: ras(1),
            source,
        };
        assert_eq!(told(&world), [event]);
        world.send(3, &full(9, 3).message().unwrap());
        answer(&mut world, None);
        world.send(4, &full(9, 4).message().unwrap());
        answer(&mut world, Some(refused.clone()));
        assert_eq!(told(&world).len(), again);
    }
}
