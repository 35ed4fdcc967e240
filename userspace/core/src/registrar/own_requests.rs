//! Requests of the gatekeeper's own that are sent again until they are answered: URQ, DRQ, LRQ.
//!
//! A retransmission is the same octets again (H.225.0 7.20: same requestSeqNum). IRQ is not here: the registration, or the
//! call, remembers that it is polled.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rasline_h225::RasKind;

use super::Output;
use crate::Time;
use crate::transaction::{Overdue, PendingRequest, PendingRequests, Retry, TimerQueue};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// That the endpoint takes note of a DRQ (DCF, DRJ).
    Note,
    /// That it takes note of a URQ (UCF, URJ), unless it registers again before.
    Leave,
    /// An LCF, for this search.
    Location(u64),
}

impl Wanted {
    /// How often the request for it is sent.
    pub const fn retry(self) -> Retry {
        match self {
            Self::Note => Retry::of(RasKind::DisengageRequest),
            Self::Leave => Retry::of(RasKind::UnregistrationRequest),
            Self::Location(_) => Retry::of(RasKind::LocationRequest),
        }
    }
}

/// Own requests that are not answered yet, by requestSeqNum: 65,535 at most.
#[derive(Clone, Debug)]
pub(super) struct OwnRequests {
    requests: PendingRequests<Wanted>,
    /// URQs by whom they are sent to.
    leaving: HashMap<SocketAddr, u16>,
    /// When each is to be sent again.
    timers: TimerQueue<u16>,
}

impl OwnRequests {
    /// No request yet. Numbers begin elsewhere for each seed: registrars that share an address are told apart by them.
    pub fn new(seed: u64) -> Self {
        let [low, high, ..] = seed.to_le_bytes();
        Self {
            requests: PendingRequests::new(u16::from_le_bytes([low, high]), usize::from(u16::MAX)),
            leaving: HashMap::new(),
            timers: TimerQueue::default(),
        }
    }

    /// The next requestSeqNum. After 65,535 of them it may be that of a request that was never answered.
    pub fn next_number(&mut self) -> u16 {
        self.requests.next_number()
    }

    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Notes a request that was sent now.
    pub fn insert(&mut self, seq: u16, request: PendingRequest<Wanted>, now: Time) {
        if request.purpose == Wanted::Leave {
            self.leaving.insert(request.to, seq);
        }
        self.timers.set(seq, now.after(request.retry.every));
        self.requests.insert(seq, request);
    }

    /// Ends a request that was answered; `None` if none of this number was sent there.
    pub fn finish(&mut self, seq: u16, from: SocketAddr) -> Option<Wanted> {
        let request = self.requests.get(seq)?;
        if !request.is_to_host(from.ip()) {
            return None;
        }
        let wanted = request.purpose;
        self.forget(seq);
        Some(wanted)
    }

    /// True if an answer with this number is waited for from there.
    pub fn waits_for(&self, seq: u16, from: IpAddr) -> bool {
        let request = self.requests.get(seq);
        request.is_some_and(|request| request.is_to_host(from))
    }

    /// Ends a request whose answer is not wanted any more.
    pub fn forget(&mut self, seq: u16) {
        if let Some(request) = self.requests.remove(seq) {
            self.forget_leave(seq, request.to);
        }
        self.timers.clear(seq);
    }

    fn forget_leave(&mut self, seq: u16, to: SocketAddr) {
        if self.leaving.get(&to) == Some(&seq) {
            self.leaving.remove(&to);
        }
    }

    /// Ends the URQ to an endpoint that registered again: it must not reach it any more.
    pub fn forget_urq(&mut self, ras: SocketAddr) {
        if let Some(seq) = self.leaving.get(&ras).copied() {
            self.forget(seq);
        }
    }

    /// Puts a request off whose answer is announced by a RIP (H.225.0 7.17).
    pub fn put_off(&mut self, seq: u16, from: SocketAddr, delay: u16, now: Time) {
        if self.waits_for(seq, from.ip()) {
            let again = now.after(Duration::from_millis(delay.into()));
            self.timers.set(seq, again);
        }
    }

    /// When a request is to be sent again.
    pub fn next_due(&self) -> Option<Time> {
        self.timers.next_due()
    }

    /// Sends the first request that is due again, or gives it up and returns what is waited for in vain.
    pub fn expire(&mut self, now: Time, out: &mut Vec<Output>) -> Option<(u16, Wanted)> {
        let seq = self.timers.pop(now)?;
        let request = match self.requests.expire(seq)? {
            Overdue::SendAgain(request) => request,
            Overdue::GivenUp(request) => {
                self.forget_leave(seq, request.to);
                return Some((seq, request.purpose));
            }
        };
        self.timers.set(seq, now.after(request.retry.every));
        out.push(Output::Send {
            from: request.from,
            to: request.to,
            payload: request.octets.to_vec(),
        });
        None
    }
}
