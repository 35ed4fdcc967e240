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

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::header;

use super::agent::Agent;
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
    fn has_room(&mut self, now: Time) -> bool {
        let full = self.full.max(now).after(ONE_MORE);
        let room = full.since(now) <= ONE_MORE * BURST;
        if room {
            self.full = full;
        }
        room
    }
}

impl Agent {
    /// Whether a message is to be decoded.
    pub(super) fn is_worth_decoding(&mut self, now: Time, from: SocketAddr, raw: &[u8]) -> bool {
        let Some(header) = header(raw).filter(|_| raw.len() <= LONGEST) else {
            return false;
        };
        if header.kind.is_request() {
            self.is_known(from) && self.door.has_room(now)
        } else {
            self.requests.expect(from, header.seq)
        }
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
