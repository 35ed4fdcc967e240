//! The probes that are on their way, and the silence that they measure.

use std::collections::VecDeque;
use std::time::Duration;

use super::kinds::{Answers, Kind, Kinds};
use super::pace::Pace;
use super::{Evidence, Settings};
use crate::Time;

/// Probes remembered at most: those of the longest dead time, in the fastest rhythm.
const KEPT: usize = 512;
/// What a round trip may take beyond twice the usual before it is suspicious.
const SLACK: Duration = Duration::from_millis(5);

/// A probe under way.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    at: Time,
    kind: Kind,
}

/// Probes without answer since the last sign of life.
#[derive(Debug)]
pub struct Probes {
    next: u64,
    outstanding: VecDeque<Sent>,
    /// Unanswered ones that are not remembered any more.
    dropped: u32,
    pub kinds: Kinds,
    pace: Pace,
    /// The oldest unanswered one whose silence counts.
    pub first_unanswered: Option<Time>,
    pub last_answer: Option<Time>,
    /// When the data path last saw it answer an endpoint.
    pub last_heard: Option<Time>,
    pub refused: u32,
    pub round_trip: Option<Duration>,
    /// Signs of life in a row.
    pub row: u32,
}

impl Probes {
    /// None yet.
    pub fn new(asked: &'static [Kind], known: Answers) -> Self {
        Self {
            next: 0,
            outstanding: VecDeque::new(),
            dropped: 0,
            kinds: Kinds::new(asked, known),
            pace: Pace::default(),
            first_unanswered: None,
            last_answer: None,
            last_heard: None,
            refused: 0,
            round_trip: None,
            row: 0,
        }
    }

    /// A new one.
    pub fn send(&mut self, now: Time, kind: Kind) -> u64 {
        let number = self.next;
        self.next += 1;
        if self.outstanding.len() == KEPT
            && let Some(lost) = self.outstanding.pop_front()
        {
            let counts = self.kinds.counts(lost.kind);
            self.dropped = self.dropped.saturating_add(u32::from(counts));
        }
        self.outstanding.push_back(Sent {
            number,
            at: now,
            kind,
        });
        if self.kinds.counts(kind) {
            self.first_unanswered.get_or_insert(now);
        }
        number
    }

    /// The last one did not leave.
    pub fn unsend(&mut self) {
        self.outstanding.pop_back();
        if self.dropped == 0 {
            self.first_unanswered = self.oldest();
        }
    }

    /// A sign of life; false if no such probe was ever sent. The older ones of its kind count as lost.
    pub fn answered(&mut self, now: Time, probe: u64, measure: bool) -> bool {
        if probe >= self.next {
            return false;
        }
        let at = self.outstanding.iter().position(|it| it.number == probe);
        if let Some(sent) = at.and_then(|at| self.outstanding.get(at).copied()) {
            let before = self.outstanding.len();
            let older = |it: &Sent| it.number < probe && it.kind == sent.kind;
            self.outstanding
                .retain(|it| it.number != probe && !older(it));
            let lost = self.dropped > 0 || before > self.outstanding.len() + 1;
            self.row = if lost { 1 } else { self.row.saturating_add(1) };
            self.kinds.answered(sent.kind);
            let took = now.since(sent.at);
            self.pace.measure(now, took);
            if measure {
                self.round_trip = Some(self.round_trip.map_or(took, |old| (old * 7 + took) / 8));
            }
        }
        self.last_answer = Some(now);
        self.alive();
        true
    }

    /// The call-signalling port accepted, and that is what shows life.
    pub fn connected(&mut self, now: Time) {
        self.last_answer = Some(now);
        self.kinds.connected();
        self.alive();
    }

    /// The data path has seen it answer an endpoint at that time.
    pub fn heard(&mut self, at: Time) {
        self.last_heard = Some(at);
        self.row = self.row.saturating_add(1);
        self.kinds.heard();
        self.alive();
    }

    fn alive(&mut self) {
        self.dropped = 0;
        self.refused = 0;
        self.first_unanswered = self.oldest();
    }

    fn oldest(&self) -> Option<Time> {
        let mut counted = self
            .outstanding
            .iter()
            .filter(|it| self.kinds.counts(it.kind));
        counted.next().map(|it| it.at)
    }

    /// Nothing that is outstanding is evidence.
    pub fn void(&mut self) {
        self.outstanding.clear();
        self.dropped = 0;
        self.refused = 0;
        self.first_unanswered = None;
    }

    /// Whether any is outstanding.
    pub const fn waiting(&self) -> bool {
        self.first_unanswered.is_some()
    }

    /// The last sign of life of any kind.
    pub fn last_sign(&self) -> Option<Time> {
        self.last_answer.max(self.last_heard)
    }

    /// Since when nothing is heard although something should be.
    pub fn silent_since(&self) -> Option<Time> {
        let first = self.first_unanswered?;
        Some(self.last_sign().map_or(first, |last| last.max(first)))
    }

    /// How long silence must last to mean death.
    pub fn dead_time(&self, now: Time, settings: &Settings) -> Duration {
        // An error that comes back is no slowness: the host says that nobody listens, or the network that it is gone.
        if self.refused >= settings.fall {
            return settings.dead_time;
        }
        let (least, most) = (settings.dead_time, settings.dead_time_max);
        self.pace.dead_time(now, least, most)
    }

    /// How long an answer may take before it is suspicious, `dead_time` being what means death.
    pub fn patience(&self, settings: &Settings, dead_time: Duration) -> Duration {
        let most = dead_time / 2;
        if !self.pace.is_known() {
            return most;
        }
        let usual = self.round_trip.map_or(Duration::ZERO, |it| it * 2 + SLACK);
        usual.min(most).max(settings.suspect_after.min(dead_time))
    }

    /// Probes that had `patience`, are unanswered, and count.
    pub fn unanswered(&self, now: Time, patience: Duration) -> u32 {
        let due = |it: &&Sent| now.since(it.at) >= patience && self.kinds.counts(it.kind);
        let overdue = self.outstanding.iter().filter(due).count();
        let overdue = u32::try_from(overdue).unwrap_or(u32::MAX);
        self.dropped.saturating_add(overdue).max(self.refused)
    }

    /// What a judgement rests on.
    pub fn evidence(&self, now: Time, settings: &Settings) -> Evidence {
        let dead_time = self.dead_time(now, settings);
        Evidence {
            first_unanswered: self.first_unanswered,
            unanswered: self.unanswered(now, self.patience(settings, dead_time)),
            last_answer: self.last_answer,
            refused: self.refused,
            round_trip: self.round_trip,
            last_heard: self.last_heard,
            dead_time: Some(dead_time),
            answers: self.kinds.answers(),
            ..Evidence::default()
        }
    }
}
