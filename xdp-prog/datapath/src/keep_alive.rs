//! Known keep-alives: found by their fingerprint, and answered, let through or moved as `decide` says.

use rasline_abi::{
    Counter, GENERATION_EMPTY, Gatekeeper, GatekeeperState, HASH_KEYS, MAX_RRQ, PROBE_LIMIT,
    REFRESH_ANSWERED, REFRESH_MARKS, REFRESH_REPEATS, REFRESH_UNANSWERED, RcfTemplate, SERVICE,
    Slot, Zone, elapsed, ticks,
};

use crate::answer::{self, Rcf};
use crate::checksum::halves;
use crate::decide::{Decision, Facts, REFRESH_WINDOW, decide};
use crate::endpoint::{home, is_of};
use crate::hash::{self, Passes, SEQ_MASK};
use crate::parse::{self, Packet};
use crate::shape::{self, Who};
use crate::tables::{Shared, address, field_at, get, set};
use crate::{Frame, Step, Tables, Verdict, evidence, ras, steer};

const RRQ_LIMIT: usize = 1024;

/// A slot that matches the RRQ, as it was between two equal readings of its generation.
#[derive(Clone, Copy)]
struct Known {
    slot: Shared<Slot>,
    generation: u32,
}

/// An RRQ to a RAS port: answered if it is known.
#[inline(always)]
pub(crate) fn answer<F: Frame, T: Tables>(frame: &mut F, tables: &mut T, packet: &Packet) -> Step {
    if packet.len > MAX_RRQ || packet.len < ras::MIN_RRQ {
        return Step::Slow;
    }
    let Some((fingerprint, sum)) = digest(frame, tables, packet) else {
        return Step::Slow;
    };
    let Some(found) = find(tables, packet, fingerprint) else {
        return Step::Slow;
    };
    if parse::intact(frame, packet, sum).is_none() {
        return Step::Done(Verdict::Pass(Counter::PassChecksum));
    }
    known(frame, tables, packet, found)
}

/// Fingerprint of the RRQ, and the sum of its octets.
#[inline(always)]
fn digest<F: Frame, T: Tables>(frame: &mut F, tables: &T, packet: &Packet) -> Option<(u64, u64)> {
    let globals = tables.globals()?;
    let (at, len) = (packet.payload, packet.len);
    let mut passes = Passes::default();
    let mut sum = 0;
    let mut pairs = 0;
    let end = frame.bounded(len, RRQ_LIMIT);
    for i in 0..MAX_RRQ / 16 {
        if 16 * i + 16 > end {
            break;
        }
        let [first, second] = frame.pair(at + 16 * i)?;
        sum += halves(first) + halves(second);
        let masked = if i == 0 { first & !SEQ_MASK } else { first };
        passes.add(masked, keys(globals, 2 * i));
        passes.add(second, keys(globals, 2 * i + 1));
        pairs = i + 1;
    }
    frame.renew();
    let mut words = frame.bounded(2 * pairs, MAX_RRQ / 4);
    if len & 8 != 0 {
        let word = frame.u64(frame.bounded(at + 8 * words, RRQ_LIMIT))?;
        sum += halves(word);
        let masked = if words == 0 { word & !SEQ_MASK } else { word };
        passes.add(masked, keys(globals, frame.bounded(words, MAX_RRQ / 8)));
        words += 1;
    }
    if len & 7 != 0 {
        // The last octets: the last eight of the message, without those that were in the last whole word.
        let last = frame.bounded(at + len - 8, RRQ_LIMIT);
        let word = frame.u64(last)? >> ((8 * (8 - (len & 7)) as u32) & 63);
        sum += halves(word);
        passes.add(word, keys(globals, frame.bounded(words, MAX_RRQ / 8)));
    }
    let last = [
        get!(globals, hash_keys[HASH_KEYS - 2]),
        get!(globals, hash_keys[HASH_KEYS - 1]),
    ];
    Some((passes.finish(last), sum))
}

/// The keys of word `i` (less than 64) of a message.
#[inline(always)]
fn keys(globals: Shared<rasline_abi::Globals>, i: usize) -> [u64; 4] {
    let key = |k: usize| {
        let p = globals.ptr();
        // SAFETY: four keys stand for each of the 64 words.
        #[allow(unsafe_code)]
        unsafe {
            core::ptr::addr_of!((*p).hash_keys)
                .cast::<u64>()
                .add(4 * i + k)
                .read()
        }
    };
    [key(0), key(1), key(2), key(3)]
}

/// The published slot of this RRQ. One that is being written, or deleted, is passed over: another may hold it.
#[inline(always)]
fn find<T: Tables>(tables: &T, packet: &Packet, fingerprint: u64) -> Option<Known> {
    let mask = get!(tables.globals()?, slot_mask);
    let home = home(tables, packet.source, packet.source_port)?;
    let start = home.wrapping_add(hash::spread(fingerprint));
    for i in 0..PROBE_LIMIT {
        let slot = tables.slot(start.wrapping_add(i) & mask)?;
        let generation = get!(slot, generation);
        if generation == GENERATION_EMPTY {
            return None;
        }
        if get!(slot, fingerprint) == fingerprint
            && generation & 1 == 0
            && usize::from(get!(slot, rrq_len)) == packet.len
            && is_of(slot, packet.source, packet.source_port)
        {
            return Some(Known { slot, generation });
        }
    }
    None
}

/// Where a known keep-alive goes.
struct Way {
    /// Index of the gatekeeper.
    to: u32,
    /// The zone has left the gatekeeper that it is registered with, and `to` is the active one.
    left: bool,
    /// Since when the gatekeeper it is registered with has been silent, or was left, ns; 0: neither.
    since_ns: u64,
}

/// Where a keep-alive known to the gatekeeper `registered` goes. `None`: to another, and not because its zone moved.
#[inline(always)]
fn way<T: Tables>(
    tables: &mut T,
    packet: &Packet,
    (index, zone): (u32, Shared<Zone>),
    (registered, gatekeeper): (u32, Shared<Gatekeeper>),
    now: u64,
) -> Option<Way> {
    let (address, port) = (packet.destination, packet.destination_port);
    let here = is_gatekeeper(gatekeeper, address, port);
    if !here && !crate::steering(tables) {
        return None;
    }
    let dead_after = get!(zone, dead_after_ns);
    if !crate::steering(tables) {
        return Some(Way {
            to: registered,
            left: false,
            since_ns: tables.silence(registered, dead_after, now),
        });
    }
    let course = steer::course(tables, index, zone, now)?;
    let addressed = if here {
        registered
    } else {
        steer::addressed(tables, index, zone, address, port, true)?
    };
    let to = course.target(tables, zone, (addressed, packet.source), now);
    let silent = if registered == course.active && course.silent_ns != steer::NOT_ASKED {
        course.silent_ns
    } else {
        tables.silence(registered, dead_after, now)
    };
    if to == registered {
        return Some(Way {
            to,
            left: false,
            since_ns: silent,
        });
    }
    if to != course.active || to == SERVICE {
        return None;
    }
    // One that stayed with another gatekeeper when the zone moved, and is left by that only now, has its own time.
    let moved = course.moved_ns;
    let over = elapsed(ticks(now), ticks(moved)) >= get!(zone, move_for);
    Some(Way {
        to,
        left: true,
        since_ns: match (moved, silent) {
            (0, 0) => now,
            (0, silent) => silent,
            (_, silent) if over && silent > moved => silent,
            (moved, _) => moved,
        },
    })
}

/// The rows that a known keep-alive is decided by.
#[derive(Clone, Copy)]
struct Rows {
    slot: Shared<Slot>,
    rcf_template: Shared<RcfTemplate>,
    zone: Shared<Zone>,
    /// The gatekeeper that it is registered with.
    gatekeeper: Shared<Gatekeeper>,
    /// Evidence about the one that it goes to.
    state: Shared<GatekeeperState>,
}

/// What a known keep-alive is decided by.
#[inline(always)]
fn facts<T: Tables>(tables: &T, source: [u64; 2], rows: Rows, way: &Way, now_ns: u64) -> Facts {
    let Rows {
        slot,
        rcf_template,
        zone,
        gatekeeper,
        state,
    } = rows;
    // Calls come first, as what is loaded before them takes room on the stack.
    let mark = evidence::source_mark(source);
    if evidence::is_speaker_wanted(state, ticks(now_ns)) {
        tables.note_speaker(way.to, mark);
    }
    let in_doubt = way.since_ns != 0 || get!(state, first_unanswered_ns) != 0;
    let marks = (mark, get!(slot, refreshed));
    let times = (way.since_ns, get!(zone, dead_after_ns));
    let probes = !way.left && in_doubt && tables.probes(way.to, marks, times);
    let (confirmed, refreshed) = (get!(slot, confirmed), get!(slot, refreshed));
    let (by_controller, by_program) = (get!(gatekeeper, back_ns), get!(state, back_ns));
    let back_ns = if by_controller > by_program {
        by_controller
    } else {
        by_program
    };
    Facts {
        now_ns,
        answer: get!(zone, answer),
        hold_for: if way.left {
            get!(zone, move_for)
        } else {
            get!(zone, hold_for)
        },
        silent_since_ns: way.since_ns,
        left: way.left,
        probes,
        was_away: back_ns != 0 && elapsed(ticks(back_ns), confirmed) > 0,
        confirmed,
        refreshed,
        fingerprint: get!(slot, fingerprint),
        gatekeeper_ttl: get!(rcf_template, gatekeeper_ttl),
        refresh_every: get!(rcf_template, refresh_every),
    }
}

/// The marks of a slot, with what this requestSeqNum shows: whether the endpoint repeats what was not answered.
#[inline(always)]
fn marks(slot: Shared<Slot>, refreshed: u32, seq: u16, now: u32) -> u32 {
    let repeats = refreshed & REFRESH_UNANSWERED != 0
        && u16::from_ne_bytes(get!(slot, refresh_seq)) == seq
        && elapsed(now, refreshed & !REFRESH_MARKS) < REFRESH_WINDOW;
    refreshed & REFRESH_MARKS | if repeats { REFRESH_REPEATS } else { 0 }
}

/// A known keep-alive.
#[inline(always)]
fn known<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    packet: &Packet,
    known: Known,
) -> Step {
    let pass = |why| Step::Done(Verdict::Pass(why));
    let slot = known.slot;
    let registered = u32::from(get!(slot, gatekeeper));
    let rcf_template_index = get!(slot, rcf_template);
    let (eid_at, sum) = (usize::from(get!(slot, eid_at)), get!(slot, rcf_sum));
    let zone_generation = get!(slot, zone_generation);
    let (Some(gatekeeper), Some(rcf_template)) = (
        tables.gatekeeper(registered),
        tables.rcf_template(rcf_template_index),
    ) else {
        return pass(Counter::PassNoRoom);
    };
    let zone_index = get!(gatekeeper, zone);
    let Some(zone) = tables.zone(zone_index) else {
        return pass(Counter::PassGeneration);
    };
    let now_ns = tables.now();
    let gatekeeper = (registered, gatekeeper);
    let Some(way) = way(tables, packet, (zone_index, zone), gatekeeper, now_ns) else {
        return Step::Slow;
    };
    if get!(zone, generation) != zone_generation {
        return pass(Counter::PassGeneration);
    }
    let Some(state) = tables.gatekeeper_state(way.to) else {
        return pass(Counter::PassNoRoom);
    };
    let rows = Rows {
        slot,
        rcf_template,
        zone,
        gatekeeper: gatekeeper.1,
        state,
    };
    let facts = facts(tables, packet.source, rows, &way, now_ns);
    let withdrawn = get!(slot, withdrawn) == known.generation as u16;
    if get!(slot, generation) != known.generation {
        return pass(Counter::PassTorn);
    }
    set!(slot, last_seen, ticks(now_ns));
    if withdrawn {
        return Step::Slow;
    }
    let Some(seq) = frame.u16(packet.payload + ras::SEQ_AT) else {
        return pass(Counter::PassShape);
    };
    let marks = marks(slot, facts.refreshed, seq, ticks(now_ns));
    let decision = decide(&facts);
    let at_the_rate = matches!(decision, Decision::Move | Decision::Early);
    let may_go = !at_the_rate || shape::take(tables, zone_index, zone, now_ns, Who::Answerable);
    let held = match decision {
        Decision::Answer { held } => held,
        Decision::Move | Decision::Early if !may_go => way.left,
        Decision::Pass(Counter::PassExpired) if way.left => return Step::Slow,
        decision => {
            let why = match decision {
                Decision::Pass(why) => why,
                Decision::Early => Counter::PassRefresh,
                _ => Counter::PassMigrate,
            };
            if why == Counter::PassMigrate
                && let Some(state) = tables.zone_state(zone_index)
            {
                tables.increment(state, |p| field_at!(p, migrated));
            }
            let_through(tables, slot, state, (seq, why, marks), now_ns);
            return Step::Done(Verdict::Ask(why, way.to as u16));
        }
    };
    let eid_from = packet.payload + frame.bounded(eid_at, RRQ_LIMIT);
    let done = Rcf::new(frame, rcf_template, sum, seq, eid_from)
        .and_then(|rcf| answer::answer(frame, packet, &rcf));
    if done.is_none() {
        return pass(Counter::PassNoRoom);
    }
    set!(slot, answered, get!(slot, answered).wrapping_add(1));
    if marks & (REFRESH_UNANSWERED | REFRESH_ANSWERED) == REFRESH_UNANSWERED {
        set!(
            slot,
            refreshed,
            get!(slot, refreshed) | marks | REFRESH_ANSWERED
        );
    }
    Step::Done(Verdict::Answer { held })
}

/// Notes that a known keep-alive goes to a gatekeeper, whose reply is awaited. `marks`: of the slot.
#[inline(always)]
fn let_through<T: Tables>(
    tables: &T,
    slot: Shared<Slot>,
    state: Shared<GatekeeperState>,
    (seq, why, marks): (u16, Counter, u32),
    now: u64,
) {
    let refreshed = ticks(now) & !REFRESH_MARKS | marks & REFRESH_REPEATS | REFRESH_UNANSWERED;
    set!(slot, refreshed, refreshed);
    set!(slot, refresh_seq, seq.to_ne_bytes());
    if why == Counter::PassProbe {
        set!(state, last_probe_ns, now);
    }
    tables.increment(state, |p| field_at!(p, requests));
    tables.increment(state, |p| field_at!(p, outstanding));
}

#[inline(always)]
fn is_gatekeeper(
    gatekeeper: Shared<rasline_abi::Gatekeeper>,
    address: [u64; 2],
    port: u16,
) -> bool {
    address!(gatekeeper) == address && u16::from_ne_bytes(get!(gatekeeper, ras_port)) == port
}
