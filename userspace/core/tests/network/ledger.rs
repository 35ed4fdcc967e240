//! What agents did, and what they must never do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::Time;
use rasline_core::agent::{AgentId, ConnectionId};

/// One agent sends at most so many messages within [`WINDOW`]: a move asks each of four gatekeepers three times, a full
/// registration after it as often, and whoever fails then rests; six more for what was under way before.
pub const MOST: usize = 2 * 4 * 3 + 6;
pub const WINDOW: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Default)]
pub struct Ledger {
    held: HashMap<AgentId, (ConnectionId, SocketAddr)>,
    sent: HashMap<AgentId, Vec<Time>>,
    /// All messages of agents, by the second.
    pub seconds: HashMap<u64, usize>,
    /// The most that one agent sent within a window.
    pub peak: usize,
    /// All that were sent.
    pub total: usize,
    /// Connections that were asked for.
    pub connects: usize,
}

impl Ledger {
    pub fn sent(&mut self, now: Time, agent: AgentId) {
        self.total += 1;
        *self.seconds.entry(now.0 / 1_000_000_000).or_default() += 1;
        let times = self.sent.entry(agent).or_default();
        times.push(now);
        times.retain(|at| now.since(*at) < WINDOW);
        self.peak = self.peak.max(times.len());
        assert!(
            times.len() <= MOST,
            "{agent:?} sent {} messages within {WINDOW:?} at {now:?}",
            times.len()
        );
    }

    /// Never two at once.
    pub fn connect(&mut self, now: Time, agent: AgentId, connection: ConnectionId, to: SocketAddr) {
        self.connects += 1;
        let before = self.held.insert(agent, (connection, to));
        assert_eq!(
            before, None,
            "{agent:?} wants another connection at {now:?}"
        );
    }

    pub fn closed(&mut self, agent: AgentId, connection: ConnectionId) {
        if self
            .held
            .get(&agent)
            .is_some_and(|(one, _)| *one == connection)
        {
            self.held.remove(&agent);
        }
    }

    /// Where its connection goes.
    pub fn peer(&self, agent: AgentId) -> Option<SocketAddr> {
        self.held.get(&agent).map(|(_, to)| *to)
    }

    /// Messages of all agents between two times, whole seconds.
    pub fn between(&self, from: Time, to: Time) -> usize {
        let seconds = from.0 / 1_000_000_000..to.0 / 1_000_000_000;
        seconds
            .map(|second| self.seconds.get(&second).copied().unwrap_or(0))
            .sum()
    }

    /// The most of them in one second between two times.
    pub fn busiest(&self, from: Time, to: Time) -> usize {
        let seconds = from.0 / 1_000_000_000..to.0 / 1_000_000_000;
        let all = seconds.map(|second| self.seconds.get(&second).copied().unwrap_or(0));
        all.max().unwrap_or(0)
    }
}
