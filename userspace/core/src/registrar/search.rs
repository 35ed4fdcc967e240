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

use rasline_h225::build::alias;
use rasline_h225::text::{to_bmp, to_transport};
use rasline_h225::types::{
    AdmissionRejectReason, AdmissionRequest, AliasAddress, LocationRejectReason, LocationRequest,
    RasMessage,
};

use super::answers::Key;
use super::machine::Registrar;
use super::message::Asked;
use super::own::{LOCATE, Wanted};
use super::reply::Reply;
use super::secured::Mode;
use super::timers::Timer;
use super::{Destination, EntryId, Output};

/// Searches at the same time.
const MAX_SEARCHES: usize = 1000;
/// Neighbours that are asked at once.
const MAX_ASKED: usize = 8;
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
enum Stage {
    Specific,
    Zones,
    Any,
}

#[derive(Clone, Debug)]
struct Search {
    asker: Asker,
    from: SocketAddr,
    to: SocketAddr,
    answer_to: SocketAddr,
    seq: u16,
    key: Key,
    mode: Mode,
    numbers: Vec<String>,
    hops: u8,
    stage: Stage,
    /// LRQs that are not answered.
    asked: BTreeSet<u16>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Searches {
    all: BTreeMap<u64, Search>,
    keys: HashMap<Key, u64>,
    last: u64,
}

impl Searches {
    pub fn len(&self) -> usize {
        self.all.len()
    }
}

impl Registrar {
    /// Starts to look for these numbers; the answer comes later.
    pub(super) fn search(
        &mut self,
        asked: &Asked<'_>,
        asker: Asker,
        (numbers, hops): (Vec<String>, u8),
        out: &mut Vec<Output>,
    ) -> Reply {
        if self.searches.len() >= MAX_SEARCHES {
            return self.failed(asked.seq, &asker, true);
        }
        self.searches.last += 1;
        let ticket = self.searches.last;
        self.searches.keys.insert(asked.key, ticket);
        let search = Search {
            asker,
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

    fn ask_neighbours(&mut self, ticket: u64, out: &mut Vec<Output>) {
        let Some(search) = self.searches.all.get(&ticket).cloned() else {
            return;
        };
        let indices: BTreeSet<usize> = match search.stage {
            Stage::Specific => {
                let fitting = |number| self.known.neighbours.longest(number).into_iter().flatten();
                search
                    .numbers
                    .iter()
                    .flat_map(|number| fitting(number))
                    .copied()
                    .collect()
            }
            Stage::Zones => BTreeSet::new(),
            Stage::Any => self.known.any.iter().copied().collect(),
        };
        let profile = self.settings.profile.clone();
        let neighbours = indices
            .into_iter()
            .filter_map(|index| profile.neighbours.get(index));
        // Not back to who asks.
        let others = neighbours.filter(|one| one.address.ip() != search.from.ip());
        for neighbour in others.take(MAX_ASKED) {
            let Some(lrq) = self.lrq(&search) else {
                return;
            };
            let way = (search.to, neighbour.address);
            let wanted = (LOCATE, Wanted::Location(ticket));
            let seq = self.request(way, lrq, &Mode::Open, wanted, out);
            if let Some(search) = self.searches.all.get_mut(&ticket) {
                search.asked.extend(seq);
            }
        }
    }

    fn lrq(&self, search: &Search) -> Option<RasMessage> {
        let mut lrq = LocationRequest::new(1, to_transport(search.to));
        let numbers = search.numbers.iter();
        lrq.destination_info = numbers.filter_map(|text| alias(text).ok()).collect();
        let own = to_bmp(&self.settings.profile.gatekeeper_identifier).ok();
        lrq.source_info = own.map(|own| vec![AliasAddress::H323Id(own)]);
        lrq.hop_count = Some(search.hops.max(1));
        lrq.can_map_alias = Some(true);
        lrq.call_identifier = match &search.asker {
            Asker::Caller(_, arq) => arq.call_identifier.clone(),
            Asker::Seeker(lrq) => lrq.call_identifier.clone(),
        };
        (!lrq.destination_info.is_empty()).then_some(RasMessage::LocationRequest(lrq))
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
    pub(super) fn still_looking(&mut self, key: Key, out: &mut Vec<Output>) -> bool {
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
                Self::lcf(search.seq, found)
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
