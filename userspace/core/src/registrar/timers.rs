//! When something is to be looked at again. One time for each thing; setting it replaces the earlier one.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use super::EntryId;
use super::calls::CallId;
use crate::Time;

/// What is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// A registration: timeToLive, or an answer to IRQ.
    Entry(EntryId),
    /// A call: whether it is still heard of.
    Call(CallId),
    /// An own request, by requestSeqNum: to be sent again.
    Own(u16),
    /// A search for a destination.
    Location(u64),
    /// Those that are not allowed any more.
    Barred,
}

/// All of them.
///
/// Invariant: each timer is queued once, at its time or before, and the first one at its time. Most are put off again and
/// again: moving them within the queue each time is what would cost more, the more there are.
#[derive(Clone, Debug)]
pub(crate) struct Timers<T> {
    queue: BTreeSet<(Time, T)>,
    times: HashMap<T, When>,
}

#[derive(Clone, Copy, Debug)]
struct When {
    at: Time,
    queued: Time,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            queue: BTreeSet::new(),
            times: HashMap::new(),
        }
    }
}

impl<T: Copy + Ord + Hash> Timers<T> {
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

    /// When one is due.
    pub fn at(&self, timer: T) -> Option<Time> {
        self.times.get(&timer).map(|when| when.at)
    }

    pub fn next(&self) -> Option<Time> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// What is due first.
    pub fn first(&self) -> Option<T> {
        self.queue.first().map(|(_, timer)| *timer)
    }

    /// Takes one out that is due.
    pub fn pop(&mut self, now: Time) -> Option<T> {
        let (at, timer) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }

    /// How many there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    fn unqueue(&mut self, timer: T) {
        if let Some(when) = self.times.remove(&timer) {
            self.queue.remove(&(when.queued, timer));
        }
    }

    /// The first ones go where they belong, until one is there.
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
        let mut timers = Timers::default();
        let (a, b) = (Timer::Own(1), Timer::Own(2));
        timers.set(a, Time(5));
        timers.set(b, Time(7));
        timers.set(a, Time(9));
        assert_eq!((timers.len(), timers.next()), (2, Some(Time(7))));
        assert_eq!(timers.pop(Time(6)), None);
        assert_eq!(timers.pop(Time(9)), Some(b));
        timers.clear(a);
        assert_eq!((timers.pop(Time(9)), timers.next()), (None, None));
    }

    /// Like a list that is searched each time.
    #[test]
    fn as_a_plain_list_would_do() {
        use proptest::prelude::*;
        let step = (0_u16..6, 0_u64..20, 0_u8..4);
        proptest!(|(steps in proptest::collection::vec(step, 0..200))| {
            let mut timers = Timers::default();
            let mut plain: Vec<(Time, Timer)> = Vec::new();
            for (number, at, what) in steps {
                let (timer, at) = (Timer::Own(number), Time(at));
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
                prop_assert_eq!(timers.next(), first.map(|one| one.0));
                prop_assert_eq!(timers.first(), first.map(|one| one.1));
                prop_assert_eq!(timers.len(), plain.len());
            }
        });
    }
}
