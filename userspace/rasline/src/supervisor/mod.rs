//! The controller: one event loop that owns the core, the kernel's tables and everything else that changes.
//!
//! Ring buffer, timer, signals and requests come in; what the core wants done is carried out in `effects`.
//! Invariants: no channel is unbounded; the heartbeat is written only by this loop, so it stops when the loop does.

mod agents;
mod alternates;
pub mod apply;
mod bridge;
mod cut_off;
mod effects;
pub mod events;
mod failover;
mod hang_up;
pub mod layout;
mod machine;
mod measure;
mod memory;
mod ports;
mod presence;
mod rates;
mod raw;
mod reload;
mod requests;
mod service;
mod serving;
mod show;
mod show_registrations;
mod spoofed_endpoint;
pub mod spoofed_gatekeeper;
mod standby;
mod start;
mod tell;
mod tracked;
mod turn;
mod watch;

pub use presence::name as presence_events;
pub use serving::tell::name as serving_events;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use rasline_core::{agent::Remembered, presence::Digest};
use rasline_kernel::{Dataplane, Ring};
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    agent::{self, Agents},
    config::{Config, LastGood, OnStop},
    control::{
        Reply,
        server::{Call, MAX_WAITING},
    },
    failure::{Failure, Result},
    host::{lock, monotonic_ns, sides},
    log,
    metrics::Metrics,
    offline,
    probe::{Probes, Report},
    profiles::Loaded,
    supervisor::{
        alternates::Alternates,
        effects::Effects,
        events::Events,
        failover::{FailoverDriver, LOOK_EVERY},
        layout::Layout,
        machine::Machine,
        memory::Memory,
        ports::Ports,
        rates::Rates,
        serving::{Arrived, Directory, Serving, Sockets},
        spoofed_endpoint::SpoofedEndpoint,
        spoofed_gatekeeper::SpoofedGatekeeper,
        standby::Standbys,
        turn::Turn,
    },
};

const HEARTBEAT: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_secs(1);
/// How long registrations of an earlier controller are answered without being known.
const UNCLAIMED_FOR: Duration = Duration::from_mins(1);
/// How many of them at most are withdrawn at each tick, to be learned anew: each costs its gatekeeper some messages.
const RELEARNED_PER_TICK: usize = 200;
const LAST_REPLY: Duration = Duration::from_secs(1);

/// Whether the loop goes on.
enum Next {
    GoOn,
    /// RAS was handled; the ring has its turn now.
    Ring,
    Stop(Stop),
}

/// How to stop, and which client asked for it.
#[derive(Default)]
struct Stop {
    stay: Option<bool>,
    request: Option<StopRequest>,
}

/// A client that waits until the controller has stopped.
struct StopRequest {
    reply: oneshot::Sender<Reply>,
    written: oneshot::Receiver<()>,
}

/// Everything that changes.
struct Supervisor {
    file: PathBuf,
    /// As the file has it.
    file_config: Config,
    last_good: LastGood,
    /// With what was learned.
    config: Config,
    layout: Layout,
    alternates: Alternates,
    failover: FailoverDriver,
    standbys: Standbys,
    probes: Probes,
    agents: Agents,
    /// What they know of their gatekeepers, by name.
    agents_known: BTreeMap<String, Remembered>,
    dataplane: Dataplane,
    effects: Effects,
    spoofed_gatekeeper: SpoofedGatekeeper,
    serving: Serving,
    directory: Directory,
    spoofed_endpoint: SpoofedEndpoint,
    memory: Memory,
    events: Events,
    /// Endpoints that fell silent or are back, to be told at a pace.
    digest: Digest,
    ports: Ports,
    machine: Machine,
    /// Gatekeepers behind a link of this machine that is down, and why.
    cut_off: BTreeMap<u32, String>,
    rates: Rates,
    metrics: Option<Metrics>,
    started: Instant,
    /// The same as a date, seconds since 1970; said once, so that it never changes.
    started_at: f64,
    /// Messages that waited too long in the ring.
    behind: u64,
    ticks: u32,
}

/// Runs the controller until it is told to stop.
///
/// `broken`: what is wrong with the file, if the configuration is that of `last_good`.
///
/// # Errors
/// When it cannot start, or cannot stop cleanly.
pub fn run(file: &Path, config: Config, last_good: LastGood, broken: Option<String>) -> Result<()> {
    log::init();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::plain("tokio", e))?;
    runtime.block_on(supervise(file, config, last_good, broken))
}

/// The ring buffer as something to wait for.
#[allow(unsafe_code)]
fn watch(ring: Ring) -> Result<AsyncFd<Ring>> {
    // SAFETY: the ring buffer owns its descriptor, which stays the same and open for as long as it lives.
    let watched = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) };
    watched.map_err(|e| Failure::plain("ring buffer", e))
}

/// What waits for the loop.
struct Inbox {
    calls: mpsc::Receiver<Call>,
    reports: mpsc::Receiver<Report>,
    agents: mpsc::Receiver<agent::Report>,
    arrivals: mpsc::Receiver<Arrived>,
    news: mpsc::Receiver<Loaded>,
}

/// Ends at this time of CLOCK_MONOTONIC; never: not at all.
async fn until(time: Option<rasline_core::Time>) {
    match time {
        Some(time) => {
            let now = rasline_core::Time(monotonic_ns());
            tokio::time::sleep(time.since(now)).await;
        }
        None => std::future::pending().await,
    }
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

fn signals() -> Result<Signals> {
    let of = |kind| signal(kind).map_err(|e| Failure::plain("signals", e));
    Ok(Signals {
        hangup: of(SignalKind::hangup())?,
        terminate: of(SignalKind::terminate())?,
        interrupt: of(SignalKind::interrupt())?,
    })
}

async fn supervise(
    file: &Path,
    config: Config,
    last_good: LastGood,
    broken: Option<String>,
) -> Result<()> {
    // Before anything is attached, so that no signal can end the process in between.
    let signals = signals()?;
    // Another controller is named as such, whatever else it has taken.
    let locks = start::take_locks(&config)?;
    // An address that cannot be had is said before anything is touched.
    let metrics = config.metrics.map(Metrics::start).transpose()?;
    let start::Prepared {
        dataplane,
        ring,
        layout,
        locks,
        store,
    } = start::prepare(&config, locks)?;
    warn(&config);
    let core_config = bridge::core_config(&config, &layout);
    let (probes, reports) = Probes::start(Arc::new(dataplane.traffic()))?;
    let (agents, told) = Agents::start()?;
    let (sockets, arrivals) = Sockets::new();
    let serving = Serving::new(sockets);
    let own = serving.prepare(&config)?;
    let (directory, first, news) = Directory::start(&config.daemon.state_dir)?;
    let effects = Effects::new(&config, &layout);
    let mut supervisor = Supervisor {
        file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        file_config: config.clone(),
        last_good,
        config,
        layout,
        alternates: Alternates::default(),
        failover: FailoverDriver::default(),
        standbys: Standbys::default(),
        probes,
        agents,
        agents_known: BTreeMap::new(),
        dataplane,
        effects,
        spoofed_gatekeeper: SpoofedGatekeeper::default(),
        serving,
        directory,
        spoofed_endpoint: SpoofedEndpoint::default(),
        memory: Memory::new(store, &core_config),
        events: Events::default(),
        digest: Digest::default(),
        ports: Ports::default(),
        machine: Machine::default(),
        cut_off: BTreeMap::new(),
        rates: Rates::default(),
        metrics,
        started: Instant::now(),
        started_at: measure::seconds_since_1970(),
        behind: 0,
        ticks: 0,
    };
    supervisor.restore_events();
    supervisor.configure_presence();
    supervisor.allow_alternates();
    supervisor.restore_alternates();
    supervisor.serve_zones(own);
    supervisor.profiles_loaded(first);
    let decisions = supervisor.remembered_decisions();
    supervisor.start_failover(&decisions);
    supervisor.restore();
    supervisor.restore_served();
    let mut listening = start::attach(&mut supervisor.dataplane, &supervisor.config)?;
    let (calls, waiting) = mpsc::channel(MAX_WAITING);
    let server = listening.serve(calls, supervisor.events.followers());
    let ring = watch(ring)?;
    sides::look_up(&supervisor.config.interfaces);
    supervisor.start_agents()?;
    supervisor.note_configuration(broken, "the last good configuration is in force");
    supervisor.note_control_group();
    supervisor.watch_machine();
    let running = supervisor.running();
    let started = format!(
        "started: {running}; control socket {}",
        supervisor.config.daemon.control_socket.display()
    );
    supervisor
        .events
        .controller(events::name::STARTED, &started);
    service::ready(&running);
    let mut inbox = Inbox {
        calls: waiting,
        reports,
        agents: told,
        arrivals,
        news,
    };
    let stop = supervisor.turn(ring, signals, &mut inbox).await;
    let stopped = supervisor.stop(stop.stay);
    if let Some(request) = stop.request {
        let _ = request
            .reply
            .send(stopped.clone().map_or_else(Reply::error, Reply::done));
        // A client that does not read must not keep the controller.
        let _ = timeout(LAST_REPLY, request.written).await;
    }
    server.abort();
    drop(locks);
    stopped.map(drop)
}

/// Says what a configuration may not have meant.
fn warn(config: &Config) {
    for warning in config.warnings() {
        tracing::warn!("configuration: {warning}");
    }
}

impl Supervisor {
    /// The loop; gives what the one who stopped it said about staying.
    async fn turn(
        &mut self,
        mut ring: AsyncFd<Ring>,
        mut signals: Signals,
        inbox: &mut Inbox,
    ) -> Stop {
        let mut heartbeat = interval(HEARTBEAT);
        let mut tick = interval(TICK);
        let mut look = interval(LOOK_EVERY);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Biased, and turns of bounded time: a flood of messages delays nothing else. RAS to own gatekeepers and what
            // the kernel gives have turns by turns.
            let next = tokio::select! {
                biased;
                _ = heartbeat.tick() => {
                    self.dataplane.heartbeat();
                    service::alive();
                    Next::GoOn
                }
                Some(report) = inbox.reports.recv() => {
                    self.handle_probe_report(report);
                    Next::GoOn
                }
                Some(report) = inbox.agents.recv() => {
                    self.agent_reported(report);
                    Next::GoOn
                }
                _ = look.tick() => {
                    self.refresh_own_gatekeepers();
                    self.look_at_kernel();
                    self.hang_up();
                    if self.standbys.any() {
                        self.handle(rasline_core::Input::Pace);
                    }
                    Next::GoOn
                }
                _ = signals.terminate.recv() => Next::Stop(Stop::default()),
                _ = signals.interrupt.recv() => Next::Stop(Stop::default()),
                _ = signals.hangup.recv() => {
                    service::reloading();
                    match self.reload() {
                        Ok(done) => service::ready(&done),
                        Err(e) => {
                            tracing::error!("reload: {e}");
                            service::ready(&format!("reload failed: {e}"));
                        }
                    }
                    Next::GoOn
                }
                Some(call) = inbox.calls.recv() => self.request(call),
                _ = tick.tick() => {
                    self.tick();
                    Next::GoOn
                }
                () = until(self.serving.next_due()) => {
                    self.served_due();
                    Next::GoOn
                }
                Some(loaded) = inbox.news.recv() => {
                    self.profiles_loaded(loaded);
                    Next::GoOn
                }
                Some(arrived) = inbox.arrivals.recv() => {
                    self.handle_datagrams(arrived, &mut inbox.arrivals);
                    Next::Ring
                }
                ready = ring.readable_mut() => {
                    match ready {
                        Ok(mut guard) => {
                            if self.messages(guard.get_inner_mut()) {
                                guard.clear_ready();
                            }
                        }
                        Err(e) => tracing::error!("ring buffer: {e}"),
                    }
                    tokio::task::yield_now().await;
                    Next::GoOn
                }
            };
            match next {
                Next::GoOn => {}
                Next::Ring => {
                    // What is left is found by the next turn, of whichever kind.
                    self.messages(ring.get_mut());
                    tokio::task::yield_now().await;
                }
                Next::Stop(stop) => return stop,
            }
        }
    }

    /// Handles some messages; true: there are no more.
    fn messages(&mut self, ring: &mut Ring) -> bool {
        let turn = Turn::start();
        while !turn.is_over() {
            let Some(message) = ring.next_message() else {
                return true;
            };
            self.look_at_age(&message);
            if self.is_served(message.zone) {
                self.said_to_endpoint(&message);
            } else {
                self.message(&message);
                self.look_for_alternates(&message);
            }
        }
        false
    }

    fn tick(&mut self) {
        let now = monotonic_ns();
        self.dataplane.table_mut().settle(now);
        self.relearn(now);
        self.observe(now);
        self.look_at_endpoints();
        self.tick_failover(now);
        self.adopt_alternates();
        sides::look_up(&self.config.interfaces);
        self.dataplane.look_at_interfaces();
        if lock::is_free(&offline::capture_lock(&self.config.daemon))
            && self.dataplane.end_capture()
        {
            tracing::info!("a capture was killed; ended");
        }
        self.allow_time_to_move();
        self.events.tick();
        self.tick_memory(rasline_core::Time(now));
        self.tick_serving(now);
        self.watch_machine();
        match self.dataplane.counters() {
            Ok(rows) => self.rates.update(now, rows),
            Err(e) => tracing::warn!("{e}"),
        }
        self.publish_metrics(now);
    }

    /// What an earlier controller published and this one knows nothing of is learned anew, little by little.
    fn relearn(&mut self, now: u64) {
        let table = self.dataplane.table_mut();
        if table.unclaimed() == 0 || self.started.elapsed() < UNCLAIMED_FOR {
            return;
        }
        table.withdraw_unclaimed(now, RELEARNED_PER_TICK);
        if table.unclaimed() == 0 {
            tracing::info!(
                "all registrations of the previous controller are known, or were withdrawn to be learned again"
            );
        }
    }

    /// Ends cleanly: nothing is diverted any more; detached unless told to stay.
    fn stop(&mut self, stay: Option<bool>) -> Result<&'static str> {
        service::stopping();
        self.dataplane.stop_heartbeat();
        self.observe(monotonic_ns());
        let stays = stay.unwrap_or(self.config.daemon.on_stop == OnStop::Stay);
        let done = if stays {
            "stopped; the program stays attached and answers what it knows"
        } else {
            self.dataplane.detach_all()?;
            "stopped and detached"
        };
        self.agents.stop(!stays);
        self.save_events();
        // The network waits for nothing that is written.
        self.remember_all_times();
        tracing::info!("{done}");
        Ok(done)
    }
}
