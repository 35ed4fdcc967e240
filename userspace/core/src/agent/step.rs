//! What the handling of one input needs.

use super::Output;
use crate::Time;

/// The time of an input, and where its outputs go.
pub(super) struct Step<'a> {
    pub now: Time,
    pub unix_at_zero: i64,
    pub out: &'a mut Vec<Output>,
}

impl Step<'_> {
    /// UNIX time in seconds.
    pub fn unix(&self) -> u32 {
        let seconds = i64::try_from(self.now.since(Time(0)).as_secs()).unwrap_or(i64::MAX);
        let unix = self.unix_at_zero.saturating_add(seconds);
        u32::try_from(unix.max(0)).unwrap_or(u32::MAX)
    }
}
