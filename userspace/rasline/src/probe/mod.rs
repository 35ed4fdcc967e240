//! Active probes: is each gatekeeper alive? One task a gatekeeper, on a thread of their own, so that nothing that the
//! controller does otherwise delays them. The judgement is `rasline_core::health`'s; here are the sockets and the clock.
//!
//! Invariants: the channel to the supervisor is bounded; an answer that finds it full is left out (the next says as
//! much), a change of state waits for room.

mod message;
mod task;
mod way;

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rasline_core::{
    Time,
    health::{Change, Evidence, Settings, State},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    config::RasProbe,
    failure::{Failure, Result},
    host,
};

/// Reports that wait for the supervisor at most.
const MAX_WAITING: usize = 1024;
/// An answer is reported at most this often, a gatekeeper.
const ANSWER_EVERY: Duration = Duration::from_millis(10);

/// A gatekeeper to be probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its index.
    pub gatekeeper: u32,
    /// RAS address.
    pub ras: SocketAddr,
    /// Call-signalling address.
    pub call: SocketAddr,
    /// What it is asked.
    pub probe: RasProbe,
    /// Thresholds.
    pub settings: Settings,
}

/// What the supervisor hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A gatekeeper answered.
    Answered {
        /// Its index.
        gatekeeper: u32,
        /// When.
        at: Time,
    },
    /// What is thought of a gatekeeper changed.
    Changed {
        /// Its index.
        gatekeeper: u32,
        /// How, and why.
        change: Change,
    },
    /// The way to a gatekeeper is cut on this machine, or is not any longer.
    CutOff {
        /// Its index.
        gatekeeper: u32,
        /// Why; none: it is not.
        why: Option<String>,
    },
}

/// What can be seen of a gatekeeper's probes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What is thought of it.
    pub state: State,
    /// What that rests on.
    pub evidence: Evidence,
    /// Probes sent.
    pub sent: u64,
    /// Probes answered.
    pub answered: u64,
    /// ifindex of the interface that led there while it answered; 0: none is known.
    pub via: u32,
    /// Timers that fired too late to be evidence.
    pub late: u64,
}

type Board = Arc<Mutex<HashMap<u32, Seen>>>;

/// The thread and its tasks.
pub struct Probes {
    runtime: Handle,
    tasks: BTreeMap<u32, (Target, JoinHandle<()>)>,
    board: Board,
    reports: mpsc::Sender<Report>,
    /// Dropped with this: the thread ends.
    _running: oneshot::Sender<()>,
}

impl Probes {
    /// Starts the thread; nothing is probed yet.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start() -> Result<(Self, mpsc::Receiver<Report>)> {
        let failed = |e: std::io::Error| Failure::plain("probes", e);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("probes".to_owned())
            .spawn(move || {
                if let Err(e) = host::realtime() {
                    tracing::debug!("probes run at ordinary priority: {e}");
                }
                // It ends when the sender is dropped.
                let _ = runtime.block_on(ended);
            })
            .map_err(failed)?;
        let (reports, received) = mpsc::channel(MAX_WAITING);
        let probes = Self {
            runtime: handle,
            tasks: BTreeMap::new(),
            board: Board::default(),
            reports,
            _running: running,
        };
        Ok((probes, received))
    }

    /// Probes these gatekeepers, and no others. Those that stay the same go on undisturbed; the others that were probed
    /// are given back: what was thought of them is void.
    pub fn set(&mut self, targets: Vec<Target>) -> Vec<u32> {
        let wanted: BTreeMap<u32, Target> =
            targets.into_iter().map(|t| (t.gatekeeper, t)).collect();
        let board = self.board.clone();
        let mut ended = Vec::new();
        self.tasks.retain(|gatekeeper, (target, task)| {
            let same = wanted.get(gatekeeper) == Some(target);
            if !same {
                task.abort();
                lock(&board).remove(gatekeeper);
                ended.push(*gatekeeper);
            }
            same
        });
        for (gatekeeper, target) in wanted {
            if self.tasks.contains_key(&gatekeeper) {
                continue;
            }
            let task = task::run(target.clone(), self.board.clone(), self.reports.clone());
            let task = self.runtime.spawn(task);
            self.tasks.insert(gatekeeper, (target, task));
        }
        ended
    }

    /// What is seen of a gatekeeper; none: it is not probed.
    #[must_use]
    pub fn seen(&self, gatekeeper: u32) -> Option<Seen> {
        lock(&self.board).get(&gatekeeper).copied()
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        for (_, task) in self.tasks.values() {
            task.abort();
        }
    }
}

fn lock(board: &Board) -> std::sync::MutexGuard<'_, HashMap<u32, Seen>> {
    // What is on it is plain numbers: as good after a panic elsewhere.
    board.lock().unwrap_or_else(PoisonError::into_inner)
}
