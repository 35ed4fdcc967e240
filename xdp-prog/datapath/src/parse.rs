//! From the frame to a RAS datagram or a segment of call signalling: Ethernet, 0..2 VLAN tags (802.1Q, 802.1ad), IPv4 without options or IPv6
//! without extension headers, UDP or TCP. Of a datagram in fragments the first may be asked for, too; it has the UDP
//! header. Anything else passes.

use rasline_abi::{Counter, ENDPOINTS_SIDE, GATEKEEPERS_SIDE, MAX_INTERFACES};

use crate::checksum::{fold, halves};
use crate::ras;
use crate::tables::{Address, get};
use crate::{Frame, Tables};

pub(crate) const IPV4: u16 = 0x0800u16.to_be();
pub(crate) const IPV6: u16 = 0x86ddu16.to_be();
pub(crate) const VLAN: u16 = 0x8100u16.to_be();
pub(crate) const QINQ: u16 = 0x88a8u16.to_be();
/// Protocol number of TCP.
pub(crate) const TCP: u8 = 6;
/// Flags of a segment.
pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;
/// Protocol number of UDP.
pub(crate) const UDP: u8 = 17;
/// Number of the IPv6 fragment header (RFC 8200, 4.5).
pub(crate) const FRAGMENT: u8 = 44;
/// IPv4 flags and fragment offset: more fragments follow (RFC 791, 3.1); as on the wire.
pub(crate) const MORE: u16 = 0x2000u16.to_be();
/// The same: the offset.
pub(crate) const OFFSET: u16 = 0x1fffu16.to_be();
/// The offset in an IPv6 fragment header, as on the wire.
pub(crate) const OFFSET_V6: u16 = 0xfff8u16.to_be();
/// First half of an IPv4-mapped address.
const MAPPED_LOW: u64 = 0;
/// The octets before the IPv4 address in the second half.
const MAPPED_HIGH: u64 = 0xffff_0000;
/// Octets before the UDP payload at most: Ethernet, two tags, IPv6, UDP is 70.
const HEADERS_LIMIT: usize = 128;
/// Longest datagram at an MTU of 9000, as a power of two.
const LENGTH_LIMIT: usize = 16_384;

/// A RAS datagram of a frame.
// Each is a fact of its own.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// Octet of the IP header.
    pub l3: usize,
    /// IPv6.
    pub v6: bool,
    /// Octet of the UDP payload.
    pub payload: usize,
    /// Octets of UDP payload in this frame; at least [`ras::MIN_LEN`], unless it is a fragment.
    pub len: usize,
    /// Source address, IPv4 mapped.
    pub source: Address,
    /// Destination address, IPv4 mapped.
    pub destination: Address,
    /// Source port as on the wire.
    pub source_port: u16,
    /// Destination port as on the wire.
    pub destination_port: u16,
    /// First octet of the payload.
    pub first: u8,
    /// It is the first fragment of a datagram.
    pub fragment: bool,
    /// Came from the endpoints' side, to a RAS port.
    pub to_gatekeeper: bool,
    /// Came from the gatekeepers' side, from a RAS port.
    pub from_gatekeeper: bool,
}

impl Packet {
    /// Sum of the UDP pseudo header for a datagram with `payload_len` octets of payload.
    #[inline(always)]
    #[must_use]
    pub fn pseudo(&self, payload_len: usize) -> u64 {
        let len = u64::from((payload_len as u16 + 8).to_be());
        // The octets before a mapped IPv4 address are 0xffff: nothing in ones' complement.
        halves(self.source[0])
            + halves(self.source[1])
            + halves(self.destination[0])
            + halves(self.destination[1])
            + len
            + u64::from(u16::from(UDP).to_be())
    }
}

/// Where a frame's transport header stands.
struct Transport {
    side: u32,
    l3: usize,
    v6: bool,
    l4: usize,
    /// Octets of the IP payload.
    len: usize,
    /// It is the first fragment.
    fragment: bool,
}

/// What an IP header says of what follows.
struct Payload {
    /// Octets of the headers before it.
    headers: usize,
    /// Octets of it.
    len: usize,
    /// It is the first fragment.
    fragment: bool,
}

/// Octet of the IP header, and whether it is IPv6.
#[inline(always)]
pub(crate) fn network<F: Frame>(frame: &F) -> Option<(usize, bool)> {
    let mut l3 = 14;
    let mut ethertype = frame.u16(12)?;
    if ethertype == VLAN || ethertype == QINQ {
        l3 = 18;
        ethertype = frame.u16(16)?;
        if ethertype == VLAN || ethertype == QINQ {
            l3 = 22;
            ethertype = frame.u16(20)?;
        }
    }
    let v6 = ethertype == IPV6;
    if !v6 && ethertype != IPV4 {
        return None;
    }
    let l3 = frame.bounded(l3, HEADERS_LIMIT);
    Some((l3, frame.bounded(usize::from(v6), 2) != 0))
}

/// Walks to the header of `protocol`; else says why the frame passes. `first`: a first fragment will do.
#[inline(always)]
fn transport<F: Frame, T: Tables>(
    frame: &F,
    tables: &mut T,
    protocol: u8,
    first: bool,
) -> Result<Transport, Counter> {
    let side = side(frame, tables)?;
    let (l3, v6) = network(frame).ok_or(Counter::PassNotRas)?;
    let Payload {
        headers,
        len,
        fragment,
    } = if v6 {
        ipv6(frame, l3, protocol, first)?
    } else {
        ipv4(frame, l3, protocol, first)?
    };
    Ok(Transport {
        side,
        l3,
        v6,
        l4: frame.bounded(l3 + headers, HEADERS_LIMIT),
        len,
        fragment,
    })
}

/// Finds a RAS datagram; else says why the frame passes.
#[inline(always)]
pub(crate) fn parse<F: Frame, T: Tables>(frame: &F, tables: &mut T) -> Result<Packet, Counter> {
    datagram(frame, tables, false)
}

/// Finds a RAS datagram, or the first fragment of one; else says why the frame passes.
#[inline(always)]
pub(crate) fn parse_or_first<F: Frame, T: Tables>(
    frame: &F,
    tables: &mut T,
) -> Result<Packet, Counter> {
    datagram(frame, tables, true)
}

#[inline(always)]
fn datagram<F: Frame, T: Tables>(
    frame: &F,
    tables: &mut T,
    first: bool,
) -> Result<Packet, Counter> {
    let globals = tables.globals().ok_or(Counter::PassInterface)?;
    let Transport {
        side,
        l3,
        v6,
        l4,
        len: l4_len,
        fragment,
    } = transport(frame, tables, UDP, first)?;
    let ports = frame.u32(l4).ok_or(Counter::PassShape)?;
    let (source_port, destination_port) = (ports as u16, (ports >> 16) as u16);
    let to_gatekeeper = side & ENDPOINTS_SIDE != 0 && is_ras(globals, destination_port);
    let from_gatekeeper = side & GATEKEEPERS_SIDE != 0 && is_ras(globals, source_port);
    if !to_gatekeeper && !from_gatekeeper {
        return Err(Counter::PassNotRas);
    }
    let lengths = frame.u32(l4 + 4).ok_or(Counter::PassShape)?;
    let udp_len = usize::from(u16::from_be(lengths as u16));
    // The length of a datagram in fragments is of all of them.
    let least = if fragment { 8 } else { 8 + ras::MIN_LEN };
    if (udp_len != l4_len && !fragment)
        || !(least..LENGTH_LIMIT).contains(&l4_len)
        || l4 + l4_len > frame.len()
    {
        return Err(Counter::PassShape);
    }
    let (source, destination) = addresses(frame, l3, v6).ok_or(Counter::PassShape)?;
    // A fragment may end before the message begins, which then counts as what is limited most.
    let kind = if l4_len == 8 {
        ras::RRQ << 2
    } else {
        frame.u8(l4 + 8).ok_or(Counter::PassShape)?
    };
    // Bounded anew: what the verifier has learned of them on the way here would let it walk on twice.
    Ok(Packet {
        l3: frame.bounded(l3, HEADERS_LIMIT),
        v6: frame.bounded(usize::from(v6), 2) != 0,
        payload: l4 + 8,
        len: frame.bounded(l4_len - 8, LENGTH_LIMIT),
        source,
        destination,
        source_port,
        destination_port,
        first: frame.bounded(usize::from(kind), 256) as u8,
        fragment: frame.bounded(usize::from(fragment), 2) != 0,
        to_gatekeeper,
        from_gatekeeper,
    })
}

/// A TCP segment of call signalling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// Octet of the IP header.
    pub l3: usize,
    /// IPv6.
    pub v6: bool,
    /// Octet of the TCP header.
    pub l4: usize,
    /// Octets of TCP header and payload.
    pub len: usize,
    /// Octets of payload.
    pub payload_len: usize,
    /// Source address, IPv4 mapped.
    pub source: Address,
    /// Destination address, IPv4 mapped.
    pub destination: Address,
    /// Source port as on the wire.
    pub source_port: u16,
    /// Destination port as on the wire.
    pub destination_port: u16,
    /// FIN, SYN, RST, PSH, ACK, ...
    pub flags: u8,
    /// Sequence number, as on the wire.
    pub number: u32,
    /// Acknowledgement number, as on the wire.
    pub acknowledged: u32,
    /// Came from the endpoints' side.
    pub to_gatekeeper: bool,
    /// Of a connection to a port of call signalling of an endpoint.
    pub called: bool,
}

/// Finds a segment of call signalling; else says why the frame passes.
#[inline(always)]
pub(crate) fn parse_segment<F: Frame, T: Tables>(
    frame: &F,
    tables: &mut T,
) -> Result<Segment, Counter> {
    let globals = tables.globals().ok_or(Counter::PassInterface)?;
    let Transport {
        side,
        l3,
        v6,
        l4,
        len,
        ..
    } = transport(frame, tables, TCP, false)?;
    let ports = frame.u32(l4).ok_or(Counter::PassShape)?;
    let (source_port, destination_port) = (ports as u16, (ports >> 16) as u16);
    let (endpoints, gatekeepers) = (side & ENDPOINTS_SIDE != 0, side & GATEKEEPERS_SIDE != 0);
    let from = is_signalling(globals, source_port);
    let to = is_signalling(globals, destination_port);
    // Where both ports are of call signalling, or both sides are one interface's, the endpoint opened it.
    let (to_gatekeeper, called) = match (endpoints && to, gatekeepers && from) {
        (true, _) => (true, false),
        (_, true) => (false, false),
        _ if endpoints && from => (true, true),
        _ if gatekeepers && to => (false, true),
        _ => return Err(Counter::PassNotRas),
    };
    let numbers = frame.u64(l4 + 4).ok_or(Counter::PassShape)?;
    let header = frame.u16(l4 + 12).ok_or(Counter::PassShape)?;
    let header_len = usize::from((header & 0xf0) >> 2);
    if header_len < 20 || header_len > len || len >= LENGTH_LIMIT || l4 + len > frame.len() {
        return Err(Counter::PassShape);
    }
    let (source, destination) = addresses(frame, l3, v6).ok_or(Counter::PassShape)?;
    Ok(Segment {
        l3: frame.bounded(l3, HEADERS_LIMIT),
        v6: frame.bounded(usize::from(v6), 2) != 0,
        l4,
        len: frame.bounded(len, LENGTH_LIMIT),
        payload_len: frame.bounded(len - header_len, LENGTH_LIMIT),
        source,
        destination,
        source_port,
        destination_port,
        flags: (header >> 8) as u8,
        number: numbers as u32,
        acknowledged: (numbers >> 32) as u32,
        to_gatekeeper,
        called,
    })
}

/// The side of the interface that the frame came in by.
#[inline(always)]
pub(crate) fn side<F: Frame, T: Tables>(frame: &F, tables: &mut T) -> Result<u32, Counter> {
    let globals = tables.globals().ok_or(Counter::PassInterface)?;
    let ifindex = tables.ifindex();
    for i in 0..MAX_INTERFACES {
        let found = get!(globals, interfaces[i].ifindex);
        if found == ifindex {
            tables.set_interface(frame.bounded(i, MAX_INTERFACES) as u32);
            return Ok(get!(globals, interfaces[i].side));
        }
        if found == 0 {
            break;
        }
    }
    Err(Counter::PassInterface)
}

#[inline(always)]
pub(crate) fn is_ras(globals: crate::Shared<rasline_abi::Globals>, port: u16) -> bool {
    let port = u16::from_be(port);
    get!(globals, ras_ports[usize::from(port >> 6)]) >> (port & 63) & 1 != 0
}

#[inline(always)]
pub(crate) fn is_signalling(globals: crate::Shared<rasline_abi::Globals>, port: u16) -> bool {
    let port = u16::from_be(port);
    get!(globals, call_ports[usize::from(port >> 6)]) >> (port & 63) & 1 != 0
}

/// Checks an IPv4 header (all but its checksum).
#[inline(always)]
fn ipv4<F: Frame>(frame: &F, l3: usize, protocol: u8, first: bool) -> Result<Payload, Counter> {
    if frame.u8(l3 + 9).ok_or(Counter::PassNotRas)? != protocol {
        return Err(Counter::PassNotRas);
    }
    let start = frame.u32(l3).ok_or(Counter::PassShape)?;
    let field = frame.u16(l3 + 6).ok_or(Counter::PassShape)?;
    // Don't-fragment and the reserved bit do not matter.
    let refused = if first { OFFSET } else { OFFSET | MORE };
    if start & 0xff != 0x45 || field & refused != 0 {
        return Err(Counter::PassShape);
    }
    let total = usize::from(u16::from_be((start >> 16) as u16));
    if total < 28 {
        return Err(Counter::PassShape);
    }
    Ok(Payload {
        headers: 20,
        len: total - 20,
        fragment: field & MORE != 0,
    })
}

/// Checks an IPv6 header, and the fragment header behind it.
#[inline(always)]
fn ipv6<F: Frame>(frame: &F, l3: usize, protocol: u8, first: bool) -> Result<Payload, Counter> {
    let word = frame.u64(l3).ok_or(Counter::PassNotRas)?;
    let next = (word >> 48) as u8;
    let fragment = first && next == FRAGMENT;
    if next != protocol && !fragment {
        // Hop-by-hop, routing, fragment, AH, destination options: a datagram may stand behind them.
        let extension = matches!(next, 0 | 43 | FRAGMENT | 51 | 60);
        return Err(if extension {
            Counter::PassShape
        } else {
            Counter::PassNotRas
        });
    }
    if word & 0xf0 != 0x60 {
        return Err(Counter::PassShape);
    }
    let len = usize::from(u16::from_be((word >> 32) as u16));
    if !fragment {
        return Ok(Payload {
            headers: 40,
            len,
            fragment,
        });
    }
    let header = frame.u32(l3 + 40).ok_or(Counter::PassShape)?;
    if header as u8 != protocol || (header >> 16) as u16 & OFFSET_V6 != 0 || len < 16 {
        return Err(Counter::PassShape);
    }
    Ok(Payload {
        headers: 48,
        len: len - 8,
        fragment,
    })
}

#[inline(always)]
pub(crate) fn addresses<F: Frame>(frame: &F, l3: usize, v6: bool) -> Option<(Address, Address)> {
    if v6 {
        return Some((
            [frame.u64(l3 + 8)?, frame.u64(l3 + 16)?],
            [frame.u64(l3 + 24)?, frame.u64(l3 + 32)?],
        ));
    }
    let mapped = |address: u32| [MAPPED_LOW, MAPPED_HIGH | u64::from(address) << 32];
    Some((mapped(frame.u32(l3 + 12)?), mapped(frame.u32(l3 + 16)?)))
}

/// Whether the IPv4 header and the datagram are intact; `payload_sum` is the sum of the payload's octets.
///
/// A datagram from a sender on this machine may carry only the pseudo header's sum (the checksum is left to a
/// network card that it never meets); that counts as intact, and so does none at all over IPv4.
#[inline(always)]
pub(crate) fn intact<F: Frame>(frame: &F, packet: &Packet, payload_sum: u64) -> Option<Checksum> {
    if !packet.v6 {
        let l3 = packet.l3;
        let sum =
            halves(frame.u64(l3)?) + halves(frame.u64(l3 + 8)?) + u64::from(frame.u32(l3 + 16)?);
        if fold(sum) != 0xffff {
            return None;
        }
    }
    let carried = frame.u16(packet.payload - 2)?;
    let pseudo = packet.pseudo(packet.len);
    if carried == 0 {
        return if packet.v6 {
            None
        } else {
            Some(Checksum::Full)
        };
    }
    let len = u64::from((packet.len as u16 + 8).to_be());
    let ports = u64::from(packet.source_port) + u64::from(packet.destination_port);
    if fold(pseudo + ports + len + u64::from(carried) + payload_sum) == 0xffff {
        return Some(Checksum::Full);
    }
    if carried == fold(pseudo) {
        Some(Checksum::Partial)
    } else {
        None
    }
}

/// Sum of the payload's octets, if the datagram is intact; of 16 `PAIRS` octets at most, and less than 2,048.
#[inline(always)]
pub(crate) fn verify<F: Frame, const PAIRS: usize>(
    frame: &mut F,
    packet: &Packet,
) -> Option<(u64, Checksum)> {
    let (at, len) = (packet.payload, packet.len);
    let end = frame.bounded(len, 2048);
    let (mut sum, mut pairs) = (0, 0);
    for i in 0..PAIRS {
        if 16 * i + 16 > end {
            break;
        }
        let [first, second] = frame.pair(at + 16 * i)?;
        sum += halves(first) + halves(second);
        pairs = i + 1;
    }
    frame.renew();
    if len & 8 != 0 {
        sum += halves(frame.u64(frame.bounded(at + 16 * pairs, 2048))?);
    }
    if len & 7 != 0 {
        let last = frame.bounded(at + len - 8, 2048);
        sum += halves(frame.u64(last)? >> ((8 * (8 - (len & 7)) as u32) & 63));
    }
    Some((sum, intact(frame, packet, sum)?))
}

/// What the UDP checksum field of an intact datagram holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// The checksum, or nothing.
    Full,
    /// The pseudo header's sum: the sender left the rest to its network card.
    Partial,
}
