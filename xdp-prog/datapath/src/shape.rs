//! Which messages that no slot answers go on to a gatekeeper, and how fast registrations move.
//!
//! Two kinds of sources:
//! - *registered*: a slot has its address and port. Its RRQs and GRQs have a budget of their own, at the slot's place,
//!   so that nobody else can use it up; beyond it they count as of the other kind. Whatever else it says goes on;
//! - *unknown*: anybody, and any address that anybody forges. What they say is limited by source (a keyed hash to one
//!   of a fixed number of buckets), and for the zone in all (`unknown_rate`).
//!
//! While a zone moves, RRQs have the migrate rate as well, in two buckets (GCRA: the time at which the next would be due
//! at exactly the rate, at most a burst ahead): three quarters for registered sources, a quarter for unknown ones. Each
//! may take of the other's what that leaves unused, but not what it comes to take. A known keep-alive, which can be
//! answered instead, takes of the first only, and leaves two thirds of its burst to those that cannot: full RRQs, and
//! endpoints that asked for something.
//! So what has begun to move is not held up by those that wait, nor by those that are made up.

use rasline_abi::{
    Answer, Counter, GENERATION_EMPTY, PROBE_LIMIT, SPREAD, SlotBudget, Zone, ZoneState,
    duration_to_ticks, elapsed, ticks,
};

use crate::checksum::{fold, halves};
use crate::parse::Packet;
use crate::rate::{self, Limited, Rate};
use crate::steer::Course;
use crate::tables::{Address, Shared, field_at, get, set};
use crate::{Frame, Tables, answer, endpoint, ras};

/// RRQs that may come at once, as time at the migrate rate: a tenth of a second, and at least four of them.
const BURST_NS: u64 = 100_000_000;
/// A RIP: choice 0 behind the extension mark, its length, requestSeqNum, delay less one in ms (H.225.0).
const RIP_LEN: usize = 7;
/// A registered source may send an RRQ that is not known this often, ticks.
const BUDGET_EVERY: u32 = duration_to_ticks(1_000_000_000);
/// And so many at once.
const BUDGET_BURST: u32 = 8;
/// No slot ([`registered`]).
const NO_SLOT: u32 = u32::MAX;
/// Messages at once of all unknown sources, as time at the unknown rate.
const UNKNOWN_BURST_NS: u64 = 1_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// Whether the zone moved so lately that registrations may still be on their way.
#[inline(always)]
pub(crate) fn moving(zone: Shared<Zone>, course: &Course, now: u64) -> bool {
    get!(zone, migrate_rate) != 0
        && course.moved_ns != 0
        && elapsed(ticks(now), ticks(course.moved_ns)) < get!(zone, move_for)
}

/// Who wants to take of the migrate rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// A known keep-alive: it could be answered instead.
    Answerable,
    /// A registered source.
    Registered,
    /// Anybody else.
    Unknown,
}

/// Takes a place among the RRQs that reach the active gatekeeper. When two CPUs ask at once, one gets none: the bound is
/// never exceeded.
#[inline(always)]
pub(crate) fn take<T: Tables>(
    tables: &T,
    index: u32,
    zone: Shared<Zone>,
    now: u64,
    who: Who,
) -> bool {
    let rate = u64::from(get!(zone, migrate_rate));
    let Some(state) = tables.zone_state(index) else {
        return false;
    };
    if rate == 0 {
        return true;
    }
    let one = SECOND / rate;
    let burst = if BURST_NS > 4 * one {
        BURST_NS
    } else {
        4 * one
    };
    let registered = Bucket {
        unknown: false,
        due: get!(state, next_ns),
        interval: one * 4 / 3,
    };
    let unknown = Bucket {
        unknown: true,
        due: get!(state, unknown_next_ns),
        interval: one * 4,
    };
    let (own, other) = match who {
        Who::Unknown => (unknown, registered),
        _ => (registered, unknown),
    };
    let ahead = match who {
        // two in a row, whatever the rate
        Who::Answerable if burst / 3 < 2 * registered.interval => 2 * registered.interval,
        Who::Answerable => burst / 3,
        _ => burst,
    };
    if own.has(now + ahead) {
        return own.take(tables, state, now);
    }
    if who == Who::Answerable {
        return false;
    }
    // Of what the other leaves: little enough that it finds its place when it comes, and all of it while it is idle.
    let ahead = if burst / 4 >= 2 * other.interval {
        burst / 4
    } else {
        other.interval
    };
    other.has(now + ahead) && other.take(tables, state, now)
}

/// One of a zone's two buckets.
#[derive(Clone, Copy)]
struct Bucket {
    /// That of unknown sources.
    unknown: bool,
    /// When the next would be due, ns.
    due: u64,
    /// From one to the next, ns.
    interval: u64,
}

impl Bucket {
    /// Whether one more is not due later than this.
    #[inline(always)]
    const fn has(self, until: u64) -> bool {
        self.due + self.interval <= until
    }

    /// Takes one.
    #[inline(always)]
    fn take<T: Tables>(self, tables: &T, state: Shared<ZoneState>, now: u64) -> bool {
        let from = if self.due > now { self.due } else { now };
        let next = from + self.interval;
        if self.unknown {
            tables.compare_exchange(state, |p| field_at!(p, unknown_next_ns), self.due, next)
        } else {
            tables.compare_exchange(state, |p| field_at!(p, next_ns), self.due, next)
        }
    }
}

/// Index of a slot of this address and port, whatever became of its registration; `u32::MAX`: there is none.
#[inline(always)]
pub fn registered<T: Tables>(tables: &T, address: Address, port: u16) -> u32 {
    let Some(globals) = tables.globals() else {
        return NO_SLOT;
    };
    let Some(home) = endpoint::home(tables, address, port) else {
        return NO_SLOT;
    };
    let mask = get!(globals, slot_mask);
    for i in 0..PROBE_LIMIT + SPREAD {
        let index = home.wrapping_add(i) & mask;
        let Some(slot) = tables.slot(index) else {
            return NO_SLOT;
        };
        if get!(slot, generation) == GENERATION_EMPTY {
            // A search that started at one of the first SPREAD slots ends here.
            if i >= SPREAD - 1 {
                return NO_SLOT;
            }
            continue;
        }
        // One that was withdrawn, or has made way, is still who it was.
        if endpoint::is_of(slot, address, port) {
            return index;
        }
    }
    NO_SLOT
}

/// Takes of the budget of a registered source.
#[inline(always)]
fn within_budget(budget: Shared<SlotBudget>, now: u32) -> bool {
    let due = get!(budget, due);
    let ahead = due.wrapping_sub(now);
    // Anything else is of long ago.
    let ahead = if ahead > BUDGET_BURST * BUDGET_EVERY {
        0
    } else {
        ahead
    };
    if ahead > (BUDGET_BURST - 1) * BUDGET_EVERY {
        return false;
    }
    set!(budget, due, now.wrapping_add(ahead + BUDGET_EVERY));
    true
}

/// Whether a message that no slot answers may go on to a gatekeeper; why not. `moves`: it is counted by the migrate
/// rate, too.
#[inline(always)]
pub(crate) fn admit<T: Tables>(
    tables: &T,
    (index, zone): (u32, Shared<Zone>),
    packet: &Packet,
    moves: bool,
    now: u64,
) -> Result<(), Counter> {
    let rate = get!(zone, unknown_rate);
    let limits = rate != 0 && get!(zone, answer) != Answer::Off as u32;
    let kind = ras::kind(packet.first);
    let moves = moves && kind == ras::RRQ;
    if !limits && !moves {
        return Ok(());
    }
    let registers = kind == ras::RRQ || kind == ras::GRQ;
    let slot = tables.registered(packet.source, packet.source_port);
    let known = slot != NO_SLOT
        && (!registers
            || tables
                .budget(slot)
                .is_some_and(|budget| within_budget(budget, ticks(now))));
    if limits && !known {
        let of_source = Rate::even(if rate > 8 { rate / 4 } else { rate });
        let within = rate::take_of_source(tables, Limited::Unknown, packet.source, of_source, now);
        if within == Some(false) {
            return Err(Counter::UnknownLimitedSource);
        }
        if !within_zone(tables, index, rate, now) {
            return Err(Counter::UnknownLimitedZone);
        }
    }
    let who = if known { Who::Registered } else { Who::Unknown };
    if moves && !take(tables, index, zone, now, who) {
        return Err(Counter::DropRate);
    }
    Ok(())
}

/// Takes a place among the messages of unknown sources of a zone. CPUs that ask at once get in each other's way only
/// near the limit.
#[inline(always)]
fn within_zone<T: Tables>(tables: &T, index: u32, rate: u32, now: u64) -> bool {
    let Some(state) = tables.zone_state(index) else {
        return true;
    };
    if rate == 0 {
        return true;
    }
    let due = get!(state, unknown_due_ns);
    let interval = SECOND / u64::from(rate);
    if due + interval > now + UNKNOWN_BURST_NS {
        return false;
    }
    let next = if due > now { due } else { now } + interval;
    tables.compare_exchange(state, |p| field_at!(p, unknown_due_ns), due, next)
        || due < now + UNKNOWN_BURST_NS / 2
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
