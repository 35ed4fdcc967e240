//! A phone or a routed gatekeeper on sockets in a namespace.
//!
//! ```text
//!  UDP sockets, listeners, connections: a thread each --events--> one thread with the model --> sends, connects, closes
//! ```

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rasline_testkit_model::call::{Action, ConnectionId, Node};
use socket2::{Domain, SockRef, Socket, Type};

use crate::Netns;

/// Longest time between two checks of the clock, and of whether a thread shall end.
const NAP: Duration = Duration::from_millis(50);
const CONNECTS_WITHIN: Duration = Duration::from_secs(3);

/// What happened on a socket.
#[derive(Debug)]
enum Event {
    Datagram(SocketAddr, SocketAddr, Vec<u8>),
    Accepted(SocketAddr, SocketAddr, TcpStream),
    Connected(ConnectionId, io::Result<TcpStream>),
    Received(ConnectionId, Vec<u8>),
    Closed(ConnectionId),
    /// The model was changed from outside.
    Changed,
    Stop,
}

/// A node that runs until it is dropped. Then its sockets are closed, as when its process is killed.
#[derive(Debug)]
pub struct RunningNode<N: Node> {
    shared: Arc<Shared<N>>,
    events: Sender<Event>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared<N> {
    node: Mutex<N>,
    news: Condvar,
    start: Instant,
}

impl<N: Node> RunningNode<N> {
    /// Binds the node's UDP addresses in this namespace and starts it.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub fn start(netns: &Netns, node: N) -> Result<Self> {
        let addresses = node.udp_addresses();
        let shared = Arc::new(Shared {
            node: Mutex::new(node),
            news: Condvar::new(),
            start: Instant::now(),
        });
        let (events, receiver) = channel();
        let (ours, sender) = (Arc::clone(&shared), events.clone());
        // Threads are in the namespace of the one that starts them.
        let thread = netns.run(move || -> Result<JoinHandle<()>> {
            let mut hub = Hub::new(ours, sender);
            for address in addresses {
                hub.bind(address)?;
            }
            hub.begin();
            Ok(std::thread::spawn(move || hub.run(&receiver)))
        })??;
        Ok(Self {
            shared,
            events,
            thread: Some(thread),
        })
    }

    /// Runs a function on the node now.
    pub fn tell<T>(&self, what: impl FnOnce(&mut N, Duration) -> T) -> T {
        let result = what(&mut self.shared.lock(), self.shared.start.elapsed());
        let _ = self.events.send(Event::Changed);
        result
    }

    /// Reads from the node.
    pub fn see<T>(&self, what: impl FnOnce(&N) -> T) -> T {
        what(&self.shared.lock())
    }

    /// Waits until the node is in a state.
    ///
    /// # Errors
    /// When the time `within` is over.
    pub fn wait(&self, what: &str, within: Duration, is: impl Fn(&N) -> bool) -> Result<()> {
        let waiting = |node: &mut N| !is(node);
        let (_node, timeout) = self
            .shared
            .news
            .wait_timeout_while(self.shared.lock(), within, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            bail!("waited {within:?} in vain for {what}");
        }
        Ok(())
    }
}

impl<N: Node> Drop for RunningNode<N> {
    fn drop(&mut self) {
        let _ = self.events.send(Event::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<N> Shared<N> {
    fn lock(&self) -> MutexGuard<'_, N> {
        // A test that panicked elsewhere must not hide its message behind a poisoned lock.
        self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread with the model, and its sockets.
struct Hub<N> {
    shared: Arc<Shared<N>>,
    events: Sender<Event>,
    sockets: HashMap<SocketAddr, Arc<UdpSocket>>,
    listeners: Vec<Arc<TcpListener>>,
    streams: HashMap<ConnectionId, TcpStream>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl<N: Node> Hub<N> {
    fn new(shared: Arc<Shared<N>>, events: Sender<Event>) -> Self {
        Self {
            shared,
            events,
            sockets: HashMap::new(),
            listeners: Vec::new(),
            streams: HashMap::new(),
            stop: Arc::new(AtomicBool::new(false)),
            threads: Vec::new(),
        }
    }

    fn bind(&mut self, address: SocketAddr) -> Result<()> {
        let socket = UdpSocket::bind(address).with_context(|| format!("binding {address}"))?;
        socket.set_read_timeout(Some(NAP))?;
        let socket = Arc::new(socket);
        self.sockets.insert(address, Arc::clone(&socket));
        let (events, stop) = (self.events.clone(), Arc::clone(&self.stop));
        self.threads.push(std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while !stop.load(Ordering::SeqCst) {
                if let Ok((n, from)) = socket.recv_from(&mut buffer) {
                    let _ = events.send(Event::Datagram(address, from, buffer[..n].to_vec()));
                }
            }
        }));
        Ok(())
    }

    fn begin(&mut self) {
        let now = self.shared.start.elapsed();
        self.with_node(|node| node.start(now));
    }

    /// Calls the model, and does what it wants.
    fn with_node(&mut self, call: impl FnOnce(&mut N)) {
        let actions = {
            let mut node = self.shared.lock();
            call(&mut node);
            node.take()
        };
        for action in actions {
            self.carry_out(action);
        }
        self.shared.news.notify_all();
    }

    fn run(mut self, receiver: &Receiver<Event>) {
        loop {
            let due = self.shared.lock().next_due();
            let elapsed = self.shared.start.elapsed();
            let left = due.map_or(NAP, |due| due.saturating_sub(elapsed).min(NAP));
            let event = match receiver.recv_timeout(left) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
            };
            let now = self.shared.start.elapsed();
            if let Some(event) = event {
                self.handle(now, event);
            }
            if due.is_some_and(|due| due <= now) {
                self.with_node(|node| node.due(now));
            }
        }
        self.end();
    }

    fn handle(&mut self, now: Duration, event: Event) {
        match event {
            Event::Datagram(at, from, octets) => {
                self.with_node(|node| node.datagram(now, at, from, &octets));
            }
            Event::Accepted(at, from, stream) => {
                let connection = self.shared.lock().accepted(now, at, from);
                self.keep(connection, stream);
                self.with_node(|_| {});
            }
            Event::Connected(connection, Ok(stream)) => {
                self.keep(connection, stream);
                self.with_node(|node| node.connected(now, connection));
            }
            Event::Received(connection, octets) => {
                self.with_node(|node| node.received(now, connection, &octets));
            }
            Event::Connected(connection, Err(_)) | Event::Closed(connection) => {
                self.streams.remove(&connection);
                self.with_node(|node| node.closed(now, connection));
            }
            Event::Changed => self.with_node(|_| {}),
            Event::Stop => {}
        }
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Datagram { from, to, octets } => {
                if let Some(socket) = self.sockets.get(&from) {
                    // A peer that does not exist is not an error of the node.
                    let _ = socket.send_to(&octets, to);
                }
            }
            Action::Listen(at) => self.listen(at),
            Action::Connect {
                connection,
                from,
                to,
            } => {
                let events = self.events.clone();
                std::thread::spawn(move || {
                    let _ = events.send(Event::Connected(connection, connect(from, to)));
                });
            }
            Action::Send { connection, octets } => {
                if let Some(stream) = self.streams.get_mut(&connection) {
                    // The end of the connection comes as an event of its own.
                    let _ = stream.write_all(&octets);
                }
            }
            Action::Close(connection) => {
                if let Some(stream) = self.streams.remove(&connection) {
                    let _ = stream.shutdown(Shutdown::Both);
                }
            }
        }
    }

    /// Accepts connections in a thread.
    fn listen(&mut self, at: SocketAddr) {
        let listener = TcpListener::bind(at).expect("the address of a listener is free");
        let listener = Arc::new(listener);
        self.listeners.push(Arc::clone(&listener));
        let events = self.events.clone();
        self.threads.push(std::thread::spawn(move || {
            while let Ok((stream, from)) = listener.accept() {
                let _ = events.send(Event::Accepted(at, from, stream));
            }
        }));
    }

    /// Reads from a connection in a thread.
    fn keep(&mut self, connection: ConnectionId, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Ok(mut reading) = stream.try_clone() else {
            return;
        };
        self.streams.insert(connection, stream);
        let events = self.events.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            loop {
                match reading.read(&mut buffer) {
                    Ok(n) if n > 0 => {
                        let _ = events.send(Event::Received(connection, buffer[..n].to_vec()));
                    }
                    // The machine was suspended.
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    _ => break,
                }
            }
            let _ = events.send(Event::Closed(connection));
        });
    }

    /// Closes all sockets.
    fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        for listener in &self.listeners {
            // On Linux this makes accept fail.
            let _ = SockRef::from(&**listener).shutdown(Shutdown::Both);
        }
        for stream in self.streams.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn connect(from: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect_timeout(&to.into(), CONNECTS_WITHIN)?;
    Ok(socket.into())
}
