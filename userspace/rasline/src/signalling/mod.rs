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
    collections::{BTreeMap, VecDeque},
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

/// Where rasline listens for call signalling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Its callSignalAddresses towards endpoints, each with their zone.
    pub services: BTreeMap<SocketAddr, ZoneIndex>,
    /// Its addresses towards gatekeepers, each with the ports that represent endpoints.
    pub uplinks: BTreeMap<IpAddr, RangeInclusive<u16>>,
}

impl Places {
    /// The addresses of the sockets, each with what connections to it are. An uplink's socket has any port: it is given the
    /// connections to all of the uplink's.
    fn sockets(&self) -> BTreeMap<SocketAddr, Purpose> {
        let services = self.services.iter();
        let services = services.map(|(address, zone)| (*address, Purpose::Endpoints(*zone)));
        let uplinks = self.uplinks.keys();
        let uplinks = uplinks.map(|host| (SocketAddr::new(*host, 0), Purpose::Gatekeepers));
        services.chain(uplinks).collect()
    }
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
    /// The listening sockets by their address, each with what the thread takes its connections for.
    sockets: BTreeMap<SocketAddr, (Option<Purpose>, TcpListener)>,
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
            sockets: BTreeMap::new(),
            lookup: None,
            waiting: VecDeque::new(),
            board,
        };
        Ok((thread, reported))
    }

    /// Has it listen at these places, and at no others. Connections that are there stay.
    ///
    /// # Errors
    /// When one of them cannot be listened at: then all is as before. Or when the thread has ended.
    pub fn serve(&mut self, places: &Places) -> Result<()> {
        let wanted = places.sockets();
        let new = wanted
            .keys()
            .filter(|name| !self.sockets.contains_key(name));
        let opened: Result<Vec<_>> = new.map(|name| Ok((*name, listen::bind(*name)?))).collect();
        let opened = opened?;
        if self.lookup.is_none() && !places.uplinks.is_empty() {
            self.lookup = Some(SignallingLookup::attach(&self.bpffs)?);
        }
        for (name, socket) in opened {
            self.sockets.insert(name, (None, socket));
        }
        self.give_orders(&wanted)?;
        self.look_up(&places.uplinks)?;
        self.sockets.retain(|name, _| wanted.contains_key(name));
        Ok(())
    }

    /// Tells the thread what has changed.
    fn give_orders(&mut self, wanted: &BTreeMap<SocketAddr, Purpose>) -> Result<()> {
        let mut orders = Vec::new();
        for (name, (known, socket)) in &mut self.sockets {
            match wanted.get(name) {
                Some(purpose) if *known == Some(*purpose) => {}
                Some(purpose) => {
                    *known = Some(*purpose);
                    let socket = socket
                        .try_clone()
                        .map_err(|e| Failure::plain(format!("call signalling {name}"), e))?;
                    orders.push(Order::Listen(*name, *purpose, socket));
                }
                None => orders.push(Order::StopListening(*name)),
            }
        }
        orders.into_iter().try_for_each(|order| self.order(order))
    }

    /// Gives the sockets of these uplinks the connections to their ports, and those of others none.
    fn look_up(&mut self, uplinks: &BTreeMap<IpAddr, RangeInclusive<u16>>) -> Result<()> {
        let Some(lookup) = &mut self.lookup else {
            return Ok(());
        };
        for (name, (_, socket)) in self.sockets.iter().filter(|(name, _)| name.port() == 0) {
            match uplinks.get(&name.ip()) {
                Some(ports) => lookup.set_listener(name.ip(), ports.clone(), socket)?,
                None => lookup.remove_listener(name.ip())?,
            }
        }
        Ok(())
    }

    fn order(&self, order: Order) -> Result<()> {
        let sent = self.orders.try_send(order);
        let next = "try again, or restart the controller";
        sent.map_err(|e| Failure::new("call signalling", e, next))
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
        self.order(Order::Show(reply))?;
        Ok(answer)
    }

    /// Has a call ended.
    ///
    /// # Errors
    /// When the thread has ended or takes no orders.
    pub fn release(&self, call: CallId) -> Result<()> {
        self.order(Order::Release(call))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn service(address: SocketAddr, zone: u32) -> Places {
        Places {
            services: BTreeMap::from([(address, ZoneIndex(zone))]),
            ..Places::default()
        }
    }

    /// A port that was free a moment ago.
    fn free_port() -> SocketAddr {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap()
    }

    #[test]
    fn an_address_may_become_another_zones() {
        let (mut thread, _reports) = CallThread::start(Path::new("/")).unwrap();
        let address = free_port();
        thread.serve(&service(address, 0)).unwrap();
        thread.serve(&service(address, 1)).unwrap();
        let (known, _) = &thread.sockets[&address];
        assert_eq!(*known, Some(Purpose::Endpoints(ZoneIndex(1))));
        thread.serve(&Places::default()).unwrap();
        assert!(thread.sockets.is_empty());
        thread.stop();
    }

    #[test]
    fn without_one_of_the_addresses_all_is_as_before() {
        let (mut thread, _reports) = CallThread::start(Path::new("/")).unwrap();
        let address = free_port();
        thread.serve(&service(address, 0)).unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = other.local_addr().unwrap();
        let error = thread.serve(&service(taken, 0)).unwrap_err().to_string();
        assert!(error.contains(&taken.to_string()), "{error}");
        let kept: Vec<_> = thread.sockets.keys().copied().collect();
        assert_eq!(kept, [address]);
        thread.stop();
    }
}
