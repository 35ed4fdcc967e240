//! When an endpoint's address last sent something that is no known keep-alive.
//!
//! A slot notes the last keep-alive of its registration. Full RRQs, ARQs, IRRs and call signalling name none, so they
//! are noted by address here: a table as large as the slots', in which the last one at a place stays. Losing an entry
//! to another address loses a sign of life, never makes one: the entry says whose it is in 32 keyed bits.

use bytemuck::{Pod, Zeroable};

/// The last message of an address and port (0: TCP, from whatever port). Kernel-written, as one number.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Seen {
    /// Tick of the message.
    pub tick: u32,
    /// Keyed mix of address and port; 0: the entry was never used.
    pub check: u32,
}

/// An entry is written again only after this many ticks (a quarter of a second), so that a stream of messages costs
/// no stores.
pub const SEEN_EVERY: u32 = 15;

const _: () = {
    assert!(size_of::<Seen>() == 8);
    assert!(core::mem::offset_of!(Seen, tick) == 0);
};
