//! The probes that are on their way, and the silence that they measure.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Time;

/// Probes remembered at most.
const KEPT: usize = 64;
/// What a round trip may take beyond twice the usual.
const SLACK: Duration = Duration::from_millis(5);

/// Probes without answer since the last sign of life.
#[derive(Debug, Default)]
pub struct Probes {
    next: u64,
    outstanding: VecDeque<(u64, Time)>,
    /// Unanswered ones that are not remembered any more.
    dropped: u32,
    pub first_unanswered: Option<Time>,
    pub last_answer: Option<Time>,
    pub refused: u32,
    pub round_trip: Option<Duration>,
    /// Probes in a row that were answered.
    pub row: u32,
}

impl Probes {
    /// A new one.
    pub fn send(&mut self, now: Time) -> u64 {
        let probe = self.next;
        self.next += 1;
        if self.outstanding.len() == KEPT {
            self.outstanding.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        self.outstanding.push_back((probe, now));
        self.first_unanswered.get_or_insert(now);
        probe
    }

    /// The last one did not leave.
    pub fn unsend(&mut self) {
        self.outstanding.pop_back();
        if self.outstanding.is_empty() && self.dropped == 0 {
            self.first_unanswered = None;
        }
    }

    /// A sign of life; false if no such probe was ever sent. The older ones count as lost.
    pub fn answered(&mut self, now: Time, probe: u64, measure: bool) -> bool {
        if probe >= self.next {
            return false;
        }
        let mut sent = None;
        let mut lost = self.dropped > 0;
        while let Some((number, time)) = self.outstanding.pop_front_if(|(n, _)| *n <= probe) {
            lost |= number != probe;
            sent = (number == probe).then_some(time);
        }
        if let Some(sent) = sent {
            self.row = if lost { 1 } else { self.row.saturating_add(1) };
            if measure {
                self.measured(now.since(sent));
            }
        }
        self.alive(now);
        true
    }

    /// A sign of life that belongs to no probe.
    pub fn alive(&mut self, now: Time) {
        self.last_answer = Some(now);
        self.dropped = 0;
        self.refused = 0;
        self.first_unanswered = self.outstanding.front().map(|(_, sent)| *sent);
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

    /// Since when nothing is heard although something should be.
    pub fn silent_since(&self) -> Option<Time> {
        let first = self.first_unanswered?;
        Some(self.last_answer.map_or(first, |last| last.max(first)))
    }

    /// How long an answer may take, between `least` and `most`.
    pub fn patience(&self, least: Duration, most: Duration) -> Duration {
        let usual = self.round_trip.map_or(Duration::ZERO, |it| it * 2 + SLACK);
        usual.min(most).max(least)
    }

    /// Probes that had `patience` and are unanswered.
    pub fn unanswered(&self, now: Time, patience: Duration) -> u32 {
        let due = |(_, sent): &&(u64, Time)| now.since(*sent) >= patience;
        let overdue = self.outstanding.iter().filter(due).count();
        let overdue = u32::try_from(overdue).unwrap_or(u32::MAX);
        self.dropped.saturating_add(overdue).max(self.refused)
    }

    fn measured(&mut self, sample: Duration) {
        self.round_trip = Some(self.round_trip.map_or(sample, |old| (old * 7 + sample) / 8));
    }
}
