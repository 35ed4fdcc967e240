//! Zones that lose their gatekeepers, and get them back.

use rasline_core::backup::{Event, Input, Output, Phase, Why};
use rasline_core::profile::KnownEndpoint;
use rasline_core::registrar;
use rasline_h225::messages::Grq;
use rasline_h225::text::from_bmp;
use rasline_h225::types::RegistrationRejectReason;
use rasline_h225::{RasKind, RasMessage};

use crate::backup::world::*;

const GONE: [u32; 3] = [3, 11, 19];

#[test]
fn exactly_the_zones_that_lost_their_gatekeepers_are_served() {
    let mut world = World::with(20, 5);
    assert!(world.running().is_empty());
    for zone in GONE {
        world.serve(zone, true);
    }
    assert_eq!(world.running(), GONE);
    for zone in 0..20 {
        let grq = Grq::new(1, ras(zone, 1)).encode().unwrap();
        let answers = world.ask(zone, ras(zone, 1), &grq);
        if GONE.contains(&zone) {
            let [RasMessage::GatekeeperConfirm(gcf)] = &answers[..] else {
                panic!("{answers:?}");
            };
            let identifier = gcf.gatekeeper_identifier.as_ref().map(from_bmp);
            assert_eq!(identifier, Some(format!("gk{zone}")));
        } else {
            assert_eq!(answers, [], "{zone}");
        }
    }
    assert_eq!(world.unit.stats().not_served, 17);
    for zone in GONE {
        let caller = world.register(zone, 1);
        world.register(zone, 2);
        let to = Admission::Called(signal(zone, 2));
        assert_eq!(world.call(zone, 1, &caller, "1002"), to);
    }
    assert_eq!((world.kernel.len(), world.store.len()), (6, 6));
    let started = |event: &Event| match event {
        Event::Started { zone, known, .. } => Some((*zone, *known)),
        _ => None,
    };
    let started: Vec<_> = world.events.iter().filter_map(started).collect();
    assert_eq!(started, GONE.map(|zone| (zone, 5)));
}

#[test]
fn a_zone_that_returns_is_let_go_and_the_others_are_not() {
    let mut world = World::with(20, 5);
    for zone in GONE {
        world.serve(zone, true);
        world.register(zone, 1);
        world.register(zone, 2);
    }
    let out = world.serve(11, false);
    // Nothing is sent: endpoints find out by themselves.
    assert_eq!(sent(&out), []);
    let of = |what: fn(&registrar::Output) -> bool| {
        let outputs = out.iter().filter(|output| match output {
            Output::Zone { zone, output } => *zone == 11 && what(output),
            Output::Event(_) => false,
        });
        outputs.count()
    };
    assert_eq!(of(|o| matches!(o, registrar::Output::Withdraw { .. })), 2);
    assert_eq!(of(|o| matches!(o, registrar::Output::Forget { .. })), 2);
    let retired = Event::Retired {
        zone: 11,
        why: Why::Returned,
        registrations: 2,
    };
    assert_eq!(world.events.last(), Some(&retired));
    assert_eq!(out.len(), 5);
    assert_eq!(world.running(), [3, 19]);
    assert!(world.kernel.keys().all(|(zone, _)| *zone != 11));
    assert_eq!(world.kernel.len(), 4);
    let rrq = full(11, 1, 99).encode().unwrap();
    assert_eq!(world.ask(11, ras(11, 1), &rrq), []);
    // Gone again: nobody is registered, and what was given before is not given again.
    let before = world.register(3, 3);
    world.serve(11, true);
    let rrq = keep_alive(11, 1, 7, "unknown_eid");
    let answers = world.ask(11, ras(11, 1), &rrq);
    let [RasMessage::RegistrationReject(rrj)] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(
        rrj.reject_reason,
        RegistrationRejectReason::FullRegistrationRequired
    );
    assert_ne!(world.register(11, 3), before);
}

#[test]
fn identifiers_of_an_earlier_outage_are_not_given_to_others() {
    let mut world = World::with(1, 5);
    world.serve(0, true);
    let first: Vec<String> = (1..=5).map(|n| world.register(0, n)).collect();
    world.serve(0, false);
    world.serve(0, true);
    for n in (1..=5).rev() {
        let again = world.register(0, n);
        let before = first.iter().position(|eid| *eid == again);
        assert!(before.is_none_or(|at| at + 1 == usize::from(n)), "{again}");
    }
}

#[test]
fn numbers_of_an_earlier_outage_are_not_used_again() {
    let mut world = World::with(1, 5);
    let mut numbers = std::collections::BTreeSet::new();
    for _ in 0..3 {
        world.serve(0, true);
        for n in 1..=3 {
            world.register(0, n);
        }
        for (_, id) in world.kernel.keys() {
            assert!(numbers.insert(*id), "{id:?}");
        }
        world.serve(0, false);
    }
    assert_eq!(numbers.len(), 9);
}

#[test]
fn a_known_keep_alive_is_confirmed_at_once_with_its_identifier() {
    let mut world = World::with(1, 2);
    let known = &mut world.profiles.get_mut(&0).unwrap().endpoints[0];
    known.endpoint_identifier = Some("0815_own".into());
    world.commit();
    world.serve(0, true);
    assert_eq!(world.keeps_alive(0, 1, "0815_own"), "0815_own");
    assert_eq!(world.kernel.len(), 1);
    let offer = world.kernel.values().next().unwrap();
    assert_eq!((offer.endpoint, offer.seen_as), (ras(0, 1), gatekeeper(0)));
    // It is registered: others reach it.
    let caller = world.register(0, 2);
    let to = Admission::Called(signal(0, 1));
    assert_eq!(world.call(0, 2, &caller, "1001"), to);
    // Another one does not get in by it.
    let rrq = keep_alive(0, 2, 70, "0815_own");
    let answers = world.ask(0, ras(0, 9), &rrq);
    assert_eq!(answers[0].kind(), RasKind::RegistrationReject);
}

#[test]
fn always_means_without_an_outage() {
    let mut world = World::with(3, 2);
    let mut zones: Vec<_> = (0..3).map(settings).collect();
    zones[1].always = true;
    world.feed(Input::Zones(zones));
    assert_eq!(world.running(), [1]);
    world.register(1, 1);
    world.serve(1, true);
    world.serve(1, false);
    assert_eq!(world.running(), [1]);
    assert_eq!(world.kernel.len(), 1);
    // Not always any more.
    world.feed(Input::Zones((0..3).map(settings).collect()));
    assert!(world.running().is_empty());
    assert_eq!(world.kernel.len(), 0);
}

#[test]
fn each_module_has_its_own_clock() {
    let mut world = World::with(5, 2);
    for zone in [1, 2, 4] {
        world.serve(zone, true);
        world.register(zone, 1);
        world.pass(10 * SECOND);
    }
    let mut asked = Vec::new();
    for _ in 0..1000 {
        let Some(due) = world.unit.next_due() else {
            break;
        };
        world.now = world.now.max(due);
        let out = world.feed(Input::Due);
        asked.extend(out.iter().filter_map(|output| match output {
            Output::Zone {
                zone,
                output: registrar::Output::Event(registrar::Event::Unregistered { .. }),
            } => Some(*zone),
            _ => None,
        }));
    }
    // Nobody was heard of again: each expired, once.
    asked.sort_unstable();
    assert_eq!(asked, [1, 2, 4]);
    assert_eq!((world.kernel.len(), world.store.len()), (0, 0));
}

#[test]
fn a_large_profile_is_served() {
    let mut world = World::with(1, 0);
    let endpoints = (0..10_000_u16).map(|n| KnownEndpoint {
        aliases: vec![format!("2{n:05}"), format!("big{n}")],
        call_signal_address: Some(signal(0, n)),
        ras_address: Some(ras(0, n)),
        endpoint_identifier: Some(format!("{n}_own")),
        ..KnownEndpoint::default()
    });
    world.profiles.get_mut(&0).unwrap().endpoints = endpoints.collect();
    world.commit();
    world.serve(0, true);
    assert_eq!(world.phase(0), Phase::Running);
    for n in (0..10_000).step_by(100) {
        let eid = format!("{n}_own");
        assert_eq!(world.keeps_alive(0, n, &eid), eid);
    }
    assert_eq!(world.kernel.len(), 100);
    let view = world.unit.view(0).unwrap();
    assert_eq!(
        (view.known, view.stats.unwrap().registrations),
        (10_000, 100)
    );
}

#[test]
fn octets_that_are_no_message_harm_nothing() {
    let mut world = World::with(2, 2);
    world.serve(0, true);
    world.register(0, 1);
    let valid = full(0, 2, 900).encode().unwrap();
    for length in 0..valid.len() {
        world.ask(0, ras(0, 2), &valid[..length]);
    }
    for octet in 0..=255 {
        world.ask(0, ras(0, 2), &[octet; 40]);
        world.ask(0, ras(0, 2), &[octet]);
    }
    assert!(world.unit.view(0).unwrap().stats.unwrap().malformed > 0);
    assert_eq!(world.ask(1, ras(1, 1), &valid), []);
    world.feed(Input::Message {
        zone: 77,
        from: ras(0, 1),
        to: gatekeeper(0),
        payload: &valid,
    });
    let stats = world.unit.stats();
    assert_eq!((stats.unknown_zone, stats.not_served), (1, 1));
    assert_eq!(world.kernel.len(), 1);
}
