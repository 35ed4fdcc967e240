//! Fair turns: whoever has much to be done gives way to the others after a while.

use std::time::{Duration, Instant};

use rasline_kernel::{Message, Reason};

use crate::{host::monotonic_ns, supervisor::Supervisor};

/// How long one kind of messages is handled before another one gets its turn.
const LENGTH: Duration = Duration::from_millis(2);

/// The controller is behind when a diverted message is older than this when its turn comes: endpoints repeat after some
/// seconds, and the answer would still be of use.
const BEHIND: Duration = Duration::from_millis(250);
/// How long nothing is diverted then.
const CATCH_UP: Duration = Duration::from_secs(1);

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

impl Supervisor {
    /// A message that the kernel took out of the traffic waited too long: it takes out no more for a while, so that RCFs
    /// reach their endpoints in time, with the timeToLive of their gatekeeper.
    pub(super) fn look_at_age(&mut self, message: &Message) {
        if !matches!(message.reason, Reason::Diverted | Reason::Standby) {
            return;
        }
        let now = monotonic_ns();
        if now.saturating_sub(message.time_ns) > BEHIND.as_nanos() as u64 {
            self.behind += 1;
            self.dataplane
                .pause_diverting(now + CATCH_UP.as_nanos() as u64);
        }
    }
}
