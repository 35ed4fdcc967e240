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

use std::time::Duration;

use rasline_h225::types::UnregistrationRequest;

use crate::Time;
use crate::transaction::Retry;

/// Between repetitions of the question.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How often it is repeated.
const REPEATS: u8 = 2;
/// After the gatekeeper has contradicted a URQ, others are ignored this long.
const QUIET: Duration = Duration::from_secs(5);
/// Between two events about contradicted URQs, at least.
const EVENT_EVERY: Duration = Duration::from_mins(1);

/// How a lightweight RRQ asks about a URQ.
pub(super) const QUESTION: Retry = Retry::new(ASK_EVERY, REPEATS);

/// What is known of URQs that nobody proved.
#[derive(Debug, Default)]
pub(super) struct Contested {
    /// The one that the gatekeeper is asked about.
    asked: Option<UnregistrationRequest>,
    /// When the gatekeeper contradicted the last one.
    contradicted: Option<Time>,
    /// When an event reported one last.
    reported: Option<Time>,
}

impl Contested {
    /// True if no question is to be asked now: one is under way, or the gatekeeper has just contradicted a URQ.
    pub fn is_quiet(&self, now: Time) -> bool {
        let recent = |at: Time| now.since(at) < QUIET;
        self.asked.is_some() || self.contradicted.is_some_and(recent)
    }

    /// The gatekeeper is asked about this URQ.
    pub fn begin(&mut self, urq: UnregistrationRequest) {
        self.asked = Some(urq);
    }

    /// The gatekeeper confirmed the registration: a URQ that it was asked about was not its own. Returns whether an event
    /// is due; `None`: it was not asked about any.
    pub fn contradict(&mut self, now: Time) -> Option<bool> {
        self.asked.take()?;
        self.contradicted = Some(now);
        let recent = |at: Time| now.since(at) < EVENT_EVERY;
        let is_due = !self.reported.is_some_and(recent);
        if is_due {
            self.reported = Some(now);
        }
        Some(is_due)
    }

    /// Takes the URQ that the gatekeeper is asked about, which leaves no question.
    pub const fn take(&mut self) -> Option<UnregistrationRequest> {
        self.asked.take()
    }
}
