//! Phones and a routed gatekeeper with whole calls, without IO: RAS, call signalling, H.245 and RTP.
//!
//! Messages, order and strictness are those of captured calls (`tests/vectors/signalling`) and of the stacks that made
//! them. [`Network`] runs the models in virtual time; the same models run on sockets in `rasline_testkit`.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

mod control;
mod fast;
mod media;
mod messages;
mod network;
mod phone;
mod reader;
mod routed;

pub use control::Control;
pub use media::Reception;
pub use messages::{CallIds, Stack};
pub use network::Network;
pub use phone::{Direction, Ended, Phone, PhoneSettings, Received, State, Via};
pub use routed::RoutedGatekeeper;

/// A TCP connection of a node; the number is the node's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// What a node wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a datagram from one of its UDP addresses.
    Datagram {
        /// One of its own UDP addresses.
        from: SocketAddr,
        /// Where it goes to.
        to: SocketAddr,
        /// Payload of the datagram.
        octets: Vec<u8>,
    },
    /// Accept connections at this address from now on.
    Listen(SocketAddr),
    /// Connect from this host.
    Connect {
        /// Number of the new connection.
        connection: ConnectionId,
        /// Host that it connects from.
        from: IpAddr,
        /// Where it goes to.
        to: SocketAddr,
    },
    /// Send octets in one segment.
    Send {
        /// Connection to send on.
        connection: ConnectionId,
        /// What to send.
        octets: Vec<u8>,
    },
    /// Close a connection (FIN) behind all that was sent.
    Close(ConnectionId),
}

/// A host with RAS, call signalling and media. Time is relative to any moment that the caller chooses.
pub trait Node: Any + Send {
    /// UDP addresses that it receives at.
    fn udp_addresses(&self) -> Vec<SocketAddr>;
    /// Begins: registers, or listens.
    fn start(&mut self, now: Duration);
    /// Handles a datagram that came to its address `at`.
    fn datagram(&mut self, now: Duration, at: SocketAddr, from: SocketAddr, octets: &[u8]);
    /// Takes a connection that was made to its address `at`. Returns its number.
    fn accepted(&mut self, now: Duration, at: SocketAddr, from: SocketAddr) -> ConnectionId;
    /// Handles that a connection of its own is established.
    fn connected(&mut self, now: Duration, connection: ConnectionId);
    /// Handles a received segment.
    fn received(&mut self, now: Duration, connection: ConnectionId, octets: &[u8]);
    /// Handles that the other side closed or reset a connection, or that it was not established.
    fn closed(&mut self, now: Duration, connection: ConnectionId);
    /// Time at which [`Node::due`] must be called.
    fn next_due(&self) -> Option<Duration>;
    /// Handles timers that are due.
    fn due(&mut self, now: Duration);
    /// Takes what it wants done since the last call, in order.
    fn take(&mut self) -> Vec<Action>;
}
