//! Requests to endpoints: the gatekeeper's, sent on, and rasline's own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::{InfoRequest, RasMessage, UnregRequestReason, UnregistrationRequest};
use rasline_h225::{RasKind, encode_ras, renumbered};

use crate::proxy::downstream::dispatch::Asked;
use crate::proxy::entries::Entry;
use crate::proxy::machine::{Proxy, Timer};
use crate::proxy::relay::translate;
use crate::proxy::upstream::requests_to_gatekeeper::{answers, retries};
use crate::proxy::{EntryId, Output, rrq};
use crate::transaction::{CachedReply, PendingRequest, PendingRequests, RequestKey, Retry};

/// Requests to endpoints under way at most.
const MOST: usize = 20_000;
/// A gatekeeper repeats its requests by itself; its answer is expected within this time.
const RELAYED: Duration = Duration::from_secs(10);

/// A gatekeeper, and the address that it asked, which answers it.
pub(in crate::proxy) type Way = (SocketAddr, SocketAddr);

/// Who asked.
#[derive(Clone, Copy, Debug)]
enum Asker {
    Gatekeeper { way: Way, seq: u16, key: RequestKey },
    Own,
}

/// What a request to an endpoint is for.
#[derive(Clone, Copy, Debug)]
struct Errand {
    id: EntryId,
    kind: RasKind,
    asker: Asker,
}

/// A request from the service address to an endpoint.
type RequestToEndpoint = PendingRequest<Errand>;

/// All of them, by our number.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct RequestsToEndpoints {
    pending: PendingRequests<Errand>,
    by_key: HashMap<RequestKey, u16>,
}

impl RequestsToEndpoints {
    /// None yet. Numbers begin elsewhere for each seed: endpoints take what they have heard of late for a retransmission.
    pub fn new(seed: u64) -> Self {
        Self {
            pending: PendingRequests::new((seed % 60_000) as u16, MOST),
            by_key: HashMap::new(),
        }
    }

    /// Whether a message with this number answers a request to this endpoint.
    pub fn answers(&self, id: EntryId, seq: u16, kind: RasKind) -> bool {
        let down = self.pending.get(seq).map(|down| down.purpose);
        down.is_some_and(|errand| errand.id == id && answers(kind, errand.kind))
    }

    fn remove(&mut self, seq: u16) -> Option<RequestToEndpoint> {
        let down = self.pending.remove(seq)?;
        if let Asker::Gatekeeper { key, .. } = down.purpose.asker {
            self.by_key.remove(&key);
        }
        Some(down)
    }
}

impl Proxy {
    /// A request of the gatekeeper that is under way is sent again; true if it was one.
    pub(in crate::proxy) fn repeated_down(
        &mut self,
        key: RequestKey,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(down) = self
            .to_endpoints
            .by_key
            .get(&key)
            .and_then(|seq| self.to_endpoints.pending.get(*seq))
        else {
            return false;
        };
        self.stats.repeated += 1;
        out.push(output(down));
        true
    }

    /// A request of the gatekeeper goes on to this endpoint.
    pub(in crate::proxy) fn relay_down(
        &mut self,
        id: EntryId,
        (way, key): (Way, RequestKey),
        mut message: RasMessage,
        out: &mut Vec<Output>,
    ) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let (from, to) = (entry.seen_as, entry.ras);
        let (Some(known), Some(number)) = (
            self.downstream(entry),
            self.to_endpoints.pending.free_number(),
        ) else {
            self.stats.overflowed += 1;
            return;
        };
        let seq = message.request_seq_num();
        message.set_request_seq_num(number);
        translate::to_endpoint(&mut message, &known);
        let Ok(octets) = encode_ras(&message) else {
            return;
        };
        self.stats.relayed_down += 1;
        let down = RequestToEndpoint {
            from,
            to,
            octets: octets.into(),
            retry: Retry::new(RELAYED, 0),
            purpose: Errand {
                id,
                kind: message.kind(),
                asker: Asker::Gatekeeper { way, seq, key },
            },
        };
        self.to_endpoints.by_key.insert(key, number);
        self.send_down(number, down, out);
    }

    fn send_down(&mut self, seq: u16, down: RequestToEndpoint, out: &mut Vec<Output>) {
        out.push(output(&down));
        self.timers
            .set(Timer::ToEndpoint(seq), self.now.after(down.retry.every));
        self.to_endpoints.pending.insert(seq, down);
    }

    pub(in crate::proxy) fn down_due(&mut self, seq: u16, out: &mut Vec<Output>) {
        let Some(mut down) = self.to_endpoints.remove(seq) else {
            return;
        };
        if down.retry.try_again() {
            self.send_down(seq, down, out);
        }
    }

    /// An endpoint answers a request.
    pub(in crate::proxy) fn answered_down(
        &mut self,
        asked: &Asked<'_>,
        mut message: RasMessage,
        out: &mut Vec<Output>,
    ) {
        let Some(down) = self.answered(asked, out) else {
            return;
        };
        let Asker::Gatekeeper { way, seq, key } = down.purpose.asker else {
            return;
        };
        let Some(known) = self.known(down.purpose.id, way.0) else {
            return;
        };
        let known = translate::Upstream {
            ras_address: way.1,
            ..known
        };
        message.set_request_seq_num(seq);
        if translate::to_gatekeeper(&mut message, &known)
            && let Ok(octets) = encode_ras(&message)
        {
            self.answer_up(way, key, octets, out);
        }
    }

    /// As [`Self::answered_down`], for what does not decode and has no identifiers.
    pub(in crate::proxy) fn raw_answer_down(&mut self, asked: &Asked<'_>, out: &mut Vec<Output>) {
        let Some(down) = self.answered(asked, out) else {
            return;
        };
        if let Asker::Gatekeeper { way, seq, key } = down.purpose.asker
            && let Some(octets) = renumbered(asked.payload, seq)
        {
            self.stats.raw += 1;
            self.answer_up(way, key, octets, out);
        }
    }

    /// Whether it answers a request to this endpoint.
    pub(in crate::proxy) fn answers_down(&self, asked: &Asked<'_>) -> bool {
        let fits = |down: &RequestToEndpoint| {
            down.is_to_host(asked.from.ip()) && answers(asked.kind, down.purpose.kind)
        };
        self.to_endpoints.pending.get(asked.seq).is_some_and(fits)
    }

    fn answered(&mut self, asked: &Asked<'_>, out: &mut Vec<Output>) -> Option<RequestToEndpoint> {
        if !self.answers_down(asked) {
            self.stats.ignored += 1;
            return None;
        }
        self.timers.clear(Timer::ToEndpoint(asked.seq));
        let down = self.to_endpoints.remove(asked.seq)?;
        self.heard(down.purpose.id);
        if asked.kind == RasKind::DisengageConfirm {
            self.call_over(down.purpose.id, &down.octets, out);
        }
        Some(down)
    }

    /// An answer to the gatekeeper, kept for its retransmissions.
    pub(in crate::proxy) fn answer_up(
        &mut self,
        (to, from): Way,
        key: RequestKey,
        octets: Vec<u8>,
        out: &mut Vec<Output>,
    ) {
        let reply = CachedReply {
            to,
            octets: octets.as_slice().into(),
            about: (),
        };
        self.replies.insert(self.now, key, reply);
        out.push(Output::ToGatekeeper {
            from,
            to,
            payload: octets,
        });
    }

    /// Asks an endpoint whether it is there.
    pub(in crate::proxy) fn poll(&mut self, id: EntryId, out: &mut Vec<Output>) {
        let Some(seq) = self.to_endpoints.pending.free_number() else {
            self.stats.overflowed += 1;
            return;
        };
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let irq = InfoRequest::new(seq, 0);
        let way = (entry.seen_as, entry.ras);
        self.own_down(id, seq, way, &RasMessage::InfoRequest(irq), out);
    }

    /// Tells an endpoint that it is registered no more.
    pub(in crate::proxy) fn urq_down(
        &mut self,
        entry: &Entry,
        reason: UnregRequestReason,
        out: &mut Vec<Output>,
    ) {
        let (Some(known), Some(seq)) = (
            self.downstream(entry),
            self.to_endpoints.pending.free_number(),
        ) else {
            self.stats.overflowed += 1;
            return;
        };
        let mut urq = UnregistrationRequest::new(seq);
        if let Some(rrq) = rrq::parse(&entry.full) {
            urq.call_signal_address = rrq.call_signal_address;
        }
        urq.reason = Some(reason);
        let mut message = RasMessage::UnregistrationRequest(urq);
        translate::to_endpoint(&mut message, &known);
        self.own_down(EntryId(0), seq, (entry.seen_as, entry.ras), &message, out);
    }

    fn own_down(
        &mut self,
        id: EntryId,
        seq: u16,
        (from, to): (SocketAddr, SocketAddr),
        message: &RasMessage,
        out: &mut Vec<Output>,
    ) {
        let Ok(octets) = encode_ras(message) else {
            return;
        };
        let kind = message.kind();
        let down = RequestToEndpoint {
            from,
            to,
            octets: octets.into(),
            retry: retries(kind),
            purpose: Errand {
                id,
                kind,
                asker: Asker::Own,
            },
        };
        self.send_down(seq, down, out);
    }
}

fn output(down: &RequestToEndpoint) -> Output {
    Output::ToEndpoint {
        from: down.from,
        to: down.to,
        payload: down.octets.to_vec(),
    }
}
