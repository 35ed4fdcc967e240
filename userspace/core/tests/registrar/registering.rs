//! Full and lightweight registration, and leaving.

use std::net::SocketAddr;

use rasline_core::registrar::{Ended, EntryId, Event, Input};
use rasline_h225::messages::{Rrq, Urq};
use rasline_h225::text::from_bmp;
use rasline_h225::types::{RasMessage, RegistrationRejectReason};
use rasline_h225::view::{self, Summary};
use rasline_h225::{decode_ras, encode_ras};
use rasline_testkit_model::party::granted_identifier;

use crate::registrar::world::*;

#[test]
fn a_full_registration_is_confirmed_stored_and_told() {
    let mut world = World::new();
    let rrq = full(7, 1, "alice");
    let out = world.octets(ras(1), &rrq.encode().unwrap());
    let Summary::Rcf {
        seq,
        endpoint_identifier,
        gatekeeper_identifier,
        aliases,
        time_to_live,
        alternates,
        ..
    } = view::summarise(&sent(&out)[0].1)
    else {
        panic!("{out:?}")
    };
    assert_eq!((seq, time_to_live), (7, Some(60)));
    assert_eq!(gatekeeper_identifier.as_deref(), Some("gk1"));
    assert_eq!((aliases, alternates.len()), (vec!["alice".to_owned()], 1));
    assert!(
        endpoint_identifier.ends_with("_gk1"),
        "{endpoint_identifier}"
    );
    assert_eq!(stored(&out)[0].endpoint_identifier, endpoint_identifier);
    assert!(
        matches!(&events(&out)[..], [Event::Registered { endpoint, .. }] if *endpoint == ras(1))
    );
    assert!(offers(&out).is_empty());
    assert_eq!(world.registrar.stats().full, 1);
}

#[test]
fn alternates_only_for_those_that_support_them() {
    let mut world = World::new();
    let rrq = Rrq {
        supports_alt_gk: false,
        ..full(7, 1, "alice")
    };
    assert_eq!(world.rcf(ras(1), &rrq).alternate_gatekeeper, None);
}

#[test]
fn the_first_keep_alive_is_published() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    let out = world.keep_alive(1, &eid);
    assert_eq!(kinds(&out), ["RCF"]);
    let offer = offers(&out).pop().unwrap();
    assert_eq!((offer.endpoint, offer.seen_as), (ras(1), GATEKEEPER));
    assert_eq!(offer.time_to_live, 60 * SECOND);
    // What the kernel will answer is what was answered, but for the number.
    let mut answered = encode_ras(&sent(&out)[0].1).unwrap();
    answered[2..4].fill(0);
    assert_eq!(offer.rcf, answered);
    assert_eq!(offer.rrq[2..4], [0, 0]);
    assert!(decode_ras(&offer.rrq).is_ok());
    assert_eq!(stored(&out)[0].lightweight.as_ref(), Some(&offer.rrq));
    // A store that lost it is given the same.
    let again = world.registrar.stored(world.only().id);
    assert_eq!(again.as_ref(), stored(&out).first());
    assert_eq!(world.registrar.stored(EntryId(u64::MAX)), None);
    assert!(world.only().published);
    // One that the kernel lets through renews it, and is not stored.
    let out = world.keep_alive(1, &eid);
    assert_eq!(
        (kinds(&out), offers(&out).len(), stored(&out).len()),
        (vec!["RCF"], 1, 0)
    );
    assert_eq!(offers(&out)[0].rcf, offer.rcf);
}

#[test]
fn another_keep_alive_is_published_when_it_came_twice() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    world.keep_alive(1, &eid);
    let other = |world: &mut World| {
        let rrq = Rrq {
            time_to_live: Some(42),
            ..Rrq::lightweight(world.next_seq(), ras(1), &eid)
        };
        let out = world.octets(ras(1), &rrq.encode().unwrap());
        offers(&out).len()
    };
    assert_eq!([0, 0, 0].map(|_| other(&mut world)), [0, 1, 1]);
}

#[test]
fn with_tokens_nothing_is_published() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    let rrq = Rrq {
        token: true,
        ..Rrq::lightweight(9, ras(1), &eid)
    };
    let out = world.octets(ras(1), &rrq.encode().unwrap());
    assert_eq!((kinds(&out), offers(&out).len()), (vec!["RCF"], 0));
}

#[test]
fn keep_alives_as_real_gatekeepers_take_them() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    let light = Rrq::lightweight(20, ras(1), &eid);
    // Another source port; another gatekeeperIdentifier; no endpointIdentifier, but the callSignalAddress.
    let port = SocketAddr::new(ras(1).ip(), 40_000);
    world.rcf(port, &light);
    world.rcf(
        ras(1),
        &Rrq {
            gatekeeper_identifier: Some("other".into()),
            seq: 21,
            ..light.clone()
        },
    );
    let by_address = Rrq {
        endpoint_identifier: None,
        call_signal_addresses: vec![signalling(1)],
        seq: 22,
        ..light.clone()
    };
    let rcf = world.rcf(ras(1), &by_address);
    assert_eq!(from_bmp(&rcf.endpoint_identifier), eid);
}

#[test]
fn keep_alives_that_need_a_full_registration() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    let light = |seq| Rrq::lightweight(seq, ras(1), &eid);
    let unknown = Rrq::lightweight(30, ras(1), "nobody");
    let elsewhere = Rrq {
        call_signal_addresses: vec![signalling(9)],
        ..light(31)
    };
    let neither = Rrq {
        endpoint_identifier: None,
        ..light(32)
    };
    for rrq in [unknown, elsewhere, neither] {
        assert_eq!(
            world.rrj(ras(1), &rrq),
            "fullRegistrationRequired",
            "{rrq:?}"
        );
    }
    assert_eq!(world.rrj(ras(2), &light(33)), "fullRegistrationRequired");
    world.urq(1, &eid);
    assert_eq!(world.rrj(ras(1), &light(34)), "fullRegistrationRequired");
}

#[test]
fn what_is_wrong_with_a_full_registration() {
    let mut world = World::new();
    world.register(1, "alice");
    let no_signalling = Rrq {
        call_signal_addresses: vec![],
        ..full(2, 2, "bob")
    };
    let port_zero = Rrq {
        call_signal_addresses: vec![SocketAddr::from(([192, 0, 2, 2], 0))],
        ..full(3, 2, "bob")
    };
    let no_ras = Rrq {
        ras_addresses: vec![],
        ..full(4, 2, "bob")
    };
    assert_eq!(
        world.rrj(ras(2), &no_signalling),
        "invalidCallSignalAddress"
    );
    assert_eq!(world.rrj(ras(2), &port_zero), "invalidCallSignalAddress");
    assert_eq!(world.rrj(ras(2), &no_ras), "invalidRASAddress");
    // From elsewhere with the address of another.
    let stolen = Rrq {
        call_signal_addresses: vec![signalling(1)],
        ..full(5, 2, "bob")
    };
    let out = world.octets(ras(2), &stolen.encode().unwrap());
    assert_eq!(kinds(&out), ["RRJ", "IRQ"]);
    assert_eq!(world.only().aliases, ["alice"]);
}

#[test]
fn a_duplicate_alias_is_named_and_its_owner_asked() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    let rrq = Rrq {
        aliases: vec!["bob".into(), "alice".into()],
        ..full(5, 2, "bob")
    };
    let out = world.octets(ras(2), &rrq.encode().unwrap());
    let all = sent(&out);
    let RasMessage::RegistrationReject(rrj) = &all[0].1 else {
        panic!("{out:?}")
    };
    let RegistrationRejectReason::DuplicateAlias(list) = &rrj.reject_reason else {
        panic!("{rrj:?}")
    };
    let named: Vec<_> = list
        .iter()
        .filter_map(rasline_h225::text::from_alias)
        .collect();
    assert_eq!(named, ["alice"]);
    assert_eq!((all[1].0, all[1].1.kind().name()), (ras(1), "IRQ"));
    // It lives: it keeps its alias.
    world.pass(SECOND);
    world.keep_alive(1, &alice);
    world.pass(20 * SECOND);
    assert_eq!(world.only().endpoint_identifier, alice);
    // It does not: the other one gets it, when it asks again.
    world.octets(
        ras(2),
        &Rrq {
            seq: 6,
            ..rrq.clone()
        }
        .encode()
        .unwrap(),
    );
    let out = world.pass(7 * SECOND);
    assert_eq!(kinds(&out), ["IRQ", "URQ"]);
    world.rcf(ras(2), &Rrq { seq: 7, ..rrq });
    assert_eq!(world.only().aliases, ["bob", "alice"]);
}

#[test]
fn one_that_starts_anew_is_the_one_that_it_was() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    world.keep_alive(1, &eid);
    // The same callSignalAddress, without its endpointIdentifier: what was published holds no more.
    let out = world.octets(ras(1), &full(50, 1, "alice").encode().unwrap());
    assert_eq!(withdrawn(&out).len(), 1);
    assert_eq!(granted_identifier(&sent(&out)[0].1), eid);
    assert!(events(&out).is_empty());
    // Its endpointIdentifier, other addresses and aliases.
    let moved = Rrq {
        endpoint_identifier: Some(eid.clone()),
        call_signal_addresses: vec![SocketAddr::from(([192, 0, 2, 1], 5555))],
        ..full(51, 1, "bob")
    };
    let out = world.octets(ras(1), &moved.encode().unwrap());
    assert_eq!(granted_identifier(&sent(&out)[0].1), eid);
    assert_eq!(world.only().aliases, ["bob"]);
    assert_eq!(events(&out).len(), 1);
}

#[test]
fn an_endpoint_identifier_of_another_gatekeeper_is_granted() {
    let mut world = World::new();
    let rrq = Rrq {
        endpoint_identifier: Some("0001_ep".into()),
        ..full(5, 1, "alice")
    };
    let granted = |world: &mut World, from, rrq: &Rrq| {
        let rcf = world.rcf(from, rrq);
        from_bmp(&rcf.endpoint_identifier)
    };
    assert_eq!(granted(&mut world, ras(1), &rrq), "0001_ep");
    // Not to two.
    let second = Rrq {
        endpoint_identifier: Some("0001_ep".into()),
        ..full(6, 2, "bob")
    };
    assert_ne!(granted(&mut world, ras(2), &second), "0001_ep");
}

#[test]
fn a_retransmission_gets_the_same_octets() {
    let mut world = World::new();
    let rrq = full(5, 1, "alice").encode().unwrap();
    let first = world.octets(ras(1), &rrq);
    world.pass(3 * SECOND);
    let second = world.octets(ras(1), &rrq);
    assert_eq!(second.len(), 1);
    assert_eq!(first[0], second[0]);
    assert_eq!(world.registrar.stats().repeated, 1);
    assert_eq!(world.registrar.stats().full, 1);
}

#[test]
fn leaving_and_being_unknown() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    assert_eq!(world.urq(2, &eid).kind().name(), "URJ");
    let urq = Urq {
        seq: 60,
        endpoint_identifier: Some(eid.clone()),
        ..Urq::default()
    };
    let out = world.message(ras(1), &urq.message().unwrap());
    assert_eq!(kinds(&out), ["UCF"]);
    assert_eq!(forgotten(&out).len(), 1);
    let why = |event: &Event| {
        matches!(
            event,
            Event::Unregistered {
                why: Ended::Left,
                ..
            }
        )
    };
    assert!(events(&out).iter().any(why));
    assert_eq!(world.urq(1, &eid).kind().name(), "URJ");
}

#[test]
fn giving_up_some_aliases() {
    let mut world = World::new();
    let rrq = Rrq {
        aliases: vec!["alice".into(), "100".into()],
        ..full(5, 1, "")
    };
    world.rcf(ras(1), &rrq);
    let some = |seq, aliases: &[&str]| Urq {
        seq,
        call_signal_addresses: vec![signalling(1)],
        aliases: aliases.iter().map(|one| (*one).to_owned()).collect(),
        ..Urq::default()
    };
    let out = world.message(ras(1), &some(6, &["100"]).message().unwrap());
    assert_eq!(kinds(&out), ["UCF"]);
    assert_eq!(world.only().aliases, ["alice"]);
    // What is kept across restarts says so, too.
    let RasMessage::RegistrationRequest(kept) = decode_ras(&stored(&out)[0].full).unwrap() else {
        panic!()
    };
    assert_eq!(kept.terminal_alias.unwrap().len(), 1);
    world.register(2, "100");
    world.message(ras(1), &some(7, &["alice"]).message().unwrap());
    assert_eq!(world.only().aliases, ["100"]);
}

#[test]
fn a_full_zone_names_its_alternates() {
    let mut limited = profile();
    limited.limits.registrations = 1;
    let mut world = World::with(limited);
    let eid = world.register(1, "alice");
    let RasMessage::RegistrationReject(rrj) =
        world.asked(ras(2), &full(5, 2, "bob").message().unwrap())
    else {
        panic!()
    };
    assert_eq!(
        rrj.reject_reason,
        RegistrationRejectReason::ResourceUnavailable
    );
    assert!(rrj.alt_gk_info.is_some());
    // One that is registered may register.
    world.rcf(ras(1), &full(6, 1, "alice"));
    world.urq(1, &eid);
    world.rcf(ras(2), &full(7, 2, "bob"));
}

#[test]
fn overload_puts_full_registrations_off() {
    let mut world = World::new();
    let eid = world.register(1, "alice");
    world.input(Input::Overload(Some(2 * SECOND)));
    let rrq = full(9, 2, "bob").encode().unwrap();
    for _ in 0..2 {
        let out = world.octets(ras(2), &rrq);
        let [(_, RasMessage::RequestInProgress(rip))] = &sent(&out)[..] else {
            panic!("{out:?}")
        };
        assert_eq!((rip.request_seq_num, rip.delay), (9, 2000));
    }
    assert_eq!(kinds(&world.keep_alive(1, &eid)), ["RCF"]);
    world.input(Input::Overload(None));
    assert_eq!(kinds(&world.octets(ras(2), &rrq)), ["RCF"]);
    assert_eq!(world.registrar.stats().put_off, 2);
}
