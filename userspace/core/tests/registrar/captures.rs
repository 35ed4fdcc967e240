//! What real endpoints and gatekeepers said, fed to the registrar.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use rasline_core::registrar::Registrar;
use rasline_h225::types::RasMessage;
use rasline_h225::{RasKind, decode_ras, header};

use crate::registrar::world::*;

/// Messages of a capture with their sender.
pub fn capture(name: &str) -> Vec<(IpAddr, Vec<u8>)> {
    let directory = env!("CARGO_MANIFEST_DIR");
    let path = format!("{directory}/../../tests/vectors/{name}.txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut from = None;
    let mut all = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            let address = comment.split("from ").nth(1);
            from = address.and_then(|rest| rest.split(": ").next()?.parse().ok());
        } else {
            let octet = |i| u8::from_str_radix(&line[i..i + 2], 16).unwrap();
            let octets = (0..line.len()).step_by(2).map(octet).collect();
            all.push((from.unwrap(), octets));
        }
    }
    all
}

/// The endpoints' requests to the registrar, in place of the gatekeeper that answered them; endpointIdentifiers as that
/// one gave them, since a full RRQ is made to carry its own.
fn replay(name: &str) -> (World, Vec<(RasKind, Vec<&'static str>)>) {
    let messages = capture(name);
    let given: BTreeMap<u16, String> = messages.iter().filter_map(confirmed).collect();
    let mut world = World::new();
    let mut answers = Vec::new();
    for (from, octets) in messages {
        let Some(kind) = header(&octets).map(|header| header.kind) else {
            continue;
        };
        if !matches!(
            kind,
            RasKind::RegistrationRequest | RasKind::UnregistrationRequest
        ) {
            continue;
        }
        world.pass(SECOND / 10);
        let octets = with_identifier(&octets, &given);
        let out = world.octets(SocketAddr::new(from, 1719), &octets);
        answers.push((kind, kinds(&out)));
    }
    (world, answers)
}

fn confirmed((_, octets): &(IpAddr, Vec<u8>)) -> Option<(u16, String)> {
    match decode_ras(octets).ok()? {
        RasMessage::RegistrationConfirm(rcf) => {
            let identifier = rasline_h225::text::from_bmp(&rcf.endpoint_identifier);
            Some((rcf.request_seq_num, identifier))
        }
        _ => None,
    }
}

fn with_identifier(octets: &[u8], given: &BTreeMap<u16, String>) -> Vec<u8> {
    match decode_ras(octets) {
        Ok(RasMessage::RegistrationRequest(mut rrq)) if rrq.keep_alive != Some(true) => {
            let Some(identifier) = given.get(&rrq.request_seq_num) else {
                return octets.to_vec();
            };
            rrq.endpoint_identifier = Some(rasline_h225::text::to_bmp(identifier).unwrap());
            rasline_h225::encode_ras(&RasMessage::RegistrationRequest(rrq)).unwrap()
        }
        _ => octets.to_vec(),
    }
}

#[test]
fn real_endpoints_register_and_keep_alive() {
    for (name, registered) in [
        ("ab-ep-ttl10", 1),
        ("ab-child-ttl10", 1),
        ("g-ipv6-child", 1),
        ("b-child-ttl120-ratchet", 1),
    ] {
        let (world, answers) = replay(name);
        let confirmed = answers.iter().filter(|(_, sent)| sent[..] == ["RCF"]);
        assert_eq!(confirmed.count(), answers.len(), "{name}: {answers:?}");
        assert_eq!(world.views().len(), registered, "{name}");
        let stats = world.registrar.stats();
        assert!(stats.full > 0 && stats.lightweight > 0, "{name}: {stats:?}");
        assert!(world.only().published, "{name}");
    }
}

#[test]
fn one_with_tokens_is_confirmed_and_not_published() {
    let (world, answers) = replay("b-child-h235");
    assert!(
        answers.iter().all(|(_, sent)| sent[..] == ["RCF"]),
        "{answers:?}"
    );
    assert!(!world.only().published);
}

#[test]
fn real_ones_that_leave_are_gone() {
    let mut left = 0;
    for (from, octets) in capture("c-unregister") {
        let Ok(RasMessage::UnregistrationRequest(urq)) = decode_ras(&octets) else {
            continue;
        };
        // Registered as the capture's gatekeeper had it.
        let mut world = World::new();
        let source = SocketAddr::new(from, 1719);
        let RasMessage::RegistrationRequest(mut rrq) = full(1, 1, "any").message().unwrap() else {
            panic!()
        };
        rrq.call_signal_address.clone_from(&urq.call_signal_address);
        rrq.endpoint_identifier.clone_from(&urq.endpoint_identifier);
        world.message(source, &RasMessage::RegistrationRequest(rrq));
        assert_eq!(world.views().len(), 1);
        assert_eq!(kinds(&world.octets(source, &octets)), ["UCF"]);
        assert!(world.views().is_empty());
        left += 1;
    }
    assert!(left > 0);
}

/// What a busy gatekeeper confirms and rejects, this one does, too: other source ports, other or no gatekeeperIdentifier,
/// no endpointIdentifier, unknown endpointIdentifiers, another callSignalAddress.
#[test]
fn keep_alives_are_judged_as_by_a_real_gatekeeper() {
    let messages = capture("k-keepalive-variants");
    let given: BTreeMap<u16, String> = messages.iter().filter_map(confirmed).collect();
    let mut world = World::new();
    let mut judged = [0, 0];
    for pair in messages.windows(2) {
        let [(from, request), (_, answer)] = pair else {
            panic!()
        };
        let kind = |octets: &[u8]| header(octets).map(|one| one.kind);
        if kind(request) == Some(RasKind::UnregistrationRequest) {
            world.octets(SocketAddr::new(*from, 1719), request);
        }
        let theirs = match kind(answer) {
            Some(RasKind::RegistrationConfirm) => "RCF",
            Some(RasKind::RegistrationReject) => "RRJ",
            _ => continue,
        };
        if kind(request) != Some(RasKind::RegistrationRequest) {
            continue;
        }
        let light = matches!(decode_ras(request),
            Ok(RasMessage::RegistrationRequest(rrq)) if rrq.keep_alive == Some(true));
        if !light && theirs == "RRJ" {
            // Another full RRQ from the same rasAddress: here it takes the place of the first.
            continue;
        }
        world.pass(20 * SECOND);
        let octets = with_identifier(request, &given);
        let out = world.octets(SocketAddr::new(*from, 1719), &octets);
        assert_eq!(kinds(&out)[0], theirs, "{:?}", decode_ras(request));
        judged[usize::from(theirs == "RRJ")] += 1;
    }
    assert!(judged[0] > 10 && judged[1] > 1, "{judged:?}");
}

#[test]
fn every_message_of_the_vectors_is_taken() {
    for name in [
        "samples",
        "synthetic",
        "truncated",
        "e-routed-call",
        "f-failover",
    ] {
        let directory = env!("CARGO_MANIFEST_DIR");
        let path = format!("{directory}/../../tests/vectors/{name}.txt");
        let text = std::fs::read_to_string(path).unwrap();
        let mut registrar = Registrar::new(settings(profile()), rasline_core::Time(0));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let hex: Vec<u8> = line.bytes().filter(u8::is_ascii_hexdigit).collect();
            let octet =
                |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
            let payload: Vec<u8> = hex.chunks_exact(2).map(octet).collect();
            let mut out = Vec::new();
            let input = rasline_core::registrar::Input::Message {
                from: ras(1),
                to: GATEKEEPER,
                payload: &payload,
            };
            registrar.handle(rasline_core::Time(1), input, &mut out);
            // An answer is never answered.
            let answer = header(&payload).is_some_and(|one| {
                matches!(
                    one.kind,
                    RasKind::RegistrationConfirm
                        | RasKind::RegistrationReject
                        | RasKind::GatekeeperConfirm
                        | RasKind::UnknownMessageResponse
                        | RasKind::AdmissionConfirm
                )
            });
            assert!(!answer || sent(&out).is_empty(), "{name}: {line}");
        }
    }
}
