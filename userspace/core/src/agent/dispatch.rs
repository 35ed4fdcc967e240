//! What gatekeepers say: answers go to the request that they answer, all else to [`super::answer`].
//!
//! Invariant: what does not answer a request under way changes nothing but a sum.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::{
    AlternateGk, GatekeeperConfirm, InfoRequest, RegistrationConfirm, RegistrationReject,
    RegistrationRejectReason, RequestInProgress, UnregRejectReason, UnregRequestReason,
    UnregistrationRequest,
};
use rasline_h225::view::{self, gatekeeper_reject, registration_reject, unregistration_request};
use rasline_h225::{RasMessage, decode_ras, header, messages, text};

use super::agent::{Agent, State};
use super::contested::QUESTION;
use super::registration::Confirmation;
use super::registration_attempt::{Refusal, Verdict};
use super::request::{MULTICAST, Purpose, Request};
use super::step::Step;
use super::targets::{self, Target, allowed, canonical, reachable};
use super::verify::{self, Judgement, Received};
use super::{Config, EventKind, answer, message};
use crate::Time;

/// A URQ with the same number from the same gatekeeper is the same one for this long.
const SAME_URQ: Duration = Duration::from_secs(10);

impl Agent {
    /// A message came.
    pub(super) fn said(&mut self, step: &mut Step<'_>, from: SocketAddr, payload: &[u8]) {
        let (is_known, requests) = (self.is_known(from), &self.requests);
        let is_expected = |seq| requests.expect(from, seq);
        if !(self.door).admits(step.now, payload, is_known, is_expected) {
            self.sums.ignored += 1;
            return;
        }
        let Ok(message) = decode_ras(payload) else {
            self.not_understood(step, from, payload);
            return;
        };
        if !self.believes(step, from, &message, payload) {
            return;
        }
        let seq = message.request_seq_num();
        match message {
            RasMessage::RegistrationConfirm(rcf) => self.confirmed(step, from, rcf),
            RasMessage::RegistrationReject(rrj) => self.rejected(step, from, rrj),
            RasMessage::GatekeeperConfirm(gcf) => self.gatekeeper_found(step, from, gcf),
            RasMessage::GatekeeperReject(grj) => {
                let refusal = Refusal {
                    reason: gatekeeper_reject(&grj.reject_reason).into(),
                    verdict: Verdict::No,
                    assigned: None,
                    alternates: view::alternates(&RasMessage::GatekeeperReject(grj)),
                };
                self.no(step, from, seq, refusal, |purpose| {
                    purpose == Purpose::Discover
                });
            }
            RasMessage::UnknownMessageResponse(_) => {
                let refusal = Refusal {
                    reason: "unknownMessageResponse".into(),
                    verdict: Verdict::No,
                    assigned: None,
                    alternates: None,
                };
                self.no(step, from, seq, refusal, |_| true);
            }
            RasMessage::UnregistrationConfirm(_) | RasMessage::UnregistrationReject(_) => {
                let leave = |purpose| purpose == Purpose::Leave;
                if self.requests.answered(from, seq, leave).is_none() {
                    self.sums.ignored += 1;
                }
            }
            RasMessage::RequestInProgress(rip) => self.put_off(step, from, &rip),
            other => self.asked(step, from, other, payload),
        }
    }

    /// Whether a message may be believed. If not, that is counted, and people are told now and then.
    fn believes(
        &mut self,
        step: &mut Step<'_>,
        from: SocketAddr,
        message: &RasMessage,
        raw: &[u8],
    ) -> bool {
        // What strangers send comes to nothing anyway.
        let is_checked = verify::checks(&self.config);
        if !is_checked || !(self.is_known(from) || self.requests.concern(from)) {
            return true;
        }
        let received = Received {
            from,
            message,
            raw,
            identity: self.identity.as_deref(),
            names: self.names_of(from),
            is_repeated: self.is_asked_again(step.now, from, message),
        };
        let kind = message.kind();
        match self.verifier.verify(step, &self.config, &received) {
            Judgement::Believed => true,
            Judgement::Proved => {
                let held = self.registration.as_ref().map(|held| held.gatekeeper);
                let (config, alternates) = (&self.config, &self.alternates);
                self.verifier.learn(from, kind, |one| {
                    held == Some(one) || targets::is_named(config, alternates, one)
                });
                true
            }
            Judgement::Doubted { why, ahead } => {
                self.sums.unproved[why as usize] += 1;
                let event = self.verifier.report(step.now, from, kind, (why, ahead));
                if let Some(event) = event {
                    self.tell(step, event);
                }
                false
            }
        }
    }

    /// gatekeeperIdentifiers by which the gatekeeper at this address is known.
    fn names_of(&self, from: SocketAddr) -> Vec<String> {
        let held = self.registration.as_ref();
        let held = held.filter(|held| held.gatekeeper == from);
        let held = held.and_then(|held| held.gatekeeper_identifier.clone());
        let asked: &[Target] = match &self.state {
            State::Seeking(attempt) => attempt.target.as_slice(),
            State::Moving(moving) => moving.asked(),
            _ => &[],
        };
        let here = self.candidates().into_iter().chain(asked.iter().cloned());
        here.filter(|one| one.address == from)
            .filter_map(|one| one.gatekeeper_identifier)
            .chain(held)
            .collect()
    }

    /// A request that gets the same answer as the first time, which may be lost.
    fn is_asked_again(&self, now: Time, from: SocketAddr, message: &RasMessage) -> bool {
        match message {
            RasMessage::UnregistrationRequest(urq) => {
                self.is_repeated(now, from, urq.request_seq_num)
            }
            other => other.kind().is_request(),
        }
    }

    /// Whether the gatekeeper at this address must prove what it says, discovery aside.
    pub(super) fn demands_proof(&self, from: SocketAddr) -> bool {
        self.verifier.demands_proof(&self.config, from)
    }

    fn confirmed(&mut self, step: &mut Step<'_>, from: SocketAddr, rcf: RegistrationConfirm) {
        let seq = rcf.request_seq_num;
        let answered = self.requests.answered(from, seq, Purpose::is_registration);
        let Some(request) = answered else {
            if self.requests.late(step.now, from, seq) {
                self.not_needed(step, from, &rcf);
            } else {
                self.sums.ignored += 1;
            }
            return;
        };
        match request.purpose {
            Purpose::Ask { rank, full } => self.taken(step, (rank, full), request, rcf),
            Purpose::KeepAlive => {
                let known = self.registration.as_ref();
                let known = known.and_then(|held| held.gatekeeper_identifier.clone());
                let confirmation = Confirmation {
                    from,
                    asked: known,
                    rcf: &rcf,
                    full: false,
                };
                self.adopt(step, &confirmation);
            }
            Purpose::Register { .. } => {
                let asked = match &self.state {
                    State::Seeking(attempt) => attempt.target.as_ref(),
                    State::Moving(moving) => moving.last_asked(),
                    _ => None,
                };
                let confirmation = Confirmation {
                    from,
                    asked: asked.and_then(|one| one.gatekeeper_identifier.clone()),
                    rcf: &rcf,
                    full: true,
                };
                self.adopt(step, &confirmation);
            }
            Purpose::Discover | Purpose::Leave => {}
        }
    }

    fn rejected(&mut self, step: &mut Step<'_>, from: SocketAddr, rrj: RegistrationReject) {
        let seq = rrj.request_seq_num;
        let assigned = rrj.assigned_gatekeeper.as_ref();
        let refusal = Refusal {
            reason: registration_reject(&rrj.reject_reason).into(),
            verdict: verdict(&rrj.reject_reason),
            assigned: assigned.and_then(|one| assigned_target(&self.config, one)),
            alternates: view::alternates(&RasMessage::RegistrationReject(rrj)),
        };
        self.no(step, from, seq, refusal, Purpose::is_registration);
    }

    /// A rejection, if it answers a request of this kind.
    fn no(
        &mut self,
        step: &mut Step<'_>,
        from: SocketAddr,
        seq: u16,
        refusal: Refusal,
        fits: impl Fn(Purpose) -> bool,
    ) {
        // Of those that hear a multicast, others may still say yes.
        let all = self.requests.open.iter();
        let called_out = all.clone().any(|one| one.to == MULTICAST && one.seq == seq);
        let answered = if called_out {
            None
        } else {
            self.requests.answered(from, seq, fits)
        };
        let Some(request) = answered else {
            self.sums.ignored += 1;
            return;
        };
        self.refused(step, &request, refusal);
    }

    fn refused(&mut self, step: &mut Step<'_>, request: &Request, refusal: Refusal) {
        match request.purpose {
            Purpose::Discover => self.turned_down(step, request.to, true, refusal),
            Purpose::Register { bare } => self.turned_down(step, request.to, bare, refusal),
            Purpose::KeepAlive => self.dropped(step, request.to, refusal),
            Purpose::Ask { rank, .. } => self.not_taken(step, rank, request.to, refusal),
            Purpose::Leave => {}
        }
    }

    fn gatekeeper_found(&mut self, step: &mut Step<'_>, from: SocketAddr, gcf: GatekeeperConfirm) {
        let discover = |purpose| purpose == Purpose::Discover;
        let answered = self.requests.answered(from, gcf.request_seq_num, discover);
        if answered.is_some() {
            self.found(step, from, gcf);
        } else {
            self.sums.ignored += 1;
        }
    }

    fn put_off(&mut self, step: &mut Step<'_>, from: SocketAddr, rip: &RequestInProgress) {
        let delay = Duration::from_millis(rip.delay.into());
        let seq = rip.request_seq_num;
        match self.requests.put_off(step.now, from, seq, delay) {
            Some((Purpose::Ask { .. }, due)) => {
                // Nobody else is asked before its time is over.
                if let State::Moving(moving) = &mut self.state {
                    moving.postpone_next(due);
                }
            }
            Some(_) => {}
            None => self.sums.ignored += 1,
        }
    }

    /// A request of a gatekeeper, or what is none.
    pub(super) fn asked(
        &mut self,
        step: &mut Step<'_>,
        from: SocketAddr,
        message: RasMessage,
        payload: &[u8],
    ) {
        if !self.is_known(from) {
            self.sums.ignored += 1;
            return;
        }
        match message {
            RasMessage::UnregistrationRequest(urq) => self.unregistered(step, from, urq),
            RasMessage::InfoRequest(irq) => self.report(step, from, &irq),
            other => match answer::refusal(&other, payload) {
                Some(answer) => self.send(step, from, answer),
                None => self.sums.ignored += 1,
            },
        }
    }

    /// A message that does not decode: a request of a gatekeeper gets an XRS. Who sent it cannot be seen.
    pub(super) fn not_understood(&mut self, step: &mut Step<'_>, from: SocketAddr, payload: &[u8]) {
        self.sums.ignored += 1;
        let header = header(payload).filter(|header| header.kind.is_request());
        let heard = self.is_known(from) && !self.demands_proof(from);
        if let Some(header) = header.filter(|_| heard) {
            self.send(step, from, messages::xrs(header.seq, payload));
        }
    }

    /// Whether this may be one of its gatekeepers.
    pub(super) fn is_known(&self, from: SocketAddr) -> bool {
        let held = self.registration.as_ref().map(|held| held.gatekeeper);
        held == Some(from) || targets::is_named(&self.config, &self.alternates, from)
    }

    fn unregistered(&mut self, step: &mut Step<'_>, from: SocketAddr, urq: UnregistrationRequest) {
        let seq = urq.request_seq_num;
        let named = urq.endpoint_identifier.as_ref().map(text::from_bmp);
        let own = self.registration.as_ref().is_some_and(|held| {
            held.gatekeeper == from && named.is_some_and(|named| named == held.endpoint_identifier)
        });
        if self.is_repeated(step.now, from, seq) {
            self.send(step, from, messages::ucf(seq));
        } else if own && self.demands_proof(from) {
            self.obey(step, urq, false);
        } else if own {
            self.contest(step, urq);
        } else {
            let reason = UnregRejectReason::NotCurrentlyRegistered;
            self.send(step, from, messages::urj(seq, reason));
        }
    }

    /// An IRQ of the own gatekeeper gets an IRR; others have nothing to ask.
    fn report(&mut self, step: &mut Step<'_>, from: SocketAddr, irq: &InfoRequest) {
        let held = self.registration.as_ref();
        let Some(held) = held.filter(|held| held.gatekeeper == from) else {
            self.sums.ignored += 1;
            return;
        };
        let to = irq.reply_address.as_ref().and_then(text::from_transport);
        let to = to
            .map(canonical)
            .filter(|address| reachable(&self.config, *address))
            .unwrap_or(from);
        let seq = irq.request_seq_num;
        if let Ok(irr) = message::status(&self.config, seq, &held.endpoint_identifier) {
            self.send(step, to, irr);
        }
    }

    /// A URQ that is not proved, of the gatekeeper that has the registration.
    pub(super) fn contest(&mut self, step: &mut Step<'_>, mut urq: UnregistrationRequest) {
        if self.contested.is_quiet(step.now) {
            self.sums.ignored += 1;
            return;
        }
        if !matches!(self.state, State::Registered { .. }) {
            // It is on its way to another one; where to is not for this message to say.
            urq.alternate_gatekeeper = None;
            urq.assigned_gatekeeper = None;
            self.obey(step, urq, false);
            return;
        }
        self.contested.begin(urq);
        if !self.requests.is_asking_own() && !self.ask_own(step, QUESTION) {
            self.obey_contested(step, false);
        }
    }

    /// The gatekeeper rejected the registration, or is silent: a URQ that it was asked about is obeyed. False: there was
    /// none.
    pub(super) fn obey_contested(&mut self, step: &mut Step<'_>, silent: bool) -> bool {
        let Some(urq) = self.contested.take() else {
            return false;
        };
        self.obey(step, urq, silent);
        true
    }

    /// A URQ that counts; of a gatekeeper that is silent now, or that goes on answering.
    pub(super) fn obey(&mut self, step: &mut Step<'_>, urq: UnregistrationRequest, silent: bool) {
        let Some(gatekeeper) = self.registration.as_ref().map(|held| held.gatekeeper) else {
            return;
        };
        self.send(step, gatekeeper, messages::ucf(urq.request_seq_num));
        self.dismiss(step, gatekeeper, urq, silent);
    }

    /// The gatekeeper confirmed the registration: a URQ in its name that it was asked about changes nothing.
    pub(super) fn contradict(&mut self, step: &mut Step<'_>, gatekeeper: SocketAddr) {
        if let Some(is_due) = self.contested.contradict(step.now) {
            self.sums.ignored += 1;
            if is_due {
                self.tell(step, EventKind::Contradicted { gatekeeper });
            }
        }
    }

    /// A URQ for the registration that it has.
    fn dismiss(
        &mut self,
        step: &mut Step<'_>,
        from: SocketAddr,
        urq: UnregistrationRequest,
        silent: bool,
    ) {
        let (seq, reason) = (urq.request_seq_num, urq.reason.clone());
        self.dismissed = Some((from, seq, step.now));
        let words = reason.as_ref().map_or("no reason", unregistration_request);
        self.tell(
            step,
            EventKind::Unregistered {
                gatekeeper: from,
                reason: words.into(),
            },
        );
        self.calm_if_steady(step.now);
        let assigned = urq.assigned_gatekeeper.as_ref();
        let assigned = assigned.and_then(|one| assigned_target(&self.config, one));
        let mut others =
            self.adopt_alternates(view::alternates(&RasMessage::UnregistrationRequest(urq)));
        others.splice(0..0, assigned);
        let here = self.own_target(from);
        self.registration = None;
        self.keep(step);
        if !matches!(self.state, State::Registered { .. }) {
            // It is on its way to another one already.
            return;
        }
        if !others.is_empty() {
            others.push(here);
            if !self.rests(step) {
                self.ask(step, others);
            }
        } else if silent
            || matches!(
                reason,
                Some(UnregRequestReason::Maintenance | UnregRequestReason::SecurityDenial)
            )
        {
            let mut targets = self.candidates();
            targets.sort_by_key(|target| target.address == from);
            self.begin_again(step, targets);
        } else {
            self.begin_again(step, vec![here]);
        }
    }

    /// Whether this URQ was obeyed already.
    pub(super) fn is_repeated(&self, now: Time, from: SocketAddr, seq: u16) -> bool {
        self.dismissed.is_some_and(|(gatekeeper, number, at)| {
            (gatekeeper, number) == (from, seq) && now.since(at) < SAME_URQ
        })
    }
}

/// What a rejection of an RRQ asks for.
const fn verdict(reason: &RegistrationRejectReason) -> Verdict {
    match reason {
        RegistrationRejectReason::FullRegistrationRequired => Verdict::Full,
        RegistrationRejectReason::DiscoveryRequired => Verdict::Discover,
        RegistrationRejectReason::ResourceUnavailable
        | RegistrationRejectReason::RegisterWithAssignedGk => Verdict::Elsewhere,
        _ => Verdict::No,
    }
}

/// assignedGatekeeper, which always wants a registration.
fn assigned_target(config: &Config, one: &AlternateGk) -> Option<Target> {
    let address = text::from_transport(&one.ras_address).map(canonical)?;
    let identifier = one.gatekeeper_identifier.as_ref().map(text::from_bmp);
    allowed(config, address).then(|| Target {
        register: true,
        ..Target::learned(address, identifier)
    })
}
