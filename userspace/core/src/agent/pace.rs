//! How long to rest before what failed is tried again, and the dice that keep agents apart.
//!
//! Invariant: the same seed gives the same throws.

use std::time::Duration;

/// The first rest.
const FIRST: Duration = Duration::from_secs(1);
/// Rests double this often.
const DOUBLINGS: u32 = 5;

/// Pseudo-random numbers (SplitMix64): for spreading, never for secrets.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Anything from nothing to all of it.
    pub fn part(&mut self, whole: Duration) -> Duration {
        let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX - 1);
        Duration::from_nanos(self.roll() % (nanos + 1))
    }
}

/// Failures in a row.
#[derive(Debug, Default)]
pub(super) struct Pace {
    row: u32,
}

impl Pace {
    /// One more failure; how long to rest. The first `free` ones cost nothing, then it doubles, up to half a minute.
    pub fn pause(&mut self, dice: &mut Dice, free: u32) -> Duration {
        let row = self.row;
        self.row = row.saturating_add(1);
        let Some(over) = row.checked_sub(free) else {
            return Duration::ZERO;
        };
        let longest = FIRST * (1 << over.min(DOUBLINGS));
        longest / 2 + dice.part(longest / 2)
    }

    /// It works again.
    pub const fn calm(&mut self) {
        self.row = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_and_differ() {
        let (mut dice, mut pace) = (Dice::new(1), Pace::default());
        let rests: Vec<Duration> = (0..12).map(|_| pace.pause(&mut dice, 2)).collect();
        assert_eq!(rests[..2], [Duration::ZERO; 2]);
        for (n, rest) in rests[2..].iter().enumerate() {
            let longest = FIRST * (1 << n.min(5));
            assert!((longest / 2..=longest).contains(rest), "{n}: {rest:?}");
        }
        assert_ne!(rests[8], rests[9]);
        pace.calm();
        assert_eq!(pace.pause(&mut dice, 1), Duration::ZERO);
    }
}
