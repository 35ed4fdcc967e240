//! RAS clients that behave as real ones: a terminal on h323plus and a `GnuGk` that registers with a parent.
//!
//! Their messages were taken from captures (`tests/vectors`), field by field; so were their timing and their reactions
//! to answers. They are state machines without IO, so that a simulation in virtual time and a socket in a namespace
//! can use them. Time is relative to any moment that the caller chooses.
//!
//! Invariant: all received messages are in the journal, as used or with the reason why they were ignored.

use std::net::SocketAddr;
use std::time::Duration;

mod child;
mod desk;
mod terminal;
pub mod wire;

pub use child::{ChildGatekeeper, ChildSettings, asked_after};
pub use desk::{Entry, Way, answers};
pub use terminal::{Call, CallState, Terminal, TerminalSettings};

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Destination.
    pub to: SocketAddr,
    /// The message.
    pub octets: Vec<u8>,
}

/// The interface of all clients.
pub trait Client: Send + 'static {
    /// Its RAS address.
    fn address(&self) -> SocketAddr;
    /// Starts the discovery of a gatekeeper.
    fn start(&mut self, now: Duration);
    /// Handles a datagram that was received at its RAS address.
    fn receive(&mut self, now: Duration, from: SocketAddr, octets: &[u8]);
    /// Handles timers; called at [`Client::next_due`].
    fn due(&mut self, now: Duration);
    /// Time at which [`Client::due`] must be called.
    fn next_due(&self) -> Option<Duration>;
    /// Unregisters.
    fn leave(&mut self, now: Duration);
    /// Takes the messages to send since the last call.
    fn take(&mut self) -> Vec<Datagram>;
    /// The gatekeeper that confirmed it last, unless it knows that it is no longer registered.
    fn gatekeeper(&self) -> Option<SocketAddr>;
    /// endpointIdentifier of its registration.
    fn endpoint_identifier(&self) -> Option<&str>;
    /// timeToLive in the last RCF, seconds.
    fn time_to_live(&self) -> Option<u32>;
    /// All messages that it sent and received, in order. The journal is not bounded.
    fn journal(&self) -> &[Entry];

    /// Whether it is registered, as far as it knows.
    fn registered(&self) -> bool {
        self.gatekeeper().is_some()
    }
}
