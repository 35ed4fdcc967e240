//! Discovering and Registering: GRQ and full RRQ to one candidate after the other.
//!
//! Invariant: one request is under way at a time; a candidate is asked once in an attempt, so that every attempt ends.

use std::collections::VecDeque;
use std::net::SocketAddr;

use rasline_h225::types::GatekeeperConfirm;
use rasline_h225::view::{self, Alternates};
use rasline_h225::{RasMessage, text};

use super::agent::{Agent, State, Step};
use super::request::{GRQ, MULTICAST, Purpose, RRQ};
use super::targets::{Target, allowed, canonical, distinct};
use super::{Discovery, EventKind, message};

/// Candidates of one attempt at most.
const MOST_TRIED: usize = 32;

/// Which request is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttemptPhase {
    Discovering,
    Registering,
}

/// An attempt at all candidates in turn.
#[derive(Debug)]
pub(super) struct RegistrationAttempt {
    pub phase: AttemptPhase,
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
    pub(super) fn seek(&mut self, step: &mut Step<'_>, first: Vec<Target>, discover: bool) {
        self.requests.abandon(step.now);
        let queue = distinct(first.into_iter().chain(self.candidates()));
        self.state = State::Seeking(RegistrationAttempt {
            phase: AttemptPhase::Registering,
            target: None,
            queue: queue.into(),
            tried: Vec::new(),
            discover,
            discovered: false,
        });
        if discover && self.config.discovery == Discovery::Multicast && self.call_out(step) {
            return;
        }
        self.next_candidate(step);
    }

    fn call_out(&mut self, step: &mut Step<'_>) -> bool {
        if let State::Seeking(attempt) = &mut self.state {
            attempt.phase = AttemptPhase::Discovering;
        }
        let seq = self.next_seq();
        let grq = message::discovery(&self.config, seq, None);
        self.request(step, MULTICAST, Purpose::Discover, GRQ, grq)
    }

    fn next_candidate(&mut self, step: &mut Step<'_>) {
        while let State::Seeking(attempt) = &mut self.state {
            let next = attempt.queue.pop_front();
            let Some(target) = next.filter(|_| attempt.tried.len() < MOST_TRIED) else {
                self.nobody(step);
                return;
            };
            if attempt.tried.contains(&target.address) {
                continue;
            }
            attempt.tried.push(target.address);
            attempt.discovered = false;
            let sent = if target.discover || (attempt.discover && !target.learned) {
                self.discover(step, target)
            } else {
                self.register(step, target, false)
            };
            if sent {
                return;
            }
        }
    }

    fn discover(&mut self, step: &mut Step<'_>, target: Target) -> bool {
        let seq = self.next_seq();
        let grq = message::discovery(&self.config, seq, target.gatekeeper_identifier.as_ref());
        let to = target.address;
        self.enter_phase(AttemptPhase::Discovering, target);
        self.request(step, to, Purpose::Discover, GRQ, grq)
    }

    fn register(&mut self, step: &mut Step<'_>, target: Target, bare: bool) -> bool {
        let seq = self.next_seq();
        let identity = self.identity.as_ref().filter(|_| !bare);
        let bare = identity.is_none();
        let found = matches!(&self.state, State::Seeking(attempt) if attempt.discovered);
        let identifier = target.gatekeeper_identifier.as_ref();
        let rrq = message::full(&self.config, seq, identifier, identity, found);
        let to = target.address;
        self.enter_phase(AttemptPhase::Registering, target);
        self.request(step, to, Purpose::Register { bare }, RRQ, rrq)
    }

    fn enter_phase(&mut self, phase: AttemptPhase, target: Target) {
        if let State::Seeking(attempt) = &mut self.state {
            attempt.phase = phase;
            attempt.target = Some(target);
        }
    }

    /// A GCF to the GRQ under way.
    pub(super) fn found(&mut self, step: &mut Step<'_>, from: SocketAddr, gcf: GatekeeperConfirm) {
        let address = text::from_transport(&gcf.ras_address).map(canonical);
        let address = address
            .filter(|address| allowed(&self.config, *address))
            .unwrap_or(from);
        let identifier = gcf.gatekeeper_identifier.as_ref().map(text::from_bmp);
        let named = view::alternates(&RasMessage::GatekeeperConfirm(gcf));
        let targets = self.adopt_alternates(named);
        let State::Seeking(attempt) = &mut self.state else {
            return;
        };
        attempt.discovered = true;
        attempt.queue.extend(targets);
        attempt.tried.push(address);
        if !self.register(step, Target::learned(address, identifier), false) {
            self.next_candidate(step);
        }
        self.keep(step);
    }

    /// A GRJ or RRJ to the request under way.
    pub(super) fn turned_down(
        &mut self,
        step: &mut Step<'_>,
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
        self.tell(step, EventKind::Rejected { gatekeeper, reason });
        let named = self.adopt_alternates(alternates);
        self.keep(step);
        let State::Seeking(attempt) = &mut self.state else {
            return;
        };
        for target in assigned.into_iter().chain(named).rev() {
            attempt.queue.push_front(target);
        }
        let again = attempt.target.clone();
        let sent = match (verdict, again) {
            // The identifier is another's, or it was said of an identifier that is not known here.
            (Verdict::Full, Some(target)) if !bare => self.register(step, target, true),
            (Verdict::Discover, Some(target)) if !attempt.discovered => {
                attempt.discovered = true;
                self.discover(step, target)
            }
            _ => false,
        };
        if !sent {
            self.next_candidate(step);
        }
    }

    /// No answer from the candidate, or to the multicast.
    pub(super) fn candidate_silent(&mut self, step: &mut Step<'_>) {
        self.next_candidate(step);
    }

    fn nobody(&mut self, step: &mut Step<'_>) {
        self.registration = None;
        let rest = self.rounds.next_pause(&mut self.dice, 0);
        self.state = State::Waiting {
            until: step.now.after(rest),
        };
        if !std::mem::replace(&mut self.forlorn, true) {
            self.tell(step, EventKind::NoGatekeeper);
        }
    }
}
