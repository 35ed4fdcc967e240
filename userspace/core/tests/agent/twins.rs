//! Two agents alike, of which one is told lies as well: they stay alike, whatever happens to both.

use std::net::SocketAddr;

use proptest::prelude::*;
use rasline_core::agent::{Answers, Input, Loss};
use rasline_h225::messages::Urq;
use rasline_h225::types::{InfoRequest, UnregRequestReason};
use rasline_h225::{RasKind, RasMessage};

use crate::agent::forgery::{Forgery, begun, forged, genuine, octets, secured, standing};
use crate::agent::steps::{Step, answers, deed, is_request, named, step, words};
use crate::agent::world::{ME, World, gk, ms, urq};

#[derive(Clone, Debug)]
enum Lie {
    /// An answer to the request sent so many before the last one.
    Answer(usize, crate::agent::steps::Deed),
    Urq(u8, u8, Vec<u8>),
    Irq(u8),
    /// What the agent itself sent, so many before the last one, sent back to it.
    Reflection(usize),
    /// An answer that it had, so many before the last one.
    Again(usize),
}

#[derive(Clone, Debug)]
enum Act {
    Both(Step),
    Lie(Lie, Forgery),
}

fn forgery() -> impl Strategy<Value = Forgery> {
    prop_oneof![
        Just(Forgery::Unsigned),
        Just(Forgery::Guessed),
        (0..400_usize).prop_map(Forgery::Altered),
        Just(Forgery::OfAnother),
        Just(Forgery::OfOurs),
        Just(Forgery::ForAnother),
        (121..100_000_i64).prop_map(Forgery::Off),
        (121..100_000_i64).prop_map(|seconds| Forgery::Off(-seconds)),
    ]
}

fn lie() -> impl Strategy<Value = Lie> {
    let alternates = || prop::collection::vec(1..9_u8, 0..3);
    prop_oneof![
        4 => (0..3_usize, deed()).prop_map(|(back, deed)| Lie::Answer(back, deed)),
        3 => (1..9_u8, 0..6_u8, alternates())
            .prop_map(|(n, why, alternates)| Lie::Urq(n, why, alternates)),
        1 => (1..9_u8).prop_map(Lie::Irq),
        1 => (0..3_usize).prop_map(Lie::Reflection),
        2 => (0..4_usize).prop_map(Lie::Again),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => step().prop_map(Act::Both),
        1 => (lie(), forgery()).prop_map(|(lie, how)| Act::Lie(lie, how)),
    ]
}

struct Twins {
    clean: World,
    harried: World,
    random: i32,
    /// Answers that both had.
    heard: Vec<(SocketAddr, Vec<u8>)>,
}

impl Twins {
    fn new() -> Self {
        let config = || secured(&[1, 2], Answers::Verified);
        Self {
            clean: begun(config()),
            harried: begun(config()),
            random: 0,
            heard: Vec::new(),
        }
    }

    fn both(&mut self, deed: impl Fn(&mut World)) {
        deed(&mut self.clean);
        deed(&mut self.harried);
    }

    fn say(&mut self, from: SocketAddr, n: u8, plain: &[u8]) -> Vec<u8> {
        self.random += 1;
        let octets = genuine(plain, n, self.random, self.clean.now);
        self.both(|world| world.say(from, &octets));
        octets
    }

    fn request(&self, back: usize) -> Option<crate::agent::world::Sent> {
        let requests = self.clean.sent.iter().rev();
        requests.filter(|sent| is_request(sent)).nth(back).cloned()
    }

    fn urq(&self, seq: u16, reason: UnregRequestReason, alternates: &[u8]) -> Vec<u8> {
        let view = self.clean.agents.view(ME);
        let urq = Urq {
            endpoint_identifier: view.and_then(|view| view.endpoint_identifier),
            gatekeeper_identifier: None,
            alternates: named(alternates),
            ..urq(seq, reason)
        };
        urq.encode().unwrap()
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Pass(millis) => self.both(|world| world.run(ms(*millis))),
            Step::Answer(back, deed) => {
                if let Some(request) = self.request(*back) {
                    let (from, n) = answers(request.to);
                    let octets = self.say(from, n, &words(n, &request, deed));
                    self.heard.push((from, octets));
                }
            }
            Step::Dismiss { n, seq, alternates } => {
                let plain = self.urq(*seq, UnregRequestReason::UndefinedReason, alternates);
                self.say(gk(*n), *n, &plain);
            }
            Step::Ask(n) => {
                let irq = octets(&RasMessage::InfoRequest(InfoRequest::new(3, 0)));
                self.say(gk(*n), *n, &irq);
            }
            Step::Connected => {
                if let Some((connection, _)) = self.clean.connections.first().copied() {
                    self.both(|world| world.input(Input::Connected { connection }));
                }
            }
            Step::Lost(_) if !self.clean.connections.is_empty() => {
                self.both(|world| world.lose(Loss::Reset));
            }
            Step::Reregister => self.both(|world| world.input(Input::Reregister { agent: ME })),
            _ => {}
        }
    }

    fn lie(&mut self, lie: &Lie, how: Forgery) {
        let now = self.harried.now;
        self.random += 1;
        let (from, octets) = match lie {
            Lie::Answer(back, deed) => {
                let Some(request) = self.request(*back) else {
                    return;
                };
                let (from, n) = answers(request.to);
                let plain = words(n, &request, deed);
                (from, forged(&plain, n, self.random, now, how))
            }
            Lie::Urq(n, why, alternates) => {
                let reason = match why {
                    0 => UnregRequestReason::Maintenance,
                    1 => UnregRequestReason::SecurityDenial,
                    _ => UnregRequestReason::UndefinedReason,
                };
                let plain = self.urq(u16::from(*why) + 9, reason, alternates);
                (gk(*n), forged(&plain, *n, self.random, now, how))
            }
            Lie::Irq(n) => {
                let plain = octets(&RasMessage::InfoRequest(InfoRequest::new(3, 0)));
                (gk(*n), forged(&plain, *n, self.random, now, how))
            }
            Lie::Reflection(back) => match self.clean.sent.iter().rev().nth(*back) {
                Some(sent) => (sent.to, sent.raw.clone()),
                None => return,
            },
            Lie::Again(back) => match self.heard.iter().rev().nth(*back) {
                Some(heard) => heard.clone(),
                None => return,
            },
        };
        self.harried.say(from, &octets);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn lies_change_nothing(acts in prop::collection::vec(act(), 1..100)) {
        let mut twins = Twins::new();
        for act in &acts {
            match act {
                Act::Both(step) => twins.step(step),
                Act::Lie(lie, how) => twins.lie(lie, *how),
            }
            prop_assert_eq!(standing(&twins.clean), standing(&twins.harried), "{:?}", act);
        }
        prop_assert_eq!(twins.clean.view().unproved, [0; 5], "what is genuine is believed");
    }
}

/// The property is about agents that register: these do.
#[test]
fn what_is_genuine_is_heard() {
    let mut twins = Twins::new();
    for _ in 0..2 {
        twins.step(&Step::Answer(
            0,
            crate::agent::steps::Deed::Confirm {
                identity: 1,
                ttl: Some(300),
                alternates: vec![],
            },
        ));
    }
    assert_eq!(twins.clean.state(), "Registered");
    assert_eq!(twins.clean.last().kind(), RasKind::RegistrationRequest);
    let before = standing(&twins.clean);
    twins.step(&Step::Dismiss {
        n: 1,
        seq: 1,
        alternates: vec![],
    });
    assert_ne!(standing(&twins.clean), before);
}
