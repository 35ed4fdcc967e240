//! The endpoints' side but for known keep-alives: what comes is shown to the controller and passes, within limits.

use rasline_abi::{CopyReason, Counter, GATEKEEPER_OWN, SERVICE, Slot, ZONE_RIP, Zone};

use crate::copy::{self, Limit, Peer};
use crate::hash;
use crate::parse::Packet;
use crate::ras;
use crate::shape;
use crate::tables::{Shared, address, field_at, get};
use crate::{Frame, Tables, Verdict, steer};

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
    let (address, port) = (packet.destination, packet.destination_port);
    let index = tables.zone_of(packet.source)?;
    let zone = tables.zone(index)?;
    tables.notice(packet.source, packet.source_port);
    let addressed = steer::addressed(tables, index, zone, address, port, true)?;
    let now = tables.now();
    let course = steer::course(tables, index, zone, now)?;
    let to = course.target(tables, zone, (addressed, packet.source), now);
    if to == SERVICE {
        return Some(Verdict::Pass(Counter::PassOther));
    }
    let moves = to == course.active && shape::moving(zone, &course, now);
    if let Err(why) = shape::admit(tables, (index, zone), packet, moves, now) {
        return Some(too_many(frame, tables, packet, (index, zone), why));
    }
    let reason = match ras::kind(packet.first) {
        ras::RRQ if packet.fragment => return Some(Verdict::Pass(Counter::PassUnknown)),
        _ if packet.fragment => return Some(Verdict::Pass(Counter::PassOther)),
        ras::RRQ => CopyReason::UnknownRrq,
        ras::URQ | ras::UCF => CopyReason::FromEndpoint,
        _ => return Some(Verdict::Ask(Counter::PassOther, to as u16)),
    };
    let peer = Peer {
        zone: index,
        gatekeeper: to,
    };
    if reason != CopyReason::UnknownRrq || !is_own(tables, to) {
        copy::copy(
            frame,
            tables,
            packet,
            peer,
            (packet.source, packet.source_port),
            reason,
            Limit::Source,
        );
    }
    let why = if reason == CopyReason::UnknownRrq {
        Counter::PassUnknown
    } else {
        Counter::PassOther
    };
    Some(Verdict::Ask(why, to as u16))
}

/// Whether a gatekeeper is rasline itself.
#[inline(always)]
fn is_own<T: Tables>(tables: &T, gatekeeper: u32) -> bool {
    tables
        .gatekeeper(gatekeeper)
        .is_some_and(|row| get!(row, flags) & GATEKEEPER_OWN != 0)
}

/// A message beyond the migrate rate or the unknown rate: who sent an RRQ is told to wait, or it is dropped, as the zone
/// says; a source that sends too many is not answered.
#[inline(always)]
fn too_many<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    packet: &Packet,
    (index, zone): (u32, Shared<Zone>),
    why: Counter,
) -> Verdict {
    if let Some(state) = tables.zone_state(index) {
        if why == Counter::DropRate {
            tables.increment(state, |p| field_at!(p, shaped));
        } else {
            tables.increment(state, |p| field_at!(p, limited));
        }
    }
    if get!(zone, flags) & ZONE_RIP == 0
        || why == Counter::UnknownLimitedSource
        || ras::kind(packet.first) != ras::RRQ
        || packet.fragment
    {
        return Verdict::Drop(why);
    }
    match shape::rip(frame, packet, get!(zone, rip_delay_ms)) {
        Some(()) => {
            if why != Counter::DropRate {
                tables.count(why);
            }
            Verdict::Rip
        }
        None => Verdict::Drop(why),
    }
}
