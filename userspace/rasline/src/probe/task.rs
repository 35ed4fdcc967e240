//! One gatekeeper's probes: a connected UDP socket, TCP connects, and the timer that its health asks for.

use std::{io, net::SocketAddr, time::Duration};

use rasline_core::{
    Time,
    health::{Health, Input, Output, State, TcpProbe},
};
use tokio::{
    net::{TcpStream, UdpSocket},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};

use super::{ANSWER_EVERY, Board, Report, Seen, Target, lock, message::Conversation, way::Way};
use crate::host::{monotonic_ns, route};

/// Longest answer that is read.
const MAX_ANSWER: usize = 4096;
/// A socket that cannot be made is tried again after so long.
const RETRY: Duration = Duration::from_secs(1);

/// Probes a gatekeeper until it is aborted.
pub(super) async fn run(target: Target, board: Board, reports: mpsc::Sender<Report>) {
    let mut cut = None;
    loop {
        let mut prober = match Prober::new(&target, &board, &reports).await {
            Ok(prober) => prober,
            Err(e) => {
                let way = route::cut(target.ras.ip(), None);
                if way.is_none() {
                    tracing::warn!("probes of {}: {e}; tried again", target.ras);
                }
                tell_way(&target, &reports, &mut cut, way).await;
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        tell_way(&target, &reports, &mut cut, None).await;
        prober.go_on().await;
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
    board: &'a Board,
    reports: &'a mpsc::Sender<Report>,
    socket: UdpSocket,
    health: Health,
    conversation: Conversation,
    way: Way,
    seen: Seen,
    reported: Time,
    connecting: Option<JoinHandle<bool>>,
}

fn now() -> Time {
    Time(monotonic_ns())
}

async fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = if to.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    Ok(socket)
}

impl<'a> Prober<'a> {
    async fn new(
        target: &'a Target,
        board: &'a Board,
        reports: &'a mpsc::Sender<Report>,
    ) -> io::Result<Self> {
        let socket = open(target.ras).await?;
        let conversation = Conversation::new(target.probe, socket.local_addr()?);
        Ok(Self {
            target,
            board,
            reports,
            socket,
            health: Health::new(target.settings, now()),
            conversation,
            way: Way::new(target.ras.ip()),
            seen: Seen::default(),
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
                received = self.socket.recv(&mut answer) => match received {
                    Ok(len) => self.conversation.answer(&answer[..len]),
                    Err(e) => Some(failed(&e)),
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

    /// It is time: for the health, unless our own link is down.
    async fn timer(&mut self) -> Input {
        if self.way.look(now(), self.health.state()) {
            let report = Report::CutOff {
                gatekeeper: self.target.gatekeeper,
                why: self.way.cut().cloned(),
            };
            let _ = self.reports.send(report).await;
        }
        if self.way.explains(now(), self.health.state()) {
            Input::CutOff
        } else {
            Input::Timer
        }
    }

    async fn handle(&mut self, input: Input) {
        let at = now();
        if matches!(input, Input::Answered { .. } | Input::Slow { .. }) {
            self.seen.answered += 1;
            if at.since(self.reported) >= ANSWER_EVERY {
                self.reported = at;
                // If there is no room, the next answer says as much.
                let _ = self.reports.try_send(Report::Answered {
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
                Output::Probe { probe } => {
                    if let Some(result) = self.send(probe) {
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
                    // The supervisor is gone only when this task is about to end, too.
                    let _ = self.reports.send(report).await;
                }
            }
        }
        self.seen.state = self.health.state();
        self.seen.evidence = self.health.evidence();
        self.seen.via = self.way.via();
        self.seen.late = self.health.late_timers();
        lock(self.board).insert(self.target.gatekeeper, self.seen);
    }

    /// Sends a probe; what went wrong, if anything.
    fn send(&mut self, probe: u64) -> Option<Input> {
        let request = self.conversation.request(probe)?;
        self.seen.sent += 1;
        let sent = self.socket.try_send(&request);
        sent.err().map(|e| failed(&e))
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

/// What an error of the socket says of the gatekeeper: unreachable is its silence, anything else our own trouble.
fn failed(e: &io::Error) -> Input {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    match e.kind() {
        ConnectionRefused | HostUnreachable | NetworkUnreachable => Input::Refused,
        _ => Input::SendFailed,
    }
}

/// Waits for the connect under way; for ever, if there is none.
async fn connected(connecting: &mut Option<JoinHandle<bool>>) -> bool {
    match connecting {
        Some(task) => task.await.unwrap_or(false),
        None => std::future::pending().await,
    }
}
