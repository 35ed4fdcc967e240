//! Messages at a bounded rate, evenly spread.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Time;

/// Time that may be made up for after a pause, at the rate.
const BURST: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// Says when the next message may be sent. A rate of 0 is no bound.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pacer {
    rate: u32,
    /// When the next message is due at exactly the rate.
    next: Time,
    /// With a strict bound: when the last messages were sent, as many as a second may have.
    sent: Option<VecDeque<Time>>,
}

impl Pacer {
    /// `rate` messages a second on average. A second after a pause may have a tenth more, which makes up for the pause.
    pub const fn new(rate: u32, now: Time) -> Self {
        Self {
            rate,
            next: now,
            sent: None,
        }
    }

    /// As [`Self::new`], and no second, whenever it begins, has more than `rate` messages.
    pub const fn strict(rate: u32, now: Time) -> Self {
        Self {
            rate,
            next: now,
            sent: Some(VecDeque::new()),
        }
    }

    /// Messages a second.
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// The time from which the next message may be sent.
    pub fn ready_at(&self) -> Time {
        if self.rate == 0 {
            return Time(0);
        }
        let full = |sent: &&VecDeque<Time>| sent.len() >= self.rate as usize;
        let window = self.sent.as_ref().filter(full).and_then(VecDeque::front);
        window.map_or(self.next, |first| self.next.max(first.after(SECOND)))
    }

    /// True if a message may be sent now.
    pub fn is_ready(&self, now: Time) -> bool {
        self.ready_at() <= now
    }

    /// Takes note of a message that was sent.
    pub fn spend(&mut self, now: Time) {
        if self.rate == 0 {
            return;
        }
        let earliest = Time(
            now.0
                .cast_signed()
                .saturating_sub(BURST.as_nanos() as i64)
                .cast_unsigned(),
        );
        self.next = self.next.max(earliest).after(SECOND / self.rate);
        if let Some(sent) = &mut self.sent {
            if sent.len() >= self.rate as usize {
                sent.pop_front();
            }
            sent.push_back(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Time {
        Time(n * 1_000_000)
    }

    /// When (ms) messages are sent by somebody who has always something to send and looks at these times.
    fn sent(mut pacer: Pacer, looks: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut sent = Vec::new();
        for at in looks {
            while pacer.is_ready(ms(at)) {
                pacer.spend(ms(at));
                sent.push(at);
            }
        }
        sent
    }

    /// The most messages in any second.
    fn most(sent: &[u64]) -> usize {
        let windows = sent.iter().enumerate().map(|(n, at)| {
            let within = sent[n..].iter();
            within.filter(|other| **other < at + 1000).count()
        });
        windows.max().unwrap_or(0)
    }

    /// Late and irregular looks.
    fn irregular() -> impl Iterator<Item = u64> {
        (0..20_000).filter(|at| at % 7 == 0 && at % 1000 < 800)
    }

    #[test]
    fn evenly_spread() {
        assert_eq!(
            sent(Pacer::new(10, ms(0)), 0..=500),
            [0, 100, 200, 300, 400, 500]
        );
    }

    #[test]
    fn a_pause_is_made_up_for_in_part() {
        let pacer = Pacer::new(100, ms(0));
        // 100 ms are worth ten messages; one more is due now.
        assert_eq!(sent(pacer, std::iter::once(5_000)).len(), 11);
    }

    #[test]
    fn a_strict_pacer_bounds_every_second() {
        let loose = sent(Pacer::new(10, ms(0)), irregular());
        let strict = sent(Pacer::strict(10, ms(0)), irregular());
        assert_eq!(most(&strict), 10);
        assert!((10..=11).contains(&most(&loose)));
        assert!(strict.len() > 150, "{}", strict.len());
    }

    #[test]
    fn no_rate_is_no_bound() {
        let mut pacer = Pacer::strict(0, ms(9));
        for _ in 0..1000 {
            assert!(pacer.is_ready(ms(9)));
            pacer.spend(ms(9));
        }
    }
}
