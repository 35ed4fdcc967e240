//! Which datagrams are decoded at all: decoding is what costs, and anybody can send.
//!
//! ```text
//!   no header of a RAS message, or too long           --> ignored
//!   an answer, and nothing of that number is asked
//!     of the sender                                   --> ignored
//!   a request, and the sender is none of the agent's
//!     gatekeepers, or asks too often                  --> ignored
//!   else                                              --> decoded
//! ```
//! Invariant: whether a message is decoded depends on its header, its length and its sender only.

use std::time::Duration;

use rasline_h225::header;

use crate::Time;

/// The longest message that is decoded, in octets. An RCF or URQ with all that it may name takes a quarter of it.
const LONGEST: usize = 4_096;
/// Requests of gatekeepers that are decoded at once at most, ...
const BURST: u32 = 32;
/// ... and the time after which there is room for one more. Gatekeepers ask (IRQ) every few seconds.
const ONE_MORE: Duration = Duration::from_millis(50);

/// Counts the requests of gatekeepers.
#[derive(Debug, Default)]
pub(super) struct Door {
    /// When all room is there again.
    full: Time,
}

impl Door {
    /// True if a message is to be decoded. `is_known`: it comes from one of the agent's gatekeepers; `is_expected`: an
    /// answer with this number is expected from its sender.
    pub fn admits(
        &mut self,
        now: Time,
        raw: &[u8],
        is_known: bool,
        is_expected: impl FnOnce(u16) -> bool,
    ) -> bool {
        let Some(header) = header(raw).filter(|_| raw.len() <= LONGEST) else {
            return false;
        };
        if header.kind.is_request() {
            is_known && self.has_room(now)
        } else {
            is_expected(header.seq)
        }
    }

    fn has_room(&mut self, now: Time) -> bool {
        let full = self.full.max(now).after(ONE_MORE);
        let room = full.since(now) <= ONE_MORE * BURST;
        if room {
            self.full = full;
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_room_again_after_a_while() {
        let (mut door, start) = (Door::default(), Time(1_000_000_000));
        let let_in = |door: &mut Door, now| (0..1_000).filter(|_| door.has_room(now)).count();
        assert_eq!(let_in(&mut door, start), BURST as usize);
        assert_eq!(let_in(&mut door, start.after(ONE_MORE * 3)), 3);
        assert_eq!(
            let_in(&mut door, start.after(ONE_MORE * 1_000)),
            BURST as usize
        );
    }
}
