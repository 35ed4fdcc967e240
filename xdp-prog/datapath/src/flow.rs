//! Flows: what is readdressed, once for each direction, under the addresses and ports of the packets.
//!
//! Invariant: an entry is only read through a reference. It is written as a whole by its key, so that an entry that
//! another flow has taken between a look and a write is never written to.

use rasline_abi::{
    CopyReason, EventHeader, FLOW_CALLED, FLOW_FORWARD, FLOW_REVERSE, Flow, FlowKey,
};

use crate::checksum::halves;
use crate::parse::{FIN, Packet, RST, SYN, Segment, TCP, UDP};
use crate::tables::{Address, Carrying, FlowTable, Shared, field_at, get, set};
use crate::{Frame, Next, Tables};

/// What readdressing needs of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub l3: usize,
    pub v6: bool,
    pub l4: usize,
    /// Octets from `l4` on.
    pub len: usize,
    pub source: Address,
    pub destination: Address,
    pub source_port: u16,
    pub destination_port: u16,
    pub protocol: u8,
    /// Losing it would cost a datagram or an acknowledgement only.
    pub may_be_lost: bool,
}

/// An address and port that replace others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// [`FLOW_FORWARD`]: the destination; else the source.
    pub kind: u16,
    pub address: Address,
    pub port: u16,
}

impl Path {
    /// Of a RAS datagram.
    #[inline(always)]
    pub(crate) fn datagram(packet: &Packet) -> Self {
        Self {
            l3: packet.l3,
            v6: packet.v6,
            l4: packet.payload - 8,
            len: packet.len + 8,
            source: packet.source,
            destination: packet.destination,
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            protocol: UDP,
            may_be_lost: true,
        }
    }

    /// Of a segment of call signalling.
    #[inline(always)]
    pub(crate) fn segment(segment: &Segment) -> Self {
        Self {
            l3: segment.l3,
            v6: segment.v6,
            l4: segment.l4,
            len: segment.len,
            source: segment.source,
            destination: segment.destination,
            source_port: segment.source_port,
            destination_port: segment.destination_port,
            protocol: TCP,
            may_be_lost: segment.payload_len == 0 && segment.flags & (FIN | SYN | RST) == 0,
        }
    }

    /// Key of its flow.
    #[inline(always)]
    pub(crate) fn key(&self) -> FlowKey {
        FlowKey {
            source: self.source,
            destination: self.destination,
            source_port: self.source_port.to_ne_bytes(),
            destination_port: self.destination_port.to_ne_bytes(),
            protocol: u32::from(self.protocol),
        }
    }

    /// Key of the flow of what this gatekeeper sends back.
    #[inline(always)]
    pub(crate) fn key_back(&self, address: Address, port: u16) -> FlowKey {
        FlowKey {
            source: address,
            destination: self.source,
            source_port: port.to_ne_bytes(),
            destination_port: self.source_port.to_ne_bytes(),
            protocol: u32::from(self.protocol),
        }
    }

    /// Key of the flow of what the same endpoint sends to the gatekeeper under the address that it knows.
    #[inline(always)]
    pub(crate) fn key_known_as(&self, ends: &Ends) -> FlowKey {
        FlowKey {
            source: self.source,
            destination: ends.address,
            source_port: self.source_port.to_ne_bytes(),
            destination_port: ends.port.to_ne_bytes(),
            protocol: u32::from(self.protocol),
        }
    }

    /// Key of what is sent the other way.
    #[inline(always)]
    pub(crate) fn key_reversed(&self) -> FlowKey {
        FlowKey {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port.to_ne_bytes(),
            destination_port: self.source_port.to_ne_bytes(),
            protocol: u32::from(self.protocol),
        }
    }

    /// Of what a gatekeeper sends: key of the flow of what the endpoint sends there under the address that it knows.
    #[inline(always)]
    pub(crate) fn key_known_as_back(&self, ends: &Ends) -> FlowKey {
        FlowKey {
            source: self.destination,
            destination: ends.address,
            source_port: self.destination_port.to_ne_bytes(),
            destination_port: ends.port.to_ne_bytes(),
            protocol: u32::from(self.protocol),
        }
    }

    /// Sum of the pseudo header.
    #[inline(always)]
    pub(crate) fn pseudo(&self) -> u64 {
        halves(self.source[0])
            + halves(self.source[1])
            + halves(self.destination[0])
            + halves(self.destination[1])
            + u64::from((self.len as u16).to_be())
            + u64::from(u16::from(self.protocol).to_be())
    }
}

/// A number by which a flow is known to be that of a key.
#[inline(always)]
pub(crate) fn check(key: &FlowKey) -> u64 {
    const A: u64 = 0x9e37_79b9_7f4a_7c15;
    let ports = u64::from(u16::from_ne_bytes(key.source_port))
        | u64::from(u16::from_ne_bytes(key.destination_port)) << 16
        | u64::from(key.protocol) << 32;
    let mut h = key.source[0].wrapping_mul(A) ^ key.source[1];
    h = h.rotate_left(23).wrapping_mul(A) ^ key.destination[0];
    h = h.rotate_left(23).wrapping_mul(A) ^ key.destination[1];
    h.rotate_left(23).wrapping_mul(A) ^ ports
}

/// A flow as it was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub table: FlowTable,
    pub flow: Shared<Flow>,
    pub ends: Ends,
}

/// A flow as it stands in a table, if it is this key's.
#[inline(always)]
pub(crate) fn find<T: Tables>(tables: &T, table: FlowTable, key: &FlowKey) -> Option<Found> {
    let flow = tables.flow(table, key)?;
    let ends = Ends {
        kind: get!(flow, kind),
        address: [get!(flow, address[0]), get!(flow, address[1])],
        port: u16::from_ne_bytes(get!(flow, port)),
    };
    (get!(flow, check) == check(key)).then_some(Found { table, flow, ends })
}

/// Keeps a packet and its flow for [`carry`](crate::carry). `None`: the flow is another's by now.
#[inline(always)]
pub(crate) fn hold<T: Tables>(tables: &T, path: &Path, found: &Found) -> Option<Next> {
    let held = tables.carrying()?;
    set!(held, source, path.source);
    set!(held, destination, path.destination);
    set!(held, l3, path.l3 as u32);
    set!(held, l4, path.l4 as u32);
    set!(held, len, path.len as u32);
    set!(held, source_port, path.source_port);
    set!(held, destination_port, path.destination_port);
    set!(held, table, found.table as u32);
    set!(held, v6, u16::from(path.v6));
    set!(held, protocol, path.protocol);
    set!(held, may_be_lost, u8::from(path.may_be_lost));
    let (from, to) = (found.flow.ptr(), field_at!(held.ptr(), flow));
    // SAFETY: both are valid, and apart. What is torn is found out by the check.
    #[allow(unsafe_code)]
    unsafe {
        core::ptr::copy_nonoverlapping(from, to, 1);
    }
    (get!(held, flow.check) == check(&path.key())).then_some(Next::Carry)
}

/// The packet that is held, as the kernel's verifier is to see it.
#[inline(always)]
pub(crate) fn held<F: Frame>(frame: &F, held: Shared<Carrying>) -> Path {
    Path {
        l3: frame.bounded(get!(held, l3) as usize, 128),
        l4: frame.bounded(get!(held, l4) as usize, 128),
        len: frame.bounded(get!(held, len) as usize, 16_384),
        v6: get!(held, v6) != 0,
        source: [get!(held, source[0]), get!(held, source[1])],
        destination: [get!(held, destination[0]), get!(held, destination[1])],
        source_port: get!(held, source_port),
        destination_port: get!(held, destination_port),
        protocol: get!(held, protocol),
        may_be_lost: get!(held, may_be_lost) != 0,
    }
}

/// Puts the flow that is held in the place of the one in its table, by `put`.
#[inline(always)]
pub fn store_held(held: &Carrying, put: impl FnOnce(FlowTable, &FlowKey, &Flow)) {
    let key = FlowKey {
        source: held.source,
        destination: held.destination,
        source_port: held.source_port.to_ne_bytes(),
        destination_port: held.destination_port.to_ne_bytes(),
        protocol: u32::from(held.protocol),
    };
    let table = match held.table {
        0 => FlowTable::Datagrams,
        1 => FlowTable::Attempts,
        _ => FlowTable::Connections,
    };
    put(table, &key, &held.flow);
}

/// Changes a flow, if it still is this key's.
#[inline(always)]
pub(crate) fn update<T: Tables>(
    tables: &mut T,
    table: FlowTable,
    key: &FlowKey,
    change: impl FnOnce(&mut Flow),
) {
    let own = check(key);
    tables.update_flow(table, key, |flow| {
        let same = flow.check == own;
        if same {
            change(flow);
        }
        same
    });
}

/// Puts the address under which the endpoint knows the gatekeeper into the header of a message of that gatekeeper,
/// in the place of the one that it came from. What the endpoint sent names the address that it was sent to.
#[inline(always)]
pub fn known_as<T: Tables>(tables: &T, header: &mut EventHeader) {
    let by_endpoint = [
        CopyReason::UnknownRrq as u32,
        CopyReason::FromEndpoint as u32,
    ];
    if by_endpoint.contains(&header.reason) {
        return;
    }
    let key = FlowKey {
        source: words(&header.seen_as),
        destination: words(&header.endpoint),
        source_port: header.seen_port,
        destination_port: header.endpoint_port,
        protocol: u32::from(UDP),
    };
    if let Some(Found { ends, .. }) = find(tables, FlowTable::Datagrams, &key)
        && ends.kind == FLOW_REVERSE
    {
        header.seen_as[..8].copy_from_slice(&ends.address[0].to_ne_bytes());
        header.seen_as[8..].copy_from_slice(&ends.address[1].to_ne_bytes());
        header.seen_port = ends.port.to_ne_bytes();
    }
}

/// An address of a header as it lies in memory.
#[inline(always)]
fn words(octets: &[u8; 16]) -> Address {
    let half = |at: usize| {
        let mut half = [0; 8];
        half.copy_from_slice(&octets[at..at + 8]);
        u64::from_ne_bytes(half)
    };
    [half(0), half(8)]
}

/// What a flow to a gatekeeper is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// The gatekeeper's address.
    pub address: Address,
    /// Its port.
    pub port: u16,
    /// Its index.
    pub gatekeeper: u32,
    /// Index of the zone.
    pub zone: u32,
    /// The zone's decision.
    pub decision: u64,
    /// First state of the way there.
    pub state: u16,
}

/// Makes both directions of a flow to a gatekeeper; the way there.
#[inline(always)]
pub(crate) fn make<T: Tables>(
    tables: &mut T,
    table: FlowTable,
    path: &Path,
    way: &Way,
    now: u64,
) -> Option<Found> {
    let mut key = path.key_back(way.address, way.port);
    // From the same port it spoke with this one under another address: what comes back belongs to the newer one, so
    // that the way there ends.
    let mut asked = 0;
    if let Some(Found { ends, flow, .. }) = find(tables, table, &key) {
        asked = get!(flow, asked);
        if (ends.address, ends.port) != (path.destination, path.destination_port) {
            tables.remove_flow(table, &path.key_known_as(&ends));
        }
    }
    let common = |flow: &mut Flow| {
        flow.gatekeeper = way.gatekeeper;
        flow.decision = way.decision;
        flow.seen_ns = now;
        flow.zone = way.zone;
    };
    let made = tables.set_flow(table, &key, |flow| {
        common(flow);
        flow.check = check(&key);
        flow.kind = FLOW_REVERSE;
        flow.address = path.destination;
        flow.port = path.destination_port.to_ne_bytes();
        flow.asked = asked;
    });
    if !made {
        return None;
    }
    key = path.key();
    let made = tables.set_flow(table, &key, |flow| {
        common(flow);
        flow.check = check(&key);
        flow.kind = FLOW_FORWARD;
        flow.address = way.address;
        flow.port = way.port.to_ne_bytes();
        flow.state = way.state;
    });
    if !made {
        return None;
    }
    find(tables, table, &key)
}

/// Notes a connection that a gatekeeper opened, under the key of what the endpoint sends.
#[inline(always)]
pub(crate) fn make_called<T: Tables>(
    tables: &mut T,
    table: FlowTable,
    key: &FlowKey,
    (zone, gatekeeper): (u32, u32),
    state: u16,
    now: u64,
) -> bool {
    tables.set_flow(table, key, |flow| {
        flow.check = check(key);
        flow.kind = FLOW_CALLED;
        flow.address = key.destination;
        flow.port = key.destination_port;
        flow.gatekeeper = gatekeeper;
        flow.zone = zone;
        flow.seen_ns = now;
        flow.state = state;
    })
}
