//! Looking for one who is not of this zone.
//!
//! ```text
//!   Specific: neighbours whose prefix fits (LRQ, 5 s, twice more) --> Zones: the caller's other zones (Locate, 2 s)
//!       --> Any: neighbours that are asked for everything --> nobody knows
//! ```
//! All neighbours of a stage are asked at once; the first LCF counts; the next stage comes when all said no or nothing.
//! Who waits is told so (RIP) when it takes long, and when it asks again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::{
    AdmissionRejectReason, AdmissionRequest, LocationRejectReason, LocationRequest,
};

use super::auth::Mode;
use super::machine::Registrar;
use super::message::Asked;
use super::reply::Reply;
use super::timers::Timer;
use super::{Destination, EntryId, Output};
use crate::transaction::RequestKey;

/// Searches at the same time.
const MAX_SEARCHES: usize = 1000;
/// After so long one who waits is told; other zones must have answered.
const LONG: Duration = Duration::from_secs(2);
/// How long he is told to wait, and when he is told again.
const WAIT: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(8));

/// Who wants to know.
#[derive(Clone, Debug)]
pub(super) enum Asker {
    /// An endpoint that calls.
    Caller(EntryId, Box<AdmissionRequest>),
    /// A neighbour, or an endpoint that only asks.
    Seeker(Box<LocationRequest>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Specific,
    Zones,
    Any,
}

#[derive(Clone, Debug)]
pub(super) struct Search {
    pub asker: Asker,
    pub from: SocketAddr,
    pub to: SocketAddr,
    answer_to: SocketAddr,
    seq: u16,
    key: RequestKey,
    mode: Mode,
    pub numbers: Vec<String>,
    pub hops: u8,
    pub stage: Stage,
    /// LRQs that are not answered.
    pub asked: BTreeSet<u16>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Searches {
    all: BTreeMap<u64, Search>,
    keys: HashMap<RequestKey, u64>,
    last: u64,
}

impl Searches {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn get(&self, ticket: u64) -> Option<&Search> {
        self.all.get(&ticket)
    }

    pub fn get_mut(&mut self, ticket: u64) -> Option<&mut Search> {
        self.all.get_mut(&ticket)
    }
}

impl Registrar {
    /// Starts to look for these numbers; the answer comes later.
    pub(super) fn search(
        &mut self,
        asked: &Asked<'_>,
        who: Asker,
        (numbers, hops): (Vec<String>, u8),
        out: &mut Vec<Output>,
    ) -> Reply {
        if self.searches.len() >= MAX_SEARCHES {
            return self.failed(asked.seq, &who, true);
        }
        self.searches.last += 1;
        let ticket = self.searches.last;
        self.searches.keys.insert(asked.key, ticket);
        let search = Search {
            asker: who,
            from: asked.from,
            to: asked.to,
            answer_to: asked.answer_to,
            seq: asked.seq,
            key: asked.key,
            mode: asked.mode.clone(),
            numbers,
            hops,
            stage: Stage::Specific,
            asked: BTreeSet::new(),
        };
        self.searches.all.insert(ticket, search);
        self.enter(ticket, Stage::Specific, out);
        Reply::Nothing
    }

    fn enter(&mut self, ticket: u64, stage: Stage, out: &mut Vec<Output>) {
        let Some(search) = self.searches.all.get_mut(&ticket) else {
            return;
        };
        search.stage = stage;
        self.timers
            .set(Timer::Location(ticket), self.now.after(LONG));
        if stage == Stage::Zones {
            let destination = search.numbers.clone();
            return out.push(Output::Locate {
                ticket,
                destination,
            });
        }
        self.ask_neighbours(ticket, out);
        let waits = self.searches.all.get(&ticket);
        if waits.is_some_and(|search| search.asked.is_empty()) {
            self.go_on(ticket, out);
        }
    }

    fn go_on(&mut self, ticket: u64, out: &mut Vec<Output>) {
        match self.searches.all.get(&ticket).map(|search| search.stage) {
            Some(Stage::Specific) => self.enter(ticket, Stage::Zones, out),
            Some(Stage::Zones) => self.enter(ticket, Stage::Any, out),
            Some(Stage::Any) => self.finish(ticket, None, out),
            None => {}
        }
    }

    /// An LRQ was rejected, or not answered.
    pub(super) fn not_there(&mut self, ticket: u64, seq: u16, out: &mut Vec<Output>) {
        let Some(search) = self.searches.all.get_mut(&ticket) else {
            return;
        };
        if search.asked.remove(&seq) && search.asked.is_empty() {
            self.go_on(ticket, out);
        }
    }

    pub(super) fn located_elsewhere(
        &mut self,
        ticket: u64,
        found: Option<Destination>,
        out: &mut Vec<Output>,
    ) {
        let stage = self.searches.all.get(&ticket).map(|search| search.stage);
        match found {
            _ if stage != Some(Stage::Zones) => {}
            Some(found) => self.finish(ticket, Some(found), out),
            None => self.go_on(ticket, out),
        }
    }

    pub(super) fn search_due(&mut self, ticket: u64, out: &mut Vec<Output>) {
        let Some(search) = self.searches.all.get(&ticket) else {
            return;
        };
        if search.stage == Stage::Zones {
            return self.go_on(ticket, out);
        }
        self.tell_to_wait(ticket, out);
        self.timers
            .set(Timer::Location(ticket), self.now.after(WAIT.1));
    }

    fn tell_to_wait(&mut self, ticket: u64, out: &mut Vec<Output>) {
        let Some(search) = self.searches.all.get(&ticket) else {
            return;
        };
        let mut rip = Self::wait_for(search.seq, WAIT.0);
        let (from, to, mode) = (search.to, search.answer_to, search.mode.clone());
        if let Some(payload) = self.seal(&mut rip, &mode) {
            out.push(Output::Send { from, to, payload });
        }
    }

    /// A request came again: true if its answer is looked for still.
    pub(super) fn still_looking(&mut self, key: RequestKey, out: &mut Vec<Output>) -> bool {
        let ticket = self.searches.keys.get(&key).copied();
        if let Some(ticket) = ticket {
            self.tell_to_wait(ticket, out);
        }
        ticket.is_some()
    }

    pub(super) fn finish(
        &mut self,
        ticket: u64,
        found: Option<Destination>,
        out: &mut Vec<Output>,
    ) {
        let Some(search) = self.searches.all.remove(&ticket) else {
            return;
        };
        self.searches.keys.remove(&search.key);
        self.timers.clear(Timer::Location(ticket));
        for seq in &search.asked {
            self.forget_request(*seq);
        }
        let before = out.len();
        let reply = match (&search.asker, found) {
            (asker, None) => self.failed(search.seq, asker, false),
            (Asker::Seeker(_), Some(found)) => {
                self.stats.located += 1;
                Self::lcf(search.seq, &found)
            }
            (Asker::Caller(id, _), Some(_)) if self.entries.get(*id).is_none() => {
                self.arj(search.seq, None, AdmissionRejectReason::CallerNotRegistered)
            }
            (Asker::Caller(id, arq), Some(found)) => {
                self.stats.located += 1;
                self.admit(search.seq, *id, arq, &found, out)
            }
        };
        let kind = search.asker.kind();
        let asked = Asked {
            from: search.from,
            to: search.to,
            called_out: false,
            answer_to: search.answer_to,
            payload: &[],
            seq: search.seq,
            key: search.key,
            mode: search.mode,
        };
        self.reply(&asked, (kind, reply), before, out);
    }

    fn failed(&self, seq: u16, asker: &Asker, full: bool) -> Reply {
        match asker {
            Asker::Caller(id, _) if full => {
                self.arj(seq, Some(*id), AdmissionRejectReason::ResourceUnavailable)
            }
            Asker::Caller(id, _) => self.arj(
                seq,
                Some(*id),
                AdmissionRejectReason::CalledPartyNotRegistered,
            ),
            Asker::Seeker(_) if full => Self::lrj(seq, LocationRejectReason::ResourceUnavailable),
            Asker::Seeker(_) => Self::lrj(seq, LocationRejectReason::NotRegistered),
        }
    }
}

impl Asker {
    const fn kind(&self) -> rasline_h225::RasKind {
        match self {
            Self::Caller(..) => rasline_h225::RasKind::AdmissionRequest,
            Self::Seeker(_) => rasline_h225::RasKind::LocationRequest,
        }
    }
}
