//! The model of a gatekeeper on sockets: RAS by UDP, call signalling by TCP, and a log of all that came.
//!
//! Invariant: a received message is in the log, in order of arrival, before the answer is sent.

use std::{
    fs::File,
    io::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rasline_h225::RasMessage;
use rasline_testkit_model::gatekeeper::{Gatekeeper, Received};
pub use rasline_testkit_model::gatekeeper::{Policy, Refuse, What};

use crate::{Netns, admission, callserver::CallServer, clock, journal::Line, topology};

const RECEIVE_BUFFER: usize = 8 << 20;
/// Where endpoints look for a gatekeeper (H.225.0 Table 17).
const GROUP: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 1, 41), 1718);
const STOPS_WITHIN: Duration = Duration::from_millis(50);

/// An entry of its log.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Time of arrival.
    pub at: Instant,
    /// Source address.
    pub from: SocketAddr,
    /// Kind of the message.
    pub what: What,
    /// endpointIdentifier in it, or given in answer to it.
    pub eid: Option<String>,
    /// requestSeqNum.
    pub seq: u16,
}

impl Seen {
    /// Whether an endpoint sent it, and not the gateway itself (as a probe).
    #[must_use]
    pub fn by_endpoint(&self) -> bool {
        !topology::GATEWAY.contains(&self.from.ip())
    }

    /// Whether it is an endpoint's RRQ.
    #[must_use]
    pub fn is_rrq(&self) -> bool {
        matches!(self.what, What::FullRrq | What::KeepAlive) && self.by_endpoint()
    }
}

/// The model, and what it has received.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) model: Gatekeeper,
    log: Vec<Seen>,
    journal: Option<File>,
}

impl State {
    /// Adds a line to the log.
    fn note(&mut self, from: SocketAddr, Received { what, eid, seq }: Received) {
        if let Some(journal) = &mut self.journal {
            let line = Line {
                at: clock::monotonic(),
                from,
                what,
                eid,
                seq,
            };
            // One write, so that a reader never sees half a line; a full disk fails the tests that read it.
            let _ = journal.write_all(line.text().as_bytes());
            return;
        }
        self.log.push(Seen {
            at: Instant::now(),
            from,
            what,
            eid,
            seq,
        });
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    news: Condvar,
    pub(crate) stop: AtomicBool,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere must not hide its message behind a poisoned lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event that is not a RAS message to the log.
    pub(crate) fn note(&self, what: What, from: SocketAddr, eid: Option<String>, seq: u16) {
        self.lock().note(from, Received { what, eid, seq });
        self.news.notify_all();
    }
}

#[derive(Debug)]
struct Running {
    socket: Arc<UdpSocket>,
    threads: Vec<JoinHandle<()>>,
    calls: Option<CallServer>,
}

/// The gatekeeper; stops on drop.
#[derive(Debug)]
pub struct FakeGatekeeper {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: Option<Running>,
}

impl FakeGatekeeper {
    /// Starts a gatekeeper on `address`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start(netns: &Netns, address: SocketAddr, policy: Policy) -> Result<Self> {
        let mut gatekeeper = Self::stopped(address, policy, None);
        gatekeeper.resume(netns)?;
        Ok(gatekeeper)
    }

    /// Starts a gatekeeper in the namespace of this thread. It writes its log to `journal`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start_here(address: SocketAddr, policy: Policy, journal: File) -> Result<Self> {
        let mut gatekeeper = Self::stopped(address, policy, Some(journal));
        gatekeeper.listen()?;
        Ok(gatekeeper)
    }

    fn stopped(address: SocketAddr, policy: Policy, journal: Option<File>) -> Self {
        Self {
            address,
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    model: Gatekeeper::new(policy),
                    log: Vec::new(),
                    journal,
                }),
                news: Condvar::new(),
                stop: AtomicBool::new(false),
            }),
            running: None,
        }
    }

    /// Starts it again after [`Self::kill`], with its registrations.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn resume(&mut self, netns: &Netns) -> Result<()> {
        netns.run(|| self.listen())?
    }

    fn listen(&mut self) -> Result<()> {
        let address = self.address;
        let bound = || format!("binding the gatekeeper to {address}");
        let socket = UdpSocket::bind(address).with_context(bound)?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        let (call_port, multicast, answers_from) = {
            let policy = &self.shared.lock().model.policy;
            (policy.call_port, policy.multicast, policy.answers_from)
        };
        let group = multicast
            .then(|| hear_group(address))
            .transpose()
            .context("hearing the multicast group")?;
        let listener = call_port
            .map(|port| TcpListener::bind(SocketAddr::new(address.ip(), port)))
            .transpose()
            .with_context(bound)?;
        let socket = Arc::new(socket);
        let answering = match answers_from {
            Some(other) => {
                let other = SocketAddr::new(other, address.port());
                Arc::new(UdpSocket::bind(other).with_context(bound)?)
            }
            None => Arc::clone(&socket),
        };
        self.shared.stop.store(false, Ordering::SeqCst);
        let start = |heard: Arc<UdpSocket>| {
            let (shared, ours) = (Arc::clone(&self.shared), Arc::clone(&answering));
            std::thread::spawn(move || serve(&shared, &heard, &ours, address))
        };
        let heard = group.map(Arc::new).into_iter().chain([Arc::clone(&socket)]);
        let threads = heard.map(start).collect();
        let calls = listener.map(|listener| CallServer::start(listener, &self.shared));
        self.running = Some(Running {
            socket,
            threads,
            calls,
        });
        Ok(())
    }

    /// Closes its sockets, like a killed process: its host answers with ICMP port unreachable, and with RST.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            self.shared.stop.store(true, Ordering::SeqCst);
            // An empty datagram wakes the thread. Where the receive buffer is full, another one does.
            let _ = running.socket.send_to(&[], self.address);
            for thread in running.threads {
                let _ = thread.join();
            }
            if let Some(calls) = running.calls {
                calls.stop();
            }
        }
    }

    /// Resets all call-signalling connections.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn reset_calls(&self) -> Result<()> {
        let calls = self.running.as_ref().and_then(|r| r.calls.as_ref());
        calls.context("no call signalling")?.reset()
    }

    /// Forgets all registrations, like a restart without a store.
    pub fn forget(&self) {
        self.shared.lock().model.forget();
    }

    /// Changes its behaviour.
    pub fn set(&self, change: impl FnOnce(&mut Policy)) {
        change(&mut self.shared.lock().model.policy);
    }

    /// Rejects the next keep-alive of this endpoint and forgets it.
    pub fn reject_next(&self, eid: &str) {
        self.shared.lock().model.reject_next(eid);
    }

    /// Sends URQ ttlExpired to a registered endpoint and forgets it.
    ///
    /// # Errors
    /// When it is not registered, or this gatekeeper is not running.
    pub fn unregister(&self, eid: &str) -> Result<()> {
        let urq = self.shared.lock().model.unregister(eid, clock::unix());
        let (urq, to) = urq.with_context(|| format!("{eid} is not registered"))?;
        self.send(&urq, to)
    }

    /// Sends an IRQ to a registered endpoint.
    ///
    /// # Errors
    /// When it is not registered, or this gatekeeper is not running.
    pub fn inquire(&self, eid: &str) -> Result<()> {
        self.ask(eid, rasline_h225::decode_ras(&admission::irq(1))?)
            .map(drop)
    }

    /// Sends a request to the address of a registered endpoint. Returns its requestSeqNum.
    ///
    /// # Errors
    /// When it is not registered, or this gatekeeper is not running.
    pub fn ask(&self, eid: &str, request: RasMessage) -> Result<u16> {
        let model = &mut self.shared.lock().model;
        let registration = model.registration(eid);
        let to = registration
            .with_context(|| format!("{eid} is not registered"))?
            .ras;
        let (seq, octets) = model.request(to, request, clock::unix());
        self.send(&octets, to)?;
        Ok(seq)
    }

    fn send(&self, octets: &[u8], to: SocketAddr) -> Result<()> {
        let running = self.running.as_ref().context("the gatekeeper is stopped")?;
        running.socket.send_to(octets, to)?;
        Ok(())
    }

    /// The RCF that it last sent to this endpoint, as sent.
    #[must_use]
    pub fn last_rcf(&self, eid: &str) -> Option<Vec<u8>> {
        self.shared.lock().model.last_rcf(eid).map(<[u8]>::to_vec)
    }

    /// The log of received messages.
    #[must_use]
    pub fn log(&self) -> Vec<Seen> {
        self.shared.lock().log.clone()
    }

    /// Number of matching messages in the log.
    #[must_use]
    pub fn count(&self, like: impl Fn(&Seen) -> bool) -> usize {
        self.shared.lock().log.iter().filter(|s| like(s)).count()
    }

    /// Number of keep-alives in the log, of this endpoint or of all.
    #[must_use]
    pub fn keep_alives(&self, eid: Option<&str>) -> usize {
        self.count(|s| s.what == What::KeepAlive && (eid.is_none() || s.eid.as_deref() == eid))
    }

    /// Waits until the log has `n` matching messages.
    ///
    /// # Errors
    /// When the time `within` is over; the error contains the last messages.
    pub fn await_seen(
        &self,
        n: usize,
        within: Duration,
        like: impl Fn(&Seen) -> bool,
    ) -> Result<()> {
        let few = |state: &mut State| state.log.iter().filter(|s| like(s)).count() < n;
        let (state, timeout) = self
            .shared
            .news
            .wait_timeout_while(self.shared.lock(), within, few)
            .unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            let last: Vec<_> = state.log.iter().rev().take(5).collect();
            bail!(
                "the gatekeeper did not see {n} such messages within {within:?}; last seen: {last:?}"
            );
        }
        Ok(())
    }
}

impl Drop for FakeGatekeeper {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A socket of the multicast group.
fn hear_group(address: SocketAddr) -> Result<UdpSocket> {
    let IpAddr::V4(here) = address.ip() else {
        bail!("{address} is not of IPv4");
    };
    let (group, port) = GROUP;
    let socket = UdpSocket::bind((group, port))?;
    socket.join_multicast_v4(&group, &here)?;
    // Nothing wakes its thread when it is to end.
    socket.set_read_timeout(Some(STOPS_WITHIN))?;
    Ok(socket)
}

/// Reads `socket`, and answers from `ours`.
fn serve(shared: &Shared, socket: &UdpSocket, ours: &UdpSocket, address: SocketAddr) {
    let mut buffer = vec![0; 65_536];
    loop {
        let received = socket.recv_from(&mut buffer);
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok((n, from)) = received else { continue };
        let mut state = shared.lock();
        if state.model.loses() {
            continue;
        }
        let handled = state
            .model
            .handle(address, from, &buffer[..n], clock::unix());
        let Some((received, reply)) = handled else {
            continue;
        };
        state.note(from, received);
        let silent = state.model.policy.silent;
        drop(state);
        shared.news.notify_all();
        if let Some(reply) = reply
            && !silent
        {
            // An endpoint that has gone away is not an error of the gatekeeper.
            let _ = ours.send_to(&reply, from);
        }
    }
}
