//! Sources, or names, under which somebody failed to show who he is, and the locks on them.
//!
//! One that fails `failures` times within `within` is locked; each time twice as long. Invariant: as many sources as
//! [`Limits::sources`] at most, the one dropped for another being the one that would be forgotten first.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};

use super::Limits;
use crate::Time;

#[derive(Clone, Debug)]
pub(super) struct Sources<K> {
    all: HashMap<K, Source>,
    expiry: BTreeSet<(Time, K)>,
}

impl<K> Default for Sources<K> {
    fn default() -> Self {
        Self {
            all: HashMap::new(),
            expiry: BTreeSet::new(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Source {
    /// Failures since `since`.
    failures: u32,
    since: Time,
    /// How often it was locked.
    locks: u32,
    /// Until when it is locked.
    until: Option<Time>,
    /// When a failure of it was answered last while it was locked.
    answered: Option<Time>,
    /// When it is forgotten.
    expires: Time,
}

impl<K: Copy + Ord + Hash> Sources<K> {
    pub(super) fn is_locked(&self, now: Time, key: &K) -> bool {
        let source = self.all.get(key);
        source.is_some_and(|source| source.until.is_some_and(|until| now < until))
    }

    /// Whether a failure of one that is locked is answered now; `None`: it is not locked.
    pub(super) fn answers(&mut self, now: Time, key: &K, limits: &Limits) -> Option<bool> {
        let locked = self.is_locked(now, key);
        let source = self.all.get_mut(key).filter(|_| locked)?;
        let due = |at: Time| now.since(at) >= limits.answer_every;
        let answers = source.answered.is_none_or(due);
        if answers {
            source.answered = Some(now);
        }
        Some(answers)
    }

    /// Counts a failure; whether it locked the source. While it is locked nothing is counted.
    pub(super) fn failed(&mut self, now: Time, key: K, limits: &Limits) -> bool {
        self.expire(now);
        if self.is_locked(now, &key) {
            return false;
        }
        let mut source = match self.all.get(&key) {
            Some(source) => *source,
            None => Source::new(now),
        };
        if !self.expiry.remove(&(source.expires, key)) {
            self.make_room(limits.sources);
        }
        let locked = source.failed(now, limits);
        self.expiry.insert((source.expires, key));
        self.all.insert(key, source);
        locked
    }

    fn expire(&mut self, now: Time) {
        while let Some(&(expires, key)) = self.expiry.first()
            && expires <= now
        {
            self.expiry.pop_first();
            self.all.remove(&key);
        }
    }

    fn make_room(&mut self, most: usize) {
        while self.all.len() >= most.max(1) {
            let Some((_, key)) = self.expiry.pop_first() else {
                return;
            };
            self.all.remove(&key);
        }
    }

    #[cfg(test)]
    fn sizes(&self) -> (usize, usize) {
        (self.all.len(), self.expiry.len())
    }
}

impl Source {
    fn new(now: Time) -> Self {
        Self {
            failures: 0,
            since: now,
            locks: 0,
            until: None,
            answered: None,
            expires: now,
        }
    }

    fn failed(&mut self, now: Time, limits: &Limits) -> bool {
        if now.since(self.since) >= limits.within {
            self.failures = 0;
        }
        if self.failures == 0 {
            self.since = now;
        }
        self.failures += 1;
        let locked = self.failures >= limits.failures.max(1);
        if locked {
            let doubled = limits.lock.saturating_mul(1 << self.locks.min(20));
            let until = now.after(doubled.min(limits.max_lock));
            self.until = Some(until);
            self.answered = Some(now);
            self.locks += 1;
            self.failures = 0;
            self.expires = until.after(limits.max_lock);
        }
        self.expires = self.expires.max(now.after(limits.within));
        locked
    }
}

/// What shares its failures: an IPv4 address, or what one subscriber has of IPv6 addresses.
pub(super) fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_unicast_link_local() => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let limits = Limits {
            sources: 100,
            failures: 2,
            ..Limits::default()
        };
        let mut sources = Sources::default();
        let locked = IpAddr::from([192, 0, 2, 1]);
        assert!(!sources.failed(Time(0), locked, &limits));
        assert!(sources.failed(Time(0), locked, &limits));
        for at in 0..10_000_u32 {
            let address = IpAddr::from(at.to_be_bytes());
            sources.failed(Time(u64::from(at)), address, &limits);
            let (all, expiry) = sources.sizes();
            assert!(all <= 100 && all == expiry);
        }
        assert!(sources.is_locked(Time(10_000), &locked), "locks go last");
        let later = Time(0).after(2 * limits.max_lock);
        sources.failed(later, IpAddr::from([192, 0, 2, 2]), &limits);
        assert_eq!(sources.sizes(), (1, 1));
    }

    #[test]
    fn who_shares_failures() {
        let key = |text: &str| subscriber(text.parse().unwrap());
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("fe80::1"), key("fe80::2"));
    }
}
