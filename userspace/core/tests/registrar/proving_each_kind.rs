//! H.235: every kind of message, said in the name of a registered endpoint without proof.

use rasline_core::profile::{Authentication, KnownEndpoint, Profile};
use rasline_h225::security::{Key, Mechanism, sign};
use rasline_h225::text::to_bmp;
use rasline_h225::{RasKind, RasMessage, Sender, decode_ras};
use rasline_testkit_model::party::granted_identifier;

use crate::registrar::world::*;

/// A zone that wants HMAC of its only endpoint.
fn secured() -> Profile {
    let mut profile = profile();
    profile.authentication = Authentication::HmacSha1;
    profile.endpoints = vec![KnownEndpoint {
        password: Some("secret".into()),
        ..known(&["alice"])
    }];
    profile
}

/// Registers Alice from host 1 with proof; returns her endpointIdentifier.
fn register(world: &mut World) -> String {
    let mut rrq = full(1, 1, "alice").message().unwrap();
    let key = Key {
        identifier: "alice",
        peer: "gk1",
        password: "secret",
    };
    let unix = (1_700_000_000 + world.now.0 / 1_000_000_000) as u32;
    let octets = sign(&mut rrq, Mechanism::HmacSha1, &key, unix, 1).unwrap();
    let out = world.octets(ras(1), &octets);
    granted_identifier(&sent(&out)[0].1)
}

/// A message of each kind.
fn example(kind: RasKind) -> RasMessage {
    let all = include_str!("../../../../tests/vectors/synthetic.txt");
    let lines = all.lines().filter(|line| !line.starts_with('#'));
    let octets = lines.map(|line| {
        let digit = |n: usize| u8::from_str_radix(&line[n..n + 2], 16).unwrap();
        (0..line.len() - 1)
            .step_by(2)
            .map(digit)
            .collect::<Vec<_>>()
    });
    let mut messages = octets.filter_map(|octets| decode_ras(&octets).ok());
    messages
        .find(|message| message.kind() == kind)
        .unwrap_or_else(|| panic!("no {kind} among the vectors"))
}

/// Puts an endpointIdentifier where the sender of a message gives its own, and takes its tokens away.
fn impersonate(message: &mut RasMessage, identifier: &str) {
    use RasMessage as M;
    let identifier = to_bmp(identifier).unwrap();
    match message {
        M::RegistrationRequest(one) => {
            one.endpoint_identifier = Some(identifier);
            one.crypto_tokens = None;
        }
        M::UnregistrationRequest(one) => {
            one.endpoint_identifier = Some(identifier);
            one.crypto_tokens = None;
        }
        M::AdmissionRequest(one) => {
            one.endpoint_identifier = identifier;
            one.crypto_tokens = None;
        }
        M::BandwidthRequest(one) => {
            one.endpoint_identifier = identifier;
            one.crypto_tokens = None;
        }
        M::DisengageRequest(one) => {
            one.endpoint_identifier = identifier;
            one.crypto_tokens = None;
        }
        M::LocationRequest(one) => {
            one.endpoint_identifier = Some(identifier);
            one.crypto_tokens = None;
        }
        M::InfoRequestResponse(one) => {
            one.endpoint_identifier = identifier;
            one.crypto_tokens = None;
        }
        M::ResourcesAvailableIndicate(one) => {
            one.endpoint_identifier = identifier;
            one.crypto_tokens = None;
        }
        M::ServiceControlIndication(one) => {
            one.endpoint_identifier = Some(identifier);
            one.crypto_tokens = None;
        }
        _ => {}
    }
}

/// True if the standard lets endpoints send requests of this kind about themselves.
fn acts_for_an_endpoint(kind: RasKind) -> bool {
    let sender = kind.exchange().map(|exchange| exchange.sender);
    // Nobody can prove anything before discovery, neighbours ask for locations, and an XRS answers a NonStandard.
    let others = [
        RasKind::GatekeeperRequest,
        RasKind::LocationRequest,
        RasKind::NonStandardMessage,
    ];
    matches!(sender, Some(Sender::Endpoint | Sender::Either)) && !others.contains(&kind)
}

#[test]
fn each_request_that_acts_for_an_endpoint_is_denied_without_proof() {
    let mut denied = Vec::new();
    for kind in RasKind::ALL.iter().copied() {
        let mut world = World::with(secured());
        let identifier = register(&mut world);
        let before = (world.views(), world.registrar.stats().denied);
        let mut message = example(kind);
        impersonate(&mut message, &identifier);
        message.set_request_seq_num(7);
        let out = world.message(ras(1), &message);
        assert_eq!(world.views(), before.0, "{kind} changed the registration");
        let refused = world.registrar.stats().denied - before.1;
        assert_eq!(refused == 1, acts_for_an_endpoint(kind), "{kind}");
        let granted = [
            RasKind::RegistrationConfirm,
            RasKind::UnregistrationConfirm,
            RasKind::AdmissionConfirm,
            RasKind::BandwidthConfirm,
            RasKind::DisengageConfirm,
            RasKind::LocationConfirm,
            RasKind::InfoRequestAck,
            RasKind::ResourcesAvailableConfirm,
            RasKind::ServiceControlResponse,
        ];
        let answers = sent(&out);
        let granted = answers.iter().any(|(_, one)| granted.contains(&one.kind()));
        assert!(!granted, "{kind} was answered: {answers:?}");
        if refused == 1 {
            denied.push(kind.name());
        }
    }
    let expected = ["RRQ", "URQ", "ARQ", "BRQ", "DRQ", "IRR", "RAI", "SCI"];
    assert_eq!(denied, expected);
}
