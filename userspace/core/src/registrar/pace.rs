//! So many in a second, and no more.

use crate::Time;

/// Counts what was let through in the current second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    second: u64,
    count: u32,
}

impl Pace {
    /// Whether one more may pass.
    pub fn take(&mut self, now: Time, most: u32) -> bool {
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
        let mut pace = Pace::default();
        let taken = |pace: &mut Pace, at| (0..5).filter(|_| pace.take(Time(at), 2)).count();
        assert_eq!(taken(&mut pace, 0), 2);
        assert_eq!(taken(&mut pace, 999_999_999), 0);
        assert_eq!(taken(&mut pace, 1_000_000_000), 2);
    }
}
