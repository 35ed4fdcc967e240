//! Which gatekeepers bear an idle call-signalling connection.
//!
//! Some close one on which no Setup comes, and some at the first Status Enquiry. A close (FIN) by a gatekeeper that then
//! confirms the registration is such a habit and no loss.
//!
//! ```text
//!   closed once   --> opened again, without Status Enquiries
//!   closed twice  --> `auto`: per call only, at this gatekeeper; `hold`: opened again after a rest
//! ```
//! Invariant: a connection that was open for [`LONG`] takes back what was counted before.

use std::net::SocketAddr;
use std::time::Duration;

/// A connection that was open this long was not closed for want of a Setup.
const LONG: Duration = Duration::from_mins(10);
/// Closes of one gatekeeper that make a habit.
const HABIT: u32 = 2;
/// Gatekeepers remembered at most.
const MOST: usize = 32;

/// Closes in a row, by the gatekeeper's RAS address; the least recent first.
#[derive(Debug, Default)]
pub(super) struct Bearing(Vec<(SocketAddr, u32)>);

impl Bearing {
    /// A gatekeeper that still confirms closed a connection that was open this long; true if that has become a habit
    /// just now.
    pub(super) fn closed(&mut self, gatekeeper: SocketAddr, open: Duration) -> bool {
        let before = self.closes(gatekeeper);
        self.0.retain(|(one, _)| *one != gatekeeper);
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        let closes = if open >= LONG { 1 } else { before + 1 };
        self.0.push((gatekeeper, closes));
        closes == HABIT
    }

    /// Whether it closes whatever is idle.
    pub(super) fn refuses_idle(&self, gatekeeper: SocketAddr) -> bool {
        self.closes(gatekeeper) >= HABIT
    }

    /// Whether Status Enquiries may be what it does not bear.
    pub(super) fn is_suspect(&self, gatekeeper: SocketAddr) -> bool {
        self.closes(gatekeeper) > 0
    }

    fn closes(&self, gatekeeper: SocketAddr) -> u32 {
        let mut all = self.0.iter();
        all.find(|(one, _)| *one == gatekeeper)
            .map_or(0, |(_, closes)| *closes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_closes_are_a_habit_unless_they_lie_far_apart() {
        let gk = |n: u8| SocketAddr::from(([192, 0, 2, n], 1719));
        let second = Duration::from_secs(1);
        let mut bearing = Bearing::default();
        assert!(!bearing.closed(gk(1), 8 * second));
        assert!(bearing.is_suspect(gk(1)) && !bearing.refuses_idle(gk(1)));
        assert!(!bearing.closed(gk(1), LONG), "it bears it");
        assert!(bearing.closed(gk(1), 8 * second));
        assert!(!bearing.closed(gk(1), 8 * second), "that is known");
        assert!(bearing.refuses_idle(gk(1)) && !bearing.is_suspect(gk(2)));
        for n in 2..=40 {
            bearing.closed(gk(n), second);
        }
        assert_eq!(bearing.0.len(), MOST);
    }
}
