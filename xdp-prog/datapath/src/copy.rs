//! Copies of messages to the controller, limited by source and in all, so that a flood fills neither the ring
//! buffer nor the learner.

use rasline_abi::{CopyReason, Counter, EVENT_PAYLOAD_MAX, EventHeader, RATE_BUCKETS};

use crate::parse::Packet;
use crate::tables::{Address, Shared, get, set};
use crate::{Frame, Tables, hash};

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
    let key = [
        get!(globals, hash_keys[6]),
        get!(globals, hash_keys[7]),
        get!(globals, hash_keys[8]),
        get!(globals, hash_keys[9]),
        get!(globals, hash_keys[10]),
        get!(globals, hash_keys[11]),
    ];
    let index = hash::place(endpoint, 0, key) & (RATE_BUCKETS - 1);
    let source = tables.rate_bucket(index)?;
    if !take(source, get!(globals, copies_per_source), now) {
        return Some(Counter::CopyLimitedSource);
    }
    let all = tables.rate_bucket(RATE_BUCKETS)?;
    if !take(all, get!(globals, copies_per_second), now) {
        return Some(Counter::CopyLimitedTotal);
    }
    None
}

/// Takes a token of a bucket that holds `rate` and gets `rate` a second. Two CPUs may take the same token: the
/// limit is a bound on load, not an account.
#[inline(always)]
fn take(bucket: Shared<rasline_abi::RateBucket>, rate: u32, now: u64) -> bool {
    const SECOND: u64 = 1_000_000_000;
    let since = now.saturating_sub(get!(bucket, refilled_ns));
    let mut tokens = get!(bucket, tokens);
    if since >= SECOND {
        tokens = rate;
        set!(bucket, refilled_ns, now);
    } else {
        let new = since * u64::from(rate) / SECOND;
        if new > 0 {
            tokens = if u64::from(tokens) + new > u64::from(rate) {
                rate
            } else {
                tokens + new as u32
            };
            set!(bucket, refilled_ns, now);
        }
    }
    if tokens == 0 {
        return false;
    }
    set!(bucket, tokens, tokens - 1);
    true
}
