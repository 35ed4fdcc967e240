//! A steady stream of keep-alives, as many as the machine holds, each counted with its answer.

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{Endpoint, messages};

/// An answer that takes longer is lost.
const WITHIN: Duration = crate::wait::PATIENCE;
/// The first six bits of an RCF: no extension, the fifth message of RasMessage.
const RCF: u8 = 4;

/// What became of the keep-alives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sent.
    pub sent: u64,
    /// RCFs to them, one each.
    pub confirmed: u64,
    /// Anything else that came.
    pub others: u64,
}

/// One endpoint's part.
#[derive(Debug)]
struct Line {
    socket: UdpSocket,
    gatekeeper: SocketAddr,
    keep_alive: Vec<u8>,
    seq: u16,
}

impl Line {
    fn new(endpoint: &Endpoint) -> Result<Self> {
        let (socket, gatekeeper, keep_alive, seq) = endpoint.keep_alives()?;
        socket.set_read_timeout(Some(WITHIN))?;
        Ok(Self {
            socket,
            gatekeeper,
            keep_alive,
            seq,
        })
    }

    fn send(&mut self, counts: &mut Counts) -> Result<()> {
        self.seq = self.seq.checked_add(1).unwrap_or(1);
        messages::set_seq(&mut self.keep_alive, self.seq);
        self.socket.send_to(&self.keep_alive, self.gatekeeper)?;
        counts.sent += 1;
        Ok(())
    }

    /// Takes the answer; what is not it is counted and left.
    fn receive(&self, counts: &mut Counts) -> Result<()> {
        let mut buffer = [0; 2048];
        loop {
            let n = match self.socket.recv(&mut buffer) {
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e).context("receiving"),
            };
            let ours = messages::seq(&buffer[..n]) == Some(self.seq);
            if ours && buffer[0] >> 2 == RCF {
                counts.confirmed += 1;
                return Ok(());
            }
            counts.others += 1;
            if ours {
                return Ok(());
            }
        }
    }
}

/// The stream; goes on until stopped.
#[derive(Debug)]
pub struct KeepAlives {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<Result<Counts>>>,
}

impl KeepAlives {
    /// Starts it: registered endpoints send one keep-alive each, and the next one when all are answered.
    ///
    /// # Errors
    /// When a socket cannot be shared.
    pub fn start(endpoints: &[Endpoint]) -> Result<Self> {
        let mut lines: Vec<Line> = endpoints.iter().map(Line::new).collect::<Result<_>>()?;
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicU64::new(0));
        let (end, so_far) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = std::thread::spawn(move || {
            let mut counts = Counts::default();
            while !end.load(Ordering::Relaxed) {
                for line in &mut lines {
                    line.send(&mut counts)?;
                }
                for line in &lines {
                    line.receive(&mut counts)?;
                }
                so_far.store(counts.sent, Ordering::Relaxed);
            }
            Ok(counts)
        });
        Ok(Self {
            stop,
            sent,
            thread: Some(thread),
        })
    }

    /// How many were sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends it after the answers to the last ones.
    ///
    /// # Errors
    /// When a socket failed.
    pub fn stop(mut self) -> Result<Counts> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("stopped already")?;
        match thread.join() {
            Ok(counts) => counts,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for KeepAlives {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
