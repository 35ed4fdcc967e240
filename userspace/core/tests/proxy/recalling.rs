//! Calls over a restart: what the gatekeeper wants of one reaches who is in it.

use std::time::Duration;

use rasline_core::proxy::{Input, Proxy, Settings, Upstream};
use rasline_core::registrar::{StoredCall, StoredLeg};
use rasline_h225::text::{to_bmp, to_transport};
use rasline_h225::types::*;
use rasline_h225::{RasKind, decode_ras};

use crate::proxy::world::*;

/// callReferenceValue 77, of who is called.
const OTHER_SIDE: u16 = 0x804d;
const BOTH: [Upstream; 2] = [Upstream::Each, Upstream::Aggregate];

/// Three endpoints, and their endpointIdentifiers.
fn three(upstream: Upstream) -> (World, Vec<String>) {
    let mut world = World::with(Settings {
        upstream,
        ..settings(0)
    });
    world.active(Some(ONE));
    let eids = (1..=3).map(|n| world.register(n)).collect();
    (world, eids)
}

/// Another process takes over, with what was stored.
fn restart(world: &mut World) {
    let settings = Settings {
        seed: 0x1234,
        ..world.proxy.settings().clone()
    };
    world.proxy = Proxy::new(settings, world.now);
    world.forget();
    for one in world.stored.clone().into_values() {
        world.input(Input::Restore(Box::new(one)));
    }
    for call in world.calls.clone().into_values() {
        world.input(Input::RestoreCall(Box::new(call)));
    }
    world.active(Some(ONE));
}

fn identifier(call: u8) -> CallIdentifier {
    CallIdentifier::new([call; 16])
}

fn name(call: u8) -> String {
    format!("{call:02x}").repeat(16)
}

/// An ARQ of endpoint `n`, which the gatekeeper (played here) confirms, or rejects.
fn ask(world: &mut World, n: u32, eid: &str, (call, reference): (u8, u16), granted: bool) {
    let seq = world.next_seq();
    let RasMessage::AdmissionRequest(mut arq) = arq(seq, eid, n, 9) else {
        unreachable!()
    };
    arq.call_identifier = Some(identifier(call));
    arq.conference_id = vec![call; 16].into();
    arq.call_reference_value = reference;
    arq.answer_call = reference > 0x7fff;
    world.dead.push(ONE);
    world.send(n, &RasMessage::AdmissionRequest(arq));
    world.pass(10 * MS);
    let up = decode_ras(&world.at_gatekeepers.last().unwrap().2).unwrap();
    assert_eq!(up.kind(), RasKind::AdmissionRequest);
    let seq = up.request_seq_num();
    let at = to_transport(signalling(9));
    let answer = if granted {
        RasMessage::AdmissionConfirm(AdmissionConfirm::new(seq, 640, CallModel::Direct, at))
    } else {
        let why = AdmissionRejectReason::CalledPartyNotRegistered;
        RasMessage::AdmissionReject(AdmissionReject::new(seq, why))
    };
    world.order(ONE, &answer);
    world.pass(10 * MS);
    world.dead.clear();
}

/// An IRQ about a call.
fn irq(seq: u16, call: u8, reference: u16) -> RasMessage {
    let mut irq = InfoRequest::new(seq, reference);
    irq.call_identifier = Some(identifier(call));
    RasMessage::InfoRequest(irq)
}

/// A DRQ of a side.
fn drq(seq: u16, eid: &str, (call, reference): (u8, u16), answers: Option<bool>) -> RasMessage {
    let conference: OctetString = vec![call; 16].into();
    let (eid, why) = (to_bmp(eid).unwrap(), DisengageReason::NormalDrop);
    let mut drq = DisengageRequest::new(seq, eid, conference, reference, why);
    drq.call_identifier = Some(identifier(call));
    drq.answered_call = answers;
    RasMessage::DisengageRequest(drq)
}

fn brq(seq: u16, eid: &str, (call, reference): (u8, u16)) -> RasMessage {
    let conference: OctetString = vec![call; 16].into();
    let mut brq = BandwidthRequest::new(seq, to_bmp(eid).unwrap(), conference, reference, 320);
    brq.call_identifier = Some(identifier(call));
    RasMessage::BandwidthRequest(brq)
}

fn irr(seq: u16, n: u32, eid: &str) -> InfoRequestResponse {
    let (eid, at) = (to_bmp(eid).unwrap(), to_transport(ras(n)));
    InfoRequestResponse::new(seq, EndpointType::new(), eid, at)
}

/// An IRR that speaks of these calls.
fn reporting(seq: u16, n: u32, eid: &str, calls: &[u8]) -> RasMessage {
    let mut irr = irr(seq, n, eid);
    irr.per_call_info = Some(calls.iter().map(|call| call_info(*call)).collect());
    irr.unsolicited = Some(true);
    irr.need_response = Some(false);
    RasMessage::InfoRequestResponse(irr)
}

fn call_info(call: u8) -> InfoRequestResponsePerCallInfoItem {
    let vectors = include_str!("../../../../tests/vectors/synthetic.txt");
    let octets = |line: &str| -> Vec<u8> {
        let octet = |i| u8::from_str_radix(&line[i..i + 2], 16).unwrap();
        (0..line.len()).step_by(2).map(octet).collect()
    };
    let lines = vectors.lines().filter(|line| !line.starts_with('#'));
    let mut found = lines.filter_map(|line| match decode_ras(&octets(line)).ok()? {
        RasMessage::InfoRequestResponse(irr) => irr.per_call_info,
        _ => None,
    });
    let mut info = found.next().expect("an IRR with a call").remove(0);
    info.conference_id = vec![call; 16].into();
    info.call_reference_value = call.into();
    info.call_identifier = Some(identifier(call));
    info
}

/// How often endpoints 1 to 3 got something.
fn heard(world: &World) -> [usize; 3] {
    [1, 2, 3].map(|n| world.kinds(n).len())
}

fn upstream_of(world: &World, n: usize) -> String {
    world.views()[n - 1].upstream_identifier.clone().unwrap()
}

#[test]
fn what_the_gatekeeper_wants_of_a_call_reaches_who_is_in_it() {
    for upstream in BOTH {
        let (mut world, eids) = three(upstream);
        ask(&mut world, 2, &eids[1], (5, 77), true);
        assert_eq!(world.calls.keys().collect::<Vec<_>>(), [&name(5)]);
        restart(&mut world);
        world.order(ONE, &irq(900, 5, 77));
        world.pass(10 * MS);
        assert_eq!((world.kinds(2), heard(&world)), (vec!["IRQ"], [0, 1, 0]));
        let answer = irr(world.last(2).request_seq_num(), 2, &eids[1]);
        world.send(2, &RasMessage::InfoRequestResponse(answer));
        world.pass(10 * MS);
        let up = decode_ras(&world.at_gatekeepers.last().unwrap().2).unwrap();
        let RasMessage::InfoRequestResponse(up) = up else {
            panic!("{up:?}")
        };
        assert_eq!(up.request_seq_num, 900);
        let known = upstream_of(&world, 2);
        assert_eq!(up.endpoint_identifier, to_bmp(&known).unwrap());
        world.order(ONE, &brq(901, &known, (5, 77)));
        world.order(ONE, &drq(902, &known, (5, 77), None));
        world.pass(10 * MS);
        assert_eq!(world.kinds(2), ["IRQ", "BRQ", "DRQ"]);
        assert_eq!(heard(&world), [0, 3, 0]);
        // It is over when the endpoint says so, and not before.
        assert_eq!(world.calls.len(), 1);
        let dcf = DisengageConfirm::new(world.last(2).request_seq_num());
        world.send(2, &RasMessage::DisengageConfirm(dcf));
        world.pass(10 * MS);
        assert_eq!(
            (world.kinds_at(ONE).last(), world.calls.len()),
            (Some(&"DCF"), 0)
        );
        restart(&mut world);
        world.pass(SECOND);
        world.order(ONE, &irq(903, 5, 77));
        world.pass(10 * MS);
        assert_eq!(heard(&world), [0; 3]);
        assert!(!world.kinds_at(ONE).contains(&"IRR"));
    }
}

#[test]
fn of_two_in_a_call_the_one_that_is_meant_is_asked() {
    let (mut world, eids) = three(Upstream::Aggregate);
    ask(&mut world, 1, &eids[0], (5, 77), true);
    ask(&mut world, 3, &eids[2], (5, OTHER_SIDE), true);
    assert_eq!(world.calls[&name(5)].legs.len(), 2);
    restart(&mut world);
    let known = upstream_of(&world, 1);
    world.order(ONE, &drq(900, &known, (5, 77), Some(true)));
    world.pass(10 * MS);
    assert_eq!(heard(&world), [0, 0, 1]);
    world.order(ONE, &drq(901, &known, (5, 77), Some(false)));
    world.order(ONE, &irq(902, 5, OTHER_SIDE));
    world.order(ONE, &irq(903, 5, 77));
    // Without a callIdentifier; that number is of two.
    world.order(ONE, &RasMessage::InfoRequest(InfoRequest::new(904, 77)));
    world.pass(10 * MS);
    assert_eq!(heard(&world), [2, 0, 2]);
    // One leaves, the other one stays in it.
    world.send(3, &drq(50, &eids[2], (5, OTHER_SIDE), Some(true)));
    world.pass(SECOND);
    assert_eq!(world.calls[&name(5)].legs.len(), 1);
    restart(&mut world);
    world.order(ONE, &drq(905, &known, (5, 77), Some(true)));
    world.order(ONE, &RasMessage::InfoRequest(InfoRequest::new(906, 77)));
    world.pass(10 * MS);
    assert_eq!(heard(&world), [2, 0, 0]);
}

#[test]
fn only_calls_that_were_granted_and_are_not_over_are_kept() {
    for upstream in BOTH {
        let (mut world, eids) = three(upstream);
        ask(&mut world, 1, &eids[0], (5, 77), false);
        assert!(world.calls.is_empty(), "rejected");
        ask(&mut world, 1, &eids[0], (6, 78), true);
        ask(&mut world, 2, &eids[1], (7, 79), true);
        ask(&mut world, 3, &eids[2], (8, 80), true);
        assert_eq!(world.calls.len(), 3);
        // The endpoint ends it; the endpoint goes; it is dropped.
        world.send(1, &drq(50, &eids[0], (6, 78), Some(false)));
        world.unregister(2, &eids[1]);
        world.pass(SECOND);
        assert_eq!(world.calls.keys().collect::<Vec<_>>(), [&name(8)]);
        let id = world.views()[1].id;
        world.input(Input::Drop { id });
        assert!(world.calls.is_empty());
    }
}

#[test]
fn a_drq_that_no_gatekeeper_answers_ends_it_all_the_same() {
    let (mut world, eids) = three(Upstream::Each);
    ask(&mut world, 1, &eids[0], (5, 77), true);
    world.dead.push(ONE);
    world.send(1, &drq(50, &eids[0], (5, 77), None));
    world.pass(10 * MS);
    assert_eq!(world.calls.len(), 1);
    world.pass(Duration::from_mins(2));
    assert!(world.kinds(1).contains(&"DCF"));
    assert!(world.calls.is_empty());
}

#[test]
fn what_endpoints_say_of_calls_is_learned() {
    for upstream in BOTH {
        let (mut world, eids) = three(upstream);
        world.send(2, &reporting(50, 2, &eids[1], &[5, 6]));
        world.pass(10 * MS);
        assert_eq!(world.calls.len(), 2);
        // Again, nothing is new.
        let before = world.calls.clone();
        world.pass(SECOND);
        world.send(2, &reporting(51, 2, &eids[1], &[5, 6]));
        world.pass(10 * MS);
        assert_eq!(world.calls, before);
        // Nobody takes it from who is in it.
        world.send(1, &reporting(51, 1, &eids[0], &[5]));
        world.pass(10 * MS);
        restart(&mut world);
        world.order(ONE, &irq(900, 5, 5));
        world.order(ONE, &irq(901, 6, 6));
        world.order(ONE, &irq(902, 7, 7));
        world.pass(10 * MS);
        assert_eq!(heard(&world), [0, 2, 0]);
        assert!(!world.kinds_at(ONE).contains(&"IRR"));
    }
}

#[test]
fn a_report_in_place_of_an_endpoint_hides_no_calls() {
    for upstream in BOTH {
        let (mut world, eids) = three(upstream);
        let reported = |world: &mut World, seq| {
            world.order(ONE, &RasMessage::InfoRequest(InfoRequest::new(seq, 0)));
            world.pass(10 * MS);
            match decode_ras(&world.at_gatekeepers.last().unwrap().2).unwrap() {
                RasMessage::InfoRequestResponse(irr) => irr.irr_status,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(reported(&mut world, 900), None);
        for (call, n) in [(5, 0), (6, 1), (7, 2)] {
            ask(&mut world, n + 1, &eids[n as usize], (call, 77), true);
        }
        restart(&mut world);
        let status = reported(&mut world, 901);
        assert_eq!(status, Some(InfoRequestResponseStatus::Incomplete));
    }
}

fn row(call: String, legs: Vec<StoredLeg>) -> StoredCall {
    StoredCall {
        call,
        call_identifier: Some([5; 16]),
        started: START,
        legs,
    }
}

fn leg(eid: &str) -> StoredLeg {
    StoredLeg {
        endpoint_identifier: eid.into(),
        answers: false,
        reference: 77,
        conference: [5; 16],
        bandwidth: u32::MAX,
    }
}

#[test]
fn rows_that_make_no_sense_change_nothing() {
    let (mut world, eids) = three(Upstream::Each);
    let damaged = [
        row(name(6), vec![leg(&eids[0])]),
        row(String::new(), vec![leg(&eids[0])]),
        row(name(5), Vec::new()),
        row(name(5), vec![leg("nobody"), leg("")]),
        StoredCall {
            call_identifier: None,
            ..row(name(5), vec![leg(&eids[0])])
        },
    ];
    for call in damaged {
        world.calls.insert(call.call.clone(), call.clone());
        world.input(Input::RestoreCall(Box::new(call)));
        assert!(world.calls.is_empty(), "{:?}", world.calls);
    }
    world.forget();
    world.order(ONE, &irq(900, 5, 77));
    world.pass(10 * MS);
    assert_eq!((heard(&world), world.at_gatekeepers.len()), ([0; 3], 0));
    // What holds of it is taken: once, of who is there, and not from the future.
    let mut many = vec![leg("nobody"), leg(&eids[1]), leg(&eids[1])];
    many.resize(10_000, leg(&eids[2]));
    let started = world.now.after(Duration::from_hours(1));
    let call = StoredCall {
        started,
        ..row(name(5), many)
    };
    world.input(Input::RestoreCall(Box::new(call)));
    let kept = &world.calls[&name(5)];
    assert_eq!(kept.legs, [leg(&eids[1]), leg(&eids[2])]);
    assert_eq!(kept.started, world.now);
    let stats = world.stats();
    assert_eq!(
        (stats.calls, stats.restored_calls, stats.lost_calls),
        (1, 1, 5)
    );
    // What is known is not what was stored before.
    let before = world.calls.clone();
    let call = row(name(5), vec![leg(&eids[0])]);
    world.input(Input::RestoreCall(Box::new(call)));
    world.order(ONE, &irq(901, 5, 77));
    world.pass(10 * MS);
    assert_eq!((heard(&world), &world.calls), ([0, 1, 0], &before));
}

#[test]
fn there_are_no_more_than_so_many() {
    let (mut world, eids) = three(Upstream::Each);
    let numbered = |n: u32| {
        let mut identifier = [0x77; 16];
        identifier[..4].copy_from_slice(&n.to_be_bytes());
        StoredCall {
            call_identifier: Some(identifier),
            ..row(
                format!("{:032x}", u128::from_be_bytes(identifier)),
                vec![leg(&eids[0])],
            )
        }
    };
    for n in 0..65_540 {
        let call = numbered(n);
        world.calls.insert(call.call.clone(), call.clone());
        world.input(Input::RestoreCall(Box::new(call)));
    }
    assert_eq!(world.calls.len(), 65_536);
    assert!(!world.calls.contains_key(&numbered(65_536).call));
    // Nothing that is only said makes others forgotten; what is admitted does, the oldest.
    world.send(2, &reporting(50, 2, &eids[1], &[5]));
    world.pass(10 * MS);
    assert!(!world.calls.contains_key(&name(5)));
    assert!(world.calls.contains_key(&numbered(0).call));
    ask(&mut world, 2, &eids[1], (5, 77), true);
    assert_eq!(world.calls.len(), 65_536);
    assert!(world.calls.contains_key(&name(5)));
    assert!(!world.calls.contains_key(&numbered(0).call));
    // All of them go with who is in them.
    world.unregister(1, &eids[0]);
    world.pass(10 * MS);
    assert_eq!(world.calls.keys().collect::<Vec<_>>(), [&name(5)]);
}
