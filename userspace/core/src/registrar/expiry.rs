//! When timeToLive runs out (H.225.0 7.9): nobody is unregistered unasked.
//!
//! ```text
//!            timeToLive over, published          1 s             3 s            3 s
//!   +------+ -----------------------> +--------+ ---> +--------+ ---> +--------+ ---> URQ ttlExpired, gone
//!   | Held |                          | Asking |      | Polled |      | Polled |
//!   |      | ------------------------------------->   | left 1 |      | left 0 | ---> Held for a while, if in a call
//!   +------+ timeToLive over, not published           +--------+      +--------+      that somebody reports
//!       ^            Seen, RRQ, IRR            |          |               |
//!       +--------------------------------------+----------+---------------+
//! ```
//! Asking: the kernel is asked whether it answered meanwhile ([`Output::AskSeen`]). Polled: the endpoint is asked (IRQ).
//! An endpoint in a call is kept as long as one of the call's parties reports it ([`super::calls::Calls::any_reported`]): so a call
//! that is dead does not keep a registration alive for ever. A keep-alive only notes the time; the timer finds out when
//! it fires that timeToLive is not over, so it costs nothing to keep alive. Not more than [`POLLS`] IRQs are sent in a
//! second.

use std::time::Duration;

use super::EntryId;
use super::entries::{Entries, Life};
use crate::Time;

/// How long the kernel's answer is waited for.
const ASK: Duration = Duration::from_secs(1);
/// How long an IRR is waited for, each time.
const IRQ: Duration = Duration::from_secs(3);
/// How long one in a call that is reported is left alone.
const CALL: Duration = Duration::from_secs(30);
/// IRQs in a second at most.
pub(super) const POLLS: u32 = 500;
/// A registration is stored again when what was stored is this old.
pub(super) const STORED: Duration = Duration::from_hours(1);

/// What becomes of a registration that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryDue {
    /// It lives; it is to be stored that it does.
    Store,
    /// The kernel is to be asked whether it answered meanwhile.
    AskKernel,
    /// The endpoint is to be asked: again, or for the first time.
    Poll(Option<Poll>),
    /// The endpoint did not answer.
    GiveUp,
}

/// An IRQ to an endpoint: its requestSeqNum, and how often it will be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Poll {
    pub seq: u16,
    pub left: u8,
}

impl Entries {
    /// Notes when an endpoint was heard of.
    pub fn note_heard(&mut self, id: EntryId, at: Time, now: Time) {
        let Some(entry) = self.get_mut(id) else {
            return;
        };
        // What is ahead of the clock is no proof of later.
        let at = at.min(now);
        let until = at.after(entry.lease());
        entry.last_seen = entry.last_seen.max(at);
        entry.until = entry.until.max(until);
        if entry.life != Life::Held && until > now {
            entry.life = Life::Held;
            let until = entry.until;
            self.timers.set(id, until);
        }
    }

    /// When a registration is to be looked at next.
    pub fn next_due(&self) -> Option<Time> {
        self.timers.next_due()
    }

    /// Takes the first registration that is due, and says what becomes of it, if anything does.
    pub fn expire(&mut self, now: Time) -> Option<(EntryId, EntryDue)> {
        let id = self.timers.pop(now)?;
        let entry = self.get_mut(id)?;
        let due = match entry.life {
            Life::Held if entry.until > now => {
                let is_old = now.since(entry.stored) >= STORED;
                let until = entry.until;
                self.timers.set(id, until);
                return is_old.then_some((id, EntryDue::Store));
            }
            Life::Held if entry.published.is_some() => {
                entry.life = Life::Asking;
                self.timers.set(id, now.after(ASK));
                EntryDue::AskKernel
            }
            Life::Held | Life::Asking => EntryDue::Poll(None),
            Life::Polled(Poll { seq, left }) if left > 0 => {
                let left = left - 1;
                EntryDue::Poll(Some(Poll { seq, left }))
            }
            Life::Polled(_) => EntryDue::GiveUp,
        };
        Some((id, due))
    }

    /// Puts off an IRQ, since too many are sent now.
    pub fn poll_soon(&mut self, id: EntryId, now: Time) {
        self.timers.set(id, now.after(ASK));
    }

    /// Notes an IRQ that is sent now; false if there is nobody to send it to.
    pub fn note_polled(&mut self, id: EntryId, poll: Poll, now: Time) -> bool {
        let Some(entry) = self.get_mut(id) else {
            return false;
        };
        entry.life = Life::Polled(poll);
        self.timers.set(id, now.after(IRQ));
        true
    }

    /// Leaves a registration alone for a while: a call that it is in is reported.
    pub fn spare(&mut self, id: EntryId, now: Time) {
        if let Some(entry) = self.get_mut(id) {
            entry.life = Life::Held;
            entry.until = now.after(CALL);
            self.timers.set(id, now.after(CALL));
        }
    }

    /// True if an endpoint counts as living without having been asked of late.
    pub fn is_held(&self, id: EntryId) -> bool {
        self.get(id).is_some_and(|entry| entry.life == Life::Held)
    }
}
