//! Time as a number that the caller brings along: the crate has no clock.

use std::cmp::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// CLOCK_MONOTONIC in nanoseconds. What was before the machine started is negative, in two's complement: what a store
/// remembers may be older than the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// Never: later than all others.
    pub const MAX: Self = Self(i64::MAX.cast_unsigned());

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let nanos = self.0.cast_signed().saturating_sub(earlier.0.cast_signed());
        if nanos < 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos(nanos.cast_unsigned())
    }

    /// This much later; saturates.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.cast_signed().saturating_add(nanos).cast_unsigned())
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cast_signed().cmp(&other.0.cast_signed())
    }
}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_clock_started() {
        let s = Duration::from_secs;
        let (before, now) = (
            Time((-240_000_000_000_i64).cast_unsigned()),
            Time(60_000_000_000),
        );
        assert!(before < Time(0) && Time(0) < now);
        assert_eq!((now.since(before), before.since(now)), (s(300), s(0)));
        assert_eq!(before.after(s(300)), now);
        assert_eq!(now.after(Duration::MAX).after(s(1)), Time::MAX);
        assert_eq!(before.max(now), now);
    }
}
