//! Whether the CPUs of this machine are overloaded (`/proc/pressure/cpu`, pressure stall information).

use std::time::Duration;

/// The machine counts as busy if tasks waited for a CPU for this percentage of the time.
const BUSY_PERCENT: u128 = 60;

/// Measures how long tasks waited for a CPU since the last reading.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pressure {
    waited: Option<Duration>,
}

impl Pressure {
    /// Whether the machine was busy over the last `passed`; the first time, over the last ten seconds. False where the
    /// kernel gives no information.
    pub fn is_busy(&mut self, passed: Duration) -> bool {
        let text = std::fs::read_to_string("/proc/pressure/cpu");
        self.judge(&text.unwrap_or_default(), passed)
    }

    fn judge(&mut self, text: &str, passed: Duration) -> bool {
        let now = value(text, "total=").map(Duration::from_micros);
        let before = std::mem::replace(&mut self.waited, now);
        let Some(now) = now else { return false };
        let Some(before) = before else {
            return value(text, "avg10=")
                .is_some_and(|percent| u128::from(percent) >= BUSY_PERCENT);
        };
        let waited = now.saturating_sub(before).as_micros();
        waited * 100 >= passed.as_micros() * BUSY_PERCENT
    }
}

/// A value of the line `some`, without its decimals.
fn value(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with("some "))?;
    let word = line.split(' ').find_map(|word| word.strip_prefix(name))?;
    word.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_most_of_the_time() {
        let text = |total| {
            format!(
                "some avg10=1.00 avg60=1.00 avg300=1.00 total={total}\nfull avg10=0.00 total=0\n"
            )
        };
        let second = Duration::from_secs(1);
        let mut pressure = Pressure::default();
        assert!(
            !pressure.judge(&text(9_000_000), second),
            "nothing to compare"
        );
        assert!(!pressure.judge(&text(9_500_000), second));
        assert!(pressure.judge(&text(10_200_000), second));
        assert!(!pressure.judge("", second), "no such file");
        assert!(!pressure.judge(&text(99_000_000), second));
        let busy = "some avg10=98.15 avg60=82.82 avg300=58.96 total=387795386\n";
        assert!(
            Pressure::default().judge(busy, second),
            "since before the start"
        );
    }
}
