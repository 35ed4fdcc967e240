//! The agents' RAS sockets: one an address, which outlives its agent for a while, so that what is sent last is answered.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, Instant},
};

use rasline_core::agent::AgentId;
use rasline_h225::MAX_MESSAGE;
use socket2::SockRef;
use tokio::{io::Interest, net::UdpSocket, sync::mpsc, task::JoinHandle};

use crate::host::{arrival, sides};

/// How long a socket without an agent stays.
const LINGER: Duration = Duration::from_secs(7);
/// After an error of a socket, before it is read again.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// Messages read of one socket in [`WINDOW`] at most; the kernel drops what does not fit into its buffer meanwhile. This
/// thread goes before others, so a flood must not keep it busy.
const BURST: u32 = 256;
const WINDOW: Duration = Duration::from_millis(10);

/// A message that came.
#[derive(Debug)]
pub(super) struct Datagram {
    /// The socket's address.
    pub(super) at: SocketAddr,
    pub(super) from: SocketAddr,
    pub(super) payload: Vec<u8>,
}

#[derive(Debug)]
struct Open {
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
    owner: AgentId,
    /// When its agent went.
    left: Option<Instant>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Sockets {
    open: HashMap<SocketAddr, Open>,
    /// Of agents there are, and of those that left until their socket goes.
    addresses: HashMap<AgentId, SocketAddr>,
    trouble: HashMap<AgentId, String>,
    datagrams: mpsc::Sender<Datagram>,
}

impl Sockets {
    pub(super) fn new(datagrams: mpsc::Sender<Datagram>) -> Self {
        Self {
            open: HashMap::new(),
            addresses: HashMap::new(),
            trouble: HashMap::new(),
            datagrams,
        }
    }

    /// Opens what these agents need. The sockets of others go a little later.
    pub(super) fn set(&mut self, wanted: &[(AgentId, SocketAddr)]) {
        let now = Instant::now();
        for open in self.open.values_mut() {
            open.left.get_or_insert(now);
        }
        self.trouble.clear();
        for (agent, address) in wanted {
            self.addresses.insert(*agent, *address);
            self.bind(*agent, *address);
        }
    }

    /// Tries again what could not be opened; those that are there now. Lets go of what nobody needs any more.
    pub(super) fn retry(&mut self) -> Vec<AgentId> {
        let over = |open: &Open| open.left.is_some_and(|left| left.elapsed() >= LINGER);
        self.open.retain(|_, open| !over(open));
        let (open, trouble) = (&self.open, &self.trouble);
        self.addresses
            .retain(|agent, address| open.contains_key(address) || trouble.contains_key(agent));
        let missing: Vec<AgentId> = self.trouble.keys().copied().collect();
        let mut found = Vec::new();
        for agent in missing {
            if let Some(address) = self.addresses.get(&agent).copied() {
                self.bind(agent, address);
                if !self.trouble.contains_key(&agent) {
                    found.push(agent);
                }
            }
        }
        found
    }

    fn bind(&mut self, agent: AgentId, address: SocketAddr) {
        if let Some(open) = self.open.get_mut(&address) {
            open.owner = agent;
            open.left = None;
            return;
        }
        match self.start(agent, address) {
            Ok(open) => {
                self.open.insert(address, open);
                self.trouble.remove(&agent);
            }
            Err(e) => {
                let trouble = format!("RAS socket {address}: {e}; tried again every second");
                if self.trouble.get(&agent) != Some(&trouble) {
                    tracing::warn!("agent: {trouble}");
                }
                self.trouble.insert(agent, trouble);
            }
        }
    }

    fn start(&self, owner: AgentId, address: SocketAddr) -> io::Result<Open> {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        sides::ask(&socket, address.is_ipv6())?;
        if let IpAddr::V4(ip) = address.ip() {
            // A GRQ to the group leaves where its answers come in.
            SockRef::from(&socket).set_multicast_if_v4(&ip)?;
        }
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let reader = tokio::spawn(read(socket.clone(), address, self.datagrams.clone()));
        Ok(Open {
            socket,
            reader,
            owner,
            left: None,
        })
    }

    /// Whose socket has this address.
    pub(super) fn owner(&self, at: SocketAddr) -> Option<AgentId> {
        self.open.get(&at).map(|open| open.owner)
    }

    /// Address of an agent's socket.
    pub(super) fn address(&self, agent: AgentId) -> Option<SocketAddr> {
        self.addresses.get(&agent).copied()
    }

    /// What is wrong with an agent's socket; empty: nothing.
    pub(super) fn trouble(&self, agent: AgentId) -> String {
        self.trouble.get(&agent).cloned().unwrap_or_default()
    }

    /// Whether something is wrong with any.
    pub(super) fn any_trouble(&self) -> bool {
        !self.trouble.is_empty()
    }

    /// Sends, if that can be done at once; whether it was.
    pub(super) fn send(&self, agent: AgentId, to: SocketAddr, payload: &[u8]) -> bool {
        let open = self.address(agent).and_then(|at| self.open.get(&at));
        let sent = open.map(|open| open.socket.try_send_to(payload, to));
        matches!(sent, Some(Ok(_)))
    }
}

/// How much of a burst was read.
#[derive(Debug)]
struct Budget {
    since: Instant,
    spent: u32,
}

impl Budget {
    const fn new(now: Instant) -> Self {
        Self {
            since: now,
            spent: 0,
        }
    }

    /// One more is to be read; how long to wait before, if there were too many.
    fn spend(&mut self, now: Instant) -> Option<Duration> {
        let over = self.since + WINDOW;
        if now >= over {
            *self = Self::new(now);
        }
        self.spent += 1;
        if self.spent <= BURST {
            return None;
        }
        *self = Self {
            since: over,
            spent: 1,
        };
        Some(over - now)
    }
}

async fn read(socket: Arc<UdpSocket>, at: SocketAddr, datagrams: mpsc::Sender<Datagram>) {
    // One octet more than can be: what is too long is seen to be.
    let mut buffer = vec![0; MAX_MESSAGE + 1];
    let mut budget = Budget::new(Instant::now());
    loop {
        if let Some(rest) = budget.spend(Instant::now()) {
            tokio::time::sleep(rest).await;
        }
        let received = socket.async_io(Interest::READABLE, || {
            arrival::receive(socket.as_fd(), &mut buffer)
        });
        let came = match received.await {
            Ok(received) => received,
            Err(e) => {
                tracing::debug!("RAS socket {at}: {e}");
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
        };
        // Gatekeepers are not behind the endpoints' interfaces, whatever address is given as the sender's.
        if sides::is_endpoints(came.interface) {
            continue;
        }
        let (from, payload) = (came.from, buffer[..came.len].to_vec());
        // It ends with the loop that owns this task.
        if datagrams
            .send(Datagram { at, from, payload })
            .await
            .is_err()
        {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_read_a_burst_at_a_time() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        for _ in 0..BURST {
            assert_eq!(budget.spend(start), None);
        }
        let later = start + WINDOW / 4;
        assert_eq!(budget.spend(later), Some(WINDOW * 3 / 4));
        let next = start + WINDOW;
        for _ in 1..BURST {
            assert_eq!(budget.spend(next), None);
        }
        assert_eq!(budget.spend(next), Some(WINDOW));
        assert_eq!(budget.spend(start + WINDOW * 5), None);
    }
}
