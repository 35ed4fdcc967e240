//! What is known of a zone and of its candidates.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::{Candidate, Failback, Manual, MoveCause, ZonePolicy};
use crate::health::{Evidence, State};
use crate::{GatekeeperIndex, Time, ZoneIndex};

/// For how long a failure counts against a gatekeeper.
const FAILURE_COUNTS: Duration = Duration::from_hours(1);
/// Failures remembered at most.
const FAILURES: usize = 16;
/// How long a gatekeeper that failed once must be well, where the policy does not say it.
pub const REST: Duration = Duration::from_secs(1);
/// Longest that a zone whose gatekeeper is dead waits for another one that failed lately.
const FORCED_REST_MAX: Duration = Duration::from_mins(1);
/// Longest that failures lead to.
const REST_MAX: Duration = Duration::from_mins(10);

/// A zone.
#[derive(Clone, Debug)]
pub struct Zone {
    pub index: ZoneIndex,
    /// In order: by priority, then as listed.
    pub candidates: Vec<Candidate>,
    pub failback: Failback,
    pub active: Option<GatekeeperIndex>,
    pub manual: Manual,
    pub since: Time,
    pub cause: MoveCause,
    /// When the controller last decided; 0: not since its start.
    pub decided_at: Time,
    /// Left, and not returned to.
    pub left: BTreeSet<GatekeeperIndex>,
    /// As last told.
    pub steered: Vec<GatekeeperIndex>,
    pub auto: bool,
    /// No candidate lives, and that was told.
    pub dark: bool,
}

impl Zone {
    pub fn new(policy: ZonePolicy, now: Time) -> Self {
        let mut zone = Self {
            index: policy.zone,
            candidates: Vec::new(),
            failback: Failback::None,
            active: None,
            manual: Manual::None,
            since: now,
            cause: MoveCause::Start,
            decided_at: Time(0),
            left: BTreeSet::new(),
            steered: Vec::new(),
            auto: true,
            dark: false,
        };
        zone.adopt(policy);
        zone
    }

    /// Takes another policy.
    pub fn adopt(&mut self, policy: ZonePolicy) {
        self.candidates = policy.candidates;
        self.candidates.sort_by_key(|candidate| candidate.priority);
        self.failback = policy.failback;
        let known: BTreeSet<GatekeeperIndex> = self.gatekeepers().collect();
        self.left.retain(|gatekeeper| known.contains(gatekeeper));
    }

    pub fn gatekeepers(&self) -> impl Iterator<Item = GatekeeperIndex> {
        self.candidates.iter().map(|candidate| candidate.gatekeeper)
    }

    pub fn has(&self, gatekeeper: GatekeeperIndex) -> bool {
        self.gatekeepers().any(|it| it == gatekeeper)
    }

    /// Whether the active one is one of its candidates.
    pub fn has_active(&self) -> bool {
        self.active.is_some_and(|active| self.has(active))
    }

    pub fn held(&self) -> bool {
        self.manual == Manual::Hold
    }

    /// Place in the order, without the operator's decision; one that is no candidate comes last.
    pub fn place(&self, gatekeeper: GatekeeperIndex) -> usize {
        self.gatekeepers()
            .position(|it| it == gatekeeper)
            .unwrap_or(usize::MAX)
    }

    /// Candidates in the order that counts now.
    pub fn order(&self) -> impl Iterator<Item = GatekeeperIndex> {
        let first = match self.manual {
            Manual::Switch { gatekeeper } => Some(gatekeeper),
            Manual::None | Manual::Hold => None,
        };
        let rest = self.gatekeepers().filter(move |it| Some(*it) != first);
        first.into_iter().chain(rest)
    }

    /// Those that come before the active one.
    pub fn better(&self) -> impl Iterator<Item = GatekeeperIndex> {
        self.order().take_while(|it| Some(*it) != self.active)
    }

    /// Forgets those left that come after the active one: the zone is not away from them.
    pub fn forget_left(&mut self) {
        let place = self.active.map_or(usize::MAX, |active| self.place(active));
        let before: BTreeSet<GatekeeperIndex> = self.gatekeepers().take(place).collect();
        self.left.retain(|gatekeeper| before.contains(gatekeeper));
    }
}

/// A candidate's health and past.
#[derive(Clone, Debug, Default)]
pub struct Gatekeeper {
    pub state: State,
    pub evidence: Evidence,
    /// The last state that people were told.
    pub told: State,
    /// Not down since.
    pub well_since: Option<Time>,
    pub calls: Option<u32>,
    /// When zones had to leave it.
    failures: VecDeque<Time>,
}

impl Gatekeeper {
    pub fn lives(&self) -> bool {
        matches!(self.state, State::Up | State::Suspect)
    }

    pub fn dead(&self) -> bool {
        self.state == State::Down
    }

    pub fn set(&mut self, now: Time, state: State, evidence: Evidence) {
        self.state = state;
        self.evidence = evidence;
        match state {
            State::Up => _ = self.well_since.get_or_insert(now),
            State::Down => self.well_since = None,
            State::Unknown | State::Suspect => {}
        }
    }

    pub fn failed(&mut self, now: Time) {
        if self.failures.len() == FAILURES {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
    }

    /// When a zone whose gatekeeper is dead may move to this one: at once, unless zones had to leave it lately.
    pub fn usable_at(&self, now: Time) -> Time {
        let Some(left) = self.failures.back().copied() else {
            return now;
        };
        let rest = self.rest(now, None).min(FORCED_REST_MAX);
        self.well_since
            .map_or(left, |since| since.max(left))
            .after(rest)
    }

    /// When it will have been well for long enough to be returned to, if nothing happens.
    pub fn rested_at(&self, now: Time, asked: Option<Duration>) -> Option<Time> {
        let rest = self.rest(now, asked);
        let left = self.failures.back().copied().unwrap_or_default();
        Some(self.well_since?.max(left).after(rest))
    }

    /// How long it must be well: longer for each failure of the last hour.
    fn rest(&self, now: Time, asked: Option<Duration>) -> Duration {
        let recent = |it: &&Time| now.since(**it) < FAILURE_COUNTS;
        let failures = self.failures.iter().filter(recent).count();
        let base = asked.unwrap_or(REST);
        match u32::try_from(failures).unwrap_or(u32::MAX) {
            0 => asked.unwrap_or_default(),
            more => base
                .saturating_mul(2u32.saturating_pow(more - 1))
                .min(REST_MAX.max(base)),
        }
    }
}
