//! Addresses and message name of a captured frame. The content of the frame is not trusted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rasline_h225::header;

/// An IP packet with ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    /// Payload of UDP; `None` for TCP.
    datagram: Option<&'a [u8]>,
    /// TCP flags.
    flags: u8,
}

/// Source and destination of an IP packet in an Ethernet frame with or without VLAN tags.
pub(super) fn addresses(frame: &[u8]) -> Option<[IpAddr; 2]> {
    ip(frame).map(|(ends, _, _)| ends)
}

/// Source and destination address, protocol, and the data after the IP header.
fn ip(frame: &[u8]) -> Option<([IpAddr; 2], u8, &[u8])> {
    let mut at = 12;
    while matches!(frame.get(at..at + 2)?, [0x81, 0x00] | [0x88, 0xa8]) {
        at += 4;
    }
    let ip = frame.get(at + 2..)?;
    let v4 = |from: usize| {
        let octets: [u8; 4] = ip.get(from..from + 4)?.try_into().ok()?;
        Some(IpAddr::from(Ipv4Addr::from(octets)))
    };
    let v6 = |from: usize| {
        let octets: [u8; 16] = ip.get(from..from + 16)?.try_into().ok()?;
        Some(IpAddr::from(Ipv6Addr::from(octets)))
    };
    match frame.get(at..at + 2)? {
        [0x08, 0x00] => {
            let header = usize::from(*ip.first()? & 0xf) * 4;
            let rest = ip.get(header..).unwrap_or_default();
            Some(([v4(12)?, v4(16)?], *ip.get(9)?, rest))
        }
        [0x86, 0xdd] => {
            let rest = ip.get(40..).unwrap_or_default();
            Some(([v6(8)?, v6(24)?], *ip.get(6)?, rest))
        }
        _ => None,
    }
}

impl<'a> Packet<'a> {
    pub(super) fn of(frame: &'a [u8]) -> Option<Self> {
        let ([from, to], protocol, rest) = ip(frame)?;
        let port = |at: usize| {
            let octets: [u8; 2] = rest.get(at..at + 2)?.try_into().ok()?;
            Some(u16::from_be_bytes(octets))
        };
        let (from, to) = (
            SocketAddr::new(from, port(0)?),
            SocketAddr::new(to, port(2)?),
        );
        let datagram = match protocol {
            17 => Some(rest.get(8..)?),
            6 => None,
            _ => return None,
        };
        Some(Self {
            from,
            to,
            datagram,
            flags: rest.get(13).copied().unwrap_or_default(),
        })
    }

    /// Name of the message for people: `RRQ 17`, `TCP SYN`.
    pub(super) fn message(&self) -> String {
        if let Some(payload) = self.datagram {
            match header(payload) {
                Some(header) => format!("{} {}", header.kind, header.seq),
                None => "UDP".to_owned(),
            }
        } else {
            let names = [(2, "SYN"), (4, "RST"), (1, "FIN"), (8, "data")];
            let set = names.iter().filter(|(bit, _)| self.flags & bit != 0);
            let set: Vec<&str> = set.map(|(_, name)| *name).collect();
            format!("TCP {}", set.join(" ")).trim_end().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with this protocol and payload of the transport.
    pub(in super::super) fn frame(protocol: u8, transport: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x81, 0, 0, 7, 8, 0, 0x45]);
        frame.extend([0; 8]);
        frame.push(protocol);
        frame.extend([0, 0, 10, 0, 0, 7, 10, 1, 0, 1]);
        frame.extend(transport);
        frame
    }

    #[test]
    fn addresses_behind_tags() {
        let frame = frame(17, &[]);
        let ends = addresses(&frame).unwrap();
        assert_eq!(ends.map(|a| a.to_string()), ["10.0.0.7", "10.1.0.1"]);
        for len in 0..frame.len() {
            assert_eq!(addresses(&frame[..len]), None, "{len}");
            assert_eq!(Packet::of(&frame[..len]), None, "{len}");
        }
    }

    #[test]
    fn messages_have_their_names() {
        let udp = |payload: &[u8]| frame(17, &[&[6, 183, 6, 183, 0, 0, 0, 0], payload].concat());
        let bytes = udp(&[0x0e, 0x80, 0, 6, 6, 0, 8]);
        let packet = Packet::of(&bytes).unwrap();
        assert_eq!(
            (packet.from.to_string(), packet.to.port()),
            ("10.0.0.7:1719".to_owned(), 1719)
        );
        assert!(packet.message().starts_with("RRQ "), "{}", packet.message());
        assert_eq!(Packet::of(&udp(&[])).unwrap().message(), "UDP");
        let mut tcp = vec![0; 20];
        tcp[13] = 0x12;
        assert_eq!(Packet::of(&frame(6, &tcp)).unwrap().message(), "TCP SYN");
    }
}
