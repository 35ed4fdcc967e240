//! What every client keeps: its sequence numbers, requests that wait for an answer, and a journal.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::{RasKind, RasMessage, header};

use super::Datagram;

/// One message that was sent or heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Duration,
    /// Sent, used or ignored.
    pub way: Way,
    /// To whom or from whom.
    pub peer: SocketAddr,
    /// Its kind; `None`: not a RAS message.
    pub kind: Option<RasKind>,
    /// requestSeqNum; 0 if there is none.
    pub seq: u16,
    /// The message.
    pub octets: Vec<u8>,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Sent for the first time.
    Sent,
    /// Sent once more, requestSeqNum and all.
    SentAgain,
    /// Heard and acted upon.
    Used,
    /// Heard and ignored.
    Ignored(&'static str),
}

/// A request that waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct Pending<G> {
    /// What it is for.
    pub goal: G,
    /// Whom it was sent to.
    pub to: SocketAddr,
    /// The request.
    pub octets: Vec<u8>,
    seq: u16,
    left: u8,
    due: Duration,
}

/// Whether a message of this kind is an answer to a request of that kind.
pub(crate) const fn answers(request: RasKind, answer: RasKind) -> bool {
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

/// See the module. `G` is what a client wants by a request.
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

    /// A requestSeqNum; 0 is none.
    pub fn seq(&mut self) -> u16 {
        let seq = self.next_seq;
        self.next_seq = seq.checked_add(1).unwrap_or(1);
        seq
    }

    /// Sends a request and waits for what settles it.
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

    /// Sends something that needs no answer.
    pub fn say(&mut self, now: Duration, to: SocketAddr, octets: Vec<u8>) {
        self.send(now, Way::Sent, to, octets);
    }

    /// What this message of that address answers. A message of another kind settles nothing.
    pub fn settle(&mut self, answer: &RasMessage, from: SocketAddr) -> Option<Pending<G>> {
        let at = self.waiting(answer.request_seq_num(), from)?;
        let request = header(&self.pending[at].octets)?.kind;
        answers(request, answer.kind()).then(|| self.pending.remove(at))
    }

    /// RIP: the answer takes this much longer. Whether something waits for it.
    pub fn wait(&mut self, now: Duration, seq: u16, from: SocketAddr, delay: Duration) -> bool {
        let Some(at) = self.waiting(seq, from) else {
            return false;
        };
        self.pending[at].due = now + delay;
        true
    }

    /// Whether something waits for this number from that address.
    pub fn expects(&self, seq: u16, from: SocketAddr) -> bool {
        self.waiting(seq, from).is_some()
    }

    /// Whether what waits for it is for such a goal.
    pub fn waits_as(&self, seq: u16, from: SocketAddr, is: impl Fn(&G) -> bool) -> bool {
        self.waiting(seq, from)
            .is_some_and(|at| is(&self.pending[at].goal))
    }

    fn waiting(&self, seq: u16, from: SocketAddr) -> Option<usize> {
        self.pending
            .iter()
            .position(|one| one.seq == seq && one.to == from)
    }

    /// Sends again what is due; gives back what was sent often enough.
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

    /// Waits for nothing any more.
    pub fn forget(&mut self) {
        self.pending.clear();
    }

    /// When [`Self::overdue`] has something.
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

    /// What the journal has at this place was not used after all.
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
