//! Registrations that a new profile does not allow any more: told one after the other.
//!
//! ```text
//!                              its turn: DRQs of its calls, URQ
//! registered --profile--> barred -----------------------------> gone
//!                           |     it says something: DRQs, and it is answered as one that is not registered
//!                           +-------------------------------------------------------------------------------> gone
//!                           |     it registers anew, as the profile allows
//!                           +-------------------------------------------------------------------------------> registered
//! ```
//!
//! Invariants:
//! - who is barred is answered by the kernel no more, reached by no call, in nobody's way, and not restored after a restart;
//! - not more than [`RATE`] of them are told in any second. A URQ is sent again only where it was one of a few: who misses it
//!   learns by its next keep-alive.

use std::collections::BTreeSet;
use std::time::Duration;

use rasline_h225::types::UnregRequestReason;

use super::machine::Registrar;
use super::own::{LEAVE, Wanted};
use super::timers::Timer;
use super::{Ended, EntryId, Output};

/// URQs and DRQs in a second.
const RATE: usize = 500;
/// How often some are told, and how many then: all those times lie at least that far apart.
const EVERY: Duration = Duration::from_millis(100);
const AT_ONCE: usize = RATE / 10;

/// Those that are not told yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Barred {
    ids: BTreeSet<EntryId>,
    /// Few enough were barred at once.
    few: bool,
}

impl Barred {
    pub fn contains(&self, id: EntryId) -> bool {
        self.ids.contains(&id)
    }

    /// It is registered as the profile allows.
    pub fn pardon(&mut self, id: EntryId) {
        self.ids.remove(&id);
    }
}

impl Registrar {
    /// It must not be registered any more.
    pub(super) fn bar(&mut self, id: EntryId, out: &mut Vec<Output>) {
        self.withdraw(id, out);
        let Some(mut entry) = self.entries.remove(id) else {
            return;
        };
        entry.aliases.clear();
        entry.prefixes.clear();
        self.entries.insert(id, entry);
        self.timers.clear(Timer::Entry(id));
        self.barred.ids.insert(id);
        out.push(Output::Forget { id });
    }

    /// Begins to tell them; some at once, if nobody is told now.
    pub(super) fn tell_barred(&mut self, out: &mut Vec<Output>) {
        self.barred.few = self.barred.ids.len() <= AT_ONCE;
        if self.timers.at(Timer::Barred).is_none() {
            self.barred_due(out);
        }
    }

    pub(super) fn barred_due(&mut self, out: &mut Vec<Output>) {
        let mut told = 0;
        while told < AT_ONCE
            && let Some(id) = self.barred.ids.pop_first()
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
            self.timers.set(Timer::Barred, self.now.after(EVERY));
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
        if self.barred.few {
            self.request(way, urq, &entry.mode, (LEAVE, Wanted::Leave), out);
            return;
        }
        urq.set_request_seq_num(self.own.next());
        if let Some(payload) = self.seal(&mut urq, &entry.mode) {
            let (from, to) = way;
            out.push(Output::Send { from, to, payload });
        }
    }

    /// One that is barred says something: the answer will tell it. True: it was barred.
    pub(super) fn told_by_answer(&mut self, id: EntryId, out: &mut Vec<Output>) -> bool {
        if !self.barred.ids.remove(&id) {
            return false;
        }
        self.force_calls(id, out);
        self.end(id, Ended::NotAllowed, out);
        true
    }
}
