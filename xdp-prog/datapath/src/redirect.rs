//! Readdressing: what is addressed to a gatekeeper that was left goes to the active one, replies come back under the
//! address that the endpoint knows; the endpoint's own address stays.
//!
//! A flow stands in the table once for each direction, under the addresses and ports of the packets. A packet is
//! sent on at once if its next hop is known and takes redirected frames; else it is readdressed and left to the
//! stack's routing. Tagged frames always go through the stack, which knows the tag's network; so does a packet whose
//! checksum was left to a network card, as the stack knows that too.

use rasline_abi::{CopyReason, EventHeader, FLOW_FORWARD, FLOW_REVERSE, Flow, FlowKey};

use crate::checksum::{fold, halves};
use crate::parse::{Checksum, Packet, Segment, TCP, UDP};
use crate::steer::Course;
use crate::tables::{Address, Hop, Shared, get, set};
use crate::{Frame, Tables, Verdict};

/// A next hop is looked up again after so long, ns.
const HOP_FRESH_NS: u64 = 1_000_000_000;
/// One that was not found is looked for again after so long, ns.
const NO_HOP_FRESH_NS: u64 = 100_000_000;
/// The other direction of a flow is kept in the table by this one, once in so long, ns.
pub(crate) const FLOW_FRESH_NS: u64 = 1_000_000_000;
/// Words of a packet that are summed at most to tell the two forms of a checksum apart.
const SUM_WORDS: usize = 256;

/// What readdressing needs of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    l3: usize,
    v6: bool,
    l4: usize,
    /// Octets from `l4` on.
    len: usize,
    pub source: Address,
    pub destination: Address,
    pub source_port: u16,
    pub destination_port: u16,
    protocol: u8,
}

/// An address and port that replace others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// [`FLOW_FORWARD`]: the destination; else the source.
    kind: u16,
    address: Address,
    port: u16,
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

    /// Sum of the pseudo header.
    #[inline(always)]
    fn pseudo(&self) -> u64 {
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
fn check(key: &FlowKey) -> u64 {
    const A: u64 = 0x9e37_79b9_7f4a_7c15;
    let ports = u64::from(u16::from_ne_bytes(key.source_port))
        | u64::from(u16::from_ne_bytes(key.destination_port)) << 16
        | u64::from(key.protocol) << 32;
    let mut h = key.source[0].wrapping_mul(A) ^ key.source[1];
    h = h.rotate_left(23).wrapping_mul(A) ^ key.destination[0];
    h = h.rotate_left(23).wrapping_mul(A) ^ key.destination[1];
    h.rotate_left(23).wrapping_mul(A) ^ ports
}

/// A flow as it stands in the table, if it is this key's.
#[inline(always)]
pub(crate) fn find<T: Tables>(tables: &T, key: &FlowKey) -> Option<(Shared<Flow>, Ends)> {
    let flow = tables.flow(key)?;
    let ends = Ends {
        kind: get!(flow, kind),
        address: [get!(flow, address[0]), get!(flow, address[1])],
        port: u16::from_ne_bytes(get!(flow, port)),
    };
    (get!(flow, check) == check(key)).then_some((flow, ends))
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
    if let Some((_, ends)) = find(tables, &key)
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

/// Makes both directions of a flow to a gatekeeper; the way there.
#[inline(always)]
pub(crate) fn make<T: Tables>(
    tables: &mut T,
    path: &Path,
    gatekeeper: u32,
    course: &Course,
    now: u64,
) -> Option<(Shared<Flow>, Ends)> {
    let row = tables.gatekeeper(gatekeeper)?;
    let address = crate::tables::address!(row);
    let port = u16::from_ne_bytes(if path.protocol == UDP {
        get!(row, ras_port)
    } else {
        get!(row, call_port)
    });
    let common = |flow: &mut Flow| {
        flow.gatekeeper = gatekeeper;
        flow.decision = course.decision;
        flow.seen_ns = now;
        flow.zone = course.zone;
    };
    let mut key = path.key_back(address, port);
    // From the same port it spoke with this one under another address: what comes back belongs to the newer one, so
    // that the way there ends.
    if let Some((_, ends)) = find(tables, &key)
        && (ends.address, ends.port) != (path.destination, path.destination_port)
    {
        tables.remove_flow(&path.key_known_as(&ends));
    }
    let made = tables.set_flow(&key, |flow| {
        common(flow);
        flow.check = check(&key);
        flow.kind = FLOW_REVERSE;
        flow.address = path.destination;
        flow.port = path.destination_port.to_ne_bytes();
    });
    if !made {
        return None;
    }
    key = path.key();
    let made = tables.set_flow(&key, |flow| {
        common(flow);
        flow.check = check(&key);
        flow.kind = FLOW_FORWARD;
        flow.address = address;
        flow.port = port.to_ne_bytes();
    });
    if !made {
        return None;
    }
    find(tables, &key)
}

/// Readdresses the frame and sends it on. `None`, and nothing changed: it could not be.
#[inline(always)]
pub(crate) fn carry<F: Frame, T: Tables>(
    frame: &mut F,
    tables: &mut T,
    path: &Path,
    (flow, ends): (Shared<Flow>, Ends),
    now: u64,
) -> Option<Verdict> {
    // A datagram's flow is made anew once in a while, which counts from when it was made. A segment is noted once in a
    // while: a line of the table that is only read costs less.
    if path.protocol == TCP && now.saturating_sub(get!(flow, seen_ns)) > FLOW_FRESH_NS {
        set!(flow, seen_ns, now);
    }
    let form = readdress(frame, path, &ends)?;
    let (source, destination) = if ends.kind == FLOW_FORWARD {
        (path.source, ends.address)
    } else {
        (ends.address, path.destination)
    };
    let hop = if form == Checksum::Full && path.l3 == 14 {
        hop(frame, tables, path, flow, (source, destination), now)
    } else {
        None
    };
    let Some(hop) = hop else {
        return Some(Verdict::Readdressed);
    };
    age(frame, path)?;
    let low = |m: [u8; 6]| u32::from_ne_bytes([m[0], m[1], m[2], m[3]]);
    let high = |m: [u8; 6]| u16::from_ne_bytes([m[4], m[5]]);
    let own = low(hop.own_mac);
    frame.set_u32(0, low(hop.mac))?;
    frame.set_u32(4, u32::from(high(hop.mac)) | own << 16)?;
    frame.set_u32(8, own >> 16 | u32::from(high(hop.own_mac)) << 16)?;
    Some(Verdict::Redirect(hop.ifindex))
}

/// The next hop, from the flow if it is fresh.
#[inline(always)]
fn hop<F: Frame, T: Tables>(
    frame: &F,
    tables: &T,
    path: &Path,
    flow: Shared<Flow>,
    (source, destination): (Address, Address),
    now: u64,
) -> Option<Hop> {
    let life = frame.u8(path.l3 + if path.v6 { 7 } else { 8 })?;
    if life <= 1 {
        return None;
    }
    let len = path.len as u16 + if path.v6 { 40 } else { 20 };
    let (ifindex, looked) = (get!(flow, hop_ifindex), get!(flow, hop_ns));
    let fresh = if ifindex == 0 {
        NO_HOP_FRESH_NS
    } else {
        HOP_FRESH_NS
    };
    if looked == 0 || now.saturating_sub(looked) > fresh {
        let found = tables.next_hop(source, destination, path.v6, len);
        if let Some(hop) = found {
            set!(flow, hop_mac, hop.mac);
            set!(flow, own_mac, hop.own_mac);
            set!(flow, hop_mtu, hop.mtu);
        }
        set!(flow, hop_ifindex, found.map_or(0, |hop| hop.ifindex));
        set!(flow, hop_ns, now);
        return found;
    }
    let mtu = get!(flow, hop_mtu);
    // What is too long the stack refuses, and says so.
    (ifindex != 0 && len <= mtu).then(|| Hop {
        ifindex,
        mac: get!(flow, hop_mac),
        own_mac: get!(flow, own_mac),
        mtu,
    })
}

/// One hop less to live.
#[inline(always)]
fn age<F: Frame>(frame: &mut F, path: &Path) -> Option<()> {
    if path.v6 {
        let life = frame.u8(path.l3 + 7)?;
        return frame.set_u8(path.l3 + 7, life.wrapping_sub(1));
    }
    let old = frame.u16(path.l3 + 8)?;
    let new = (old & 0xff00) | (old.wrapping_sub(1) & 0xff);
    let check = frame.u16(path.l3 + 10)?;
    frame.set_u16(path.l3 + 8, new)?;
    // RFC 1624, equation 3.
    let sum = u64::from(!check) + u64::from(!old) + u64::from(new);
    frame.set_u16(path.l3 + 10, !fold(sum))
}

/// Puts the address and port in their place, checksums by what changes (RFC 1624, equation 3). Gives the form of the
/// transport's checksum.
#[inline(always)]
fn readdress<F: Frame>(frame: &mut F, path: &Path, ends: &Ends) -> Option<Checksum> {
    let forward = ends.kind == FLOW_FORWARD;
    let (old, old_port) = if forward {
        (path.destination, path.destination_port)
    } else {
        (path.source, path.source_port)
    };
    // The octets before a mapped IPv4 address are the same in both.
    let leaves = !fold(halves(old[0]) + halves(old[1]));
    let comes = fold(halves(ends.address[0]) + halves(ends.address[1]));
    let addresses = u64::from(leaves) + u64::from(comes);
    let ports = u64::from(!old_port) + u64::from(ends.port);

    let check_at = path.l4 + if path.protocol == UDP { 6 } else { 16 };
    let carried = frame.u16(check_at)?;
    let form = form(frame, path, carried)?;
    let check = match form {
        Checksum::Full => !fold(u64::from(!carried) + addresses + ports),
        Checksum::Partial => fold(u64::from(carried) + addresses),
    };
    if path.protocol == TCP {
        frame.set_u16(check_at, check)?;
    } else if carried != 0 {
        frame.set_u16(check_at, if check == 0 { 0xffff } else { check })?;
    }
    frame.set_u16(path.l4 + if forward { 2 } else { 0 }, ends.port)?;
    if path.v6 {
        let at = path.l3 + if forward { 24 } else { 8 };
        frame.set_u64(at, ends.address[0])?;
        frame.set_u64(at + 8, ends.address[1])?;
    } else {
        let at = path.l3 + if forward { 16 } else { 12 };
        frame.set_u32(at, (ends.address[1] >> 32) as u32)?;
        let check = frame.u16(path.l3 + 10)?;
        frame.set_u16(path.l3 + 10, !fold(u64::from(!check) + addresses))?;
    }
    Some(form)
}

/// What the checksum field holds. A full checksum may happen to equal the pseudo header's sum: then the packet is
/// summed.
#[inline(always)]
fn form<F: Frame>(frame: &mut F, path: &Path, carried: u16) -> Option<Checksum> {
    let pseudo = path.pseudo();
    if carried != fold(pseudo) {
        return Some(Checksum::Full);
    }
    let mut sum = pseudo;
    let end = frame.bounded(path.len, 16_384);
    if end > SUM_WORDS * 8 {
        return Some(Checksum::Partial);
    }
    for i in 0..SUM_WORDS {
        if 8 * i + 8 > end {
            break;
        }
        sum += halves(frame.u64(path.l4 + 8 * i)?);
    }
    frame.renew();
    if path.len & 7 != 0 {
        let last = frame.bounded(path.l4 + path.len - 8, 4096);
        sum += halves(frame.u64(last)? >> ((8 * (8 - (path.len & 7)) as u32) & 63));
    }
    Some(if fold(sum) == 0xffff {
        Checksum::Full
    } else {
        Checksum::Partial
    })
}
