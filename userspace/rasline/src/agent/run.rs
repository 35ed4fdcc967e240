//! The loop of the agents' thread: what comes becomes inputs of the machine, what it wants done is done at once.
//!
//! Connections are served before messages, and both before timers: a loss waits for nothing.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64, mpsc as std_mpsc},
    time::Duration,
};

use rasline_core::{
    Time,
    agent::{AgentId, Agents as Machine, ConnectionId, EventKind, Input, Output, Remembered},
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    LEAVE_WITHIN, Order, Report,
    board::{Board, Figures, Shown},
    connection::{self, Line, What},
    sockets::{Datagram, Sockets},
    unix_at_zero,
};
use crate::{
    config,
    host::{self, monotonic_ns},
};

/// Messages that wait to be handled at most; more wait in the sockets.
const MAX_DATAGRAMS: usize = 256;
/// News of connections that wait at most.
const MAX_NEWS: usize = 256;
/// The board is written at most so often.
const SHOW_EVERY: Duration = Duration::from_millis(50);
/// Sockets that are missing, and reports that found no room, are tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Between two turns of the machine's timer at least.
const TURN: Duration = Duration::from_millis(1);
/// Turns of [`RETRY`] between looks at the wall clock.
const CLOCK_EVERY: u32 = 60;

/// Runs until it is ordered to stop.
pub(super) async fn run(
    mut orders: mpsc::Receiver<Order>,
    reports: mpsc::Sender<Report>,
    board: Board,
) {
    let (to_datagrams, mut datagrams) = mpsc::channel(MAX_DATAGRAMS);
    let (to_news, mut news) = mpsc::channel(MAX_NEWS);
    let mut host = Host::new(Sockets::new(to_datagrams), to_news, reports, board);
    let mut retry = interval(RETRY);
    retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            Some((connection, what)) = news.recv() => host.heard(connection, what),
            order = orders.recv() => match order {
                Some(Order::Configure { agents, remembered }) => host.configure(agents, remembered),
                Some(Order::Reregister(agent)) => host.handle(Input::Reregister { agent }),
                Some(Order::Stop { leave, done }) => {
                    if leave {
                        host.leave(&mut datagrams).await;
                    }
                    return ended(&done);
                }
                None => return,
            },
            Some(datagram) = datagrams.recv() => host.received(&datagram),
            () = sleep_until(host.due()) => host.timer(),
            _ = retry.tick() => host.retry(),
        }
    }
}

fn ended(done: &std_mpsc::Sender<()>) {
    // Who asked may have stopped waiting.
    let _ = done.send(());
}

/// What is kept of an agent beside the machine.
#[derive(Debug)]
struct Own {
    config: config::Agent,
    /// Stays the same, so that only what the file says changes.
    seed: u64,
    figures: Figures,
    unused: Arc<AtomicU64>,
}

struct Host {
    machine: Machine,
    sockets: Sockets,
    agents: BTreeMap<AgentId, Own>,
    lines: HashMap<ConnectionId, JoinHandle<()>>,
    news: mpsc::Sender<(ConnectionId, What)>,
    reports: mpsc::Sender<Report>,
    /// By name: found no room yet.
    to_remember: BTreeMap<String, Remembered>,
    left_out: u64,
    board: Board,
    shown: Instant,
    /// When the machine's timer was last served.
    served: Instant,
    /// Something is to be shown.
    changed: bool,
    turns: u32,
}

fn now() -> Time {
    Time(monotonic_ns())
}

impl Host {
    fn new(
        sockets: Sockets,
        news: mpsc::Sender<(ConnectionId, What)>,
        reports: mpsc::Sender<Report>,
        board: Board,
    ) -> Self {
        Self {
            machine: Machine::new(),
            sockets,
            agents: BTreeMap::new(),
            lines: HashMap::new(),
            news,
            reports,
            to_remember: BTreeMap::new(),
            left_out: 0,
            board,
            shown: Instant::now(),
            served: Instant::now(),
            changed: false,
            turns: 0,
        }
    }

    fn configure(&mut self, all: Vec<(AgentId, config::Agent)>, remembered: Vec<Remembered>) {
        let wanted: Vec<_> = all.iter().map(|(id, a)| (*id, a.ras_address)).collect();
        self.sockets.set(&wanted);
        let mut before = std::mem::take(&mut self.agents);
        let mut configs = Vec::new();
        for (id, agent) in all {
            let own = match before.remove(&id) {
                Some(own) => Own {
                    config: agent,
                    ..own
                },
                None => Own {
                    config: agent,
                    seed: seed(),
                    figures: Figures::default(),
                    unused: Arc::default(),
                },
            };
            configs.push(own.config.wanted(id, own.seed));
            self.agents.insert(id, own);
        }
        let unix_at_zero = unix_at_zero();
        self.handle(Input::WallClock { unix_at_zero });
        self.handle(Input::Configure(configs));
        for one in remembered {
            self.handle(Input::Restore(one));
        }
        self.show();
    }

    fn received(&mut self, datagram: &Datagram) {
        // A socket that went while this waited has no owner.
        if let Some(agent) = self.sockets.owner(datagram.at) {
            self.handle(Input::Message {
                agent,
                from: datagram.from,
                payload: &datagram.payload,
            });
        }
    }

    fn heard(&mut self, connection: ConnectionId, what: What) {
        // What was told to go may have said something before.
        if !self.lines.contains_key(&connection) {
            return;
        }
        match what {
            What::Connected => self.handle(Input::Connected { connection }),
            What::Lost(why) => {
                self.lines.remove(&connection);
                self.handle(Input::Lost { connection, why });
            }
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.machine.handle(now(), input, &mut out);
        for output in out {
            self.carry_out(output);
        }
        self.changed = true;
        if self.shown.elapsed() >= SHOW_EVERY {
            self.show();
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { agent, to, payload } => {
                if !self.sockets.send(agent, to, &payload)
                    && let Some(own) = self.agents.get_mut(&agent)
                {
                    own.figures.not_sent += 1;
                }
            }
            Output::Connect {
                agent,
                connection,
                to,
                enquire,
            } => self.connect(agent, connection, to, enquire),
            Output::Disconnect { connection } => {
                if let Some(task) = self.lines.remove(&connection) {
                    task.abort();
                }
            }
            Output::Persist(remembered) => {
                self.to_remember.insert(remembered.name.clone(), remembered);
                self.remember();
            }
            Output::Event(event) => {
                if let Some(own) = self.agents.get_mut(&event.agent) {
                    own.figures.note(now(), &event.kind);
                }
                if matches!(event.kind, EventKind::SignallingLost { .. }) {
                    tracing::debug!("{event:?}");
                }
                if self.reports.try_send(Report::Event(event)).is_err() {
                    self.left_out += 1;
                }
            }
        }
    }

    fn connect(&mut self, agent: AgentId, connection: ConnectionId, to: SocketAddr, enquire: bool) {
        let Some(own) = self.agents.get(&agent) else {
            return;
        };
        let line = Line {
            connection,
            from: own.config.ras_address.ip(),
            to,
            silence: own.config.silence,
            status_enquiry: own.config.status_enquiry.filter(|_| enquire),
            unused: own.unused.clone(),
        };
        let task = tokio::spawn(connection::run(line, self.news.clone()));
        self.lines.insert(connection, task);
    }

    fn remember(&mut self) {
        while let Some((name, remembered)) = self.to_remember.pop_first() {
            let report = Report::Remember(remembered);
            if let Err(e) = self.reports.try_send(report) {
                if let Report::Remember(again) = e.into_inner() {
                    self.to_remember.insert(name, again);
                }
                return;
            }
        }
    }

    /// When the machine or the board wants something.
    fn due(&self) -> Instant {
        let machine = self.machine.next_due();
        // A timer that is due again at once must not keep others from their turn.
        let machine =
            machine.map(|due| (Instant::now() + due.since(now())).max(self.served + TURN));
        let board = self.changed.then(|| self.shown + SHOW_EVERY);
        let far = Instant::now() + Duration::from_hours(1);
        [machine, board]
            .into_iter()
            .flatten()
            .fold(far, Instant::min)
    }

    fn timer(&mut self) {
        if self.machine.next_due().is_some_and(|due| due <= now()) {
            self.handle(Input::Due);
            self.served = Instant::now();
        }
        if self.changed && self.shown.elapsed() >= SHOW_EVERY {
            self.show();
        }
    }

    fn retry(&mut self) {
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(CLOCK_EVERY) {
            let unix_at_zero = unix_at_zero();
            self.handle(Input::WallClock { unix_at_zero });
        }
        self.changed |= self.sockets.any_trouble();
        for agent in self.sockets.retry() {
            self.handle(Input::Reregister { agent });
        }
        self.remember();
        if self.left_out > 0 && self.reports.capacity() > 0 {
            tracing::warn!("agents: {} events found no room", self.left_out);
            self.left_out = 0;
        }
    }

    fn show(&mut self) {
        self.changed = false;
        self.shown = Instant::now();
        let shown = |(id, view)| {
            // One that leaves is not shown any more.
            let own = self.agents.get(&id)?;
            Some(Shown {
                figures: own.figures,
                trouble: self.sockets.trouble(id),
                unused: own.unused.clone(),
                view,
            })
        };
        let mut all: Vec<Shown> = self.machine.views().into_iter().filter_map(shown).collect();
        all.sort_by(|a, b| a.view.name.cmp(&b.view.name));
        self.board.write(all);
    }

    /// Unregisters all, and waits for the answers for a bounded time.
    async fn leave(&mut self, datagrams: &mut mpsc::Receiver<Datagram>) {
        let end = Instant::now() + LEAVE_WITHIN;
        self.handle(Input::Stop);
        while self.machine.next_due().is_some() && Instant::now() < end {
            tokio::select! {
                biased;
                Some(datagram) = datagrams.recv() => self.received(&datagram),
                () = sleep_until(self.due().min(end)) => self.timer(),
            }
        }
    }
}

/// Makes one agent's jitter another than all others'.
fn seed() -> u64 {
    let mut octets = [0; 8];
    // Without the kernel's random octets, the clock differs as well.
    match host::random(&mut octets) {
        Ok(()) => u64::from_ne_bytes(octets),
        Err(_) => monotonic_ns(),
    }
}
