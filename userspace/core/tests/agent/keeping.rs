//! Keep-alives, what ends a registration, and what gatekeepers ask.

use std::time::Duration;

use rasline_core::Time;
use rasline_core::agent::{Config, EventKind, Input, Remembered};
use rasline_h225::messages::{Rcf, Rrj, Urq};
use rasline_h225::types::{
    InfoRequest, RegistrationRejectReason as Why, ServiceControlIndication, UnregRequestReason,
};
use rasline_h225::{RasMessage, messages, text};

use crate::agent::world::{ME, SECOND, World, alternate, config, gk, ms, rcf, urq};

#[test]
fn keep_alives_come_in_time_and_not_in_step() {
    let mut gaps = vec![];
    for seed in 1..=20 {
        let mut world = World::registered(Config {
            seed,
            ..config(&[1])
        });
        for _ in 0..5 {
            let confirmed = Time(world.view().confirmed_ns.unwrap());
            next_keep_alive(&mut world);
            gaps.push(world.last().at.since(confirmed));
            let seq = world.last().seq();
            world.confirm(1, seq);
            world.forget();
        }
        assert_eq!(world.view().keep_alives, 5);
    }
    gaps.sort_unstable();
    gaps.dedup();
    assert!(gaps.len() > 50 && gaps[0] >= 187 * SECOND);
    assert!(gaps.iter().all(|gap| *gap <= 225 * SECOND));
}

fn next_keep_alive(world: &mut World) {
    while world.sent.is_empty() {
        world.now = world.agents.next_due().unwrap();
        world.input(Input::Due);
    }
    assert_eq!(world.last().word(), "rrq");
}

#[test]
fn a_silent_gatekeeper_is_left_after_three_tries() {
    let mut world = World::registered(config(&[1, 2]));
    world.run(300 * SECOND);
    let alive: Vec<_> = world.sent.iter().take(3).collect();
    assert!(
        alive
            .iter()
            .all(|one| one.raw == alive[0].raw && one.to == gk(1))
    );
    assert_eq!((world.sent[3].word(), world.sent[3].to), ("rrq", gk(2)));
    assert!(
        world
            .events
            .contains(&EventKind::Silent { gatekeeper: gk(1) })
    );
}

#[test]
fn short_times_to_live_leave_time_for_all_tries() {
    let mut world = World::new(config(&[1, 2]));
    world.answer(|seq| Rcf {
        time_to_live: Some(10),
        ..rcf(seq, 1)
    });
    let registered = world.now;
    world.forget();
    world.run(10 * SECOND);
    let tries = world.sent.iter().take_while(|one| one.to == gk(1));
    assert_eq!(tries.count(), 3);
    assert!(world.sent[3].at.since(registered) <= 10 * SECOND);
}

#[test]
fn without_time_to_live_there_are_no_keep_alives() {
    let mut world = World::new(config(&[1]));
    world.answer(|seq| Rcf {
        time_to_live: None,
        ..rcf(seq, 1)
    });
    world.forget();
    world.run(Duration::from_hours(10));
    assert_eq!(world.sent.len(), 0);
}

/// Registered, and its lightweight RRQ is under way.
fn refreshing(gatekeepers: &[u8]) -> (World, u16) {
    let mut world = World::registered(config(gatekeepers));
    next_keep_alive(&mut world);
    let seq = world.last().seq();
    world.sent.clear();
    (world, seq)
}

#[test]
fn full_registration_required_brings_it_at_once_to_the_same_one() {
    let (mut world, seq) = refreshing(&[2, 1]);
    world.reject(2, seq, Why::FullRegistrationRequired);
    assert_eq!(world.said(), [("RRQ", gk(2))]);
    assert_eq!(world.last().identity().as_deref(), Some("0001_ep"));
    let seq = world.last().seq();
    world.reject(2, seq, Why::FullRegistrationRequired);
    assert_eq!(world.said(), [("RRQ", gk(2)); 2]);
    assert_eq!(
        world.last().identity(),
        None,
        "perhaps it minds the identifier"
    );
    world.answer(|seq| rcf(seq, 2));
    assert_eq!(
        (world.state().as_str(), world.view().registrations),
        ("Registered", 2)
    );
    assert_eq!(world.connects.len(), 0, "the connection stays");
}

#[test]
fn reasons_of_a_rejected_keep_alive() {
    for (why, word, to) in [
        (Why::DiscoveryRequired, "GRQ", gk(1)),
        (Why::FullRegistrationRequired, "RRQ", gk(1)),
        (Why::ResourceUnavailable, "rrq", gk(2)),
        (Why::DuplicateAlias(vec![].into()), "RRQ", gk(2)),
        (Why::SecurityDenial, "RRQ", gk(2)),
        (Why::InvalidRasAddress, "RRQ", gk(2)),
    ] {
        let (mut world, seq) = refreshing(&[1, 2]);
        world.reject(1, seq, why.clone());
        assert_eq!(world.said(), [(word, to)], "{why:?}");
        assert_eq!(world.view().confirmed_ns, None, "it is not registered");
    }
}

#[test]
fn alternates_of_a_rejected_keep_alive() {
    let (mut world, seq) = refreshing(&[1, 2]);
    let rrj = Rrj {
        alternates: vec![alternate(5, 0)],
        ..Rrj::new(seq, Why::ResourceUnavailable)
    };
    world.say(gk(1), &rrj.encode().unwrap());
    assert_eq!(world.said(), [("rrq", gk(5))]);
}

#[test]
fn a_urq_is_confirmed_once_for_each_repetition_and_obeyed_once() {
    let mut world = World::registered(config(&[1, 2]));
    let message = urq(9, UnregRequestReason::TtlExpired).message().unwrap();
    world.unregister(1, &message);
    world.tell(gk(1), &message);
    assert_eq!(
        world.said(),
        [
            ("rrq", gk(1)),
            ("UCF", gk(1)),
            ("RRQ", gk(1)),
            ("UCF", gk(1))
        ]
    );
    let seq = world.sent[2].seq();
    world.confirm(1, seq);
    world.tell(gk(1), &message);
    assert_eq!(
        (world.last().word(), world.state().as_str()),
        ("UCF", "Registered")
    );
    let told = world.events.iter();
    let told = told.filter(|event| matches!(event, EventKind::Unregistered { .. }));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_urq_for_another_one_is_refused() {
    let mut world = World::registered(config(&[1, 2]));
    let other = Urq {
        endpoint_identifier: Some("another".into()),
        ..urq(9, UnregRequestReason::TtlExpired)
    };
    world.tell(gk(1), &other.message().unwrap());
    world.tell(
        gk(2),
        &urq(9, UnregRequestReason::TtlExpired).message().unwrap(),
    );
    assert_eq!(world.said(), [("URJ", gk(1)), ("URJ", gk(2))]);
    world.tell(
        gk(3),
        &urq(9, UnregRequestReason::TtlExpired).message().unwrap(),
    );
    assert_eq!(
        (world.sent.len(), world.state().as_str()),
        (2, "Registered")
    );
}

#[test]
fn a_urq_names_where_to_go() {
    let mut world = World::registered(config(&[1]));
    let message = Urq {
        alternates: vec![alternate(4, 0)],
        ..urq(9, UnregRequestReason::Maintenance)
    };
    world.unregister(1, &message.message().unwrap());
    assert_eq!(
        world.said(),
        [("rrq", gk(1)), ("UCF", gk(1)), ("rrq", gk(4))]
    );
    assert_eq!(world.view().candidates, [gk(1), gk(4)]);
}

#[test]
fn a_gatekeeper_that_always_throws_it_out_is_not_flooded() {
    let mut world = World::registered(config(&[1]));
    let mut rrqs = 0;
    for step in 0..6000_u16 {
        for sent in std::mem::take(&mut world.sent) {
            if sent.word() == "RRQ" {
                rrqs += 1;
                world.confirm(1, sent.seq());
                let seq = 1 + step;
                world.unregister(
                    1,
                    &urq(seq, UnregRequestReason::UndefinedReason)
                        .message()
                        .unwrap(),
                );
            }
        }
        if step == 0 {
            world.unregister(
                1,
                &urq(60_000, UnregRequestReason::UndefinedReason)
                    .message()
                    .unwrap(),
            );
        }
        world.run(ms(10));
    }
    assert!((3..=10).contains(&rrqs), "{rrqs} in a minute");
}

#[test]
fn an_irq_gets_an_irr_where_it_wants_it() {
    let mut world = World::registered(config(&[1, 2]));
    let mut irq = InfoRequest::new(77, 0);
    world.tell(gk(1), &RasMessage::InfoRequest(irq.clone()));
    irq.reply_address = Some(text::to_transport(gk(9)));
    world.tell(gk(1), &RasMessage::InfoRequest(irq.clone()));
    world.tell(gk(2), &RasMessage::InfoRequest(irq));
    assert_eq!(world.said(), [("IRR", gk(1)), ("IRR", gk(9))]);
    let RasMessage::InfoRequestResponse(irr) = &world.last().message else {
        panic!("no IRR");
    };
    assert_eq!(
        (
            irr.request_seq_num,
            text::from_bmp(&irr.endpoint_identifier).as_str()
        ),
        (77, "0001_ep")
    );
    assert!(irr.per_call_info.is_none());
}

#[test]
fn other_requests_get_what_the_standard_says() {
    let mut world = World::registered(config(&[1]));
    world.tell(
        gk(1),
        &RasMessage::ServiceControlIndication(ServiceControlIndication::new(5)),
    );
    let rrq = messages::Rrq::full(6, gk(1), gk(1)).encode().unwrap();
    world.say(gk(1), &rrq);
    world.say(gk(3), &rrq);
    assert_eq!(world.said(), [("SCR", gk(1)), ("XRS", gk(1))]);
    // Cut short: it does not decode, but shows what it is.
    world.say(gk(1), &rrq[..20]);
    assert_eq!((world.last().word(), world.last().seq()), ("XRS", 6));
    world.say(gk(1), &world.sent[1].raw.clone());
    assert_eq!(world.sent.len(), 3, "an XRS is not answered");
}

#[test]
fn who_stops_or_goes_unregisters() {
    for stop in [true, false] {
        let mut world = World::registered(config(&[1]));
        world.input(if stop {
            Input::Stop
        } else {
            Input::Configure(vec![])
        });
        assert_eq!(world.said(), [("URQ", gk(1))]);
        assert_eq!(
            (world.state().as_str(), world.connections.len()),
            ("Leaving", 0)
        );
        assert_eq!(world.persisted.last().unwrap().endpoint_identifier, None);
        let seq = world.last().seq();
        if stop {
            world.tell(gk(1), &messages::ucf(seq));
        } else {
            world.run(6 * SECOND);
            assert_eq!(world.said(), [("URQ", gk(1)); 2]);
        }
        assert_eq!(
            (world.state().as_str(), world.agents.next_due()),
            ("gone", None)
        );
    }
}

#[test]
fn a_restart_asks_the_old_gatekeeper_whether_it_still_knows() {
    let remembered = Remembered {
        name: "site".into(),
        gatekeeper: Some(gk(3)),
        endpoint_identifier: Some("0001_ep".into()),
        alternates: vec![alternate(3, 0)],
    };
    let mut world = World::empty();
    world.input(Input::Configure(vec![config(&[1, 2])]));
    world.input(Input::Restore(remembered.clone()));
    world.run(Duration::ZERO);
    assert_eq!(world.said(), [("rrq", gk(3))]);
    assert_eq!(world.last().identity().as_deref(), Some("0001_ep"));
    let seq = world.last().seq();
    world.reject(3, seq, Why::FullRegistrationRequired);
    for n in [1, 2] {
        assert_eq!((world.last().word(), world.last().to), ("rrq", gk(n)));
        let seq = world.last().seq();
        world.reject(n, seq, Why::InvalidAlias);
    }
    assert_eq!((world.last().word(), world.last().to), ("RRQ", gk(3)));
    assert_eq!(world.last().identity().as_deref(), Some("0001_ep"));
    world.answer(|seq| rcf(seq, 3));
    assert_eq!(world.persisted.last(), None, "nothing is new");
}

#[test]
fn what_changes_brings_a_full_registration_at_the_same_gatekeeper() {
    let mut world = World::registered(config(&[2, 1]));
    world.input(Input::Configure(vec![config(&[2, 1])]));
    assert_eq!(world.sent.len(), 0);
    let mut more = config(&[1, 2]);
    more.devices.remove(0);
    world.input(Input::Configure(vec![more]));
    assert_eq!(world.said(), [("RRQ", gk(2))]);
    world.answer(|seq| rcf(seq, 2));
    world.input(Input::Configure(vec![Config {
        signalling: rasline_core::agent::Signalling::Off,
        ..config(&[1])
    }]));
    world.run(Duration::ZERO);
    assert_eq!(world.said()[1..], [("URQ", gk(2)), ("RRQ", gk(1))]);
    assert_eq!(world.connections.len(), 0);
}

#[test]
fn the_operator_wants_it_to_register() {
    let mut world = World::registered(config(&[2, 1]));
    world.input(Input::Reregister { agent: ME });
    assert_eq!(world.said(), [("RRQ", gk(2))]);
    assert_eq!(world.connections.len(), 1);
}
