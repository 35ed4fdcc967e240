//! URQs that the gatekeeper did not send, and datagrams that are not even decoded.

use rasline_core::agent::{Config, EventKind};
use rasline_core::alternates::Prefix;
use rasline_h225::messages::{Rcf, Urq};
use rasline_h225::types::{RegistrationRejectReason, UnregRequestReason};

use crate::agent::world::{SECOND, World, alternate, config, gk, ms, rcf, urq};

/// In the gatekeeper's name, with an alternate of the attacker's.
fn forged(seq: u16) -> Urq {
    Urq {
        alternates: vec![alternate(66, 0)],
        ..urq(seq, UnregRequestReason::Maintenance)
    }
}

#[test]
fn without_the_identifier_it_is_rejected() {
    for endpoint_identifier in [None, Some("0002_ep".to_owned())] {
        let mut world = World::registered(config(&[1]));
        let urq = Urq {
            endpoint_identifier,
            ..forged(9)
        };
        world.tell(gk(1), &urq.message().unwrap());
        assert_eq!(world.said(), [("URJ", gk(1))]);
        world.run(400 * SECOND);
        assert!(world.sent.iter().all(|sent| sent.to == gk(1)));
        assert!(!world.view().candidates.contains(&gk(66)));
    }
}

#[test]
fn the_gatekeeper_contradicts_a_forged_one() {
    let mut world = World::registered(config(&[1]));
    world.tell(gk(1), &forged(9).message().unwrap());
    assert_eq!(world.said(), [("rrq", gk(1))], "asked, not obeyed");
    world.answer(|seq| rcf(seq, 1));
    assert_eq!(world.state(), "Registered");
    assert_eq!(
        world.events,
        [EventKind::Contradicted { gatekeeper: gk(1) }]
    );
    assert!(!world.view().candidates.contains(&gk(66)));
    assert!(world.persisted.is_empty(), "nothing of it is kept");
    // A flood of them draws one question in five seconds, and one event in a minute.
    world.forget();
    for seq in 10..1_000 {
        world.tell(gk(1), &forged(seq).message().unwrap());
        world.run(ms(10));
        if world.sent.last().is_some_and(|sent| sent.word() == "rrq") {
            let seq = world.last().seq();
            world.confirm(1, seq);
        }
    }
    assert!(world.sent.len() <= 3, "{}", world.sent.len());
    assert!(world.events.is_empty());
    assert_eq!(world.view().gatekeeper, Some(gk(1)));
}

#[test]
fn the_gatekeeper_stands_by_a_real_one() {
    let mut world = World::registered(config(&[1]));
    let real = Urq {
        alternates: vec![alternate(2, 0)],
        ..urq(9, UnregRequestReason::Maintenance)
    };
    world.tell(gk(1), &real.message().unwrap());
    let seq = world.last().seq();
    world.reject(1, seq, RegistrationRejectReason::FullRegistrationRequired);
    assert_eq!(world.said()[1..], [("UCF", gk(1)), ("rrq", gk(2))]);
    // It did not hear the UCF.
    world.tell(gk(1), &real.message().unwrap());
    assert_eq!((world.last().word(), world.last().to), ("UCF", gk(1)));
}

#[test]
fn of_a_gatekeeper_that_is_silent_it_is_obeyed() {
    let mut world = World::registered(config(&[1, 2]));
    world.tell(
        gk(1),
        &urq(9, UnregRequestReason::UndefinedReason)
            .message()
            .unwrap(),
    );
    world.run(ms(1_499));
    assert!(
        world
            .sent
            .iter()
            .all(|sent| (sent.word(), sent.to) == ("rrq", gk(1)))
    );
    world.run(ms(1));
    assert_eq!((world.last().word(), world.last().to), ("RRQ", gk(2)));
}

#[test]
fn alternates_outside_of_what_is_allowed_are_not_used() {
    let mut world = World::registered_with(
        Config {
            allowed_alternates: Some(vec![Prefix {
                address: gk(0).ip(),
                length: 29,
            }]),
            ..config(&[1, 200])
        },
        &[alternate(66, 0), alternate(3, 1)],
    );
    assert_eq!(world.view().candidates, [gk(1), gk(200), gk(3)]);
    // Other than by an RCF: a rejection.
    world.run(225 * SECOND);
    let mut rrj = rasline_h225::messages::Rrj::new(
        world.last().seq(),
        RegistrationRejectReason::ResourceUnavailable,
    );
    rrj.alternates = vec![alternate(66, 0)];
    world.say(gk(1), &rrj.encode().unwrap());
    assert!(world.sent.iter().all(|sent| sent.to != gk(66)));
}

#[test]
fn strangers_and_answers_to_nothing_cost_no_decoding() {
    let mut world = World::registered(config(&[1]));
    // It would be undecodable, and be answered by an XRS, if anybody looked.
    let mut broken = urq(9, UnregRequestReason::Maintenance).encode().unwrap();
    broken.truncate(broken.len() / 2);
    let ignored = world.view().ignored;
    world.say(gk(9), &broken);
    world.say(gk(1), &vec![0x1b; 20_000]);
    world.say(gk(1), &Rcf { ..rcf(4_711, 1) }.encode().unwrap());
    assert_eq!(world.view().ignored, ignored + 3);
    assert!(world.sent.is_empty());
    // Of the gatekeeper's own there is a limit.
    for _ in 0..1_000 {
        world.say(gk(1), &broken);
    }
    assert!((1..=40).contains(&world.sent.len()), "{}", world.sent.len());
    world.run(10 * SECOND);
    world.forget();
    world.say(gk(1), &broken);
    assert_eq!(world.said(), [("XRS", gk(1))]);
}
