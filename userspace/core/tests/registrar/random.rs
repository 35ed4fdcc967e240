//! Random messages in random order, some of them damaged: what always holds.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use rasline_core::registrar::{Input, Output};
use rasline_h225::messages::{Grq, Rrq, Urq};
use rasline_h225::types::RasMessage;
use rasline_h225::{decode_ras, encode_ras};

use crate::registrar::calls::*;
use crate::registrar::world::*;

const ALIASES: [&str; 5] = ["alice", "bob", "100", "200", "49"];

#[derive(Clone, Debug)]
enum Step {
    Full {
        n: u8,
        address: u8,
        aliases: Vec<usize>,
        eid: Option<usize>,
        additive: bool,
    },
    Light {
        n: u8,
        eid: Option<usize>,
    },
    Leave {
        n: u8,
        eid: Option<usize>,
        alias: Option<usize>,
    },
    Discover {
        n: u8,
    },
    Call {
        n: u8,
        eid: Option<usize>,
        call: u8,
        to: usize,
        answer: bool,
        bandwidth: u32,
    },
    Change {
        n: u8,
        eid: Option<usize>,
        call: u8,
        bandwidth: u32,
    },
    HangUp {
        n: u8,
        eid: Option<usize>,
        call: u8,
    },
    Report {
        n: u8,
        eid: Option<usize>,
    },
    Pass(u16),
    Seen(usize),
    Drop(usize),
    Located(u64),
    Overload(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let n = 1..5_u8;
    let eid = || proptest::option::weighted(0.8, 0..6_usize);
    let call = 1..4_u8;
    let bandwidth = 0..4000_u32;
    prop_oneof![
        6 => (n.clone(), 1..5_u8, prop::collection::vec(0..5_usize, 0..3), proptest::option::of(0..6_usize), any::<bool>())
            .prop_map(|(n, address, aliases, eid, additive)| Step::Full { n, address, aliases, eid, additive }),
        4 => (n.clone(), eid()).prop_map(|(n, eid)| Step::Light { n, eid }),
        2 => (n.clone(), eid(), proptest::option::of(0..5_usize))
            .prop_map(|(n, eid, alias)| Step::Leave { n, eid, alias }),
        1 => n.clone().prop_map(|n| Step::Discover { n }),
        5 => (n.clone(), eid(), call.clone(), 0..5_usize, any::<bool>(), bandwidth.clone())
            .prop_map(|(n, eid, call, to, answer, bandwidth)| Step::Call { n, eid, call, to, answer, bandwidth }),
        2 => (n.clone(), eid(), call.clone(), bandwidth)
            .prop_map(|(n, eid, call, bandwidth)| Step::Change { n, eid, call, bandwidth }),
        2 => (n.clone(), eid(), call).prop_map(|(n, eid, call)| Step::HangUp { n, eid, call }),
        2 => (n, eid()).prop_map(|(n, eid)| Step::Report { n, eid }),
        3 => (0..20_000_u16).prop_map(Step::Pass),
        1 => (0..5_usize).prop_map(Step::Seen),
        1 => (0..5_usize).prop_map(Step::Drop),
        1 => (0..5_u64).prop_map(Step::Located),
        1 => any::<bool>().prop_map(Step::Overload),
    ]
}

/// Octet to change, and to what.
fn damage() -> impl Strategy<Value = Option<(prop::sample::Index, u8)>> {
    proptest::option::weighted(0.15, (any::<prop::sample::Index>(), any::<u8>()))
}

struct Run {
    world: World,
    /// endpointIdentifiers given so far.
    given: Vec<String>,
}

impl Run {
    fn eid(&self, index: Option<usize>) -> String {
        let known = index.and_then(|index| self.given.iter().rev().nth(index));
        known.cloned().unwrap_or_else(|| "nobody".into())
    }

    fn message(&mut self, step: &Step) -> Option<(u8, RasMessage)> {
        let seq = self.world.next_seq();
        Some(match step {
            Step::Full {
                n,
                address,
                aliases,
                eid,
                additive,
            } => {
                let rrq = Rrq {
                    aliases: aliases.iter().map(|one| ALIASES[*one].to_owned()).collect(),
                    endpoint_identifier: eid.map(|eid| self.eid(Some(eid))),
                    ..Rrq::full(seq, signalling(*address), ras(*n))
                };
                let Ok(RasMessage::RegistrationRequest(mut rrq)) = rrq.message() else {
                    return None;
                };
                rrq.additive_registration = (*additive && eid.is_some()).then_some(());
                (*n, RasMessage::RegistrationRequest(rrq))
            }
            Step::Light { n, eid } => {
                let rrq = Rrq::lightweight(seq, ras(*n), &self.eid(*eid));
                (*n, rrq.message().ok()?)
            }
            Step::Leave { n, eid, alias } => {
                let urq = Urq {
                    seq,
                    endpoint_identifier: Some(self.eid(*eid)),
                    aliases: alias.iter().map(|one| ALIASES[*one].to_owned()).collect(),
                    ..Urq::default()
                };
                (*n, urq.message().ok()?)
            }
            Step::Discover { n } => (*n, Grq::new(seq, ras(*n)).message().ok()?),
            Step::Call {
                n,
                eid,
                call,
                to,
                answer,
                bandwidth,
            } => {
                let mut arq = arq(seq, &self.eid(*eid), *call, &[ALIASES[*to]]);
                arq.answer_call = *answer;
                arq.band_width = *bandwidth;
                (*n, RasMessage::AdmissionRequest(arq))
            }
            Step::Change {
                n,
                eid,
                call,
                bandwidth,
            } => {
                let brq = brq(seq, &self.eid(*eid), *call, *bandwidth);
                (*n, RasMessage::BandwidthRequest(brq))
            }
            Step::HangUp { n, eid, call } => (
                *n,
                RasMessage::DisengageRequest(drq(seq, &self.eid(*eid), *call)),
            ),
            Step::Report { n, eid } => (
                *n,
                RasMessage::InfoRequestResponse(irr(seq, *n, &self.eid(*eid))),
            ),
            _ => return None,
        })
    }

    fn other(&mut self, step: &Step) -> Vec<Output> {
        let id = |run: &Self, index: usize| run.world.views().get(index).map(|view| view.id);
        match step {
            Step::Pass(ms) => self.world.pass(Duration::from_millis(u64::from(*ms) * 10)),
            Step::Seen(index) => {
                let at = self.world.now;
                id(self, *index).map_or(vec![], |id| self.world.input(Input::Seen { id, at }))
            }
            Step::Drop(index) => {
                id(self, *index).map_or(vec![], |id| self.world.input(Input::Drop { id }))
            }
            Step::Located(ticket) => self.world.input(Input::Located {
                ticket: *ticket,
                found: None,
            }),
            Step::Overload(on) => {
                let delay = on.then_some(SECOND);
                self.world.input(Input::Overload(delay))
            }
            _ => vec![],
        }
    }

    /// The request and its retransmission.
    fn ask(&mut self, from: SocketAddr, octets: &[u8]) -> Vec<Output> {
        let first = self.world.octets(from, octets);
        let (now, before) = (self.world.now, self.world.views());
        let second = self.world.octets(from, octets);
        assert_eq!(self.world.now, now);
        let put_off = |out: &[Output]| kinds(out).first().is_none_or(|kind| *kind == "RIP");
        if !put_off(&first) {
            let answer = first
                .iter()
                .position(|output| matches!(output, Output::Send { .. }));
            let answer = answer.map_or(&first[..0], |at| &first[at..=at]);
            assert_eq!(second[..], *answer, "the same octets and nothing else");
            let ids = |views: &[rasline_core::registrar::View]| -> Vec<_> {
                views
                    .iter()
                    .map(|view| (view.id, view.endpoint, view.aliases.clone()))
                    .collect()
            };
            assert_eq!(ids(&before), ids(&self.world.views()));
        }
        first
    }

    fn learn(&mut self, out: &[Output]) {
        for (_, message) in sent(out) {
            if let RasMessage::RegistrationConfirm(rcf) = message {
                let eid = rasline_h225::text::from_bmp(&rcf.endpoint_identifier);
                if !self.given.contains(&eid) {
                    self.given.push(eid);
                }
            }
        }
    }

    fn holds(&self) {
        let views = self.world.views();
        let stats = self.world.registrar.stats();
        let aliases: Vec<_> = views.iter().flat_map(|view| &view.aliases).collect();
        let unique: BTreeSet<_> = aliases.iter().collect();
        assert_eq!(
            unique.len(),
            aliases.len(),
            "an alias has one owner: {views:?}"
        );
        let eids: BTreeSet<_> = views.iter().map(|view| &view.endpoint_identifier).collect();
        let addresses: BTreeSet<_> = views
            .iter()
            .filter_map(|view| view.call_signal_address)
            .collect();
        assert_eq!(
            (eids.len(), addresses.len()),
            (views.len(), views.len()),
            "{views:?}"
        );
        assert!(
            views.len() <= 3 && stats.calls <= 2 && stats.bandwidth <= 3000,
            "{stats:?}"
        );
        assert!(stats.calls > 0 || stats.bandwidth == 0, "{stats:?}");
        let parts: usize = views.iter().map(|view| view.calls).sum();
        assert!(
            parts >= stats.calls as usize,
            "each call is somebody's: {views:?} {stats:?}"
        );
        assert!(self.world.registrar.held()[0] <= 20);
        let due = self.world.registrar.next_due();
        assert!(
            views.is_empty() || due.is_some(),
            "all registrations end some day"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    #[test]
    fn invariants(steps in prop::collection::vec((step(), damage()), 1..80)) {
        let mut profile = profile();
        profile.limits.registrations = 3;
        profile.limits.calls = 2;
        profile.limits.call_bandwidth = 2000;
        profile.limits.bandwidth = 3000;
        let mut world = World::new();
        let mut settings = settings(profile);
        settings.max_answers = 20;
        world.registrar = rasline_core::registrar::Registrar::new(settings, world.now);
        let mut run = Run { world, given: Vec::new() };
        for (step, damage) in steps {
            let out = match run.message(&step) {
                Some((n, message)) => {
                    let mut octets = encode_ras(&message).unwrap();
                    if let Some((index, value)) = damage {
                        let at = index.index(octets.len());
                        octets[at] = value;
                    }
                    run.ask(ras(n), &octets)
                }
                None => run.other(&step),
            };
            run.learn(&out);
            run.holds();
        }
        // Silence: nobody stays.
        run.world.pass(1000 * SECOND);
        run.holds();
        let stats = run.world.registrar.stats();
        prop_assert_eq!((stats.registrations, stats.calls, stats.bandwidth), (0, 0, 0));
        prop_assert_eq!(run.world.registrar.next_due(), None);
    }

    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut world = World::new();
        let out = world.octets(ras(1), &octets);
        prop_assert!(sent(&out).len() <= 1);
        prop_assert!(decode_ras(&octets).is_ok() || world.views().is_empty());
    }
}
