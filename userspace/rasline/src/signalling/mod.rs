//! Call signalling that rasline ends itself: listeners and connections, on a thread of their own, so that a flood of RAS
//! delays no call and a stalled call no RAS. What follows from what is decided by `rasline_core::call`; here are the sockets
//! and the clock.
//!
//! ```text
//! main loop --facts, orders--> thread: machine, listeners, a task for each connection
//!           <----reports------
//! ```
//! Invariants: all channels are bounded; the main loop never waits for the thread: facts that find no room wait with the
//! main loop, in order.

mod line;
mod listen;
mod news;
mod run;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, SocketAddr, TcpListener},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc},
    time::Duration,
};

use rasline_core::{
    ZoneIndex,
    call::{CallId, Event, Stats, View},
    ras_server::{CallFact, OwnAdmission},
};
use rasline_kernel::SignallingLookup;
use tokio::sync::{mpsc, oneshot};

use crate::{
    failure::{Failure, Result},
    host,
};

use news::Purpose;

/// Orders and facts that wait for the thread at most.
const MAX_ORDERS: usize = 4096;
/// Reports that wait for the main loop at most.
const MAX_REPORTS: usize = 4096;
/// How long the thread may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// Where endpoints signal their calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Index of their zone.
    pub zone: ZoneIndex,
    /// rasline's callSignalAddress towards them.
    pub address: SocketAddr,
}

/// Where gatekeepers signal calls to endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// rasline's address towards them.
    pub address: IpAddr,
    /// Its ports, each of which represents an endpoint.
    pub ports: RangeInclusive<u16>,
}

/// All calls, and what the thread has counted.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The calls, the oldest first.
    pub calls: Vec<View>,
    /// Counts of the machine.
    pub stats: Stats,
}

/// What the thread reports.
#[derive(Debug)]
pub enum Report {
    /// Something happened to a call.
    Event(Event),
    /// A call of this zone wants an admission.
    AskAdmission(ZoneIndex, OwnAdmission),
}

/// Orders to the thread.
enum Order {
    /// Accept connections from this socket too; the address is its name.
    Listen(SocketAddr, Purpose, TcpListener),
    /// Accept none from the socket of this name any more.
    StopListening(SocketAddr),
    /// Something that RAS says.
    Fact(ZoneIndex, CallFact),
    /// How things are.
    Show(oneshot::Sender<Snapshot>),
    /// End this call.
    Release(CallId),
    /// End the thread.
    Stop(std_mpsc::Sender<()>),
}

/// The thread, as the main loop has it.
pub struct CallThread {
    orders: mpsc::Sender<Order>,
    bpffs: PathBuf,
    services: BTreeSet<Service>,
    uplinks: BTreeMap<IpAddr, TcpListener>,
    /// Gives each uplink's socket the connections to all of its ports; needed by uplinks only.
    lookup: Option<SignallingLookup>,
    /// Facts that found no room.
    waiting: VecDeque<(ZoneIndex, CallFact)>,
    /// What the thread counts, at most a second old.
    board: Arc<Mutex<Stats>>,
}

impl CallThread {
    /// Starts the thread; it listens nowhere yet.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(bpffs: &Path) -> Result<(Self, mpsc::Receiver<Report>)> {
        let failed = |e: std::io::Error| Failure::plain("call signalling", e);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let (orders, received) = mpsc::channel(MAX_ORDERS);
        let (reports, reported) = mpsc::channel(MAX_REPORTS);
        let board = Arc::new(Mutex::new(Stats::default()));
        let shown = Arc::clone(&board);
        std::thread::Builder::new()
            .name("signalling".to_owned())
            .spawn(move || {
                if let Err(e) = host::realtime() {
                    tracing::debug!("call signalling runs at ordinary priority: {e}");
                }
                runtime.block_on(run::run(received, reports, &shown));
            })
            .map_err(failed)?;
        let thread = Self {
            orders,
            bpffs: bpffs.to_owned(),
            services: BTreeSet::new(),
            uplinks: BTreeMap::new(),
            lookup: None,
            waiting: VecDeque::new(),
            board,
        };
        Ok((thread, reported))
    }

    /// Has it listen at these addresses, and at no others. Connections that are there stay.
    ///
    /// # Errors
    /// When an address cannot be listened at, or the thread has ended.
    pub fn serve(&mut self, services: &[Service], uplinks: &[Uplink]) -> Result<()> {
        for service in services {
            if !self.services.contains(service) {
                let listener = listen::bind(service.address)?;
                let purpose = Purpose::Endpoints(service.zone);
                self.order(Order::Listen(service.address, purpose, listener))?;
                self.services.insert(*service);
            }
        }
        let wanted: BTreeSet<Service> = services.iter().copied().collect();
        for gone in std::mem::replace(&mut self.services, wanted.clone()).difference(&wanted) {
            self.order(Order::StopListening(gone.address))?;
        }
        self.serve_uplinks(uplinks)
    }

    fn serve_uplinks(&mut self, uplinks: &[Uplink]) -> Result<()> {
        for uplink in uplinks {
            if !self.uplinks.contains_key(&uplink.address) {
                let name = SocketAddr::new(uplink.address, 0);
                let listener = listen::bind(name)?;
                let own = listener
                    .try_clone()
                    .map_err(|e| Failure::plain(format!("call signalling {name}"), e))?;
                self.order(Order::Listen(name, Purpose::Gatekeepers, listener))?;
                self.uplinks.insert(uplink.address, own);
            }
            if self.lookup.is_none() {
                self.lookup = Some(SignallingLookup::attach(&self.bpffs)?);
            }
            if let (Some(lookup), Some(socket)) =
                (&mut self.lookup, self.uplinks.get(&uplink.address))
            {
                lookup.set_listener(uplink.address, uplink.ports.clone(), socket)?;
            }
        }
        let is_wanted = |address: &IpAddr| uplinks.iter().any(|one| one.address == *address);
        let gone: Vec<IpAddr> = self.uplinks.keys().copied().collect();
        for address in gone.into_iter().filter(|one| !is_wanted(one)) {
            self.uplinks.remove(&address);
            if let Some(lookup) = &mut self.lookup {
                lookup.remove_listener(address)?;
            }
            self.order(Order::StopListening(SocketAddr::new(address, 0)))?;
        }
        Ok(())
    }

    fn order(&self, order: Order) -> Result<()> {
        let sent = self.orders.try_send(order);
        sent.map_err(|e| Failure::new("call signalling", e, "restart the controller"))
    }

    /// Hands on what RAS says.
    pub fn note(&mut self, zone: ZoneIndex, fact: CallFact) {
        self.waiting.push_back((zone, fact));
        self.flush();
    }

    /// Hands on what found no room before.
    pub fn flush(&mut self) {
        while let Some((zone, fact)) = self.waiting.pop_front() {
            if let Err(e) = self.orders.try_send(Order::Fact(zone, fact)) {
                if let Order::Fact(zone, fact) = e.into_inner() {
                    self.waiting.push_front((zone, fact));
                }
                return;
            }
        }
    }

    /// Counts since the start, and what there is now; at most a second old.
    #[must_use]
    pub fn stats(&self) -> Stats {
        *self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks how things are; the answer comes when the thread gets to it.
    ///
    /// # Errors
    /// When the thread has ended or takes no orders.
    pub fn ask(&self) -> Result<oneshot::Receiver<Snapshot>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.orders.try_send(Order::Show(reply));
        sent.map_err(|e| Failure::new("call signalling", e, "try again"))?;
        Ok(answer)
    }

    /// Has a call ended.
    ///
    /// # Errors
    /// When the thread has ended or takes no orders.
    pub fn release(&self, call: CallId) -> Result<()> {
        let sent = self.orders.try_send(Order::Release(call));
        sent.map_err(|e| Failure::new("call signalling", e, "try again"))
    }

    /// Ends the thread, and with it all calls.
    pub fn stop(&self) {
        let (done, ended) = std_mpsc::channel();
        if self.orders.try_send(Order::Stop(done)).is_ok() {
            // Whatever comes, it is over.
            let _ = ended.recv_timeout(STOP_WITHIN);
        }
    }
}
