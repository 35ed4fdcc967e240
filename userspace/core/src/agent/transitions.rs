//! The transitions of the module's diagram: what an agent does next, as its parts decide.
//!
//! Invariant: a registration comes from an RCF to a request of this agent.

use std::net::SocketAddr;

use rasline_h225::types::{GatekeeperConfirm, RegistrationConfirm};
use rasline_h225::view;
use rasline_h225::{RasMessage, text};

use super::agent::{Agent, State};
use super::moving::Moving;
use super::registration::{Confirmation, Registration};
use super::registration_attempt::{NextRequest, Refusal, RegistrationAttempt, Verdict};
use super::request::{GRQ, MULTICAST, Purpose, RRQ, Request};
use super::step::Step;
use super::targets::{Target, allowed, canonical, distinct};
use super::{Discovery, EventKind, Signalling, Strategy, message};
use crate::transaction::Retry;

/// Transitions of an attempt to register in full: Discovering and Registering.
impl Agent {
    /// Registers in full: `first`, then every other candidate.
    pub(super) fn seek(&mut self, step: &mut Step<'_>, first: Vec<Target>, discover: bool) {
        self.requests.abandon(step.now);
        let candidates = distinct(first.into_iter().chain(self.candidates()));
        self.state = State::Seeking(RegistrationAttempt::new(candidates, discover));
        if discover && self.config.discovery == Discovery::Multicast && self.call_out(step) {
            return;
        }
        self.next_candidate(step);
    }

    fn call_out(&mut self, step: &mut Step<'_>) -> bool {
        if let State::Seeking(attempt) = &mut self.state {
            attempt.begin_multicast();
        }
        let seq = self.next_seq();
        let grq = message::discovery(&self.config, seq, None);
        self.request(step, MULTICAST, Purpose::Discover, GRQ, grq)
    }

    /// Goes on to the next candidate of the attempt, or waits if all were tried.
    pub(super) fn next_candidate(&mut self, step: &mut Step<'_>) {
        while let State::Seeking(attempt) = &mut self.state {
            let Some(next) = attempt.next_candidate() else {
                self.wait_for_next_attempt(step);
                return;
            };
            if self.send_next(step, next) {
                return;
            }
        }
    }

    /// Sends a request of the attempt. Returns false if it cannot be sent.
    fn send_next(&mut self, step: &mut Step<'_>, next: NextRequest) -> bool {
        let seq = self.next_seq();
        match next {
            NextRequest::Discover(target) => {
                let identifier = target.gatekeeper_identifier.as_ref();
                let grq = message::discovery(&self.config, seq, identifier);
                self.request(step, target.address, Purpose::Discover, GRQ, grq)
            }
            NextRequest::Register { target, bare } => {
                let identity = self.identity.as_ref().filter(|_| !bare);
                let bare = identity.is_none();
                let found = matches!(&self.state, State::Seeking(one) if one.is_discovered());
                let identifier = target.gatekeeper_identifier.as_ref();
                let rrq = message::full(&self.config, seq, identifier, identity, found);
                self.request(step, target.address, Purpose::Register { bare }, RRQ, rrq)
            }
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
        let named = self.adopt_alternates(named);
        let State::Seeking(attempt) = &mut self.state else {
            return;
        };
        let next = attempt.handle_gcf(Target::learned(address, identifier), named);
        if !self.send_next(step, next) {
            self.next_candidate(step);
        }
        self.keep(step);
    }

    /// A GRJ or RRJ to the request under way.
    pub(super) fn turned_down(
        &mut self,
        step: &mut Step<'_>,
        gatekeeper: SocketAddr,
        bare: bool,
        mut refusal: Refusal,
    ) {
        let reason = std::mem::take(&mut refusal.reason);
        self.tell(step, EventKind::Rejected { gatekeeper, reason });
        let named = self.adopt_alternates(refusal.alternates.take());
        self.keep(step);
        let State::Seeking(attempt) = &mut self.state else {
            return;
        };
        let next = attempt.handle_rejection(bare, refusal, named);
        if !next.is_some_and(|next| self.send_next(step, next)) {
            self.next_candidate(step);
        }
    }

    fn wait_for_next_attempt(&mut self, step: &mut Step<'_>) {
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

/// Transitions of a registration: Registered.
impl Agent {
    /// An RCF to a request: its sender is the gatekeeper now.
    pub(super) fn adopt(&mut self, step: &mut Step<'_>, confirmation: &Confirmation<'_>) {
        let Confirmation {
            from, rcf, full, ..
        } = *confirmation;
        self.requests.abandon(step.now);
        let old = self.registration.take();
        let same = old.as_ref().is_some_and(|old| old.gatekeeper == from);
        let closed = self.link.take_closed().filter(|_| same);
        if same {
            self.contradict(step, from);
        } else {
            self.contested.take();
        }
        let still = same && matches!(self.state, State::Registered { .. });
        let held = Registration::new(step.now, &self.config, confirmation, old.as_ref());
        self.identity = Some(held.endpoint_identifier.clone());
        self.home = Some(from);
        self.state = State::Registered {
            refresh: held.refresh_at(step.now, &mut self.dice),
        };
        self.registration = Some(held);
        self.leave_old(step, old, full);
        if closed.is_some_and(|open| self.link.count_close(from, open))
            && self.config.signalling == Signalling::Auto
        {
            self.tell(step, EventKind::SignallingPerCall { gatekeeper: from });
        }
        self.count_success(full);
        if (!still && closed.is_none()) || full {
            let (gatekeeper, lightweight) = (from, !full);
            self.tell(
                step,
                EventKind::Registered {
                    gatekeeper,
                    lightweight,
                },
            );
        }
        if !still || full {
            self.connect(step);
        }
        if let Some(named) = view::alternates(&RasMessage::RegistrationConfirm(rcf.clone())) {
            self.adopt_alternates(Some(named));
        }
        self.keep(step);
    }

    const fn count_success(&mut self, full: bool) {
        self.rounds.reset();
        (self.forlorn, self.restored) = (false, false);
        if full {
            self.sums.registrations += 1;
        } else {
            self.sums.keep_alives += 1;
        }
    }

    /// The gatekeeper of the registration before may still answer calls to it. With the same endpointIdentifier, confirmed
    /// by a lightweight RRQ, both share what they know, so that a URQ would end the one that is wanted.
    fn leave_old(&mut self, step: &mut Step<'_>, old: Option<Registration>, full: bool) {
        let (Some(old), Some(held)) = (old, &self.registration) else {
            return;
        };
        let shared = !full && old.endpoint_identifier == held.endpoint_identifier;
        if old.gatekeeper != held.gatekeeper && !shared {
            let identifier = old.gatekeeper_identifier.as_ref();
            self.unregister(step, old.gatekeeper, identifier, &old.endpoint_identifier);
        }
    }

    /// Sends a lightweight RRQ: timeToLive ends soon.
    pub(super) fn refresh(&mut self, step: &mut Step<'_>) {
        let Some(held) = &self.registration else {
            return;
        };
        let retry = held.refresh_retry();
        if !self.ask_own(step, retry) {
            self.begin_again(step, Vec::new());
        }
    }

    /// A lightweight RRQ to the gatekeeper that it is registered with. False: it cannot be sent.
    pub(super) fn ask_own(&mut self, step: &mut Step<'_>, retry: Retry) -> bool {
        self.state = State::Registered { refresh: None };
        let seq = self.next_seq();
        let Some(held) = &self.registration else {
            return false;
        };
        let (to, identifier) = (held.gatekeeper, held.gatekeeper_identifier.as_ref());
        let rrq = message::lightweight(&self.config, seq, identifier, &held.endpoint_identifier);
        self.request(step, to, Purpose::KeepAlive, retry, rrq)
    }

    /// The gatekeeper does not answer lightweight RRQs.
    pub(super) fn gatekeeper_silent(&mut self, step: &mut Step<'_>) {
        if let Some(held) = &self.registration {
            let gatekeeper = held.gatekeeper;
            self.tell(step, EventKind::Silent { gatekeeper });
        }
        if self.obey_contested(step, true) {
            return;
        }
        self.ask_others(step, Vec::new());
    }

    /// An RRJ to a lightweight RRQ.
    pub(super) fn dropped(&mut self, step: &mut Step<'_>, from: SocketAddr, refusal: Refusal) {
        let reason = refusal.reason;
        let gatekeeper = from;
        let here = self.own_target(from);
        self.calm_if_steady(step.now);
        let mut others = self.adopt_alternates(refusal.alternates);
        if self.obey_contested(step, false) {
            return;
        }
        self.tell(step, EventKind::Rejected { gatekeeper, reason });
        others.splice(0..0, refusal.assigned);
        self.keep(step);
        if refusal.verdict == Verdict::Elsewhere || !others.is_empty() {
            if !self.rests(step) {
                self.ask_others(step, others);
            }
            self.registration = None;
            return;
        }
        self.registration = None;
        match refusal.verdict {
            Verdict::Full | Verdict::Discover => {
                let discover = refusal.verdict == Verdict::Discover;
                self.begin_again(step, vec![Target { discover, ..here }]);
            }
            Verdict::Elsewhere | Verdict::No => {
                let mut targets = self.candidates();
                targets.sort_by_key(|target| target.address == from);
                self.begin_again(step, targets);
            }
        }
    }

    /// Registers in full, at once unless that was too often needed of late.
    pub(super) fn begin_again(&mut self, step: &mut Step<'_>, targets: Vec<Target>) {
        if !self.rests(step) {
            self.seek(step, targets, false);
        }
    }

    /// Whether it must wait before it tries again, and then it does.
    pub(super) fn rests(&mut self, step: &mut Step<'_>) -> bool {
        let rest = self.flaps.next_pause(&mut self.dice, 2);
        if !rest.is_zero() {
            self.requests.abandon(step.now);
            let until = step.now.after(rest);
            self.state = State::Waiting { until };
        }
        !rest.is_zero()
    }

    /// The gatekeeper at this address, by the name of the registration.
    pub(super) fn own_target(&self, address: SocketAddr) -> Target {
        let held = self.registration.as_ref();
        let identifier = held.and_then(|held| held.gatekeeper_identifier.clone());
        Target::learned(address, identifier)
    }

    /// The operator wants a full registration, with the gatekeeper that it has if it has one.
    pub(super) fn reregister(&mut self, step: &mut Step<'_>) {
        if matches!(self.state, State::Leaving) {
            return;
        }
        self.verifier.forget_signers();
        self.link.forget_closes();
        let home = self.registration.as_ref().map(|held| held.gatekeeper);
        let first = home.map(|home| self.own_target(home)).into_iter().collect();
        let discover = home.is_none() && self.config.discovery != Discovery::Off;
        self.seek(step, first, discover);
    }
}

/// Transitions of a move to another gatekeeper: Moving.
impl Agent {
    /// Asks `first`, then all candidates, the lost gatekeeper last.
    pub(super) fn ask_others(&mut self, step: &mut Step<'_>, first: Vec<Target>) {
        let lost = self.lost_target();
        let mut targets = distinct(
            first
                .into_iter()
                .chain(self.candidates())
                .chain(lost.clone()),
        );
        let address = lost.map(|target| target.address);
        targets.sort_by_key(|target| Some(target.address) == address);
        self.ask(step, targets);
    }

    /// Asks the gatekeeper that closed the connection in order, then all candidates.
    pub(super) fn ask_own_first(&mut self, step: &mut Step<'_>) {
        let own = self.lost_target();
        let all = distinct(own.into_iter().chain(self.candidates()));
        self.ask(step, all);
        if let State::Moving(moving) = &mut self.state {
            moving.favour_first(step.now);
        }
    }

    /// Asks these whether they take it as it is.
    pub(super) fn ask(&mut self, step: &mut Step<'_>, targets: Vec<Target>) {
        self.requests.abandon(step.now);
        if self.identity.is_none() {
            self.seek(step, targets, false);
            return;
        }
        self.state = State::Moving(Moving::new(step.now, targets, self.config.t1));
        self.ask_on(step);
    }

    /// Asks the next one, or all that are left, or ends it if there is nothing to wait for.
    pub(super) fn ask_on(&mut self, step: &mut Step<'_>) {
        while let State::Moving(moving) = &mut self.state {
            let Some((rank, target)) = moving.next_candidate(step.now) else {
                self.settle_move(step);
                return;
            };
            let retry = moving.retry();
            let sent = self.ask_one(step, rank, &target, retry);
            if sent && self.config.strategy == Strategy::InOrder {
                return;
            }
        }
    }

    fn ask_one(&mut self, step: &mut Step<'_>, rank: usize, target: &Target, retry: Retry) -> bool {
        let seq = self.next_seq();
        let Some(identity) = &self.identity else {
            return false;
        };
        let (full, identifier) = (target.register, target.gatekeeper_identifier.as_ref());
        let rrq = if full {
            message::full(&self.config, seq, identifier, Some(identity), true)
        } else {
            message::lightweight(&self.config, seq, identifier, identity)
        };
        let purpose = Purpose::Ask { rank, full };
        self.request(step, target.address, purpose, retry, rrq)
    }

    /// Something of the move is due.
    pub(super) fn moving_due(&mut self, step: &mut Step<'_>) {
        if let State::Moving(moving) = &mut self.state {
            if moving.is_over(step.now) {
                self.end_move(step);
            } else {
                moving.next_is_due();
                self.ask_on(step);
            }
        }
    }

    /// An RCF to one of the RRQs.
    pub(super) fn taken(
        &mut self,
        step: &mut Step<'_>,
        (rank, full): (usize, bool),
        request: Request,
        rcf: RegistrationConfirm,
    ) {
        let State::Moving(moving) = &mut self.state else {
            return;
        };
        if self.config.strategy == Strategy::InOrder {
            let confirmation = Confirmation {
                from: request.to,
                asked: moving.identifier_of(rank),
                rcf: &rcf,
                full,
            };
            self.adopt(step, &confirmation);
            return;
        }
        moving.handle_rcf(step.now, rank, request, rcf);
        self.settle_move(step);
    }

    /// An RRJ to one of the RRQs.
    pub(super) fn not_taken(
        &mut self,
        step: &mut Step<'_>,
        rank: usize,
        gatekeeper: SocketAddr,
        mut refusal: Refusal,
    ) {
        let reason = std::mem::take(&mut refusal.reason);
        self.tell(step, EventKind::Rejected { gatekeeper, reason });
        let named = self.adopt_alternates(refusal.alternates.take());
        self.keep(step);
        if let State::Moving(moving) = &mut self.state {
            moving.handle_rrj(rank, refusal, named);
            self.ask_on(step);
        }
    }

    /// Ends it if nothing better can come.
    fn settle_move(&mut self, step: &mut Step<'_>) {
        let State::Moving(moving) = &self.state else {
            return;
        };
        let settled = moving.is_settled(self.requests.asks().map(|(rank, _)| rank));
        if settled {
            self.end_move(step);
        }
    }

    /// The best one that confirmed wins; without one, it registers in full.
    fn end_move(&mut self, step: &mut Step<'_>) {
        let State::Moving(moving) = &mut self.state else {
            return;
        };
        let outcome = moving.finish();
        let Some(best) = outcome.winner else {
            self.register_after_move(step, outcome.willing);
            return;
        };
        let confirmation = Confirmation {
            from: best.request.to,
            asked: moving.identifier_of(best.rank()),
            rcf: &best.rcf,
            full: best.is_full(),
        };
        self.adopt(step, &confirmation);
        for loser in outcome.losers {
            self.not_needed(step, loser.request.to, &loser.rcf);
        }
    }

    fn register_after_move(&mut self, step: &mut Step<'_>, mut willing: Vec<Target>) {
        let lost = self.lost_target();
        let others = self.candidates().into_iter();
        let address = lost.as_ref().map(|target| target.address);
        willing.extend(others.filter(|target| Some(target.address) != address));
        willing.extend(lost);
        self.seek(step, willing, false);
    }

    fn lost_target(&self) -> Option<Target> {
        self.registration.as_ref().map(Registration::target)
    }

    /// An RCF of one that is not to have it: its registration ends, if it is another one. With the same
    /// endpointIdentifier both may share what they know, so that a URQ would end the one that is wanted.
    pub(super) fn not_needed(
        &mut self,
        step: &mut Step<'_>,
        from: SocketAddr,
        rcf: &RegistrationConfirm,
    ) {
        let granted = text::from_bmp(&rcf.endpoint_identifier);
        let held = self.registration.as_ref();
        if held.is_some_and(|held| held.gatekeeper != from && held.endpoint_identifier != granted) {
            let identifier = rcf.gatekeeper_identifier.as_ref();
            let identifier = identifier.map(text::from_bmp);
            self.unregister(step, from, identifier.as_ref(), &granted);
        }
    }
}
