//! Packets with the source address of another host, by raw sockets.
//!
//! Invariant: sending never blocks.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
};

use rasline_datapath::checksum;
use socket2::{Domain, Protocol, Socket, Type};

const TTL: u8 = 64;
/// Next header of a fragment (RFC 8200 4.5).
const FRAGMENT: u8 = 44;

/// A transport protocol: its number, and the octet of its header at which the checksum is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transport {
    number: u8,
    check_at: usize,
}

/// UDP.
pub(super) const UDP: Transport = Transport {
    number: 17,
    check_at: 6,
};
/// TCP.
pub(super) const TCP: Transport = Transport {
    number: 6,
    check_at: 16,
};

/// Where a packet comes from, and where it goes.
pub(super) type Way = (IpAddr, IpAddr);

/// Where a fragment belongs.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// The same in all fragments of a packet; not 0.
    pub identification: u16,
    /// Octets before it, a multiple of 8.
    pub offset: usize,
    /// Others come after it.
    pub more: bool,
}

/// One raw socket an address family, made when it is first needed.
#[derive(Debug, Default)]
pub(super) struct RawSockets {
    v4: Option<Socket>,
    v6: Option<Socket>,
}

impl RawSockets {
    /// Sends an IP packet.
    ///
    /// # Errors
    /// `WouldBlock`, and what else the kernel refuses.
    pub(in crate::effects) fn send(&mut self, to: SocketAddr, packet: &[u8]) -> io::Result<()> {
        // The port stands in the packet; for IPv6 the kernel wants none in the address.
        let (place, domain, target) = match to {
            SocketAddr::V4(_) => (&mut self.v4, Domain::IPV4, to),
            SocketAddr::V6(v6) => {
                let target = SocketAddrV6::new(*v6.ip(), 0, 0, v6.scope_id());
                (&mut self.v6, Domain::IPV6, target.into())
            }
        };
        let socket = match place {
            Some(socket) => socket,
            None => place.insert(open(domain)?),
        };
        socket.send_to(packet, &target.into()).map(drop)
    }
}

/// A socket that takes packets with their IP header, and hears nothing.
fn open(domain: Domain) -> io::Result<Socket> {
    let kind = Type::RAW.nonblocking().cloexec();
    Socket::new(domain, kind, Some(Protocol::from(libc::IPPROTO_RAW)))
}

/// Puts the checksum into a datagram or segment that has zeros in its place; `None`: the addresses are of different
/// families, or it is too long.
pub(in crate::effects) fn checksummed(
    (from, to): Way,
    transport: Transport,
    mut octets: Vec<u8>,
) -> Option<Vec<u8>> {
    let length = u16::try_from(octets.len()).ok()?;
    let mut pseudo = Vec::with_capacity(40 + octets.len());
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            pseudo.extend(from.octets());
            pseudo.extend(to.octets());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            pseudo.extend(from.octets());
            pseudo.extend(to.octets());
        }
        _ => return None,
    }
    pseudo.extend([0, transport.number]);
    pseudo.extend(length.to_be_bytes());
    pseudo.extend(&octets);
    let check = match !checksum::sum(&pseudo) {
        // For UDP, 0 would mean none.
        0 => 0xffff,
        check => check,
    };
    let place = octets.get_mut(transport.check_at..transport.check_at + 2)?;
    place.copy_from_slice(&check.to_ne_bytes());
    Some(octets)
}

/// An IP packet with this payload, or a part of it.
///
/// # Errors
/// When the addresses are of different families, or it is too long.
pub(in crate::effects) fn packet(
    (from, to): Way,
    transport: Transport,
    part: Option<Part>,
    payload: &[u8],
) -> io::Result<Vec<u8>> {
    let (number, length) = (transport.number, payload.len());
    let mut packet = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ipv4((from, to), number, part, length)?,
        (IpAddr::V6(from), IpAddr::V6(to)) => ipv6((from, to), number, part, length)?,
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    packet.extend(payload);
    Ok(packet)
}

/// Identification, where there is none, and checksum are filled in by the kernel.
fn ipv4(
    (from, to): (Ipv4Addr, Ipv4Addr),
    number: u8,
    part: Option<Part>,
    length: usize,
) -> io::Result<Vec<u8>> {
    let length = u16::try_from(length + 20).map_err(io::Error::other)?;
    let (identification, place) = part.map_or((0, 0), |part| {
        let more = u16::from(part.more) << 13;
        (part.identification, more | (part.offset / 8) as u16)
    });
    let mut header = vec![0x45, 0];
    header.extend(length.to_be_bytes());
    header.extend(identification.to_be_bytes());
    header.extend(place.to_be_bytes());
    header.extend([TTL, number, 0, 0]);
    header.extend(from.octets());
    header.extend(to.octets());
    Ok(header)
}

fn ipv6(
    (from, to): (Ipv6Addr, Ipv6Addr),
    number: u8,
    part: Option<Part>,
    length: usize,
) -> io::Result<Vec<u8>> {
    let extension = part.map_or_else(Vec::new, |part| {
        let place = part.offset as u16 | u16::from(part.more);
        let mut extension = vec![number, 0];
        extension.extend(place.to_be_bytes());
        extension.extend(u32::from(part.identification).to_be_bytes());
        extension
    });
    let length = u16::try_from(length + extension.len()).map_err(io::Error::other)?;
    let mut header = vec![0x60, 0, 0, 0];
    header.extend(length.to_be_bytes());
    header.extend([if part.is_some() { FRAGMENT } else { number }, TTL]);
    header.extend(from.octets());
    header.extend(to.octets());
    header.extend(extension);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAYS: [(&str, &str, usize); 2] =
        [("10.0.0.7", "10.1.0.2", 20), ("fd00::7", "fd01::2", 40)];

    fn way(from: &str, to: &str) -> Way {
        (from.parse().unwrap(), to.parse().unwrap())
    }

    #[test]
    fn packets_have_right_checksums() {
        for (from, to, header) in WAYS {
            let way = way(from, to);
            for (transport, len) in [(UDP, 8), (UDP, 11), (TCP, 20)] {
                let mut octets = vec![7; len];
                octets[transport.check_at..transport.check_at + 2].fill(0);
                let octets = checksummed(way, transport, octets).unwrap();
                let packet = packet(way, transport, None, &octets).unwrap();
                let addresses = if header == 20 { 12..20 } else { 8..40 };
                let mut pseudo = packet[addresses].to_vec();
                pseudo.extend([0, transport.number, 0, len as u8]);
                pseudo.extend(&packet[header..]);
                assert_eq!(checksum::sum(&pseudo), 0xffff);
                assert_eq!(packet.len(), header + len);
            }
        }
    }

    #[test]
    fn families_do_not_mix() {
        let way = way("10.0.0.7", "fd01::2");
        assert_eq!(checksummed(way, UDP, vec![0; 8]), None);
        packet(way, UDP, None, b"").unwrap_err();
    }

    #[test]
    fn fragments_say_where_they_belong() {
        for (from, to, header) in WAYS {
            let way = way(from, to);
            let part = Part {
                identification: 0x1234,
                offset: 1232,
                more: true,
            };
            let first = packet(way, UDP, Some(part), &[7; 1232]).unwrap();
            let part = Part {
                more: false,
                ..part
            };
            let last = packet(way, UDP, Some(part), &[7; 9]).unwrap();
            assert!(first.len() <= 1280, "{}", first.len());
            let (at, more, only) = match header {
                20 => (6, 0x2000 + 154, 154),
                _ => (42, 1232 + 1, 1232),
            };
            for (packet, place) in [(first, more), (last, only)] {
                assert_eq!(packet[at..at + 2], u16::to_be_bytes(place));
            }
        }
    }
}
