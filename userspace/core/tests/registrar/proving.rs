//! H.235: who proves what, and how that is answered.

use std::sync::Arc;

use rasline_core::profile::{Authentication, KnownEndpoint, Profile};
use rasline_core::registrar::{Event, Input, Output};
use rasline_h225::decode_ras;
use rasline_h225::messages::{Rrq, Urq};
use rasline_h225::security::{Key, Mechanism, claim, sign, verify};
use rasline_h225::text::from_bmp;
use rasline_h225::types::RasMessage;
use rasline_testkit_model::party::granted_identifier;

use crate::registrar::calls::*;
use crate::registrar::world::*;

fn profile_of(authentication: Authentication) -> Profile {
    let with = |aliases: &[&str], password: &str| KnownEndpoint {
        password: Some(password.into()),
        ..known(aliases)
    };
    let mut profile = profile();
    profile.authentication = authentication;
    profile.endpoints = vec![with(&["alice", "100"], "secret"), with(&["bob"], "hidden")];
    profile
}

struct Secured {
    world: World,
    mechanism: Mechanism,
    random: i32,
}

impl Secured {
    fn new(mechanism: Mechanism) -> Self {
        let authentication = match mechanism {
            Mechanism::Md5 => Authentication::Md5,
            Mechanism::HmacSha1 => Authentication::HmacSha1,
        };
        let world = World::with(profile_of(authentication));
        Self {
            world,
            mechanism,
            random: 0,
        }
    }

    fn unix(&self) -> u32 {
        (1_700_000_000 + self.world.now.0 / 1_000_000_000) as u32
    }

    fn signed(&mut self, message: &RasMessage, who: &str, password: &str) -> Vec<u8> {
        self.random += 1;
        let key = Key {
            identifier: who,
            peer: "gk1",
            password,
        };
        let mut message = message.clone();
        sign(&mut message, self.mechanism, &key, self.unix(), self.random).unwrap()
    }

    fn send(&mut self, n: u8, message: &RasMessage, who: &str, password: &str) -> Vec<Output> {
        let octets = self.signed(message, who, password);
        self.world.octets(ras(n), &octets)
    }

    /// Registers Alice from host `n`, gives her endpointIdentifier.
    fn alice(&mut self, n: u8) -> String {
        let seq = self.world.next_seq();
        let out = self.send(
            n,
            &full(seq, n, "alice").message().unwrap(),
            "alice",
            "secret",
        );
        match &sent(&out)[0].1 {
            RasMessage::RegistrationConfirm(rcf) => from_bmp(&rcf.endpoint_identifier),
            other => panic!("{other:?}"),
        }
    }
}

const BOTH: [Mechanism; 2] = [Mechanism::Md5, Mechanism::HmacSha1];

#[test]
fn who_proves_it_registers_and_is_answered_likewise() {
    for mechanism in BOTH {
        let mut secured = Secured::new(mechanism);
        let rrq = full(1, 1, "alice").message().unwrap();
        let out = secured.send(1, &rrq, "alice", "secret");
        let Output::Send { payload, .. } = &out[0] else {
            panic!("{out:?}")
        };
        let rcf = decode_ras(payload).unwrap();
        assert_eq!(rcf.kind().name(), "RCF", "{mechanism:?}");
        let claimed = claim(&rcf).unwrap();
        assert_eq!(
            (claimed.mechanism, claimed.identifier.as_str()),
            (mechanism, "gk1")
        );
        let key = |password| Key {
            identifier: "gk1",
            peer: "",
            password,
        };
        assert!(verify(payload, &rcf, mechanism, &key("secret")));
        assert!(!verify(payload, &rcf, mechanism, &key("hidden")));
        // Its keep-alives, by its endpointIdentifier with HMAC; they are not published.
        let eid = granted_identifier(&rcf);
        let who = if mechanism == Mechanism::Md5 {
            "alice"
        } else {
            &eid
        };
        let light = Rrq::lightweight(2, ras(1), &eid).message().unwrap();
        let out = secured.send(1, &light, who, "secret");
        assert_eq!((kinds(&out), offers(&out).len()), (vec!["RCF"], 0));
    }
}

#[test]
fn what_is_not_proved_is_denied() {
    for mechanism in BOTH {
        let mut secured = Secured::new(mechanism);
        let rrj = |secured: &mut Secured, octets: &[u8]| {
            let out = secured.world.octets(ras(1), octets);
            match &sent(&out)[0].1 {
                RasMessage::RegistrationReject(rrj) => format!("{:?}", rrj.reject_reason),
                other => panic!("{other:?}"),
            }
        };
        let rrq = |seq, alias: &str| full(seq, 1, alias).message().unwrap();
        let open = full(1, 1, "alice").encode().unwrap();
        assert_eq!(rrj(&mut secured, &open), "SecurityDenial");
        let wrong = secured.signed(&rrq(2, "alice"), "alice", "guess");
        assert_eq!(rrj(&mut secured, &wrong), "SecurityDenial");
        let unknown = secured.signed(&rrq(3, "carol"), "carol", "secret");
        assert_eq!(rrj(&mut secured, &unknown), "SecurityDenial");
        // Somebody else's alias.
        let other = secured.signed(&rrq(4, "bob"), "alice", "secret");
        assert_eq!(rrj(&mut secured, &other), "InvalidAlias");
        let old = secured.signed(&rrq(5, "alice"), "alice", "secret");
        secured.world.pass(1000 * SECOND);
        let late = rrj(&mut secured, &old);
        assert_eq!(late, "SecurityError(SecurityWrongSyncTime)");
        assert_eq!(secured.world.views().len(), 0);
        assert_eq!(secured.world.registrar.stats().denied, 4);
    }
}

#[test]
fn a_retransmission_is_answered_and_a_replay_is_not() {
    let mut secured = Secured::new(Mechanism::HmacSha1);
    let rrq = secured.signed(&full(1, 1, "alice").message().unwrap(), "alice", "secret");
    let first = secured.world.octets(ras(1), &rrq);
    let again = secured.world.octets(ras(1), &rrq);
    assert_eq!((kinds(&again), &again[0]), (vec!["RCF"], &first[0]));
    secured.world.pass(15 * SECOND);
    let out = secured.world.octets(ras(1), &rrq);
    assert_eq!(kinds(&out), ["RRJ"]);
    // From elsewhere, at once.
    assert_eq!(kinds(&secured.world.octets(ras(2), &rrq)), ["RRJ"]);
}

#[test]
fn a_registration_is_only_its_owners() {
    for mechanism in BOTH {
        let mut secured = Secured::new(mechanism);
        let eid = secured.alice(1);
        // Bob, from the same host, knows Alice's endpointIdentifier.
        let light = Rrq::lightweight(20, ras(1), &eid).message().unwrap();
        assert_eq!(kinds(&secured.send(1, &light, "bob", "hidden")), ["RRJ"]);
        let leave = Urq {
            seq: 21,
            endpoint_identifier: Some(eid.clone()),
            ..Urq::default()
        };
        let leave = leave.message().unwrap();
        assert_eq!(kinds(&secured.send(1, &leave, "bob", "hidden")), ["URJ"]);
        let call = RasMessage::AdmissionRequest(arq(22, &eid, 1, &["alice"]));
        assert_eq!(kinds(&secured.send(1, &call, "bob", "hidden")), ["ARJ"]);
        let hang_up = RasMessage::DisengageRequest(drq(23, &eid, 1));
        assert_eq!(kinds(&secured.send(1, &hang_up, "bob", "hidden")), ["DRJ"]);
        let report = RasMessage::InfoRequestResponse(irr(24, 1, &eid));
        assert!(kinds(&secured.send(1, &report, "bob", "hidden")).is_empty());
        assert_eq!(secured.world.only().endpoint_identifier, eid);
        // Alice may.
        assert_eq!(kinds(&secured.send(1, &call, "alice", "secret")), ["ACF"]);
        assert_eq!(kinds(&secured.send(1, &leave, "alice", "secret")), ["UCF"]);
    }
}

#[test]
fn who_proves_it_may_move() {
    let mut secured = Secured::new(Mechanism::HmacSha1);
    secured.alice(1);
    secured.alice(2);
    assert_eq!(secured.world.only().endpoint, ras(2));
}

#[test]
fn who_guesses_is_answered_seldom() {
    let mut secured = Secured::new(Mechanism::Md5);
    let (mut locked, mut answered) = (0, 0);
    for seq in 1..100 {
        let out = secured.send(
            1,
            &full(seq, 1, "alice").message().unwrap(),
            "alice",
            "guess",
        );
        answered += kinds(&out).len();
        let lock = |event: &&Event| matches!(event, Event::Locked { source } if *source == ras(1));
        locked += events(&out).iter().filter(lock).count();
    }
    assert_eq!(locked, 1);
    assert!(answered < 20, "{answered}");
    // Others are, and so is who knows the password, from the same address.
    secured.alice(2);
    secured.world.pass(2 * SECOND);
    secured.alice(1);
}

#[test]
fn our_own_requests_are_proved_too() {
    let mut secured = Secured::new(Mechanism::Md5);
    secured.alice(1);
    for kind in ["IRQ", "URQ"] {
        let out = secured.world.pass(if kind == "IRQ" {
            60 * SECOND
        } else {
            6 * SECOND
        });
        let last = out.iter().rev().find_map(|one| match one {
            Output::Send { payload, .. } => Some(payload.clone()),
            _ => None,
        });
        let message = decode_ras(&last.unwrap()).unwrap();
        assert_eq!(message.kind().name(), kind);
        assert!(claim(&message).is_some(), "{message:?}");
    }
}

#[test]
fn a_zone_that_wants_proof_from_now_on() {
    let mut world = World::with(profile_of(Authentication::None));
    let eid = world.register(1, "alice");
    let out = world.input(Input::Profile(Arc::new(profile_of(Authentication::Md5))));
    assert_eq!((kinds(&out), world.views().len()), (vec!["URQ"], 0));
    assert_eq!(kinds(&world.keep_alive(1, &eid)), ["RRJ"]);
    // And no more.
    let mut secured = Secured::new(Mechanism::Md5);
    let eid = secured.alice(1);
    secured
        .world
        .input(Input::Profile(Arc::new(profile_of(Authentication::None))));
    assert_eq!(kinds(&secured.world.keep_alive(1, &eid)), ["RCF"]);
}

#[test]
fn a_restart_keeps_who_proved_it() {
    let mut secured = Secured::new(Mechanism::HmacSha1);
    let rrq = full(1, 1, "alice").message().unwrap();
    let kept = stored(&secured.send(1, &rrq, "alice", "secret"))
        .pop()
        .unwrap();
    let mut after = Secured::new(Mechanism::HmacSha1);
    after.world.input(Input::Restore(Box::new(kept.clone())));
    let eid = after.world.only().endpoint_identifier;
    let light = |seq| Rrq::lightweight(seq, ras(1), &eid).message().unwrap();
    after.random = 500;
    assert_eq!(kinds(&after.send(1, &light(3), "bob", "hidden")), ["RRJ"]);
    assert_eq!(kinds(&after.send(1, &light(4), &eid, "secret")), ["RCF"]);
}

#[test]
fn one_that_was_put_off_is_no_replay() {
    let mut secured = Secured::new(Mechanism::HmacSha1);
    secured.world.input(Input::Overload(Some(2 * SECOND)));
    let rrq = full(1, 1, "alice").message().unwrap();
    let octets = secured.signed(&rrq, "alice", "secret");
    assert_eq!(kinds(&secured.world.octets(ras(1), &octets)), ["RIP"]);
    secured.world.input(Input::Overload(None));
    assert_eq!(kinds(&secured.world.octets(ras(1), &octets)), ["RCF"]);
}

/// Whoever else proves who he is has no say about addresses of a host that he does not send from.
#[test]
fn an_address_is_taken_back_from_another_account() {
    for mechanism in BOTH {
        let mut secured = Secured::new(mechanism);
        let usurper = Rrq {
            aliases: vec!["bob".into()],
            ..Rrq::full(1, signalling(1), ras(2))
        };
        let out = secured.send(2, &usurper.message().unwrap(), "bob", "hidden");
        assert_eq!(kinds(&out), ["RCF"]);
        let eid = secured.alice(1);
        let alice = secured.world.only();
        assert_eq!(alice.endpoint_identifier, eid);
        assert_eq!(alice.call_signal_address, Some(signalling(1)));
        let again = Rrq { seq: 9, ..usurper };
        let out = secured.send(2, &again.message().unwrap(), "bob", "hidden");
        assert_eq!(kinds(&out)[0], "RRJ");
    }
}
