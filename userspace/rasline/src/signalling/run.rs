//! The loop of the signalling thread: what comes becomes inputs of the machine, what it wants done is done at once.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError, mpsc as std_mpsc},
    time::Duration,
};

use rasline_core::{
    Time,
    call::{Calls, Input, LinkId, LinkLoss, ListenerId, Output, Settings, Stats},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    Order, Report, Snapshot,
    line::{self, MAX_WRITES},
    listen,
    news::{News, Purpose},
};
use crate::host::monotonic_ns;

/// The counts are shown at most this often.
const SHOW_EVERY: Duration = Duration::from_millis(500);
/// News of connections that wait at most.
const MAX_NEWS: usize = 1024;

/// Runs until it is ordered to stop.
pub(super) async fn run(
    mut orders: mpsc::Receiver<Order>,
    reports: mpsc::Sender<Report>,
    board: &Mutex<Stats>,
) {
    let (to_news, mut news) = mpsc::channel(MAX_NEWS);
    let mut host = Host::new(to_news, reports);
    let mut show = interval(SHOW_EVERY);
    show.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // What RAS says comes first: a Setup follows the ACF that admits it, and must not be handled before that.
            biased;
            order = orders.recv() => match order {
                Some(Order::Listen(name, purpose, listener)) => {
                    host.listen(name, purpose, listener);
                }
                Some(Order::StopListening(name)) => {
                    host.listeners.remove(&name);
                }
                Some(Order::Fact(zone, fact)) => host.handle(Input::Fact { zone, fact }),
                Some(Order::Show(reply)) => {
                    // Who asked may have stopped waiting.
                    let _ = reply.send(host.show());
                }
                Some(Order::Release(call)) => host.handle(Input::Release { call }),
                Some(Order::Stop(done)) => return confirm_stop(&done),
                None => return,
            },
            Some(one) = news.recv() => host.take(one),
            _ = show.tick() => {
                *board.lock().unwrap_or_else(PoisonError::into_inner) = host.machine.stats();
                host.report_left_out();
            }
            () = sleep_until(host.due()) => host.handle(Input::Due),
        }
    }
}

fn confirm_stop(done: &std_mpsc::Sender<()>) {
    // Who asked may have stopped waiting.
    let _ = done.send(());
}

fn now() -> Time {
    Time(monotonic_ns())
}

/// A listener's task; it ends with it.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Host {
    machine: Calls,
    /// What is to be written on each connection; dropped, it is closed.
    lines: HashMap<LinkId, mpsc::Sender<Vec<u8>>>,
    listeners: HashMap<SocketAddr, Task>,
    /// What is to be done, in order: carrying out one thing may bring more.
    outputs: VecDeque<Output>,
    control: HashMap<ListenerId, Task>,
    news: mpsc::Sender<News>,
    reports: mpsc::Sender<Report>,
    accepted: u64,
    left_out: u64,
}

impl Host {
    fn new(news: mpsc::Sender<News>, reports: mpsc::Sender<Report>) -> Self {
        Self {
            machine: Calls::new(Settings::default()),
            lines: HashMap::new(),
            listeners: HashMap::new(),
            outputs: VecDeque::new(),
            control: HashMap::new(),
            news,
            reports,
            accepted: 0,
            left_out: 0,
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.machine.handle(now(), input, &mut out);
        self.outputs.extend(out);
        while let Some(output) = self.outputs.pop_front() {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Connect { link, from, to } => {
                let (writes, to_write) = mpsc::channel(MAX_WRITES);
                self.lines.insert(link, writes);
                let way = (SocketAddr::new(from, 0), to);
                tokio::spawn(line::connect(link, way, to_write, self.news.clone()));
            }
            Output::Listen { listener, on } => self.listen_for_control(listener, on),
            Output::StopListening { listener } => {
                self.control.remove(&listener);
            }
            Output::Write { link, octets } => self.write(link, octets),
            Output::Close { link } => {
                self.lines.remove(&link);
            }
            Output::AskAdmission { zone, asked } => {
                self.report(Report::AskAdmission(zone, asked));
            }
            Output::Event(event) => {
                tracing::debug!("{event:?}");
                self.report(Report::Event(event));
            }
        }
    }

    /// Reports to the main loop; what finds no room is left out, and an admission is then asked for again in time.
    fn report(&mut self, report: Report) {
        if self.reports.try_send(report).is_err() {
            self.left_out += 1;
        }
    }

    fn write(&mut self, link: LinkId, octets: Vec<u8>) {
        let Some(writes) = self.lines.get(&link) else {
            return;
        };
        if writes.try_send(octets).is_err() {
            self.lines.remove(&link);
            let why = LinkLoss::Full;
            self.handle(Input::Lost { link, why });
        }
    }

    fn listen_for_control(&mut self, listener: ListenerId, on: IpAddr) {
        let bound = listen::bind_any(on);
        if let Err(e) = &bound {
            tracing::warn!("H.245: listener at {on}: {e}");
        }
        let address = bound.ok().map(|(socket, address)| {
            let task = listen::accept_control(listener, socket, self.news.clone());
            self.control.insert(listener, Task(tokio::spawn(task)));
            address
        });
        self.handle(Input::Listening { listener, address });
    }

    // What comes from outside.

    fn take(&mut self, news: News) {
        match news {
            News::Accepted {
                purpose,
                stream,
                peer,
                local,
            } => {
                let link = self.serve_line(stream);
                self.handle(match purpose {
                    Purpose::Endpoints(zone) => Input::EndpointConnected {
                        link,
                        zone,
                        peer,
                        local,
                    },
                    Purpose::Gatekeepers => Input::GatekeeperConnected { link, peer, local },
                });
            }
            News::ControlAccepted { id, stream, peer } => {
                let link = self.serve_line(stream);
                let listener = id;
                self.handle(Input::ControlConnected {
                    listener,
                    link,
                    peer,
                });
            }
            News::Connected { link, local } => self.handle(Input::Connected { link, local }),
            News::Message { link, octets } => {
                let octets = &octets;
                self.handle(Input::Message { link, octets });
            }
            News::Lost { link, why } => {
                self.lines.remove(&link);
                self.handle(Input::Lost { link, why });
            }
        }
    }

    fn serve_line(&mut self, stream: TcpStream) -> LinkId {
        self.accepted += 1;
        let link = LinkId(self.accepted);
        let (writes, to_write) = mpsc::channel(MAX_WRITES);
        self.lines.insert(link, writes);
        tokio::spawn(line::serve(link, stream, to_write, self.news.clone()));
        link
    }

    // What the controller wants.

    fn listen(&mut self, name: SocketAddr, purpose: Purpose, listener: std::net::TcpListener) {
        match TcpListener::from_std(listener) {
            Ok(listener) => {
                let task = listen::accept(listener, purpose, self.news.clone());
                self.listeners.insert(name, Task(tokio::spawn(task)));
            }
            Err(e) => tracing::error!("call signalling {name}: {e}"),
        }
    }

    /// Says how many events found no room.
    fn report_left_out(&mut self) {
        if self.left_out > 0 && self.reports.capacity() > 0 {
            tracing::warn!("call signalling: {} events found no room", self.left_out);
            self.left_out = 0;
        }
    }

    fn show(&self) -> Snapshot {
        Snapshot {
            calls: self.machine.views(),
            stats: self.machine.stats(),
        }
    }

    /// When the machine wants to be called.
    fn due(&self) -> Instant {
        let far = Duration::from_hours(1);
        let wait = self.machine.next_due().map_or(far, |due| due.since(now()));
        Instant::now() + wait.min(far)
    }
}
