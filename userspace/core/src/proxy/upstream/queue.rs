//! Whose full RRQ is sent next, and when: so many in any second, and no more.

use std::collections::{BTreeSet, HashMap};

use crate::Time;
use crate::proxy::EntryId;
use crate::transaction::Pacer;

/// Who goes first in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::proxy) enum Lane {
    /// Somebody waits for it.
    Wanted,
    /// Nobody notices how long it takes.
    Quiet,
}

/// Endpoints whose full RRQ is to be sent, and the rate.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    line: BTreeSet<(Lane, u64, EntryId)>,
    places: HashMap<EntryId, (Lane, u64)>,
    joined: u64,
    pacer: Pacer,
}

impl Queue {
    pub fn new(rate: u32, now: Time) -> Self {
        Self {
            pacer: Pacer::strict(rate, now),
            ..Self::default()
        }
    }

    /// Puts it at the end of this lane, unless it stands better already.
    pub fn push(&mut self, id: EntryId, lane: Lane) {
        if self.places.get(&id).is_some_and(|(has, _)| *has <= lane) {
            return;
        }
        self.remove(id);
        self.joined += 1;
        self.places.insert(id, (lane, self.joined));
        self.line.insert((lane, self.joined, id));
    }

    pub fn remove(&mut self, id: EntryId) {
        if let Some((lane, number)) = self.places.remove(&id) {
            self.line.remove(&(lane, number, id));
        }
    }

    pub fn contains(&self, id: EntryId) -> bool {
        self.places.contains_key(&id)
    }

    /// Takes out who may send now.
    pub fn pop(&mut self, now: Time) -> Option<EntryId> {
        if !self.pacer.is_ready(now) {
            return None;
        }
        let (_, _, id) = self.line.pop_first()?;
        self.places.remove(&id);
        Some(id)
    }

    /// When the next one may send, if there is one.
    pub fn next_due(&self) -> Option<Time> {
        self.line.first().map(|_| self.pacer.ready_at())
    }

    /// Notes that a full RRQ was sent.
    pub fn note_sent(&mut self, now: Time) {
        self.pacer.spend(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Time {
        Time(n * 1_000_000)
    }

    #[test]
    fn who_is_wanted_goes_first() {
        let mut queue = Queue::new(0, Time(0));
        queue.push(EntryId(1), Lane::Quiet);
        queue.push(EntryId(2), Lane::Quiet);
        queue.push(EntryId(3), Lane::Wanted);
        queue.push(EntryId(2), Lane::Wanted);
        queue.push(EntryId(3), Lane::Quiet);
        queue.remove(EntryId(9));
        let order: Vec<u64> = std::iter::from_fn(|| queue.pop(Time(0)))
            .map(|id| id.0)
            .collect();
        assert_eq!(order, [3, 2, 1]);
        assert_eq!(queue.next_due(), None);
    }

    #[test]
    fn no_second_has_more() {
        let mut queue = Queue::new(10, Time(0));
        (1..=100).for_each(|id| queue.push(EntryId(id), Lane::Quiet));
        let mut sent = Vec::new();
        // Called late and irregularly.
        for at in (0..20_000).filter(|at| at % 7 == 0 && at % 1000 < 800) {
            while queue.pop(ms(at)).is_some() {
                queue.note_sent(ms(at));
                sent.push(at);
            }
        }
        assert_eq!(sent.len(), 100);
        for (n, at) in sent.iter().enumerate() {
            let window = sent[n..].iter().filter(|other| **other < at + 1000).count();
            assert!(window <= 10, "{window} from {at} ms on");
        }
    }
}
