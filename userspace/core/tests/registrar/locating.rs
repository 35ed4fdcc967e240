//! LRQ, to neighbours and of neighbours, and other zones.

use std::net::SocketAddr;

use rasline_core::profile::{CallModel, Neighbour};
use rasline_core::registrar::{Destination, Input, Output, Settings};
use rasline_h225::messages;
use rasline_h225::text::{from_alias, to_transport};
use rasline_h225::types::{
    LocationConfirm, LocationReject, LocationRejectReason, LocationRequest, RasMessage,
};

use crate::registrar::calls::*;
use crate::registrar::world::*;

fn neighbour(n: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, n], 1719))
}

/// Neighbour 1 is asked for 49, and answered; 2 for 49, too; 3 for everything.
fn world() -> World {
    let mut profile = profile();
    profile.neighbours = (1..=3)
        .map(|n| Neighbour {
            id: format!("n{n}"),
            address: neighbour(n),
            prefixes: if n < 3 { vec!["49".into()] } else { vec![] },
            answered: n == 1,
        })
        .collect();
    World::with(profile)
}

fn destination(n: u8) -> Destination {
    Destination {
        call_signal_address: SocketAddr::from(([203, 0, 113, n], 1720)),
        ras_address: neighbour(n),
        aliases: vec![],
    }
}

fn lcf(seq: u16, n: u8) -> RasMessage {
    let found = destination(n);
    let signalled = to_transport(found.call_signal_address);
    RasMessage::LocationConfirm(LocationConfirm::new(
        seq,
        signalled,
        to_transport(neighbour(n)),
    ))
}

fn lrj(seq: u16) -> RasMessage {
    let why = LocationRejectReason::NotRegistered;
    RasMessage::LocationReject(LocationReject::new(seq, why))
}

/// The ticket and the numbers of a Locate.
fn locate(out: &[Output]) -> Option<(u64, Vec<String>)> {
    out.iter().find_map(|one| match one {
        Output::Locate {
            ticket,
            destination,
        } => Some((*ticket, destination.clone())),
        _ => None,
    })
}

/// Asks for admission, gives what was sent.
fn ask(world: &mut World, seq: u16, eid: &str, to: &str) -> Vec<Output> {
    let message = RasMessage::AdmissionRequest(arq(seq, eid, 1, &[to]));
    world.message(ras(1), &message)
}

fn lrqs(out: &[Output]) -> Vec<(SocketAddr, LocationRequest)> {
    let all = sent(out).into_iter();
    all.filter_map(|(to, message)| match message {
        RasMessage::LocationRequest(lrq) => Some((to, lrq)),
        _ => None,
    })
    .collect()
}

#[test]
fn neighbours_whose_prefix_fits_are_asked_and_the_first_counts() {
    let mut world = world();
    let alice = world.register(1, "alice");
    let out = ask(&mut world, 1, &alice, "4930");
    let asked = lrqs(&out);
    assert_eq!(
        (asked.len(), asked[0].0, asked[1].0),
        (2, neighbour(1), neighbour(2))
    );
    let numbers: Vec<_> = asked[0]
        .1
        .destination_info
        .iter()
        .filter_map(from_alias)
        .collect();
    assert_eq!(
        (numbers, asked[0].1.hop_count),
        (vec!["4930".to_owned()], Some(7))
    );
    assert_eq!(asked[0].1.reply_address, to_transport(GATEKEEPER));
    // It takes long: the endpoint is told, and again when it asks again.
    assert_eq!(kinds(&world.pass(2 * SECOND)), ["RIP"]);
    assert_eq!(kinds(&ask(&mut world, 1, &alice, "4930")), ["RIP"]);
    let out = world.message(neighbour(2), &lcf(asked[1].1.request_seq_num, 2));
    let all = sent(&out);
    let RasMessage::AdmissionConfirm(acf) = &all[0].1 else {
        panic!("{out:?}")
    };
    assert_eq!((all[0].0, acf.request_seq_num), (ras(1), 1));
    assert_eq!(
        acf.dest_call_signal_address,
        to_transport(destination(2).call_signal_address)
    );
    // A late one is nothing; the ARQ again is answered as before.
    assert!(
        world
            .message(neighbour(1), &lcf(asked[0].1.request_seq_num, 1))
            .is_empty()
    );
    assert_eq!(sent(&ask(&mut world, 1, &alice, "4930")), all);
    assert_eq!(world.registrar.held()[1..], [0, 0]);
    assert_eq!((world.calls(), world.registrar.stats().located), (1, 1));
}

#[test]
fn only_who_was_asked_may_say() {
    let mut world = world();
    let alice = world.register(1, "alice");
    let out = ask(&mut world, 1, &alice, "4930");
    let seq = lrqs(&out)[0].1.request_seq_num;
    assert!(world.message(neighbour(9), &lcf(seq, 9)).is_empty());
    assert_eq!(world.registrar.held()[2], 1);
}

#[test]
fn then_other_zones_then_those_who_are_asked_for_everything() {
    let mut world = world();
    let alice = world.register(1, "alice");
    let asked = lrqs(&ask(&mut world, 1, &alice, "4930"));
    assert!(
        world
            .message(neighbour(1), &lrj(asked[0].1.request_seq_num))
            .is_empty()
    );
    let out = world.message(neighbour(2), &lrj(asked[1].1.request_seq_num));
    let (ticket, numbers) = locate(&out).unwrap();
    assert_eq!(numbers, ["4930"]);
    let out = world.input(Input::Located {
        ticket,
        found: None,
    });
    let general = lrqs(&out);
    assert_eq!((general.len(), general[0].0), (1, neighbour(3)));
    let out = world.message(neighbour(3), &lrj(general[0].1.request_seq_num));
    let RasMessage::AdmissionReject(arj) = &sent(&out)[0].1 else {
        panic!("{out:?}")
    };
    assert_eq!(
        format!("{:?}", arj.reject_reason),
        "CalledPartyNotRegistered"
    );
    assert_eq!(world.registrar.held()[1..], [0, 0]);
}

#[test]
fn another_zone_knows() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    let (ticket, _) = locate(&ask(&mut world, 1, &alice, "bob")).unwrap();
    let found = Some(destination(7));
    let out = world.input(Input::Located { ticket, found });
    let RasMessage::AdmissionConfirm(acf) = &sent(&out)[0].1 else {
        panic!("{out:?}")
    };
    assert_eq!(
        acf.dest_call_signal_address,
        to_transport(destination(7).call_signal_address)
    );
    // Twice is nothing.
    let found = Some(destination(7));
    assert!(world.input(Input::Located { ticket, found }).is_empty());
}

#[test]
fn nobody_answers() {
    let mut world = world();
    let alice = world.register(1, "alice");
    ask(&mut world, 1, &alice, "4930");
    let out = world.pass(15 * SECOND);
    assert_eq!(lrqs(&out).len(), 4);
    assert!(locate(&out).is_some());
    // Nor the zones, nor the last one.
    let out = world.pass(20 * SECOND);
    assert_eq!(lrqs(&out).len(), 3);
    assert_eq!(*kinds(&out).last().unwrap(), "ARJ");
    // A RIP of a neighbour: it needs longer.
    let mut world = self::world();
    let alice = world.register(1, "alice");
    let asked = lrqs(&ask(&mut world, 1, &alice, "4930"));
    for (from, lrq) in &asked {
        world.message(*from, &messages::rip(lrq.request_seq_num, 20_000));
    }
    assert!(lrqs(&world.pass(19 * SECOND)).is_empty());
}

#[test]
fn a_caller_who_leaves_meanwhile_is_not_admitted() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    let (ticket, _) = locate(&ask(&mut world, 1, &alice, "bob")).unwrap();
    world.urq(1, &alice);
    let found = Some(destination(7));
    let out = world.input(Input::Located { ticket, found });
    assert_eq!((kinds(&out), world.calls()), (vec!["ARJ"], 0));
}

fn lrq(seq: u16, to: &str, hops: Option<u8>) -> RasMessage {
    let mut lrq = LocationRequest::new(seq, to_transport(neighbour(1)));
    lrq.destination_info = vec![messages::alias(to).unwrap()].into();
    lrq.hop_count = hops;
    RasMessage::LocationRequest(lrq)
}

#[test]
fn neighbours_are_answered_if_they_may_be() {
    let mut world = world();
    world.register(2, "bob");
    let RasMessage::LocationConfirm(lcf) = world.asked(neighbour(1), &lrq(1, "bob", None)) else {
        panic!()
    };
    assert_eq!(lcf.call_signal_address, to_transport(signalling(2)));
    assert_eq!(lcf.ras_address, to_transport(ras(2)));
    let mut reason = |from, message: &RasMessage| match world.asked(from, message) {
        RasMessage::LocationReject(lrj) => format!("{:?}", lrj.reject_reason),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(neighbour(2), &lrq(2, "bob", None)), "RequestDenied");
    assert_eq!(
        reason(neighbour(1), &lrq(3, "nobody", None)),
        "NotRegistered"
    );
    assert_eq!(
        reason(neighbour(1), &lrq(4, "nobody", Some(1))),
        "HopCountExceeded"
    );
}

#[test]
fn an_lrq_goes_on_with_a_hop_less_and_not_back() {
    let mut world = world();
    let out = world.message(neighbour(1), &lrq(1, "4930", Some(3)));
    let asked = lrqs(&out);
    assert_eq!(
        (asked.len(), asked[0].0, asked[0].1.hop_count),
        (1, neighbour(2), Some(2))
    );
    let out = world.message(neighbour(2), &lcf(asked[0].1.request_seq_num, 2));
    let all = sent(&out);
    assert_eq!((all[0].0, all[0].1.kind().name()), (neighbour(1), "LCF"));
}

#[test]
fn answers_go_to_the_reply_address_of_the_same_host_only() {
    let mut world = world();
    world.register(2, "bob");
    let port = SocketAddr::new(neighbour(1).ip(), 5000);
    let out = world.message(port, &lrq(1, "bob", None));
    assert_eq!(sent(&out)[0].0, neighbour(1));
    let mut elsewhere = LocationRequest::new(2, to_transport(neighbour(9)));
    elsewhere.destination_info = vec![messages::alias("bob").unwrap()].into();
    let out = world.message(port, &RasMessage::LocationRequest(elsewhere));
    assert_eq!(sent(&out)[0].0, port);
}

#[test]
fn a_zone_that_routes_says_so_to_others() {
    let mut profile = profile();
    let router = SocketAddr::from(([198, 51, 100, 1], 1721));
    profile.call_model = CallModel::GatekeeperRouted(router);
    let mut world = World::with(profile);
    world.register(2, "bob");
    let found = world.registrar.locate(&["bob".to_owned()]).unwrap();
    assert_eq!(found.call_signal_address, router);
    assert_eq!(world.registrar.locate(&["carol".to_owned()]), None);
}

#[test]
fn searches_are_bounded() {
    let mut world = World::new();
    let alice = world.register(1, "alice");
    let mut answered = 0;
    for seq in 1..=1100 {
        let out = ask(&mut world, seq, &alice, "bob");
        answered += sent(&out).len();
    }
    assert_eq!((answered, world.registrar.held()[2]), (100, 1000));
    world.pass(10 * SECOND);
    assert_eq!(world.registrar.held()[2], 0);
}

#[test]
fn neighbours_are_asked_from_an_address_that_their_answers_reach() {
    let (here, here_v6) = (
        SocketAddr::from(([192, 0, 2, 254], 1719)),
        "[2001:db8::fe]:1719".parse().unwrap(),
    );
    let abroad_v6: SocketAddr = "[2001:db8:1::1]:1719".parse().unwrap();
    // What is this machine's, and where neighbours of both families are asked from.
    for (all, expected) in [
        (vec![], (GATEKEEPER, GATEKEEPER)),
        (vec![here, GATEKEEPER], (GATEKEEPER, GATEKEEPER)),
        (vec![here, here_v6], (here, here_v6)),
    ] {
        let mut profile = profile();
        profile.neighbours = [neighbour(1), abroad_v6]
            .map(|address| Neighbour {
                id: address.to_string(),
                address,
                prefixes: vec!["49".into()],
                answered: false,
            })
            .into();
        let mut world = World::of(Settings {
            here: all,
            ..settings(profile)
        });
        let alice = world.register(1, "alice");
        let out = ask(&mut world, 1, &alice, "4930");
        let from = |to: SocketAddr| {
            let sent = out.iter().find_map(|one| match one {
                Output::Send { from, to: sent, .. } if *sent == to => Some(*from),
                _ => None,
            });
            sent.unwrap()
        };
        assert_eq!((from(neighbour(1)), from(abroad_v6)), expected);
        for (to, lrq) in lrqs(&out) {
            assert_eq!(lrq.reply_address, to_transport(from(to)));
        }
    }
}
