//! Requests under way to gatekeepers, by our requestSeqNum, and answers that come late.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::RasKind;

use crate::Time;
use crate::proxy::EntryId;
use crate::transaction::{PendingRequest, PendingRequests, Retry};

/// Requests under way at most; the rest of the numbers keeps them from being given again too soon.
const MOST: usize = 50_000;
/// An answer that comes within this time after its request was answered, or given up, is a late one.
const LATE: Duration = Duration::from_secs(30);

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Purpose {
    /// A full RRQ.
    Register(EntryId),
    /// A full RRQ of the gateway, or one that adds to it: for these endpoints.
    Carry(Vec<EntryId>),
    /// A lightweight RRQ.
    KeepAlive(EntryId),
    /// A full RRQ that nobody waits for any more: what it brings about is undone.
    Abandoned,
    /// A URQ; its callSignalAddress.
    Leave(Option<SocketAddr>),
    /// A request of an endpoint.
    Relay { wait: u64, kind: RasKind },
}

/// A request under way to a gatekeeper.
pub(in crate::proxy) type RequestToGatekeeper = PendingRequest<Purpose>;

/// All of them.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct RequestsToGatekeeper {
    pending: PendingRequests<Purpose>,
    /// When a number was last free again, and whose it was: our address and the gatekeeper's.
    past: HashMap<u16, (Time, SocketAddr, SocketAddr)>,
    /// When the first one could be sent.
    born: Time,
}

impl RequestsToGatekeeper {
    /// None yet. Numbers begin elsewhere for each seed: gatekeepers take what they have heard of late for a retransmission.
    pub fn new(seed: u64, now: Time) -> Self {
        Self {
            pending: PendingRequests::new((seed % 60_000) as u16, MOST),
            past: HashMap::new(),
            born: now,
        }
    }

    /// A number that none under way has; `None`: too many are.
    pub fn number(&mut self) -> Option<u16> {
        self.pending.free_number()
    }

    pub fn is_full(&self) -> bool {
        self.pending.is_full()
    }

    pub fn insert(&mut self, seq: u16, flight: RequestToGatekeeper) {
        self.pending.insert(seq, flight);
    }

    pub fn get(&self, seq: u16) -> Option<&RequestToGatekeeper> {
        self.pending.get(seq)
    }

    pub fn get_mut(&mut self, seq: u16) -> Option<&mut RequestToGatekeeper> {
        self.pending.get_mut(seq)
    }

    pub fn remove(&mut self, seq: u16, now: Time) -> Option<RequestToGatekeeper> {
        let flight = self.pending.remove(seq)?;
        self.spend(seq, now, (flight.from, flight.to));
        Some(flight)
    }

    /// A request with this number went from our address to a gatekeeper, and its answer is not waited for.
    pub fn spend(&mut self, seq: u16, now: Time, (from, to): (SocketAddr, SocketAddr)) {
        self.past.insert(seq, (now, from, to));
    }

    /// Whether there may be answers to requests of an earlier process still.
    pub fn are_young(&self, now: Time) -> bool {
        now.since(self.born) < LATE
    }

    /// Whether an answer of this gatekeeper, to this address of ours, comes late.
    pub fn is_late(&self, seq: u16, now: Time, (from, to): (SocketAddr, SocketAddr)) -> bool {
        self.past.get(&seq).is_some_and(|(at, ours, gatekeeper)| {
            now.since(*at) < LATE && *ours == to && gatekeeper.ip() == from.ip()
        })
    }

    /// Those that are for another gatekeeper than this one.
    pub fn not_for(&self, gatekeeper: Option<SocketAddr>) -> Vec<u16> {
        let other = |flight: &RequestToGatekeeper| Some(flight.to) != gatekeeper;
        let all = self.pending.iter().filter(|(_, flight)| other(flight));
        all.map(|(seq, _)| seq).collect()
    }
}

/// After how long a request is sent again, and how often (H.225.0 7.19 and what stacks do).
pub(in crate::proxy) const fn retries(kind: RasKind) -> Retry {
    let (seconds, left) = match kind {
        RasKind::GatekeeperRequest | RasKind::AdmissionRequest | RasKind::LocationRequest => (5, 2),
        RasKind::UnregistrationRequest | RasKind::InfoRequest => (3, 1),
        RasKind::NonStandardMessage => (3, 0),
        _ => (3, 2),
    };
    Retry::new(Duration::from_secs(seconds), left)
}

/// Whether a message of this kind answers a request of that kind.
pub(in crate::proxy) const fn answers(answer: RasKind, request: RasKind) -> bool {
    use RasKind as K;
    matches!(
        (request, answer),
        (_, K::UnknownMessageResponse)
            | (
                K::RegistrationRequest,
                K::RegistrationConfirm | K::RegistrationReject
            )
            | (
                K::UnregistrationRequest,
                K::UnregistrationConfirm | K::UnregistrationReject
            )
            | (
                K::AdmissionRequest,
                K::AdmissionConfirm | K::AdmissionReject | K::AdmissionConfirmSequence
            )
            | (
                K::BandwidthRequest,
                K::BandwidthConfirm | K::BandwidthReject
            )
            | (
                K::DisengageRequest,
                K::DisengageConfirm | K::DisengageReject
            )
            | (K::LocationRequest, K::LocationConfirm | K::LocationReject)
            | (K::InfoRequest, K::InfoRequestResponse)
            | (
                K::InfoRequestResponse,
                K::InfoRequestAck | K::InfoRequestNak
            )
            | (K::ResourcesAvailableIndicate, K::ResourcesAvailableConfirm)
            | (K::ServiceControlIndication, K::ServiceControlResponse)
            | (K::NonStandardMessage, K::NonStandardMessage)
    )
}
