//! How fast registrations move: one bucket a zone for every RRQ that reaches the active gatekeeper while the zone
//! moves (GCRA: the time at which the next would be due at exactly the rate, at most a burst ahead).
//!
//! A known keep-alive, which can be answered instead, leaves half of the burst to those that cannot: full RRQs, and
//! endpoints that asked for something. So that what has begun to move is not held up by those that wait.

use rasline_abi::{Zone, elapsed, ticks};

use crate::checksum::{fold, halves};
use crate::parse::Packet;
use crate::steer::Course;
use crate::tables::{Shared, field_at, get};
use crate::{Frame, Tables, answer, ras};

/// RRQs that may come at once, as time at the migrate rate: a tenth of a second, and at least four of them.
const BURST_NS: u64 = 100_000_000;
/// A RIP: choice 0 behind the extension mark, its length, requestSeqNum, delay less one in ms (H.225.0).
const RIP_LEN: usize = 7;

/// Whether the zone moved so lately that registrations may still be on their way.
#[inline(always)]
pub(crate) fn moving(zone: Shared<Zone>, course: &Course, now: u64) -> bool {
    get!(zone, migrate_rate) != 0
        && course.moved_ns != 0
        && elapsed(ticks(now), ticks(course.moved_ns)) < get!(zone, move_for)
}

/// Takes a place among the RRQs that reach the active gatekeeper. `known`: it could be answered instead. When two
/// CPUs ask at once, one gets none: the bound is never exceeded.
#[inline(always)]
pub(crate) fn take<T: Tables>(
    tables: &T,
    index: u32,
    zone: Shared<Zone>,
    now: u64,
    known: bool,
) -> bool {
    let rate = u64::from(get!(zone, migrate_rate));
    let Some(state) = tables.zone_state(index) else {
        return false;
    };
    if rate == 0 {
        return true;
    }
    let interval = 1_000_000_000 / rate;
    let burst = if BURST_NS > 4 * interval {
        BURST_NS
    } else {
        4 * interval
    };
    let due = get!(state, next_ns);
    let ahead = if known { burst / 2 } else { burst };
    if due > now + ahead - interval {
        return false;
    }
    let from = if due > now { due } else { now };
    tables.compare_exchange(state, |p| field_at!(p, next_ns), due, from + interval)
}

/// Turns the frame of an RRQ into a RIP back to the endpoint. `None`: no room.
#[inline(always)]
pub(crate) fn rip<F: Frame>(frame: &mut F, packet: &Packet, delay_ms: u16) -> Option<()> {
    let seq = frame.u16(packet.payload + ras::SEQ_AT)?;
    // Spread by requestSeqNum and sender, from half the delay to one and a half.
    let mix = (packet.source[1] >> 32) ^ u64::from(packet.source_port) << 16 ^ u64::from(seq);
    let spread = mix.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    let delay = u64::from(delay_ms / 2) + ((u64::from(delay_ms) * spread) >> 16);
    let delay = match delay {
        0 => 1,
        1..=0xffff => delay as u16,
        _ => 0xffff,
    };
    let seq_octets = u64::from(seq);
    // 80 05 00, then the number, then the delay less one; the last octet is beyond the message.
    let word = 0x80 | 0x05 << 8 | seq_octets << 24 | u64::from((delay - 1).to_be()) << 40;
    frame.resize(packet.payload + RIP_LEN + 1)?;
    frame.set_u64(packet.payload, word)?;
    frame.resize(packet.payload + RIP_LEN)?;
    answer::turn(frame, packet, RIP_LEN, u64::from(fold(halves(word))))
}
