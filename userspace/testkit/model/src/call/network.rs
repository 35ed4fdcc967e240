//! Nodes, and a network between them in virtual time: each packet takes a millisecond.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use rasline_core::Time;

use super::{Action, ConnectionId, Node};
use crate::transit::Transit;

const DELAY: Duration = Duration::from_millis(1);
/// First source port of TCP connections.
const FIRST_PORT: u16 = 30_000;

/// One end of a connection: the node's place, and its number.
type End = (usize, ConnectionId);

#[derive(Clone, Debug)]
enum Arrival {
    Datagram {
        from: SocketAddr,
        to: SocketAddr,
        octets: Vec<u8>,
    },
    Connection {
        end: End,
        from: SocketAddr,
        to: SocketAddr,
    },
    Established(End),
    Segment(End, Vec<u8>),
    Closed(End),
}

/// See the module.
#[derive(Default)]
pub struct Network {
    now: Duration,
    nodes: Vec<Option<Box<dyn Node>>>,
    transit: Transit<Arrival>,
    /// The other end of each end.
    lines: BTreeMap<End, End>,
    connecting: BTreeSet<End>,
    listeners: BTreeMap<SocketAddr, usize>,
    udp: BTreeMap<SocketAddr, usize>,
    connections: u16,
    /// What waits for nodes that stand still, by place.
    frozen: BTreeMap<usize, Vec<Arrival>>,
    /// Whether the first two octets of everything sent are a segment of their own.
    pub splits_segments: bool,
}

impl Network {
    /// Adds a node and starts it. Returns its place.
    pub fn add(&mut self, mut node: impl Node) -> usize {
        let place = self.nodes.len();
        for address in node.udp_addresses() {
            self.udp.insert(address, place);
        }
        node.start(self.now);
        self.nodes.push(Some(Box::new(node)));
        self.flush(place);
        place
    }

    /// Time since the start.
    #[must_use]
    pub const fn now(&self) -> Duration {
        self.now
    }

    /// The node at this place.
    ///
    /// # Panics
    /// When there is none of this type, or it was killed.
    #[must_use]
    pub fn get<N: Node>(&self, place: usize) -> &N {
        let node: &dyn Any = &**self.nodes[place].as_ref().expect("a living node");
        node.downcast_ref().expect("a node of this type")
    }

    /// Runs a function on a node, and does what the node wants.
    ///
    /// # Panics
    /// As [`Self::get`].
    pub fn tell<N: Node, T>(
        &mut self,
        place: usize,
        what: impl FnOnce(&mut N, Duration) -> T,
    ) -> T {
        let node: &mut dyn Any = &mut **self.nodes[place].as_mut().expect("a living node");
        let node = node.downcast_mut().expect("a node of this type");
        let result = what(node, self.now);
        self.flush(place);
        result
    }

    /// The other end of a connection: the place of the node, and its number of the connection.
    #[must_use]
    pub fn peer(&self, end: (usize, ConnectionId)) -> Option<(usize, ConnectionId)> {
        self.lines.get(&end).copied()
    }

    /// Sends octets on a connection of a node, as if it had.
    pub fn inject(&mut self, place: usize, connection: ConnectionId, octets: Vec<u8>) {
        self.carry_out(place, Action::Send { connection, octets });
    }

    /// Kills a node: its machine closes all its connections and answers nothing else.
    pub fn kill(&mut self, place: usize) {
        self.nodes[place] = None;
        self.listeners.retain(|_, at| *at != place);
        let ends: Vec<End> = self
            .lines
            .keys()
            .filter(|end| end.0 == place)
            .copied()
            .collect();
        for end in ends {
            self.close(end);
        }
    }

    /// Starts another node in the place of one that was killed, at the same addresses.
    pub fn replace(&mut self, place: usize, mut node: impl Node) {
        node.start(self.now);
        self.nodes[place] = Some(Box::new(node));
        self.flush(place);
    }

    /// Stops the process of a node: what comes to it waits, and its timers do not run.
    pub fn freeze(&mut self, place: usize) {
        self.frozen.entry(place).or_default();
    }

    /// Lets a node go on, first with what came meanwhile.
    pub fn thaw(&mut self, place: usize) {
        for arrival in self.frozen.remove(&place).into_iter().flatten() {
            self.transit.send(time(self.now), arrival);
        }
    }

    /// Breaks a connection: both ends see it closed.
    pub fn break_connection(&mut self, place: usize, connection: ConnectionId) {
        let end = (place, connection);
        if let Some(other) = self.lines.get(&end).copied() {
            self.later(Arrival::Closed(end));
            self.later(Arrival::Closed(other));
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(next) = self.next_due().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            while let Some(arrival) = self.transit.take(time(self.now)) {
                self.arrive(arrival);
            }
            for place in 0..self.nodes.len() {
                let now = self.now;
                if !self.frozen.contains_key(&place)
                    && let Some(node) = &mut self.nodes[place]
                    && node.next_due().is_some_and(|due| due <= now)
                {
                    node.due(now);
                    self.flush(place);
                }
            }
        }
        self.now = end;
    }

    fn next_due(&self) -> Option<Duration> {
        let transit = self.transit.next_due().map(|at| Duration::from_nanos(at.0));
        let running = self.nodes.iter().enumerate();
        let running = running.filter(|(place, _)| !self.frozen.contains_key(place));
        let nodes = running.filter_map(|(_, node)| node.as_ref()?.next_due());
        nodes.chain(transit).min()
    }

    fn later(&mut self, arrival: Arrival) {
        self.transit.send(time(self.now + DELAY), arrival);
    }

    fn flush(&mut self, place: usize) {
        let actions = self.nodes[place].as_mut().map(|node| node.take());
        for action in actions.into_iter().flatten() {
            self.carry_out(place, action);
        }
    }

    fn carry_out(&mut self, place: usize, action: Action) {
        match action {
            Action::Datagram { from, to, octets } => {
                self.later(Arrival::Datagram { from, to, octets });
            }
            Action::Listen(at) => {
                self.listeners.insert(at, place);
            }
            Action::Connect {
                connection,
                from,
                to,
            } => {
                let end = (place, connection);
                self.connecting.insert(end);
                self.connections += 1;
                let from = SocketAddr::new(from, FIRST_PORT + self.connections);
                self.later(Arrival::Connection { end, from, to });
            }
            Action::Send { connection, octets } => {
                let Some(other) = self.lines.get(&(place, connection)).copied() else {
                    return;
                };
                let first = if self.splits_segments {
                    2
                } else {
                    octets.len()
                };
                for part in [&octets[..first], &octets[first..]] {
                    if !part.is_empty() {
                        self.later(Arrival::Segment(other, part.to_vec()));
                    }
                }
            }
            Action::Close(connection) => self.close((place, connection)),
        }
    }

    fn close(&mut self, end: End) {
        self.connecting.remove(&end);
        if let Some(other) = self.lines.remove(&end) {
            self.later(Arrival::Closed(other));
        }
    }

    /// The place of the node that an arrival comes to.
    fn receiver(&self, arrival: &Arrival) -> Option<usize> {
        match arrival {
            Arrival::Datagram { to, .. } => self.udp.get(to).copied(),
            Arrival::Connection { to, .. } => self.listeners.get(to).copied(),
            Arrival::Established(end) | Arrival::Segment(end, _) | Arrival::Closed(end) => {
                Some(end.0)
            }
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        let now = self.now;
        let receiver = self.receiver(&arrival);
        if let Some(waiting) = receiver.and_then(|place| self.frozen.get_mut(&place)) {
            waiting.push(arrival);
            return;
        }
        let place = match arrival {
            Arrival::Datagram { from, to, octets } => {
                let Some(&place) = self.udp.get(&to) else {
                    return;
                };
                if let Some(node) = &mut self.nodes[place] {
                    node.datagram(now, to, from, &octets);
                }
                place
            }
            Arrival::Connection { end, from, to } => {
                if !self.connecting.remove(&end) {
                    return;
                }
                let listener = self.listeners.get(&to).copied();
                let node = listener.and_then(|at| Some((at, self.nodes[at].as_mut()?)));
                let Some((place, node)) = node else {
                    self.later(Arrival::Closed(end));
                    return;
                };
                let other = (place, node.accepted(now, to, from));
                self.lines.insert(end, other);
                self.lines.insert(other, end);
                self.later(Arrival::Established(end));
                place
            }
            Arrival::Established((place, connection)) => {
                if let Some(node) = &mut self.nodes[place] {
                    node.connected(now, connection);
                }
                place
            }
            Arrival::Segment((place, connection), octets) => {
                if let Some(node) = &mut self.nodes[place] {
                    node.received(now, connection, &octets);
                }
                place
            }
            Arrival::Closed(end) => {
                self.lines.remove(&end);
                if let Some(node) = &mut self.nodes[end.0] {
                    node.closed(now, end.1);
                }
                end.0
            }
        };
        self.flush(place);
    }
}

fn time(since: Duration) -> Time {
    Time(0).after(since)
}
