//! A URQ is put to the gatekeeper before it is obeyed: anybody who can send from the gatekeeper's address can make one.
//!
//! ```text
//!   URQ of the own gatekeeper, with the endpointIdentifier
//!     | proved by a token (H.235.1)               --> obeyed at once
//!     v
//!   lightweight RRQ to the gatekeeper
//!     | RCF                                       --> the URQ is not the gatekeeper's: nothing changes
//!     | RRJ, or silence                           --> obeyed
//! ```
//! Invariants: what an unproved URQ names (alternates, an assigned gatekeeper) counts only after it was obeyed; one question is
//! under way at a time, and none follows within [`QUIET`] of an RCF, so that forged URQs do not become a flood of RRQs.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::messages;
use rasline_h225::types::UnregistrationRequest;

use super::EventKind;
use super::agent::{Agent, State, Step};
use super::request::Purpose;
use crate::Time;
use crate::transaction::Retry;

/// Between repetitions of the question.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How often it is repeated.
const REPEATS: u8 = 2;
/// After the gatekeeper has contradicted a URQ, others are ignored this long.
const QUIET: Duration = Duration::from_secs(5);
/// Between two events about contradicted URQs, at least.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// What is known of URQs that nobody proved.
#[derive(Debug, Default)]
pub(super) struct Contested {
    /// The one that the gatekeeper is asked about.
    asked: Option<UnregistrationRequest>,
    /// When the gatekeeper contradicted the last one.
    contradicted: Option<Time>,
    told: Option<Time>,
}

impl Agent {
    /// A URQ that is not proved, of the gatekeeper that has the registration.
    pub(super) fn contest(&mut self, step: &mut Step<'_>, mut urq: UnregistrationRequest) {
        let contested = &self.contested;
        let quiet = contested.contradicted;
        if contested.asked.is_some() || quiet.is_some_and(|at| step.now.since(at) < QUIET) {
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
        self.contested.asked = Some(urq);
        let retry = Retry::new(ASK_EVERY, REPEATS);
        if !self.is_asking() && !self.ask_own(step, retry) {
            self.uncontested(step, false);
        }
    }

    /// The gatekeeper confirmed the registration: a URQ that it was asked about was not its own.
    pub(super) fn contradicted(&mut self, step: &mut Step<'_>, gatekeeper: SocketAddr) {
        if self.contested.asked.take().is_none() {
            return;
        }
        self.contested.contradicted = Some(step.now);
        self.sums.ignored += 1;
        let recent = |told: Time| step.now.since(told) < TELL_EVERY;
        if !self.contested.told.is_some_and(recent) {
            self.contested.told = Some(step.now);
            self.tell(step, EventKind::Contradicted { gatekeeper });
        }
    }

    /// The gatekeeper rejected the registration, or is silent: a URQ that it was asked about is obeyed. Whether there was
    /// one.
    pub(super) fn uncontested(&mut self, step: &mut Step<'_>, silent: bool) -> bool {
        let Some(urq) = self.contested.asked.take() else {
            return false;
        };
        self.obey(step, urq, silent);
        true
    }

    /// No question is left: the agent goes elsewhere for another reason.
    pub(super) fn forget_contested(&mut self) {
        self.contested.asked = None;
    }

    /// A URQ that counts; of a gatekeeper that is silent now, or that goes on answering.
    pub(super) fn obey(&mut self, step: &mut Step<'_>, urq: UnregistrationRequest, silent: bool) {
        let Some(gatekeeper) = self.registration.as_ref().map(|held| held.gatekeeper) else {
            return;
        };
        self.send(step, gatekeeper, messages::ucf(urq.request_seq_num));
        self.dismiss(step, gatekeeper, urq, silent);
    }

    fn is_asking(&self) -> bool {
        let mut open = self.requests.open.iter();
        open.any(|request| request.purpose == Purpose::KeepAlive)
    }
}
