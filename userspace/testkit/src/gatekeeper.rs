//! A gatekeeper for tests (H.225.0 7.8 to 7.10, the registrar's side).
//!
//! ```text
//! GRQ -> GCF      full RRQ -> RCF (a new or the same endpointIdentifier)      URQ -> UCF (and forgotten)
//! lightweight RRQ -> RCF, or RRJ fullRegistrationRequired: unknown, from another address, or told to reject
//! ARQ -> ACF, or ARJ: invalidEndpointIdentifier, callerNotRegistered (known, but at another address)     DRQ -> DCF
//! TCP: Setup -> CallProceeding, Alerting, Connect          STATUS ENQUIRY -> STATUS
//! ```
//! With a password it signs all messages that it sends (H.235.1); it does not check received ones.
//!
//! Invariant: a received message is in the log, in order of arrival, before the answer is sent.

use std::{
    fs::File,
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
use serde::{Deserialize, Serialize};

use crate::{
    Netns, admission, admission::Alternate, callserver::CallServer, messages, registrar::State,
    topology,
};

const RECEIVE_BUFFER: usize = 8 << 20;
/// Where endpoints look for a gatekeeper (H.225.0 Table 17).
const GROUP: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 1, 41), 1718);
const STOPS_WITHIN: Duration = Duration::from_millis(50);

/// Behaviour of a gatekeeper; it can be changed at any time.
// Each flag is an independent behaviour.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// gatekeeperIdentifier.
    pub name: String,
    /// timeToLive that it grants.
    pub time_to_live: u32,
    /// Whether RCFs carry the endpoint's aliases.
    pub aliases_in_rcf: bool,
    /// Whether it reads but does not answer (a frozen process).
    pub silent: bool,
    /// Loss rate of received messages, in thousandths.
    pub lost_per_mille: u32,
    /// Messages of these kinds that it ignores: GRQs where discovery is switched off, say.
    pub ignore: Vec<What>,
    /// Whether it ignores lightweight RRQs with an endpointIdentifier that it did not give.
    pub ignore_strangers: bool,
    /// Another address of the gatekeeper from which it answers. Takes effect when it starts.
    pub answers_from: Option<IpAddr>,
    /// Answers every request with a RIP of so many milliseconds first, and its retransmission properly (a slow one).
    pub rip: Option<u16>,
    /// What its GCF, RCF, RRJ, ARJ and URQ say about alternates.
    pub alternates: Vec<Alternate>,
    /// Suffix of its endpointIdentifiers.
    pub eid_suffix: String,
    /// Whether it grants an endpointIdentifier of its own even to one that asks for another.
    pub own_eids: bool,
    /// As a widespread gatekeeper does: RRJ invalidCallSignalAddress unless a callSignalAddress is on the host that the
    /// RRQ comes from; who registers with the callSignalAddress of another is taken for that one; and RRJ
    /// fullRegistrationRequired to a lightweight RRQ with another callSignalAddress.
    pub compares_addresses: bool,
    /// Whether it confirms lightweight RRQs of endpoints that it does not know, as if its peers had informed it.
    pub confirm_unknown: bool,
    /// Whether it receives GRQs to 224.0.1.41:1718, on the interface of its IPv4 address. Takes effect when it starts.
    pub multicast: bool,
    /// If set, rejects every RRQ for this reason.
    pub refuse: Option<Refuse>,
    /// Password with which it signs all messages that it sends (H.235.1).
    pub signs: Option<String>,
    /// Port for call signalling; `None` does not listen. Takes effect when it starts.
    pub call_port: Option<u16>,
    /// As GnuGk: closes (FIN) a connection on which no Setup comes within so many milliseconds, and at once at a Status
    /// Enquiry, which it answers by a ReleaseComplete. Counts from the next connection on.
    pub closes_idle_ms: Option<u64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: "gk1".into(),
            time_to_live: 600,
            aliases_in_rcf: true,
            silent: false,
            lost_per_mille: 0,
            ignore: Vec::new(),
            ignore_strangers: false,
            answers_from: None,
            rip: None,
            alternates: Vec::new(),
            eid_suffix: "endp".into(),
            own_eids: false,
            compares_addresses: false,
            confirm_unknown: false,
            multicast: false,
            refuse: None,
            signs: None,
            call_port: Some(messages::CALL_SIGNALLING),
            closes_idle_ms: None,
        }
    }
}

/// Why a gatekeeper rejects every RRQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refuse {
    /// resourceUnavailable.
    ResourceUnavailable,
    /// fullRegistrationRequired, and full ones are granted.
    FullRequired,
    /// resourceUnavailable, and GRQs are rejected, too: terminalExcluded.
    Everything,
}

/// Kind of a received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// GRQ.
    Discovery,
    /// RRQ without keepAlive.
    FullRrq,
    /// RRQ with keepAlive.
    KeepAlive,
    /// URQ.
    Urq,
    /// UCF, the answer to a URQ of its own.
    Ucf,
    /// ARQ.
    Arq,
    /// DRQ.
    Drq,
    /// DCF, the answer to a DRQ of its own.
    Dcf,
    /// IRR.
    Irr,
    /// A call-signalling connection; the log has no endpointIdentifier.
    Connected,
    /// Setup; the log has the callIdentifier for an endpointIdentifier, and the call reference for requestSeqNum.
    Setup,
    /// Status Enquiry; the log has the call reference for requestSeqNum.
    StatusEnquiry,
    /// ReleaseComplete, logged as Setup.
    ReleaseComplete,
    /// A call-signalling connection ended.
    Disconnected,
    /// Anything else.
    Other,
}

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
        self.lock().note(what, from, eid, seq);
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
                state: Mutex::new(State::new(policy, journal)),
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
            let policy = &self.shared.lock().policy;
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
        self.shared.lock().registrations.clear();
    }

    /// Changes its behaviour.
    pub fn set(&self, change: impl FnOnce(&mut Policy)) {
        change(&mut self.shared.lock().policy);
    }

    /// Rejects the next keep-alive of this endpoint and forgets it.
    pub fn reject_next(&self, eid: &str) {
        self.shared.lock().reject.insert(eid.to_owned());
    }

    /// Sends URQ ttlExpired to a registered endpoint and forgets it.
    ///
    /// # Errors
    /// When it is not registered, or this gatekeeper is not running.
    pub fn unregister(&self, eid: &str) -> Result<()> {
        let mut state = self.shared.lock();
        let Some(registration) = state.registrations.remove(eid) else {
            bail!("{eid} is not registered");
        };
        let seq = state.next_seq;
        state.next_seq += 1;
        let urq = messages::expire(seq, &state.policy.name, registration.ras, eid);
        let urq = admission::with_alternates(urq, &state.policy.alternates);
        let urq = state.signed(registration.ras, urq);
        self.send(&urq, registration.ras)
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
    pub fn ask(&self, eid: &str, mut request: RasMessage) -> Result<u16> {
        let mut state = self.shared.lock();
        let seq = state.next_seq;
        state.next_seq += 1;
        request.set_request_seq_num(seq);
        let registration = state.registrations.get(eid);
        let to = registration
            .with_context(|| format!("{eid} is not registered"))?
            .ras;
        let octets = state.signed(to, messages::encode(&request));
        drop(state);
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
        self.shared.lock().last_rcf.get(eid).cloned()
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
        if state.lost() {
            continue;
        }
        let reply = state.handle(address, from, &buffer[..n]);
        let silent = state.policy.silent;
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
