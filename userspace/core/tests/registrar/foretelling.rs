//! The first keep-alive, published before it is sent.

use std::net::SocketAddr;

use rasline_core::registrar::{Offer, Output};
use rasline_h225::messages::{Rrq, alias};
use rasline_h225::text::{from_bmp, to_bmp, to_transport};
use rasline_h225::types::{RasMessage, RegistrationRequest};
use rasline_h225::{decode_ras, encode_ras};

use crate::registrar::captures::capture;
use crate::registrar::world::*;

/// Octets without requestSeqNum.
fn masked(octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    octets[2..4].fill(0);
    octets
}

fn of(octets: &[u8]) -> Option<RegistrationRequest> {
    match decode_ras(octets) {
        Ok(RasMessage::RegistrationRequest(rrq)) => Some(rrq),
        _ => None,
    }
}

/// Sends it; the answer's octets and what is published.
fn send(world: &mut World, from: SocketAddr, rrq: RegistrationRequest) -> (Vec<u8>, Vec<Offer>) {
    let out = world.message(from, &RasMessage::RegistrationRequest(rrq));
    assert_eq!(kinds(&out), ["RCF"]);
    let rcf = out.iter().find_map(|one| match one {
        Output::Send { payload, .. } => Some(payload.clone()),
        _ => None,
    });
    (rcf.unwrap(), offers(&out))
}

fn identifier(rcf: &[u8]) -> String {
    match decode_ras(rcf) {
        Ok(RasMessage::RegistrationConfirm(rcf)) => from_bmp(&rcf.endpoint_identifier),
        other => panic!("{other:?}"),
    }
}

/// A full RRQ and a keep-alive as if endpoint `n` had sent them.
fn as_endpoint(n: u8, mut rrq: RegistrationRequest, eid: Option<&str>) -> RegistrationRequest {
    for (list, address) in [
        (&mut rrq.call_signal_address, signalling(n)),
        (&mut rrq.ras_address, ras(n)),
    ] {
        if !list.is_empty() {
            *list = vec![to_transport(address)].into();
        }
    }
    if rrq.terminal_alias.is_some() {
        rrq.terminal_alias = Some(vec![alias(&format!("70{n}")).unwrap()].into());
    }
    if rrq.keep_alive != Some(true) || rrq.endpoint_identifier.is_some() {
        rrq.endpoint_identifier = eid.map(|eid| to_bmp(eid).unwrap());
    }
    rrq.request_seq_num = 1;
    rrq
}

/// Both of a make: registers endpoint `n`; what was published before its keep-alive, and whether that is what is sent and
/// answered then.
fn first_keep_alive(
    world: &mut World,
    n: u8,
    (full, light): (&RegistrationRequest, &RegistrationRequest),
) -> Option<bool> {
    world.pass(SECOND);
    let (rcf, foretold) = send(world, ras(n), as_endpoint(n, full.clone(), None));
    let keep_alive = as_endpoint(n, light.clone(), Some(&identifier(&rcf)));
    let octets = encode_ras(&RasMessage::RegistrationRequest(keep_alive.clone())).unwrap();
    world.pass(SECOND);
    let (rcf, published) = send(world, ras(n), keep_alive);
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].rrq, masked(&octets));
    assert_eq!(published[0].rcf, masked(&rcf));
    let foretold = foretold.into_iter().next()?;
    Some(foretold.rrq == masked(&octets) && foretold.rcf == masked(&rcf))
}

#[test]
fn of_real_endpoints_from_the_second_of_a_make_on() {
    let mut world = World::new();
    let mut n = 0;
    let mut makes: Vec<RegistrationRequest> = Vec::new();
    for name in [
        "ab-ep-ttl10",
        "ab-child-ttl10",
        "b-child-ttl120-ratchet",
        "k-keepalive-variants",
    ] {
        let all = capture(name);
        let rrqs = all.iter().filter_map(|(_, octets)| of(octets));
        let rrqs: Vec<_> = rrqs.collect();
        let full = rrqs.iter().find(|rrq| rrq.keep_alive == Some(false));
        let light = rrqs.iter().find(|rrq| rrq.keep_alive == Some(true));
        let (Some(full), Some(light)) = (full, light) else {
            panic!("{name}: no pair")
        };
        let known = makes
            .iter()
            .any(|make| make.endpoint_vendor == full.endpoint_vendor);
        if known {
            continue;
        }
        makes.push(full.clone());
        for expected in [None, Some(true), Some(true)] {
            n += 1;
            let seen = first_keep_alive(&mut world, n, (full, light));
            assert_eq!(seen, expected, "{name}");
        }
    }
    assert!(makes.len() > 1);
}

fn pair(product: &str) -> (RegistrationRequest, RegistrationRequest) {
    let product = Some((product.to_owned(), "1".to_owned()));
    let full = Rrq {
        product: product.clone(),
        ..full(1, 1, "any")
    };
    let light = Rrq {
        product,
        time_to_live: Some(60),
        ..Rrq::lightweight(1, ras(1), "any")
    };
    let rrq = |one: &Rrq| of(&one.encode().unwrap()).unwrap();
    (rrq(&full), rrq(&light))
}

#[test]
fn a_wrong_guess_gives_way_at_once_and_is_not_made_for_ever() {
    let mut world = World::new();
    let (full, light) = pair("one");
    assert_eq!(first_keep_alive(&mut world, 1, (&full, &light)), None);
    // Each of these says something else in its keep-alives than the one before.
    let mut seen = Vec::new();
    for n in 2..12 {
        let mut light = light.clone();
        light.time_to_live = Some(n.into());
        seen.push(first_keep_alive(&mut world, n, (&full, &light)));
    }
    let mut expected = vec![Some(false); 4];
    expected.resize(10, None);
    assert_eq!(seen, expected);
    // Another make has nothing to do with it.
    let (full, light) = pair("two");
    assert_eq!(first_keep_alive(&mut world, 20, (&full, &light)), None);
    assert_eq!(
        first_keep_alive(&mut world, 21, (&full, &light)),
        Some(true)
    );
}

/// timeToLive as it was granted is foretold as it is granted.
#[test]
fn what_was_granted_is_asked_for() {
    let mut profile = profile();
    profile.time_to_live.max = 600;
    profile.time_to_live.default = 600;
    let mut world = World::with(profile);
    let (full, light) = pair("one");
    let granted = |rcf: &[u8]| match decode_ras(rcf) {
        Ok(RasMessage::RegistrationConfirm(rcf)) => rcf.time_to_live,
        other => panic!("{other:?}"),
    };
    let mut given = Vec::new();
    for n in 1..10 {
        world.pass(SECOND);
        let (rcf, foretold) = send(&mut world, ras(n), as_endpoint(n, full.clone(), None));
        let mut keep_alive = as_endpoint(n, light.clone(), Some(&identifier(&rcf)));
        keep_alive.time_to_live = granted(&rcf);
        given.push(granted(&rcf));
        let octets = encode_ras(&RasMessage::RegistrationRequest(keep_alive.clone())).unwrap();
        let foretold = foretold.into_iter().next().map(|offer| offer.rrq);
        assert_eq!(foretold, (n > 1).then(|| masked(&octets)));
        send(&mut world, ras(n), keep_alive);
    }
    given.dedup();
    assert!(given.len() > 1, "{given:?}");
}

#[test]
fn who_registers_again_is_answered_as_before() {
    let mut world = World::new();
    let (full, light) = pair("one");
    assert_eq!(first_keep_alive(&mut world, 1, (&full, &light)), None);
    let eid = world.only().endpoint_identifier;
    let before = masked(
        &encode_ras(&RasMessage::RegistrationRequest(as_endpoint(
            1,
            light,
            Some(&eid),
        )))
        .unwrap(),
    );
    for _ in 0..3 {
        world.pass(20 * SECOND);
        let again = as_endpoint(1, full.clone(), None);
        let (_, foretold) = send(&mut world, ras(1), again);
        assert_eq!(foretold.len(), 1);
        assert_eq!(foretold[0].rrq, before);
    }
}

/// Who shows tokens would show other ones each time.
#[test]
fn secured_ones_are_not_foretold() {
    let mut world = World::new();
    let (full, light) = pair("one");
    first_keep_alive(&mut world, 1, (&full, &light));
    assert_eq!(first_keep_alive(&mut world, 2, (&full, &light)), Some(true));
    let secured = Rrq {
        token: true,
        product: Some(("one".into(), "1".into())),
        ..crate::registrar::world::full(1, 3, "703")
    };
    let out = world.octets(ras(3), &secured.encode().unwrap());
    assert_eq!((kinds(&out), offers(&out).len()), (vec!["RCF"], 0));
}
