//! The whole registrar: its parts, its inputs, its clock.

use std::net::SocketAddr;
use std::time::Duration;

use super::auth::gate;
use super::calls::Calls;
use super::entries::Entries;
use super::own_requests::{OwnRequests, Wanted};
use super::predict::Makes;
use super::profile_index::ProfileIndex;
use super::revoke::RevokedRegistrations;
use super::search::Searches;
use super::timers::Timer;
use super::{EntryId, Event, Input, Output, Settings, Stats, View};
use crate::Time;
use crate::access::Gate;
use crate::transaction::{RateLimit, ReplyCache, TimerQueue};

/// Timers handled at most in one [`Input::Due`]; what is left is due still.
const DUE_AT_ONCE: usize = 1000;
/// Rejections that are told at most in a second.
const TOLD: u32 = 20;

/// A gatekeeper towards the endpoints of one zone.
#[derive(Clone, Debug)]
pub struct Registrar {
    pub(super) now: Time,
    pub(super) settings: Settings,
    pub(super) profile_index: ProfileIndex,
    pub(super) entries: Entries,
    /// endpointIdentifiers made so far.
    pub(super) made: u64,
    pub(super) calls: Calls,
    pub(super) searches: Searches,
    pub(super) replies: ReplyCache<Option<EntryId>>,
    pub(super) own_requests: OwnRequests,
    pub(super) revoked: RevokedRegistrations,
    pub(super) makes: Makes,
    pub(super) timers: TimerQueue<Timer>,
    pub(super) polls: RateLimit,
    told: RateLimit,
    pub(super) overload: Option<Duration>,
    pub(super) stats: Stats,
    pub(super) gate: Gate,
    /// Makes the random of each signed message another. It begins elsewhere after each start: an endpoint takes two
    /// messages of one second with the same random for a replay.
    pub(super) sealed: i32,
}

impl Registrar {
    /// Nobody is registered yet.
    #[must_use]
    pub fn new(settings: Settings, now: Time) -> Self {
        Self {
            now,
            profile_index: ProfileIndex::new(&settings.profile),
            entries: Entries::default(),
            made: 0,
            calls: Calls::default(),
            searches: Searches::default(),
            replies: ReplyCache::new(settings.max_answers),
            own_requests: OwnRequests::new(settings.seed),
            revoked: RevokedRegistrations::default(),
            makes: Makes::default(),
            timers: TimerQueue::default(),
            polls: RateLimit::default(),
            told: RateLimit::default(),
            overload: None,
            stats: Stats::default(),
            gate: gate(&settings.profile),
            sealed: (settings.seed >> 16) as i32 ^ settings.seed as i32,
            settings,
        }
    }

    /// New registrations get larger numbers than this.
    pub(crate) fn number_after(&mut self, id: EntryId) {
        self.entries.taken(id);
    }

    /// No registration had a larger number.
    pub(crate) const fn last_number(&self) -> EntryId {
        self.entries.last()
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        self.now = now;
        match input {
            Input::Message { from, to, payload } => self.message(from, to, payload, out),
            Input::Due => self.due(out),
            Input::Seen { id, at } => self.heard(id, at),
            Input::Profile(profile) => self.reconfigure(profile, out),
            Input::Restore(stored) => self.restore(&stored, out),
            Input::RestoreCall(stored) => self.restore_call(&stored, out),
            Input::Located { ticket, found } => self.located_elsewhere(ticket, found, out),
            Input::Drop { id } => self.drop_entry(id, out),
            Input::Overload(delay) => self.overload = delay,
            Input::WallClock { unix_at_zero } => self.settings.unix_at_zero = unix_at_zero,
        }
    }

    /// When [`Input::Due`] is wanted.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        self.timers.next_due()
    }

    /// All registrations, oldest first.
    pub fn views(&self) -> impl Iterator<Item = View> {
        self.entries.iter().map(|(id, entry)| entry.view(id))
    }

    /// When each registration was last heard of: number, address, timeToLive, time.
    pub fn last_seen(&self) -> impl Iterator<Item = (EntryId, SocketAddr, u32, Time)> {
        let all = self.entries.iter();
        all.map(|(id, entry)| (id, entry.endpoint, entry.time_to_live, entry.last_seen))
    }

    /// One registration.
    #[must_use]
    pub fn view(&self, id: EntryId) -> Option<View> {
        Some(self.entries.get(id)?.view(id))
    }

    /// Counts.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            registrations: self.entries.len() as u64,
            calls: self.calls.len() as u64,
            bandwidth: self.calls.bandwidth(),
            ..self.stats
        }
    }

    /// What is held besides registrations and calls: answers, own requests, searches. All are bounded.
    #[must_use]
    pub fn held(&self) -> [usize; 3] {
        [
            self.replies.len(),
            self.own_requests.len(),
            self.searches.len(),
        ]
    }

    fn due(&mut self, out: &mut Vec<Output>) {
        for _ in 0..DUE_AT_ONCE {
            let Some(timer) = self.timers.pop(self.now) else {
                return;
            };
            match timer {
                Timer::Entry(id) => self.entry_due(id, out),
                Timer::Call(id) => self.call_due(id, out),
                Timer::Location(ticket) => self.search_due(ticket, out),
                Timer::Revoked => self.revoked_due(out),
                Timer::Own(seq) => {
                    if let Some(Wanted::Location(ticket)) = self.request_due(seq, out) {
                        self.not_there(ticket, seq, out);
                    }
                }
            }
        }
    }

    /// Tells of a rejection, if not of too many.
    pub(super) fn tell_rejected(&mut self, event: Event, out: &mut Vec<Output>) {
        if self.told.try_take(self.now, TOLD) {
            out.push(Output::Event(event));
        }
    }
}
