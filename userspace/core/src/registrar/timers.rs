//! When something is to be looked at again. One time for each thing; setting it replaces the earlier one.

use std::collections::{BTreeSet, HashMap};

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
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Time, Timer)>,
    times: HashMap<Timer, Time>,
}

impl Timers {
    pub fn set(&mut self, timer: Timer, at: Time) {
        if let Some(before) = self.times.insert(timer, at) {
            self.due.remove(&(before, timer));
        }
        self.due.insert((at, timer));
    }

    pub fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.times.remove(&timer) {
            self.due.remove(&(at, timer));
        }
    }

    pub fn next(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes one out that is due.
    pub fn pop(&mut self, now: Time) -> Option<Timer> {
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
