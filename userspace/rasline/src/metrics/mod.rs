//! Prometheus metrics over HTTP, off unless `[metrics]` is configured.
//!
//! The event loop provides a [`Snapshot`] once a second; a separate thread answers scrapes from the last one.
//! Invariant: the event loop never waits for clients and does no work for them.

mod families;
mod http;
mod samples;
mod serving;

use std::{net::SocketAddr, net::TcpListener, sync::Arc, thread::JoinHandle, time::Duration};

use rasline_core::{CensusState, NotAnsweredReason};
use rasline_kernel::CounterRow;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{oneshot, watch};

pub use families::{FAMILIES, Family, Kind, encode};
pub use http::MAX_CLIENTS;

use crate::{
    effects::events::Tally,
    failure::{Failure, Result},
    host::address,
    view::Status,
};

/// Backlog of the listening socket.
const BACKLOG: i32 = 128;

/// All figures at one point in time.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Time of the snapshot, CLOCK_MONOTONIC; the last heartbeat is at most its interval older.
    pub taken_ns: u64,
    /// Time at which the controller started, seconds since 1970.
    pub started: f64,
    /// After this long without a heartbeat the controller is treated as dead.
    pub heartbeat_timeout: Duration,
    /// The data of `rasline status`.
    pub status: Status,
    /// Counters of every verdict, by interface.
    pub counters: Vec<CounterRow>,
    /// Number of registrations by zone and state.
    pub registrations: Vec<(String, CensusState, usize)>,
    /// Number of events so far, by name and zone.
    pub events: Tally,
}

/// The HTTP server; it stops when dropped.
#[derive(Debug)]
pub struct Metrics {
    listen: SocketAddr,
    snapshots: watch::Sender<Arc<Snapshot>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Name of a state and the reason why the kernel does not answer; the reason is empty if it does or soon will.
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

/// Starts the server without waiting. An address that this machine does not have yet is served once it appears.
fn bind(listen: SocketAddr) -> std::io::Result<TcpListener> {
    let domain = Domain::for_address(listen);
    let socket = Socket::new(domain, Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    address::bind_early(&socket, listen)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Metrics {
    /// Listens and starts answering.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start(listen: SocketAddr) -> Result<Self> {
        let thing = || format!("metrics {listen}");
        let failed = |e: std::io::Error| {
            let next = match e.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "stop the process that listens there, or choose another port"
                }
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

    /// The address on which it listens.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Replaces the snapshot from which scrapes are answered.
    pub fn publish(&self, snapshot: Snapshot) {
        self.snapshots.send_replace(Arc::new(snapshot));
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // The thread waits for clients only, and drops them on stop.
            let _ = thread.join();
        }
    }
}
