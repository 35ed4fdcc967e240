//! Whatever comes in whatever order: what is published was seen twice, what is diverted is sent once, and what the
//! kernel has is what the records say.

mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rasline_core::{
    CensusState, Input, Learner, Output, Reason, Refusal, RegistrationId, Template,
};
use steps::{EIDS, Step, answer, request, step};

use crate::learner::world::*;

const MAX_REGISTRATIONS: usize = 4;
const MAX_PENDING: usize = 6;

/// Gatekeeper, endpoint.
type Between = (u32, std::net::SocketAddr);

/// What was fed, kept without any of the core's logic.
struct Witness {
    world: World,
    /// RRQs by their number.
    requests: BTreeSet<(Between, u16, Vec<u8>)>,
    /// Keep-alive and RCF, and with which numbers they were seen together.
    pairs: BTreeMap<(Between, Vec<u8>, Vec<u8>), BTreeSet<u16>>,
    ever_published: BTreeSet<(Between, Vec<u8>)>,
    in_kernel: BTreeSet<RegistrationId>,
    refusals: u32,
}

impl Witness {
    fn new() -> Self {
        let mut config = two_rhythms();
        config.max_registrations = MAX_REGISTRATIONS;
        config.max_pending = MAX_PENDING;
        let mut world = World::new(config);
        world.kernel_takes = false;
        Self {
            world,
            requests: BTreeSet::new(),
            pairs: BTreeMap::new(),
            ever_published: BTreeSet::new(),
            in_kernel: BTreeSet::new(),
            refusals: 0,
        }
    }

    fn feed(&mut self, gatekeeper: u32, reason: Reason, from: u8, payload: &[u8]) {
        let between = (gatekeeper, endpoint(from));
        if payload.len() > 4 {
            let seq = u16::from_be_bytes([payload[2], payload[3]]).wrapping_add(1);
            if reason.from_endpoint() {
                self.requests.insert((between, seq, masked(payload)));
            } else {
                self.witness_answer(between, reason, seq, payload);
            }
        }
        let out = self
            .world
            .message_of(gatekeeper, reason, endpoint(from), payload);
        let expected = usize::from(reason == Reason::Diverted);
        assert_eq!(sends(&out).len(), expected, "{reason:?} {payload:02x?}");
        for (by, to, _) in sends(&out) {
            assert_eq!((by, to), between);
        }
        self.carry_out(&out);
    }

    fn witness_answer(&mut self, between: Between, reason: Reason, seq: u16, payload: &[u8]) {
        let of_number = self
            .requests
            .iter()
            .filter(|r| r.0 == between && r.1 == seq)
            .map(|r| r.2.clone());
        let mut rrqs: Vec<_> = of_number.collect();
        if reason == Reason::ChangedRcf {
            let known = self.ever_published.iter().filter(|p| p.0 == between);
            rrqs.extend(known.map(|p| p.1.clone()));
        }
        for rrq in rrqs {
            self.pairs
                .entry((between, rrq, masked(payload)))
                .or_default()
                .insert(seq);
        }
    }

    fn input(&mut self, input: Input<'_>) {
        let out = self.world.input(input);
        assert_eq!(sends(&out), []);
        self.carry_out(&out);
    }

    /// Plays the kernel's table; every fifth publication is refused.
    fn carry_out(&mut self, out: &[Output]) {
        let mut results = Vec::new();
        for output in out {
            match output {
                Output::Withdraw { id } => {
                    assert!(
                        self.in_kernel.remove(id),
                        "withdrawn but not published: {id}"
                    );
                }
                Output::Publish(template) => {
                    self.check(template);
                    assert!(
                        self.in_kernel.insert(template.id),
                        "published twice: {}",
                        template.id
                    );
                    results.push(template.id);
                }
                Output::Store { id } => {
                    assert!(self.in_kernel.contains(id), "nothing to store: {id}");
                }
                Output::Send { .. } | Output::SendAs { .. } | Output::Event(_) => {}
            }
        }
        for id in results {
            self.refusals += 1;
            let input = if self.refusals.is_multiple_of(5) {
                self.in_kernel.remove(&id);
                Input::PublishFailed {
                    id,
                    why: Refusal::TableFull,
                }
            } else {
                Input::Published { id }
            };
            let out = self.world.input(input);
            assert!(out.iter().all(|o| matches!(o, Output::Event(_))), "{out:?}");
        }
        self.invariants();
    }

    fn check(&mut self, template: &Template) {
        self.was_seen(template);
        let between = (template.gatekeeper, template.endpoint);
        self.ever_published.insert((between, template.rrq.clone()));
    }

    fn was_seen(&self, template: &Template) {
        let between = (template.gatekeeper, template.endpoint);
        let key = (between, template.rrq.clone(), template.original_rcf.clone());
        let seen = self.pairs.get(&key).map_or(0, BTreeSet::len);
        assert!(seen >= 2, "published after {seen} pairs: {template:?}");
    }

    fn invariants(&self) {
        let stats = self.world.learner.stats();
        assert!(stats.pending <= MAX_PENDING && stats.registrations <= MAX_REGISTRATIONS);
        let shown = self
            .world
            .learner
            .registrations()
            .filter(|r| r.state.is_published());
        let shown: BTreeSet<_> = shown.map(|r| r.id).collect();
        assert_eq!(shown, self.in_kernel);
        assert_eq!(stats.published, shown.len());
        assert_eq!(
            stats.registrations,
            self.world.learner.registrations().count()
        );
        self.census();
    }

    /// What was counted along the way is what counting gives.
    fn census(&self) {
        let mut counted = BTreeMap::new();
        for r in self.world.learner.registrations() {
            *counted
                .entry((r.gatekeeper, CensusState::from(r.state)))
                .or_insert(0) += 1;
        }
        let census = self.world.learner.census();
        let gatekeepers: BTreeSet<u32> = (0..8).collect();
        let kept: BTreeMap<_, usize> = gatekeepers
            .iter()
            .flat_map(|g| census.at(*g).map(|(standing, n)| ((*g, standing), n)))
            .collect();
        assert_eq!(kept, counted);
    }

    /// Another core goes on with what this one had published, as far as it holds.
    fn survives(&self) {
        let old = &self.world.learner;
        let mut config = two_rhythms();
        config.max_registrations = MAX_REGISTRATIONS;
        let mut next = Learner::new(config);
        for shown in old.registrations() {
            let stored = old.stored(shown.id);
            assert_eq!(stored.is_some(), shown.state.is_published());
            let Some(stored) = stored else { continue };
            let holds = self.world.now.since(stored.confirmed) < stored.gatekeeper_ttl;
            let mut out = Vec::new();
            next.handle(
                self.world.now,
                Input::Restore(Box::new(stored.clone())),
                &mut out,
            );
            assert_eq!(published(&out).len(), usize::from(holds), "{stored:?}");
            assert_eq!(next.stored(shown.id), holds.then_some(stored));
            for template in templates(&out) {
                self.was_seen(template);
            }
        }
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Request {
                from,
                gatekeeper,
                kind,
                seq,
                eid,
            } => {
                let reason = if kind == 7 {
                    Reason::FromEndpoint
                } else {
                    Reason::UnknownRrq
                };
                self.feed(gatekeeper, reason, from, &request(kind, seq, EIDS[eid]));
            }
            Step::Answer {
                to,
                gatekeeper,
                reason,
                kind,
                seq,
                eid,
            } => {
                self.feed(gatekeeper, reason, to, &answer(kind, seq, EIDS[eid]));
            }
            Step::Exchange {
                from,
                gatekeeper,
                diverted,
                kind,
                seq,
                eid,
            } => {
                self.feed(
                    gatekeeper,
                    Reason::UnknownRrq,
                    from,
                    &request(0, seq, EIDS[eid]),
                );
                let reason = if diverted {
                    Reason::Diverted
                } else {
                    Reason::FromGatekeeper
                };
                self.feed(gatekeeper, reason, from, &answer(kind, seq, EIDS[eid]));
            }
            Step::Garbage { reason, octets } => self.feed(0, reason, 1, &octets),
            Step::Kernel { id, withdrawn } => {
                let id = RegistrationId(id);
                let (last_seen, confirmed) = (self.world.now, self.world.now);
                let report = rasline_core::SlotReport {
                    id,
                    last_seen,
                    answered: 1,
                    confirmed,
                    withdrawn,
                };
                self.input(Input::SlotReport(report));
            }
            Step::Drop { id } => self.input(Input::DropRegistration {
                id: RegistrationId(id),
            }),
            Step::Pass { seconds } => {
                self.world.pass(Duration::from_secs(seconds));
                self.input(Input::Tick);
            }
            Step::Reload {
                endpoint_ttl,
                second_gatekeeper,
            } => {
                let mut config = two_rhythms();
                config.max_registrations = MAX_REGISTRATIONS;
                config.max_pending = MAX_PENDING;
                config.zones[0].endpoint_ttl = endpoint_ttl.map(Duration::from_secs);
                config.zones[0]
                    .gatekeepers
                    .truncate(1 + usize::from(second_gatekeeper));
                self.input(Input::Reconfigure(config));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn only_what_was_seen_twice(steps in prop::collection::vec(step(), 1..120)) {
        let mut witness = Witness::new();
        for step in steps {
            witness.play(step);
        }
        witness.survives();
    }
}

/// The generator does reach publication; otherwise the property above would say nothing.
#[test]
fn random_steps_do_publish() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 100);
    let mut published = 0;
    for _ in 0..20 {
        let mut witness = Witness::new();
        for step in steps.new_tree(&mut runner).unwrap().current() {
            witness.play(step);
        }
        published += witness.ever_published.len();
    }
    assert!(published >= 20, "{published}");
}
