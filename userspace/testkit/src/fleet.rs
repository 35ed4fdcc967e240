//! Thousands of endpoints on one socket and one thread, each living its whole life (H.225.0 7.9, 7.19).
//!
//! ```text
//! full RRQ -- RCF --> registered -- every so often --> keep-alive -- RCF --> registered
//! keep-alive -- RRJ, or three times no answer --> full RRQ with its endpointIdentifier, at once
//! any request -- RIP --> the same again after its delay          URQ --> UCF, full RRQ          IRQ --> IRR
//! ```
//! Invariant: a request is repeated with the same requestSeqNum, three times at most.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rasline_h225::{RasKind, RasMessage, decode_ras, header};

use crate::{
    Netns, admission,
    messages::{self, Identity},
    pktinfo, topology, wait,
};

const TRIES: u8 = 3;
const LONGEST_READ: Duration = Duration::from_millis(10);
const BUFFER: usize = 16 << 20;
/// Hop limit of what the gateway itself sends.
const UNFORWARDED: u8 = 64;

/// What the endpoints are like.
#[derive(Clone, Debug)]
pub struct Options {
    /// Numbers of the first and of the one after the last, of [`topology::endpoint`].
    pub numbers: std::ops::Range<u16>,
    /// Their port.
    pub port: u16,
    /// Where they send RAS, by IPv4.
    pub gatekeeper: SocketAddr,
    /// Time between two keep-alives of one.
    pub every: Duration,
    /// Time to a retransmission.
    pub retry_after: Duration,
    /// How many register in a second at the start.
    pub register_rate: u32,
}

impl Options {
    /// `size` endpoints on port 2719 with a keep-alive a second.
    #[must_use]
    pub fn new(size: u16, gatekeeper: SocketAddr) -> Self {
        Self {
            numbers: 0..size,
            port: 2719,
            gatekeeper,
            every: Duration::from_secs(1),
            retry_after: Duration::from_secs(1),
            register_rate: 1000,
        }
    }
}

/// What happened to them so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Registered at this time.
    pub registered: usize,
    /// Keep-alives sent, retransmissions apart.
    pub keep_alives: u64,
    /// Full RRQs sent, retransmissions apart.
    pub full: u64,
    /// Of both.
    pub retransmitted: u64,
    /// RCFs that answered one.
    pub confirmed: u64,
    /// Of these, sent by the gateway itself.
    pub by_gateway: u64,
    /// RRJs.
    pub rejected: u64,
    /// RIPs.
    pub rips: u64,
    /// URQs of the gatekeeper.
    pub unregistered: u64,
    /// IRQs.
    pub asked: u64,
    /// Requests without an answer after all retransmissions.
    pub given_up: u64,
    /// Times that an endpoint was without an RCF for longer than its timeToLive.
    pub lapsed: u64,
    /// The longest that an endpoint was without an RCF.
    pub longest_wait: Duration,
}

/// The endpoints; they vanish on drop.
#[derive(Debug)]
pub struct Fleet {
    tally: Arc<Mutex<Tally>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    size: usize,
}

impl Fleet {
    /// Starts them.
    ///
    /// # Errors
    /// When their port is taken.
    pub fn start(netns: &Netns, options: &Options) -> Result<Self> {
        let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), options.port);
        let socket = netns
            .run(|| UdpSocket::bind(any))?
            .with_context(|| format!("binding the endpoints to {any}"))?;
        let buffers = socket2::SockRef::from(&socket);
        buffers.set_recv_buffer_size(BUFFER)?;
        buffers.set_send_buffer_size(BUFFER)?;
        pktinfo::ask(&socket, pktinfo::ADDRESS_AND_HOPS)?;
        let tally = Arc::new(Mutex::new(Tally::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut crowd = Crowd::new(socket, options.clone(), Arc::clone(&tally));
        let end = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                crowd.turn();
            }
        });
        Ok(Self {
            tally,
            stop,
            thread: Some(thread),
            size: options.numbers.len(),
        })
    }

    /// What happened so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }

    /// Starts counting and measuring anew.
    pub fn reset(&self) {
        let mut tally = lock(&self.tally);
        *tally = Tally {
            registered: tally.registered,
            ..Tally::default()
        };
    }

    /// Waits until all are registered.
    ///
    /// # Errors
    /// When they are not in time.
    pub fn await_registered(&self, within: Duration) -> Result<()> {
        let all = wait::until_true("all endpoints to register", within, || {
            Ok(self.tally().registered == self.size)
        });
        all.with_context(|| format!("{:?}", self.tally()))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Rests,
    KeepsAlive,
    Registers,
}

#[derive(Debug)]
struct Member {
    who: Identity,
    eid: Option<String>,
    keep_alive: Vec<u8>,
    seq: u16,
    doing: Doing,
    request: Vec<u8>,
    tries: u8,
    due: Instant,
    confirmed: Option<Instant>,
    time_to_live: Duration,
}

#[derive(Debug)]
struct Crowd {
    socket: UdpSocket,
    options: Options,
    tally: Arc<Mutex<Tally>>,
    members: Vec<Member>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    buffer: Vec<u8>,
}

impl Crowd {
    fn new(socket: UdpSocket, options: Options, tally: Arc<Mutex<Tally>>) -> Self {
        let start = Instant::now();
        let pace = Duration::from_secs(1) / options.register_rate.max(1);
        let members: Vec<Member> = (options.numbers.clone().zip(0u32..))
            .map(|(n, i)| Member {
                who: Identity {
                    ras: SocketAddr::new(topology::endpoint(n), options.port),
                    aliases: vec![format!("fleet{n}"), format!("{}", 70_000 + u32::from(n))],
                    secured: false,
                    time_to_live: None,
                },
                eid: None,
                keep_alive: Vec::new(),
                seq: 1 + n % 1000,
                doing: Doing::Registers,
                request: Vec::new(),
                tries: 0,
                due: start + pace * i,
                confirmed: None,
                time_to_live: Duration::MAX,
            })
            .collect();
        let due = (members.iter().enumerate().map(|(i, m)| Reverse((m.due, i)))).collect();
        Self {
            socket,
            options,
            tally,
            members,
            due,
            buffer: vec![0; 65_536],
        }
    }

    /// What is due, and what comes until something else is.
    fn turn(&mut self) {
        let now = Instant::now();
        while let Some(&Reverse((due, i))) = self.due.peek()
            && due <= now
        {
            self.due.pop();
            // Another time may have been set since.
            if self.members[i].due == due {
                self.is_due(i, now);
            }
        }
        let next = self
            .due
            .peek()
            .map_or(LONGEST_READ, |Reverse((due, _))| *due - now);
        let wait = next.clamp(Duration::from_micros(100), LONGEST_READ);
        let _ = self.socket.set_read_timeout(Some(wait));
        while let Ok(true) = self.receive() {
            if self
                .due
                .peek()
                .is_some_and(|Reverse((due, _))| *due <= Instant::now())
            {
                return;
            }
        }
    }

    fn at(&mut self, i: usize, due: Instant) {
        self.members[i].due = due;
        self.due.push(Reverse((due, i)));
    }

    fn is_due(&mut self, i: usize, now: Instant) {
        let member = &mut self.members[i];
        match member.doing {
            Doing::Rests => {
                member.next_seq();
                messages::set_seq(&mut member.keep_alive, member.seq);
                member.request = member.keep_alive.clone();
                member.doing = Doing::KeepsAlive;
                member.tries = 0;
                lock(&self.tally).keep_alives += 1;
            }
            Doing::Registers if member.tries == 0 => {
                member.register();
                lock(&self.tally).full += 1;
            }
            _ if member.tries >= TRIES => {
                let mut tally = lock(&self.tally);
                tally.given_up += 1;
                tally.full += 1;
                tally.registered -= usize::from(member.doing == Doing::KeepsAlive);
                drop(tally);
                member.register();
            }
            _ => lock(&self.tally).retransmitted += 1,
        }
        member.tries += 1;
        // A full queue or an ICMP error loses one, as a network does.
        let _ = pktinfo::send(
            &self.socket,
            member.who.ras.ip(),
            self.options.gatekeeper,
            &member.request,
        );
        self.at(i, now + self.options.retry_after);
    }

    /// One datagram, if there is one.
    fn receive(&mut self) -> io::Result<bool> {
        let got = match pktinfo::receive(&self.socket, &mut self.buffer) {
            Ok(got) => got,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(_) => return Ok(true), // an ICMP error
        };
        let Some(i) = got.to.and_then(|to| self.number(to)) else {
            return Ok(true);
        };
        let octets = self.buffer[..got.length].to_vec();
        self.take(i, &octets, got.hops);
        Ok(true)
    }

    fn number(&self, to: IpAddr) -> Option<usize> {
        let (IpAddr::V4(to), IpAddr::V4(first)) = (to, topology::endpoint(0)) else {
            return None;
        };
        let n = u32::from(to).checked_sub(u32::from(first))? as usize;
        let i = n.checked_sub(self.options.numbers.start.into())?;
        (i < self.members.len()).then_some(i)
    }

    fn take(&mut self, i: usize, octets: &[u8], hops: u8) {
        let Some(header) = header(octets) else { return };
        let now = Instant::now();
        let member = &mut self.members[i];
        let mut tally = lock(&self.tally);
        let answers = header.seq == member.seq && member.doing != Doing::Rests;
        match header.kind {
            RasKind::RegistrationConfirm if answers => {
                tally.confirmed += 1;
                tally.by_gateway += u64::from(hops == UNFORWARDED);
                tally.registered += usize::from(member.doing == Doing::Registers);
                if let Some(before) = member.confirmed.replace(now) {
                    tally.longest_wait = tally.longest_wait.max(now - before);
                    tally.lapsed += u64::from(now - before > member.time_to_live);
                }
                if member.doing == Doing::Registers {
                    member.learn(octets);
                }
                member.doing = Doing::Rests;
                drop(tally);
                self.at(i, now + self.options.every);
            }
            RasKind::RegistrationReject if answers => {
                tally.rejected += 1;
                // At once after a keep-alive; a full RRQ that is rejected is tried again later.
                let again = if member.doing == Doing::KeepsAlive {
                    tally.registered -= 1;
                    now
                } else {
                    now + self.options.every
                };
                drop(tally);
                member.doing = Doing::Registers;
                member.tries = 0;
                self.at(i, again);
            }
            RasKind::RequestInProgress if answers => {
                tally.rips += 1;
                drop(tally);
                // It says that the request came, so that it is no failed try.
                member.tries = 1;
                let delay = admission::rip_delay(octets).unwrap_or_default();
                self.at(i, now + Duration::from_millis(delay.into()));
            }
            RasKind::UnregistrationRequest => {
                tally.unregistered += 1;
                tally.registered -= usize::from(member.doing != Doing::Registers);
                drop(tally);
                self.reply(i, &messages::ucf(header.seq));
                self.members[i].doing = Doing::Registers;
                self.members[i].tries = 0;
                self.at(i, now);
            }
            RasKind::InfoRequest => {
                tally.asked += 1;
                drop(tally);
                let eid = member.eid.clone().unwrap_or_default();
                let irr = admission::irr(&member.who, header.seq, &eid);
                self.reply(i, &irr);
            }
            _ => {}
        }
    }

    fn reply(&self, i: usize, octets: &[u8]) {
        let from = self.members[i].who.ras.ip();
        let _ = pktinfo::send(&self.socket, from, self.options.gatekeeper, octets);
    }
}

impl Member {
    fn next_seq(&mut self) {
        self.seq = self.seq.checked_add(1).unwrap_or(1);
    }

    fn register(&mut self) {
        self.next_seq();
        self.request = messages::full_rrq(&self.who, self.seq, self.eid.as_deref());
        self.doing = Doing::Registers;
        self.tries = 0;
    }

    /// endpointIdentifier and timeToLive of an RCF.
    fn learn(&mut self, octets: &[u8]) {
        if let Ok(RasMessage::RegistrationConfirm(rcf)) = decode_ras(octets) {
            let eid = messages::text(&rcf.endpoint_identifier);
            self.keep_alive = messages::light_rrq(&self.who, 1, &eid);
            self.eid = Some(eid);
            let seconds = rcf.time_to_live.map_or(u64::MAX, u64::from);
            self.time_to_live = Duration::from_secs(seconds);
        }
    }
}
