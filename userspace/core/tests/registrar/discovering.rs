//! GRQ.

use std::net::SocketAddr;

use rasline_core::profile::Authentication;
use rasline_core::registrar::{Input, Output};
use rasline_h225::messages::Grq;
use rasline_h225::security::Mechanism;
use rasline_h225::text::{from_bmp, to_transport};
use rasline_h225::types::{GatekeeperRejectReason, RasMessage};

use crate::registrar::world::*;

fn reason(message: RasMessage) -> GatekeeperRejectReason {
    match message {
        RasMessage::GatekeeperReject(grj) => grj.reject_reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_asks_for_any_or_for_this_one_is_confirmed() {
    let mut world = World::new();
    for id in [None, Some("gk1".to_owned())] {
        let grq = Grq {
            gatekeeper_identifier: id,
            ..Grq::new(world.next_seq(), ras(1))
        };
        let RasMessage::GatekeeperConfirm(gcf) = world.asked(ras(1), &grq.message().unwrap())
        else {
            panic!()
        };
        assert_eq!(
            gcf.gatekeeper_identifier.as_ref().map(from_bmp).as_deref(),
            Some("gk1")
        );
        assert_eq!(gcf.ras_address, to_transport(GATEKEEPER));
        assert_eq!(gcf.alternate_gatekeeper.unwrap().len(), 1);
        assert_eq!(gcf.algorithm_oid, None);
    }
}

#[test]
fn who_asks_for_another_is_rejected_if_asked_alone() {
    let mut world = World::new();
    let grq = Grq {
        gatekeeper_identifier: Some("gk9".into()),
        ..Grq::new(1, ras(1))
    };
    let message = grq.message().unwrap();
    let why = reason(world.asked(ras(1), &message));
    assert_eq!(why, GatekeeperRejectReason::TerminalExcluded);
}

const GROUP: SocketAddr = rasline_core::agent::MULTICAST;

/// To the group.
fn called_out(world: &mut World, payload: &[u8]) -> Vec<Output> {
    let (from, to) = (ras(1), GROUP);
    world.input(Input::Message { from, to, payload })
}

#[test]
fn to_a_multicast_only_a_confirm_is_an_answer_and_it_comes_from_the_own_address() {
    let mut world = World::new();
    let payload = Grq::new(1, ras(1)).encode().unwrap();
    for _ in 0..2 {
        let out = called_out(&mut world, &payload);
        let [Output::Send { from, to, payload }] = out.as_slice() else {
            panic!("{out:?}")
        };
        assert_eq!((*from, *to), (GATEKEEPER, ras(1)));
        let RasMessage::GatekeeperConfirm(gcf) = rasline_h225::decode_ras(payload).unwrap() else {
            panic!()
        };
        assert_eq!(gcf.ras_address, to_transport(GATEKEEPER));
    }
    let another = Grq {
        gatekeeper_identifier: Some("gk9".into()),
        ..Grq::new(2, ras(1))
    };
    let another = another.encode().unwrap();
    assert!(called_out(&mut world, &another).is_empty());
    // Asked alone it says no, and does not repeat that to the group.
    let alone = world.octets(ras(1), &another);
    assert_eq!(sent(&alone)[0].1.kind().name(), "GRJ");
    assert!(called_out(&mut world, &another).is_empty());
    // No other request, and nothing that cannot be read.
    let full = full(3, 1, "alice").encode().unwrap();
    assert!(called_out(&mut world, &full).is_empty());
    assert!(called_out(&mut world, &payload[..payload.len() / 2]).is_empty());
    assert_eq!(world.registrar.stats().ignored, 4);
}

#[test]
fn nobody_answers_a_multicast_without_an_address_of_its_family() {
    let mut settings = settings(profile());
    settings.ras_addresses = vec![SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, 1], 1719))];
    let mut world = World::new();
    world.registrar = rasline_core::registrar::Registrar::new(settings, world.now);
    let payload = Grq::new(1, ras(1)).encode().unwrap();
    assert!(called_out(&mut world, &payload).is_empty());
}

#[test]
fn the_answer_goes_to_ras_address_on_the_same_host() {
    let mut world = World::new();
    let port = SocketAddr::new(ras(1).ip(), 40_000);
    let out = world.message(port, &Grq::new(1, ras(1)).message().unwrap());
    assert_eq!(sent(&out)[0].0, ras(1));
    let out = world.message(port, &Grq::new(2, ras(9)).message().unwrap());
    assert_eq!(sent(&out)[0].0, port);
}

#[test]
fn strangers_where_none_are_admitted() {
    let mut closed = profile();
    closed.admit_unknown = false;
    closed.endpoints = vec![known(&["alice"])];
    let mut world = World::with(closed);
    let mut asks = |seq, aliases: &[&str]| {
        let grq = Grq {
            aliases: aliases.iter().map(|one| (*one).to_owned()).collect(),
            ..Grq::new(seq, ras(1))
        };
        world.asked(ras(1), &grq.message().unwrap()).kind().name()
    };
    assert_eq!(
        [asks(1, &["bob"]), asks(2, &["alice"]), asks(3, &[])],
        ["GRJ", "GCF", "GCF"]
    );
}

#[test]
fn how_to_prove_who_one_is() {
    let mut secured = profile();
    secured.authentication = Authentication::HmacSha1;
    let mut world = World::with(secured);
    let grq = |seq, offers: Option<Mechanism>| {
        let RasMessage::GatekeeperRequest(mut grq) = Grq::new(seq, ras(1)).message().unwrap()
        else {
            panic!()
        };
        grq.algorithm_oids = offers.map(|one| vec![one.algorithm()].into());
        RasMessage::GatekeeperRequest(grq)
    };
    for (seq, offers) in [(1, None), (2, Some(Mechanism::HmacSha1))] {
        let RasMessage::GatekeeperConfirm(gcf) = world.asked(ras(1), &grq(seq, offers)) else {
            panic!()
        };
        assert_eq!(gcf.algorithm_oid, Some(Mechanism::HmacSha1.algorithm()));
    }
    let why = reason(world.asked(ras(1), &grq(3, Some(Mechanism::Md5))));
    assert_eq!(why, GatekeeperRejectReason::SecurityDenial);
}
