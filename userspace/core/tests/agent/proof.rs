//! Agents with credentials show who they are.

use rasline_core::agent::{Config, Credentials, Discovery, EventKind, Input};
use rasline_core::profile::Authentication;
use rasline_h225::security::{Key, Mechanism, claim, verify};

use crate::agent::world::{SECOND, START, World, config, gk, rcf};

const UNIX_AT_ZERO: i64 = 1_700_000_000;

fn secured(mechanism: Authentication) -> Config {
    Config {
        discovery: Discovery::Unicast,
        credentials: Some(Credentials {
            identifier: "gw-a".into(),
            password: "secret".into(),
            mechanism,
        }),
        ..config(&[1])
    }
}

fn world(mechanism: Authentication) -> World {
    let mut world = World::empty();
    world.input(Input::WallClock {
        unix_at_zero: UNIX_AT_ZERO,
    });
    world.input(Input::Configure(vec![secured(mechanism)]));
    world.run(SECOND);
    world
}

#[test]
fn every_message_is_signed_for_its_receiver() {
    for (authentication, mechanism) in [
        (Authentication::Md5, Mechanism::Md5),
        (Authentication::HmacSha1, Mechanism::HmacSha1),
    ] {
        let mut world = world(authentication);
        let seq = world.last().seq();
        world.found(1, seq);
        world.answer(|seq| rcf(seq, 1));
        world.now = world.agents.next_due().unwrap();
        world.input(Input::Due);
        world.input(Input::Stop);
        let words: Vec<_> = world.said().iter().map(|(word, _)| *word).collect();
        assert_eq!(words[..3], ["GRQ", "RRQ", "rrq"]);
        assert_eq!(words.last(), Some(&"URQ"));
        for sent in &world.sent {
            let key = |password| Key {
                identifier: "gw-a",
                peer: "gk1",
                password,
            };
            let holds = |password| verify(&sent.raw, &sent.message, mechanism, &key(password));
            assert!(holds("secret") && !holds("Secret"), "{}", sent.word());
            let claim = claim(&sent.message).unwrap();
            let unix = UNIX_AT_ZERO as u64 + sent.at.0 / 1_000_000_000;
            assert!(unix - u64::from(claim.unix) <= 9, "when it was made");
        }
    }
}

#[test]
fn a_repetition_is_not_signed_anew() {
    let mut world = world(Authentication::HmacSha1);
    world.run(10 * SECOND);
    assert_eq!(world.sent.len(), 3);
    assert!(world.sent.iter().all(|sent| sent.raw == world.sent[0].raw));
}

#[test]
fn without_the_time_nothing_is_sent_and_people_are_told() {
    let mut world = World::empty();
    world.now = rasline_core::Time(START.0 % 1_000_000_000);
    world.input(Input::Configure(vec![secured(Authentication::Md5)]));
    world.input(Input::Due);
    assert_eq!((world.sent.len(), world.state().as_str()), (0, "Waiting"));
    let Some(EventKind::Rejected { gatekeeper, reason }) = world.events.first() else {
        panic!("{:?}", world.events);
    };
    assert!(
        *gatekeeper == gk(1) && reason.contains("timeStamp"),
        "{reason}"
    );
}
