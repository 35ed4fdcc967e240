//! What gatekeepers say: answers go to the request that they answer, all else to [`super::answer`].
//!
//! Invariant: what does not answer a request under way changes nothing but a sum.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::{
    AlternateGk, GatekeeperConfirm, RegistrationConfirm, RegistrationReject,
    RegistrationRejectReason, RequestInProgress,
};
use rasline_h225::view::{self, gatekeeper_reject, registration_reject};
use rasline_h225::{RasMessage, decode_ras, text};

use super::Config;
use super::agent::{Agent, Step};
use super::registration_attempt::{Refusal, Verdict};
use super::request::{MULTICAST, Purpose, Request};
use super::targets::{Target, allowed, canonical};

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
            Purpose::Ask { .. } => self.taken(step, request, rcf),
            Purpose::KeepAlive => {
                let known = self.registration.as_ref();
                let known = known.and_then(|held| held.gatekeeper_identifier.clone());
                self.adopt(step, from, known, &rcf, false);
            }
            Purpose::Register { .. } => {
                let asked = self.asked_identifier();
                self.adopt(step, from, asked, &rcf, true);
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
            Purpose::Ask { .. } => self.not_taken(step, request, refusal),
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
            Some((Purpose::Ask { .. }, due)) => self.ask_later(due),
            Some(_) => {}
            None => self.sums.ignored += 1,
        }
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
pub(super) fn assigned_target(config: &Config, one: &AlternateGk) -> Option<Target> {
    let address = text::from_transport(&one.ras_address).map(canonical)?;
    let identifier = one.gatekeeper_identifier.as_ref().map(text::from_bmp);
    allowed(config, address).then(|| Target {
        register: true,
        ..Target::learned(address, identifier)
    })
}
