//! A client on a socket in a namespace.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use rasline_testkit_model::clients::Client;

use crate::Netns;

/// Longest time between two checks of the clock.
const NAP: Duration = Duration::from_secs(5);

/// A client that runs until it is dropped. It does not unregister on drop: it vanishes.
#[derive(Debug)]
pub struct Running<C: Client> {
    shared: Arc<Shared<C>>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared<C> {
    client: Mutex<C>,
    news: Condvar,
    stop: AtomicBool,
    socket: UdpSocket,
    start: Instant,
}

impl<C: Client> Running<C> {
    /// Binds the client's RAS address in this namespace and starts it.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start(netns: &Netns, mut client: C) -> Result<Self> {
        let address = client.address();
        let socket = netns
            .run(|| UdpSocket::bind(address))?
            .with_context(|| format!("binding a client to {address}"))?;
        client.start(Duration::ZERO);
        let shared = Arc::new(Shared {
            client: Mutex::new(client),
            news: Condvar::new(),
            stop: AtomicBool::new(false),
            socket,
            start: Instant::now(),
        });
        shared.flush(&mut shared.lock());
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.serve()
        });
        Ok(Self {
            shared,
            address,
            thread: Some(thread),
        })
    }

    /// Runs a function on the client now.
    pub fn tell<T>(&self, what: impl FnOnce(&mut C, Duration) -> T) -> T {
        let mut client = self.shared.lock();
        let told = what(&mut client, self.shared.start.elapsed());
        self.shared.flush(&mut client);
        drop(client);
        self.shared.news.notify_all();
        self.wake();
        told
    }

    /// Reads from the client.
    pub fn see<T>(&self, what: impl FnOnce(&C) -> T) -> T {
        what(&self.shared.lock())
    }

    /// Waits until the client is in a state.
    ///
    /// # Errors
    /// When the time `within` is over; the error contains the last messages.
    pub fn wait<T>(
        &self,
        what: &str,
        within: Duration,
        mut look: impl FnMut(&C) -> Option<T>,
    ) -> Result<T> {
        let end = Instant::now() + within;
        let mut client = self.shared.lock();
        loop {
            if let Some(found) = look(&client) {
                return Ok(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let last: Vec<_> = client.journal().iter().rev().take(5).collect();
                bail!("waited {within:?} in vain for {what}; last: {last:?}");
            }
            let waited = self.shared.news.wait_timeout(client, left);
            client = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until it is registered.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn registered(&self, within: Duration) -> Result<SocketAddr> {
        self.wait("a registration", within, C::gatekeeper)
    }

    /// An empty datagram wakes the thread.
    fn wake(&self) {
        let _ = self.shared.socket.send_to(&[], self.address);
    }
}

impl<C: Client> Drop for Running<C> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<C: Client> Shared<C> {
    fn lock(&self) -> MutexGuard<'_, C> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flush(&self, client: &mut C) {
        for datagram in client.take() {
            // A gatekeeper that does not exist is not an error of the client.
            let _ = self.socket.send_to(&datagram.octets, datagram.to);
        }
    }

    fn serve(&self) {
        let mut buffer = vec![0; 65_536];
        while !self.stop.load(Ordering::SeqCst) {
            let due = self.lock().next_due();
            let left = due.map_or(NAP, |due| due.saturating_sub(self.start.elapsed()));
            let pause = left.clamp(Duration::from_micros(1), NAP);
            let received = self
                .socket
                .set_read_timeout(Some(pause))
                .and_then(|()| self.socket.recv_from(&mut buffer));
            let mut client = self.lock();
            let now = self.start.elapsed();
            match received {
                Ok((0, _)) => {}
                Ok((n, from)) => client.receive(now, from, &buffer[..n]),
                // ICMP errors are received here, too.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => return,
                Err(_) => {}
            }
            if client.next_due().is_some_and(|due| due <= now) {
                client.due(now);
            }
            self.flush(&mut client);
            drop(client);
            self.news.notify_all();
        }
    }
}
