//! Sends RAS messages to gatekeepers from the endpoints' own addresses, by raw sockets: that is how an alternate gets
//! to know endpoints while they are registered elsewhere.
//!
//! Invariant: sending never blocks; what cannot be sent is counted.

use std::{
    io,
    net::{IpAddr, SocketAddr, SocketAddrV6},
};

use rasline_datapath::checksum;
use socket2::{Domain, Protocol, Socket, Type};

const UDP: u8 = 17;
const TTL: u8 = 64;

/// One raw socket an address family, made when it is first needed.
#[derive(Debug, Default)]
pub struct AsEndpoint {
    v4: Option<Socket>,
    v6: Option<Socket>,
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
        let packet = packet(from, to, message).ok_or(io::ErrorKind::InvalidInput)?;
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
        socket.send_to(&packet, &target.into()).map(drop)
    }
}

/// A socket that takes packets with their IP header, and hears nothing.
fn open(domain: Domain) -> io::Result<Socket> {
    let kind = Type::RAW.nonblocking().cloexec();
    Socket::new(domain, kind, Some(Protocol::from(libc::IPPROTO_RAW)))
}

/// A UDP datagram with its IP header; `None`: the addresses are of different families, or it is too long.
fn packet(from: SocketAddr, to: SocketAddr, message: &[u8]) -> Option<Vec<u8>> {
    let udp_len = u16::try_from(message.len() + 8).ok()?;
    let mut pseudo = Vec::with_capacity(48 + message.len());
    let mut packet = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            pseudo.extend(from.octets());
            pseudo.extend(to.octets());
            let mut header = vec![0x45, 0];
            header.extend(udp_len.checked_add(20)?.to_be_bytes());
            // Identification and checksum are filled in by the kernel; don't fragment.
            header.extend([0, 0, 0x40, 0, TTL, UDP, 0, 0]);
            header.extend(from.octets());
            header.extend(to.octets());
            header
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            pseudo.extend(from.octets());
            pseudo.extend(to.octets());
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(udp_len.to_be_bytes());
            header.extend([UDP, TTL]);
            header.extend(from.octets());
            header.extend(to.octets());
            header
        }
        _ => return None,
    };
    let mut udp = Vec::with_capacity(8 + message.len());
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend(udp_len.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(message);
    pseudo.extend([0, UDP]);
    pseudo.extend(udp_len.to_be_bytes());
    pseudo.extend(&udp);
    let check = match !checksum::sum(&pseudo) {
        0 => 0xffff,
        check => check,
    };
    udp[6..8].copy_from_slice(&check.to_ne_bytes());
    packet.extend(udp);
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_have_right_checksums() {
        for (from, to) in [
            ("10.0.0.7:1719", "10.1.0.2:1719"),
            ("[fd00::7]:1719", "[fd01::2]:1720"),
        ] {
            let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
            let packet = packet(from, to, b"odd").unwrap();
            let (header, addresses) = if from.is_ipv4() {
                (20, 12..20)
            } else {
                (40, 8..40)
            };
            let mut pseudo = packet[addresses].to_vec();
            pseudo.extend([0, UDP, 0, 11]);
            pseudo.extend(&packet[header..]);
            assert_eq!(checksum::sum(&pseudo), 0xffff);
            assert_eq!(packet.len(), header + 11);
        }
    }

    #[test]
    fn families_do_not_mix() {
        let (from, to) = ("10.0.0.7:1", "[fd01::2]:1");
        assert_eq!(
            packet(from.parse().unwrap(), to.parse().unwrap(), b""),
            None
        );
    }
}
