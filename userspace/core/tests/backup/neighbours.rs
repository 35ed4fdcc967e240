//! Gatekeepers of other networks, who speak with several zones.

use std::net::SocketAddr;

use rasline_core::backup::{Input, Output};
use rasline_core::profile::Neighbour;
use rasline_h225::messages::{alias, rip};
use rasline_h225::text::{from_transport, to_transport};
use rasline_h225::types::{LocationConfirm, LocationReject, LocationRejectReason, LocationRequest};
use rasline_h225::{RasMessage, encode_ras};

use crate::backup::world::*;

const ABROAD: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)),
    1719,
);

/// Three zones, served, that ask this neighbour for 00..., and answer it, but for zone 2. Zone n has the prefix 7n.
fn served() -> (World, Vec<String>) {
    let mut world = World::with(4, 3);
    for (zone, profile) in &mut world.profiles {
        profile.prefixes = vec![format!("7{zone}")];
        profile.neighbours = vec![Neighbour {
            id: "abroad".into(),
            address: ABROAD,
            prefixes: vec!["00".into()],
            answered: *zone != 2,
        }];
    }
    world.commit();
    let mut eids = Vec::new();
    for zone in 0..3 {
        world.serve(zone, true);
        eids.push(world.register(zone, 1));
    }
    (world, eids)
}

/// The LRQ among what is sent.
fn lrq_of(out: &[Output]) -> LocationRequest {
    let mut lrqs = sent(out)
        .into_iter()
        .filter_map(|(_, _, to, message)| match message {
            RasMessage::LocationRequest(lrq) if to == ABROAD => Some(lrq),
            _ => None,
        });
    lrqs.next().unwrap_or_else(|| panic!("{:?}", sent(out)))
}

fn octets(message: &RasMessage) -> Vec<u8> {
    encode_ras(message).unwrap()
}

#[test]
fn an_answer_is_for_the_zone_that_asked() {
    let (mut world, eids) = served();
    let there = signal(99, 1);
    let asked: Vec<LocationRequest> = (0..3)
        .map(|zone| {
            let out = world.calls(zone, 1, &eids[zone as usize], "004930");
            lrq_of(&out)
        })
        .collect();
    for (zone, lrq) in (0..3).zip(&asked).rev() {
        let seq = lrq.request_seq_num;
        let wait = octets(&rip(seq, 100));
        assert_eq!(world.unit.zone_of_neighbour(ABROAD, &wait), Some(zone));
        let lcf = LocationConfirm::new(seq, to_transport(there), to_transport(ABROAD));
        let payload = octets(&RasMessage::LocationConfirm(lcf));
        assert_eq!(world.unit.zone_of_neighbour(ABROAD, &payload), Some(zone));
        let out = world.feed(Input::Message {
            zone,
            from: ABROAD,
            to: gatekeeper(zone),
            payload: &payload,
        });
        let sent = sent(&out);
        let [(_, _, to, RasMessage::AdmissionConfirm(acf))] = &sent[..] else {
            panic!("{sent:?}");
        };
        assert_eq!(*to, ras(zone, 1));
        assert_eq!(from_transport(&acf.dest_call_signal_address), Some(there));
        // It is answered: nobody waits any more.
        assert_eq!(world.unit.zone_of_neighbour(ABROAD, &payload), None);
    }
    let never = LocationReject::new(7, LocationRejectReason::NotRegistered);
    let never = octets(&RasMessage::LocationReject(never));
    assert_eq!(world.unit.zone_of_neighbour(ABROAD, &never), None);
}

#[test]
fn a_question_is_for_the_zone_that_it_leads_to() {
    let (mut world, _) = served();
    let question = |to: &str| {
        let mut lrq = LocationRequest::new(5, to_transport(ABROAD));
        lrq.destination_info = vec![alias(to).unwrap()].into();
        octets(&RasMessage::LocationRequest(lrq))
    };
    world.profiles.get_mut(&1).unwrap().endpoints[2].aliases = vec!["reception".into()];
    world.commit();
    for (to, zone) in [
        ("711001", Some(1)),
        ("701001", Some(0)),
        ("reception", Some(1)),
        ("nobody", Some(0)),
        // It does not answer that one.
        ("721001", Some(0)),
    ] {
        let got = world.unit.zone_of_neighbour(ABROAD, &question(to));
        assert_eq!(got, zone, "{to}");
    }
    // Who is no neighbour, or says nothing that is for a zone.
    let payload = question("711001");
    assert_eq!(world.unit.zone_of_neighbour(ras(0, 1), &payload), None);
    for other in [full(0, 1, 3).encode().unwrap(), Vec::new(), vec![0x4a; 9]] {
        assert_eq!(world.unit.zone_of_neighbour(ABROAD, &other), None);
    }
    // One zone alone gets all; none is left when none is served.
    world.serve(0, false);
    world.serve(2, false);
    assert_eq!(world.unit.zone_of_neighbour(ABROAD, &payload), Some(1));
    world.serve(1, false);
    assert_eq!(world.unit.zone_of_neighbour(ABROAD, &payload), None);
    world.serve(3, true);
    assert_eq!(world.unit.zone_of_neighbour(ABROAD, &payload), Some(3));
    world.profiles.get_mut(&3).unwrap().neighbours.clear();
    world.commit();
    assert_eq!(world.unit.zone_of_neighbour(ABROAD, &payload), None);
}
