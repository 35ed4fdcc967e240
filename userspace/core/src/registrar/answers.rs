//! Answers that were given, so that a retransmission is answered alike, octet by octet, without being handled again.
//!
//! Bounded by number and by age: what is older than a requester's last retry is no retransmission.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use super::EntryId;
use crate::Time;

/// How long an answer is kept: longer than three retries of 3 s each.
const AGE: Duration = Duration::from_secs(10);

/// A request: who sent it, and a digest of its octets, of which requestSeqNum is a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(SocketAddr, u64);

impl Key {
    pub fn new(from: SocketAddr, payload: &[u8]) -> Self {
        Self(from, digest(&payload))
    }

    /// The same for a sender that asks several addresses: a request to another one is another request.
    pub fn at(to: SocketAddr, from: SocketAddr, payload: &[u8]) -> Self {
        Self(from, digest(&(to, payload)))
    }
}

/// A digest that is the same in every run.
pub(crate) fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// How a request was answered.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub to: SocketAddr,
    pub octets: Box<[u8]>,
    /// The registration that it was about.
    pub of: Option<EntryId>,
}

/// The last answers.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    kept: HashMap<Key, (Time, Kept)>,
    order: VecDeque<(Time, Key)>,
    max: usize,
}

impl Answers {
    pub fn new(max: usize) -> Self {
        Self {
            kept: HashMap::new(),
            order: VecDeque::new(),
            max,
        }
    }

    pub fn find(&self, now: Time, key: Key) -> Option<&Kept> {
        let (at, kept) = self.kept.get(&key)?;
        (now.since(*at) < AGE).then_some(kept)
    }

    pub fn keep(&mut self, now: Time, key: Key, kept: Kept) {
        self.forget(now);
        if self.max > 0 && self.kept.insert(key, (now, kept)).is_none() {
            self.order.push_back((now, key));
        }
    }

    /// Makes room for one.
    fn forget(&mut self, now: Time) {
        while let Some(&(at, key)) = self.order.front() {
            if now.since(at) < AGE && self.order.len() < self.max {
                return;
            }
            self.order.pop_front();
            self.kept.remove(&key);
        }
    }

    pub fn len(&self) -> usize {
        self.kept.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        Key::new(SocketAddr::from(([192, 0, 2, 1], 1719)), &[n])
    }

    fn answer(n: u8) -> Kept {
        Kept {
            to: SocketAddr::from(([192, 0, 2, 1], 1719)),
            octets: [n].into(),
            of: None,
        }
    }

    #[test]
    fn bounded_by_number_and_age() {
        let mut answers = Answers::new(3);
        let s = |n: u64| Time(n * 1_000_000_000);
        for n in 0..5 {
            answers.keep(s(u64::from(n)), key(n), answer(n));
        }
        assert_eq!((answers.len(), answers.order.len()), (3, 3));
        assert!(answers.find(s(4), key(1)).is_none());
        assert!(
            answers
                .find(s(4), key(2))
                .is_some_and(|kept| kept.octets[..] == [2])
        );
        assert!(answers.find(s(12), key(2)).is_none());
        answers.keep(s(20), key(7), answer(7));
        assert_eq!((answers.len(), answers.order.len()), (1, 1));
    }
}
