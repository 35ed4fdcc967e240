//! Replies that were sent, so that a retransmitted request gets the same octets again without being handled twice.
//!
//! Bounded by number and by age: a request that comes after the sender's last retry is not a retransmission.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use super::digest;
use crate::Time;

/// How long a reply is kept: longer than three retries of 3 s each.
const AGE: Duration = Duration::from_secs(10);

/// A request: who sent it, and a digest of its octets, which include requestSeqNum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RequestKey(SocketAddr, u64);

impl RequestKey {
    pub fn new(from: SocketAddr, payload: &[u8]) -> Self {
        Self(from, digest(&payload))
    }

    /// For a sender that asks several addresses: the same request to another address is a different one.
    pub fn at(to: SocketAddr, from: SocketAddr, payload: &[u8]) -> Self {
        Self(from, digest(&(to, payload)))
    }
}

/// The reply to a request.
#[derive(Clone, Debug)]
pub(crate) struct CachedReply<T> {
    pub to: SocketAddr,
    pub octets: Box<[u8]>,
    /// What the request was about.
    pub about: T,
}

/// The last replies.
#[derive(Clone, Debug)]
pub(crate) struct ReplyCache<T> {
    replies: HashMap<RequestKey, (Time, CachedReply<T>)>,
    order: VecDeque<(Time, RequestKey)>,
    max: usize,
}

impl<T> ReplyCache<T> {
    pub fn new(max: usize) -> Self {
        Self {
            replies: HashMap::new(),
            order: VecDeque::new(),
            max,
        }
    }

    pub fn get(&self, now: Time, key: RequestKey) -> Option<&CachedReply<T>> {
        let (at, reply) = self.replies.get(&key)?;
        (now.since(*at) < AGE).then_some(reply)
    }

    pub fn insert(&mut self, now: Time, key: RequestKey, reply: CachedReply<T>) {
        self.make_room(now);
        if self.max > 0 && self.replies.insert(key, (now, reply)).is_none() {
            self.order.push_back((now, key));
        }
    }

    /// Removes what is too old, and the oldest reply if the cache is full.
    fn make_room(&mut self, now: Time) {
        while let Some(&(at, key)) = self.order.front() {
            if now.since(at) < AGE && self.order.len() < self.max {
                return;
            }
            self.order.pop_front();
            self.replies.remove(&key);
        }
    }

    pub fn len(&self) -> usize {
        self.replies.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> RequestKey {
        RequestKey::new(SocketAddr::from(([192, 0, 2, 1], 1719)), &[n])
    }

    fn reply(n: u8) -> CachedReply<()> {
        CachedReply {
            to: SocketAddr::from(([192, 0, 2, 1], 1719)),
            octets: [n].into(),
            about: (),
        }
    }

    #[test]
    fn bounded_by_number_and_age() {
        let mut cache = ReplyCache::new(3);
        let s = |n: u64| Time(n * 1_000_000_000);
        for n in 0..5 {
            cache.insert(s(u64::from(n)), key(n), reply(n));
        }
        assert_eq!((cache.len(), cache.order.len()), (3, 3));
        assert!(cache.get(s(4), key(1)).is_none());
        assert!(
            cache
                .get(s(4), key(2))
                .is_some_and(|reply| reply.octets[..] == [2])
        );
        assert!(cache.get(s(12), key(2)).is_none());
        cache.insert(s(20), key(7), reply(7));
        assert_eq!((cache.len(), cache.order.len()), (1, 1));
    }
}
