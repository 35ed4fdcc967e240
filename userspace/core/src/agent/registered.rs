//! Registered: RCFs, lightweight RRQs in time, and what ends it.
//!
//! Invariant: a registration comes from an RCF to a request of this agent.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::{RegistrationConfirm, UnregRequestReason, UnregistrationRequest};
use rasline_h225::view::{self, unregistration_request};
use rasline_h225::{RasMessage, messages, text};

use super::agent::{Agent, Registration, State, Step};
use super::bearing::Bearing;
use super::contested::QUESTION;
use super::registration_attempt::{Refusal, Verdict};
use super::request::{Purpose, RRQ};
use super::targets::{Target, canonical, reachable};
use super::{Discovery, EventKind, Signalling, message};
use crate::Time;
use crate::transaction::Retry;

/// Where gatekeepers want calls, if they do not say.
const CALL_SIGNALLING_PORT: u16 = 1720;
/// Between repetitions of a lightweight RRQ, at least.
const LEAST_REPEAT: Duration = Duration::from_millis(200);
/// A URQ with the same number from the same gatekeeper is the same one for this long.
const SAME_URQ: Duration = Duration::from_secs(10);

impl Agent {
    /// An RCF to a request: this is the gatekeeper now.
    pub(super) fn adopt(
        &mut self,
        step: &mut Step<'_>,
        from: SocketAddr,
        asked: Option<String>,
        rcf: &RegistrationConfirm,
        full: bool,
    ) {
        self.requests.abandon(step.now);
        let old = self.registration.take();
        let same = old.as_ref().is_some_and(|old| old.gatekeeper == from);
        let closed = self.closed.take().filter(|_| same);
        if same {
            self.contradict(step, from);
        } else {
            self.contested.take();
        }
        let still = same && matches!(self.state, State::Registered { .. });
        let registration = self.read(step.now, from, asked, rcf, full, old.as_ref());
        self.identity = Some(registration.endpoint_identifier.clone());
        self.home = Some(from);
        self.state = State::Registered {
            refresh: self.refresh_at(step.now, &registration),
        };
        self.registration = Some(registration);
        self.leave_old(step, old, full);
        if closed.is_some_and(|open| self.bearing.closed(from, open))
            && self.config.signalling == Signalling::Auto
        {
            self.tell(step, EventKind::SignallingPerCall { gatekeeper: from });
        }
        self.rounds.reset();
        (self.forlorn, self.restored) = (false, false);
        if full {
            self.sums.registrations += 1;
        } else {
            self.sums.keep_alives += 1;
        }
        if (!still && closed.is_none()) || full {
            self.tell(
                step,
                EventKind::Registered {
                    gatekeeper: from,
                    lightweight: !full,
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

    /// Who had the registration before may still answer calls to it. With the same endpointIdentifier, confirmed by a
    /// lightweight RRQ, both share what they know, so that a URQ would end the one that is wanted.
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

    /// What an RCF says; what a short one leaves out stays as it was.
    fn read(
        &self,
        now: Time,
        from: SocketAddr,
        asked: Option<String>,
        rcf: &RegistrationConfirm,
        full: bool,
        old: Option<&Registration>,
    ) -> Registration {
        let said = rcf.call_signal_address.iter();
        let said = said
            .filter_map(text::from_transport)
            .map(canonical)
            .find(|address| reachable(&self.config, *address));
        let here = old.filter(|old| old.gatekeeper == from);
        let kept_ttl = old.and_then(|old| old.time_to_live);
        let port = SocketAddr::new(from.ip(), CALL_SIGNALLING_PORT);
        Registration {
            gatekeeper: from,
            gatekeeper_identifier: rcf
                .gatekeeper_identifier
                .as_ref()
                .map(text::from_bmp)
                .or(asked),
            endpoint_identifier: text::from_bmp(&rcf.endpoint_identifier),
            time_to_live: rcf.time_to_live.or(kept_ttl.filter(|_| !full)),
            call_signal_address: said
                .or_else(|| here.map(|old| old.call_signal_address))
                .unwrap_or(port),
            confirmed: now,
            since: here.map_or(now, |old| old.since),
        }
    }

    /// Three quarters of timeToLive at most, some of it less, so that agents do not march in step.
    fn refresh_at(&mut self, now: Time, registration: &Registration) -> Option<Time> {
        let ttl = Duration::from_secs(registration.time_to_live?.into());
        let jitter = self.dice.part(ttl / 8);
        Some(now.after((ttl / 4 * 3).saturating_sub(jitter)))
    }

    /// It is time for a lightweight RRQ.
    pub(super) fn refresh(&mut self, step: &mut Step<'_>) {
        let Some(held) = &self.registration else {
            return;
        };
        // All tries fit into what is left of timeToLive.
        let left = Duration::from_secs(held.time_to_live.unwrap_or(u32::MAX).into()) / 4;
        let every = (left / 3).clamp(LEAST_REPEAT, RRQ.every);
        if !self.ask_own(step, Retry::new(every, RRQ.left)) {
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
        let here = self.own(from);
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
    fn begin_again(&mut self, step: &mut Step<'_>, targets: Vec<Target>) {
        if !self.rests(step) {
            self.seek(step, targets, false);
        }
    }

    /// Whether it must wait before it tries again, and then it does.
    fn rests(&mut self, step: &mut Step<'_>) -> bool {
        let rest = self.flaps.next_pause(&mut self.dice, 2);
        if !rest.is_zero() {
            self.requests.abandon(step.now);
            let until = step.now.after(rest);
            self.state = State::Waiting { until };
        }
        !rest.is_zero()
    }

    fn own(&self, address: SocketAddr) -> Target {
        let held = self.registration.as_ref();
        let identifier = held.and_then(|held| held.gatekeeper_identifier.clone());
        Target::learned(address, identifier)
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
    fn obey_contested(&mut self, step: &mut Step<'_>, silent: bool) -> bool {
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
    fn contradict(&mut self, step: &mut Step<'_>, gatekeeper: SocketAddr) {
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
        let assigned = assigned.and_then(|one| super::dispatch::assigned_target(&self.config, one));
        let mut others =
            self.adopt_alternates(view::alternates(&RasMessage::UnregistrationRequest(urq)));
        others.splice(0..0, assigned);
        let here = self.own(from);
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
        self.dismissed.is_some_and(|(whom, number, at)| {
            (whom, number) == (from, seq) && now.since(at) < SAME_URQ
        })
    }

    /// The operator wants a full registration, with the gatekeeper that it has if it has one.
    pub(super) fn reregister(&mut self, step: &mut Step<'_>) {
        if matches!(self.state, State::Leaving) {
            return;
        }
        self.proofs.forget_signers();
        self.bearing = Bearing::default();
        let home = self.registration.as_ref().map(|held| held.gatekeeper);
        let first = home.map(|home| self.own(home)).into_iter().collect();
        let discover = home.is_none() && self.config.discovery != Discovery::Off;
        self.seek(step, first, discover);
    }
}
