//! H.245 as far as a signalling proxy needs it: which message it is, its numbers, and messages of its own.
//!
//! - [`read_head`] reads the first octets of any message.
//! - [`renumber`] changes the sequenceNumber of a terminalCapabilitySet and of its answers.
//! - [`decode_open_logical_channel_ack`] gives the addresses to which media is sent.
//! - [`build`] makes messages of a signalling proxy's own.
//!
//! Invariant: any octets give a value.

pub mod build;
mod channels;
mod head;

pub use channels::{ChannelAck, MediaAddresses, decode_open_logical_channel_ack};
pub use head::{Head, UserInput, read_head, renumber};
