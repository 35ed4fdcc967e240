//! Discovery and full registration.

use std::time::Duration;

use rasline_core::agent::{Discovery, EventKind, Input, Kind};
use rasline_h225::messages::{Gcf, Rcf, Rrj};
use rasline_h225::types::{
    GatekeeperReject, GatekeeperRejectReason, RegistrationRejectReason, SupportedProtocols,
};
use rasline_h225::view::Alternate;
use rasline_h225::{RasMessage, messages, text};

use crate::agent::world::{SECOND, World, alternate, calls, config, gcf, gk, ms, rcf};

const MULTICAST: ([u8; 4], u16) = ([224, 0, 1, 41], 1718);

#[test]
fn a_full_rrq_names_all_devices() {
    let world = World::new(config(&[1]));
    let rrq = world.last().rrq();
    assert_eq!(world.last().to, gk(1));
    assert_eq!((rrq.keep_alive, rrq.time_to_live), (Some(false), Some(300)));
    assert!(rrq.supports_alt_gk.is_some() && rrq.endpoint_identifier.is_none());
    let aliases = rrq.terminal_alias.iter().flatten();
    let aliases: Vec<_> = aliases.filter_map(text::from_alias).collect();
    assert_eq!(aliases, ["gw-a", "4711"]);
    let gateway = rrq.terminal_type.gateway.as_ref().unwrap();
    let Some([SupportedProtocols::Voice(voice)]) = gateway.protocol.as_deref() else {
        panic!("{gateway:?}");
    };
    let prefixes = voice.supported_prefixes.iter().flatten();
    let prefixes: Vec<_> = prefixes
        .filter_map(|one| text::from_alias(&one.prefix))
        .collect();
    assert_eq!(prefixes, ["30", "31"]);
    assert_eq!(world.state(), "Registering");
}

#[test]
fn a_terminal_is_one() {
    let world = World::new(rasline_core::agent::Config {
        kind: Kind::Terminal,
        ..config(&[1])
    });
    let kind = &world.last().rrq().terminal_type;
    assert!(kind.terminal.is_some() && kind.gateway.is_none());
}

#[test]
fn silence_three_times_and_the_next_one() {
    let mut world = World::new(config(&[1, 2]));
    world.run(ms(8_999));
    let raw: Vec<_> = world.sent.iter().map(|sent| sent.raw.clone()).collect();
    assert_eq!(raw.len(), 3);
    assert!(
        raw.iter().all(|one| *one == raw[0]),
        "repetitions are equal"
    );
    world.run(ms(1));
    assert_eq!((world.last().to, world.last().word()), (gk(2), "RRQ"));
    assert_ne!(world.last().raw, raw[0]);
    world.answer(|seq| rcf(seq, 2));
    assert_eq!(world.state(), "Registered");
    assert_eq!(
        world.events,
        [EventKind::Registered {
            gatekeeper: gk(2),
            lightweight: false
        }]
    );
    assert_eq!(world.connects, [(world.now, calls(2))]);
}

#[test]
fn a_grq_to_each_in_turn() {
    let mut config = config(&[1, 2]);
    config.discovery = Discovery::Unicast;
    let mut world = World::new(config);
    assert_eq!(world.state(), "Discovering");
    world.run(15 * SECOND);
    assert_eq!(
        world.said(),
        [
            ("GRQ", gk(1)),
            ("GRQ", gk(1)),
            ("GRQ", gk(1)),
            ("GRQ", gk(2))
        ]
    );
    let seq = world.last().seq();
    world.say(
        gk(2),
        &Gcf {
            ras_address: gk(9),
            alternates: vec![alternate(5, 1), alternate(4, 0)],
            ..gcf(seq, 2)
        }
        .encode()
        .unwrap(),
    );
    assert_eq!((world.last().word(), world.last().to), ("RRQ", gk(9)));
    assert!(world.last().rrq().discovery_complete);
    assert_eq!(world.view().candidates, [gk(1), gk(2), gk(4), gk(5)]);
    world.answer(|seq| rcf(seq, 9));
    assert_eq!(world.view().gatekeeper, Some(gk(9)));
}

#[test]
fn a_grj_is_told_and_the_next_one_asked() {
    let mut config = config(&[1, 2]);
    config.discovery = Discovery::Unicast;
    let mut world = World::new(config);
    let seq = world.last().seq();
    let grj = GatekeeperReject::new(seq, GatekeeperRejectReason::TerminalExcluded);
    world.tell(gk(1), &RasMessage::GatekeeperReject(grj));
    assert_eq!((world.last().word(), world.last().to), ("GRQ", gk(2)));
    assert_eq!(
        world.events,
        [EventKind::Rejected {
            gatekeeper: gk(1),
            reason: "terminalExcluded".into()
        }]
    );
}

#[test]
fn the_multicast_finds_whoever_answers_and_a_no_is_not_the_end() {
    let mut config = config(&[1]);
    config.discovery = Discovery::Multicast;
    let mut world = World::new(config);
    assert_eq!(world.said(), [("GRQ", MULTICAST.into())]);
    let seq = world.last().seq();
    let grj = GatekeeperReject::new(seq, GatekeeperRejectReason::TerminalExcluded);
    world.tell(gk(8), &RasMessage::GatekeeperReject(grj));
    assert_eq!(world.state(), "Discovering");
    world.found(7, seq);
    assert_eq!((world.last().word(), world.last().to), ("RRQ", gk(7)));
}

#[test]
fn a_multicast_that_nobody_hears() {
    let mut config = config(&[1]);
    config.discovery = Discovery::Multicast;
    let mut world = World::new(config);
    world.run(15 * SECOND);
    assert_eq!((world.last().word(), world.last().to), ("GRQ", gk(1)));
}

#[test]
fn an_rrj_names_where_to_go_for_this_request_only() {
    let mut world = World::new(config(&[1, 2]));
    let seq = world.last().seq();
    let rrj = Rrj {
        alternates: vec![alternate(6, 0)],
        ..Rrj::new(seq, RegistrationRejectReason::ResourceUnavailable)
    };
    world.say(gk(1), &rrj.encode().unwrap());
    assert_eq!((world.last().word(), world.last().to), ("RRQ", gk(6)));
    assert_eq!(world.view().candidates, [gk(1), gk(2)], "not kept");
    let seq = world.last().seq();
    world.reject(6, seq, RegistrationRejectReason::UndefinedReason);
    assert_eq!(world.last().to, gk(2));
}

#[test]
fn discovery_required_is_obeyed_once() {
    let mut world = World::new(config(&[1, 2]));
    for (word, to) in [("RRQ", gk(1)), ("GRQ", gk(1)), ("RRQ", gk(1))] {
        assert_eq!((world.last().word(), world.last().to), (word, to));
        let seq = world.last().seq();
        if word == "GRQ" {
            world.found(1, seq);
        } else {
            world.reject(1, seq, RegistrationRejectReason::DiscoveryRequired);
        }
    }
    assert_eq!((world.last().word(), world.last().to), ("RRQ", gk(2)));
}

#[test]
fn when_nobody_takes_it_the_rests_grow_and_one_event_tells() {
    let mut world = World::new(config(&[1]));
    let mut rounds = vec![];
    for _ in 0..10 {
        let seq = world.last().seq();
        world.reject(1, seq, RegistrationRejectReason::SecurityDenial);
        assert_eq!(world.state(), "Waiting");
        let before = world.now;
        world.sent.clear();
        while world.sent.is_empty() {
            world.run(ms(10));
        }
        rounds.push(world.now.since(before));
    }
    assert!(rounds[0] >= ms(500) && rounds[0] <= ms(1010), "{rounds:?}");
    assert!(rounds[9] >= 16 * SECOND && rounds[9] <= 33 * SECOND);
    let none = world.events.iter();
    let none = none.filter(|event| **event == EventKind::NoGatekeeper);
    assert_eq!(none.count(), 1);
}

#[test]
fn a_rip_puts_the_next_try_off() {
    let mut world = World::new(config(&[1]));
    let seq = world.last().seq();
    world.run(SECOND);
    world.tell(gk(1), &messages::rip(seq, 10_000));
    world.run(ms(9_999));
    assert_eq!(world.sent.len(), 1);
    world.run(ms(1));
    assert_eq!(world.sent.len(), 2);
    world.confirm(1, seq);
    assert_eq!(world.state(), "Registered");
}

#[test]
fn strangers_and_wrong_numbers_do_not_register_it() {
    let mut world = World::new(config(&[1]));
    let seq = world.last().seq();
    world.confirm(2, seq);
    world.confirm(1, seq.wrapping_add(1).max(1));
    assert_eq!(
        (world.state().as_str(), world.view().ignored),
        ("Registering", 2)
    );
    world.confirm(1, seq);
    assert_eq!(world.state(), "Registered");
    world.confirm(1, seq);
    assert_eq!(world.view().ignored, 3, "a duplicate");
}

#[test]
fn alternates_that_cannot_be_are_not_kept() {
    let mut world = World::new(config(&[1]));
    let own: Alternate = Alternate {
        address: ([192, 0, 2, 1], 1719).into(),
        ..alternate(1, 0)
    };
    let nowhere = Alternate {
        address: ([0, 0, 0, 0], 1719).into(),
        ..alternate(1, 0)
    };
    world.answer(|seq| Rcf {
        alternates: vec![
            own.clone(),
            nowhere.clone(),
            alternate(3, 5),
            alternate(2, 1),
        ],
        ..rcf(seq, 1)
    });
    assert_eq!(world.view().candidates, [gk(1), gk(2), gk(3)]);
    assert_eq!(world.persisted.last().unwrap().alternates.len(), 2);
}

#[test]
fn many_agents_do_not_begin_at_the_same_moment() {
    let mut world = World::empty();
    let configs = (0..1000).map(|n| rasline_core::agent::Config {
        id: rasline_core::agent::AgentId(n),
        name: format!("agent {n}"),
        seed: n.into(),
        ..config(&[1])
    });
    world.input(Input::Configure(configs.collect()));
    world.run(ms(100));
    assert!(
        (10..200).contains(&world.sent.len()),
        "{}",
        world.sent.len()
    );
    world.run(Duration::from_millis(1900));
    assert_eq!(world.sent.len(), 1000);
}
