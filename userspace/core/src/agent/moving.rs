//! Moving: after a loss, lightweight RRQs to the alternates, and to the lost gatekeeper last, since it may be well though
//! its connection is gone.
//!
//! Invariants: nobody is asked twice (repetitions aside); the first RCF (in order), or the best one (all at once), ends it;
//! it ends within t1 at the latest, with a full registration.

use std::collections::VecDeque;
use std::time::Duration;

use rasline_h225::types::RegistrationConfirm;

use super::registration_attempt::{Refusal, Verdict};
use super::request::{Purpose, Request};
use super::targets::{Target, distinct};
use crate::Time;
use crate::transaction::Retry;

/// Asked at most.
const MOST_ASKED: usize = 32;
/// How long a better candidate may still answer after a worse one has confirmed.
const GRACE: Duration = Duration::from_millis(50);
/// The next one in order is asked after at least this long, ...
const LEAST_WAIT: Duration = Duration::from_millis(20);
/// ... and after at most this long.
const MOST_WAIT: Duration = Duration::from_millis(500);
/// Between repetitions, at least.
const LEAST_REPEAT: Duration = Duration::from_millis(50);

/// A candidate that confirmed, while better ones may still do.
#[derive(Debug)]
pub(super) struct Confirmed {
    rank: usize,
    pub request: Request,
    pub rcf: RegistrationConfirm,
}

/// A move that is under way.
#[derive(Debug)]
pub(super) struct Moving {
    t1: Duration,
    queue: VecDeque<Target>,
    asked: Vec<Target>,
    /// The move is over at this time.
    deadline: Time,
    /// When the next one is asked.
    next: Option<Time>,
    wait: Duration,
    /// When the best of those that confirmed wins.
    grace: Option<Time>,
    confirmed: Vec<Confirmed>,
    /// Candidates that live and want a full RRQ.
    willing: Vec<Target>,
}

/// How a move ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The best candidate that confirmed.
    pub winner: Option<Confirmed>,
    /// The others that confirmed.
    pub losers: Vec<Confirmed>,
    /// Candidates that live and want a full RRQ.
    pub willing: Vec<Target>,
}

impl Moving {
    /// A move to the first of these targets that confirms, within t1.
    pub fn new(now: Time, targets: Vec<Target>, t1: Duration) -> Self {
        let mut queue: VecDeque<Target> = distinct(targets).into();
        queue.truncate(MOST_ASKED);
        let share = t1 / u32::try_from(queue.len() + 1).unwrap_or(u32::MAX);
        Self {
            t1,
            queue,
            asked: Vec::new(),
            deadline: now.after(t1),
            next: None,
            wait: share.clamp(LEAST_WAIT, MOST_WAIT),
            grace: None,
            confirmed: Vec::new(),
            willing: Vec::new(),
        }
    }

    pub fn next_due(&self) -> Time {
        let times = [Some(self.deadline), self.next, self.grace];
        times.into_iter().flatten().min().unwrap_or(self.deadline)
    }

    /// True if the move has no more time, or better candidates have had theirs.
    pub fn is_over(&self, now: Time) -> bool {
        self.deadline <= now || self.grace.is_some_and(|grace| grace <= now)
    }

    /// All that were asked.
    pub fn asked(&self) -> &[Target] {
        &self.asked
    }

    /// The one that was asked last.
    pub fn last_asked(&self) -> Option<&Target> {
        self.asked.last()
    }

    /// gatekeeperIdentifier by which the candidate of this rank was asked.
    pub fn identifier_of(&self, rank: usize) -> Option<String> {
        self.asked[rank].gatekeeper_identifier.clone()
    }

    /// How the request to a candidate is repeated.
    pub fn retry(&self) -> Retry {
        Retry::new((self.t1 / 3).max(LEAST_REPEAT), 2)
    }

    /// Takes the next candidate and its rank. `None`: all were asked.
    pub fn next_candidate(&mut self, now: Time) -> Option<(usize, Target)> {
        let Some(target) = self.queue.pop_front() else {
            self.next = None;
            return None;
        };
        self.next = Some(now.after(self.wait));
        self.asked.push(target.clone());
        Some((self.asked.len() - 1, target))
    }

    /// The time of the next candidate has come.
    pub const fn next_is_due(&mut self) {
        self.next = None;
    }

    /// Gives the first candidate more than an alternate's share of the time: it is the own gatekeeper, which has other
    /// things to do than to die.
    pub fn favour_first(&mut self, now: Time) {
        self.postpone_next(now.after((self.t1 / 4).clamp(LEAST_WAIT, MOST_WAIT)));
    }

    /// Asks the next candidate at this time at the earliest.
    pub fn postpone_next(&mut self, until: Time) {
        if let Some(next) = &mut self.next {
            *next = (*next).max(until);
        }
    }

    /// An RCF of a candidate, for which better ones have time to confirm, too.
    pub fn handle_rcf(
        &mut self,
        now: Time,
        rank: usize,
        request: Request,
        rcf: RegistrationConfirm,
    ) {
        self.grace.get_or_insert(now.after(GRACE));
        self.confirmed.push(Confirmed { rank, request, rcf });
    }

    /// An RRJ of a candidate. The gatekeepers that it names (`named`: alternates) are asked next.
    pub fn handle_rrj(&mut self, rank: usize, refusal: Refusal, named: Vec<Target>) {
        for target in refusal.assigned.into_iter().chain(named).rev() {
            let mut known = self.asked.iter().chain(&self.queue);
            let is_known = known.any(|one| one.address == target.address);
            if !is_known && self.asked.len() + self.queue.len() < MOST_ASKED {
                self.queue.push_front(target);
            }
        }
        if let Verdict::Full | Verdict::Discover = refusal.verdict {
            self.willing.push(Target {
                discover: refusal.verdict == Verdict::Discover,
                ..self.asked[rank].clone()
            });
        }
    }

    /// True if nothing better can come. `open`: ranks whose requests are under way.
    pub fn is_settled(&self, open: impl Iterator<Item = usize>) -> bool {
        let best = self.confirmed.iter().map(|one| one.rank).min();
        match (best, open.min()) {
            (Some(best), Some(open)) => best < open,
            (None, Some(_)) => false,
            (_, None) => true,
        }
    }

    /// Ends the move: the best candidate that confirmed wins.
    pub fn finish(&mut self) -> Outcome {
        let mut confirmed = std::mem::take(&mut self.confirmed);
        confirmed.sort_by_key(|one| one.rank);
        let mut confirmed = confirmed.into_iter();
        Outcome {
            winner: confirmed.next(),
            losers: confirmed.collect(),
            willing: std::mem::take(&mut self.willing),
        }
    }
}

impl Confirmed {
    /// True if it was asked by a full RRQ.
    pub const fn is_full(&self) -> bool {
        matches!(self.request.purpose, Purpose::Ask { full: true, .. })
    }

    /// Its rank among the candidates; the lowest is the best.
    pub const fn rank(&self) -> usize {
        self.rank
    }
}
