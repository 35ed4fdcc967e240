//! TimerQueue in the order in which they are due. A key has one time; setting it again replaces the earlier one.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use crate::Time;

/// TimerQueue by key.
///
/// Invariant: each timer is queued once, at its time or earlier, and the first one exactly at its time. Most timers are
/// put off many times before they expire: they are moved within the queue only when they get to its front.
#[derive(Clone, Debug)]
pub(crate) struct TimerQueue<T> {
    queue: BTreeSet<(Time, T)>,
    times: HashMap<T, When>,
}

#[derive(Clone, Copy, Debug)]
struct When {
    at: Time,
    queued: Time,
}

impl<T> Default for TimerQueue<T> {
    fn default() -> Self {
        Self {
            queue: BTreeSet::new(),
            times: HashMap::new(),
        }
    }
}

impl<T: Copy + Ord + Hash> TimerQueue<T> {
    pub fn set(&mut self, timer: T, at: Time) {
        match self.times.get_mut(&timer) {
            Some(when) if when.queued <= at => when.at = at,
            _ => {
                self.unqueue(timer);
                self.times.insert(timer, When { at, queued: at });
                self.queue.insert((at, timer));
            }
        }
        self.settle();
    }

    pub fn clear(&mut self, timer: T) {
        self.unqueue(timer);
        self.settle();
    }

    /// When this timer is due.
    pub fn at(&self, timer: T) -> Option<Time> {
        self.times.get(&timer).map(|when| when.at)
    }

    pub fn next_due(&self) -> Option<Time> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// The timer that is due first.
    pub fn first(&self) -> Option<T> {
        self.queue.first().map(|(_, timer)| *timer)
    }

    /// Takes out the first timer, if it is due.
    pub fn pop(&mut self, now: Time) -> Option<T> {
        let (at, timer) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }

    /// The number of timers.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    fn unqueue(&mut self, timer: T) {
        if let Some(when) = self.times.remove(&timer) {
            self.queue.remove(&(when.queued, timer));
        }
    }

    /// Moves timers from the front to where they belong, until the first one is at its time.
    fn settle(&mut self) {
        while let Some((queued, timer)) = self.queue.first().copied()
            && let Some(when) = self.times.get_mut(&timer)
            && when.at != queued
        {
            when.queued = when.at;
            let moved = (when.at, timer);
            self.queue.pop_first();
            self.queue.insert(moved);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_for_each() {
        let mut timers = TimerQueue::default();
        let (a, b) = (1_u16, 2_u16);
        timers.set(a, Time(5));
        timers.set(b, Time(7));
        timers.set(a, Time(9));
        assert_eq!((timers.len(), timers.next_due()), (2, Some(Time(7))));
        assert_eq!(timers.pop(Time(6)), None);
        assert_eq!(timers.pop(Time(9)), Some(b));
        timers.clear(a);
        assert_eq!((timers.pop(Time(9)), timers.next_due()), (None, None));
    }

    /// It behaves like a list that is searched each time.
    #[test]
    fn behaves_like_a_plain_list() {
        use proptest::prelude::*;
        let step = (0_u16..6, 0_u64..20, 0_u8..4);
        proptest!(|(steps in proptest::collection::vec(step, 0..200))| {
            let mut timers = TimerQueue::default();
            let mut plain: Vec<(Time, u16)> = Vec::new();
            for (number, at, what) in steps {
                let (timer, at) = (number, Time(at));
                match what {
                    0 | 1 => {
                        timers.set(timer, at);
                        plain.retain(|one| one.1 != timer);
                        plain.push((at, timer));
                    }
                    2 => {
                        timers.clear(timer);
                        plain.retain(|one| one.1 != timer);
                    }
                    _ => {
                        plain.sort_unstable();
                        let due = plain.first().copied().filter(|one| one.0 <= at);
                        plain.retain(|one| Some(*one) != due);
                        prop_assert_eq!(timers.pop(at), due.map(|one| one.1));
                    }
                }
                plain.sort_unstable();
                let first = plain.first().copied();
                prop_assert_eq!(timers.next_due(), first.map(|one| one.0));
                prop_assert_eq!(timers.first(), first.map(|one| one.1));
                prop_assert_eq!(timers.len(), plain.len());
            }
        });
    }
}
