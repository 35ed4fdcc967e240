//! From a configuration to an attached program: every check first, and nothing left behind when one fails.
//!
//! In two steps: [`prepare`] has the tables in the kernel, as an earlier controller left them or empty; then what is
//! remembered is published; then [`attach`] lets packets meet the program.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use rasline_core::{
    Time, backup,
    site::{Input, Site, Start},
};
use rasline_kernel::{Dataplane, Ring, Settings, Sizes};
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::timeout,
};

use super::{
    Daemon, agents,
    event_loop::{Inbox, Signals, unix_at_zero},
    machine::Machine,
    measure::seconds_since_1970,
    ports::Ports,
    rates::Rates,
    restore, service,
    site_config::{MAX_ENDPOINTS, probe_targets, signalling_places, site_config},
    watch,
};
use crate::{
    agent::Agents,
    config::{Config, LastGood},
    control::{
        Reply,
        server::{self, Call, Listening, MAX_WAITING},
    },
    effects::{
        Effects, Events, Network, Persist, Slots, apply, events, hang_up::LostCalls,
        layout::Layout, tracked::Tracked,
    },
    failure::{Failure, Result},
    host::{
        self, OLDEST_KERNEL, bpffs, caps, kernel_version,
        lock::{self, Lock},
        monotonic_ns, sides,
    },
    io::{multicast, profiles::ProfileThread, sockets::Sockets, sources::Sources},
    log,
    metrics::Metrics,
    probe::Probes,
    profiles::Loaded,
    signalling::CallThread,
    store::Store,
};

/// Answers that each registrar remembers.
const MAX_ANSWERS: usize = 16_384;
/// How long a client that stopped the controller may take to read the reply.
const LAST_REPLY: Duration = Duration::from_secs(1);

/// Runs the controller until it is stopped.
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
    runtime.block_on(start_and_run(file, config, last_good, broken))
}

/// The ring buffer as something to wait for.
#[allow(unsafe_code)]
fn watch_ring(ring: Ring) -> Result<AsyncFd<Ring>> {
    // SAFETY: the ring buffer owns its descriptor, which stays the same and open for as long as it lives.
    let watched = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) };
    watched.map_err(|e| Failure::plain("ring buffer", e))
}

fn signals() -> Result<Signals> {
    let of = |kind| signal(kind).map_err(|e| Failure::plain("signals", e));
    Ok(Signals {
        hangup: of(SignalKind::hangup())?,
        terminate: of(SignalKind::terminate())?,
        interrupt: of(SignalKind::interrupt())?,
    })
}

async fn start_and_run(
    file: &Path,
    config: Config,
    last_good: LastGood,
    broken: Option<String>,
) -> Result<()> {
    // Before anything is attached, so that no signal can end the process in between.
    let signals = signals()?;
    // Another controller is named as such, whatever else it has taken.
    let locks = take_locks(&config)?;
    // An address that is not available is reported before anything is touched.
    let metrics = config.metrics.map(Metrics::start).transpose()?;
    let prepared = prepare(&config, locks)?;
    for warning in config.warnings() {
        tracing::warn!("configuration: {warning}");
    }
    let Built {
        mut daemon,
        ring,
        locks,
        profiles,
        mut inbox,
        calls,
    } = build(file, config, last_good, metrics, prepared)?;
    restore_all(&mut daemon, profiles);
    let mut listening = attach(&mut daemon.effects.dataplane, &daemon.config)?;
    let server = listening.serve(calls, daemon.effects.events.followers());
    let ring = watch_ring(ring)?;
    sides::look_up(&daemon.config.interfaces);
    agents::start(&mut daemon)?;
    daemon.note_configuration(broken, "the last good configuration is in force");
    watch::note_control_group(&mut daemon);
    watch::watch_machine(&mut daemon);
    note_started(&mut daemon);
    let stop = daemon.run_loop(ring, signals, &mut inbox).await;
    let stopped = daemon.stop(stop.stay);
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

/// A controller with its threads and sockets, to which nothing has happened yet.
struct Built {
    daemon: Daemon,
    ring: Ring,
    locks: Vec<Lock>,
    profiles: Loaded,
    inbox: Inbox,
    /// Where requests of the CLI come in.
    calls: mpsc::Sender<Call>,
}

fn build(
    file: &Path,
    config: Config,
    last_good: LastGood,
    metrics: Option<Metrics>,
    prepared: Prepared,
) -> Result<Built> {
    let Prepared {
        dataplane,
        ring,
        layout,
        locks,
        store,
    } = prepared;
    let (probes, reports) = Probes::start(Arc::new(dataplane.gatekeepers.traffic()))?;
    let (agents, agent_reports) = Agents::start()?;
    let (mut call_thread, call_reports) = CallThread::start(&config.daemon.bpffs)?;
    let (mut sockets, arrivals) = Sockets::new();
    sockets.keep(sockets.prepare(config.own_ras_addresses(), multicast::interfaces(&config))?);
    let (profile_thread, profiles, other_profiles) =
        ProfileThread::start(&config.daemon.state_dir)?;
    let (calls, waiting) = mpsc::channel(MAX_WAITING);
    let seed = seed();
    let setup = backup::Setup {
        seed,
        unix_at_zero: unix_at_zero(),
        max_answers: MAX_ANSWERS,
        max_restored: MAX_ENDPOINTS,
    };
    let site = Site::new(site_config(&config, &layout, seed), setup);
    call_thread.serve(&signalling_places(site.config()))?;
    let mut persist = Persist::new(Time(monotonic_ns()), store);
    persist.configure(site.config());
    let effects = Effects {
        targets: probe_targets(&config, &layout),
        dataplane,
        layout,
        slots: Slots::default(),
        network: Network::new(sockets),
        probes,
        persist,
        profiles: profile_thread,
        events: Events::default(),
        calls: call_thread,
        alternates: BTreeMap::new(),
        adopt: false,
    };
    let daemon = Daemon {
        file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        file_config: config.clone(),
        last_good,
        config,
        seed,
        site,
        effects,
        agents,
        ports: Ports::default(),
        machine: Machine::default(),
        tracked: Tracked::default(),
        lost_calls: LostCalls::default(),
        sources: Sources::new(seed),
        crowded_out: 0,
        profile_source: None,
        profile_trouble: None,
        rates: Rates::default(),
        metrics,
        started: Instant::now(),
        started_at: seconds_since_1970(),
        behind: 0,
        count_at_ns: 0,
    };
    Ok(Built {
        daemon,
        ring,
        locks,
        profiles,
        inbox: Inbox {
            calls: waiting,
            reports,
            agents: agent_reports,
            call_reports,
            arrivals,
            profiles: other_profiles,
        },
        calls,
    })
}

/// Goes on where an earlier controller ended, before any packet meets the program.
fn restore_all(daemon: &mut Daemon, profiles: Loaded) {
    restore::restore_events(daemon);
    let start = Start {
        alternates: daemon.effects.persist.alternates(daemon.site.config()),
        profiles: daemon.note_profiles(profiles),
        decisions: daemon.effects.persist.decisions(daemon.site.config()),
    };
    daemon.handle(Input::Start(Box::new(start)));
    restore::restore_registrations(daemon);
    restore::restore_served(daemon);
    restore::restore_calls(daemon);
}

fn note_started(daemon: &mut Daemon) {
    let running = watch::running(daemon);
    let socket = daemon.config.daemon.control_socket.display();
    let text = format!("started: {running}; control socket {socket}");
    let events = &mut daemon.effects.events;
    events.controller(events::name::STARTED, &text);
    service::ready(&running);
}

/// Only to differ from the last start; the time would do.
fn seed() -> u64 {
    let mut seed = [0; 8];
    if host::random(&mut seed).is_err() {
        seed = monotonic_ns().to_ne_bytes();
    }
    u64::from_ne_bytes(seed)
}

/// What is ready before any packet meets the new program.
struct Prepared {
    dataplane: Dataplane,
    ring: Ring,
    layout: Layout,
    locks: Vec<Lock>,
    store: Store,
}

/// Has the tables in the kernel. The locks are held already.
fn prepare(config: &Config, mut locks: Vec<Lock>) -> Result<Prepared> {
    kernel_is_new_enough()?;
    let daemon = &config.daemon;
    if bpffs::ensure(&daemon.bpffs)? {
        tracing::info!(
            "bpffs mounted for {}; inside `ip netns exec` it vanishes with the command: use nsenter --net there",
            daemon.bpffs.display()
        );
    }
    locks.push(lock::take_folder(&daemon.bpffs)?);
    let store = Store::open(&daemon.state_dir);
    let (mut dataplane, ring) = Dataplane::open(&dataplane_settings(config), &config.interfaces)?;
    let layout = apply::plan_start(&dataplane.inherited(), config)?;
    apply::write(&mut dataplane, config, &layout)?;
    dataplane.carry_over();
    let dropped = apply::drop_unclaimed(&mut dataplane, config, &layout);
    let kept = dataplane.table().unclaimed();
    if kept + dropped > 0 {
        tracing::info!(
            "adopted {kept} registrations from the previous controller; {dropped} no longer match the configuration"
        );
    }
    Ok(Prepared {
        dataplane,
        ring,
        layout,
        locks,
        store,
    })
}

/// The settings that the program is loaded with.
fn dataplane_settings(config: &Config) -> Settings {
    let daemon = &config.daemon;
    Settings {
        bpffs: daemon.bpffs.clone(),
        sizes: Sizes {
            max_registrations: daemon.max_registrations,
            patched_rcfs: config.zones.iter().any(|z| z.endpoint_ttl.is_some()),
            ring_buffer: daemon.ring_buffer,
            flows: daemon.flows,
        },
        limits: apply::limits(daemon),
    }
}

/// Puts the program on the interfaces that are there and opens the control socket.
fn attach(dataplane: &mut Dataplane, config: &Config) -> Result<Listening> {
    dataplane.table_mut().restored();
    Ports::attach_all(dataplane, &config.interfaces)?;
    dataplane.heartbeat();
    let daemon = &config.daemon;
    // Last, so that a client that can connect finds everything attached.
    let group = daemon.control_group.as_deref();
    let group = group.filter(|group| server::group_id(group).is_ok());
    let listening = server::bind(&daemon.control_socket, group)?;
    dataplane.keep();
    Ok(listening)
}

fn kernel_is_new_enough() -> Result<()> {
    let (version, release) = kernel_version();
    if version >= OLDEST_KERNEL {
        return Ok(());
    }
    Err(Failure::new(
        "kernel",
        format!("{release} is too old"),
        format!("{}.{} or newer is needed", OLDEST_KERNEL.0, OLDEST_KERNEL.1),
    ))
}

/// One for the state, one for the socket: two configurations that share either do not run at once.
fn take_locks(config: &Config) -> Result<Vec<Lock>> {
    caps::require()?;
    let mut socket_lock = config.daemon.control_socket.clone().into_os_string();
    socket_lock.push(".lock");
    let mut locks: Vec<Lock> = lock_state(&config.daemon.state_dir)?.into_iter().collect();
    locks.push(lock::take(&PathBuf::from(socket_lock))?);
    Ok(locks)
}

/// Where nothing can be written, the folder itself is locked; where there is none, nothing.
fn lock_state(folder: &Path) -> Result<Option<Lock>> {
    let Err(e) = lock::writable(folder) else {
        return lock::take(&folder.join("lock")).map(Some);
    };
    tracing::warn!(
        "state_dir {}: {e}; the controller runs without it",
        folder.display()
    );
    if folder.is_dir() {
        return lock::take_folder(folder).map(Some);
    }
    Ok(None)
}
