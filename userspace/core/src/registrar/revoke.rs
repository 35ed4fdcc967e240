//! Registrations that a new profile does not allow any more: told one after the other.
//!
//! ```text
//!                              its turn: DRQs of its calls, URQ
//! registered --profile--> revoked ----------------------------> gone
//!                            |    it says something: DRQs, and it is answered as one that is not registered
//!                            +------------------------------------------------------------------------------> gone
//!                            |    it registers again, as the profile allows
//!                            +------------------------------------------------------------------------------> registered
//! ```
//!
//! Invariants:
//! - a revoked registration is no longer answered by the kernel, receives no calls, blocks no other registration, and is
//!   not restored after a restart;
//! - not more than [`RATE`] of them are told in any second. A URQ is sent again only where it was one of a few: who misses it
//!   learns by its next keep-alive.

use std::collections::BTreeSet;
use std::time::Duration;

use rasline_h225::types::UnregRequestReason;

use super::machine::Registrar;
use super::own_requests::{LEAVE, Wanted};
use super::timers::Timer;
use super::{Ended, EntryId, Output};

/// URQs and DRQs in a second.
const RATE: usize = 500;
/// How often some are told, and how many then: all those times lie at least that far apart.
const EVERY: Duration = Duration::from_millis(100);
const AT_ONCE: usize = RATE / 10;

/// Revoked registrations whose endpoints were not told yet.
#[derive(Clone, Debug, Default)]
pub(super) struct RevokedRegistrations {
    ids: BTreeSet<EntryId>,
    /// Few enough were revoked at once.
    few: bool,
}

impl RevokedRegistrations {
    pub fn contains(&self, id: EntryId) -> bool {
        self.ids.contains(&id)
    }

    /// It is registered as the profile allows.
    pub fn reinstate(&mut self, id: EntryId) {
        self.ids.remove(&id);
    }
}

impl Registrar {
    /// It must not be registered any more.
    pub(super) fn revoke(&mut self, id: EntryId, out: &mut Vec<Output>) {
        self.withdraw(id, out);
        let Some(mut entry) = self.entries.remove(id) else {
            return;
        };
        entry.aliases.clear();
        entry.prefixes.clear();
        self.entries.insert(id, entry);
        self.timers.clear(Timer::Entry(id));
        self.revoked.ids.insert(id);
        out.push(Output::Forget { id });
    }

    /// Begins to tell them; some at once, if nobody is told now.
    pub(super) fn notify_revoked(&mut self, out: &mut Vec<Output>) {
        self.revoked.few = self.revoked.ids.len() <= AT_ONCE;
        if self.timers.at(Timer::Revoked).is_none() {
            self.revoked_due(out);
        }
    }

    pub(super) fn revoked_due(&mut self, out: &mut Vec<Output>) {
        let mut told = 0;
        while told < AT_ONCE
            && let Some(id) = self.revoked.ids.pop_first()
        {
            let before = out.len();
            self.dismiss(id, out);
            let sent = out[before..].iter();
            told += sent
                .filter(|one| matches!(one, Output::Send { .. }))
                .count();
        }
        // One more after the last: what comes then is apart from these.
        if told > 0 {
            self.timers.set(Timer::Revoked, self.now.after(EVERY));
        }
    }

    fn dismiss(&mut self, id: EntryId, out: &mut Vec<Output>) {
        self.force_calls(id, out);
        let reason = UnregRequestReason::ReregistrationRequired;
        let Some(entry) = self.end(id, Ended::NotAllowed, out) else {
            return;
        };
        let Some(mut urq) = self.urq(&entry, reason) else {
            return;
        };
        let way = (entry.seen_as, entry.ras);
        if self.revoked.few {
            self.request(way, urq, &entry.mode, (LEAVE, Wanted::Leave), out);
            return;
        }
        urq.set_request_seq_num(self.own_requests.next());
        if let Some(payload) = self.seal(&mut urq, &entry.mode) {
            let (from, to) = way;
            out.push(Output::Send { from, to, payload });
        }
    }

    /// A revoked registration says something: the answer will tell it. Returns true if it was revoked.
    pub(super) fn told_by_answer(&mut self, id: EntryId, out: &mut Vec<Output>) -> bool {
        if !self.revoked.ids.remove(&id) {
            return false;
        }
        self.force_calls(id, out);
        self.end(id, Ended::NotAllowed, out);
        true
    }
}
