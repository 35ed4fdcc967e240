//! Fair turns: each kind of work gives way to the others after a while.

use std::time::{Duration, Instant};

/// How long one kind of messages is handled before another one gets its turn.
const LENGTH: Duration = Duration::from_millis(2);

/// One turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    end: Instant,
}

impl Turn {
    /// Begins now.
    pub(super) fn start() -> Self {
        Self {
            end: Instant::now() + LENGTH,
        }
    }

    /// Whether others are waiting for theirs.
    pub(super) fn is_over(self) -> bool {
        Instant::now() >= self.end
    }
}
