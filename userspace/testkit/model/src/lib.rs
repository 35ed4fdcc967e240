//! Endpoints and gatekeepers to test against, without IO: the messages that they send, their state machines, and a
//! network in virtual time.
//!
//! Invariant: the clock and the network are arguments, so a test in virtual time and a socket in a namespace use the
//! same models.

pub mod admission;
pub mod call;
pub mod clients;
pub mod credentials;
pub mod dice;
pub mod gatekeeper;
pub mod messages;
pub mod party;
pub mod transit;
pub mod zone;
