//! Prometheus metrics over HTTP, off unless `[metrics]` is configured.
//!
//! The event loop hands over a [`Snapshot`] once a second; a thread of its own answers scrapes from the last one.
//! Invariant: whatever clients do, the event loop neither waits for them nor works for them.

mod families;
mod http;
mod samples;
mod serving;

use std::{net::SocketAddr, net::TcpListener, sync::Arc, thread::JoinHandle, time::Duration};

use rasline_core::{CensusState, NotAnsweredReason};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{oneshot, watch};

pub use families::{FAMILIES, Family, Kind, encode};
pub use http::MAX_CLIENTS;

use crate::{
    bpf::CounterRow,
    control::view::Status,
    failure::{Failure, Result},
    host::address,
    supervisor::events::Tally,
};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;

/// All figures at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When, CLOCK_MONOTONIC; the heartbeat was at most its interval before.
    pub taken_ns: u64,
    /// Seconds since 1970 at which the controller started.
    pub started: f64,
    /// A controller silent for so long counts as gone.
    pub heartbeat_timeout: Duration,
    /// What `rasline status` shows.
    pub status: Status,
    /// Every verdict, by interface.
    pub counters: Vec<CounterRow>,
    /// Zone, standing, how many.
    pub registrations: Vec<(String, CensusState, usize)>,
    /// Events so far.
    pub events: Tally,
}

/// The server; ends when dropped.
#[derive(Debug)]
pub struct Metrics {
    listen: SocketAddr,
    snapshots: watch::Sender<Arc<Snapshot>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Name of a standing, and why the kernel does not answer; empty: it does, or will.
#[must_use]
pub fn standing_name(standing: CensusState) -> (&'static str, String) {
    match standing {
        CensusState::Learning => ("learning", String::new()),
        CensusState::Publishing => ("publishing", String::new()),
        CensusState::Answered => ("answered", String::new()),
        CensusState::NotAnswered(why) => ("not_answered", why_name(why)),
    }
}

fn why_name(why: NotAnsweredReason) -> String {
    let name = serde_json::to_value(why).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

/// Waits for nothing: an address that comes later is listened at from then on.
fn bind(listen: SocketAddr) -> std::io::Result<TcpListener> {
    let domain = Domain::for_address(listen);
    let socket = Socket::new(domain, Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    address::bind_early(&socket, listen)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Metrics {
    /// Listens, and answers from now on.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn start(listen: SocketAddr) -> Result<Self> {
        let thing = || format!("metrics {listen}");
        let failed = |e: std::io::Error| {
            let next = match e.kind() {
                std::io::ErrorKind::AddrInUse => "stop what listens there, or choose another port",
                _ => "check [metrics] listen: it must be an address of this machine",
            };
            Failure::new(thing(), e, next)
        };
        let listener = bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let listen = listener.local_addr().unwrap_or(listen);
        let (snapshots, last) = watch::channel(Arc::default());
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || http::serve(listener, last, ended))
            .map_err(failed)?;
        tracing::info!("metrics at http://{listen}/metrics");
        Ok(Self {
            listen,
            snapshots,
            end: Some(end),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// From now on scrapes are answered with this.
    pub fn publish(&self, snapshot: Snapshot) {
        self.snapshots.send_replace(Arc::new(snapshot));
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It waits for nothing but its clients, and those it drops.
            let _ = thread.join();
        }
    }
}
