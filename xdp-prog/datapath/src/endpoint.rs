//! The endpoints' side: known keep-alives are answered, others are shown to the controller and pass.

use rasline_abi::{
    Answer, CopyReason, Counter, GENERATION_EMPTY, HASH_KEYS, MAX_RRQ, PROBE_LIMIT, Slot, ticks,
};

use crate::answer::{self, Rcf};
use crate::checksum::halves;
use crate::copy::{self, Limit, Peer};
use crate::decide::{Decision, Facts, decide};
use crate::hash::{self, Passes, SEQ_MASK};
use crate::parse::{self, Packet};
use crate::ras;
use crate::tables::{Shared, address, field_at, get, set};
use crate::{Frame, Step, Tables, Verdict};

const RRQ_LIMIT: usize = 1024;

/// A slot that matches the RRQ, as it was between two equal readings of its generation.
#[derive(Clone, Copy)]
struct Known {
    slot: Shared<Slot>,
    generation: u32,
    fingerprint: u64,
}

/// An RRQ to a RAS port: answered if it is known.
#[inline(always)]
pub(crate) fn keep_alive<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    packet: &Packet,
) -> Step {
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

/// First slot of an address and port.
#[inline(always)]
pub(crate) fn home<T: Tables>(tables: &T, address: [u64; 2], port: u16) -> Option<u32> {
    let globals = tables.globals()?;
    let k = [
        get!(globals, hash_keys[0]),
        get!(globals, hash_keys[1]),
        get!(globals, hash_keys[2]),
        get!(globals, hash_keys[3]),
        get!(globals, hash_keys[4]),
        get!(globals, hash_keys[5]),
    ];
    Some(hash::place(address, port, k))
}

/// Whether a slot is of this address and port.
#[inline(always)]
pub(crate) fn is_of(slot: Shared<Slot>, address: [u64; 2], port: u16) -> bool {
    address!(slot) == address && u16::from_ne_bytes(get!(slot, port)) == port
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
            return Some(Known {
                slot,
                generation,
                fingerprint,
            });
        }
    }
    None
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
    let gatekeeper_index = u32::from(get!(slot, gatekeeper));
    let profile_index = get!(slot, profile);
    let (eid_at, sum) = (usize::from(get!(slot, eid_at)), get!(slot, rcf_sum));
    let zone_generation = get!(slot, zone_generation);
    let (Some(gatekeeper), Some(state), Some(profile)) = (
        tables.gatekeeper(gatekeeper_index),
        tables.gatekeeper_state(gatekeeper_index),
        tables.profile(profile_index),
    ) else {
        return pass(Counter::PassNoRoom);
    };
    if !is_gatekeeper(gatekeeper, packet.destination, packet.destination_port) {
        return Step::Slow;
    }
    let Some(zone) = tables.zone(get!(gatekeeper, zone)) else {
        return pass(Counter::PassGeneration);
    };
    if get!(zone, generation) != zone_generation {
        return pass(Counter::PassGeneration);
    }
    let now_ns = tables.now();
    let facts = Facts {
        now_ns,
        answer: get!(zone, answer),
        hold_for: get!(zone, hold_for),
        dead_after_ns: get!(zone, dead_after_ns),
        first_unanswered_ns: get!(state, first_unanswered_ns),
        last_probe_ns: get!(state, last_probe_ns),
        confirmed: get!(slot, confirmed),
        refreshed: get!(slot, refreshed),
        fingerprint: known.fingerprint,
        gatekeeper_ttl: get!(profile, gatekeeper_ttl),
        refresh_every: get!(profile, refresh_every),
    };
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
    match decide(&facts) {
        Decision::Answer { held } => {
            let eid_from = packet.payload + frame.bounded(eid_at, RRQ_LIMIT);
            let done = Rcf::new(frame, profile, sum, seq, eid_from)
                .and_then(|rcf| answer::answer(frame, packet, &rcf));
            if done.is_none() {
                return pass(Counter::PassNoRoom);
            }
            set!(slot, answered, get!(slot, answered).wrapping_add(1));
            Step::Done(Verdict::Answer { held })
        }
        Decision::Pass(why) => {
            set!(slot, refreshed, ticks(now_ns));
            set!(slot, refresh_seq, seq.to_ne_bytes());
            if why == Counter::PassProbe {
                set!(state, last_probe_ns, now_ns);
            }
            tables.increment(state, |p| field_at!(p, requests));
            tables.increment(state, |p| field_at!(p, outstanding));
            if facts.first_unanswered_ns == 0 && facts.answer != Answer::Off as u32 {
                set!(state, first_unanswered_ns, now_ns);
            }
            pass(why)
        }
    }
}

#[inline(always)]
fn is_gatekeeper(
    gatekeeper: Shared<rasline_abi::Gatekeeper>,
    address: [u64; 2],
    port: u16,
) -> bool {
    address!(gatekeeper) == address && u16::from_ne_bytes(get!(gatekeeper, ras_port)) == port
}

/// The gatekeeper at this address and port in the zone of this endpoint.
#[inline(always)]
pub(crate) fn peer<T: Tables>(
    tables: &T,
    endpoint: [u64; 2],
    gatekeeper: [u64; 2],
    ras_port: u16,
) -> Option<Peer> {
    let zone = tables.zone_of(endpoint)?;
    let index = tables.gatekeeper_index(zone, gatekeeper)?;
    let entry = tables.gatekeeper(index)?;
    if u16::from_ne_bytes(get!(entry, ras_port)) != ras_port {
        return None;
    }
    Some(Peer {
        zone,
        gatekeeper: index,
    })
}

/// Any other message from the endpoints' side. `None`: not from an endpoint of a zone to its gatekeeper.
#[inline(always)]
pub(crate) fn other<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    packet: &Packet,
) -> Option<Verdict> {
    let peer = peer(
        tables,
        packet.source,
        packet.destination,
        packet.destination_port,
    )?;
    let reason = match ras::kind(packet.first) {
        ras::RRQ => CopyReason::UnknownRrq,
        ras::URQ | ras::UCF => CopyReason::FromEndpoint,
        _ => return Some(Verdict::Pass(Counter::PassOther)),
    };
    copy::copy(
        frame,
        tables,
        packet,
        peer,
        (packet.source, packet.source_port),
        reason,
        Limit::Source,
    );
    Some(Verdict::Pass(if reason == CopyReason::UnknownRrq {
        Counter::PassUnknown
    } else {
        Counter::PassOther
    }))
}
