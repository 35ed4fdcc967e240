//! The whole registrar: its parts, its inputs, its clock.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rasline_h225::types::{
    AdmissionRejectReason, AdmissionRequest, LocationRejectReason, RasMessage, UnregRequestReason,
};

use super::admission::Caller;
use super::auth::{Accounts, gate};
use super::call_end::{CallDue, Inquiry};
use super::calls::{CallId, Calls};
use super::destination::Directory;
use super::entries::Entries;
use super::expiry::{EntryDue, POLLS, Poll};
use super::inbound::Inbound;
use super::location::{lcf, lrj};
use super::messages::irq;
use super::own_requests::Wanted;
use super::policy::Policy;
use super::predict::Makes;
use super::reply::Reply;
use super::revoke::RevokedRegistrations;
use super::search::{Asker, Finished, Searches};
use super::sender::{Outbox, Sender};
use super::{Destination, Ended, EntryId, Input, Output, Settings, Stats, Stored, View};
use crate::Time;
use crate::access::Gate;
use crate::transaction::{RateLimit, ReplyCache};

/// Timers handled at most in one [`Input::Due`]; what is left is due still.
const DUE_AT_ONCE: usize = 1000;

/// Whose timer is due; of several at the same time, the first of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Entries,
    Calls,
    OwnRequests,
    Searches,
    Revoked,
}

/// A gatekeeper towards the endpoints of one zone.
#[derive(Clone, Debug)]
pub struct Registrar {
    pub(super) now: Time,
    pub(super) policy: Policy,
    pub(super) entries: Entries,
    pub(super) makes: Makes,
    pub(super) revoked: RevokedRegistrations,
    pub(super) calls: Calls,
    pub(super) searches: Searches,
    pub(super) sender: Sender,
    pub(super) replies: ReplyCache<Option<EntryId>>,
    pub(super) gate: Gate,
    /// IRQs, to endpoints that may be gone and for calls that may be over.
    polls: RateLimit,
    /// Rejections that are told.
    pub(super) told: RateLimit,
    pub(super) overload: Option<Duration>,
    pub(super) stats: Stats,
}

impl Registrar {
    /// Nobody is registered yet.
    #[must_use]
    pub fn new(settings: Settings, now: Time) -> Self {
        Self {
            now,
            entries: Entries::default(),
            makes: Makes::default(),
            revoked: RevokedRegistrations::default(),
            calls: Calls::default(),
            searches: Searches::default(),
            sender: Sender::new(settings.seed),
            replies: ReplyCache::new(settings.max_answers),
            gate: gate(&settings.profile),
            polls: RateLimit::default(),
            told: RateLimit::default(),
            overload: None,
            stats: Stats::default(),
            policy: Policy::new(settings),
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
            Input::Message { from, to, payload } => self.handle_message(from, to, payload, out),
            Input::Due => self.handle_due(out),
            Input::Seen { id, at } => self.entries.note_heard(id, at, now),
            Input::Profile(profile) => self.apply_profile(profile, out),
            Input::Restore(stored) => self.restore(&stored, out),
            Input::RestoreCall(stored) => {
                let (entries, limits) = (&self.entries, self.policy.limits());
                let find = |identifier: &str| entries.by_identifier(identifier);
                let restored = self.calls.restore(&stored, find, &limits, now, out);
                self.stats.restored_calls += u64::from(restored);
                self.stats.lost_calls += u64::from(!restored);
            }
            Input::Located { ticket, found } => {
                self.search(out, |searches, outbox| {
                    searches.handle_located(ticket, found, outbox)
                });
            }
            Input::Drop { id } => {
                self.force_calls(id, out);
                let reason = UnregRequestReason::ReregistrationRequired;
                self.unregister(id, Ended::Dropped, reason, out);
            }
            Input::Overload(delay) => self.overload = delay,
            Input::WallClock { unix_at_zero } => self.policy.settings.unix_at_zero = unix_at_zero,
        }
    }

    /// When [`Input::Due`] is wanted.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        self.first_timer().map(|(at, _)| at)
    }

    /// All registrations, oldest first.
    pub fn views(&self) -> impl Iterator<Item = View> {
        let all = self.entries.iter();
        all.map(|(id, entry)| entry.view(id, self.calls.count_of(id)))
    }

    /// When each registration was last heard of: number, address, timeToLive, time.
    pub fn last_seen(&self) -> impl Iterator<Item = (EntryId, SocketAddr, u32, Time)> {
        let all = self.entries.iter();
        all.map(|(id, entry)| (id, entry.endpoint, entry.time_to_live, entry.last_seen))
    }

    /// One registration.
    #[must_use]
    pub fn view(&self, id: EntryId) -> Option<View> {
        Some(self.entries.get(id)?.view(id, self.calls.count_of(id)))
    }

    /// What [`Output::Store`] would say of it now: for a store that lost what it had. `None`: it is not kept.
    #[must_use]
    pub fn stored(&self, id: EntryId) -> Option<Stored> {
        self.entries.stored(id, &self.policy)
    }

    /// Where somebody is whom another zone wants to call. Numbers are taken as they are, then by the numbering plan.
    #[must_use]
    pub fn locate(&self, destination: &[String]) -> Option<Destination> {
        self.directory().locate(destination)
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
            self.sender.requests.len(),
            self.searches.len(),
        ]
    }

    /// Whether an answer with this number is waited for from there.
    pub(crate) fn waits_for(&self, seq: u16, from: IpAddr) -> bool {
        self.sender.requests.waits_for(seq, from)
    }

    pub(super) const fn directory(&self) -> Directory<'_> {
        Directory {
            policy: &self.policy,
            entries: &self.entries,
            revoked: &self.revoked,
            calls: &self.calls,
        }
    }

    /// A way to send messages now.
    pub(super) const fn outbox<'a>(&'a mut self, out: &'a mut Vec<Output>) -> Outbox<'a> {
        let accounts = Accounts::new(&self.policy, &self.entries);
        self.sender.outbox(self.now, accounts, out)
    }

    fn first_timer(&self) -> Option<(Time, Timer)> {
        let all = [
            (self.entries.next_due(), Timer::Entries),
            (self.calls.next_due(), Timer::Calls),
            (self.sender.requests.next_due(), Timer::OwnRequests),
            (self.searches.next_due(), Timer::Searches),
            (self.revoked.next_due(), Timer::Revoked),
        ];
        let set = all.into_iter().filter_map(|(at, timer)| Some((at?, timer)));
        set.min()
    }

    fn handle_due(&mut self, out: &mut Vec<Output>) {
        for _ in 0..DUE_AT_ONCE {
            let Some((at, timer)) = self.first_timer() else {
                return;
            };
            if at > self.now {
                return;
            }
            match timer {
                Timer::Entries => {
                    if let Some((id, due)) = self.entries.expire(self.now) {
                        self.on_entry_due(id, due, out);
                    }
                }
                Timer::Calls => {
                    if let Some((id, due)) = self.calls.expire(self.now) {
                        self.on_call_due(id, due, out);
                    }
                }
                Timer::OwnRequests => {
                    let given_up = self.sender.requests.expire(self.now, out);
                    if let Some((seq, Wanted::Location(ticket))) = given_up {
                        self.search(out, |searches, outbox| {
                            searches.handle_unknown(ticket, seq, outbox)
                        });
                    }
                }
                Timer::Searches => {
                    self.search(out, Searches::expire);
                }
                Timer::Revoked => {
                    if self.revoked.expire(self.now) {
                        self.dismiss_revoked(out);
                    }
                }
            }
        }
    }

    fn on_entry_due(&mut self, id: EntryId, due: EntryDue, out: &mut Vec<Output>) {
        match due {
            EntryDue::Store => self.entries.store(id, &self.policy, out),
            EntryDue::AskKernel => out.push(Output::AskSeen { id }),
            EntryDue::Poll(again) => self.poll_entry(id, again, out),
            EntryDue::GiveUp if self.calls.any_reported(id, self.now) => {
                self.entries.spare(id, self.now);
            }
            EntryDue::GiveUp => {
                self.stats.expired += 1;
                let reason = UnregRequestReason::TtlExpired;
                self.unregister(id, Ended::Expired, reason, out);
            }
        }
    }

    /// Asks an endpoint whether it lives: again, or for the first time; soon, if too many are asked now.
    pub(super) fn poll_entry(&mut self, id: EntryId, again: Option<Poll>, out: &mut Vec<Output>) {
        if !self.polls.try_take(self.now, POLLS) {
            return self.entries.poll_soon(id, self.now);
        }
        let poll = again.unwrap_or_else(|| {
            let seq = self.sender.requests.next_number();
            Poll { seq, left: 1 }
        });
        if self.entries.note_polled(id, poll, self.now) {
            let inquiry = Inquiry {
                entry: id,
                seq: poll.seq,
                reference: 0,
                identifier: None,
            };
            self.send_irq(inquiry, out);
        }
    }

    fn on_call_due(&mut self, id: CallId, due: CallDue, out: &mut Vec<Output>) {
        let left = match due {
            CallDue::Over => return self.calls.end(id, self.now, out),
            CallDue::Ask(left) => left,
        };
        if !self.polls.try_take(self.now, POLLS) {
            return self.calls.ask_soon(id, self.now);
        }
        let requests = &mut self.sender.requests;
        let number = || requests.next_number();
        for one in self.calls.ask(id, left, self.now, number) {
            self.send_irq(one, out);
        }
    }

    fn send_irq(&mut self, inquiry: Inquiry, out: &mut Vec<Output>) {
        let accounts = Accounts::new(&self.policy, &self.entries);
        if let Some(entry) = self.entries.get(inquiry.entry) {
            let mut outbox = self.sender.outbox(self.now, accounts, out);
            outbox.send(entry.peer(), irq(inquiry, entry));
        }
    }

    /// Starts to look for these numbers by LRQs of this hopCount; the answer comes later.
    pub(super) fn start_search(
        &mut self,
        asked: &Inbound<'_>,
        (who, numbers, hops): (Asker, Vec<String>, u8),
        out: &mut Vec<Output>,
    ) -> Reply {
        if self.searches.is_full() {
            return self.reject_search(asked.seq, &who, true);
        }
        self.search(out, |searches, outbox| {
            searches.start(asked, who, (numbers, hops), outbox)
        });
        Reply::Nothing
    }

    /// Goes on with a search; answers the request that waited for it if it is over.
    pub(super) fn search(
        &mut self,
        out: &mut Vec<Output>,
        go_on: impl FnOnce(&mut Searches, &mut Outbox<'_>) -> Option<Finished>,
    ) {
        let accounts = Accounts::new(&self.policy, &self.entries);
        let mut outbox = self.sender.outbox(self.now, accounts, out);
        let Some(finished) = go_on(&mut self.searches, &mut outbox) else {
            return;
        };
        let Finished { search, found } = finished;
        let (waiting, before) = (search.waiting(), out.len());
        let reply = match (&search.asker, found) {
            (asker, None) => self.reject_search(waiting.seq, asker, false),
            (Asker::Seeker(_), Some(found)) => {
                self.stats.located += 1;
                lcf(waiting.seq, &found)
            }
            (Asker::Caller(id, arq), Some(found)) => {
                self.stats.located += u64::from(self.entries.get(*id).is_some());
                self.admit(waiting.seq, (*id, arq), &found, out)
            }
        };
        self.reply(&waiting, (search.asker.kind(), reply), before, out);
    }

    /// Nobody knows, or there are too many searches.
    fn reject_search(&self, seq: u16, asker: &Asker, is_full: bool) -> Reply {
        match asker {
            Asker::Caller(id, _) => {
                let caller = self.entries.get(*id).map(|entry| (*id, entry));
                let why = if is_full {
                    AdmissionRejectReason::ResourceUnavailable
                } else {
                    AdmissionRejectReason::CalledPartyNotRegistered
                };
                self.policy.arj(seq, caller, why)
            }
            Asker::Seeker(_) if is_full => lrj(seq, LocationRejectReason::ResourceUnavailable),
            Asker::Seeker(_) => lrj(seq, LocationRejectReason::NotRegistered),
        }
    }

    /// Admits the call of a registered endpoint to this destination, if there is bandwidth.
    pub(super) fn admit(
        &mut self,
        seq: u16,
        (id, arq): (EntryId, &AdmissionRequest),
        found: &Destination,
        out: &mut Vec<Output>,
    ) -> Reply {
        let Some(entry) = self.entries.get(id) else {
            let why = AdmissionRejectReason::CallerNotRegistered;
            return self.policy.arj(seq, None, why);
        };
        let caller = Caller { id, entry, arq };
        let parts = (&self.policy, &mut self.calls);
        match caller.admit(seq, found, parts, self.now, out) {
            Ok(acf) => {
                self.stats.admitted += 1;
                Reply::to(Some(id), RasMessage::AdmissionConfirm(acf))
            }
            Err(why) => self.policy.arj(seq, Some((id, entry)), why),
        }
    }
}
