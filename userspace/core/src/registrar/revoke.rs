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

use super::EntryId;
use crate::Time;

/// URQs and DRQs in a second.
const RATE: usize = 500;
/// How often some are told, and how many then: all those times lie at least that far apart.
const EVERY: Duration = Duration::from_millis(100);
pub(super) const AT_ONCE: usize = RATE / 10;

/// Revoked registrations whose endpoints were not told yet.
#[derive(Clone, Debug, Default)]
pub(super) struct RevokedRegistrations {
    ids: BTreeSet<EntryId>,
    /// Few enough were revoked at once that a URQ can be sent again.
    pub few: bool,
    /// When the next ones may be told, if some were told of late.
    due: Option<Time>,
}

impl RevokedRegistrations {
    pub fn contains(&self, id: EntryId) -> bool {
        self.ids.contains(&id)
    }

    pub fn insert(&mut self, id: EntryId) {
        self.ids.insert(id);
    }

    /// It is gone, or registered as the profile allows. True if it was revoked.
    pub fn remove(&mut self, id: EntryId) -> bool {
        self.ids.remove(&id)
    }

    /// All are revoked that a new profile does not allow. True if some may be told at once: nobody is told now.
    pub fn begin(&mut self) -> bool {
        self.few = self.ids.len() <= AT_ONCE;
        self.due.is_none()
    }

    pub fn next_due(&self) -> Option<Time> {
        self.due
    }

    /// True if it is time for the next ones.
    pub fn expire(&mut self, now: Time) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    /// Takes the next one who is to be told.
    pub fn pop(&mut self) -> Option<EntryId> {
        self.ids.pop_first()
    }

    /// Some were told now: the next ones have to wait. One more wait follows after the last: what comes then is apart from
    /// these.
    pub fn wait(&mut self, now: Time) {
        self.due = Some(now.after(EVERY));
    }
}
