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
//! An endpoint in a call is kept as long as one of the call's parties reports it ([`super::calls::SILENCE`]): so a call
//! that is dead does not keep a registration alive for ever. A keep-alive only notes the time; the timer finds out when
//! it fires that timeToLive is not over, so it costs nothing to keep alive. Not more than [`POLLS`] IRQs are sent in a
//! second.

use std::time::Duration;

use rasline_h225::text::to_transport;
use rasline_h225::types::{InfoRequest, RasMessage, UnregRequestReason};

use super::entries::{Entry, Life};
use super::machine::Registrar;
use super::own_requests::{LEAVE, Wanted};
use super::registration::lease;
use super::timers::Timer;
use super::{Ended, EntryId, Event, Output};
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

impl Registrar {
    /// It was heard of.
    pub(super) fn heard(&mut self, id: EntryId, at: Time) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        // What is ahead of the clock is no proof of later.
        let at = at.min(self.now);
        entry.last_seen = entry.last_seen.max(at);
        entry.until = entry.until.max(at.after(lease(entry)));
        if entry.life != Life::Held && at.after(lease(entry)) > self.now {
            entry.life = Life::Held;
            self.timers.set(Timer::Entry(id), entry.until);
        }
    }

    pub(super) fn entry_due(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        match entry.life {
            Life::Held if entry.until > self.now => {
                let old = self.now.since(entry.stored) >= STORED;
                self.timers.set(Timer::Entry(id), entry.until);
                if old {
                    self.store(id, out);
                }
            }
            Life::Held if entry.published.is_some() => {
                entry.life = Life::Asking;
                self.timers.set(Timer::Entry(id), self.now.after(ASK));
                out.push(Output::AskSeen { id });
            }
            Life::Held | Life::Asking => self.poll(id, None, out),
            Life::Polled { seq, left } if left > 0 => self.poll(id, Some((seq, left - 1)), out),
            Life::Polled { .. } => self.give_up(id, out),
        }
    }

    /// Asks it, soon if too many are asked now.
    fn poll(&mut self, id: EntryId, again: Option<(u16, u8)>, out: &mut Vec<Output>) {
        if !self.polls.try_take(self.now, POLLS) {
            self.timers.set(Timer::Entry(id), self.now.after(ASK));
            return;
        }
        let (seq, left) = again.unwrap_or_else(|| (self.own_requests.next(), 1));
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        entry.life = Life::Polled { seq, left };
        let (from, to, mode) = (entry.seen_as, entry.ras, entry.mode.clone());
        let mut irq = InfoRequest::new(seq, 0);
        irq.reply_address = Some(to_transport(from));
        if let Some(payload) = self.seal(&mut RasMessage::InfoRequest(irq), &mode) {
            out.push(Output::Send { from, to, payload });
        }
        self.timers.set(Timer::Entry(id), self.now.after(IRQ));
    }

    /// Somebody else claims what is its: does it still live?
    pub(super) fn doubt(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let held = self
            .entries
            .get(id)
            .is_some_and(|entry| entry.life == Life::Held);
        if held {
            self.poll(id, None, out);
        }
    }

    /// It does not answer.
    fn give_up(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        if self.calls.reported(&entry.calls, self.now) {
            entry.life = Life::Held;
            entry.until = self.now.after(CALL);
            self.timers.set(Timer::Entry(id), entry.until);
            return;
        }
        self.stats.expired += 1;
        self.unregister(id, Ended::Expired, UnregRequestReason::TtlExpired, out);
    }

    /// Ends a registration and tells the endpoint.
    pub(super) fn unregister(
        &mut self,
        id: EntryId,
        why: Ended,
        reason: UnregRequestReason,
        out: &mut Vec<Output>,
    ) {
        let Some(entry) = self.end(id, why, out) else {
            return;
        };
        if let Some(urq) = self.urq(&entry, reason) {
            let way = (entry.seen_as, entry.ras);
            self.request(way, urq, &entry.mode, (LEAVE, Wanted::Leave), out);
        }
    }

    /// Ends a registration.
    pub(super) fn end(&mut self, id: EntryId, why: Ended, out: &mut Vec<Output>) -> Option<Entry> {
        match why {
            Ended::Expired => self.end_calls(id, out),
            _ => self.leave_calls(id, out),
        }
        self.withdraw(id, out);
        let entry = self.entries.remove(id)?;
        self.timers.clear(Timer::Entry(id));
        self.revoked.reinstate(id);
        out.push(Output::Forget { id });
        out.push(Output::Event(Event::Unregistered {
            endpoint_identifier: entry.identifier.clone(),
            endpoint: entry.endpoint,
            why,
        }));
        Some(entry)
    }

    /// The operator drops it.
    pub(super) fn drop_entry(&mut self, id: EntryId, out: &mut Vec<Output>) {
        self.force_calls(id, out);
        self.unregister(
            id,
            Ended::Dropped,
            UnregRequestReason::ReregistrationRequired,
            out,
        );
    }
}
