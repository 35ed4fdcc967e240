//! Randomness of a simulation: the same seed gives the same run.

use std::time::Duration;

/// A sequence of pseudo-random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of this seed.
    #[must_use]
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

    /// A number from 0 to `end` - 1.
    ///
    /// # Panics
    /// If `end` is not positive.
    pub fn below<N: TryFrom<u64>>(&mut self, end: N) -> N
    where
        u64: TryFrom<N>,
    {
        let end = u64::try_from(end).ok().expect("a positive number");
        N::try_from(self.roll() % end)
            .ok()
            .expect("less than `end`")
    }

    /// True in this share of the rolls, in percent.
    pub const fn percent(&mut self, share: u64) -> bool {
        self.roll() % 100 < share
    }

    /// True in this share of the rolls, in thousandths.
    pub const fn per_mille(&mut self, share: u32) -> bool {
        self.roll() % 1000 < share as u64
    }

    /// A time between these, both included.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = most.saturating_sub(least).as_nanos() as u64;
        least + Duration::from_nanos(self.roll() % (span + 1))
    }
}
