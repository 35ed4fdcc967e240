//! Active probes: is each gatekeeper alive? One task a gatekeeper, on a thread of their own, so that nothing that the
//! controller does otherwise delays them. The judgement is `rasline_core::health`'s; here are the sockets and the clock.
//!
//! What the data path sees of a gatekeeper's answers to endpoints is looked at before each timer: it counts before any
//! verdict.
//!
//! Invariants: the channel to the controller is bounded; an answer that finds it full is left out (the next says as
//! much), a change of state waits for room.

mod message;
mod side;
mod task;
mod way;

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rasline_core::{
    Time,
    health::{Answers, Change, Evidence, Settings, State, TcpProbe, Traffic},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    config::RasProbe,
    failure::{Failure, Result},
    host::{self, pressure::Pressure},
};

/// Reports that wait for the controller at most.
const MAX_WAITING: usize = 1024;
/// An answer is reported at most this often, a gatekeeper.
const ANSWER_EVERY: Duration = Duration::from_millis(10);
/// How often it is asked how busy the machine is.
const PRESSURE_EVERY: Duration = Duration::from_secs(1);
/// A machine that was busy counts as busy for this many times that.
const BUSY_FOR: u32 = 5;

/// A gatekeeper to be probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of the gatekeeper.
    pub gatekeeper: u32,
    /// Address of the gatekeeper's RAS.
    pub ras: SocketAddr,
    /// Address of the gatekeeper's call signalling.
    pub call: SocketAddr,
    /// What it is asked.
    pub probe: RasProbe,
    /// Intervals and thresholds of the probes.
    pub settings: Settings,
    /// Interfaces that only endpoints are behind: no answer comes from there.
    pub endpoints: Vec<String>,
}

impl Target {
    /// Whether it is asked anything.
    #[must_use]
    pub fn is_probed(&self) -> bool {
        self.settings.ras || self.settings.tcp == TcpProbe::Required
    }
}

/// What the data path sees of a gatekeeper, by index; to be called in any thread.
pub type Look = Arc<dyn Fn(u32) -> Traffic + Send + Sync>;

/// What the controller hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A gatekeeper answered.
    Answered {
        /// Index of the gatekeeper.
        gatekeeper: u32,
        /// When.
        at: Time,
    },
    /// What is thought of a gatekeeper changed.
    Changed {
        /// Index of the gatekeeper.
        gatekeeper: u32,
        /// How, and why.
        change: Change,
    },
    /// The way to a gatekeeper is cut on this machine, or is not any longer.
    CutOff {
        /// Index of the gatekeeper.
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
    /// Number of probes sent.
    pub sent: u64,
    /// Number of probes answered.
    pub answered: u64,
    /// ifindex of the interface that led there while it answered; 0: none is known.
    pub via: u32,
    /// Timers that fired too late to be evidence.
    pub late: u64,
    /// Whether it is asked anything; else its traffic is all that is known.
    pub probed: bool,
    /// The address that answers in place of the one that is asked.
    pub answers_from: Option<SocketAddr>,
    /// Answers that came from the endpoints' side, which are none.
    pub strangers: u64,
}

/// When a gatekeeper answered the controller itself, by index: a proxy's requests do not meet the data path.
type Heard = Arc<Mutex<HashMap<u32, Time>>>;

type Board = Arc<Mutex<HashMap<u32, Seen>>>;

/// The thread and its tasks.
pub struct Probes {
    runtime: Handle,
    tasks: BTreeMap<u32, (Target, JoinHandle<()>)>,
    board: Board,
    reports: mpsc::Sender<Report>,
    look: Look,
    heard: Heard,
    busy: Arc<AtomicBool>,
    /// Dropped with this: the thread ends.
    _running: oneshot::Sender<()>,
}

impl Probes {
    /// Starts the thread; nothing is probed yet.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(look: Look) -> Result<(Self, mpsc::Receiver<Report>)> {
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
        let heard = Heard::default();
        let probes = Self {
            runtime: handle,
            tasks: BTreeMap::new(),
            board: Board::default(),
            reports,
            look: with_heard(look, heard.clone()),
            heard,
            busy: Arc::default(),
            _running: running,
        };
        probes.runtime.spawn(watch_pressure(probes.busy.clone()));
        Ok((probes, received))
    }

    /// Probes these gatekeepers, and no others. Those that stay the same go on undisturbed; the others that were probed
    /// are given back: what was thought of them is void. `known` says what a gatekeeper was found to answer earlier.
    pub fn set(&mut self, targets: Vec<Target>, known: impl Fn(u32) -> Answers) -> Vec<u32> {
        let wanted: BTreeMap<u32, Target> =
            targets.into_iter().map(|t| (t.gatekeeper, t)).collect();
        let board = self.board.clone();
        let mut ended = Vec::new();
        // What was found out by other questions says nothing.
        let asked: BTreeMap<u32, RasProbe> =
            (self.tasks.iter().map(|(g, (target, _))| (*g, target.probe))).collect();
        let known = |target: &Target| {
            let same = asked
                .get(&target.gatekeeper)
                .is_none_or(|it| *it == target.probe);
            if same {
                known(target.gatekeeper)
            } else {
                Answers::default()
            }
        };
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
            let shared = task::Shared {
                board: self.board.clone(),
                reports: self.reports.clone(),
                look: self.look.clone(),
                busy: self.busy.clone(),
            };
            let task = task::run(target.clone(), known(&target), shared);
            let task = self.runtime.spawn(task);
            self.tasks.insert(gatekeeper, (target, task));
        }
        ended
    }

    /// A gatekeeper has answered a request of the controller's own that is no probe.
    pub fn heard(&self, gatekeeper: u32, at: Time) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.insert(gatekeeper, at);
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

/// What the data path sees, and what the controller received.
fn with_heard(look: Look, heard: Heard) -> Look {
    Arc::new(move |gatekeeper| {
        let traffic = look(gatekeeper);
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        Traffic {
            last_reply: traffic.last_reply.max(heard.get(&gatekeeper).copied()),
            ..traffic
        }
    })
}

/// Notes whether the machine is busy, or was a moment ago.
async fn watch_pressure(busy: Arc<AtomicBool>) {
    let (mut pressure, mut left) = (Pressure::default(), 0);
    let mut last = Instant::now();
    loop {
        let now = Instant::now();
        if pressure.is_busy(now - last) {
            left = BUSY_FOR;
        }
        busy.store(left > 0, Ordering::Relaxed);
        left = left.saturating_sub(1);
        last = now;
        tokio::time::sleep(PRESSURE_EVERY).await;
    }
}

fn lock(board: &Board) -> std::sync::MutexGuard<'_, HashMap<u32, Seen>> {
    // What is on it is plain numbers: as good after a panic elsewhere.
    board.lock().unwrap_or_else(PoisonError::into_inner)
}
