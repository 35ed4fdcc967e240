//! Requests and answers in both directions, translated.

use std::time::Duration;

use rasline_h225::decode_ras;
use rasline_h225::text::{from_bmp, from_transport, to_bmp, to_transport};
use rasline_h225::types::*;

use crate::proxy::world::*;

fn decoded(all: &[(rasline_core::Time, std::net::SocketAddr, Vec<u8>)]) -> Vec<RasMessage> {
    all.iter()
        .map(|(_, _, octets)| decode_ras(octets).unwrap())
        .collect()
}

#[test]
fn an_admission_goes_there_and_back() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.register(2);
    world.forget();
    let seq = world.call(1, &eid, 2);
    world.pass(100 * MS);
    let up = decoded(&world.at_gatekeepers);
    let [RasMessage::AdmissionRequest(arq)] = &up[..] else {
        panic!("{up:?}")
    };
    assert_eq!(
        from_bmp(&arq.endpoint_identifier),
        world.known_as(ONE, 1)[0]
    );
    assert_eq!(
        arq.gatekeeper_identifier.as_ref().map(from_bmp).as_deref(),
        Some("gk-one")
    );
    assert_eq!(arq.src_info.len(), 1);
    let RasMessage::AdmissionConfirm(acf) = world.last(1) else {
        panic!("{:?}", world.last(1))
    };
    assert_eq!(acf.request_seq_num, seq);
    assert_eq!(
        from_transport(&acf.dest_call_signal_address),
        Some(signalling(2))
    );
    // Repeated, it is answered alike, and not asked again.
    world.send(1, &arq_again(seq, &eid));
    world.pass(100 * MS);
    assert_eq!(world.kinds(1), ["ACF", "ACF"]);
    assert_eq!(world.at_endpoints[0].2, world.at_endpoints[1].2);
    assert_eq!(world.at_gatekeepers.len(), 1);
}

fn arq_again(seq: u16, eid: &str) -> RasMessage {
    arq(seq, eid, 1, 2)
}

#[test]
fn the_call_ends_through_the_proxy() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.register(2);
    world.call(1, &eid, 2);
    world.pass(100 * MS);
    world.forget();
    let id = to_bmp(&eid).unwrap();
    let conference: OctetString = vec![7; 16].into();
    let brq = BandwidthRequest::new(500, id.clone(), conference.clone(), 1, 320);
    world.send(1, &RasMessage::BandwidthRequest(brq));
    world.pass(100 * MS);
    let mut drq = DisengageRequest::new(501, id, conference, 1, DisengageReason::NormalDrop);
    drq.answered_call = Some(false);
    world.send(1, &RasMessage::DisengageRequest(drq));
    world.pass(100 * MS);
    assert_eq!(world.kinds(1), ["BCF", "DCF"]);
    assert_eq!(world.kinds_at(ONE), ["BRQ", "DRQ"]);
    assert_eq!(world.last(1).request_seq_num(), 501);
}

#[test]
fn resources_and_service_control_pass() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.forget();
    let mut rai = ResourcesAvailableIndicate::new(40, to_bmp(&eid).unwrap());
    rai.almost_out_of_resources = true;
    world.send(1, &RasMessage::ResourcesAvailableIndicate(rai));
    let mut sci = ServiceControlIndication::new(41);
    sci.endpoint_identifier = to_bmp(&eid).ok();
    world.send(1, &RasMessage::ServiceControlIndication(sci));
    world.pass(100 * MS);
    assert_eq!(world.kinds_at(ONE), ["RAI", "SCI"]);
    assert_eq!(world.kinds(1), ["RAC", "SCR"]);
}

#[test]
fn the_gatekeepers_requests_reach_the_endpoint() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.forget();
    let upstream = to_bmp(&world.known_as(ONE, 1)[0]).unwrap();
    let conference: OctetString = vec![7; 16].into();
    let mut drq = DisengageRequest::new(777, upstream, conference, 1, DisengageReason::ForcedDrop);
    drq.gatekeeper_identifier = to_bmp("gk-one").ok();
    let drq = RasMessage::DisengageRequest(drq);
    world.order(ONE, &drq);
    world.order(ONE, &drq);
    // Nobody else may order.
    world.order(TWO, &drq);
    world.pass(100 * MS);
    assert_eq!(world.kinds(1), ["DRQ", "DRQ"]);
    assert_eq!(
        world.at_endpoints[0].2, world.at_endpoints[1].2,
        "a retransmission"
    );
    let RasMessage::DisengageRequest(seen) = world.last(1) else {
        unreachable!()
    };
    assert_eq!(from_bmp(&seen.endpoint_identifier), eid);
    assert_eq!(
        seen.gatekeeper_identifier.as_ref().map(from_bmp).as_deref(),
        Some("zone")
    );
    let dcf = DisengageConfirm::new(seen.request_seq_num);
    world.send(1, &RasMessage::DisengageConfirm(dcf));
    world.pass(100 * MS);
    let up = decoded(&world.at_gatekeepers);
    assert_eq!(
        (up.len(), up[0].kind().name(), up[0].request_seq_num()),
        (1, "DCF", 777)
    );
    world.order(ONE, &drq);
    world.pass(100 * MS);
    assert_eq!((world.kinds(1).len(), world.at_gatekeepers.len()), (2, 2));
}

#[test]
fn a_status_request_about_a_call_reaches_who_is_in_it() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.register(2);
    let RasMessage::AdmissionRequest(mut arq) = arq(60, &eid, 1, 2) else {
        unreachable!()
    };
    let call = {
        let RasMessage::AdmissionRequest(sample) = decode_ras(&unhex(ARQ)).unwrap() else {
            unreachable!()
        };
        sample.call_identifier
    };
    arq.call_identifier.clone_from(&call);
    world.send(1, &RasMessage::AdmissionRequest(arq));
    world.pass(100 * MS);
    world.forget();
    let mut irq = InfoRequest::new(900, 1);
    irq.call_identifier = call;
    irq.reply_address = Some(to_transport(ONE));
    world.order(ONE, &RasMessage::InfoRequest(irq));
    world.pass(100 * MS);
    let RasMessage::InfoRequest(irq) = world.last(1) else {
        panic!("{:?}", world.last(1))
    };
    assert_eq!(
        irq.reply_address.as_ref().and_then(from_transport),
        Some(SERVICE)
    );
    let irr = InfoRequestResponse::new(
        irq.request_seq_num,
        EndpointType::new(),
        to_bmp(&eid).unwrap(),
        to_transport(ras(1)),
    );
    world.send(1, &RasMessage::InfoRequestResponse(irr));
    world.pass(100 * MS);
    let up = decoded(&world.at_gatekeepers);
    let [RasMessage::InfoRequestResponse(irr)] = &up[..] else {
        panic!("{up:?}")
    };
    assert_eq!(irr.request_seq_num, 900);
    assert_eq!(from_transport(&irr.ras_address), Some(RAS));
    assert_eq!(
        from_bmp(&irr.endpoint_identifier),
        world.known_as(ONE, 1)[0]
    );
}

#[test]
fn a_status_request_about_nobody_is_answered_for_the_oldest() {
    let mut world = World::new(0);
    world.register(1);
    world.forget();
    world.order(ONE, &RasMessage::InfoRequest(InfoRequest::new(7, 0)));
    world.pass(100 * MS);
    assert_eq!(
        (world.kinds_at(ONE), world.kinds(1).len()),
        (vec!["IRR"], 0)
    );
}

#[test]
fn who_is_not_wanted_is_told() {
    let mut world = World::new(0);
    world.register(1);
    world.forget();
    let mut urq = UnregistrationRequest::new(9);
    urq.endpoint_identifier = to_bmp(&world.known_as(ONE, 1)[0]).ok();
    urq.reason = Some(UnregRequestReason::SecurityDenial);
    world.order(ONE, &RasMessage::UnregistrationRequest(urq));
    world.pass(100 * MS);
    assert_eq!(
        (world.kinds_at(ONE), world.kinds(1)),
        (vec!["UCF"], vec!["URQ"])
    );
    assert_eq!(world.views().len(), 0);
}

#[test]
fn answers_that_nobody_asked_for_go_nowhere() {
    let mut world = World::new(0);
    let eid = world.register(1);
    world.forget();
    world.dead.push(ONE);
    world.call(1, &eid, 1);
    world.pass(100 * MS);
    let number = decoded(&world.at_gatekeepers)[0].request_seq_num();
    // From elsewhere, with another number, of another kind.
    let arj = AdmissionReject::new(number, AdmissionRejectReason::RequestDenied);
    world.order(TWO, &RasMessage::AdmissionReject(arj.clone()));
    let other = AdmissionReject::new(number + 1, AdmissionRejectReason::RequestDenied);
    world.order(ONE, &RasMessage::AdmissionReject(other));
    world.order(
        ONE,
        &RasMessage::DisengageConfirm(DisengageConfirm::new(number)),
    );
    world.pass(100 * MS);
    assert_eq!((world.kinds(1).len(), world.stats().ignored), (0, 3));
    world.order(ONE, &RasMessage::AdmissionReject(arj));
    world.pass(100 * MS);
    assert_eq!(world.kinds(1), ["ARJ"]);
}

#[test]
fn nonstandard_passes_as_it_is_even_if_it_does_not_decode() {
    let mut world = World::new(0);
    world.register(1);
    world.forget();
    // requestSeqNum 300, an object identifier, three octets.
    let octets = unhex("5c012b00022b0603010203");
    assert!(decode_ras(&octets).is_ok());
    world.send_octets(1, octets.clone());
    world.send_octets(1, octets[..octets.len() - 2].to_vec());
    world.pass(100 * MS);
    assert_eq!(world.at_gatekeepers.len(), 2);
    for ((_, _, up), length) in world
        .at_gatekeepers
        .iter()
        .zip([octets.len(), octets.len() - 2])
    {
        assert_eq!((up.len(), &up[3..]), (length, &octets[3..length]));
    }
    world.pass(Duration::from_secs(30));
    assert!(!world.kinds(1).contains(&"RIP"));
}

const ARQ: &str = "2680d28803800033003500370035003000300031003400370036005f0065006e00640070010180833502400200650070003101808334800186a03475a410939ac3e3f111862ce6d78ce9115b0964205001801100e209939ac3e3f111862ce6d78ce9115b110e0050006100720065006e00740047004b01800510010000090100";
