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
#[derive(Clone, Debug)]
pub(crate) struct Timers<T> {
    due: BTreeSet<(Time, T)>,
    times: HashMap<T, Time>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self {
            due: BTreeSet::new(),
            times: HashMap::new(),
        }
    }
}

impl<T: Copy + Ord + Hash> Timers<T> {
    pub fn set(&mut self, timer: T, at: Time) {
        if let Some(before) = self.times.insert(timer, at) {
            self.due.remove(&(before, timer));
        }
        self.due.insert((at, timer));
    }

    pub fn clear(&mut self, timer: T) {
        if let Some(at) = self.times.remove(&timer) {
            self.due.remove(&(at, timer));
        }
    }

    /// When one is due.
    pub fn at(&self, timer: T) -> Option<Time> {
        self.times.get(&timer).copied()
    }

    pub fn next(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// What is due first.
    pub fn first(&self) -> Option<T> {
        self.due.first().map(|(_, timer)| *timer)
    }

    /// Takes one out that is due.
    pub fn pop(&mut self, now: Time) -> Option<T> {
        let (at, timer) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }

    /// How many there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.due.len()
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
}
