//! What gatekeepers name becomes a candidate only within the rules, and what they forge does not.

use std::net::SocketAddr;

use proptest::prelude::*;
use rasline_core::alternates::{
    Alternates, Input, Learned, List, MAX_CANDIDATES, NotTaken, Output, Prefix, ZoneRules,
};
use rasline_core::{Alternate, EventKind, Time};
use rasline_h225::types::RegistrationRejectReason;
use rasline_h225::{decode_ras, messages, view};

fn named(address: &str, priority: u8) -> Alternate {
    Alternate {
        address: address.parse().unwrap(),
        gatekeeper_identifier: Some("gk2".into()),
        need_to_register: priority > 10,
        priority,
    }
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix {
        address: address.parse().unwrap(),
        length: length.parse().unwrap(),
    }
}

fn rules(learn: bool) -> ZoneRules {
    ZoneRules {
        zone: 0,
        learn,
        allowed: vec![prefix("192.0.2.0/24"), prefix("2001:db8::/32")],
        configured: vec!["192.0.2.1:1719".parse().unwrap()],
    }
}

struct World {
    alternates: Alternates,
    now: Time,
}

impl World {
    fn new(learn: bool) -> Self {
        let mut world = Self {
            alternates: Alternates::new(),
            now: Time(1_000_000_000),
        };
        assert!(world.feed(Input::Rules(vec![rules(learn)])).is_empty());
        world
    }

    fn feed(&mut self, input: Input) -> Vec<Output> {
        self.now.0 += 1;
        let mut out = Vec::new();
        self.alternates.handle(self.now, input, &mut out);
        out
    }

    fn list(&mut self, gatekeeper: u32, message: &str, list: &[Alternate]) -> Vec<Output> {
        self.feed(Input::List {
            zone: 0,
            gatekeeper,
            message: message.into(),
            permanent: true,
            list: list.to_vec(),
        })
    }

    fn candidates(&self) -> Vec<String> {
        let all = self.alternates.candidates(0).iter();
        all.map(|it| it.alternate.address.to_string()).collect()
    }

    fn refused(&self) -> Vec<(String, NotTaken)> {
        let all = self.alternates.refused(0).iter();
        all.map(|it| (it.learned.alternate.address.to_string(), it.why))
            .collect()
    }
}

fn told(out: &[Output]) -> Vec<(SocketAddr, NotTaken)> {
    let event = |it: &Output| match it {
        Output::Event(event) => match &event.kind {
            EventKind::AlternateRefused { address, why, .. } => Some((*address, *why)),
            _ => None,
        },
        _ => None,
    };
    out.iter().filter_map(event).collect()
}

fn changed(out: &[Output]) -> Option<&[Learned]> {
    out.iter().find_map(|it| match it {
        Output::Candidates { learned, .. } => Some(&learned[..]),
        _ => None,
    })
}

const A: &str = "192.0.2.10:1719";
const B: &str = "192.0.2.11:1719";
const SIX: &str = "[2001:db8::1]:1719";

#[test]
fn by_priority_with_their_origin() {
    let mut world = World::new(true);
    let out = world.list(0, "RCF", &[named(A, 20), named(SIX, 3)]);
    assert_eq!(world.candidates(), [SIX, A]);
    let learned = changed(&out).unwrap();
    assert_eq!(learned[0].priority(), 131, "after all configured ones");
    assert!(!learned[0].alternate.need_to_register && learned[1].alternate.need_to_register);
    assert_eq!((learned[1].named_by, &learned[1].message[..]), (0, "RCF"));
    assert_eq!(learned[1].at, world.now);
    assert!(matches!(
        &out[..],
        [Output::Persist(_), Output::Candidates { .. }]
    ));
    assert!(
        world
            .list(0, "RCF", &[named(A, 20), named(SIX, 3)])
            .is_empty()
    );
}

#[test]
fn a_newer_list_of_the_same_gatekeeper_replaces_the_older() {
    let mut world = World::new(true);
    world.list(0, "RCF", &[named(A, 0)]);
    world.list(5, "GCF", &[named(SIX, 1), named(A, 2)]);
    assert_eq!(world.candidates(), [A, SIX]);
    assert_eq!(world.refused(), [(A.into(), NotTaken::Duplicate)]);
    let out = world.list(0, "URQ", &[named(B, 0)]);
    assert_eq!(world.candidates(), [B, SIX, A]);
    assert!(changed(&out).is_some());
    let out = world.list(0, "RCF", &[]);
    assert!(out.contains(&Output::Forget {
        zone: 0,
        gatekeeper: 0
    }));
    assert_eq!(world.candidates(), [SIX, A]);
    world.feed(Input::Forget { gatekeeper: 5 });
    assert!(world.candidates().is_empty());
}

#[test]
fn a_forged_list_steers_nothing_and_is_told_once() {
    let forged = ["198.51.100.66:1719", "[2001:db9::66]:1719"].map(|it| named(it, 0));
    let mut world = World::new(true);
    world.list(0, "RCF", &[named(A, 5)]);
    let out = world.list(
        0,
        "RCF",
        &[forged[0].clone(), named(A, 5), forged[1].clone()],
    );
    assert_eq!(world.candidates(), [A]);
    assert!(changed(&out).is_none(), "nothing changed for the zone");
    let why = NotTaken::NotAllowed;
    assert_eq!(told(&out), forged.clone().map(|it| (it.address, why)));
    // Again, by another message, and alternating with the true one.
    assert!(told(&world.list(0, "URQ", &forged)).is_empty());
    assert!(told(&world.list(0, "RCF", &[named(A, 5)])).is_empty());
    assert!(told(&world.list(0, "RCF", &forged)).is_empty());
    assert_eq!(
        world.refused().len(),
        2,
        "but shown for as long as it is named"
    );
}

#[test]
fn addresses_that_no_gatekeeper_has() {
    let mut world = World::new(true);
    let mut all = rules(true);
    all.allowed = vec![prefix("0.0.0.0/0"), prefix("::/0")];
    world.feed(Input::Rules(vec![all]));
    let odd = [
        "0.0.0.0:1719",
        "127.0.0.1:1719",
        "224.0.1.41:1718",
        "255.255.255.255:1719",
        "192.0.2.9:0",
        "[ff02::1]:1719",
        "[::ffff:127.0.0.1]:1719",
    ];
    let out = world.list(0, "RCF", &odd.map(|it| named(it, 0)));
    assert!(world.candidates().is_empty());
    assert!(told(&out).iter().all(|it| it.1 == NotTaken::Unusable));
    assert_eq!(told(&out).len(), odd.len());
}

#[test]
fn what_is_configured_stays_as_configured() {
    let mut world = World::new(true);
    let out = world.list(0, "RCF", &[named("192.0.2.1:1719", 0)]);
    assert!(world.candidates().is_empty() && told(&out).is_empty());
    assert_eq!(world.refused()[0].1, NotTaken::Configured);
}

#[test]
fn learning_off_and_on_again() {
    let mut world = World::new(false);
    let out = world.list(0, "RCF", &[named(A, 0)]);
    assert!(changed(&out).is_none() && told(&out).is_empty());
    assert_eq!(world.refused(), [(A.into(), NotTaken::LearningOff)]);
    let out = world.feed(Input::Rules(vec![rules(true)]));
    assert_eq!(changed(&out).unwrap().len(), 1);
    let out = world.feed(Input::Rules(vec![rules(false)]));
    assert_eq!(changed(&out), Some(&[][..]));
}

#[test]
fn nothing_is_allowed_unless_it_is_said() {
    let mut world = World::new(true);
    let mut none = rules(true);
    none.allowed.clear();
    world.feed(Input::Rules(vec![none]));
    world.list(0, "RCF", &[named(A, 0), named(SIX, 0)]);
    assert!(world.candidates().is_empty());
}

/// From the octets of a reject: altGKisPermanent decides.
#[test]
fn a_list_for_one_request_only_is_no_list() {
    let mut world = World::new(true);
    world.list(0, "RCF", &[named(B, 1)]);
    let mut rrj = messages::Rrj::new(7, RegistrationRejectReason::ResourceUnavailable);
    rrj.alternates = vec![named(A, 0)];
    let message = decode_ras(&rrj.encode().unwrap()).unwrap();
    let seen = view::alternates(&message).unwrap();
    assert!(!seen.permanent);
    let input = |permanent| Input::List {
        zone: 0,
        gatekeeper: 0,
        message: message.kind().name().into(),
        permanent,
        list: seen.list.clone(),
    };
    let out = world.feed(input(seen.permanent));
    assert!(out.is_empty(), "{out:?}");
    assert_eq!(world.candidates(), [B]);
    assert_eq!(world.refused(), [(A.into(), NotTaken::NotPermanent)]);
    world.feed(input(true));
    assert_eq!(world.candidates(), [A]);
    assert_eq!(world.alternates.candidates(0)[0].message, "RRJ");
}

#[test]
fn restored_before_or_after_its_zone_and_older_than_what_came_since() {
    let list = |address| List {
        zone: 0,
        gatekeeper: 0,
        message: "GCF".into(),
        at: Time(5),
        alternates: vec![named(address, 0)],
    };
    let mut world = World {
        alternates: Alternates::new(),
        now: Time(9),
    };
    assert!(world.feed(Input::Restore(list(A))).is_empty());
    let out = world.feed(Input::Rules(vec![rules(true)]));
    assert_eq!(changed(&out).unwrap()[0].at, Time(5));
    world.list(0, "RCF", &[named(SIX, 0)]);
    assert!(world.feed(Input::Restore(list(B))).is_empty());
    assert_eq!(world.candidates(), [SIX]);
}

fn entry() -> impl Strategy<Value = Alternate> {
    (any::<[u8; 2]>(), 0u8..128, any::<bool>(), 1719u16..1722).prop_map(
        |([net, host], priority, inside, port)| {
            let address = if inside {
                format!("192.0.2.{host}:{port}")
            } else {
                format!("198.51.{net}.{host}:{port}")
            };
            named(&address, priority)
        },
    )
}

proptest! {
    #[test]
    fn bounded_and_within_the_rules(
        lists in proptest::collection::vec(
            (0u32..40, any::<bool>(), proptest::collection::vec(entry(), 0..60)),
            1..60,
        ),
    ) {
        let mut world = World::new(true);
        let (mut events, mut last) = (0, Vec::new());
        for (gatekeeper, permanent, list) in lists {
            let message = "RCF".into();
            let out = world.feed(Input::List { zone: 0, gatekeeper, message, permanent, list });
            events += told(&out).len();
            if let Some(learned) = changed(&out) {
                last = learned.to_vec();
            }
            let candidates = world.alternates.candidates(0);
            // Another origin of the same candidates is no change for the zone.
            let said = |all: &[Learned]| -> Vec<Alternate> {
                all.iter().map(|it| it.alternate.clone()).collect()
            };
            prop_assert_eq!(said(candidates), said(&last));
            prop_assert!(candidates.len() < MAX_CANDIDATES);
            let allowed = rules(true).allowed;
            let inside = |it: &Learned| allowed.iter().any(|p| p.contains(it.alternate.address.ip()));
            prop_assert!(candidates.iter().all(inside));
            prop_assert!(candidates.is_sorted_by_key(Learned::priority));
        }
        prop_assert!(events <= 64);
        prop_assert!(world.alternates.refused(0).len() <= 2 * 16 * 32);
    }
}
