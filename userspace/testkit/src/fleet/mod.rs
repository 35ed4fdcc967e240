//! Thousands of endpoints on one socket and one thread, each living its whole life (H.225.0 7.9, 7.19).
//!
//! ```text
//! full RRQ -- RCF --> registered -- every so often --> keep-alive -- RCF --> registered
//! keep-alive -- RRJ, or three times no answer --> full RRQ with its endpointIdentifier, at once
//! any request -- RIP --> the same again after its delay          URQ --> UCF, full RRQ          IRQ --> IRR
//! ```
//! Invariant: a request is repeated with the same requestSeqNum, three times at most.

mod crowd;

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{Netns, pktinfo, wait};
use crowd::Crowd;

const BUFFER: usize = 16 << 20;

/// What the endpoints are like.
#[derive(Clone, Debug)]
pub struct Options {
    /// Numbers of the first and of the one after the last, of [`crate::topology::endpoint`].
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
