//! Discovering and Registering: GRQ and full RRQ to one candidate after the other.
//!
//! Invariant: one request is under way at a time; a candidate is asked once in an attempt, so that every attempt ends.

use std::collections::VecDeque;
use std::net::SocketAddr;

use rasline_h225::view::Alternates;

use super::targets::Target;

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

/// A request that an attempt sends next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NextRequest {
    /// A GRQ.
    Discover(Target),
    /// A full RRQ; `bare`: without endpointIdentifier.
    Register { target: Target, bare: bool },
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
    /// A GRQ first.
    Discover,
    /// Another gatekeeper.
    Elsewhere,
    /// Nothing that helps.
    No,
}

impl RegistrationAttempt {
    /// An attempt at these candidates; `discover`: each configured one by a GRQ first.
    pub fn new(candidates: Vec<Target>, discover: bool) -> Self {
        Self {
            phase: AttemptPhase::Registering,
            target: None,
            queue: candidates.into(),
            tried: Vec::new(),
            discover,
            discovered: false,
        }
    }

    /// True if the target answered a GRQ.
    pub const fn is_discovered(&self) -> bool {
        self.discovered
    }

    /// A GRQ goes to all gatekeepers (multicast).
    pub const fn begin_multicast(&mut self) {
        self.phase = AttemptPhase::Discovering;
    }

    /// Goes on to the next candidate. `None`: all were tried.
    pub fn next_candidate(&mut self) -> Option<NextRequest> {
        loop {
            let next = self.queue.pop_front();
            let target = next.filter(|_| self.tried.len() < MOST_TRIED)?;
            if self.tried.contains(&target.address) {
                continue;
            }
            self.tried.push(target.address);
            self.discovered = false;
            let discovers = target.discover || (self.discover && !target.learned);
            return Some(if discovers {
                self.discover(target)
            } else {
                self.register(target, false)
            });
        }
    }

    /// A gatekeeper was found; those that it names (`named`) are tried last. Returns the RRQ to it.
    pub fn handle_gcf(&mut self, found: Target, named: Vec<Target>) -> NextRequest {
        self.discovered = true;
        self.queue.extend(named);
        self.tried.push(found.address);
        self.register(found, false)
    }

    /// The target rejected a request; `bare`: one without endpointIdentifier. Those that it names are tried first. Returns
    /// what is sent to the same target again, if that may help.
    pub fn handle_rejection(
        &mut self,
        bare: bool,
        refusal: Refusal,
        named: Vec<Target>,
    ) -> Option<NextRequest> {
        for target in refusal.assigned.into_iter().chain(named).rev() {
            self.queue.push_front(target);
        }
        let target = self.target.clone()?;
        match refusal.verdict {
            // The identifier is another's, or the rejection is about an identifier that is not known here.
            Verdict::Full if !bare => Some(self.register(target, true)),
            Verdict::Discover if !self.discovered => {
                self.discovered = true;
                Some(self.discover(target))
            }
            _ => None,
        }
    }

    fn discover(&mut self, target: Target) -> NextRequest {
        self.phase = AttemptPhase::Discovering;
        self.target = Some(target.clone());
        NextRequest::Discover(target)
    }

    fn register(&mut self, target: Target, bare: bool) -> NextRequest {
        self.phase = AttemptPhase::Registering;
        self.target = Some(target.clone());
        NextRequest::Register { target, bare }
    }
}
