//! Requests of the gatekeeper's own that are sent again until they are answered: URQ, DRQ, LRQ.
//!
//! A retransmission is the same octets again (H.225.0 7.20: same requestSeqNum). IRQ is not here: the registration
//! itself remembers that it is polled.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rasline_h225::types::RasMessage;

use super::Output;
use super::auth::Mode;
use super::machine::Registrar;
use super::timers::Timer;
use crate::transaction::{Overdue, PendingRequest, PendingRequests, Retry};

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

/// URQ.
pub(super) const LEAVE: Retry = retry(3, 1);
/// DRQ.
pub(super) const DISENGAGE: Retry = retry(3, 2);
/// LRQ.
pub(super) const LOCATE: Retry = retry(5, 2);

const fn retry(seconds: u64, times: u8) -> Retry {
    Retry::new(Duration::from_secs(seconds), times)
}

/// One that is not answered yet.
type Request = PendingRequest<Wanted>;

/// All of them, by requestSeqNum: 65,535 at most.
#[derive(Clone, Debug)]
pub(super) struct OwnRequests {
    requests: PendingRequests<Wanted>,
    /// URQs by whom they are sent to.
    leaving: HashMap<SocketAddr, u16>,
}

impl OwnRequests {
    /// None yet. Numbers begin elsewhere for each seed: registrars that share an address are told apart by them.
    pub fn new(seed: u64) -> Self {
        let [low, high, ..] = seed.to_le_bytes();
        Self {
            requests: PendingRequests::new(u16::from_le_bytes([low, high]), usize::from(u16::MAX)),
            leaving: HashMap::new(),
        }
    }

    /// The next requestSeqNum. After 65,535 of them it may be that of a request that was never answered.
    pub fn next(&mut self) -> u16 {
        self.requests.next_number()
    }

    pub fn len(&self) -> usize {
        self.requests.len()
    }

    fn insert(&mut self, seq: u16, request: Request) {
        if request.purpose == Wanted::Leave {
            self.leaving.insert(request.to, seq);
        }
        self.requests.insert(seq, request);
    }

    fn remove(&mut self, seq: u16) -> Option<Request> {
        let request = self.requests.remove(seq)?;
        self.forget(seq, &request);
        Some(request)
    }

    /// A request that is removed is no URQ under way any more.
    fn forget(&mut self, seq: u16, request: &Request) {
        if self.leaving.get(&request.to) == Some(&seq) {
            self.leaving.remove(&request.to);
        }
    }
}

impl Registrar {
    /// Sends a request, which gets its number here, until it is answered. Gives the number.
    pub(super) fn request(
        &mut self,
        way: (SocketAddr, SocketAddr),
        mut message: RasMessage,
        mode: &Mode,
        (retry, wanted): (Retry, Wanted),
        out: &mut Vec<Output>,
    ) -> Option<u16> {
        let seq = self.own_requests.next();
        message.set_request_seq_num(seq);
        let octets = self.seal(&mut message, mode)?;
        let (from, to) = way;
        out.push(Output::Send {
            from,
            to,
            payload: octets.clone(),
        });
        let request = Request {
            from,
            to,
            octets: octets.into(),
            retry,
            purpose: wanted,
        };
        self.own_requests.insert(seq, request);
        let again = self.now.after(retry.every);
        self.timers.set(Timer::Own(seq), again);
        Some(seq)
    }

    /// An answer came: the request is done, if it was sent there.
    pub(super) fn answered(&mut self, seq: u16, from: SocketAddr) -> Option<Wanted> {
        let request = self.own_requests.requests.get(seq)?;
        if !request.is_to_host(from.ip()) {
            return None;
        }
        let wanted = request.purpose;
        self.forget_request(seq);
        Some(wanted)
    }

    /// Whether an answer with this number is waited for from there.
    pub(crate) fn waits_for(&self, seq: u16, from: IpAddr) -> bool {
        let request = self.own_requests.requests.get(seq);
        request.is_some_and(|request| request.is_to_host(from))
    }

    /// No answer is wanted any more.
    pub(super) fn forget_request(&mut self, seq: u16) {
        self.own_requests.remove(seq);
        self.timers.clear(Timer::Own(seq));
    }

    /// One registered again: what it was told before must not reach it any more.
    pub(super) fn stays(&mut self, ras: SocketAddr) {
        if let Some(seq) = self.own_requests.leaving.get(&ras).copied() {
            self.forget_request(seq);
        }
    }

    /// A RIP came: the answer takes so long (H.225.0 7.17).
    pub(super) fn in_progress(&mut self, seq: u16, from: SocketAddr, delay: u16) {
        if self.waits_for(seq, from.ip()) {
            let again = self.now.after(Duration::from_millis(delay.into()));
            self.timers.set(Timer::Own(seq), again);
        }
    }

    /// Nothing came in time. Gives what is waited for in vain.
    pub(super) fn request_due(&mut self, seq: u16, out: &mut Vec<Output>) -> Option<Wanted> {
        let request = match self.own_requests.requests.expire(seq)? {
            Overdue::SendAgain(request) => request,
            Overdue::GivenUp(request) => {
                self.own_requests.forget(seq, &request);
                return Some(request.purpose);
            }
        };
        out.push(Output::Send {
            from: request.from,
            to: request.to,
            payload: request.octets.to_vec(),
        });
        let again = self.now.after(request.retry.every);
        self.timers.set(Timer::Own(seq), again);
        None
    }
}
