//! Requests of the gatekeeper's own that are sent again until they are answered: URQ, DRQ, LRQ.
//!
//! A retransmission is the same octets again (H.225.0 7.20: same requestSeqNum). IRQ is not here: the registration
//! itself remembers that it is polled.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rasline_h225::types::RasMessage;

use super::Output;
use super::machine::Registrar;
use super::secured::Mode;
use super::timers::Timer;

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

/// How often, and how long apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    pub every: Duration,
    pub times: u8,
}

/// URQ.
pub(super) const LEAVE: Retry = retry(3, 1);
/// DRQ.
pub(super) const DISENGAGE: Retry = retry(3, 2);
/// LRQ.
pub(super) const LOCATE: Retry = retry(5, 2);

const fn retry(seconds: u64, times: u8) -> Retry {
    Retry {
        every: Duration::from_secs(seconds),
        times,
    }
}

/// One that is not answered yet.
#[derive(Clone, Debug)]
struct Request {
    from: SocketAddr,
    to: SocketAddr,
    octets: Vec<u8>,
    retry: Retry,
    wanted: Wanted,
}

/// All of them, by requestSeqNum: 65,535 at most.
#[derive(Clone, Debug)]
pub(super) struct Own {
    last: u16,
    requests: HashMap<u16, Request>,
    /// URQs by whom they are sent to.
    leaving: HashMap<SocketAddr, u16>,
}

impl Own {
    /// None yet. Numbers begin elsewhere for each seed: registrars that share an address are told apart by them.
    pub fn new(seed: u64) -> Self {
        let [low, high, ..] = seed.to_le_bytes();
        Self {
            last: u16::from_le_bytes([low, high]),
            requests: HashMap::new(),
            leaving: HashMap::new(),
        }
    }

    /// The next requestSeqNum. After 65,535 of them it may be that of a request that was never answered.
    pub fn next(&mut self) -> u16 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.last
    }

    pub fn len(&self) -> usize {
        self.requests.len()
    }

    fn insert(&mut self, seq: u16, request: Request) {
        if request.wanted == Wanted::Leave {
            self.leaving.insert(request.to, seq);
        }
        self.requests.insert(seq, request);
    }

    fn remove(&mut self, seq: u16) -> Option<Request> {
        let request = self.requests.remove(&seq)?;
        if self.leaving.get(&request.to) == Some(&seq) {
            self.leaving.remove(&request.to);
        }
        Some(request)
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
        let seq = self.own.next();
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
            octets,
            retry,
            wanted,
        };
        self.own.insert(seq, request);
        let again = self.now.after(retry.every);
        self.timers.set(Timer::Own(seq), again);
        Some(seq)
    }

    /// An answer came: the request is done, if it was sent there.
    pub(super) fn answered(&mut self, seq: u16, from: SocketAddr) -> Option<Wanted> {
        let request = self.own.requests.get(&seq)?;
        if request.to.ip() != from.ip() {
            return None;
        }
        let wanted = request.wanted;
        self.forget_request(seq);
        Some(wanted)
    }

    /// Whether an answer with this number is waited for from there.
    pub(crate) fn waits_for(&self, seq: u16, from: IpAddr) -> bool {
        let request = self.own.requests.get(&seq);
        request.is_some_and(|request| request.to.ip() == from)
    }

    /// No answer is wanted any more.
    pub(super) fn forget_request(&mut self, seq: u16) {
        self.own.remove(seq);
        self.timers.clear(Timer::Own(seq));
    }

    /// One registered again: what it was told before must not reach it any more.
    pub(super) fn stays(&mut self, ras: SocketAddr) {
        if let Some(seq) = self.own.leaving.get(&ras).copied() {
            self.forget_request(seq);
        }
    }

    /// A RIP came: the answer takes so long (H.225.0 7.17).
    pub(super) fn in_progress(&mut self, seq: u16, from: SocketAddr, delay: u16) {
        let waits = self.own.requests.get(&seq);
        if waits.is_some_and(|request| request.to.ip() == from.ip()) {
            let again = self.now.after(Duration::from_millis(delay.into()));
            self.timers.set(Timer::Own(seq), again);
        }
    }

    /// Nothing came in time. Gives what is waited for in vain.
    pub(super) fn request_due(&mut self, seq: u16, out: &mut Vec<Output>) -> Option<Wanted> {
        let request = self.own.requests.get_mut(&seq)?;
        if request.retry.times == 0 {
            let wanted = request.wanted;
            self.own.remove(seq);
            return Some(wanted);
        }
        request.retry.times -= 1;
        out.push(Output::Send {
            from: request.from,
            to: request.to,
            payload: request.octets.clone(),
        });
        let again = self.now.after(request.retry.every);
        self.timers.set(Timer::Own(seq), again);
        None
    }
}
