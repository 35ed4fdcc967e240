//! Connections whose gatekeeper is gone and whose endpoint says nothing: the program resets a connection at the endpoint's
//! next segment, so the endpoint is asked for one.
//!
//! A segment that fits nothing that was sent is answered with an acknowledgement (RFC 9293, 3.10.7.4; RFC 5961, 5). It is
//! sent in the gatekeeper's name, changes nothing of the connection, and its answer meets the program, which resets the
//! connection if it is lost for certain. An endpoint that has no such connection any more answers with RST.
//!
//! Invariant: at most `AT_ONCE` segments at each look, `ROUNDS` in all for each connection.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    net::SocketAddr,
    time::Duration,
};

use rasline_core::Time;
use rasline_kernel::{Connection, Dataplane};

use super::raw::{self, RawSockets, TCP};
use crate::host::{self, monotonic_ns};

/// Segments at each look (50 ms): 500 in a second, so that not all endpoints connect again in the same moment.
const AT_ONCE: usize = 25;
/// How often an endpoint is asked: question, answer and reset may be lost.
const ROUNDS: usize = 3;
/// Between two questions to an endpoint; they are answered twice in a second at most (RFC 5961, 7).
const AGAIN: Duration = Duration::from_secs(1);
/// Looking for connections takes one part in so many of the time at most.
const SELDOM: u64 = 20;
const ACK: u8 = 16;

/// Connections to gatekeepers that are gone.
#[derive(Debug, Default)]
pub struct LostCalls {
    /// The gatekeepers, as of the last look.
    gone: BTreeSet<u32>,
    /// Those of them whose connections were not looked for yet.
    unsearched: BTreeSet<u32>,
    /// They are not looked for before.
    search_at: u64,
    /// Those whose endpoints are to be asked, by round, each with when; in this order.
    waiting: [VecDeque<(Time, Connection)>; ROUNDS],
    sockets: RawSockets,
}

impl LostCalls {
    /// These gatekeepers are gone now. Gives those whose connections are to be looked for.
    fn set_gone(&mut self, now: Time, gone: BTreeSet<u32>) -> Option<BTreeSet<u32>> {
        self.unsearched.extend(gone.difference(&self.gone));
        self.unsearched
            .retain(|gatekeeper| gone.contains(gatekeeper));
        self.gone = gone;
        let due = !self.unsearched.is_empty() && now.0 >= self.search_at;
        due.then(|| std::mem::take(&mut self.unsearched))
    }

    /// Their connections.
    fn add(&mut self, now: Time, connections: Vec<Connection>) {
        let first = connections.into_iter().map(|connection| (now, connection));
        self.waiting[0].extend(first);
    }

    /// The connections whose endpoints are to be asked now. `is_open`: whether it still is one.
    fn due(&mut self, now: Time, is_open: impl Fn(&Connection) -> bool) -> Vec<Connection> {
        let mut due = Vec::new();
        for round in 0..ROUNDS {
            while due.len() < AT_ONCE
                && let Some((at, connection)) = self.waiting[round].front().copied()
                && at <= now
            {
                self.waiting[round].pop_front();
                if !self.gone.contains(&connection.gatekeeper) || !is_open(&connection) {
                    continue;
                }
                due.push(connection);
                if let Some(next) = self.waiting.get_mut(round + 1) {
                    next.push_back((now.after(AGAIN), connection));
                }
            }
        }
        due
    }
}

impl LostCalls {
    /// Asks endpoints for a segment whose connections to these gatekeepers are lost.
    pub fn hang_up(&mut self, dataplane: &Dataplane, gone: BTreeSet<u32>) {
        let now_ns = monotonic_ns();
        if let Some(wanted) = self.set_gone(Time(now_ns), gone) {
            match dataplane.flows.connections_of(&wanted) {
                Ok(connections) => self.add(Time(now_ns), connections),
                Err(e) => tracing::warn!("{e}"),
            }
            let took = monotonic_ns().saturating_sub(now_ns);
            self.search_at = now_ns + SELDOM * took;
        }
        for connection in self.due(Time(now_ns), |c| dataplane.flows.is_connected(c)) {
            let (from, to) = (connection.peer, connection.endpoint);
            let sent = packet(from, to).and_then(|packet| self.sockets.send(to, &packet));
            if let Err(e) = sent {
                tracing::debug!("TCP to {to} as {from}: not sent: {e}");
            }
        }
    }
}

/// An acknowledgement with random numbers: that they fit a connection by chance is one in thousands of millions.
fn packet(from: SocketAddr, to: SocketAddr) -> io::Result<Vec<u8>> {
    let mut segment = vec![0; 20];
    host::random(&mut segment[4..12])?;
    segment[..2].copy_from_slice(&from.port().to_be_bytes());
    segment[2..4].copy_from_slice(&to.port().to_be_bytes());
    // Header of five words; window 0.
    segment[12] = 0x50;
    segment[13] = ACK;
    let way = (from.ip(), to.ip());
    let segment = raw::checksummed(way, TCP, segment).ok_or(io::ErrorKind::InvalidInput)?;
    raw::packet(way, TCP, None, &segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn connection(gatekeeper: u32, port: u16) -> Connection {
        Connection {
            gatekeeper,
            endpoint: ([10, 0, 0, 1], port).into(),
            peer: ([10, 1, 0, 1], 1720).into(),
        }
    }

    fn with(count: u16) -> LostCalls {
        let mut lost = LostCalls::default();
        let wanted = lost.set_gone(Time(S), BTreeSet::from([1]));
        assert_eq!(wanted, Some(BTreeSet::from([1])));
        lost.add(Time(S), (0..count).map(|n| connection(1, n)).collect());
        lost
    }

    #[test]
    fn each_endpoint_is_asked_three_times() {
        let mut lost = with(1);
        for (now, asked) in [(1, 1), (1, 0), (2, 1), (3, 1), (4, 0), (60, 0)] {
            let due = lost.due(Time(now * S), |_| true);
            assert_eq!(due.len(), asked, "at {now} s");
        }
    }

    #[test]
    fn some_are_asked_at_each_look() {
        let mut lost = with(60);
        let counts: Vec<usize> = (0..4).map(|_| lost.due(Time(S), |_| true).len()).collect();
        assert_eq!(counts, [25, 25, 10, 0]);
    }

    #[test]
    fn what_is_closed_or_whose_gatekeeper_is_back_is_left_alone() {
        let mut lost = with(2);
        let due = lost.due(Time(S), |c| c.endpoint.port() == 1);
        assert_eq!(due, [connection(1, 1)]);
        assert_eq!(lost.set_gone(Time(2 * S), BTreeSet::new()), None);
        assert_eq!(lost.due(Time(2 * S), |_| true), []);
    }

    #[test]
    fn connections_are_looked_for_once_and_not_too_often() {
        let mut lost = with(0);
        lost.search_at = 5 * S;
        let gone = |all: &[u32]| all.iter().copied().collect::<BTreeSet<u32>>();
        assert_eq!(lost.set_gone(Time(2 * S), gone(&[1])), None);
        assert_eq!(lost.set_gone(Time(3 * S), gone(&[1, 2, 3])), None);
        assert_eq!(lost.set_gone(Time(5 * S), gone(&[1, 2])), Some(gone(&[2])));
        assert_eq!(lost.set_gone(Time(6 * S), gone(&[1, 2])), None);
    }
}
