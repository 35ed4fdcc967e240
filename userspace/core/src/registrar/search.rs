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

use rasline_h225::RasKind;
use rasline_h225::types::{AdmissionRequest, LocationRequest};

use super::auth::Mode;
use super::inbound::Inbound;
use super::neighbours::ask_neighbours;
use super::reply::in_progress;
use super::sender::{Outbox, Peer};
use super::{Destination, EntryId, Output};
use crate::Time;
use crate::transaction::{RequestKey, TimerQueue};

/// Searches at the same time.
const MAX_SEARCHES: usize = 1000;
/// One who waits is told so after this long; other zones must have answered.
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

impl Asker {
    /// Kind of its request.
    pub const fn kind(&self) -> RasKind {
        match self {
            Self::Caller(..) => RasKind::AdmissionRequest,
            Self::Seeker(_) => RasKind::LocationRequest,
        }
    }
}

/// Who is asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Specific,
    Zones,
    Any,
}

/// A search that goes on, and the request that waits for it.
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

impl Search {
    /// The request that waits, to be answered now.
    pub fn waiting(&self) -> Inbound<'static> {
        Inbound {
            from: self.from,
            to: self.to,
            called_out: false,
            answer_to: self.answer_to,
            payload: &[],
            seq: self.seq,
            key: self.key,
            mode: self.mode.clone(),
        }
    }
}

/// A search that is over.
#[derive(Debug)]
pub(super) struct Finished {
    pub search: Search,
    /// `None`: nobody knows.
    pub found: Option<Destination>,
}

/// All searches. Each method that goes on with one returns it if it is over.
#[derive(Clone, Debug, Default)]
pub(super) struct Searches {
    all: BTreeMap<u64, Search>,
    keys: HashMap<RequestKey, u64>,
    timers: TimerQueue<u64>,
    last: u64,
}

impl Searches {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_full(&self) -> bool {
        self.all.len() >= MAX_SEARCHES
    }

    /// Starts to look for these numbers; LRQs have this hopCount.
    pub fn start(
        &mut self,
        asked: &Inbound<'_>,
        who: Asker,
        (numbers, hops): (Vec<String>, u8),
        outbox: &mut Outbox<'_>,
    ) -> Option<Finished> {
        self.last += 1;
        let ticket = self.last;
        self.keys.insert(asked.key, ticket);
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
        self.all.insert(ticket, search);
        self.enter(ticket, Stage::Specific, outbox)
    }

    fn enter(&mut self, ticket: u64, stage: Stage, outbox: &mut Outbox<'_>) -> Option<Finished> {
        let search = self.all.get_mut(&ticket)?;
        search.stage = stage;
        self.timers.set(ticket, outbox.now.after(LONG));
        if stage == Stage::Zones {
            let destination = search.numbers.clone();
            outbox.out.push(Output::Locate {
                ticket,
                destination,
            });
            return None;
        }
        ask_neighbours(ticket, search, outbox);
        if search.asked.is_empty() {
            return self.go_on(ticket, outbox);
        }
        None
    }

    fn go_on(&mut self, ticket: u64, outbox: &mut Outbox<'_>) -> Option<Finished> {
        match self.all.get(&ticket)?.stage {
            Stage::Specific => self.enter(ticket, Stage::Zones, outbox),
            Stage::Zones => self.enter(ticket, Stage::Any, outbox),
            Stage::Any => self.finish(ticket, None, outbox),
        }
    }

    /// An LRQ was rejected, or not answered.
    pub fn handle_unknown(
        &mut self,
        ticket: u64,
        seq: u16,
        outbox: &mut Outbox<'_>,
    ) -> Option<Finished> {
        let search = self.all.get_mut(&ticket)?;
        if search.asked.remove(&seq) && search.asked.is_empty() {
            return self.go_on(ticket, outbox);
        }
        None
    }

    /// The other zones answered.
    pub fn handle_located(
        &mut self,
        ticket: u64,
        found: Option<Destination>,
        outbox: &mut Outbox<'_>,
    ) -> Option<Finished> {
        if self.all.get(&ticket)?.stage != Stage::Zones {
            return None;
        }
        match found {
            Some(found) => self.finish(ticket, Some(found), outbox),
            None => self.go_on(ticket, outbox),
        }
    }

    /// When a search is to be looked at next.
    pub fn next_due(&self) -> Option<Time> {
        self.timers.next_due()
    }

    /// Looks at the first search that is due: who waits is told so, other zones are waited for no longer.
    pub fn expire(&mut self, outbox: &mut Outbox<'_>) -> Option<Finished> {
        let ticket = self.timers.pop(outbox.now)?;
        let search = self.all.get(&ticket)?;
        if search.stage == Stage::Zones {
            return self.go_on(ticket, outbox);
        }
        tell_to_wait(search, outbox);
        self.timers.set(ticket, outbox.now.after(WAIT.1));
        None
    }

    /// Tells who asked again that it must wait; false if nobody looks for its answer.
    pub fn handle_repeated(&self, key: RequestKey, outbox: &mut Outbox<'_>) -> bool {
        let Some(ticket) = self.keys.get(&key) else {
            return false;
        };
        if let Some(search) = self.all.get(ticket) {
            tell_to_wait(search, outbox);
        }
        true
    }

    /// Ends a search; LRQs that are under way are wanted no more.
    pub fn finish(
        &mut self,
        ticket: u64,
        found: Option<Destination>,
        outbox: &mut Outbox<'_>,
    ) -> Option<Finished> {
        let search = self.all.remove(&ticket)?;
        self.keys.remove(&search.key);
        self.timers.clear(ticket);
        for seq in &search.asked {
            outbox.sender.requests.forget(*seq);
        }
        Some(Finished { search, found })
    }
}

fn tell_to_wait(search: &Search, outbox: &mut Outbox<'_>) {
    let peer = Peer {
        from: search.to,
        to: search.answer_to,
        mode: &search.mode,
    };
    outbox.send(peer, in_progress(search.seq, WAIT.0));
}
