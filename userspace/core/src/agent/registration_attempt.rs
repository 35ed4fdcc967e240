//! Discovering and Registering: GRQ and full RRQ to one candidate after the other.
//!
//! Invariant: one request is under way at a time; a candidate is asked once in a round, so that every round ends.

use std::collections::VecDeque;
use std::net::SocketAddr;

use rasline_h225::types::GatekeeperConfirm;
use rasline_h225::view::{self, Alternates};
use rasline_h225::{RasMessage, text};

use super::agent::{Agent, Cx, State};
use super::request::{GRQ, MULTICAST, Purpose, RRQ};
use super::targets::{Target, allowed, canonical, distinct};
use super::{Discovery, EventKind, message};

/// Candidates of one round at most.
const MOST_TRIED: usize = 32;

/// Which request is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Discovering,
    Registering,
}

/// A round of all candidates.
#[derive(Debug)]
pub(super) struct RegistrationAttempt {
    pub step: Step,
    /// Who is asked; `None`: whoever hears the multicast.
    pub target: Option<Target>,
    queue: VecDeque<Target>,
    tried: Vec<SocketAddr>,
    /// GRQ before the RRQ.
    discover: bool,
    /// The target answered a GRQ.
    discovered: bool,
}

/// What a rejection says.
#[derive(Debug)]
pub(super) struct Refusal {
    pub reason: String,
    pub verdict: Verdict,
    pub alternates: Option<Alternates>,
    /// assignedGatekeeper.
    pub assigned: Option<Target>,
}

/// What a rejection asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A full RRQ.
    Full,
    /// A GRQ.
    Discover,
    /// Another gatekeeper.
    Elsewhere,
    /// Nothing that helps.
    No,
}

impl Agent {
    /// Registers in full: `first`, then every other candidate.
    pub(super) fn seek(&mut self, cx: &mut Cx<'_>, first: Vec<Target>, discover: bool) {
        self.requests.abandon(cx.now);
        let queue = distinct(first.into_iter().chain(self.candidates()));
        self.state = State::Seeking(RegistrationAttempt {
            step: Step::Registering,
            target: None,
            queue: queue.into(),
            tried: Vec::new(),
            discover,
            discovered: false,
        });
        if discover && self.config.discovery == Discovery::Multicast && self.call_out(cx) {
            return;
        }
        self.next_candidate(cx);
    }

    fn call_out(&mut self, cx: &mut Cx<'_>) -> bool {
        if let State::Seeking(round) = &mut self.state {
            round.step = Step::Discovering;
        }
        let seq = self.next_seq();
        let grq = message::discovery(&self.config, seq, None);
        self.request(cx, MULTICAST, Purpose::Discover, GRQ, grq)
    }

    fn next_candidate(&mut self, cx: &mut Cx<'_>) {
        while let State::Seeking(round) = &mut self.state {
            let next = round.queue.pop_front();
            let Some(target) = next.filter(|_| round.tried.len() < MOST_TRIED) else {
                self.nobody(cx);
                return;
            };
            if round.tried.contains(&target.address) {
                continue;
            }
            round.tried.push(target.address);
            round.discovered = false;
            let sent = if target.discover || (round.discover && !target.learned) {
                self.discover(cx, target)
            } else {
                self.register(cx, target, false)
            };
            if sent {
                return;
            }
        }
    }

    fn discover(&mut self, cx: &mut Cx<'_>, target: Target) -> bool {
        let seq = self.next_seq();
        let grq = message::discovery(&self.config, seq, target.gatekeeper_identifier.as_ref());
        let to = target.address;
        self.step(Step::Discovering, target);
        self.request(cx, to, Purpose::Discover, GRQ, grq)
    }

    fn register(&mut self, cx: &mut Cx<'_>, target: Target, bare: bool) -> bool {
        let seq = self.next_seq();
        let identity = self.identity.as_ref().filter(|_| !bare);
        let bare = identity.is_none();
        let found = matches!(&self.state, State::Seeking(round) if round.discovered);
        let identifier = target.gatekeeper_identifier.as_ref();
        let rrq = message::full(&self.config, seq, identifier, identity, found);
        let to = target.address;
        self.step(Step::Registering, target);
        self.request(cx, to, Purpose::Register { bare }, RRQ, rrq)
    }

    fn step(&mut self, step: Step, target: Target) {
        if let State::Seeking(round) = &mut self.state {
            round.step = step;
            round.target = Some(target);
        }
    }

    /// A GCF to the GRQ under way.
    pub(super) fn found(&mut self, cx: &mut Cx<'_>, from: SocketAddr, gcf: GatekeeperConfirm) {
        let address = text::from_transport(&gcf.ras_address).map(canonical);
        let address = address
            .filter(|address| allowed(&self.config, *address))
            .unwrap_or(from);
        let identifier = gcf.gatekeeper_identifier.as_ref().map(text::from_bmp);
        let named = view::alternates(&RasMessage::GatekeeperConfirm(gcf));
        let targets = self.heed(named);
        let State::Seeking(round) = &mut self.state else {
            return;
        };
        round.discovered = true;
        round.queue.extend(targets);
        round.tried.push(address);
        if !self.register(cx, Target::learned(address, identifier), false) {
            self.next_candidate(cx);
        }
        self.keep(cx);
    }

    /// A GRJ or RRJ to the request under way.
    pub(super) fn turned_down(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        bare: bool,
        refusal: Refusal,
    ) {
        let Refusal {
            reason,
            verdict,
            alternates,
            assigned,
        } = refusal;
        let gatekeeper = from;
        self.tell(cx, EventKind::Rejected { gatekeeper, reason });
        let named = self.heed(alternates);
        self.keep(cx);
        let State::Seeking(round) = &mut self.state else {
            return;
        };
        for target in assigned.into_iter().chain(named).rev() {
            round.queue.push_front(target);
        }
        let again = round.target.clone();
        let sent = match (verdict, again) {
            // The identifier is another's, or it was said of an identifier that is not known here.
            (Verdict::Full, Some(target)) if !bare => self.register(cx, target, true),
            (Verdict::Discover, Some(target)) if !round.discovered => {
                round.discovered = true;
                self.discover(cx, target)
            }
            _ => false,
        };
        if !sent {
            self.next_candidate(cx);
        }
    }

    /// No answer from the candidate, or to the multicast.
    pub(super) fn candidate_silent(&mut self, cx: &mut Cx<'_>) {
        self.next_candidate(cx);
    }

    fn nobody(&mut self, cx: &mut Cx<'_>) {
        self.registration = None;
        let rest = self.rounds.next_pause(&mut self.dice, 0);
        self.state = State::Waiting {
            until: cx.now.after(rest),
        };
        if !std::mem::replace(&mut self.forlorn, true) {
            self.tell(cx, EventKind::NoGatekeeper);
        }
    }
}
