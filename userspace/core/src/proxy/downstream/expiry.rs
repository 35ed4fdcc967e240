//! When an endpoint's timeToLive runs out: nobody is dropped unasked.
//!
//! ```text
//!        timeToLive over, published         1 s             3 s, twice
//! Held -----------------------------> Asking ----> Polled ------------> URQ ttlExpired, gone on both sides
//!  ^ | timeToLive over, not published                ^  |
//!  | +-----------------------------------------------+  |
//!  +------ Seen, any message, IRR ----------------------+
//! ```

use std::time::Duration;

use rasline_h225::types::UnregRequestReason;

use crate::Time;
use crate::proxy::entries::{Entry, Life};
use crate::proxy::machine::{Proxy, Timer};
use crate::proxy::{EntryId, Output};
use crate::ras_server::Ended;

/// Answers of the kernel are known within this time.
const ASKED: Duration = Duration::from_secs(1);
/// Longer than an IRQ and its retransmission wait.
const POLLED: Duration = Duration::from_secs(7);
/// A living endpoint is stored again after so long, so that it is known to have lived.
const STORED: Duration = Duration::from_hours(24);

impl Proxy {
    /// timeToLive anew.
    pub(in crate::proxy) fn renew(&mut self, id: EntryId) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        entry.last_seen = self.now;
        entry.life = Life::Held;
        let lease = entry.lease();
        self.timers.set(Timer::Life(id), self.now.after(lease));
    }

    /// The kernel answered its keep-alive.
    pub(in crate::proxy) fn seen(&mut self, id: EntryId, at: Time) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let at = at.min(self.now);
        entry.last_seen = entry.last_seen.max(at);
        let until = entry.last_seen.after(entry.lease());
        if entry.life != Life::Held && until > self.now {
            entry.life = Life::Held;
            self.timers.set(Timer::Life(id), until);
        }
    }

    pub(in crate::proxy) fn life_due(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let until = entry.last_seen.after(entry.lease());
        match entry.life {
            Life::Held if until > self.now => {
                self.timers.set(Timer::Life(id), until);
                if self.now.since(entry.stored) > STORED {
                    self.store(id, out);
                }
            }
            Life::Held if entry.published.is_some() => {
                entry.life = Life::Asking;
                self.timers.set(Timer::Life(id), self.now.after(ASKED));
                out.push(Output::AskSeen { id });
            }
            Life::Held | Life::Asking => {
                entry.life = Life::Polled;
                self.timers.set(Timer::Life(id), self.now.after(POLLED));
                self.poll(id, out);
            }
            Life::Polled => {
                self.stats.expired += 1;
                self.dismiss(id, UnregRequestReason::TtlExpired, Ended::Expired, out);
            }
        }
    }
}

impl Entry {
    /// timeToLive that it was told.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.time_to_live.into())
    }
}
