//! Never an answer for a withdrawn registration: the core with a small model of the kernel's slot, of an endpoint and of
//! a gatekeeper, and copies that reach the core late.
//!
//! What passes the box withdraws at once what stands in the slot; what the core was told of is out of the slot when it
//! was told. Only a withdrawal whose copy is still on its way, of a registration that had no slot then, may be missed.
#![allow(clippy::needless_pass_by_value)]

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use rasline_core::{Input, Output, Reason, RegistrationId, SlotReport};

use crate::learner::world::*;

const EID: &str = "a";

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The endpoint sends a keep-alive.
    KeepAlive,
    /// One that the kernel lets through although it knows it.
    Refresh,
    /// The endpoint registers.
    Register,
    /// The endpoint unregisters.
    Unregister,
    /// The gatekeeper loses its memory.
    Restart,
    /// The gatekeeper unregisters it.
    Expire,
    /// The core gets one copy.
    Deliver,
    /// The core gets all.
    DeliverAll,
    /// The periodic scan of the slots.
    Scan,
    /// Time passes.
    Pass,
    /// The operator drops it.
    Drop,
}

const STEPS: [Step; 11] = [
    Step::KeepAlive,
    Step::Refresh,
    Step::Register,
    Step::Unregister,
    Step::Restart,
    Step::Expire,
    Step::Deliver,
    Step::DeliverAll,
    Step::Scan,
    Step::Pass,
    Step::Drop,
];

struct Slot {
    id: RegistrationId,
    rrq: Vec<u8>,
    withdrawn: bool,
}

struct Site {
    world: World,
    slot: Option<Slot>,
    /// With whether it denies the registration.
    copies: VecDeque<(Reason, Vec<u8>, bool)>,
    /// The gatekeeper knows the registration.
    registered: bool,
    /// The last word that passed the box about it was no.
    denied: bool,
    seq: u16,
    answers: u32,
}

impl Site {
    fn new() -> Self {
        Self {
            world: World::new(config()),
            slot: None,
            copies: VecDeque::new(),
            registered: true,
            denied: false,
            seq: 0,
            answers: 0,
        }
    }

    fn learned() -> Self {
        let mut it = Self::new();
        for step in [Step::KeepAlive, Step::KeepAlive, Step::DeliverAll] {
            it.apply(step);
        }
        assert!(it.slot.as_ref().is_some_and(|slot| !slot.withdrawn));
        it
    }

    fn apply(&mut self, step: Step) {
        self.seq += 1;
        let seq = self.seq;
        match step {
            Step::KeepAlive => self.keep_alive(false),
            Step::Refresh => self.keep_alive(true),
            Step::Register => {
                let request = full(seq, signalling(1), "alice").encode().unwrap();
                self.copy(Reason::UnknownRrq, request);
                self.registered = true;
                self.confirmed(seq);
            }
            Step::Unregister => {
                self.copy(Reason::FromEndpoint, urq(seq, Some(EID)));
                self.registered = false;
                self.denies(ucf_octets(seq));
            }
            Step::Restart => self.registered = false,
            Step::Expire if self.registered => {
                self.registered = false;
                self.denies(urq(seq, Some(EID)));
            }
            Step::Expire => {}
            Step::Deliver => self.deliver(),
            Step::DeliverAll => {
                while !self.copies.is_empty() {
                    self.deliver();
                }
            }
            Step::Scan => self.scan(),
            Step::Pass => {
                self.world.pass(Duration::from_secs(2));
                let out = self.world.input(Input::Tick);
                self.carry_out(out);
            }
            Step::Drop => {
                let first = self.world.learner.registrations().next().map(|it| it.id);
                if let Some(id) = first {
                    let out = self.world.input(Input::DropRegistration { id });
                    self.carry_out(out);
                }
            }
        }
        self.check();
    }

    fn keep_alive(&mut self, refresh: bool) {
        let request = keep_alive(self.seq, EID);
        let live = self.slot.as_ref().is_some_and(|slot| !slot.withdrawn);
        let known = live
            && self
                .slot
                .as_ref()
                .is_some_and(|it| it.rrq == masked(&request));
        if known && !refresh {
            self.answers += 1;
            let on_its_way = self.copies.iter().any(|(_, _, denies)| *denies);
            assert!(!self.denied || on_its_way, "answered although withdrawn");
            return;
        }
        if !known {
            self.copy(Reason::UnknownRrq, request);
        }
        if !self.registered {
            self.denies(rrj(self.seq));
        } else if known {
            self.denied = false;
        } else {
            self.confirmed(self.seq);
        }
    }

    fn confirmed(&mut self, seq: u16) {
        self.denied = false;
        let answer = rcf(seq, EID).encode().unwrap();
        self.copy(Reason::FromGatekeeper, answer);
    }

    /// RRJ, URQ or UCF passes the box.
    fn denies(&mut self, message: Vec<u8>) {
        self.denied = true;
        let stood = self.slot.as_mut().filter(|slot| !slot.withdrawn);
        let reason = match stood {
            Some(slot) => {
                slot.withdrawn = true;
                Reason::Withdrawn
            }
            None => Reason::FromGatekeeper,
        };
        self.copies.push_back((reason, message, true));
    }

    fn copy(&mut self, reason: Reason, message: Vec<u8>) {
        self.copies.push_back((reason, message, false));
    }

    fn deliver(&mut self) {
        if let Some((reason, message, _)) = self.copies.pop_front() {
            self.world.pass(Duration::from_millis(1));
            let out = self.world.message(reason, endpoint(1), &message);
            self.carry_out(out);
        }
    }

    fn scan(&mut self) {
        let (last_seen, confirmed) = (self.world.now, self.world.now);
        if let Some(slot) = &self.slot {
            let report = SlotReport {
                id: slot.id,
                last_seen,
                answered: u64::from(self.answers),
                confirmed,
                withdrawn: slot.withdrawn,
            };
            let out = self.world.input(Input::SlotReport(report));
            self.carry_out(out);
        }
    }

    fn carry_out(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Publish(template) => {
                    self.slot = Some(Slot {
                        id: template.id,
                        rrq: template.rrq,
                        withdrawn: false,
                    });
                }
                Output::Withdraw { id } => {
                    self.slot = self.slot.take().filter(|slot| slot.id != id);
                }
                _ => {}
            }
        }
    }

    /// When the core knows all, the slot promises nothing that was denied.
    fn check(&self) {
        let live = self.slot.as_ref().is_some_and(|slot| !slot.withdrawn);
        assert!(
            !(live && self.denied && self.copies.is_empty()),
            "a live slot for a withdrawn registration"
        );
    }
}

#[test]
fn the_model_answers_at_all() {
    let mut it = Site::learned();
    it.apply(Step::KeepAlive);
    assert_eq!(it.answers, 1);
    it.apply(Step::Expire);
    it.apply(Step::KeepAlive);
    assert_eq!(it.answers, 1);
    for step in [
        Step::Register,
        Step::KeepAlive,
        Step::KeepAlive,
        Step::KeepAlive,
    ] {
        it.apply(step);
        it.apply(Step::DeliverAll);
        it.apply(Step::Pass);
    }
    it.apply(Step::KeepAlive);
    assert!(it.answers > 1, "known again");
}

#[test]
fn every_sequence_of_four_from_a_learned_one() {
    let count = STEPS.len().pow(4);
    for mut number in 0..count {
        let mut it = Site::learned();
        for _ in 0..4 {
            it.apply(STEPS[number % STEPS.len()]);
            number /= STEPS.len();
        }
        it.apply(Step::KeepAlive);
        it.apply(Step::DeliverAll);
        it.apply(Step::KeepAlive);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn long_ones(steps in proptest::collection::vec(0..STEPS.len() + 4, 1..60)) {
        let mut it = Site::new();
        for step in steps {
            // Keep-alives more often than the rest.
            it.apply(STEPS.get(step).copied().unwrap_or(Step::KeepAlive));
        }
        it.apply(Step::DeliverAll);
        it.apply(Step::KeepAlive);
    }
}
