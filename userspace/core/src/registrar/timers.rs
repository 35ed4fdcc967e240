//! What a registrar waits for.

use super::EntryId;
use super::calls::CallId;

/// What is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// A registration: timeToLive, or an answer to IRQ.
    Entry(EntryId),
    /// A call: whether it is still heard of.
    Call(CallId),
    /// An own request, by requestSeqNum: to be sent again.
    Own(u16),
    /// A search for a destination.
    Location(u64),
    /// Those that are not allowed any more.
    Revoked,
}
