//! Agents in the daemon: their sockets and connections, on a thread of their own, so that nothing that the controller
//! does otherwise delays them. What they do is decided by `rasline_core::agent`; here are the sockets and the clock.
//!
//! ```text
//! controller --orders--> thread: machine, UDP socket of each agent, TCP connection of each agent
//!            <-reports--                                    board: how they stand, read by the controller
//! ```
//! Invariants: all channels are bounded, and the thread never waits for the controller: an event that finds no room is
//! left out and counted, what is to be remembered waits, the latest of each agent.

mod board;
mod connection;
mod run;
mod sockets;

use std::{
    collections::BTreeMap,
    sync::mpsc as std_mpsc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rasline_core::agent::{AgentId, Event, Remembered};
use tokio::sync::mpsc;

use crate::{
    config,
    failure::{Failure, Result},
    host,
    suggest::did_you_mean,
};

pub use board::{Figures, Shown};

use board::Board;

/// Orders that wait for the thread at most.
const MAX_ORDERS: usize = 64;
/// Reports that wait for the controller at most.
const MAX_REPORTS: usize = 1024;
/// How long gatekeepers have to confirm that the agents leave.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// What the controller hears.
#[derive(Clone, Debug)]
pub enum Report {
    /// Something happened.
    Event(Event),
    /// To be kept over a restart, in place of what was kept of this agent.
    Remember(Remembered),
}

/// Orders to the thread.
enum Order {
    /// All agents there are to be.
    Configure {
        agents: Vec<(AgentId, config::Agent)>,
        remembered: Vec<Remembered>,
    },
    /// One is to register in full.
    Reregister(AgentId),
    /// The thread is to end; agents leave their gatekeepers first, if they are to.
    Stop {
        leave: bool,
        done: std_mpsc::Sender<()>,
    },
}

/// The thread, as the controller has it. Dropped without [`Agents::stop`] it ends at once, and says nothing to
/// gatekeepers.
#[derive(Debug)]
pub struct Agents {
    orders: mpsc::Sender<Order>,
    board: Board,
    ids: BTreeMap<String, AgentId>,
    next: u32,
}

impl Agents {
    /// Starts the thread; there are no agents yet.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start() -> Result<(Self, mpsc::Receiver<Report>)> {
        let failed = |e: std::io::Error| Failure::plain("agents", e);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let (orders, received) = mpsc::channel(MAX_ORDERS);
        let (reports, reported) = mpsc::channel(MAX_REPORTS);
        let board = Board::default();
        let shown = board.clone();
        std::thread::Builder::new()
            .name("agents".to_owned())
            .spawn(move || {
                if let Err(e) = host::realtime() {
                    tracing::debug!("agents run at ordinary priority: {e}");
                }
                runtime.block_on(run::run(received, reports, shown));
            })
            .map_err(failed)?;
        let agents = Self {
            orders,
            board,
            ids: BTreeMap::new(),
            next: 0,
        };
        Ok((agents, reported))
    }

    /// These agents, and no others; what was remembered is for those that are new. An agent is known by its name.
    ///
    /// # Errors
    /// When the thread has ended or does not take orders.
    pub fn set(&mut self, all: &[config::Agent], remembered: Vec<Remembered>) -> Result<()> {
        let mut ids = BTreeMap::new();
        let mut agents = Vec::new();
        for agent in all {
            let id = self.ids.get(&agent.name).copied().unwrap_or_else(|| {
                self.next += 1;
                AgentId(self.next)
            });
            ids.insert(agent.name.clone(), id);
            agents.push((id, agent.clone()));
        }
        self.order(Order::Configure { agents, remembered })?;
        self.ids = ids;
        Ok(())
    }

    /// Makes an agent register in full, now.
    ///
    /// # Errors
    /// When no such agent, or it has no socket to do so.
    pub fn reregister(&self, name: &str) -> Result<()> {
        let names = self.ids.keys().map(String::as_str);
        let id = self.ids.get(name).ok_or_else(|| unknown(name, names))?;
        let shown = self.shown().into_iter().find(|one| one.view.name == name);
        if let Some(shown) = shown.filter(|one| !one.trouble.is_empty()) {
            return Err(Failure::new(
                format!("agent {name}"),
                shown.trouble,
                "once it has its socket it registers by itself",
            ));
        }
        self.order(Order::Reregister(*id))
    }

    /// How all of them stand, by name.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        self.board.read()
    }

    /// Ends the thread. To leave is to unregister, for which gatekeepers have a second; else they keep the
    /// registrations until timeToLive runs out, and the next start goes on with them.
    pub fn stop(&mut self, leave: bool) {
        let (done, ended) = std_mpsc::channel();
        if self.order(Order::Stop { leave, done }).is_ok() {
            // Whatever comes, it is over.
            let _ = ended.recv_timeout(LEAVE_WITHIN * 2);
        }
    }

    fn order(&self, order: Order) -> Result<()> {
        self.orders
            .try_send(order)
            .map_err(|e| Failure::new("agents", e, "try again, or restart the controller"))
    }
}

/// There is no agent of this name; one of these may be meant.
pub fn unknown<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Failure {
    let close = did_you_mean(name, names);
    Failure::new(
        format!("agent {name}"),
        "no such agent",
        format!("{close}see `rasline agent list`"),
    )
}

/// UNIX time in seconds when CLOCK_MONOTONIC was 0.
fn unix_at_zero() -> i64 {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let zero = unix.saturating_sub(Duration::from_nanos(host::monotonic_ns()));
    zero.as_secs().cast_signed()
}

#[cfg(test)]
mod tests {
    use std::{net::UdpSocket, time::Instant};

    use rasline_core::agent::{Answers, Device, Discovery, Kind, Signalling, Strategy};

    use super::*;

    pub(super) fn agent(ras_address: std::net::SocketAddr) -> config::Agent {
        let second = Duration::from_secs(1);
        config::Agent {
            name: "gw".into(),
            ras_address,
            call_signal_address: ras_address,
            kind: Kind::Terminal,
            gatekeepers: vec![([127, 0, 0, 1], 9).into()],
            discovery: Discovery::Off,
            alternates: Strategy::InOrder,
            time_to_live: 60 * second,
            t1: second,
            signalling: Signalling::Off,
            allowed_alternates: None,
            status_enquiry: None,
            silence: second,
            credentials: None,
            answers: Answers::Any,
            devices: vec![Device {
                aliases: vec!["gw".into()],
                prefixes: Vec::new(),
            }],
        }
    }

    #[test]
    fn who_has_no_socket_is_not_said_to_register() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut agents, _reports) = Agents::start().unwrap();
        agents
            .set(&[agent(taken.local_addr().unwrap())], Vec::new())
            .unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while agents.shown().iter().all(|one| one.trouble.is_empty()) {
            assert!(Instant::now() < end, "{:?}", agents.shown());
            std::thread::yield_now();
        }
        let refused = agents.reregister("gw").unwrap_err().to_string();
        assert!(refused.contains("RAS socket 127.0.0.1"), "{refused}");
        drop(taken);
        while agents.reregister("gw").is_err() {
            assert!(Instant::now() < end, "{:?}", agents.shown());
            std::thread::yield_now();
        }
        let refused = agents.reregister("nobody").unwrap_err().to_string();
        assert!(refused.contains("no such agent"), "{refused}");
        agents.stop(false);
    }
}
