//! The way to a gatekeeper, as far as this machine has it: a gatekeeper behind a link of ours that is down is not dead.
//!
//! Asked only while something is amiss, and not too often: the kernel's answer takes some tens of microseconds.

use std::{net::IpAddr, time::Duration};

use rasline_core::{Time, health::State};

use crate::host::route;

/// Between looks while a gatekeeper is suspect, so that one comes before any verdict.
const SUSPECT: Duration = Duration::from_millis(20);
/// Between looks while it is cut off, dead or unknown.
const SELDOM: Duration = Duration::from_millis(200);

/// For how long after a link has come up silence says nothing: neighbours are to be found first, and ports of switches open.
const SETTLING: Duration = Duration::from_secs(2);

/// What was seen of it last.
#[derive(Debug)]
pub(super) struct Way {
    to: IpAddr,
    /// The interface that led there while the gatekeeper answered.
    last: Option<String>,
    /// Its ifindex; 0: none.
    via: u32,
    cut: Option<String>,
    looked: Time,
    /// When it was open again.
    opened: Option<Time>,
}

impl Way {
    pub(super) const fn new(to: IpAddr) -> Self {
        Self {
            to,
            last: None,
            via: 0,
            cut: None,
            looked: Time(0),
            opened: None,
        }
    }

    /// Why it is cut; none: it is not, as far as is known.
    pub(super) fn cut(&self) -> Option<&String> {
        self.cut.as_ref()
    }

    /// Whether silence says nothing about the gatekeeper: the way is cut, or was until a moment ago.
    pub(super) fn explains(&self, now: Time, state: State) -> bool {
        let settling = self
            .opened
            .is_some_and(|opened| now.since(opened) < SETTLING);
        self.cut.is_some() || settling && state == State::Suspect
    }

    /// The interface that led there last.
    pub(super) const fn via(&self) -> u32 {
        self.via
    }

    /// The gatekeeper has come up: this way led there.
    pub(super) fn leads(&mut self) {
        let route = route::to(self.to).ok().filter(|route| !route.local);
        self.via = route.as_ref().map_or(0, |route| route.interface);
        self.last = route.map(|route| route.name);
    }

    /// Looks again if it is time; true: it is cut now and was not, or the other way round.
    pub(super) fn look(&mut self, now: Time, state: State) -> bool {
        let every = match state {
            State::Up if self.cut.is_none() => return false,
            State::Suspect => SUSPECT,
            _ => SELDOM,
        };
        if now.since(self.looked) < every {
            return false;
        }
        self.looked = now;
        let cut = route::cut(self.to, self.last.as_deref());
        let changed = cut != self.cut;
        if changed && cut.is_none() {
            self.opened = Some(now);
        }
        self.cut = cut;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_at_while_something_is_amiss() {
        let mut way = Way::new("127.0.0.1".parse().unwrap());
        let at = |ms: u64| Time(ms * 1_000_000);
        way.last = Some("rasline-none".to_owned());
        assert!(!way.look(at(1000), State::Up));
        assert!(way.look(at(1000), State::Suspect));
        assert_eq!(
            way.cut().map(String::as_str),
            Some("rasline-none does not exist")
        );
        way.last = None;
        // Not before its time; then whatever the state.
        assert!(!way.look(at(1010), State::Suspect));
        assert!(!way.look(at(1100), State::Unknown));
        assert!(way.explains(at(1100), State::Unknown));
        assert!(way.look(at(1200), State::Up));
        assert_eq!(way.cut(), None);
        // Then silence says nothing for a while.
        assert!(way.explains(at(3100), State::Suspect));
        assert!(!way.explains(at(3100), State::Unknown));
        assert!(!way.explains(at(3300), State::Suspect));
    }
}
