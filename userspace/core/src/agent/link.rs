//! The call-signalling connection to the gatekeeper.
//!
//! Invariant: there is one at most; before another one is opened, the one that is there is closed.

use std::net::SocketAddr;

use super::agent::{Agent, STEADY, State, Step};
use super::{ConnectionId, EventKind, Loss, Output, Signalling};
use crate::Time;

/// Where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Link {
    /// There is none.
    Closed,
    /// It failed too often; another try then.
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

impl Link {
    pub const fn up_since(&self) -> Option<Time> {
        match self {
            Self::Up { since, .. } => Some(*since),
            _ => None,
        }
    }

    /// Its peer, if it is there.
    pub const fn connected_to(&self) -> Option<SocketAddr> {
        match self {
            Self::Up { to, .. } => Some(*to),
            _ => None,
        }
    }

    const fn held(&self) -> Option<(ConnectionId, SocketAddr)> {
        match self {
            Self::Opening { connection, to } | Self::Up { connection, to, .. } => {
                Some((*connection, *to))
            }
            Self::Closed | Self::Resting { .. } => None,
        }
    }
}

impl Agent {
    /// A connection to the gatekeeper of the registration, and to no other.
    pub(super) fn connect(&mut self, step: &mut Step<'_>) {
        let to = self.registration.as_ref();
        let to = to
            .filter(|held| self.keeps_connection(held.gatekeeper))
            .map(|held| held.call_signal_address);
        let gatekeeper = self.registration.as_ref().map(|held| held.gatekeeper);
        let enquire = !gatekeeper.is_some_and(|one| self.bearing.is_suspect(one));
        let held = self.link.held().map(|(_, peer)| peer);
        if held.is_some() && held == to {
            return;
        }
        self.close(step);
        let Some(to) = to else {
            return;
        };
        self.connections = self.connections.wrapping_add(1);
        let agent = self.config.id;
        let connection = ConnectionId((u64::from(agent.0) << 32) | u64::from(self.connections));
        self.link = Link::Opening { connection, to };
        step.out.push(Output::Connect {
            agent,
            connection,
            to,
            enquire,
        });
    }

    /// Whether a connection to this gatekeeper is kept while there is no call.
    fn keeps_connection(&self, gatekeeper: SocketAddr) -> bool {
        match self.config.signalling {
            Signalling::Auto => !self.bearing.refuses_idle(gatekeeper),
            Signalling::Hold => true,
            Signalling::PerCall | Signalling::Off => false,
        }
    }

    /// Closes it, if there is one.
    pub(super) fn close(&mut self, step: &mut Step<'_>) {
        if let Some((connection, _)) = self.link.held() {
            step.out.push(Output::Disconnect { connection });
        }
        self.link = Link::Closed;
    }

    /// It was made.
    pub(super) fn connected(&mut self, step: &mut Step<'_>, made: ConnectionId) {
        match self.link {
            Link::Opening { connection, to } if connection == made => {
                self.link = Link::Up {
                    connection,
                    to,
                    since: step.now,
                };
                self.tell(step, EventKind::Connected { gatekeeper: to });
            }
            Link::Up { connection, .. } if connection == made => {}
            // It was given up while it was made.
            _ => step.out.push(Output::Disconnect { connection: made }),
        }
    }

    /// It could not be made, or was lost.
    pub(super) fn lost(&mut self, step: &mut Step<'_>, gone: ConnectionId, why: Loss) {
        let Some((connection, to)) = self.link.held() else {
            return;
        };
        if connection != gone {
            return;
        }
        let since = self.link.up_since();
        self.closed = since
            .filter(|_| why == Loss::Closed)
            .map(|since| step.now.since(since));
        if since.is_some_and(|since| step.now.since(since) >= STEADY) {
            self.drops.reset();
        }
        self.link = Link::Closed;
        self.sums.losses += 1;
        let gatekeeper = to;
        self.tell(step, EventKind::SignallingLost { gatekeeper, why });
        if !matches!(self.state, State::Registered { .. }) {
            self.closed = None;
            return;
        }
        let free = u32::try_from(self.candidates().len()).unwrap_or(u32::MAX);
        let rest = self.drops.next_pause(&mut self.dice, free.max(2));
        if rest.is_zero() {
            self.ask_after_loss(step);
        } else {
            let until = step.now.after(rest);
            self.link = Link::Resting { until };
        }
    }

    /// The rest after failures is over.
    pub(super) fn link_due(&mut self, step: &mut Step<'_>) -> bool {
        match self.link {
            Link::Resting { until } if until <= step.now => {
                self.link = Link::Closed;
                if matches!(self.state, State::Registered { .. }) {
                    self.ask_after_loss(step);
                }
                true
            }
            _ => false,
        }
    }

    /// Who closed the connection in order may live; of any other loss it is asked last.
    fn ask_after_loss(&mut self, step: &mut Step<'_>) {
        if self.closed.is_some() {
            self.ask_own_first(step);
        } else {
            self.ask_others(step, Vec::new());
        }
    }
}
