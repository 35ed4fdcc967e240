//! A zone whose call signalling rasline ends: gatekeepers know each endpoint by an address of rasline's, endpoints signal to
//! the service address, and the calls learn what RAS says.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::proxy::{CallSignalling, Input, Proxy, Settings};
use rasline_core::ras_server::{AdmissionAnswer, AdmissionTicket, CallFact, OwnAdmission};
use rasline_h225::decode_ras;
use rasline_h225::text::{from_transport, to_bmp, to_transport};
use rasline_h225::types::*;

use crate::proxy::world::*;

const FIRST: u16 = 20_001;

fn signalling_settings(endpoints: u16) -> Settings {
    Settings {
        call_signalling: Some(CallSignalling {
            service_port: 1720,
            first_port: FIRST,
            last_port: FIRST + endpoints - 1,
        }),
        ..settings(0)
    }
}

fn world(endpoints: u16) -> World {
    let mut world = World::with(signalling_settings(endpoints));
    world.active(Some(ONE));
    world
}

/// The address that stands for the endpoint that came as the nth.
fn upstream(n: u16) -> SocketAddr {
    SocketAddr::new(RAS.ip(), FIRST + n - 1)
}

fn service() -> SocketAddr {
    SocketAddr::new(SERVICE.ip(), 1720)
}

fn call_arq(seq: u16, eid: &str, from: u32, to: u32) -> AdmissionRequest {
    let RasMessage::AdmissionRequest(mut arq) = arq(seq, eid, from, to) else {
        unreachable!()
    };
    arq.call_identifier = Some(CallIdentifier::new([5; 16]));
    arq.src_call_signal_address = Some(to_transport(signalling(from)));
    arq
}

fn addresses_of_rrqs(world: &World) -> Vec<Option<SocketAddr>> {
    let all = world.at_gatekeepers.iter();
    let all = all.filter_map(|(_, _, octets)| match decode_ras(octets).unwrap() {
        RasMessage::RegistrationRequest(rrq) => Some(rrq.call_signal_address),
        _ => None,
    });
    all.map(|list| from_transport(&list[0])).collect()
}

#[test]
fn each_endpoint_is_registered_under_an_address_of_its_own() {
    let mut world = world(10);
    let one = world.register(1);
    world.register(2);
    assert_eq!(
        addresses_of_rrqs(&world),
        [Some(upstream(1)), Some(upstream(2))]
    );
    for n in [1, 2] {
        let RasMessage::RegistrationConfirm(rcf) = world.last(n) else {
            panic!("{:?}", world.last(n))
        };
        assert_eq!(from_transport(&rcf.call_signal_address[0]), Some(service()));
    }
    let endpoint = world.views()[0].id;
    let registered = CallFact::Registered {
        endpoint,
        signalling: signalling(1),
        service: service(),
        upstream: upstream(1),
    };
    assert!(world.call_facts.contains(&registered));
    let serves = CallFact::Serves { gatekeeper: ONE };
    assert_eq!(world.call_facts[0], serves);
    // Keep-alives and the URQ name the same address.
    world.forget();
    world.pass(Duration::from_secs(110));
    let said = addresses_of_rrqs(&world);
    assert!(
        said.len() >= 2
            && said
                .iter()
                .all(|at| at.is_some_and(|at| at.ip() == RAS.ip()))
    );
    world.forget();
    world.unregister(1, &one);
    world.pass(100 * MS);
    let (_, _, urq) = &world.at_gatekeepers[0];
    let RasMessage::UnregistrationRequest(urq) = decode_ras(urq).unwrap() else {
        panic!("{urq:?}")
    };
    assert_eq!(
        from_transport(&urq.call_signal_address[0]),
        Some(upstream(1))
    );
    assert_eq!(
        world.call_facts.last(),
        Some(&CallFact::Unregistered { endpoint })
    );
}

#[test]
fn an_admitted_call_goes_to_rasline_which_knows_where_it_goes_on() {
    let mut world = world(10);
    let eid = world.register(1);
    world.register(2);
    world.forget();
    let arq = call_arq(300, &eid, 1, 2);
    world.send(1, &RasMessage::AdmissionRequest(arq));
    world.pass(100 * MS);
    let (_, _, sent) = &world.at_gatekeepers[0];
    let RasMessage::AdmissionRequest(sent) = decode_ras(sent).unwrap() else {
        panic!("{sent:?}")
    };
    let source = sent.src_call_signal_address.unwrap();
    assert_eq!(from_transport(&source), Some(upstream(1)));
    let RasMessage::AdmissionConfirm(acf) = world.last(1) else {
        panic!("{:?}", world.last(1))
    };
    let destination = from_transport(&acf.dest_call_signal_address);
    assert_eq!(destination, Some(service()));
    let admitted = CallFact::Admitted {
        endpoint: world.views()[0].id,
        call: [5; 16],
        to: upstream(2),
        gatekeeper: ONE,
    };
    assert_eq!(world.call_facts.last(), Some(&admitted));
    // The endpoint that answers a call makes no admission.
    let mut answer = call_arq(301, &eid, 1, 2);
    answer.answer_call = true;
    let before = world.call_facts.len();
    world.send(1, &RasMessage::AdmissionRequest(answer));
    world.pass(100 * MS);
    assert_eq!(world.call_facts.len(), before);
}

#[test]
fn without_an_address_left_an_endpoint_is_rejected() {
    let mut world = world(2);
    world.register(1);
    let two = world.register(2);
    world.send(3, &full(900, 3).message().unwrap());
    world.pass(100 * MS);
    assert_eq!(world.kinds(3), ["RRJ"]);
    // The address of one that left may be known to the gatekeeper until its timeToLive is over.
    world.unregister(2, &two);
    world.send(3, &full(901, 3).message().unwrap());
    world.pass(100 * MS);
    assert_eq!(world.kinds(3), ["RRJ", "RRJ"]);
    world.pass(Duration::from_hours(1));
    world.send(4, &full(902, 4).message().unwrap());
    world.pass(100 * MS);
    assert_eq!(world.kinds(4), ["RCF"]);
}

#[test]
fn an_address_outlives_a_restart() {
    let mut world = world(10);
    world.register(1);
    world.register(2);
    let before: Vec<CallFact> = world.call_facts.clone();
    world.forget();
    world.proxy = Proxy::new(signalling_settings(10), world.now);
    world.call_facts.clear();
    let mut stored: Vec<_> = world.stored.clone().into_values().collect();
    // In whatever order they are read.
    stored.reverse();
    for one in stored {
        world.input(Input::Restore(Box::new(one)));
    }
    world.active(Some(ONE));
    for fact in &world.call_facts {
        assert!(before.contains(fact), "{fact:?}");
    }
    assert_eq!(world.call_facts.len(), 5);
}

/// The gatekeeper ends a call by DRQ: it is answered here, and the endpoint learns it by call signalling.
#[test]
fn a_drq_is_for_the_calls() {
    let mut world = world(10);
    let eid = world.register(1);
    world.register(2);
    world.send(1, &RasMessage::AdmissionRequest(call_arq(300, &eid, 1, 2)));
    world.pass(100 * MS);
    world.forget();
    let known = to_bmp(&world.known_as(ONE, 1)[0]).unwrap();
    let conference: OctetString = vec![7; 16].into();
    let mut drq = DisengageRequest::new(77, known, conference, 1, DisengageReason::ForcedDrop);
    drq.call_identifier = Some(CallIdentifier::new([5; 16]));
    world.order_to(ONE, RAS, &RasMessage::DisengageRequest(drq));
    world.pass(100 * MS);
    assert!(world.kinds(1).is_empty());
    assert_eq!(world.kinds_at(ONE), ["DCF"]);
    let fact = CallFact::Disengaged {
        endpoint: world.views()[0].id,
        call: [5; 16],
        gatekeeper: ONE,
    };
    assert_eq!(world.call_facts.last(), Some(&fact));
}

#[test]
fn a_urq_of_the_gatekeeper_takes_the_endpoints_calls_from_it() {
    let mut world = world(10);
    world.register(1);
    world.forget();
    let mut urq = UnregistrationRequest::new(78);
    urq.call_signal_address = vec![to_transport(upstream(1))].into();
    urq.reason = Some(UnregRequestReason::Maintenance);
    world.order_to(ONE, RAS, &RasMessage::UnregistrationRequest(urq));
    world.pass(100 * MS);
    assert_eq!(world.kinds_at(ONE)[0], "UCF");
    let fact = CallFact::Dismissed {
        endpoint: world.views()[0].id,
        gatekeeper: ONE,
    };
    assert!(world.call_facts.contains(&fact));
}

/// An admission that the calls want, of the endpoint that calls or of the called one.
fn own_admission(world: &World, gatekeeper: SocketAddr, answers: bool) -> OwnAdmission {
    let views = world.views();
    OwnAdmission {
        ticket: AdmissionTicket {
            call: 3,
            question: 9,
        },
        gatekeeper,
        caller: views[0].id,
        called: views[1].id,
        answers,
        call: [5; 16],
        conference: [7; 16],
        reference: 77,
    }
}

#[test]
fn an_admission_is_asked_for_without_the_endpoint() {
    for answers in [false, true] {
        let mut world = world(10);
        world.register(1);
        world.register(2);
        world.forget();
        world.call_facts.clear();
        let asked = own_admission(&world, ONE, answers);
        world.input(Input::AskAdmission(asked.clone()));
        world.pass(100 * MS);
        let (_, _, arq) = &world.at_gatekeepers[0];
        let RasMessage::AdmissionRequest(arq) = decode_ras(arq).unwrap() else {
            panic!("{arq:?}")
        };
        assert_eq!(arq.answer_call, answers);
        assert_eq!(arq.call_identifier, Some(CallIdentifier::new([5; 16])));
        assert_eq!(arq.call_reference_value, 77);
        let from = if answers { 2 } else { 1 };
        let known = to_bmp(&world.known_as(ONE, from)[0]).unwrap();
        assert_eq!(arq.endpoint_identifier, known);
        let source = arq.src_call_signal_address.as_ref();
        let source = source.and_then(from_transport);
        assert_eq!(source, (!answers).then(|| upstream(1)));
        let called = arq.destination_info.as_ref().unwrap()[0].clone();
        let answer = AdmissionAnswer::Granted {
            to: upstream(2),
            is_routed: false,
            called: Some(called),
        };
        let ticket = asked.ticket;
        let fact = CallFact::AdmissionAnswered { ticket, answer };
        assert_eq!(world.call_facts, [fact]);
        assert!(world.at_endpoints.is_empty());
    }
}

#[test]
fn an_admission_that_cannot_be_had_is_refused() {
    let mut world = world(10);
    world.register(1);
    world.register(2);
    world.forget();
    world.call_facts.clear();
    // Another gatekeeper than the one that serves.
    let asked = own_admission(&world, TWO, false);
    let refused = CallFact::AdmissionAnswered {
        ticket: asked.ticket,
        answer: AdmissionAnswer::Refused,
    };
    world.input(Input::AskAdmission(asked));
    assert_eq!(world.call_facts, std::slice::from_ref(&refused));
    // One that does not answer, and one that serves no longer.
    world.dead.push(ONE);
    world.call_facts.clear();
    let asked = own_admission(&world, ONE, false);
    world.input(Input::AskAdmission(asked.clone()));
    world.pass(Duration::from_secs(20));
    assert_eq!(world.call_facts, std::slice::from_ref(&refused));
    world.call_facts.clear();
    world.input(Input::AskAdmission(asked));
    world.active(Some(TWO));
    assert_eq!(world.call_facts[0], refused);
}

/// The calls learn which gatekeeper each endpoint is registered with.
#[test]
fn who_is_registered_where() {
    let mut world = world(10);
    world.register(1);
    let endpoint = world.views()[0].id;
    let with = |gatekeeper| CallFact::RegisteredWith {
        endpoint,
        gatekeeper,
    };
    assert_eq!(world.call_facts.last(), Some(&with(ONE)));
    world.active(Some(TWO));
    assert!(!world.call_facts.contains(&with(TWO)));
    world.pass(100 * MS);
    assert_eq!(world.call_facts.last(), Some(&with(TWO)));
}
