//! Moving: after a loss, lightweight RRQs to the alternates, and to the lost gatekeeper last, since it may be well though
//! its connection is gone.
//!
//! Invariants: nobody is asked twice (repetitions aside); the first RCF (in order), or the best one (all at once), ends it;
//! it ends within t1 at the latest, with a full registration.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::RegistrationConfirm;

use super::agent::{Agent, State, Step};
use super::registration_attempt::{Refusal, Verdict};
use super::request::{Purpose, Request};
use super::targets::{Target, distinct};
use super::{EventKind, Strategy, message};
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

/// One that confirmed, while better ones may still do.
#[derive(Debug)]
struct Confirmed {
    rank: usize,
    request: Request,
    rcf: RegistrationConfirm,
}

/// Where a move stands.
#[derive(Debug)]
pub(super) struct Moving {
    queue: VecDeque<Target>,
    asked: Vec<Target>,
    /// Then it is over.
    deadline: Time,
    /// When the next one is asked.
    next: Option<Time>,
    wait: Duration,
    /// When the best of those that confirmed wins.
    grace: Option<Time>,
    confirmed: Vec<Confirmed>,
    /// They live, and want a full RRQ.
    willing: Vec<Target>,
}

impl Moving {
    pub fn next_due(&self) -> Time {
        let times = [Some(self.deadline), self.next, self.grace];
        times.into_iter().flatten().min().unwrap_or(self.deadline)
    }

    /// All that were asked.
    pub fn asked(&self) -> &[Target] {
        &self.asked
    }

    /// The one that was asked last.
    pub fn asks(&self) -> Option<&Target> {
        self.asked.last()
    }
}

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
        if let State::Moving(moving) = &mut self.state
            && let Some(next) = &mut moving.next
        {
            // It needs more than an alternate's share: it has other things to do than to die.
            let share = (self.config.t1 / 4).clamp(LEAST_WAIT, MOST_WAIT);
            *next = (*next).max(step.now.after(share));
        }
    }

    /// Asks these whether they take it as it is.
    pub(super) fn ask(&mut self, step: &mut Step<'_>, targets: Vec<Target>) {
        self.requests.abandon(step.now);
        if self.identity.is_none() {
            self.seek(step, targets, false);
            return;
        }
        let mut queue: VecDeque<Target> = distinct(targets).into();
        queue.truncate(MOST_ASKED);
        let share = self.config.t1 / u32::try_from(queue.len() + 1).unwrap_or(u32::MAX);
        self.state = State::Moving(Moving {
            queue,
            asked: Vec::new(),
            deadline: step.now.after(self.config.t1),
            next: None,
            wait: share.clamp(LEAST_WAIT, MOST_WAIT),
            grace: None,
            confirmed: Vec::new(),
            willing: Vec::new(),
        });
        self.ask_on(step);
    }

    /// Asks the next one, or all that are left, or ends it if there is nothing to wait for.
    pub(super) fn ask_on(&mut self, step: &mut Step<'_>) {
        while let State::Moving(moving) = &mut self.state {
            let Some(target) = moving.queue.pop_front() else {
                moving.next = None;
                self.settle_move(step);
                return;
            };
            moving.next = Some(step.now.after(moving.wait));
            let sent = self.ask_one(step, target);
            if sent && self.config.strategy == Strategy::InOrder {
                return;
            }
        }
    }

    fn ask_one(&mut self, step: &mut Step<'_>, target: Target) -> bool {
        let seq = self.next_seq();
        let every = (self.config.t1 / 3).max(LEAST_REPEAT);
        let Some(identity) = &self.identity else {
            return false;
        };
        let identifier = target.gatekeeper_identifier.as_ref();
        let rrq = if target.register {
            message::full(&self.config, seq, identifier, Some(identity), true)
        } else {
            message::lightweight(&self.config, seq, identifier, identity)
        };
        let State::Moving(moving) = &mut self.state else {
            return false;
        };
        let (to, full) = (target.address, target.register);
        let rank = moving.asked.len();
        moving.asked.push(target);
        self.request(
            step,
            to,
            Purpose::Ask { rank, full },
            Retry::new(every, 2),
            rrq,
        )
    }

    /// Something of the move is due.
    pub(super) fn moving_due(&mut self, step: &mut Step<'_>) {
        let State::Moving(moving) = &mut self.state else {
            return;
        };
        let over = moving.deadline <= step.now;
        if over || moving.grace.is_some_and(|grace| grace <= step.now) {
            self.end_move(step);
        } else {
            moving.next = None;
            self.ask_on(step);
        }
    }

    /// An RCF to one of the RRQs.
    pub(super) fn taken(
        &mut self,
        step: &mut Step<'_>,
        request: Request,
        rcf: RegistrationConfirm,
    ) {
        let Purpose::Ask { rank, full } = request.purpose else {
            return;
        };
        let State::Moving(moving) = &mut self.state else {
            return;
        };
        if self.config.strategy == Strategy::InOrder {
            let identifier = moving.asked[rank].gatekeeper_identifier.clone();
            self.adopt(step, request.to, identifier, &rcf, full);
            return;
        }
        moving.grace.get_or_insert(step.now.after(GRACE));
        moving.confirmed.push(Confirmed { rank, request, rcf });
        self.settle_move(step);
    }

    /// An RRJ to one of the RRQs.
    pub(super) fn not_taken(&mut self, step: &mut Step<'_>, request: &Request, refusal: Refusal) {
        let (gatekeeper, reason) = (request.to, refusal.reason);
        self.tell(step, EventKind::Rejected { gatekeeper, reason });
        let named = self.adopt_alternates(refusal.alternates);
        self.keep(step);
        let State::Moving(moving) = &mut self.state else {
            return;
        };
        for target in refusal.assigned.into_iter().chain(named).rev() {
            let known = moving.asked.iter().chain(&moving.queue);
            let known = known
                .map(|one| one.address)
                .any(|one| one == target.address);
            if !known && moving.asked.len() + moving.queue.len() < MOST_ASKED {
                moving.queue.push_front(target);
            }
        }
        if let (Verdict::Full | Verdict::Discover, Purpose::Ask { rank, .. }) =
            (refusal.verdict, request.purpose)
        {
            moving.willing.push(Target {
                discover: refusal.verdict == Verdict::Discover,
                ..moving.asked[rank].clone()
            });
        }
        self.ask_on(step);
    }

    /// A RIP from one of those asked: nobody else is asked before its time is over.
    pub(super) fn ask_later(&mut self, due: Time) {
        if let State::Moving(moving) = &mut self.state
            && let Some(next) = &mut moving.next
        {
            *next = (*next).max(due);
        }
    }

    /// Ends it if nothing better can come.
    fn settle_move(&mut self, step: &mut Step<'_>) {
        let State::Moving(moving) = &self.state else {
            return;
        };
        let best = moving.confirmed.iter().map(|one| one.rank).min();
        let open = self.requests.asks().map(|(rank, _)| rank).min();
        let over = match (best, open) {
            (Some(best), Some(open)) => best < open,
            (None, Some(_)) => false,
            (_, None) => true,
        };
        if over {
            self.end_move(step);
        }
    }

    /// The best one that confirmed wins; without one, it registers in full.
    fn end_move(&mut self, step: &mut Step<'_>) {
        let State::Moving(moving) = &mut self.state else {
            return;
        };
        moving.confirmed.sort_by_key(|one| one.rank);
        let confirmed = std::mem::take(&mut moving.confirmed);
        let willing = std::mem::take(&mut moving.willing);
        let mut confirmed = confirmed.into_iter();
        let Some(best) = confirmed.next() else {
            self.register_after_move(step, willing);
            return;
        };
        let identifier = moving.asked[best.rank].gatekeeper_identifier.clone();
        let full = matches!(best.request.purpose, Purpose::Ask { full: true, .. });
        self.adopt(step, best.request.to, identifier, &best.rcf, full);
        for loser in confirmed {
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
        let held = self.registration.as_ref()?;
        let identifier = held.gatekeeper_identifier.clone();
        Some(Target::learned(held.gatekeeper, identifier))
    }

    /// An RCF of one that is not to have it: its registration ends, if it is another one. With the same
    /// endpointIdentifier both may share what they know, so that a URQ would end the one that is wanted.
    pub(super) fn not_needed(
        &mut self,
        step: &mut Step<'_>,
        from: SocketAddr,
        rcf: &RegistrationConfirm,
    ) {
        let granted = rasline_h225::text::from_bmp(&rcf.endpoint_identifier);
        let held = self.registration.as_ref();
        if held.is_some_and(|held| held.gatekeeper != from && held.endpoint_identifier != granted) {
            let identifier = rcf.gatekeeper_identifier.as_ref();
            let identifier = identifier.map(rasline_h225::text::from_bmp);
            self.unregister(step, from, identifier.as_ref(), &granted);
        }
    }
}
