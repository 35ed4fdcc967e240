//! The whole proxy: its parts, its inputs, its clock.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::text::{from_bmp, to_bmp, to_transport};
use rasline_h225::types::BmpString;

use super::aggregate::registration::Gateway;
use super::downstream::requests_to_endpoints::RequestsToEndpoints;
use super::entries::{Entries, Entry};
use super::relay::calls::Calls;
use super::relay::translate::Downstream;
use super::relay::waits::Waits;
use super::upstream::moving::Moving;
use super::upstream::queue::{Lane, Queue};
use super::upstream::requests_to_gatekeeper::RequestsToGatekeeper;
use super::{EntryId, Input, Output, Settings, Stats, UpstreamState, View};
use crate::Time;
use crate::transaction::{ReplyCache, TimerQueue};

/// Timers handled, and RRQs sent, at most in one input; what is left is due still.
const AT_ONCE: usize = 1000;
/// Answers kept for retransmissions.
const ANSWERS: usize = 50_000;

/// What is to be looked at when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// timeToLive of an endpoint, or an answer of it.
    Life(EntryId),
    /// It may be tried again upstream.
    Retry(EntryId),
    /// A request to a gatekeeper: to be sent again.
    ToGatekeeper(u16),
    /// A request of an endpoint: a RIP, or its end.
    Wait(u64),
    /// A request to an endpoint: to be sent again.
    ToEndpoint(u16),
}

/// A proxy for the endpoints of one zone.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub(super) now: Time,
    pub(super) settings: Settings,
    /// gatekeeperIdentifier towards endpoints.
    pub(super) own_identifier: BmpString,
    pub(super) active: Option<SocketAddr>,
    pub(super) entries: Entries,
    /// endpointIdentifiers made so far.
    pub(super) made: u64,
    /// The registration of an aggregate.
    pub(super) gateway: Gateway,
    pub(super) waits: Waits,
    pub(super) to_gatekeeper: RequestsToGatekeeper,
    pub(super) queue: Queue,
    pub(super) to_endpoints: RequestsToEndpoints,
    pub(super) calls: Calls,
    pub(super) replies: ReplyCache<()>,
    pub(super) timers: TimerQueue<Timer>,
    /// When keep-alives are due upstream.
    pub(super) keep_alives: TimerQueue<EntryId>,
    pub(super) moving: Option<Moving>,
    /// URQs under way, by callSignalAddress.
    pub(super) leaving: std::collections::HashMap<SocketAddr, u16>,
    /// alternates that the gatekeeper named last.
    pub(super) alternates: Option<u64>,
    pub(super) registered: u64,
    /// The gatekeeper that last answered a request of ours, and when.
    pub(super) last_answer: Option<(SocketAddr, Time)>,
    pub(super) stats: Stats,
    /// Gatekeepers that refuse endpoints' callSignalAddresses, as people were told.
    pub(super) address_refused: std::collections::BTreeSet<SocketAddr>,
    /// Gatekeepers that have answered what came from endpoints' addresses (true), or have not, as people were told.
    pub(super) returns: std::collections::BTreeMap<SocketAddr, bool>,
}

impl Proxy {
    /// A proxy without endpoints; no gatekeeper serves yet.
    #[must_use]
    pub fn new(settings: Settings, now: Time) -> Self {
        let fits = |text: &str| to_bmp(text).ok().filter(|_| !text.is_empty());
        let short: String = settings.gatekeeper_identifier.chars().take(60).collect();
        Self {
            address_refused: std::collections::BTreeSet::new(),
            returns: std::collections::BTreeMap::new(),
            now,
            own_identifier: fits(&short).or_else(|| fits("rasline")).unwrap_or_default(),
            active: None,
            entries: Entries::default(),
            made: 0,
            gateway: Gateway::default(),
            waits: Waits::default(),
            to_gatekeeper: RequestsToGatekeeper::new(settings.seed, now),
            queue: Queue::new(settings.migrate_rate, now),
            to_endpoints: RequestsToEndpoints::new(settings.seed),
            calls: Calls::default(),
            replies: ReplyCache::new(ANSWERS),
            timers: TimerQueue::default(),
            keep_alives: TimerQueue::default(),
            moving: None,
            leaving: std::collections::HashMap::new(),
            alternates: None,
            last_answer: None,
            registered: 0,
            stats: Stats::default(),
            settings,
        }
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        self.now = self.now.max(now);
        match input {
            Input::FromEndpoint { from, to, payload } => self.endpoint_says(from, to, payload, out),
            Input::FromGatekeeper { from, to, payload } => {
                self.gatekeeper_says((from, to), payload, out);
            }
            Input::Active(gatekeeper) => self.activate(gatekeeper, out),
            Input::Due => self.due(out),
            Input::Seen { id, at } => self.seen(id, at),
            Input::Restore(stored) => self.restore(&stored, out),
            Input::RestoreCall(stored) => self.restore_call(&stored, out),
            Input::Drop { id } => self.dropped(id, out),
        }
        self.pump(out);
    }

    /// What it was given.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// When [`Input::Due`] is wanted.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        let queue = self.may_register().then(|| self.queue.due()).flatten();
        let all = [self.timers.next_due(), self.keep_alives.next_due(), queue];
        all.into_iter().flatten().min()
    }

    /// The endpoints, in the order of their numbers.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        let mut all: Vec<View> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.confirmed)
            .map(|(id, entry)| self.view_of(id, entry))
            .collect();
        all.sort_by_key(|view| view.id);
        all
    }

    /// When each endpoint was last heard of: number, address, timeToLive, time.
    pub fn last_seen(&self) -> impl Iterator<Item = (EntryId, SocketAddr, u32, Time)> {
        let all = self.entries.iter().filter(|(_, entry)| entry.confirmed);
        all.map(|(id, entry)| (id, entry.endpoint, entry.time_to_live, entry.last_seen))
    }

    /// One endpoint.
    #[must_use]
    pub fn view(&self, id: EntryId) -> Option<View> {
        Some(self.view_of(id, self.entries.get(id)?))
    }

    /// The gatekeeper that last answered a request of ours, and when: a sign that it lives.
    #[must_use]
    pub const fn last_answer(&self) -> Option<(SocketAddr, Time)> {
        self.last_answer
    }

    /// Counts.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            endpoints: self.entries.len() as u64,
            registered: self.registered,
            waiting: self.waits.len() as u64,
            calls: self.calls.len() as u64,
            ..self.stats
        }
    }

    fn view_of(&self, id: EntryId, entry: &Entry) -> View {
        let up = self.identity(id).unwrap_or(&entry.up);
        View {
            id,
            endpoint_identifier: entry.identifier.clone(),
            endpoint: entry.endpoint,
            call_signal_address: entry.signalling,
            aliases: entry.aliases.clone(),
            time_to_live: entry.time_to_live,
            last_seen: entry.last_seen,
            published: entry.published.is_some(),
            upstream: entry.up.standing,
            gatekeeper: up.gatekeeper,
            upstream_identifier: up.identifier.as_ref().map(from_bmp),
            upstream_ttl: up.ttl,
            waiting: entry.waits.len(),
        }
    }

    fn due(&mut self, out: &mut Vec<Output>) {
        for _ in 0..AT_ONCE {
            let Some(timer) = self.timers.pop(self.now) else {
                break;
            };
            match timer {
                Timer::Life(id) => self.life_due(id, out),
                Timer::Retry(id) => self.enqueue(id, Lane::Quiet),
                Timer::ToGatekeeper(seq) => self.flight_due(seq, out),
                Timer::Wait(ticket) => self.wait_due(ticket, out),
                Timer::ToEndpoint(seq) => self.down_due(seq, out),
            }
        }
        for _ in 0..AT_ONCE {
            let Some(id) = self.keep_alives.pop(self.now) else {
                break;
            };
            self.keep_alive_due(id, out);
        }
    }

    /// Sends the full RRQs whose turn it is.
    fn pump(&mut self, out: &mut Vec<Output>) {
        for _ in 0..AT_ONCE {
            if !self.may_register() {
                return;
            }
            let Some(id) = self.queue.pop(self.now) else {
                return;
            };
            self.register(id, out);
        }
    }

    fn may_register(&self) -> bool {
        self.active.is_some() && !self.to_gatekeeper.is_full()
    }

    /// How an endpoint knows itself and rasline.
    pub(super) fn downstream(&self, entry: &Entry) -> Option<Downstream> {
        Some(Downstream {
            endpoint_identifier: to_bmp(&entry.identifier).ok()?,
            gatekeeper_identifier: self.own_identifier.clone(),
            ras_address: to_transport(entry.seen_as),
        })
    }

    /// Changes how it stands, and counts.
    pub(super) fn stand(&mut self, id: EntryId, standing: UpstreamState) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut entry.up.standing, standing);
        self.registered += u64::from(standing == UpstreamState::Registered);
        self.registered -= u64::from(before == UpstreamState::Registered);
    }

    /// A time that is spread, the same in every run: from `least` on, within `width`.
    pub(super) fn spread(&self, id: EntryId, least: Duration, width: Duration) -> Time {
        let number = crate::transaction::digest(&(self.settings.seed, id, self.now));
        let part = (number % 1000) as u32;
        self.now.after(least + width * part / 1000)
    }
}
