//! The gatekeepers' side: an RCF to a keep-alive that was let through renews the slot (and is replaced by the patched one),
//! an RRJ, URQ or UCF withdraws at once. What else an answer shows is in `evidence`.
//!
//! Which slot an RCF or RRJ belongs to: the one of the destination's address and port whose last keep-alive let
//! through, at most [`REFRESH_WINDOW`] ago, had this requestSeqNum. Where two registrations behind one address and
//! port have the same number under way, the RCF's sum tells them apart.

use rasline_abi::{
    CopyReason, Counter, GATEKEEPER_PROXIED, GATEKEEPER_STANDBY, GENERATION_EMPTY, MAX_RCF,
    PROBE_LIMIT, REFRESH_MARKS, REFRESH_UNANSWERED, RcfTemplate, SPREAD, Slot, elapsed, ticks,
};

use crate::answer::{self, Rcf};
use crate::checksum::fold;
use crate::copy::{self, Limit, Peer};
use crate::decide::REFRESH_WINDOW;
use crate::endpoint;
use crate::parse::{self, Checksum, Packet};
use crate::steer;
use crate::tables::{Address, Shared, field_at, get, set};
use crate::{Frame, Tables, Verdict, ras};

const RCF_LIMIT: usize = 512;
/// Pairs of words in the longest payload whose checksum is verified here; a longer message changes nothing.
const PAIRS: usize = 127;

/// A message from the gatekeepers' side, from a RAS port.
#[inline(always)]
pub(crate) fn message<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    packet: &Packet,
) -> Verdict {
    let Some(peer) = endpoint::peer(
        tables,
        packet.destination,
        packet.source,
        packet.source_port,
    ) else {
        // on an interface of both sides it may have been meant for a gatekeeper
        return Verdict::Pass(if packet.to_gatekeeper {
            Counter::PassNoZone
        } else {
            Counter::PassNoEndpoint
        });
    };
    let kind = ras::kind(packet.first);
    if packet.len > 16 * PAIRS {
        return plain(frame, tables, packet, peer, kind);
    }
    let Some((sum, checksum)) = parse::verify::<_, PAIRS>(frame, packet) else {
        return Verdict::Pass(Counter::PassChecksum);
    };
    if let Some(state) = tables.gatekeeper_state(peer.gatekeeper) {
        tables.increment(state, |p| field_at!(p, replies));
    }
    if let Some(verdict) = standby(frame, tables, packet, peer) {
        return verdict;
    }
    match kind {
        ras::RCF => confirm(frame, tables, packet, peer, sum, checksum),
        ras::RRJ => withdraw(frame, tables, packet, peer, Counter::WithdrawnRrj),
        ras::URQ => withdraw(frame, tables, packet, peer, Counter::WithdrawnUrq),
        ras::UCF => withdraw(frame, tables, packet, peer, Counter::WithdrawnUcf),
        _ => plain(frame, tables, packet, peer, kind),
    }
}

/// A message of a gatekeeper at which registrations are kept warm, or a proxy speaks from the endpoints' addresses: the
/// controller asked for it, or knows what to do.
#[inline(always)]
fn standby<F: Frame, T: Tables>(
    frame: &F,
    tables: &mut T,
    packet: &Packet,
    peer: Peer,
) -> Option<Verdict> {
    let row = tables.gatekeeper(peer.gatekeeper)?;
    let flags = get!(row, flags);
    if flags & (GATEKEEPER_STANDBY | GATEKEEPER_PROXIED) == 0 {
        return None;
    }
    let (zone, now) = (tables.zone(peer.zone)?, tables.now());
    if flags & GATEKEEPER_PROXIED == 0
        && steer::course(tables, peer.zone, zone, now)?.active == peer.gatekeeper
    {
        return None;
    }
    if !steer::controller_alive(tables, now) {
        return None;
    }
    let endpoint = (packet.destination, packet.destination_port);
    let reason = CopyReason::Standby;
    copy::copy(frame, tables, packet, peer, endpoint, reason, Limit::Room)
        .then_some(Verdict::Divert(Counter::DivertStandby))
}

/// A message that changes nothing; the controller gets a copy of those that it learns from.
#[inline(always)]
fn plain<F: Frame, T: Tables>(
    frame: &F,
    tables: &mut T,
    packet: &Packet,
    peer: Peer,
    kind: u8,
) -> Verdict {
    if ras::tells(kind) {
        let endpoint = (packet.destination, packet.destination_port);
        copy::copy(
            frame,
            tables,
            packet,
            peer,
            endpoint,
            CopyReason::FromGatekeeper,
            Limit::Source,
        );
    }
    Verdict::Pass(Counter::PassFromGatekeeper)
}

/// Calls `f` with each published, not withdrawn slot of an endpoint's address and port, until it gives true.
#[inline(always)]
pub(crate) fn each_slot<T: Tables>(
    tables: &T,
    (address, port): (Address, u16),
    mut f: impl FnMut(Shared<Slot>, u32) -> bool,
) {
    let Some(globals) = tables.globals() else {
        return;
    };
    let Some(home) = endpoint::home(tables, address, port) else {
        return;
    };
    let mask = get!(globals, slot_mask);
    for i in 0..PROBE_LIMIT + SPREAD {
        let Some(slot) = tables.slot(home.wrapping_add(i) & mask) else {
            return;
        };
        let generation = get!(slot, generation);
        if generation == GENERATION_EMPTY {
            // A search that started at one of the first SPREAD slots ends here.
            if i >= SPREAD - 1 {
                return;
            }
            continue;
        }
        if generation & 1 == 0
            && get!(slot, withdrawn) != generation as u16
            && endpoint::is_of(slot, address, port)
            && f(slot, generation)
        {
            return;
        }
    }
}

/// Whether the last keep-alive let through for this slot had the packet's requestSeqNum, not long ago. It may have been
/// answered since: what was repeated is answered twice.
#[inline(always)]
fn awaits(slot: Shared<Slot>, seq: u16, now: u32) -> bool {
    u16::from_ne_bytes(get!(slot, refresh_seq)) == seq
        && elapsed(now, get!(slot, refreshed) & !REFRESH_MARKS) < REFRESH_WINDOW
}

/// An RCF: renews the slot that awaits it, or goes to the controller.
#[inline(always)]
fn confirm<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    packet: &Packet,
    peer: Peer,
    sum: u64,
    checksum: Checksum,
) -> Verdict {
    let Some(seq) = frame.u16(packet.payload + ras::SEQ_AT) else {
        return Verdict::Pass(Counter::PassShape);
    };
    let sum = fold(sum + u64::from(!seq));
    let now = ticks(tables.now());
    let (mut candidate, mut awaited) = (None, None);
    let endpoint = (packet.destination, packet.destination_port);
    each_slot(tables, endpoint, |slot, generation| {
        if !awaits(slot, seq, now) {
            return false;
        }
        awaited = Some((slot, generation));
        // Of another gatekeeper: the registration has moved, and is learned anew.
        if u32::from(get!(slot, gatekeeper)) != peer.gatekeeper {
            return false;
        }
        if expected_sum(tables, slot) != Some(sum) {
            return false;
        }
        candidate = awaited;
        true
    });
    if let Some((slot, generation)) = candidate
        && let Some(verdict) = renew(
            frame,
            tables,
            packet,
            slot,
            generation,
            (seq, checksum),
            now,
        )
    {
        return verdict;
    }
    if let Some((slot, generation)) = awaited {
        set!(slot, withdrawn, generation as u16);
        tables.count(Counter::WithdrawnRcf);
        tables.count(Counter::ChangedRcf);
    }
    unknown_rcf(frame, tables, packet, peer, awaited.is_some())
}

/// Sum of the gatekeeper's own RCF for a slot: the slot has that of the RCF answered, and both RCF templates lack the
/// same octets.
#[inline(always)]
fn expected_sum<T: Tables>(tables: &T, slot: Shared<Slot>) -> Option<u16> {
    let rcf_template = tables.rcf_template(get!(slot, rcf_template))?;
    let sum = get!(slot, rcf_sum);
    if get!(rcf_template, patched) & 1 == 0 {
        return Some(fold(u64::from(sum)));
    }
    let original = tables.rcf_template(get!(rcf_template, original))?;
    let (patched_sum, original_sum) = (get!(rcf_template, sum), get!(original, sum));
    Some(fold(
        u64::from(sum) + u64::from(!patched_sum) + u64::from(original_sum),
    ))
}

/// Renews the slot if the RCF is the known one. `None`: it is not.
#[inline(always)]
fn renew<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    packet: &Packet,
    slot: Shared<Slot>,
    generation: u32,
    (seq, checksum): (u16, Checksum),
    now: u32,
) -> Option<Verdict> {
    let sum = get!(slot, rcf_sum);
    let rcf_template = tables.rcf_template(get!(slot, rcf_template))?;
    let patched = get!(rcf_template, patched) & 1 != 0;
    let original = tables.rcf_template(get!(rcf_template, original))?;
    if !same(frame, packet, original) || get!(slot, generation) != generation {
        return None;
    }
    set!(slot, confirmed, now);
    set!(slot, refreshed, get!(slot, refreshed) & !REFRESH_UNANSWERED);
    tables.count(Counter::Renewed);
    if !patched {
        return Some(Verdict::Pass(Counter::PassFromGatekeeper));
    }
    let eid_from = packet.payload + frame.bounded(usize::from(get!(original, hole_at)), RCF_LIMIT);
    let done = Rcf::new(frame, rcf_template, sum, seq, eid_from)
        .and_then(|rcf| answer::substitute(frame, packet, &rcf, checksum));
    Some(if done.is_some() {
        Verdict::Substitute
    } else {
        Verdict::Pass(Counter::PassNoRoom)
    })
}

/// Whether the message is this RCF template's RCF but for requestSeqNum and the endpointIdentifier.
#[inline(always)]
fn same<F: Frame>(frame: &mut F, packet: &Packet, rcf_template: Shared<RcfTemplate>) -> bool {
    let len = usize::from(get!(rcf_template, len));
    if len != packet.len || !(16..=MAX_RCF).contains(&len) {
        return false;
    }
    let (mut hole_at, hole_len) = (
        usize::from(get!(rcf_template, hole_at)),
        usize::from(get!(rcf_template, hole_len)),
    );
    if hole_len == 0 {
        hole_at = len;
    }
    if hole_at < 8 || hole_at + hole_len > len {
        return false;
    }
    let (Some(theirs), Some(ours)) = (frame.u64(packet.payload), answer::word(rcf_template, 0))
    else {
        return false;
    };
    (theirs ^ ours) & !crate::hash::SEQ_MASK == 0
        && same_part(frame, packet.payload, rcf_template, 8, hole_at)
        && same_part(frame, packet.payload, rcf_template, hole_at + hole_len, len)
}

/// Whether the octets `from..to` are the RCF template's; `to` is at least 8.
#[inline(always)]
fn same_part<F: Frame>(
    frame: &mut F,
    at: usize,
    rcf_template: Shared<RcfTemplate>,
    from: usize,
    to: usize,
) -> bool {
    let (start, octets) = (
        frame.bounded(from, RCF_LIMIT),
        frame.bounded(to.saturating_sub(from), RCF_LIMIT),
    );
    let mut differ = 0;
    for i in 0..MAX_RCF / 8 {
        if 8 * i + 8 > octets {
            break;
        }
        let here = frame.bounded(start + 8 * i, RCF_LIMIT);
        let (Some(theirs), Some(ours)) = (frame.u64(at + here), answer::word(rcf_template, here))
        else {
            return false;
        };
        differ |= theirs ^ ours;
    }
    frame.renew();
    let rest = frame.bounded(to.saturating_sub(from) & 7, 8);
    if rest != 0 {
        let last = frame.bounded(to - 8, RCF_LIMIT);
        let (Some(theirs), Some(ours)) = (frame.u64(at + last), answer::word(rcf_template, last))
        else {
            return false;
        };
        differ |= (theirs ^ ours) >> ((8 * (8 - rest) as u32) & 63);
    }
    differ == 0
}

/// An RCF that no slot awaits, or not this one. With endpoint_ttl it goes to the controller, if that is alive.
#[inline(always)]
fn unknown_rcf<F: Frame, T: Tables>(
    frame: &F,
    tables: &mut T,
    packet: &Packet,
    peer: Peer,
    changed: bool,
) -> Verdict {
    let endpoint = (packet.destination, packet.destination_port);
    let divert = tables
        .zone(peer.zone)
        .is_some_and(|zone| get!(zone, divert) != 0);
    if divert {
        if steer::controller_keeps_up(tables, tables.now())
            && copy::copy(
                frame,
                tables,
                packet,
                peer,
                endpoint,
                CopyReason::Diverted,
                Limit::Room,
            )
        {
            return Verdict::Divert(Counter::Divert);
        }
        return Verdict::Pass(Counter::DivertBypass);
    }
    let reason = if changed {
        CopyReason::ChangedRcf
    } else {
        CopyReason::FromGatekeeper
    };
    copy::copy(frame, tables, packet, peer, endpoint, reason, Limit::Source);
    Verdict::Pass(Counter::PassFromGatekeeper)
}

/// RRJ withdraws the slots that await it; URQ and UCF all of the address and port (which one is meant stands in
/// octets that the kernel does not read; the others are published again by the controller, or learned again).
#[inline(always)]
fn withdraw<F: Frame, T: Tables>(
    frame: &F,
    tables: &mut T,
    packet: &Packet,
    peer: Peer,
    why: Counter,
) -> Verdict {
    let seq = frame.u16(packet.payload + ras::SEQ_AT);
    let now = ticks(tables.now());
    let mut any = false;
    let endpoint = (packet.destination, packet.destination_port);
    each_slot(tables, endpoint, |slot, generation| {
        // One that was confirmed is not rejected as well: that is the answer to somebody else's message in its name.
        let asked = || {
            seq.is_some_and(|seq| awaits(slot, seq, now))
                && get!(slot, refreshed) & REFRESH_UNANSWERED != 0
        };
        let theirs = u32::from(get!(slot, gatekeeper)) == peer.gatekeeper;
        if (why != Counter::WithdrawnRrj && theirs) || (why == Counter::WithdrawnRrj && asked()) {
            set!(slot, withdrawn, generation as u16);
            any = true;
        }
        false
    });
    let reason = if any {
        CopyReason::Withdrawn
    } else {
        CopyReason::FromGatekeeper
    };
    if any {
        tables.count(why);
    }
    let limit = if any { Limit::Room } else { Limit::Source };
    copy::copy(frame, tables, packet, peer, endpoint, reason, limit);
    Verdict::Pass(Counter::PassFromGatekeeper)
}
