//! A number of things that may be done in each second of the clock.

use crate::Time;

/// Counts what was done in the current second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RateLimit {
    second: u64,
    count: u32,
}

impl RateLimit {
    /// Counts one more. True if it is among the first `most` of this second.
    pub fn try_take(&mut self, now: Time, most: u32) -> bool {
        let second = now.0 / 1_000_000_000;
        if second != self.second {
            *self = Self { second, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_number() {
        let mut limit = RateLimit::default();
        let taken =
            |limit: &mut RateLimit, at| (0..5).filter(|_| limit.try_take(Time(at), 2)).count();
        assert_eq!(taken(&mut limit, 0), 2);
        assert_eq!(taken(&mut limit, 999_999_999), 0);
        assert_eq!(taken(&mut limit, 1_000_000_000), 2);
    }
}
