//! The loop: waits, hands in, has carried out. Turns are fair and of bounded time.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rasline_core::{
    Message, Reason, Time, call,
    site::{self, Input, LoadedProfiles},
};
use rasline_kernel::Ring;
use tokio::{
    io::unix::AsyncFd,
    signal::unix::Signal,
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};

use super::{Daemon, agents, gatekeeper_way, requests, service, turn::Turn};
use crate::{
    agent,
    config::{self, OnStop},
    control::{Reply, server::Call},
    effects::describe::{Names, describe},
    failure::Result,
    host::{
        self,
        link::{self, Sight},
        lock, monotonic_ns, sides,
    },
    io::sockets::Arrived,
    offline,
    probe::Report,
    profiles::{Loaded, Source},
    signalling,
};

const HEARTBEAT: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_secs(1);
/// How often the kernel's own decisions are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long registrations of an earlier controller are answered without being known.
const UNCLAIMED_FOR: Duration = Duration::from_mins(1);
/// How many of them at most are withdrawn at each tick, to be learned again: each costs its gatekeeper some messages.
const RELEARNED_PER_TICK: usize = 200;
/// Counting calls takes at most this fraction (1 / n) of the time.
const COUNT_SELDOM: u64 = 20;
/// What waited in the ring for longer is late, and diverting pauses for a while.
const BEHIND: Duration = Duration::from_millis(250);
const CATCH_UP: Duration = Duration::from_secs(1);

/// What waits for the loop.
pub(super) struct Inbox {
    pub calls: mpsc::Receiver<Call>,
    pub reports: mpsc::Receiver<Report>,
    pub agents: mpsc::Receiver<agent::Report>,
    pub call_reports: mpsc::Receiver<signalling::Report>,
    pub arrivals: mpsc::Receiver<Arrived>,
    pub profiles: mpsc::Receiver<Loaded>,
}

/// Signals that it follows.
pub(super) struct Signals {
    pub hangup: Signal,
    pub terminate: Signal,
    pub interrupt: Signal,
}

/// Whether the loop goes on.
pub(super) enum Next {
    GoOn,
    /// RAS was handled; the ring has its turn now.
    Ring,
    Stop(Stop),
}

/// How to stop, and which client asked for it.
#[derive(Default)]
pub(super) struct Stop {
    pub stay: Option<bool>,
    pub request: Option<StopRequest>,
}

/// A client that waits until the controller has stopped.
pub(super) struct StopRequest {
    pub reply: oneshot::Sender<Reply>,
    pub written: oneshot::Receiver<()>,
}

/// Ends at this time of CLOCK_MONOTONIC; `None`: not at all.
async fn sleep_until(time: Option<Time>) {
    match time {
        Some(time) => {
            let now = Time(monotonic_ns());
            tokio::time::sleep(time.since(now)).await;
        }
        None => std::future::pending().await,
    }
}

impl Daemon {
    /// Runs until it is stopped. Returns whether the program is to stay attached, and the client that waits.
    pub(super) async fn run_loop(
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
                    self.effects.dataplane.heartbeat();
                    service::alive();
                    Next::GoOn
                }
                Some(report) = inbox.reports.recv() => {
                    self.handle_probe_report(report);
                    Next::GoOn
                }
                Some(report) = inbox.agents.recv() => {
                    agents::handle_report(self, report);
                    Next::GoOn
                }
                Some(report) = inbox.call_reports.recv() => {
                    self.handle_call_report(report);
                    Next::GoOn
                }
                _ = look.tick() => {
                    self.look();
                    Next::GoOn
                }
                _ = signals.terminate.recv() => Next::Stop(Stop::default()),
                _ = signals.interrupt.recv() => Next::Stop(Stop::default()),
                _ = signals.hangup.recv() => {
                    self.reload_for_signal();
                    Next::GoOn
                }
                Some(call) = inbox.calls.recv() => requests::answer(self, call),
                _ = tick.tick() => {
                    self.tick();
                    Next::GoOn
                }
                () = sleep_until(self.site.next_due()) => {
                    self.handle(Input::Due);
                    Next::GoOn
                }
                Some(loaded) = inbox.profiles.recv() => {
                    let loaded = self.note_profiles(loaded);
                    self.handle(Input::Profiles(loaded));
                    Next::GoOn
                }
                Some(arrived) = inbox.arrivals.recv() => {
                    self.handle_datagrams(arrived, &mut inbox.arrivals);
                    Next::Ring
                }
                ready = ring.readable_mut() => {
                    match ready {
                        Ok(mut guard) => {
                            if self.handle_messages(guard.get_inner_mut()) {
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
                    self.handle_messages(ring.get_mut());
                    tokio::task::yield_now().await;
                }
                Next::Stop(stop) => return stop,
            }
        }
    }

    fn handle_call_report(&mut self, report: signalling::Report) {
        match report {
            signalling::Report::Event(event) => self.report_call(event),
            signalling::Report::AskAdmission(zone, asked) => {
                self.handle(Input::AskAdmission { zone, asked });
            }
        }
    }

    /// Reports what happened to a call.
    fn report_call(&mut self, event: call::Event) {
        let event = site::Event::Call(event);
        let described = describe(&event, &Names::new(self.site.config()));
        self.effects.events.record(described);
    }

    /// Gives the site an input and has carried out what follows, in order; what becomes of that goes back to the site.
    pub(super) fn handle(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        let now = Time(monotonic_ns());
        let Self { site, effects, .. } = self;
        site.handle(now, &effects.around(), input, &mut out);
        let mut queue = VecDeque::from(out);
        while let Some(output) = queue.pop_front() {
            for result in effects.carry_out(site, output) {
                let mut more = Vec::new();
                let now = Time(monotonic_ns());
                site.handle(now, &effects.around(), result, &mut more);
                queue.extend(more);
            }
        }
    }

    /// Handles some messages; true: there are no more.
    fn handle_messages(&mut self, ring: &mut Ring) -> bool {
        let turn = Turn::start();
        while !turn.is_over() {
            let Some(message) = ring.next_message() else {
                return true;
            };
            self.look_at_age(&message);
            self.handle(Input::Message(Message {
                reason: reason(message.reason),
                zone: message.zone,
                gatekeeper: message.gatekeeper,
                endpoint: message.endpoint,
                seen_as: message.seen_as,
                payload: &message.octets,
            }));
        }
        false
    }

    /// Messages that were taken out of the traffic must not wait: the next ones are left in it.
    fn look_at_age(&mut self, message: &rasline_kernel::Message) {
        if !matches!(
            message.reason,
            rasline_kernel::Reason::Diverted | rasline_kernel::Reason::Standby
        ) {
            return;
        }
        let now = monotonic_ns();
        if now.saturating_sub(message.time_ns) > BEHIND.as_nanos() as u64 {
            self.behind += 1;
            let until_ns = now + CATCH_UP.as_nanos() as u64;
            self.effects.dataplane.globals.pause_diverting(until_ns);
        }
    }

    /// Handles a RAS datagram to an own gatekeeper, and those that wait behind it, for one turn.
    fn handle_datagrams(&mut self, first: Arrived, more: &mut mpsc::Receiver<Arrived>) {
        let turn = Turn::start();
        let mut next = Some(first);
        while let Some(arrived) = next {
            // Only where there is a crowd: a source may say much while there is time for it.
            let crowded = more.len() > site::FEW;
            if !crowded || self.sources.admit(monotonic_ns(), arrived.from.ip()) {
                self.handle(Input::Datagram(site::Datagram {
                    from: arrived.from,
                    local: arrived.local,
                    side: side(arrived.interface),
                    payload: &arrived.payload,
                }));
            } else {
                self.crowded_out += 1;
            }
            if turn.is_over() {
                break;
            }
            next = more.try_recv().ok();
        }
        self.handle(Input::Waiting(more.len()));
    }

    fn handle_probe_report(&mut self, report: Report) {
        match report {
            Report::Answered { gatekeeper, at } => {
                self.effects
                    .dataplane
                    .gatekeepers
                    .probe_answered(gatekeeper, at.0);
            }
            Report::CutOff { gatekeeper, why } => {
                let changed = gatekeeper_way::look(&self.site, &self.effects.probes, gatekeeper);
                self.handle(changed.input(why));
            }
            Report::Changed { gatekeeper, change } => {
                let gatekeeper = rasline_core::GatekeeperIndex(gatekeeper);
                self.handle(Input::Health { gatekeeper, change });
            }
        }
    }

    fn look(&mut self) {
        self.refresh_own_gatekeepers();
        self.effects.calls.flush();
        self.handle(Input::Look);
        let lost = self.site.lost_gatekeepers(&self.effects.around());
        let lost = lost.into_iter().map(|one| one.0).collect();
        self.lost_calls.hang_up(&self.effects.dataplane, lost);
    }

    /// The controller lives, so its own gatekeepers do: what goes to them is answered.
    fn refresh_own_gatekeepers(&self) {
        let now_ns = monotonic_ns();
        for gatekeeper in self.site.config().own_gatekeepers() {
            self.effects
                .dataplane
                .gatekeepers
                .probe_answered(gatekeeper.0, now_ns);
            self.effects.dataplane.gatekeepers.set_own(gatekeeper.0);
        }
    }

    fn tick(&mut self) {
        let now = monotonic_ns();
        self.effects.dataplane.table_mut().settle(now);
        self.relearn(now);
        self.observe(now);
        self.count_calls(now);
        self.note_probed();
        self.handle(Input::Tick(site::Tick {
            minute_of_day: host::minute_of_day(),
            unix_at_zero: unix_at_zero(),
            blind: self.is_blind(),
        }));
        self.adopt_alternates();
        sides::look_up(&self.config.interfaces);
        self.effects.dataplane.look_at_interfaces();
        if lock::is_free(&offline::capture_lock(&self.config.daemon))
            && self.effects.dataplane.globals.end_capture()
        {
            tracing::info!("a capture was killed; ended");
        }
        self.effects.events.tick();
        self.effects.tick_persist(now, &self.site);
        self.effects.network.sockets.follow_interfaces();
        super::watch::watch_machine(self);
        match self.effects.dataplane.counters() {
            Ok(rows) => self.rates.update(now, rows),
            Err(e) => tracing::warn!("{e}"),
        }
        super::measure::publish_metrics(self, now);
    }

    /// Reports what the kernel noted since the last time, and that time passes.
    pub(super) fn observe(&mut self, now_ns: u64) {
        let mut changed = Vec::new();
        let dataplane = &mut self.effects.dataplane;
        dataplane.scan(now_ns, |observed| changed.push(observed));
        self.tracked.renew(dataplane, now_ns, &changed);
        for observed in changed {
            if let Some(report) = self.effects.slots.report(&observed) {
                self.handle(report);
            }
        }
        self.handle(Input::Scanned);
    }

    /// What an earlier controller published and this one knows nothing of is learned again, little by little.
    fn relearn(&mut self, now: u64) {
        let table = self.effects.dataplane.table_mut();
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

    /// Counts open calls at gatekeepers that zones wait to leave. Flows may be many: counting them takes a twentieth of the
    /// time at most.
    fn count_calls(&mut self, now_ns: u64) {
        if now_ns < self.count_at_ns {
            return;
        }
        for gatekeeper in self.site.awaits_calls() {
            let open = self
                .effects
                .dataplane
                .flows
                .open_connections(gatekeeper.0, now_ns);
            match open {
                Ok(open) => self.handle(Input::Calls { gatekeeper, open }),
                Err(e) => tracing::warn!("{e}"),
            }
        }
        let took = monotonic_ns().saturating_sub(now_ns);
        self.count_at_ns = now_ns + COUNT_SELDOM * took;
    }

    /// Tells the program what gatekeepers answer to probes.
    fn note_probed(&self) {
        for gatekeeper in self.effects.layout.gatekeepers() {
            let seen = self.effects.probes.seen(gatekeeper);
            let answers = seen.filter(|seen| seen.probed);
            let answers = answers.map(|seen| seen.evidence.answers);
            self.effects
                .dataplane
                .gatekeepers
                .set_probed(gatekeeper, answers.unwrap_or_default());
        }
    }

    /// Whether no endpoint could be heard: no interface on their side is up and carries the program.
    fn is_blind(&self) -> bool {
        let mut towards_endpoints = (self.effects.dataplane.ports().values())
            .filter(|port| port.interface.side != config::Side::Gatekeepers);
        !towards_endpoints.any(|port| match link::look(&port.interface.name) {
            Sight::Here(link) => link.passes(),
            Sight::Absent => false,
            Sight::Unseen(_) => true,
        })
    }

    /// Notes where profiles came from, and gives what the site is to know of them.
    pub(super) fn note_profiles(&mut self, loaded: Loaded) -> LoadedProfiles {
        self.profile_source = Some(loaded.source);
        self.profile_trouble.clone_from(&loaded.trouble);
        let unread = loaded.source == Source::Nothing && loaded.trouble.is_some();
        LoadedProfiles {
            profiles: (!unread).then_some(loaded.profiles),
            trouble: loaded.trouble,
        }
    }

    /// Ends cleanly: nothing is diverted any more; detached unless `stay` says otherwise.
    pub(super) fn stop(&mut self, stay: Option<bool>) -> Result<&'static str> {
        service::stopping();
        self.effects.dataplane.stop_heartbeat();
        self.observe(monotonic_ns());
        let stays = stay.unwrap_or(self.config.daemon.on_stop == OnStop::Stay);
        let done = if stays {
            "stopped; the program stays attached and answers what it knows"
        } else {
            self.effects.dataplane.detach_all()?;
            "stopped and detached"
        };
        self.agents.stop(!stays);
        self.effects.calls.stop();
        self.effects.persist.save_events(&mut self.effects.events);
        // The network waits for nothing that is written.
        self.effects.persist.write_all_times(&self.site);
        tracing::info!("{done}");
        Ok(done)
    }
}

/// UNIX time in seconds when the monotonic clock was 0.
pub(super) fn unix_at_zero() -> i64 {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let since_start = Duration::from_nanos(monotonic_ns());
    unix.as_secs().cast_signed() - since_start.as_secs().cast_signed()
}

fn side(interface: u32) -> Option<site::Side> {
    if sides::is_endpoints(interface) {
        Some(site::Side::Endpoints)
    } else if sides::is_gatekeepers(interface) {
        Some(site::Side::Gatekeepers)
    } else {
        None
    }
}

/// Why a message is here.
const fn reason(reason: rasline_kernel::Reason) -> Reason {
    match reason {
        rasline_kernel::Reason::UnknownRrq => Reason::UnknownRrq,
        rasline_kernel::Reason::FromEndpoint => Reason::FromEndpoint,
        rasline_kernel::Reason::FromGatekeeper => Reason::FromGatekeeper,
        rasline_kernel::Reason::Diverted => Reason::Diverted,
        rasline_kernel::Reason::ChangedRcf => Reason::ChangedRcf,
        rasline_kernel::Reason::Withdrawn => Reason::Withdrawn,
        rasline_kernel::Reason::Standby => Reason::Standby,
    }
}
