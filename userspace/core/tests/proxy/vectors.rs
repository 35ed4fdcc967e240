//! Recorded messages of real endpoints through the translation: nothing is lost, and what is vendors' own is equal.

use std::path::PathBuf;

use rasline_h225::decode_ras;
use rasline_h225::text::{to_bmp, to_transport};
use rasline_h225::types::{RasMessage, RegistrationRequest};

use crate::proxy::world::*;

/// Every message of the recordings.
fn recorded() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        // Folders have messages of other protocols.
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        for line in lines {
            let digit = |n: usize| u8::from_str_radix(&line[n..n + 2], 16).unwrap();
            all.push((0..line.len() - 1).step_by(2).map(digit).collect());
        }
    }
    all
}

/// What an RRQ says apart from what has to be translated.
fn plain(rrq: &RegistrationRequest) -> RegistrationRequest {
    let mut plain = rrq.clone();
    plain.request_seq_num = 1;
    plain.discovery_complete = true;
    plain.ras_address = vec![to_transport(RAS)].into();
    plain.gatekeeper_identifier = None;
    plain.endpoint_identifier = None;
    plain.keep_alive = Some(false);
    plain
}

#[test]
fn full_rrqs_arrive_as_they_were_sent() {
    let mut seen = 0;
    let mut vendors = 0;
    for octets in recorded() {
        let Ok(RasMessage::RegistrationRequest(rrq)) = decode_ras(&octets) else {
            continue;
        };
        if rrq.keep_alive == Some(true) || rrq.additive_registration.is_some() {
            continue;
        }
        let mut world = World::new(0);
        world.send_octets(1, octets);
        world.pass(2 * MS);
        let RasMessage::RegistrationRequest(up) = decode_ras(&world.at_gatekeepers[0].2).unwrap()
        else {
            panic!("no RRQ")
        };
        assert_eq!(plain(&up), plain(&rrq));
        assert_eq!(up.ras_address, [to_transport(RAS)]);
        assert_eq!(
            (up.endpoint_identifier, up.gatekeeper_identifier),
            (None, None)
        );
        seen += 1;
        let own = rrq.non_standard_data.is_some()
            || rrq.generic_data.is_some()
            || rrq.feature_set.is_some()
            || rrq.terminal_type.vendor.is_some();
        vendors += usize::from(own);
    }
    assert!(seen >= 10, "{seen} full RRQs");
    assert!(vendors > 0, "none has content of a vendor's own");
}

#[test]
fn admissions_and_the_rest_arrive_as_they_were_sent() {
    let mut seen = 0;
    for octets in recorded() {
        let Ok(mut message) = decode_ras(&octets) else {
            continue;
        };
        let mut world = World::new(0);
        let eid = to_bmp(&world.register(1)).unwrap();
        let upstream = to_bmp(&world.known_as(ONE, 1)[0]).unwrap();
        world.forget();
        let gatekeeper = to_bmp("gk-one").unwrap();
        let mut expected = message.clone();
        match (&mut message, &mut expected) {
            (RasMessage::AdmissionRequest(one), RasMessage::AdmissionRequest(up)) => {
                (one.endpoint_identifier, up.endpoint_identifier) = (eid, upstream);
                up.gatekeeper_identifier = up.gatekeeper_identifier.take().map(|_| gatekeeper);
            }
            (RasMessage::DisengageRequest(one), RasMessage::DisengageRequest(up)) => {
                (one.endpoint_identifier, up.endpoint_identifier) = (eid, upstream);
                up.gatekeeper_identifier = up.gatekeeper_identifier.take().map(|_| gatekeeper);
            }
            (RasMessage::BandwidthRequest(one), RasMessage::BandwidthRequest(up)) => {
                (one.endpoint_identifier, up.endpoint_identifier) = (eid, upstream);
                up.gatekeeper_identifier = up.gatekeeper_identifier.take().map(|_| gatekeeper);
            }
            (RasMessage::InfoRequestResponse(one), RasMessage::InfoRequestResponse(up)) => {
                (one.endpoint_identifier, up.endpoint_identifier) = (eid, upstream);
                up.ras_address = to_transport(RAS);
            }
            _ => continue,
        }
        world.send(1, &message);
        world.pass(2 * MS);
        let mut up = decode_ras(&world.at_gatekeepers[0].2).unwrap();
        up.set_request_seq_num(expected.request_seq_num());
        assert_eq!(up, expected);
        seen += 1;
    }
    assert!(seen >= 5, "{seen} messages");
}

#[test]
fn whatever_comes_from_either_side_is_survived() {
    let mut world = World::new(0);
    world.register(1);
    let mut sent: u64 = 0;
    for octets in recorded() {
        for at in (0..octets.len()).step_by(23) {
            for mask in [0x01, 0x80, 0xff] {
                let mut broken = octets.clone();
                broken[at] ^= mask;
                broken.truncate(octets.len() - at % 3);
                let from = |payload| rasline_core::proxy::Input::FromEndpoint {
                    from: ras(1),
                    to: SERVICE,
                    payload,
                };
                world.input(from(&broken));
                let from = |payload| rasline_core::proxy::Input::FromGatekeeper {
                    from: ONE,
                    to: RAS,
                    payload,
                };
                world.input(from(&broken));
                sent += 2;
            }
        }
    }
    let stats = world.stats();
    assert!(sent > 1000 && stats.malformed > 100, "{sent}: {stats:?}");
    assert!(stats.waiting + stats.endpoints < 1000, "{stats:?}");
    world.pass(std::time::Duration::from_secs(30));
    assert_eq!(world.stats().waiting, 0);
}
