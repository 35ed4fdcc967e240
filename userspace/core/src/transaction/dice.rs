//! Pseudo-random numbers (SplitMix64): for spreading, never for secrets.
//!
//! Invariant: the same seed gives the same numbers.

use std::time::Duration;

/// A sequence of numbers.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A time between zero and `whole`.
    pub fn part(&mut self, whole: Duration) -> Duration {
        let nanos = u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX - 1);
        Duration::from_nanos(self.roll() % (nanos + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut one, mut other) = (Dice::new(7), Dice::new(7));
        let numbers: Vec<u64> = (0..10).map(|_| one.roll()).collect();
        assert!(numbers.iter().all(|number| *number == other.roll()));
        assert_ne!(numbers[0], Dice::new(8).roll());
    }

    #[test]
    fn a_part_is_no_more_than_the_whole() {
        let (mut dice, whole) = (Dice::new(1), Duration::from_secs(3));
        assert!((0..100).all(|_| dice.part(whole) <= whole));
        assert_eq!(dice.part(Duration::ZERO), Duration::ZERO);
    }
}
