//! Counters from one second to the next.
// Rates for people: a double holds them well enough.
#![allow(clippy::cast_precision_loss)]

use rasline_kernel::CounterRow;

use crate::view;

/// The last two readings.
#[derive(Debug, Default)]
pub struct Rates {
    rows: Vec<CounterRow>,
    last: Option<(u64, u64, u64)>,
    shown: view::Rates,
}

fn sum(rows: &[CounterRow], wanted: impl Fn(&str) -> bool) -> u64 {
    rows.iter()
        .flat_map(|r| &r.values)
        .filter(|(name, _)| wanted(name))
        .map(|(_, v)| v)
        .sum()
}

/// Verdicts that let a RAS message through; what is no RAS does not count.
fn is_pass(name: &str) -> bool {
    name.starts_with("pass_") && !matches!(name, "pass_not_ras" | "pass_interface")
}

impl Rates {
    /// Takes a reading.
    pub fn update(&mut self, now_ns: u64, rows: Vec<CounterRow>) {
        let (answers, passes) = (sum(&rows, |n| n == "answer"), sum(&rows, is_pass));
        if let Some((then, old_answers, old_passes)) = self.last {
            let seconds = (now_ns.saturating_sub(then) as f64 / 1e9).max(1e-3);
            let rate = |new: u64, old: u64| new.saturating_sub(old) as f64 / seconds;
            self.shown = view::Rates {
                answers: rate(answers, old_answers),
                passes: rate(passes, old_passes),
            };
        }
        self.last = Some((now_ns, answers, passes));
        self.rows = rows;
    }

    /// Messages a second.
    #[must_use]
    pub fn rates(&self) -> view::Rates {
        self.shown.clone()
    }

    /// The last reading.
    #[must_use]
    pub fn rows(&self) -> &[CounterRow] {
        &self.rows
    }

    /// A counter over all interfaces, at the last reading.
    #[must_use]
    pub fn total(&self, name: &str) -> u64 {
        sum(&self.rows, |n| n == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_differences() {
        let row = |n| {
            vec![CounterRow {
                interface: None,
                values: vec![
                    ("answer", n),
                    ("pass_refresh", 2 * n),
                    ("pass_not_ras", 9 * n),
                ],
            }]
        };
        let mut rates = Rates::default();
        rates.update(1_000_000_000, row(10));
        assert_eq!(rates.rates(), view::Rates::default());
        rates.update(3_000_000_000, row(30));
        assert_eq!(
            rates.rates(),
            view::Rates {
                answers: 10.0,
                passes: 20.0
            }
        );
        assert_eq!(rates.total("answer"), 30);
    }
}
