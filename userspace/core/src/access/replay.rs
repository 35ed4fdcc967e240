//! Which messages of an identifier were let in, so that none is twice.
//!
//! Within the window of time stamps every message is remembered, so that datagrams may overtake each other. Where there are
//! too many to remember, the oldest go, and the floor rises: nothing up to it is let in any more. Invariant: a message that
//! was let in is either remembered, or not above a floor. That holds whatever the wall clock does: when both sides set
//! theirs back, messages of the first pass through that time are replays still, and new ones are let in when the clock has
//! passed what was seen, or after a restart.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use super::Limits;
use crate::Time;

/// A message, in the order of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub unix: u32,
    pub random: i32,
    pub digest: u64,
}

/// A message whose hash is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Showing {
    pub now: Time,
    /// The wall clock.
    pub unix: u32,
    pub from: SocketAddr,
    /// Whether the hash is over the message. If not, somebody who saw it can put it into another one.
    pub bound: bool,
    pub mark: Mark,
}

/// Who showed who it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Identities {
    by_name: HashMap<Arc<str>, Identity>,
    expiry: BTreeSet<(Time, Arc<str>)>,
    /// No time stamp up to this one is new, whoever sends it: of identities that had to go.
    floor: u32,
}

#[derive(Clone, Debug)]
struct Identity {
    /// From where it came last.
    from: SocketAddr,
    /// The latest time stamp.
    newest: u32,
    marks: BTreeSet<Mark>,
    floor: Option<Mark>,
    expires: Time,
}

impl Identities {
    /// Whether the message is new. If so, it is not new any more.
    pub(super) fn is_new(&mut self, name: &str, showing: &Showing, limits: &Limits) -> bool {
        self.expire(showing.now);
        if showing.mark.unix <= self.floor {
            return false;
        }
        let window = seconds(limits);
        let Some((name, identity)) = self.by_name.get_key_value(name) else {
            self.make_room(limits);
            let name: Arc<str> = name.into();
            let mut identity = Identity::new(showing);
            identity.prolong(showing, limits);
            self.expiry.insert((identity.expires, name.clone()));
            self.by_name.insert(name, identity);
            return true;
        };
        if !identity.allows(showing) {
            return false;
        }
        let name = name.clone();
        self.expiry.remove(&(identity.expires, name.clone()));
        if let Some(identity) = self.by_name.get_mut(&name) {
            identity.add(showing, window, limits.messages);
            identity.prolong(showing, limits);
            self.expiry.insert((identity.expires, name));
        }
        true
    }

    fn expire(&mut self, now: Time) {
        while let Some((expires, _)) = self.expiry.first()
            && *expires <= now
        {
            // It is outside of the window, unless the clock is set back later.
            if let Some(identity) = self.drop_first() {
                self.floor = self.floor.max(identity.newest);
            }
        }
    }

    /// Lets the one go that would go first.
    fn make_room(&mut self, limits: &Limits) {
        while self.by_name.len() >= limits.identifiers.max(1) {
            let Some(identity) = self.drop_first() else {
                return;
            };
            self.floor = self.floor.max(identity.newest);
        }
    }

    fn drop_first(&mut self) -> Option<Identity> {
        let (_, name) = self.expiry.pop_first()?;
        self.by_name.remove(&name)
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        let marks = self.by_name.values().map(|one| one.marks.len()).sum();
        (self.by_name.len(), self.expiry.len(), marks)
    }
}

impl Identity {
    fn new(showing: &Showing) -> Self {
        Self {
            from: showing.from,
            newest: showing.mark.unix,
            marks: BTreeSet::from([showing.mark]),
            floor: None,
            expires: showing.now,
        }
    }

    fn allows(&self, showing: &Showing) -> bool {
        let elsewhere = self.from.ip() != showing.from.ip();
        if !showing.bound && elsewhere && showing.mark.unix <= self.newest {
            return false;
        }
        self.floor.is_none_or(|floor| floor < showing.mark) && !self.marks.contains(&showing.mark)
    }

    fn add(&mut self, showing: &Showing, window: u32, most: usize) {
        self.from = showing.from;
        self.newest = self.newest.max(showing.mark.unix);
        self.marks.insert(showing.mark);
        while let Some(first) = self.marks.first().copied()
            && (self.marks.len() > most.max(1) || first.unix.saturating_add(window) < showing.unix)
        {
            self.marks.remove(&first);
            self.floor = self.floor.max(Some(first));
        }
    }

    /// It is kept until all its messages are outside of the window for sure, however the wall clock is set.
    fn prolong(&mut self, showing: &Showing, limits: &Limits) {
        let kept = limits.remember.max(3 * limits.window);
        self.expires = self.expires.max(showing.now.after(kept));
    }
}

fn seconds(limits: &Limits) -> u32 {
    u32::try_from(limits.window.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn showing(second: u32, random: i32) -> Showing {
        let unix = 1_000_000 + second;
        Showing {
            now: Time(u64::from(second) * 1_000_000_000),
            unix,
            from: "192.0.2.1:1719".parse().unwrap(),
            bound: true,
            mark: Mark {
                unix,
                random,
                digest: 0,
            },
        }
    }

    /// Both sides set their clocks back by hours, long after the message came.
    #[test]
    fn a_clock_set_back_makes_nothing_new() {
        let limits = Limits::default();
        for quiet in [true, false] {
            let mut all = Identities::default();
            assert!(all.is_new("e", &showing(0, 1), &limits));
            let hours = 10_000;
            for second in (1..hours).step_by(60).filter(|_| !quiet) {
                assert!(all.is_new("e", &showing(second, 1), &limits));
            }
            let again = Showing {
                now: Time(u64::from(hours) * 1_000_000_000),
                ..showing(0, 1)
            };
            assert!(!all.is_new("e", &again, &limits), "quiet: {quiet}");
            // What comes when the clock has passed that time again is new.
            let later = showing(hours + 1, 2);
            assert!(all.is_new("e", &later, &limits));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let limits = Limits {
            identifiers: 10,
            messages: 5,
            ..Limits::default()
        };
        let mut all = Identities::default();
        for second in 0..1_000 {
            for random in 0..20 {
                all.is_new(
                    &format!("e{}", second % 50),
                    &showing(second, random),
                    &limits,
                );
                let (names, expiries, marks) = all.sizes();
                assert!(names <= 10 && expiries == names && marks <= 50);
            }
        }
        // What had to go is not new; what comes later is.
        assert!(!all.is_new("e0", &showing(950, 3), &limits));
        assert!(all.is_new("e0", &showing(1_001, 0), &limits));
        let later = showing(1_001 + 3_700, 0);
        assert!(all.is_new("other", &later, &limits));
        assert_eq!(all.sizes(), (1, 1, 1), "everybody else is forgotten");
    }
}
