//! Requests to endpoints: the gatekeeper's, sent on, and rasline's own.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rasline_h225::types::RasMessage;
use rasline_h225::{RasKind, encode_ras};

use crate::Time;
use crate::proxy::message::GatekeeperRequest;
use crate::proxy::{EntryId, Output};
use crate::transaction::{Overdue, PendingRequest, PendingRequests, RequestKey, Retry, TimerQueue};

/// Requests to endpoints under way at most.
const MOST: usize = 20_000;
/// A gatekeeper repeats its requests by itself; its answer is expected within this time.
const RELAYED: Duration = Duration::from_secs(10);

/// The endpoint that is asked, and the addresses that the request goes between.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Destination {
    pub id: EntryId,
    /// The service address.
    pub from: SocketAddr,
    pub to: SocketAddr,
}

/// What a request to an endpoint is for.
#[derive(Clone, Copy, Debug)]
struct Errand {
    id: EntryId,
    kind: RasKind,
    /// `None`: it is rasline's own.
    gatekeeper: Option<GatekeeperRequest>,
}

/// A request that an endpoint has answered.
#[derive(Debug)]
pub(in crate::proxy) struct AnsweredRequest {
    pub id: EntryId,
    pub octets: Box<[u8]>,
    /// Who waits for the answer; `None`: it was rasline's own.
    pub gatekeeper: Option<GatekeeperRequest>,
}

/// All requests to endpoints under way, by our requestSeqNum.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct RequestsToEndpoints {
    pending: PendingRequests<Errand>,
    by_key: HashMap<RequestKey, u16>,
    timers: TimerQueue<u16>,
}

impl RequestsToEndpoints {
    /// None yet. Numbers begin elsewhere for each seed: endpoints take what they have heard of late for a retransmission.
    pub fn new(seed: u64) -> Self {
        Self {
            pending: PendingRequests::new((seed % 60_000) as u16, MOST),
            by_key: HashMap::new(),
            timers: TimerQueue::default(),
        }
    }

    /// A number that none under way has. `None`: too many are.
    pub fn next_number(&mut self) -> Option<u16> {
        self.pending.free_number()
    }

    /// Sends a gatekeeper's request on under this number. `None`: it cannot be encoded.
    pub fn relay(
        &mut self,
        seq: u16,
        to: Destination,
        asker: GatekeeperRequest,
        message: &RasMessage,
        now: Time,
    ) -> Option<Output> {
        let retry = Retry::new(RELAYED, 0);
        let output = self.send(seq, to, (message, Some(asker)), retry, now)?;
        self.by_key.insert(asker.key, seq);
        Some(output)
    }

    /// Sends a request of rasline's own under this number, which it has. `None`: it cannot be encoded.
    pub fn ask(
        &mut self,
        seq: u16,
        to: Destination,
        message: &RasMessage,
        now: Time,
    ) -> Option<Output> {
        self.send(seq, to, (message, None), Retry::of(message.kind()), now)
    }

    fn send(
        &mut self,
        seq: u16,
        destination: Destination,
        (message, gatekeeper): (&RasMessage, Option<GatekeeperRequest>),
        retry: Retry,
        now: Time,
    ) -> Option<Output> {
        let Destination { id, from, to } = destination;
        let kind = message.kind();
        let request = PendingRequest {
            from,
            to,
            octets: encode_ras(message).ok()?.into(),
            retry,
            purpose: Errand {
                id,
                kind,
                gatekeeper,
            },
        };
        let output = output(&request);
        self.timers.set(seq, now.after(retry.every));
        self.pending.insert(seq, request);
        Some(output)
    }

    /// Sends the gatekeeper's request again of which this is a retransmission, if it is under way.
    pub fn repeat(&self, key: RequestKey) -> Option<Output> {
        self.pending.get(*self.by_key.get(&key)?).map(output)
    }

    /// Whether a message with this number answers a request to this endpoint.
    pub fn answers(&self, id: EntryId, seq: u16, kind: RasKind) -> bool {
        let errand = self.pending.get(seq).map(|request| request.purpose);
        errand.is_some_and(|errand| errand.id == id && kind.answers(errand.kind))
    }

    /// Whether a message from this host answers a request that was sent there.
    pub fn answers_from(&self, host: IpAddr, seq: u16, kind: RasKind) -> bool {
        let request = self.pending.get(seq);
        request.is_some_and(|one| one.is_to_host(host) && kind.answers(one.purpose.kind))
    }

    /// Ends the request that a message from this host answers. `None`: there is none.
    pub fn take_answered(
        &mut self,
        host: IpAddr,
        seq: u16,
        kind: RasKind,
    ) -> Option<AnsweredRequest> {
        if !self.answers_from(host, seq, kind) {
            return None;
        }
        self.timers.clear(seq);
        let request = self.pending.remove(seq)?;
        self.forget_key(&request);
        Some(AnsweredRequest {
            id: request.purpose.id,
            octets: request.octets,
            gatekeeper: request.purpose.gatekeeper,
        })
    }

    pub fn next_due(&self) -> Option<Time> {
        self.timers.next_due()
    }

    /// Takes the first request that is due. It is sent again, or given up.
    pub fn expire(&mut self, now: Time) -> Option<Output> {
        let seq = self.timers.pop(now)?;
        match self.pending.expire(seq)? {
            Overdue::SendAgain(request) => {
                self.timers.set(seq, now.after(request.retry.every));
                Some(output(request))
            }
            Overdue::GivenUp(request) => {
                self.forget_key(&request);
                None
            }
        }
    }

    fn forget_key(&mut self, request: &PendingRequest<Errand>) {
        if let Some(asker) = request.purpose.gatekeeper {
            self.by_key.remove(&asker.key);
        }
    }
}

fn output(request: &PendingRequest<Errand>) -> Output {
    Output::ToEndpoint {
        from: request.from,
        to: request.to,
        payload: request.octets.to_vec(),
    }
}
