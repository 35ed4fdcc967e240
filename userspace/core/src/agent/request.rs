//! Requests under way: their numbers, their repetitions, and who may answer them.
//!
//! Invariants: a repetition has the octets of the first; an answer counts if it comes from whom was asked and has the
//! number of the request.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rasline_h225::RasKind;

use crate::Time;
use crate::transaction::Retry;

/// Where gatekeepers are looked for (H.225.0 Table 17). There is none of IPv6.
pub const MULTICAST: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(224, 0, 1, 41)), 1718);

/// Between repetitions of a GRQ.
pub(super) const GRQ: Retry = Retry::of(RasKind::GatekeeperRequest);
/// Of an RRQ.
pub(super) const RRQ: Retry = Retry::of(RasKind::RegistrationRequest);
/// Of a URQ.
pub(super) const URQ: Retry = Retry::of(RasKind::UnregistrationRequest);

/// A RIP may put an answer off this often.
const MOST_DELAYS: u8 = 10;
/// Requests given up whose late answers are still understood, at most.
const MOST_ABANDONED: usize = 32;
/// How long that is.
const LATE: Duration = Duration::from_secs(15);

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A GRQ, to find a gatekeeper.
    Discover,
    /// Full RRQ; `bare`: without endpointIdentifier.
    Register { bare: bool },
    /// Lightweight RRQ to the own gatekeeper.
    KeepAlive,
    /// RRQ to one of several after a loss; the lowest rank is the best.
    Ask { rank: usize, full: bool },
    /// A URQ, to end a registration.
    Leave,
}

impl Purpose {
    pub const fn is_registration(self) -> bool {
        matches!(
            self,
            Self::Register { .. } | Self::KeepAlive | Self::Ask { .. }
        )
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Request {
    pub purpose: Purpose,
    pub to: SocketAddr,
    pub seq: u16,
    pub due: Time,
    octets: Vec<u8>,
    retry: Retry,
    delays: u8,
}

/// An RRQ that was given up: who confirms it late may have a registration that nobody wants.
#[derive(Debug)]
struct Abandoned {
    to: SocketAddr,
    seq: u16,
    until: Time,
}

/// What becomes of a request whose answer did not come in time.
#[derive(Debug)]
pub(super) enum Expired {
    /// To be sent again.
    SendAgain { to: SocketAddr, payload: Vec<u8> },
    /// It was repeated often enough.
    GivenUp(Request),
}

/// All requests of an agent.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pub open: Vec<Request>,
    abandoned: Vec<Abandoned>,
}

impl Requests {
    /// Takes the request that this answers.
    pub fn answered(
        &mut self,
        from: SocketAddr,
        seq: u16,
        fits: impl Fn(Purpose) -> bool,
    ) -> Option<Request> {
        let at = self.position(from, seq, fits)?;
        Some(self.open.swap_remove(at))
    }

    fn position(
        &self,
        from: SocketAddr,
        seq: u16,
        fits: impl Fn(Purpose) -> bool,
    ) -> Option<usize> {
        self.open.iter().position(|request| {
            request.seq == seq
                && (request.to == from || request.to == MULTICAST)
                && fits(request.purpose)
        })
    }

    /// A RIP: the answer comes later. What was put off, and until when.
    pub fn put_off(
        &mut self,
        now: Time,
        from: SocketAddr,
        seq: u16,
        delay: Duration,
    ) -> Option<(Purpose, Time)> {
        let at = self.position(from, seq, |_| true)?;
        let request = &mut self.open[at];
        if request.delays < MOST_DELAYS {
            request.delays += 1;
            request.due = now.after(delay);
        }
        Some((request.purpose, request.due))
    }

    /// Gives up everything but URQs.
    pub fn abandon(&mut self, now: Time) {
        self.abandoned.retain(|one| one.until > now);
        let (kept, gone) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|request| request.purpose == Purpose::Leave);
        self.open = kept;
        for request in gone {
            let request: Request = request;
            self.forsake(now, &request);
        }
    }

    /// An RRQ that nobody waits for any more.
    fn forsake(&mut self, now: Time, request: &Request) {
        if request.purpose.is_registration() {
            if self.abandoned.len() == MOST_ABANDONED {
                self.abandoned.remove(0);
            }
            self.abandoned.push(Abandoned {
                to: request.to,
                seq: request.seq,
                until: now.after(LATE),
            });
        }
    }

    /// Whether this is the late answer to an RRQ that was given up.
    pub fn late(&mut self, now: Time, from: SocketAddr, seq: u16) -> bool {
        self.abandoned.retain(|one| one.until > now);
        let found = self.abandoned.iter();
        let at = found
            .enumerate()
            .find_map(|(at, one)| (one.to == from && one.seq == seq).then_some(at));
        at.map(|at| self.abandoned.swap_remove(at)).is_some()
    }

    /// Whether an answer with this number is expected from there, if only a late one.
    pub fn expect(&self, from: SocketAddr, seq: u16) -> bool {
        let mut late = self.abandoned.iter();
        self.position(from, seq, |_| true).is_some()
            || late.any(|one| one.to == from && one.seq == seq)
    }

    /// Whether somebody at this address may answer one, be it late.
    pub fn concern(&self, from: SocketAddr) -> bool {
        let mut open = self.open.iter().map(|request| request.to);
        let mut abandoned = self.abandoned.iter().map(|one| one.to);
        open.any(|to| to == from || to == MULTICAST) || abandoned.any(|to| to == from)
    }

    /// Asks that are under way.
    pub fn asks(&self) -> impl Iterator<Item = (usize, SocketAddr)> {
        self.open
            .iter()
            .filter_map(|request| match request.purpose {
                Purpose::Ask { rank, .. } => Some((rank, request.to)),
                _ => None,
            })
    }

    /// A request that has just been sent.
    pub fn insert(
        &mut self,
        now: Time,
        (to, seq, octets): (SocketAddr, u16, Vec<u8>),
        purpose: Purpose,
        retry: Retry,
    ) {
        self.open.push(Request {
            purpose,
            to,
            seq,
            due: now.after(retry.every),
            octets,
            retry,
            delays: 0,
        });
    }

    /// Decides on one request that is due. `None`: none is.
    pub fn expire_one(&mut self, now: Time) -> Option<Expired> {
        let mut open = self.open.iter();
        let at = open.position(|request| request.due <= now)?;
        let request = &mut self.open[at];
        if request.retry.try_again() {
            request.due = now.after(request.retry.every);
            return Some(Expired::SendAgain {
                to: request.to,
                payload: request.octets.clone(),
            });
        }
        let request = self.open.swap_remove(at);
        self.forsake(now, &request);
        Some(Expired::GivenUp(request))
    }

    /// True if a lightweight RRQ to the own gatekeeper is under way.
    pub fn is_asking_own(&self) -> bool {
        let mut open = self.open.iter();
        open.any(|request| request.purpose == Purpose::KeepAlive)
    }

    pub fn next_due(&self) -> Option<Time> {
        self.open.iter().map(|request| request.due).min()
    }
}
