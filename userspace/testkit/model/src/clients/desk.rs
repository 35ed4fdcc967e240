//! State of every client: sequence numbers, requests waiting for an answer, and a journal.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::{RasKind, RasMessage, header};

use super::Datagram;

/// A message that was sent or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Time of the message.
    pub at: Duration,
    /// Whether it was sent, used or ignored.
    pub way: Way,
    /// Destination or source.
    pub peer: SocketAddr,
    /// Kind; `None` if it is not a RAS message.
    pub kind: Option<RasKind>,
    /// requestSeqNum; 0 if there is none.
    pub seq: u16,
    /// The octets of the message.
    pub octets: Vec<u8>,
}

/// Direction and use of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Sent for the first time.
    Sent,
    /// Retransmitted with the same requestSeqNum.
    SentAgain,
    /// Received and processed.
    Used,
    /// Received and ignored, with the reason.
    Ignored(&'static str),
}

/// A request waiting for its answer.
#[derive(Clone, Debug)]
pub(super) struct Pending<G> {
    /// Purpose of the request.
    pub goal: G,
    /// Destination of the request.
    pub to: SocketAddr,
    /// The octets of the request.
    pub octets: Vec<u8>,
    seq: u16,
    left: u8,
    due: Duration,
}

/// Whether a message of this kind is an answer to a request of that kind.
#[must_use]
pub const fn answers(request: RasKind, answer: RasKind) -> bool {
    use RasKind as K;
    matches!(
        (request, answer),
        (
            K::GatekeeperRequest,
            K::GatekeeperConfirm | K::GatekeeperReject
        ) | (
            K::RegistrationRequest,
            K::RegistrationConfirm | K::RegistrationReject
        ) | (
            K::UnregistrationRequest,
            K::UnregistrationConfirm | K::UnregistrationReject
        ) | (
            K::AdmissionRequest,
            K::AdmissionConfirm | K::AdmissionReject
        ) | (
            K::BandwidthRequest,
            K::BandwidthConfirm | K::BandwidthReject
        ) | (
            K::DisengageRequest,
            K::DisengageConfirm | K::DisengageReject
        ) | (K::LocationRequest, K::LocationConfirm | K::LocationReject)
            | (K::ResourcesAvailableIndicate, K::ResourcesAvailableConfirm)
            | (
                K::InfoRequestResponse,
                K::InfoRequestAck | K::InfoRequestNak
            )
            | (K::ServiceControlIndication, K::ServiceControlResponse)
            | (_, K::RequestInProgress | K::UnknownMessageResponse)
    )
}

/// The state of a client, see the module. `G` is the purpose of a request.
#[derive(Clone, Debug)]
pub(super) struct Desk<G> {
    next_seq: u16,
    tries: u8,
    timeout: Duration,
    out: Vec<Datagram>,
    journal: Vec<Entry>,
    pending: Vec<Pending<G>>,
}

impl<G: Clone> Desk<G> {
    /// Requests are sent `tries` times, `timeout` apart.
    pub const fn new(first_seq: u16, tries: u8, timeout: Duration) -> Self {
        Self {
            next_seq: first_seq,
            tries,
            timeout,
            out: Vec::new(),
            journal: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// The next requestSeqNum; 0 is skipped.
    pub fn seq(&mut self) -> u16 {
        let seq = self.next_seq;
        self.next_seq = seq.checked_add(1).unwrap_or(1);
        seq
    }

    /// Sends a request that waits for its answer.
    pub fn ask(&mut self, now: Duration, goal: G, to: SocketAddr, octets: Vec<u8>) {
        self.send(now, Way::Sent, to, octets.clone());
        self.pending.push(Pending {
            goal,
            to,
            seq: header(&octets).map_or(0, |header| header.seq),
            octets,
            left: self.tries - 1,
            due: now + self.timeout,
        });
    }

    /// Sends a message that needs no answer.
    pub fn say(&mut self, now: Duration, to: SocketAddr, octets: Vec<u8>) {
        self.send(now, Way::Sent, to, octets);
    }

    /// The request that a message from this address answers. A message of another kind answers nothing.
    pub fn settle(&mut self, answer: &RasMessage, from: SocketAddr) -> Option<Pending<G>> {
        let at = self.waiting(answer.request_seq_num(), from)?;
        let request = header(&self.pending[at].octets)?.kind;
        answers(request, answer.kind()).then(|| self.pending.remove(at))
    }

    /// Extends the wait for an answer after a RIP. Returns whether a request is waiting.
    pub fn wait(&mut self, now: Duration, seq: u16, from: SocketAddr, delay: Duration) -> bool {
        let Some(at) = self.waiting(seq, from) else {
            return false;
        };
        self.pending[at].due = now + delay;
        true
    }

    /// Whether a request with this number is waiting for an answer from this address.
    pub fn expects(&self, seq: u16, from: SocketAddr) -> bool {
        self.waiting(seq, from).is_some()
    }

    /// Whether the purpose of the waiting request matches.
    pub fn waits_as(&self, seq: u16, from: SocketAddr, is: impl Fn(&G) -> bool) -> bool {
        self.waiting(seq, from)
            .is_some_and(|at| is(&self.pending[at].goal))
    }

    fn waiting(&self, seq: u16, from: SocketAddr) -> Option<usize> {
        self.pending
            .iter()
            .position(|one| one.seq == seq && one.to == from)
    }

    /// Retransmits due requests. Returns those that were sent often enough.
    pub fn overdue(&mut self, now: Duration) -> Vec<Pending<G>> {
        let (late, waiting): (Vec<_>, Vec<_>) =
            self.pending.drain(..).partition(|one| one.due <= now);
        self.pending = waiting;
        let mut given_up = Vec::new();
        for mut one in late {
            if one.left == 0 {
                given_up.push(one);
                continue;
            }
            one.left -= 1;
            one.due = now + self.timeout;
            self.send(now, Way::SentAgain, one.to, one.octets.clone());
            self.pending.push(one);
        }
        given_up
    }

    /// Drops all waiting requests.
    pub fn forget(&mut self) {
        self.pending.clear();
    }

    /// Time of the next retransmission or timeout.
    pub fn next_due(&self) -> Option<Duration> {
        self.pending.iter().map(|one| one.due).min()
    }

    fn send(&mut self, now: Duration, way: Way, to: SocketAddr, octets: Vec<u8>) {
        self.note(now, way, to, &octets);
        self.out.push(Datagram { to, octets });
    }

    /// Writes a message into the journal.
    pub fn note(&mut self, at: Duration, way: Way, peer: SocketAddr, octets: &[u8]) {
        let header = header(octets);
        self.journal.push(Entry {
            at,
            way,
            peer,
            kind: header.map(|header| header.kind),
            seq: header.map_or(0, |header| header.seq),
            octets: octets.to_vec(),
        });
    }

    /// Marks a journal entry as ignored.
    pub fn ignored(&mut self, at: usize, why: &'static str) {
        self.journal[at].way = Way::Ignored(why);
    }

    pub fn take(&mut self) -> Vec<Datagram> {
        std::mem::take(&mut self.out)
    }

    pub fn journal(&self) -> &[Entry] {
        &self.journal
    }
}
