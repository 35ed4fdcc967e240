//! Sends RAS messages to gatekeepers from the endpoints' own addresses, by raw sockets: that is how an alternate gets
//! to know endpoints while they are registered elsewhere, and how a proxy speaks for them.
//!
//! Invariant: sending never blocks; what cannot be sent is counted.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
};

use rasline_datapath::checksum;
use socket2::{Domain, Protocol, Socket, Type};

const UDP: u8 = 17;
const TTL: u8 = 64;
/// Next header of a fragment (RFC 8200 4.5).
const FRAGMENT: u8 = 44;
/// Octets of UDP that a fragment carries: a multiple of 8, which with its headers fits the least MTU of IPv6, 1,280.
const PART: usize = 1232;

/// One raw socket an address family, made when it is first needed.
#[derive(Debug, Default)]
pub struct AsEndpoint {
    v4: Option<Socket>,
    v6: Option<Socket>,
    /// Identification of the last packet sent in fragments.
    last: u16,
    failed: u64,
}

impl AsEndpoint {
    /// Messages that could not be sent.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// Sends a message to a gatekeeper as if the endpoint did.
    pub fn send(&mut self, endpoint: SocketAddr, to: SocketAddr, message: &[u8]) {
        if let Err(e) = self.try_send(endpoint, to, message) {
            self.failed += 1;
            // The first, the second, the fourth, ...
            if self.failed.is_power_of_two() {
                tracing::warn!(
                    "RAS to {to} as {endpoint}: not sent: {e}; {} in all",
                    self.failed
                );
            }
        }
    }

    fn try_send(&mut self, from: SocketAddr, to: SocketAddr, message: &[u8]) -> io::Result<()> {
        let datagram = datagram(from, to, message).ok_or(io::ErrorKind::InvalidInput)?;
        let way = (from.ip(), to.ip());
        match self.transmit(to, &packet(way, None, &datagram)?) {
            Err(e) if e.raw_os_error() == Some(libc::EMSGSIZE) => {}
            done => return done,
        }
        // Never 0, in whose place the kernel would put another number in each fragment.
        self.last = self.last.checked_add(1).unwrap_or(1);
        let mut offset = 0;
        for octets in datagram.chunks(PART) {
            let part = Part {
                identification: self.last,
                offset,
                more: offset + octets.len() < datagram.len(),
            };
            self.transmit(to, &packet(way, Some(part), octets)?)?;
            offset += octets.len();
        }
        Ok(())
    }

    fn transmit(&mut self, to: SocketAddr, packet: &[u8]) -> io::Result<()> {
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

/// Where a fragment belongs.
#[derive(Clone, Copy)]
struct Part {
    identification: u16,
    /// Octets before it, a multiple of 8.
    offset: usize,
    more: bool,
}

/// A UDP datagram; `None`: the addresses are of different families, or it is too long.
fn datagram(from: SocketAddr, to: SocketAddr, message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len() + 8).ok()?;
    let mut pseudo = Vec::with_capacity(48 + message.len());
    match (from.ip(), to.ip()) {
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
    let mut udp = Vec::with_capacity(8 + message.len());
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend(length.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(message);
    pseudo.extend([0, UDP]);
    pseudo.extend(length.to_be_bytes());
    pseudo.extend(&udp);
    let check = match !checksum::sum(&pseudo) {
        0 => 0xffff,
        check => check,
    };
    udp[6..8].copy_from_slice(&check.to_ne_bytes());
    Some(udp)
}

/// An IP packet with this payload, which is UDP, or a part of it.
///
/// # Errors
/// When the addresses are of different families, or it is too long.
fn packet((from, to): (IpAddr, IpAddr), part: Option<Part>, payload: &[u8]) -> io::Result<Vec<u8>> {
    let mut packet = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ipv4((from, to), part, payload.len())?,
        (IpAddr::V6(from), IpAddr::V6(to)) => ipv6((from, to), part, payload.len())?,
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    packet.extend(payload);
    Ok(packet)
}

/// Identification, where there is none, and checksum are filled in by the kernel.
fn ipv4(
    (from, to): (Ipv4Addr, Ipv4Addr),
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
    header.extend([TTL, UDP, 0, 0]);
    header.extend(from.octets());
    header.extend(to.octets());
    Ok(header)
}

fn ipv6(
    (from, to): (Ipv6Addr, Ipv6Addr),
    part: Option<Part>,
    length: usize,
) -> io::Result<Vec<u8>> {
    let extension = part.map_or_else(Vec::new, |part| {
        let place = part.offset as u16 | u16::from(part.more);
        let mut extension = vec![UDP, 0];
        extension.extend(place.to_be_bytes());
        extension.extend(u32::from(part.identification).to_be_bytes());
        extension
    });
    let length = u16::try_from(length + extension.len()).map_err(io::Error::other)?;
    let mut header = vec![0x60, 0, 0, 0];
    header.extend(length.to_be_bytes());
    header.extend([if part.is_some() { FRAGMENT } else { UDP }, TTL]);
    header.extend(from.octets());
    header.extend(to.octets());
    header.extend(extension);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    const PAIRS: [(&str, &str, usize); 2] = [
        ("10.0.0.7:1719", "10.1.0.2:1719", 20),
        ("[fd00::7]:1719", "[fd01::2]:1720", 40),
    ];

    #[test]
    fn datagrams_have_right_checksums() {
        for (from, to, header) in PAIRS {
            let (from, to) = (v(from), v(to));
            let udp = datagram(from, to, b"odd").unwrap();
            let packet = packet((from.ip(), to.ip()), None, &udp).unwrap();
            let addresses = if from.is_ipv4() { 12..20 } else { 8..40 };
            let mut pseudo = packet[addresses].to_vec();
            pseudo.extend([0, UDP, 0, 11]);
            pseudo.extend(&packet[header..]);
            assert_eq!(checksum::sum(&pseudo), 0xffff);
            assert_eq!(packet.len(), header + 11);
        }
    }

    #[test]
    fn families_do_not_mix() {
        let (from, to) = (v("10.0.0.7:1"), v("[fd01::2]:1"));
        assert_eq!(datagram(from, to, b""), None);
        packet((from.ip(), to.ip()), None, b"").unwrap_err();
    }

    #[test]
    fn fragments_say_where_they_belong() {
        for (from, to, header) in PAIRS {
            let way = (v(from).ip(), v(to).ip());
            let part = Part {
                identification: 0x1234,
                offset: PART,
                more: true,
            };
            let first = packet(way, Some(part), &[7; PART]).unwrap();
            let part = Part {
                more: false,
                ..part
            };
            let last = packet(way, Some(part), &[7; 9]).unwrap();
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
