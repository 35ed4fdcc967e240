//! Requests that are sent again until they are answered (H.225.0 7.19, 7.20).
//!
//! Invariants: a repetition has the octets of the first, requestSeqNum included; a number belongs to one request until that
//! is answered or given up.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rasline_h225::RasKind;

/// How often a request is sent again, and after how long each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    pub every: Duration,
    pub left: u8,
}

impl Retry {
    pub const fn new(every: Duration, left: u8) -> Self {
        Self { every, left }
    }

    /// How often a request of this kind is sent again; what is no request, not at all.
    pub const fn of(kind: RasKind) -> Self {
        match kind.exchange() {
            Some(exchange) => Self::new(exchange.interval, exchange.repeats),
            None => Self::new(Duration::ZERO, 0),
        }
    }

    /// Uses up one repetition. False if none was left: the request is given up.
    pub const fn try_again(&mut self) -> bool {
        let again = self.left > 0;
        self.left = self.left.saturating_sub(1);
        again
    }
}

/// A request under way; `P` says what it is for.
#[derive(Clone, Debug)]
pub(crate) struct PendingRequest<P> {
    /// The address that it leaves from, and that its answer comes to.
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub octets: Box<[u8]>,
    pub retry: Retry,
    pub purpose: P,
}

impl<P> PendingRequest<P> {
    /// True if it was sent to this host: only an answer from there counts.
    pub fn is_to_host(&self, host: IpAddr) -> bool {
        self.to.ip() == host
    }

    /// True if an answer that this peer sends to `local` can be for it.
    pub fn is_between(&self, peer: SocketAddr, local: SocketAddr) -> bool {
        self.is_to_host(peer.ip()) && self.from == local
    }
}

/// What becomes of a request whose answer did not come in time.
#[derive(Debug)]
pub(crate) enum Overdue<'a, P> {
    /// To be sent again now.
    SendAgain(&'a PendingRequest<P>),
    /// It was repeated often enough, and is removed.
    GivenUp(PendingRequest<P>),
}

/// Requests under way by requestSeqNum.
#[derive(Clone, Debug)]
pub(crate) struct PendingRequests<P> {
    requests: HashMap<u16, PendingRequest<P>>,
    last: u16,
    max: usize,
}

impl<P> PendingRequests<P> {
    /// No request yet; the first number is the one after `last`. [`Self::free_number`] gives none while `max` requests
    /// are under way: the rest of the numbers keeps one from being used again too soon.
    pub fn new(last: u16, max: usize) -> Self {
        Self {
            requests: HashMap::new(),
            last,
            max,
        }
    }

    /// The next requestSeqNum: 1 to 65,535. After so many it may be that of a request that was never answered.
    pub fn next_number(&mut self) -> u16 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.last
    }

    /// The next requestSeqNum that no request under way has; `None` if too many are.
    pub fn free_number(&mut self) -> Option<u16> {
        if self.is_full() {
            return None;
        }
        loop {
            let seq = self.next_number();
            if !self.requests.contains_key(&seq) {
                return Some(seq);
            }
        }
    }

    pub fn is_full(&self) -> bool {
        self.requests.len() >= self.max
    }

    pub fn len(&self) -> usize {
        self.requests.len()
    }

    pub fn get(&self, seq: u16) -> Option<&PendingRequest<P>> {
        self.requests.get(&seq)
    }

    pub fn get_mut(&mut self, seq: u16) -> Option<&mut PendingRequest<P>> {
        self.requests.get_mut(&seq)
    }

    pub fn insert(&mut self, seq: u16, request: PendingRequest<P>) {
        self.requests.insert(seq, request);
    }

    pub fn remove(&mut self, seq: u16) -> Option<PendingRequest<P>> {
        self.requests.remove(&seq)
    }

    /// All requests with their numbers, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &PendingRequest<P>)> {
        self.requests.iter().map(|(seq, request)| (*seq, request))
    }

    /// Decides on a request that is due. `None`: there is none of this number.
    pub fn expire(&mut self, seq: u16) -> Option<Overdue<'_, P>> {
        if self.requests.get_mut(&seq)?.retry.try_again() {
            return self.requests.get(&seq).map(Overdue::SendAgain);
        }
        self.requests.remove(&seq).map(Overdue::GivenUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;
    use crate::transaction::TimerQueue;

    fn request(purpose: char, left: u8) -> PendingRequest<char> {
        PendingRequest {
            from: SocketAddr::from(([192, 0, 2, 1], 1719)),
            to: SocketAddr::from(([192, 0, 2, 2], 1719)),
            octets: [purpose as u8].into(),
            retry: Retry::new(Duration::from_secs(3), left),
            purpose,
        }
    }

    /// When (s) requests are sent again, and given up (upper case), by an owner who answers none.
    fn sent(requests: &mut PendingRequests<char>) -> Vec<(u64, char)> {
        let (mut timers, mut log) = (TimerQueue::default(), Vec::new());
        for (seq, request) in requests.iter() {
            timers.set(seq, Time(0).after(request.retry.every));
        }
        while let Some(now) = timers.next_due() {
            let Some(seq) = timers.pop(now) else { break };
            let event = match requests.expire(seq) {
                Some(Overdue::SendAgain(request)) => {
                    timers.set(seq, now.after(request.retry.every));
                    request.octets[0] as char
                }
                Some(Overdue::GivenUp(request)) => request.purpose.to_ascii_uppercase(),
                None => '?',
            };
            log.push((now.0 / 1_000_000_000, event));
        }
        log
    }

    #[test]
    fn repeated_until_given_up() {
        let mut requests = PendingRequests::new(0, 10);
        for (purpose, left) in [('a', 2), ('b', 0)] {
            let seq = requests.next_number();
            requests.insert(seq, request(purpose, left));
        }
        assert_eq!(
            sent(&mut requests),
            [(3, 'a'), (3, 'B'), (6, 'a'), (9, 'A')]
        );
        assert_eq!(requests.len(), 0);
        assert!(requests.expire(1).is_none());
    }

    #[test]
    fn an_answered_request_is_not_repeated() {
        let mut requests = PendingRequests::new(7, 10);
        requests.insert(8, request('a', 2));
        let host = |n| IpAddr::from([192, 0, 2, n]);
        let fits = |n| requests.get(8).is_some_and(|one| one.is_to_host(host(n)));
        assert_eq!((fits(2), fits(3)), (true, false));
        assert!(requests.remove(8).is_some());
        assert_eq!(sent(&mut requests), []);
    }

    #[test]
    fn numbers_wrap_round_past_zero_and_past_those_in_use() {
        let mut requests = PendingRequests::new(65_533, 3);
        requests.insert(1, request('a', 0));
        requests.insert(65_535, request('b', 0));
        assert_eq!(requests.free_number(), Some(65_534));
        assert_eq!(requests.free_number(), Some(2));
        requests.insert(2, request('c', 0));
        assert!(requests.is_full());
        assert_eq!(requests.free_number(), None);
        assert_eq!(requests.next_number(), 3);
    }
}
