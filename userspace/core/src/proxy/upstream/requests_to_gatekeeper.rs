//! Requests under way to gatekeepers, by our requestSeqNum, and answers that come late.
//!
//! Invariants: a request of an endpoint is under way at one gatekeeper at most, and so is one URQ for each
//! callSignalAddress; what is not under way has no timer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::RasKind;
use rasline_h225::encode_ras;
use rasline_h225::types::{RasMessage, UnregistrationRequest};

use crate::Time;
use crate::proxy::identity::UpstreamIdentity;
use crate::proxy::message::PATIENCE;
use crate::proxy::{EntryId, Output, rrq};
use crate::ras_server::AdmissionTicket;
use crate::transaction::{PendingRequest, PendingRequests, Retry, TimerQueue};

/// Requests under way at most; the rest of the numbers keeps them from being given again too soon.
const MOST: usize = 50_000;
/// An answer that comes within this time after its request was answered, or given up, is a late one.
const LATE: Duration = Duration::from_secs(30);

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Purpose {
    /// A full RRQ of this endpoint.
    Register(EntryId),
    /// A full RRQ of the gateway, or one that adds to it: for these endpoints.
    Carry(Vec<EntryId>),
    /// A lightweight RRQ of this endpoint, or of the gateway.
    KeepAlive(EntryId),
    /// A full RRQ that nobody waits for any more: what it brings about is undone.
    Abandoned,
    /// A URQ, for who is registered with this callSignalAddress.
    Leave(Option<SocketAddr>),
    /// An ARQ that the calls have asked for.
    Admit(AdmissionTicket),
    /// A request of an endpoint.
    Relay { ticket: u64, kind: RasKind },
}

impl Purpose {
    /// The kind of the request.
    pub const fn kind(&self) -> RasKind {
        match self {
            Self::Register(_) | Self::Carry(_) | Self::KeepAlive(_) | Self::Abandoned => {
                RasKind::RegistrationRequest
            }
            Self::Leave(_) => RasKind::UnregistrationRequest,
            Self::Admit(_) => RasKind::AdmissionRequest,
            Self::Relay { kind, .. } => *kind,
        }
    }
}

/// A request under way to a gatekeeper.
pub(in crate::proxy) type RequestToGatekeeper = PendingRequest<Purpose>;

/// What becomes of a request that was not answered in time.
#[derive(Debug)]
pub(in crate::proxy) enum OverdueRequest {
    SentAgain(Output),
    /// A full RRQ of this endpoint, which waits for its turn like any other.
    RegisterAgain(EntryId),
    /// As [`Self::RegisterAgain`], of the gateway.
    CarryAgain,
    GivenUp(RequestToGatekeeper),
}

/// All requests to gatekeepers.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct RequestsToGatekeeper {
    pending: PendingRequests<Purpose>,
    timers: TimerQueue<u16>,
    by_ticket: HashMap<u64, u16>,
    /// URQs, by the callSignalAddress that they are about.
    leaving: HashMap<SocketAddr, u16>,
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
            timers: TimerQueue::default(),
            by_ticket: HashMap::new(),
            leaving: HashMap::new(),
            past: HashMap::new(),
            born: now,
        }
    }

    /// A number that none under way has; `None`: too many are.
    pub fn next_number(&mut self) -> Option<u16> {
        self.pending.free_number()
    }

    pub fn is_full(&self) -> bool {
        self.pending.is_full()
    }

    pub fn get(&self, seq: u16) -> Option<&RequestToGatekeeper> {
        self.pending.get(seq)
    }

    pub fn next_due(&self) -> Option<Time> {
        self.timers.next_due()
    }

    /// Sends a request, under the number that it has.
    pub fn send(
        &mut self,
        seq: u16,
        (from, to): (SocketAddr, SocketAddr),
        octets: Vec<u8>,
        purpose: Purpose,
        now: Time,
    ) -> Output {
        let retry = Retry::of(purpose.kind());
        match &purpose {
            Purpose::Relay { ticket, .. } => {
                self.by_ticket.insert(*ticket, seq);
            }
            Purpose::Leave(Some(address)) => {
                self.leaving.insert(*address, seq);
            }
            _ => {}
        }
        let request = RequestToGatekeeper {
            from,
            to,
            octets: octets.into(),
            retry,
            purpose,
        };
        let output = output(&request);
        self.timers.set(seq, now.after(retry.every));
        self.pending.insert(seq, request);
        output
    }

    /// Sends a message whose answer is not waited for, under the number that it has.
    pub fn send_once(
        &mut self,
        seq: u16,
        (from, to): (SocketAddr, SocketAddr),
        payload: Vec<u8>,
        now: Time,
    ) -> Output {
        self.past.insert(seq, (now, from, to));
        Output::ToGatekeeper { from, to, payload }
    }

    /// Sends a request again that is under way.
    pub fn repeat(&mut self, seq: u16, now: Time) -> Option<Output> {
        let request = self.pending.get(seq)?;
        self.timers.set(seq, now.after(request.retry.every));
        Some(output(request))
    }

    /// Ends a request: its number is free again.
    pub fn finish(&mut self, seq: u16, now: Time) -> Option<RequestToGatekeeper> {
        self.timers.clear(seq);
        let request = self.pending.remove(seq)?;
        self.past.insert(seq, (now, request.from, request.to));
        match request.purpose {
            Purpose::Relay { ticket, .. } => {
                self.by_ticket.remove(&ticket);
            }
            Purpose::Leave(Some(address)) if self.leaving.get(&address) == Some(&seq) => {
                self.leaving.remove(&address);
            }
            _ => {}
        }
        Some(request)
    }

    /// Whether the request with this ticket is under way.
    pub fn is_relaying(&self, ticket: u64) -> bool {
        self.by_ticket.contains_key(&ticket)
    }

    /// Ends the request with this ticket, if it is under way.
    pub fn stop_relaying(&mut self, ticket: u64, now: Time) {
        if let Some(seq) = self.by_ticket.get(&ticket).copied() {
            self.finish(seq, now);
        }
    }

    /// Ends the URQ for this callSignalAddress: who leaves and comes again must not be unregistered by what is under way.
    pub fn stop_leaving(&mut self, address: SocketAddr, now: Time) {
        if let Some(seq) = self.leaving.get(&address).copied() {
            self.finish(seq, now);
        }
    }

    /// Notes that nobody waits for this full RRQ any more. Whether it registers something is known when the RCF comes.
    pub fn abandon(&mut self, seq: u16, now: Time) {
        if let Some(request) = self.pending.get_mut(seq) {
            request.purpose = Purpose::Abandoned;
            self.timers.set(seq, now.after(PATIENCE));
        }
    }

    /// Notes that the answer takes so long (RIP).
    pub fn postpone(&mut self, seq: u16, delay: Duration, now: Time) {
        if self.pending.get(seq).is_some() {
            self.timers.set(seq, now.after(delay));
        }
    }

    /// Takes out the first request that is due, and says what becomes of it.
    pub fn expire(&mut self, now: Time) -> Option<OverdueRequest> {
        let seq = self.timers.pop(now)?;
        let request = self.pending.get_mut(seq)?;
        if !request.retry.try_again() || request.purpose == Purpose::Abandoned {
            return self.finish(seq, now).map(OverdueRequest::GivenUp);
        }
        match request.purpose {
            Purpose::Register(id) => Some(OverdueRequest::RegisterAgain(id)),
            Purpose::Carry(_) => Some(OverdueRequest::CarryAgain),
            _ => self.repeat(seq, now).map(OverdueRequest::SentAgain),
        }
    }

    /// A URQ for what this full RRQ registered, under this callSignalAddress if not its own, and its number. `None`: the
    /// gatekeeper has given no endpointIdentifier.
    pub fn make_urq(
        &mut self,
        full: &[u8],
        identity: &UpstreamIdentity,
        signalling: Option<SocketAddr>,
    ) -> Option<(u16, Vec<u8>)> {
        let identifier = identity.identifier.clone()?;
        let rrq = rrq::name_upstream(rrq::parse(full)?, signalling);
        let seq = self.next_number()?;
        let mut urq = UnregistrationRequest::new(seq);
        urq.call_signal_address = rrq.call_signal_address;
        urq.endpoint_identifier = Some(identifier);
        urq.gatekeeper_identifier
            .clone_from(&identity.gatekeeper_identifier);
        let octets = encode_ras(&RasMessage::UnregistrationRequest(urq)).ok()?;
        Some((seq, octets))
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
    pub fn numbers_not_for(&self, gatekeeper: Option<SocketAddr>) -> Vec<u16> {
        let other = |request: &RequestToGatekeeper| Some(request.to) != gatekeeper;
        let all = self.pending.iter().filter(|(_, request)| other(request));
        all.map(|(seq, _)| seq).collect()
    }
}

fn output(request: &RequestToGatekeeper) -> Output {
    Output::ToGatekeeper {
        from: request.from,
        to: request.to,
        payload: request.octets.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1719);
    const THERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 1719);

    fn s(seconds: u64) -> Time {
        Time(seconds * 1_000_000_000)
    }

    fn send(requests: &mut RequestsToGatekeeper, purpose: Purpose) -> u16 {
        let seq = requests.next_number().unwrap();
        requests.send(seq, (HERE, THERE), vec![1], purpose, s(0));
        seq
    }

    fn relay(ticket: u64) -> Purpose {
        let kind = RasKind::AdmissionRequest;
        Purpose::Relay { ticket, kind }
    }

    #[test]
    fn found_by_ticket_while_under_way() {
        let mut requests = RequestsToGatekeeper::new(0, s(0));
        let seq = send(&mut requests, relay(7));
        assert!(requests.is_relaying(7));
        requests.stop_relaying(7, s(1));
        assert!(!requests.is_relaying(7) && requests.get(seq).is_none());
        assert_eq!(requests.next_due(), None);
        assert!(requests.is_late(seq, s(2), (THERE, HERE)));
        assert!(!requests.is_late(seq, s(31), (THERE, HERE)));
    }

    #[test]
    fn who_comes_again_does_not_leave() {
        let mut requests = RequestsToGatekeeper::new(0, s(0));
        let first = send(&mut requests, Purpose::Leave(Some(HERE)));
        let second = send(&mut requests, Purpose::Leave(Some(HERE)));
        requests.finish(first, s(1));
        requests.stop_leaving(HERE, s(1));
        assert!(requests.get(second).is_none());
    }

    #[test]
    fn full_rrqs_wait_for_their_turn_and_abandoned_ones_are_not_repeated() {
        let mut requests = RequestsToGatekeeper::new(0, s(0));
        let seq = send(&mut requests, Purpose::Register(EntryId(5)));
        let due = requests.expire(s(3));
        assert!(matches!(
            due,
            Some(OverdueRequest::RegisterAgain(EntryId(5)))
        ));
        assert_eq!(requests.next_due(), None);
        assert!(requests.repeat(seq, s(4)).is_some());
        assert_eq!(requests.next_due(), Some(s(7)));
        requests.abandon(seq, s(4));
        assert!(requests.expire(s(7)).is_none());
        let due = requests.expire(s(24));
        assert!(matches!(due, Some(OverdueRequest::GivenUp(_))));
    }
}
