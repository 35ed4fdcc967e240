//! RAS sockets of rasline's own gatekeepers and of its proxies.
//!
//! Each is read by a task of its own; what came waits in one bounded queue. Invariants: when the queue is full nothing is
//! read, so that what is too much is dropped by the kernel and not here; as long as it is not full, what waits stands in
//! it and not in the kernel, so that its length tells how much that is.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    os::fd::AsFd,
    sync::Arc,
};

use rasline_core::agent::MULTICAST;
use rasline_h225::MAX_MESSAGE;
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::Interest,
    net::UdpSocket,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
};

use super::multicast::{self, Joined};
use crate::{
    failure::{Failure, Result},
    host::{
        address,
        arrival::{self, Arrival},
        sides,
    },
};

/// Messages that wait at most, ...
const QUEUE: usize = 4096;
/// ... and those of one socket, so that a flood of one leaves room to the others. More than are too many
/// ([`rasline_core::site::Input::Waiting`]), and done within a tenth of a second.
const SHARE: usize = 1536;
/// Messages read from one socket before the loop handles some of them: more than are too many
/// ([`rasline_core::site::Input::Waiting`]), and done within milliseconds.
const AT_ONCE: usize = 2048;
/// Octets that the kernel keeps for a socket: a few thousand messages, at up to 4 KiB each with what it adds.
const BUFFER: usize = 8 << 20;

/// A RAS message that came to one of them.
#[derive(Debug)]
pub struct Arrived {
    /// Whose it is.
    pub from: SocketAddr,
    /// The socket's address, or the multicast group.
    pub local: SocketAddr,
    /// Octets.
    pub payload: Vec<u8>,
    /// ifindex of the interface that it came by.
    pub interface: u32,
    /// Its socket's share, until it was handled.
    _share: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Open {
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// What another configuration needs.
#[derive(Debug)]
pub struct Wanted {
    addresses: Vec<SocketAddr>,
    /// Interfaces where the multicast group is heard.
    interfaces: BTreeSet<String>,
    /// Bound already.
    new: Vec<(SocketAddr, UdpSocket)>,
}

/// All of them, by address; the multicast group's among them.
#[derive(Debug)]
pub struct Sockets {
    open: BTreeMap<SocketAddr, Open>,
    interfaces: BTreeSet<String>,
    joined: Joined,
    queue: mpsc::Sender<Arrived>,
}

impl Sockets {
    /// None yet, and where messages will come out.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Arrived>) {
        let (queue, arrivals) = mpsc::channel(QUEUE);
        let sockets = Self {
            open: BTreeMap::new(),
            interfaces: BTreeSet::new(),
            joined: Joined::default(),
            queue,
        };
        (sockets, arrivals)
    }

    /// Opens those that are wanted, and the multicast group's if there are interfaces for it; gives what
    /// [`Sockets::keep`] needs. Nothing changes when one cannot be had.
    ///
    /// # Errors
    /// Names the first address that cannot be bound.
    pub fn prepare(
        &self,
        mut addresses: Vec<SocketAddr>,
        interfaces: BTreeSet<String>,
    ) -> Result<Wanted> {
        if !interfaces.is_empty() {
            addresses.push(MULTICAST);
        }
        let new = addresses.iter().filter(|a| !self.open.contains_key(*a));
        let new = new.map(|address| {
            let socket = if *address == MULTICAST {
                multicast::bind()
            } else {
                bind(*address)
            };
            Ok((*address, socket.map_err(|e| cannot(*address, &e))?))
        });
        Ok(Wanted {
            new: new.collect::<Result<_>>()?,
            addresses,
            interfaces,
        })
    }

    /// Reads these, too, and closes all but the wanted.
    pub fn keep(&mut self, wanted: Wanted) {
        let Wanted {
            addresses,
            interfaces,
            new,
        } = wanted;
        self.open.retain(|address, _| addresses.contains(address));
        self.interfaces = interfaces;
        for (address, socket) in new {
            if address == MULTICAST {
                self.joined = Joined::default();
            }
            let socket = Arc::new(socket);
            let reader = tokio::spawn(read(address, Arc::clone(&socket), self.queue.clone()));
            self.open.insert(address, Open { socket, reader });
        }
        self.follow_interfaces();
    }

    /// Interfaces come and go.
    pub fn follow_interfaces(&mut self) {
        if let Some(group) = self.open.get(&MULTICAST) {
            self.joined.follow(&group.socket, &self.interfaces);
        }
    }

    /// Sends from one of them; `None`: that address is not one of them.
    pub fn send(&self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<io::Result<()>> {
        let open = self.open.get(&from)?;
        Some(open.socket.try_send_to(payload, to).map(drop))
    }
}

async fn read(local: SocketAddr, socket: Arc<UdpSocket>, queue: mpsc::Sender<Arrived>) {
    // One octet more than can be: what is too long is seen to be.
    let mut buffer = vec![0; MAX_MESSAGE + 1];
    let shares = Arc::new(Semaphore::new(SHARE));
    loop {
        let Ok(share) = Arc::clone(&shares).acquire_owned().await else {
            return;
        };
        // Before anything is read, so that what finds no place stays with the kernel.
        let Ok(place) = queue.reserve().await else {
            return;
        };
        let received = socket.async_io(Interest::READABLE, || {
            arrival::receive(socket.as_fd(), &mut buffer)
        });
        match received.await {
            Ok(came) => place.send(arrived(local, came, &buffer, share)),
            // An ICMP error of something sent before; the next read gives the next message.
            Err(e) => {
                tracing::debug!("RAS at {local}: {e}");
                continue;
            }
        }
        // All that waits, so that the queue's length says how much that is.
        for _ in 0..AT_ONCE {
            let (Ok(place), Ok(share)) =
                (queue.try_reserve(), Arc::clone(&shares).try_acquire_owned())
            else {
                break;
            };
            match socket.try_io(Interest::READABLE, || {
                arrival::receive(socket.as_fd(), &mut buffer)
            }) {
                Ok(came) => place.send(arrived(local, came, &buffer, share)),
                Err(_) => break,
            }
        }
        // The loop has its turn, whatever comes.
        tokio::task::yield_now().await;
    }
}

fn arrived(
    local: SocketAddr,
    came: Arrival,
    buffer: &[u8],
    share: OwnedSemaphorePermit,
) -> Arrived {
    Arrived {
        from: canonical(came.from),
        local,
        payload: buffer[..came.len].to_vec(),
        interface: came.interface,
        _share: share,
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM.nonblocking().cloexec(),
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // More than `net.learner.rmem_max` takes a privilege; less than wanted is fine.
    if set_socket_recv_buffer_size_force(&socket, BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(BUFFER);
    }
    sides::ask(&socket, address.is_ipv6())?;
    address::bind_early(&socket, address)?;
    UdpSocket::from_std(socket.into())
}

fn cannot(address: SocketAddr, error: &io::Error) -> Failure {
    let next = match error.kind() {
        io::ErrorKind::AddrInUse => "another gatekeeper runs here: stop it (`ss -lunp`)",
        _ => "see the cause",
    };
    Failure::new(format!("RAS at {address}"), error.to_string(), next)
}
