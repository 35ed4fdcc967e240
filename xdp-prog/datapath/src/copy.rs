//! Copies of messages to the controller, limited by source and in all, so that a flood fills neither the ring
//! buffer nor the learner.

use rasline_abi::{CopyReason, Counter, EVENT_PAYLOAD_MAX, EventHeader};

use crate::parse::Packet;
use crate::rate::{self, Limited, Rate};
use crate::tables::{Address, get};
use crate::{Frame, Tables};

/// A zone and one of its gatekeepers, by index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub zone: u32,
    pub gatekeeper: u32,
}

/// What a copy is limited by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The endpoint's share, and that of all endpoints.
    Source,
    /// Room in the ring buffer.
    Room,
}

/// Copies the message; whether the controller gets it.
#[inline(always)]
pub(crate) fn copy<F: Frame, T: Tables>(
    _frame: &F,
    tables: &mut T,
    packet: &Packet,
    peer: Peer,
    endpoint: (Address, u16),
    reason: CopyReason,
    limit: Limit,
) -> bool {
    let now = tables.now();
    if limit == Limit::Source
        && let Some(why) = limited(tables, endpoint.0, now)
    {
        tables.count(why);
        return false;
    }
    let from_endpoint = matches!(reason, CopyReason::UnknownRrq | CopyReason::FromEndpoint);
    let (seen_as, seen_port) = if from_endpoint {
        (packet.destination, packet.destination_port)
    } else {
        (packet.source, packet.source_port)
    };
    let header = EventHeader {
        time_ns: now,
        reason: reason as u32,
        ifindex: tables.ifindex(),
        endpoint: octets(endpoint.0),
        endpoint_port: endpoint.1.to_ne_bytes(),
        len: packet.len as u16,
        zone: peer.zone,
        gatekeeper: peer.gatekeeper,
        seen_port: seen_port.to_ne_bytes(),
        reserved: 0,
        seen_as: octets(seen_as),
    };
    let done = packet.len <= EVENT_PAYLOAD_MAX && tables.copy(&header, packet.payload);
    tables.count(if done {
        Counter::Copied
    } else {
        Counter::CopyLost
    });
    done
}

/// An address as octets.
#[inline(always)]
fn octets(address: Address) -> [u8; 16] {
    let mut octets = [0; 16];
    octets[..8].copy_from_slice(&address[0].to_ne_bytes());
    octets[8..].copy_from_slice(&address[1].to_ne_bytes());
    octets
}

/// Which limit stands against a copy of a message of this endpoint, if any.
#[inline(always)]
fn limited<T: Tables>(tables: &T, endpoint: Address, now: u64) -> Option<Counter> {
    let globals = tables.globals()?;
    let of_source = Rate::even(get!(globals, copies_per_source));
    if !rate::take_of_source(tables, Limited::Copies, endpoint, of_source, now)? {
        return Some(Counter::CopyLimitedSource);
    }
    let of_all = Rate::even(get!(globals, copies_per_second));
    if !rate::take_of_all(tables, Limited::Copies, of_all, now)? {
        return Some(Counter::CopyLimitedTotal);
    }
    None
}
