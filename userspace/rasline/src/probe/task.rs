//! One gatekeeper's probes: a UDP socket of their own, TCP connects, and the timer that its health asks for.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rasline_core::{
    Time,
    health::{Answers, Health, Input, Kind, Output, State, TcpProbe},
};
use tokio::{
    io::Interest,
    net::{TcpStream, UdpSocket},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use super::{
    ANSWER_EVERY, Board, Look, Report, Seen, Target, lock, message::Conversation, side::Sides,
    way::Way,
};
use crate::host::{
    arrival::{self, Arrival},
    monotonic_ns, route,
};

/// Longest answer that is read.
const MAX_ANSWER: usize = 4096;
/// A socket that cannot be made is tried again after so long.
const RETRY: Duration = Duration::from_secs(1);

/// What all tasks share.
pub(super) struct Shared {
    pub(super) board: Board,
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) look: Look,
    /// Whether this machine has more to do than it can.
    pub(super) busy: Arc<AtomicBool>,
}

/// Probes a gatekeeper until it is aborted; `known` is what it was found to answer earlier.
pub(super) async fn run(target: Target, mut known: Answers, shared: Shared) {
    let mut cut = None;
    loop {
        let mut prober = match Prober::new(&target, known, &shared).await {
            Ok(prober) => prober,
            Err(e) => {
                let way = route::cut(target.ras.ip(), None);
                if way.is_none() {
                    tracing::warn!("probes of {}: {e}; tried again", target.ras);
                }
                tell_way(&target, &shared.reports, &mut cut, way).await;
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        tell_way(&target, &shared.reports, &mut cut, None).await;
        prober.go_on().await;
        known = prober.health.answers();
    }
}

/// Reports that the way is cut, or no longer, if that is new.
async fn tell_way(
    target: &Target,
    reports: &mpsc::Sender<Report>,
    cut: &mut Option<String>,
    why: Option<String>,
) {
    if *cut != why {
        cut.clone_from(&why);
        let gatekeeper = target.gatekeeper;
        let _ = reports.send(Report::CutOff { gatekeeper, why }).await;
    }
}

struct Prober<'a> {
    target: &'a Target,
    shared: &'a Shared,
    socket: UdpSocket,
    sides: Sides,
    health: Health,
    conversation: Conversation,
    way: Way,
    seen: Seen,
    /// The address that is asked has answered: no other one answers for it.
    answered_itself: bool,
    reported: Time,
    connecting: Option<JoinHandle<bool>>,
}

fn now() -> Time {
    Time(monotonic_ns())
}

/// A socket at a port that the kernel draws, at the address that leads to the gatekeeper. It is not connected: a
/// gatekeeper with several addresses may answer from another one.
async fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = if to.is_ipv4() {
        [0, 0, 0, 0].into()
    } else {
        [0u16; 8].into()
    };
    let route = UdpSocket::bind((any, 0)).await?;
    route.connect(to).await?;
    let mut local = route.local_addr()?;
    local.set_port(0);
    let socket = UdpSocket::bind(local).await?;
    arrival::prepare(socket.as_fd(), to.is_ipv6())?;
    Ok(socket)
}

async fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Arrival> {
    socket
        .async_io(Interest::READABLE, || {
            arrival::receive(socket.as_fd(), buffer)
        })
        .await
}

impl<'a> Prober<'a> {
    async fn new(target: &'a Target, known: Answers, shared: &'a Shared) -> io::Result<Self> {
        let socket = open(target.ras).await?;
        let conversation = Conversation::new(target.probe, socket.local_addr()?);
        let probed = target.is_probed();
        Ok(Self {
            target,
            shared,
            socket,
            sides: Sides::new(&target.endpoints),
            health: Health::knowing(target.settings, known, now()),
            conversation,
            way: Way::new(target.ras.ip()),
            seen: Seen {
                probed,
                ..Seen::default()
            },
            answered_itself: false,
            reported: Time(0),
            connecting: None,
        })
    }

    async fn go_on(&mut self) {
        let mut answer = [0; MAX_ANSWER];
        loop {
            let due = now();
            let wait = self.health.due().since(due);
            let input = tokio::select! {
                biased;
                // Answers first: one that is here counts before the timer that would miss it.
                received = receive(&self.socket, &mut answer) => match received {
                    Ok(arrival) => self.answer(arrival, &answer[..arrival.len]),
                    Err(e) => Some(self.failed(&e)),
                },
                connected = connected(&mut self.connecting) => {
                    self.connecting = None;
                    Some(if connected { Input::TcpConnected } else { Input::TcpFailed })
                }
                () = sleep_until(Instant::now() + wait) => Some(self.timer().await),
            };
            if let Some(input) = input {
                self.handle(input).await;
            }
        }
    }

    /// A timer of the health machine is due. It is ignored while this machine's link is down. What the data path has
    /// received counts before any verdict.
    async fn timer(&mut self) -> Input {
        let busy = self.shared.busy.load(Ordering::Relaxed);
        self.handle(Input::Busy(busy)).await;
        let traffic = (self.shared.look)(self.target.gatekeeper);
        self.handle(Input::Traffic(traffic)).await;
        if self.way.look(now(), self.health.state()) {
            let report = Report::CutOff {
                gatekeeper: self.target.gatekeeper,
                why: self.way.cut().cloned(),
            };
            let _ = self.shared.reports.send(report).await;
        }
        if self.way.explains(now(), self.health.state()) {
            Input::CutOff
        } else {
            Input::Timer
        }
    }

    /// What a datagram means; `None`: it is no answer.
    fn answer(&mut self, arrival: Arrival, message: &[u8]) -> Option<Input> {
        let itself = arrival.from == self.target.ras;
        let other = !self.answered_itself && arrival.from.port() == self.target.ras.port();
        if !itself && !other {
            return None;
        }
        if self.sides.is_endpoints(now(), arrival.interface) {
            self.seen.strangers += 1;
            return None;
        }
        let input = self.conversation.answer(message)?;
        self.answered_itself |= itself;
        self.seen.answers_from = (!itself).then_some(arrival.from);
        Some(input)
    }

    async fn handle(&mut self, input: Input) {
        let at = now();
        if matches!(input, Input::Answered { .. } | Input::Slow { .. }) {
            self.seen.answered += 1;
            if at.since(self.reported) >= ANSWER_EVERY {
                self.reported = at;
                // If there is no room, the next answer says as much.
                let _ = self.shared.reports.try_send(Report::Answered {
                    gatekeeper: self.target.gatekeeper,
                    at,
                });
            }
        }
        let mut out = Vec::new();
        self.health.handle(at, input, &mut out);
        let mut at_once = 0;
        while let Some(output) = (at_once < out.len()).then(|| out[at_once]) {
            at_once += 1;
            match output {
                Output::Probe { probe, kind } => {
                    if let Some(result) = self.send(probe, kind) {
                        self.health.handle(now(), result, &mut out);
                    }
                }
                Output::ConnectTcp => self.connect(),
                Output::Changed(change) => {
                    if change.to == State::Up {
                        self.way.leads();
                    }
                    let report = Report::Changed {
                        gatekeeper: self.target.gatekeeper,
                        change,
                    };
                    // The controller is gone only when this task is about to end, too.
                    let _ = self.shared.reports.send(report).await;
                }
            }
        }
        self.seen.state = self.health.state();
        self.seen.evidence = self.health.evidence();
        self.seen.via = self.way.via();
        self.seen.late = self.health.late_timers();
        lock(&self.shared.board).insert(self.target.gatekeeper, self.seen);
    }

    /// Sends a probe; what went wrong, if anything.
    fn send(&mut self, probe: u64, kind: Kind) -> Option<Input> {
        let Some(request) = self.conversation.request(probe, kind) else {
            return Some(Input::SendFailed);
        };
        self.seen.sent += 1;
        let sent = self.socket.try_send_to(&request, self.target.ras);
        sent.err().map(|e| self.failed(&e))
    }

    /// What an error of the socket says of the gatekeeper: unreachable is its silence, anything else our own trouble.
    fn failed(&self, e: &io::Error) -> Input {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
        arrival::drop_errors(self.socket.as_fd());
        match e.kind() {
            ConnectionRefused | HostUnreachable | NetworkUnreachable => Input::Refused,
            _ => Input::SendFailed,
        }
    }

    fn connect(&mut self) {
        let (to, settings) = (self.target.call, self.target.settings);
        if settings.tcp == TcpProbe::Off {
            return;
        }
        let limit = settings.tcp_interval;
        self.connecting = Some(tokio::spawn(async move {
            matches!(timeout(limit, TcpStream::connect(to)).await, Ok(Ok(_)))
        }));
    }
}

/// Waits for the connect under way; for ever, if there is none.
async fn connected(connecting: &mut Option<JoinHandle<bool>>) -> bool {
    match connecting {
        Some(task) => task.await.unwrap_or(false),
        None => std::future::pending().await,
    }
}
