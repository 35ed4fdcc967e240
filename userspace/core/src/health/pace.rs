//! How fast a gatekeeper answers and how much that varies: what the time that silence must last is adapted to.
//!
//! Invariant: what is derived lies between the bounds that the caller gives, and a steady round trip never lengthens
//! the wait by more than a round trip or two.

use std::time::Duration;

use crate::Time;

/// The worst delay seen is worth half as much after this time.
const HALF: Duration = Duration::from_mins(1);
/// What an answer may take beyond twice the usual round trip.
const SLACK: Duration = Duration::from_millis(10);
/// A gatekeeper whose answers vary by a millisecond may pause for this many: such a machine is busy.
const BUSY: u32 = 20;
/// Longest that variation alone adds. A delay that was really seen adds more.
const BUSY_MAX: Duration = Duration::from_millis(300);

/// Round trips of one gatekeeper.
#[derive(Debug, Default)]
pub struct Pace {
    smoothed: Option<Duration>,
    /// What it takes at best; rises slowly.
    floor: Duration,
    /// The worst delay beyond the floor, as of `at`.
    excess: Duration,
    at: Time,
}

impl Pace {
    /// Takes the round trip of an answer.
    pub fn measure(&mut self, now: Time, sample: Duration) {
        let Some(old) = self.smoothed else {
            (self.smoothed, self.floor, self.at) = (Some(sample), sample, now);
            return;
        };
        self.smoothed = Some((old * 7 + sample) / 8);
        let excess = self.excess(now);
        self.floor = if sample < self.floor {
            sample
        } else {
            self.floor + sample.saturating_sub(self.floor) / 64
        };
        self.excess = excess.max(sample.saturating_sub(self.floor));
        self.at = now;
    }

    /// Whether anything was measured.
    pub const fn is_known(&self) -> bool {
        self.smoothed.is_some()
    }

    /// How long silence must last to mean death: at least `least`, at most `most`, and `most` as long as nothing was
    /// measured.
    pub fn dead_time(&self, now: Time, least: Duration, most: Duration) -> Duration {
        let most = most.max(least);
        let Some(usual) = self.smoothed else {
            return most;
        };
        let excess = self.excess(now);
        let slow = usual.max(self.floor + excess) * 2 + SLACK;
        let busy = usual + (excess * BUSY).min(BUSY_MAX);
        slow.max(busy).clamp(least, most)
    }

    /// The worst delay seen beyond the floor; it fades.
    fn excess(&self, now: Time) -> Duration {
        let age = now.since(self.at);
        let halvings = u32::try_from(age.as_nanos() / HALF.as_nanos()).unwrap_or(u32::MAX);
        let whole = self.excess / 2u32.checked_pow(halvings).unwrap_or(u32::MAX);
        let rest = age.as_secs_f64() % HALF.as_secs_f64() / HALF.as_secs_f64();
        whole.mul_f64(1.0 - rest / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Pace, Time};

    const LEAST: Duration = Duration::from_millis(110);
    const MOST: Duration = Duration::from_secs(2);

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// The dead time after these round trips, in milliseconds, each 25 ms after the one before; and then this pause.
    fn after(samples: &[u64], pause: Duration) -> u128 {
        let (mut pace, mut now) = (Pace::default(), Time(1_000_000_000));
        for sample in samples {
            now = now.after(ms(25));
            pace.measure(now, ms(*sample));
        }
        pace.dead_time(now.after(pause), LEAST, MOST).as_millis()
    }

    #[test]
    fn dead_times() {
        let steady = |it| vec![it; 100];
        let once = |usual, worst| [steady(usual), vec![worst], steady(usual)].concat();
        for (samples, pause, expected) in [
            (vec![], 0, 2000..=2000),
            (steady(1), 0, 110..=110),
            (steady(25), 0, 110..=110),
            (steady(100), 0, 210..=210),
            (steady(300), 0, 610..=610),
            (steady(1500), 0, 2000..=2000),
            // A little jitter is normal, more is a busy machine.
            (once(1, 4), 0, 110..=110),
            (once(1, 15), 0, 250..=320),
            // A pause of this length is no death the next time.
            (once(1, 250), 0, 450..=520),
            (once(1, 700), 0, 1300..=1420),
            (once(1, 250), 600, 110..=110),
        ] {
            let found = after(&samples, Duration::from_secs(pause));
            assert!(expected.contains(&found), "{found} is not in {expected:?}");
        }
    }
}
