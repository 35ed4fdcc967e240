//! The call-signalling connection to the gatekeeper.
//!
//! Invariant: there is one at most; before another one is opened, the one that is there is closed.

use std::net::SocketAddr;
use std::time::Duration;

use super::bearing::Bearing;
use super::registration::{Registration, STEADY};
use super::{AgentId, ConnectionId, Loss, Output, Signalling};
use crate::Time;
use crate::transaction::{Backoff, Dice};

/// State of the connection.
#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// There is none.
    #[default]
    Closed,
    /// It failed too often; the next try is at this time.
    Resting { until: Time },
    /// Asked for.
    Opening {
        connection: ConnectionId,
        to: SocketAddr,
    },
    /// It is there.
    Up {
        connection: ConnectionId,
        to: SocketAddr,
        since: Time,
    },
}

/// The connection of one agent, and how earlier ones ended.
#[derive(Debug, Default)]
pub(super) struct Link {
    state: State,
    /// Connections lost soon after they were made, or not made, in a row.
    failures: Backoff,
    /// Gatekeepers that close idle connections.
    bearing: Bearing,
    /// How long the connection was open that the gatekeeper closed in order; it is asked whether it lives.
    closed: Option<Duration>,
    /// Connections opened so far.
    opened: u32,
}

impl Link {
    /// Its peer, if it is there.
    pub const fn connected_to(&self) -> Option<SocketAddr> {
        match self.state {
            State::Up { to, .. } => Some(to),
            _ => None,
        }
    }

    /// When the rest after failures is over.
    pub const fn next_due(&self) -> Option<Time> {
        match self.state {
            State::Resting { until } => Some(until),
            _ => None,
        }
    }

    /// Opens a connection to the gatekeeper of the registration, unless it is there or none is kept to it, and closes
    /// any other.
    pub fn update(
        &mut self,
        agent: AgentId,
        signalling: Signalling,
        registration: Option<&Registration>,
        out: &mut Vec<Output>,
    ) {
        let wanted = registration.filter(|one| self.is_kept(signalling, one.gatekeeper));
        let to = wanted.map(|one| one.call_signal_address);
        let held = self.held().map(|(_, peer)| peer);
        if held.is_some() && held == to {
            return;
        }
        self.close(out);
        let Some(wanted) = wanted else {
            return;
        };
        self.opened = self.opened.wrapping_add(1);
        let connection = ConnectionId((u64::from(agent.0) << 32) | u64::from(self.opened));
        let to = wanted.call_signal_address;
        self.state = State::Opening { connection, to };
        out.push(Output::Connect {
            agent,
            connection,
            to,
            enquire: !self.bearing.is_suspect(wanted.gatekeeper),
        });
    }

    /// True if a connection to this gatekeeper is kept while there is no call.
    fn is_kept(&self, signalling: Signalling, gatekeeper: SocketAddr) -> bool {
        match signalling {
            Signalling::Auto => !self.bearing.refuses_idle(gatekeeper),
            Signalling::Hold => true,
            Signalling::PerCall | Signalling::Off => false,
        }
    }

    /// Closes it, if there is one.
    pub fn close(&mut self, out: &mut Vec<Output>) {
        if let Some((connection, _)) = self.held() {
            out.push(Output::Disconnect { connection });
        }
        self.state = State::Closed;
    }

    /// A connection was made. Returns its peer if it is a new one that is still wanted.
    pub fn handle_connected(
        &mut self,
        now: Time,
        made: ConnectionId,
        out: &mut Vec<Output>,
    ) -> Option<SocketAddr> {
        match self.state {
            State::Opening { connection, to } if connection == made => {
                self.state = State::Up {
                    connection,
                    to,
                    since: now,
                };
                return Some(to);
            }
            State::Up { connection, .. } if connection == made => {}
            // It was given up while it was made.
            _ => out.push(Output::Disconnect { connection: made }),
        }
        None
    }

    /// A connection could not be made, or was lost. Returns its peer, unless it was given up before.
    pub fn handle_lost(&mut self, now: Time, gone: ConnectionId, why: Loss) -> Option<SocketAddr> {
        let (_, to) = self.held().filter(|(connection, _)| *connection == gone)?;
        let open = match self.state {
            State::Up { since, .. } => Some(now.since(since)),
            _ => None,
        };
        self.closed = open.filter(|_| why == Loss::Closed);
        if open.is_some_and(|open| open >= STEADY) {
            self.failures.reset();
        }
        self.state = State::Closed;
        Some(to)
    }

    /// Rests if connections were lost too often of late. The first `free` losses need no rest. Returns true if it rests.
    pub fn rest(&mut self, now: Time, dice: &mut Dice, free: u32) -> bool {
        let rest = self.failures.next_pause(dice, free);
        if !rest.is_zero() {
            let until = now.after(rest);
            self.state = State::Resting { until };
        }
        !rest.is_zero()
    }

    /// Ends a rest whose time is over. Returns true if one ended.
    pub fn expire(&mut self, now: Time) -> bool {
        let is_over = self.next_due().is_some_and(|until| until <= now);
        if is_over {
            self.state = State::Closed;
        }
        is_over
    }

    /// True if the gatekeeper closed the last connection in order, and may live.
    pub const fn is_closed_in_order(&self) -> bool {
        self.closed.is_some()
    }

    /// Takes how long the connection was open that the gatekeeper closed in order.
    pub const fn take_closed(&mut self) -> Option<Duration> {
        self.closed.take()
    }

    /// The gatekeeper lives, though it closed a connection that was open this long. Returns true if that has become a
    /// habit just now.
    pub fn count_close(&mut self, gatekeeper: SocketAddr, open: Duration) -> bool {
        self.bearing.closed(gatekeeper, open)
    }

    /// Forgets which gatekeepers close idle connections.
    pub fn forget_closes(&mut self) {
        self.bearing = Bearing::default();
    }

    const fn held(&self) -> Option<(ConnectionId, SocketAddr)> {
        match self.state {
            State::Opening { connection, to } | State::Up { connection, to, .. } => {
                Some((connection, to))
            }
            State::Closed | State::Resting { .. } => None,
        }
    }
}
