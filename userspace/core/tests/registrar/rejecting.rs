//! What is not understood, and what is bounded.

use rasline_core::registrar::Event;
use rasline_h225::messages::{Rrj, Rrq, xrs};
use rasline_h225::types::{
    NonStandardIdentifier, NonStandardMessage, NonStandardParameter, RasMessage,
    RegistrationRejectReason, ServiceControlIndication,
};
use rasline_h225::{RasKind, header};

use crate::registrar::world::*;

#[test]
fn requests_that_do_not_decode_are_returned() {
    let mut world = World::new();
    let mut rrq = full(0x1234, 1, "alice").encode().unwrap();
    rrq.truncate(20);
    assert_eq!(header(&rrq).unwrap().kind, RasKind::RegistrationRequest);
    let out = world.octets(ras(1), &rrq);
    let RasMessage::UnknownMessageResponse(xrs) = &sent(&out)[0].1 else {
        panic!("{out:?}")
    };
    assert_eq!(xrs.request_seq_num, 0x1234);
    assert_eq!(xrs.message_not_understood.as_ref().unwrap()[..], rrq[..]);
    assert_eq!(world.registrar.stats().malformed, 1);
}

#[test]
fn answers_are_never_answered() {
    let mut world = World::new();
    let rrj = Rrj::new(1, RegistrationRejectReason::UndefinedReason)
        .encode()
        .unwrap();
    let back = rasline_h225::encode_ras(&xrs(1, &[1, 2, 3])).unwrap();
    for payload in [
        rrj.clone(),
        back.clone(),
        rrj[..5].to_vec(),
        back[..3].to_vec(),
        vec![],
        vec![0xff; 9],
    ] {
        assert!(world.octets(ras(1), &payload).is_empty(), "{payload:?}");
    }
    let stats = world.registrar.stats();
    assert_eq!(stats.malformed + stats.ignored, 6);
}

#[test]
fn vendors_messages_and_services() {
    let mut world = World::new();
    let vendor = NonStandardParameter {
        non_standard_identifier: NonStandardIdentifier::Object(
            rasline_h225::messages::protocol_identifier(),
        ),
        data: vec![1, 2, 3].into(),
    };
    let message = RasMessage::NonStandardMessage(NonStandardMessage::new(5, vendor));
    let reply = world.asked(ras(1), &message);
    assert_eq!((reply.kind().name(), reply.request_seq_num()), ("XRS", 5));
    let sci = RasMessage::ServiceControlIndication(ServiceControlIndication::new(6));
    let reply = world.asked(ras(1), &sci);
    assert_eq!((reply.kind().name(), reply.request_seq_num()), ("SCR", 6));
}

#[test]
fn answers_kept_are_bounded_and_rejections_told_are_few() {
    let mut world = World::new();
    let mut told = 0;
    for seq in 1..=3000 {
        let out = world.octets(
            ras(1),
            &Rrq::lightweight(seq, ras(1), "nobody").encode().unwrap(),
        );
        assert_eq!(kinds(&out), ["RRJ"]);
        let rejected = |event: &&Event| {
            matches!(event, Event::Rejected { reason, request, .. }
                if reason == "fullRegistrationRequired" && request == "RRQ")
        };
        told += events(&out).iter().filter(rejected).count();
    }
    assert_eq!((told, world.registrar.held()[0]), (20, 1000));
    assert_eq!(world.registrar.stats().rejected, 3000);
    world.pass(SECOND);
    let out = world.octets(
        ras(1),
        &Rrq::lightweight(9, ras(1), "nobody").encode().unwrap(),
    );
    assert_eq!(events(&out).len(), 1);
}
