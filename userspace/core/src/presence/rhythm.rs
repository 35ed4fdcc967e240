//! How long an endpoint may be quiet: its timeToLive and its own rhythm, whichever is longer.
//!
//! H.225.0 7.9 lets an endpoint be quiet for its timeToLive; Table 18 gives an RRQ 3 s and two retransmissions. Stacks
//! differ: some send at half of timeToLive, some just before it runs out, some late, some never repeat a keep-alive. So
//! the rhythm is learned as the longest interval that comes twice in a row: one lost keep-alive, or one outage, is none.

use std::time::Duration;

/// How long an endpoint waits before it sends an RRQ again.
pub const RETRANSMISSION: Duration = Duration::from_secs(3);
/// Time for retransmissions at least: three times one.
const LEAST_SPARE: Duration = Duration::from_secs(9);
/// And at most, however long the rhythm is.
const MOST_SPARE: Duration = Duration::from_secs(30);
/// Longest rhythm that is learned, unless timeToLive is longer.
const LONGEST: Duration = Duration::from_hours(1);
/// Intervals that make a rhythm where there is no timeToLive.
const ENOUGH: u8 = 4;
/// Intervals much shorter than the rhythm (retransmissions) in a row after which they are the rhythm.
const MANY_SHORT: u8 = 8;
/// How many times the threshold of silence make an endpoint gone.
const GONE_FACTOR: u32 = 4;

/// What is known of an endpoint's rhythm. Durations are milliseconds, to keep a million of these small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rhythm {
    /// timeToLive that it was given; 0: none.
    ttl: u32,
    /// What held before the last change, until the endpoint follows the new one.
    before: u32,
    /// Learned; 0: nothing yet.
    learned: u32,
    /// The last interval.
    interval: u32,
    beats: u8,
    short: u8,
    settled: bool,
}

/// Durations of quiet after which an endpoint is late, silent, gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Late after this.
    pub late: Duration,
    /// Silent after this.
    pub silent: Duration,
    /// Gone after this.
    pub gone: Duration,
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

impl Rhythm {
    /// Nothing but timeToLive is known.
    #[must_use]
    pub fn new(time_to_live: Option<Duration>) -> Self {
        Self {
            ttl: time_to_live.map_or(0, millis),
            settled: true,
            ..Self::default()
        }
    }

    /// timeToLive is another, or the gatekeeper is: the rhythm is learned again. What held before is a lower bound
    /// until [`Self::settle`].
    pub fn relearn(&mut self, time_to_live: Option<Duration>) {
        let before = self.quiet_ms();
        *self = Self {
            before,
            settled: false,
            ..Self::new(time_to_live)
        };
    }

    /// Whether this is the timeToLive that it was given.
    #[must_use]
    pub fn is_given(&self, time_to_live: Option<Duration>) -> bool {
        self.ttl == time_to_live.map_or(0, millis)
    }

    /// The endpoint spoke since the change, and the answer has brought it what is new.
    pub const fn settle(&mut self) {
        self.settled = true;
    }

    /// One keep-alive came this long after the last one.
    pub fn beat(&mut self, interval: Duration) {
        let longest = millis(LONGEST).max(self.ttl);
        let interval = millis(interval).min(longest);
        if interval < self.learned / 4 && self.short < MANY_SHORT {
            self.short += 1;
            return;
        }
        if self.short >= MANY_SHORT {
            self.learned = 0;
        }
        self.short = 0;
        self.beats = self.beats.saturating_add(1);
        let twice = interval.min(self.interval);
        self.learned = twice.max(self.learned - self.learned / 8);
        self.interval = interval;
    }

    /// How long it may be quiet, as far as is known.
    #[must_use]
    pub fn quiet(&self) -> Option<Duration> {
        match self.quiet_ms() {
            0 => None,
            quiet => Some(Duration::from_millis(quiet.into())),
        }
    }

    fn quiet_ms(&self) -> u32 {
        let learned = if self.ttl == 0 && self.beats < ENOUGH {
            0
        } else {
            self.learned
        };
        let before = if self.settled { 0 } else { self.before };
        self.ttl.max(learned).max(before)
    }

    /// The thresholds, with the zone's `silent_after` if it has one; `None`: it has no rhythm that could be missed.
    #[must_use]
    pub fn thresholds(&self, silent_after: Option<Duration>) -> Option<Thresholds> {
        let (late, silent) = match (self.quiet(), silent_after) {
            (None, None) => return None,
            (None, Some(given)) => (given, given),
            (Some(quiet), None) => (
                quiet + RETRANSMISSION,
                quiet + quiet.clamp(LEAST_SPARE, MOST_SPARE),
            ),
            (Some(quiet), Some(given)) => {
                let late = quiet + RETRANSMISSION;
                (late, given.max(late))
            }
        };
        Some(Thresholds {
            late,
            silent,
            gone: silent.saturating_mul(GONE_FACTOR),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn silent(rhythm: &Rhythm) -> Option<Duration> {
        rhythm.thresholds(None).map(|t| t.silent)
    }

    #[test]
    fn thresholds_by_time_to_live() {
        for (ttl, late, silent, gone) in [
            (5, 8, 14, 56),
            (10, 13, 20, 80),
            (60, 63, 90, 360),
            (600, 603, 630, 2520),
        ] {
            let expected = Thresholds {
                late: s(late),
                silent: s(silent),
                gone: s(gone),
            };
            assert_eq!(Rhythm::new(Some(s(ttl))).thresholds(None), Some(expected));
        }
    }

    #[test]
    fn a_given_threshold_never_undercuts_time_to_live() {
        let rhythm = Rhythm::new(Some(s(60)));
        for (given, expected) in [(10, 63), (63, 63), (70, 70), (3600, 3600)] {
            let thresholds = rhythm.thresholds(Some(s(given))).unwrap();
            assert_eq!(thresholds.silent, s(expected), "{given}");
            assert!(thresholds.late <= thresholds.silent);
        }
        assert_eq!(
            Rhythm::new(None).thresholds(Some(s(30))).unwrap().silent,
            s(30)
        );
    }

    #[test]
    fn one_long_interval_is_no_rhythm_but_two_are() {
        let mut rhythm = Rhythm::new(Some(s(5)));
        for interval in [4, 4, 40, 4, 4, 300, 4] {
            rhythm.beat(s(interval));
            assert_eq!(silent(&rhythm), Some(s(14)));
        }
        rhythm.beat(s(20));
        rhythm.beat(s(20));
        assert_eq!(silent(&rhythm), Some(s(40)));
        for _ in 0..40 {
            rhythm.beat(s(4));
        }
        assert_eq!(silent(&rhythm), Some(s(14)), "it is forgotten again");
    }

    #[test]
    fn without_time_to_live_some_intervals_are_needed() {
        let mut rhythm = Rhythm::new(None);
        for _ in 0..3 {
            rhythm.beat(s(60));
            assert_eq!(rhythm.thresholds(None), None);
        }
        rhythm.beat(s(60));
        assert_eq!(silent(&rhythm), Some(s(90)));
        for _ in 0..5 {
            rhythm.beat(s(1));
        }
        assert_eq!(
            silent(&rhythm),
            Some(s(90)),
            "retransmissions are no rhythm"
        );
    }

    #[test]
    fn a_shorter_time_to_live_counts_when_the_endpoint_can_know_it() {
        let mut rhythm = Rhythm::new(Some(s(600)));
        rhythm.relearn(Some(s(5)));
        assert_eq!(silent(&rhythm), Some(s(630)));
        rhythm.settle();
        assert_eq!(silent(&rhythm), Some(s(14)));
        rhythm.relearn(Some(s(600)));
        assert_eq!(silent(&rhythm), Some(s(630)));
    }

    #[test]
    fn what_is_learned_has_a_bound() {
        let mut rhythm = Rhythm::new(Some(s(5)));
        for _ in 0..9 {
            rhythm.beat(Duration::from_hours(100));
        }
        assert_eq!(rhythm.quiet(), Some(LONGEST));
    }
}
