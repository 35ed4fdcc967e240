//! What is on its way in a network of virtual time.

use std::collections::BTreeMap;

use rasline_core::Time;

/// Things under way. Those that arrive at the same time do so in the order in which they were sent.
#[derive(Clone, Debug)]
pub struct Transit<T> {
    arrivals: BTreeMap<(Time, u64), T>,
    sent: u64,
}

impl<T> Default for Transit<T> {
    fn default() -> Self {
        Self {
            arrivals: BTreeMap::new(),
            sent: 0,
        }
    }
}

impl<T> Transit<T> {
    /// Sends something that arrives at this time.
    pub fn send(&mut self, arrival: Time, what: T) {
        self.sent += 1;
        self.arrivals.insert((arrival, self.sent), what);
    }

    /// When something arrives next.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        self.arrivals.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next thing that has arrived by now.
    pub fn take(&mut self, now: Time) -> Option<T> {
        let first = self.arrivals.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_in_order_of_time_and_of_sending() {
        let mut transit = Transit::default();
        for (at, what) in [(30, 'c'), (10, 'a'), (30, 'd'), (20, 'b')] {
            transit.send(Time(at), what);
        }
        assert_eq!(transit.next_due(), Some(Time(10)));
        assert_eq!(transit.take(Time(9)), None);
        let arrived: String = std::iter::from_fn(|| transit.take(Time(30))).collect();
        assert_eq!(arrived, "abcd");
        assert_eq!(transit.next_due(), None);
    }
}
