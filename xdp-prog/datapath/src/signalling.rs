//! Steering of RAS datagrams and of call signalling (H.225.0 on TCP).
//!
//! A datagram goes where its zone's traffic goes now. A connection stays at the gatekeeper that its SYN went to; one
//! whose gatekeeper is gone, the zone having moved on, is reset if the zone says so, so that the endpoint connects
//! again at once.

use rasline_abi::{
    Counter, FLOW_CLOSED, FLOW_FORWARD, FLOW_OPEN, FLOW_REVERSE, Flow, NO_GATEKEEPER, SERVICE,
    ZONE_RESET, Zone,
};

use crate::checksum::{fold, halves};
use crate::parse::{self, Packet, Segment, TCP};
use crate::redirect::{self, Ends, FLOW_FRESH_NS, Path};
use crate::seen::TCP_PORT;
use crate::steer::{self, Course};
use crate::tables::{Address, Shared, address, get, set};
use crate::{Frame, Tables, Verdict, answer, gatekeeper, ras};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
/// Octets of a TCP header without options.
const TCP_HEADER: usize = 20;

/// A RAS datagram that goes on: readdressed if that is needed. `None`: it goes on as it is.
#[inline(always)]
pub(crate) fn datagram<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    packet: &Packet,
) -> Option<Verdict> {
    let path = Path::datagram(packet);
    let now = tables.now();
    let found = redirect::find(tables, &path.key());
    if packet.from_gatekeeper
        && let Some((flow, ends)) = found
        && get!(flow, kind) == FLOW_REVERSE
    {
        return carry(frame, tables, &path, (flow, ends), now);
    }
    if !packet.to_gatekeeper {
        return None;
    }
    let forward = found.filter(|(flow, _)| get!(flow, kind) == FLOW_FORWARD);
    let index = tables.zone_of(packet.source)?;
    let zone = tables.zone(index)?;
    let course = steer::course(tables, index, zone, now)?;
    let flow = match forward {
        Some((flow, ends))
            if get!(flow, decision) == course.decision
                && get!(flow, zone) == index
                && get!(flow, gatekeeper) == course.active
                && now.saturating_sub(get!(flow, seen_ns)) < FLOW_FRESH_NS =>
        {
            (flow, ends)
        }
        _ => towards(tables, &path, zone, &course, true, now)?,
    };
    if asks(packet.first) {
        tables.first(packet.source, packet.source_port, course.active);
    }
    carry(frame, tables, &path, flow, now)
}

/// The flow of a packet to a gatekeeper that is steered; `None`: it goes where it is addressed to.
#[inline(always)]
fn towards<T: Tables>(
    tables: &mut T,
    path: &Path,
    zone: Shared<Zone>,
    course: &Course,
    ras: bool,
    now: u64,
) -> Option<(Shared<Flow>, Ends)> {
    let (address, port) = (path.destination, path.destination_port);
    let addressed = steer::addressed(tables, course.zone, zone, address, port, ras)?;
    let target = course.target(tables, zone, (addressed, path.source), now);
    if target == addressed || target == SERVICE {
        // What was readdressed before is not any more, neither way. If the endpoint spoke with this one under another
        // address, from the same port, the way there ends too: else the answers to it would not be readdressed.
        let mut key = path.key_back(address, port);
        if let Some((_, ends)) = redirect::find(tables, &key) {
            tables.remove_flow(&key);
            key = path.key_known_as(&ends);
            tables.remove_flow(&key);
        }
        key = path.key();
        if tables.flow(&key).is_some() {
            tables.remove_flow(&key);
        }
        return None;
    }
    let made = redirect::make(tables, path, target, course, now);
    tables.count(if made.is_some() {
        Counter::FlowNew
    } else {
        Counter::FlowFull
    });
    made
}

#[inline(always)]
fn carry<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    path: &Path,
    flow: (Shared<Flow>, Ends),
    now: u64,
) -> Option<Verdict> {
    redirect::carry(frame, tables, path, flow, now)
}

/// Whether an endpoint that sends this wants something of its gatekeeper now: ARQ, BRQ, LRQ.
#[inline(always)]
const fn asks(first: u8) -> bool {
    matches!(ras::kind(first), ras::ARQ | ras::BRQ | ras::LRQ)
}

/// Lets an endpoint move first: its keep-alives are not answered any more from what a gatekeeper other than the
/// active one had promised.
#[inline(always)]
pub fn first<T: Tables>(tables: &mut T, address: Address, port: u16, active: u32) {
    let mut any = false;
    gatekeeper::each_slot(tables, (address, port), |slot, generation| {
        if u32::from(get!(slot, gatekeeper)) != active {
            set!(slot, withdrawn, generation as u16);
            any = true;
        }
        false
    });
    if any {
        tables.count(Counter::WithdrawnFirst);
    }
}

/// A TCP segment that may be call signalling.
#[inline(always)]
pub(crate) fn segment<F: Frame, T: Tables>(frame: &mut F, tables: &mut T) -> Verdict {
    let segment = match parse::parse_segment(frame, tables) {
        Ok(segment) => segment,
        Err(why) => return Verdict::Pass(why),
    };
    let path = Path::segment(&segment);
    let now = tables.now();
    let opens = segment.flags & (SYN | ACK) == SYN;
    let found = redirect::find(tables, &path.key());
    if let Some((flow, ends)) = found
        && !(opens && segment.to_gatekeeper)
    {
        note(flow, segment.flags);
        if get!(flow, kind) == FLOW_FORWARD {
            tables.notice(segment.source, TCP_PORT);
        }
        if get!(flow, kind) == FLOW_FORWARD
            && lost(tables, get!(flow, zone), get!(flow, gatekeeper), now)
        {
            note(flow, RST);
            return reset(frame, &segment);
        }
        return carry(frame, tables, &path, (flow, ends), now)
            .unwrap_or(Verdict::Pass(Counter::PassSignalling));
    }
    if !segment.to_gatekeeper {
        return Verdict::Pass(Counter::PassSignalling);
    }
    new_or_direct(frame, tables, &segment, &path, opens, now)
        .unwrap_or(Verdict::Pass(Counter::PassSignalling))
}

/// A segment to a gatekeeper that is not of a steered connection, or begins one.
#[inline(always)]
fn new_or_direct<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    segment: &Segment,
    path: &Path,
    opens: bool,
    now: u64,
) -> Option<Verdict> {
    let index = tables.zone_of(segment.source)?;
    tables.notice(segment.source, TCP_PORT);
    let zone = tables.zone(index)?;
    let course = steer::course(tables, index, zone, now)?;
    if opens {
        let flow = towards(tables, path, zone, &course, false, now)?;
        return carry(frame, tables, path, flow, now);
    }
    let (address, port) = (segment.destination, segment.destination_port);
    let addressed = steer::addressed(tables, index, zone, address, port, false)?;
    let unknown = addressed == SERVICE
        && course.active != NO_GATEKEEPER
        && get!(zone, flags) & ZONE_RESET != 0;
    if unknown || lost(tables, index, addressed, now) {
        return Some(reset(frame, segment));
    }
    None
}

/// Notes how far a connection is, so that open ones can be counted.
#[inline(always)]
fn note(flow: Shared<Flow>, flags: u8) {
    let state = if flags & (FIN | RST) != 0 {
        FLOW_CLOSED
    } else if flags & SYN == 0 {
        FLOW_OPEN
    } else {
        0
    };
    let old = get!(flow, state);
    if old | state != old {
        set!(flow, state, old | state);
    }
}

/// Whether connections to this gatekeeper are to be reset: it is gone, and its zone has moved on to one that lives and
/// that a new connection would reach.
#[inline(always)]
fn lost<T: Tables>(tables: &mut T, index: u32, gatekeeper: u32, now: u64) -> bool {
    let Some(zone) = tables.zone(index) else {
        return false;
    };
    if gatekeeper == SERVICE
        || get!(zone, flags) & ZONE_RESET == 0
        || !steer::is_silent(tables, gatekeeper, get!(zone, dead_after_ns), now)
    {
        return false;
    }
    let Some(course) = steer::course(tables, index, zone, now) else {
        return false;
    };
    let Some(row) = tables.gatekeeper(gatekeeper) else {
        return false;
    };
    course.active != gatekeeper
        && course.reaches(tables, address!(row))
        && !steer::is_silent(tables, course.active, get!(zone, dead_after_ns), now)
}

/// Turns a segment into the RST that answers it (RFC 9293, 3.10.7.1); one that is a RST itself passes.
#[inline(always)]
fn reset<F: Frame>(frame: &mut F, segment: &Segment) -> Verdict {
    if segment.flags & RST != 0 {
        return Verdict::Pass(Counter::PassSignalling);
    }
    match write_reset(frame, segment) {
        Some(()) => Verdict::Reset,
        None => Verdict::Pass(Counter::PassNoRoom),
    }
}

#[inline(always)]
fn write_reset<F: Frame>(frame: &mut F, segment: &Segment) -> Option<()> {
    let (l3, l4) = (segment.l3, segment.l4);
    let numbers = frame.u64(l4 + 4)?;
    let (seq, ack) = (numbers as u32, (numbers >> 32) as u32);
    let (seq, ack, flags) = if segment.flags & ACK != 0 {
        (ack, 0, RST)
    } else {
        let taken = segment.payload_len as u32
            + u32::from(segment.flags & SYN != 0)
            + u32::from(segment.flags & FIN != 0);
        (0, u32::from_be(seq).wrapping_add(taken).to_be(), RST | ACK)
    };
    frame.resize(l4 + TCP_HEADER)?;
    answer::swap_macs(frame)?;
    let ends = (segment.destination, segment.source);
    answer::ip(frame, l3, segment.v6, ends, TCP, TCP_HEADER as u16)?;
    let ports = u64::from(segment.destination_port) | u64::from(segment.source_port) << 16;
    let first = ports | u64::from(seq) << 32;
    // Header length 5 words; window 0.
    let second = u64::from(ack) | 0x50 << 32 | u64::from(flags) << 40;
    let pseudo = halves(ends.0[0])
        + halves(ends.0[1])
        + halves(ends.1[0])
        + halves(ends.1[1])
        + u64::from((TCP_HEADER as u16).to_be())
        + u64::from(u16::from(TCP).to_be());
    let check = !fold(pseudo + halves(first) + halves(second));
    frame.set_u64(l4, first)?;
    frame.set_u64(l4 + 8, second)?;
    frame.set_u32(l4 + 16, u32::from(check))
}
