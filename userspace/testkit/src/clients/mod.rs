//! RAS clients that behave as real ones: a terminal on h323plus and a `GnuGk` that registers with a parent.
//!
//! What they send was taken from captures (`tests/vectors`), field by field; when they send it, and what they make of the
//! answers, too. They are machines without IO, so that a simulation in virtual time and a socket in a namespace
//! ([`Running`]) use the same ones. Time is what has passed since any moment that the caller likes.
//!
//! Invariant: whatever comes in is in the journal, used or with the reason why it was ignored.

use std::net::SocketAddr;
use std::time::Duration;

mod child;
mod desk;
mod runner;
mod terminal;
pub mod wire;

pub use child::{ChildGatekeeper, ChildSettings, asked_after};
pub(crate) use desk::answers;
pub use desk::{Entry, Way};
pub use runner::Running;
pub use terminal::{Call, CallState, Terminal, TerminalSettings};

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// To whom.
    pub to: SocketAddr,
    /// The message.
    pub octets: Vec<u8>,
}

/// What all clients have in common.
pub trait Client: Send + 'static {
    /// Its RAS address.
    fn address(&self) -> SocketAddr;
    /// Begins to look for a gatekeeper.
    fn start(&mut self, now: Duration);
    /// A datagram came to its RAS address.
    fn receive(&mut self, now: Duration, from: SocketAddr, octets: &[u8]);
    /// It is [`Client::next_due`].
    fn due(&mut self, now: Duration);
    /// When [`Client::due`] is wanted.
    fn next_due(&self) -> Option<Duration>;
    /// Unregisters.
    fn leave(&mut self, now: Duration);
    /// What is to be sent since the last call.
    fn take(&mut self) -> Vec<Datagram>;
    /// The gatekeeper that confirmed it last, unless it knows that it is registered no more.
    fn gatekeeper(&self) -> Option<SocketAddr>;
    /// endpointIdentifier of its registration.
    fn endpoint_identifier(&self) -> Option<&str>;
    /// timeToLive that the last RCF gave, seconds.
    fn time_to_live(&self) -> Option<u32>;
    /// All that it sent and heard, in order. Grows for ever.
    fn journal(&self) -> &[Entry];

    /// Whether it is registered, as far as it knows.
    fn registered(&self) -> bool {
        self.gatekeeper().is_some()
    }
}
