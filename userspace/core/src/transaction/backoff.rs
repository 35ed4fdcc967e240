//! How long to wait before what failed is tried again.

use std::time::Duration;

use super::Dice;

/// The first pause.
const FIRST: Duration = Duration::from_secs(1);
/// The pause doubles this often.
const DOUBLINGS: u32 = 5;

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    row: u32,
}

impl Backoff {
    /// Counts one more failure and returns how long to wait. The first `free` failures cost nothing, then the pause doubles,
    /// up to half a minute; a random half of it keeps those apart that failed together.
    pub fn next_pause(&mut self, dice: &mut Dice, free: u32) -> Duration {
        let row = self.row;
        self.row = row.saturating_add(1);
        let Some(over) = row.checked_sub(free) else {
            return Duration::ZERO;
        };
        let longest = FIRST * (1 << over.min(DOUBLINGS));
        longest / 2 + dice.part(longest / 2)
    }

    /// Forgets the failures, after a success.
    pub const fn reset(&mut self) {
        self.row = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_differ() {
        let (mut dice, mut backoff) = (Dice::new(1), Backoff::default());
        let pauses: Vec<Duration> = (0..12).map(|_| backoff.next_pause(&mut dice, 2)).collect();
        assert_eq!(pauses[..2], [Duration::ZERO; 2]);
        for (n, pause) in pauses[2..].iter().enumerate() {
            let longest = FIRST * (1 << n.min(5));
            assert!((longest / 2..=longest).contains(pause), "{n}: {pause:?}");
        }
        assert_ne!(pauses[8], pauses[9]);
        backoff.reset();
        assert_eq!(backoff.next_pause(&mut dice, 1), Duration::ZERO);
    }
}
