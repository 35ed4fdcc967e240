//! H.245 as far as a signalling proxy needs it: which message it is, its numbers, and messages of its own.
//!
//! - [`read_head`] reads the first octets of any message.
//! - [`renumber`] changes the sequenceNumber of a terminalCapabilitySet and of its answers.
//!
//! Invariant: any octets give a value.

mod head;

pub use head::{Head, UserInput, read_head, renumber};
