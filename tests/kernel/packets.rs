//! Frames from their parts, checksums right: what the data path made of a frame is compared with one that was made
//! anew.

use rasline_datapath::checksum;

use super::{CALL_PORT, ENDPOINT, ENDPOINT6, GATEKEEPER, PORT, gatekeeper6};

/// A UDP datagram in a frame.
#[derive(Clone)]
pub struct Datagram {
    pub vlan: Vec<(u16, u16)>,
    pub source: [u8; 16],
    pub destination: [u8; 16],
    pub ports: (u16, u16),
    pub ttl: u8,
    pub payload: Vec<u8>,
}

/// A TCP segment in a frame.
#[derive(Clone)]
pub struct Segment {
    pub vlan: Vec<(u16, u16)>,
    pub source: [u8; 16],
    pub destination: [u8; 16],
    pub ports: (u16, u16),
    pub ttl: u8,
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    /// Whole words.
    pub options: Vec<u8>,
    pub window: u16,
    pub payload: Vec<u8>,
}

/// The MAC addresses of a frame that comes in.
pub const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
/// The same, turned round.
const TURNED: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

pub fn is_v4(address: &[u8; 16]) -> bool {
    address[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
}

/// Sum of the pseudo header.
fn pseudo(source: &[u8; 16], destination: &[u8; 16], protocol: u8, len: usize) -> Vec<u8> {
    let from = if is_v4(source) { 12 } else { 0 };
    let mut pseudo = source[from..].to_vec();
    pseudo.extend(&destination[from..]);
    pseudo.extend([0, protocol]);
    pseudo.extend((len as u16).to_be_bytes());
    pseudo
}

/// Headers up to the IP one around `l4`, whose checksum at `check_at` is written.
fn around(
    vlan: &[(u16, u16)],
    (source, destination): ([u8; 16], [u8; 16]),
    ttl: u8,
    protocol: u8,
    mut l4: Vec<u8>,
    check_at: usize,
) -> Vec<u8> {
    let mut f = MACS.to_vec();
    for (ethertype, tag) in vlan {
        f.extend(ethertype.to_be_bytes());
        f.extend(tag.to_be_bytes());
    }
    let len = l4.len() as u16;
    if is_v4(&source) {
        f.extend([8, 0]);
        let at = f.len();
        f.extend([0x45, 0]);
        f.extend((len + 20).to_be_bytes());
        f.extend([0x12, 0x34, 0, 0, ttl, protocol, 0, 0]);
        f.extend(&source[12..]);
        f.extend(&destination[12..]);
        let check = !checksum::sum(&f[at..]);
        f[at + 10..at + 12].copy_from_slice(&check.to_ne_bytes());
    } else {
        f.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        f.extend(len.to_be_bytes());
        f.extend([protocol, ttl]);
        f.extend(source);
        f.extend(destination);
    }
    let mut summed = pseudo(&source, &destination, protocol, l4.len());
    summed.extend(&l4);
    let check = match !checksum::sum(&summed) {
        0 if protocol == 17 => 0xffff,
        check => check,
    };
    l4[check_at..check_at + 2].copy_from_slice(&check.to_ne_bytes());
    f.extend(l4);
    f
}

/// The frame that answers one: MACs turned round, IP identification 0, don't fragment.
fn turned(mut f: Vec<u8>, v4: bool, tags: usize) -> Vec<u8> {
    f[..12].copy_from_slice(&TURNED);
    if v4 {
        let at = 14 + 4 * tags;
        f[at + 4..at + 8].copy_from_slice(&[0, 0, 0x40, 0]);
        f[at + 10..at + 12].fill(0);
        let check = !checksum::sum(&f[at..at + 20]);
        f[at + 10..at + 12].copy_from_slice(&check.to_ne_bytes());
    }
    f
}

/// Puts the pseudo header's sum into a checksum, as a sender does that leaves the rest to its network card.
fn offload(mut f: Vec<u8>, l4: usize, at: usize, pseudo: &[u8]) -> Vec<u8> {
    f[l4 + at..l4 + at + 2].copy_from_slice(&checksum::sum(pseudo).to_ne_bytes());
    f
}

/// A fragment of IPv4: the headers of the whole, octet and more, what is in it.
fn fragment_v4(
    headers: &[u8],
    (offset, more): (u16, bool),
    identification: u16,
    part: &[u8],
) -> Vec<u8> {
    let mut f = headers.to_vec();
    let at = f.len() - 20;
    let field = (offset / 8) | (u16::from(more) << 13);
    f[at + 2..at + 4].copy_from_slice(&(20 + part.len() as u16).to_be_bytes());
    f[at + 4..at + 6].copy_from_slice(&identification.to_be_bytes());
    f[at + 6..at + 8].copy_from_slice(&field.to_be_bytes());
    f[at + 10..at + 12].fill(0);
    let check = !checksum::sum(&f[at..]);
    f[at + 10..at + 12].copy_from_slice(&check.to_ne_bytes());
    f.extend(part);
    f
}

/// The same of IPv6 (RFC 8200, 4.5).
fn fragment_v6(
    headers: &[u8],
    (offset, more): (u16, bool),
    identification: u32,
    part: &[u8],
) -> Vec<u8> {
    let mut f = headers.to_vec();
    let at = f.len() - 40;
    f[at + 4..at + 6].copy_from_slice(&(8 + part.len() as u16).to_be_bytes());
    let next = std::mem::replace(&mut f[at + 6], 44);
    f.extend([next, 0]);
    f.extend((offset | u16::from(more)).to_be_bytes());
    f.extend(identification.to_be_bytes());
    f.extend(part);
    f
}

impl Datagram {
    /// From the endpoint to its gatekeeper.
    pub fn up(payload: &[u8]) -> Self {
        Self {
            vlan: vec![],
            source: ENDPOINT(),
            destination: GATEKEEPER(),
            ports: (PORT, PORT),
            ttl: 63,
            payload: payload.to_vec(),
        }
    }
    /// From the gatekeeper to the endpoint.
    pub fn down(payload: &[u8]) -> Self {
        Self {
            source: GATEKEEPER(),
            destination: ENDPOINT(),
            ..Self::up(payload)
        }
    }
    /// The same to another address.
    pub fn to(&self, destination: [u8; 16]) -> Self {
        Self {
            destination,
            ..self.clone()
        }
    }
    /// The same from another address.
    pub fn from(&self, source: [u8; 16]) -> Self {
        Self {
            source,
            ..self.clone()
        }
    }
    /// The same over IPv6.
    pub fn ipv6(mut self) -> Self {
        let (endpoint, gatekeeper) = (ENDPOINT6(), gatekeeper6());
        let up = self.destination == GATEKEEPER();
        (self.source, self.destination) = if up {
            (endpoint, gatekeeper)
        } else {
            (gatekeeper, endpoint)
        };
        self
    }
    /// With VLAN tags, outermost first.
    pub fn tagged(mut self, tags: &[(u16, u16)]) -> Self {
        self.vlan = tags.to_vec();
        self
    }
    pub fn is_v4(&self) -> bool {
        is_v4(&self.source)
    }
    /// Octet of the UDP header.
    pub fn l4(&self) -> usize {
        14 + 4 * self.vlan.len() + if self.is_v4() { 20 } else { 40 }
    }

    /// The frame, checksums right.
    pub fn frame(&self) -> Vec<u8> {
        let mut udp = vec![];
        udp.extend(self.ports.0.to_be_bytes());
        udp.extend(self.ports.1.to_be_bytes());
        udp.extend((self.payload.len() as u16 + 8).to_be_bytes());
        udp.extend([0, 0]);
        udp.extend(&self.payload);
        let ends = (self.source, self.destination);
        around(&self.vlan, ends, self.ttl, 17, udp, 6)
    }

    /// The frames of its fragments, of `size` octets of the datagram each (a multiple of 8).
    pub fn fragments(&self, size: usize, identification: u32) -> Vec<Vec<u8>> {
        let (frame, l4) = (self.frame(), self.l4());
        let parts = frame[l4..].chunks(size);
        let last = parts.len() - 1;
        let of = |(i, part): (usize, &[u8])| {
            let (offset, more) = ((i * size) as u16, i < last);
            if self.is_v4() {
                fragment_v4(&frame[..l4], (offset, more), identification as u16, part)
            } else {
                fragment_v6(&frame[..l4], (offset, more), identification, part)
            }
        };
        parts.enumerate().map(of).collect()
    }

    /// The frame with only the pseudo header's sum for a checksum.
    pub fn offloaded(&self) -> Vec<u8> {
        let len = self.payload.len() + 8;
        let pseudo = pseudo(&self.source, &self.destination, 17, len);
        offload(self.frame(), self.l4(), 6, &pseudo)
    }

    /// The frame without a UDP checksum.
    pub fn unsummed(&self) -> Vec<u8> {
        let mut f = self.frame();
        f[self.l4() + 6..self.l4() + 8].fill(0);
        f
    }

    /// The datagram that comes back: addresses and ports swapped, TTL fresh, identification 0, don't fragment.
    pub fn reply(&self, payload: &[u8]) -> Vec<u8> {
        let back = Self {
            vlan: self.vlan.clone(),
            source: self.destination,
            destination: self.source,
            ports: (self.ports.1, self.ports.0),
            ttl: 64,
            payload: payload.to_vec(),
        };
        turned(back.frame(), self.is_v4(), self.vlan.len())
    }
}

impl Segment {
    /// From the endpoint to its gatekeeper, with these flags.
    pub fn up(flags: u8) -> Self {
        Self {
            vlan: vec![],
            source: ENDPOINT(),
            destination: GATEKEEPER(),
            ports: (30_000, CALL_PORT),
            ttl: 63,
            seq: 0x8000_1000,
            ack: 0x1234_5678,
            flags,
            options: vec![],
            window: 0x7210,
            payload: vec![],
        }
    }
    /// The same to another address.
    pub fn to(&self, destination: [u8; 16]) -> Self {
        Self {
            destination,
            ..self.clone()
        }
    }
    /// With these octets.
    pub fn with(&self, payload: &[u8]) -> Self {
        Self {
            payload: payload.to_vec(),
            ..self.clone()
        }
    }
    /// From that gatekeeper to the endpoint, with these flags.
    pub fn back(&self, source: [u8; 16], flags: u8) -> Self {
        Self {
            source,
            destination: self.source,
            ports: (self.ports.1, self.ports.0),
            flags,
            ..self.clone()
        }
    }
    /// Octet of the TCP header.
    pub fn l4(&self) -> usize {
        14 + 4 * self.vlan.len() + if is_v4(&self.source) { 20 } else { 40 }
    }

    /// The frame, checksums right.
    pub fn frame(&self) -> Vec<u8> {
        let mut tcp = vec![];
        tcp.extend(self.ports.0.to_be_bytes());
        tcp.extend(self.ports.1.to_be_bytes());
        tcp.extend(self.seq.to_be_bytes());
        tcp.extend(self.ack.to_be_bytes());
        tcp.push((5 + self.options.len() as u8 / 4) << 4);
        tcp.push(self.flags);
        tcp.extend(self.window.to_be_bytes());
        tcp.extend([0, 0, 0, 0]);
        tcp.extend(&self.options);
        tcp.extend(&self.payload);
        let ends = (self.source, self.destination);
        around(&self.vlan, ends, self.ttl, 6, tcp, 16)
    }

    /// The frame with only the pseudo header's sum for a checksum.
    pub fn offloaded(&self) -> Vec<u8> {
        let len = 20 + self.options.len() + self.payload.len();
        let pseudo = pseudo(&self.source, &self.destination, 6, len);
        offload(self.frame(), self.l4(), 16, &pseudo)
    }

    /// The RST that answers this segment, by RFC 9293, 3.10.7.1.
    pub fn reset(&self) -> Vec<u8> {
        const ACK: u8 = 16;
        let taken =
            self.payload.len() as u32 + u32::from(self.flags & 1) + u32::from(self.flags >> 1 & 1);
        let (seq, ack, flags) = if self.flags & ACK == 0 {
            (0, self.seq.wrapping_add(taken), 4 | ACK)
        } else {
            (self.ack, 0, 4)
        };
        let rst = Self {
            seq,
            ack,
            flags,
            options: vec![],
            payload: vec![],
            window: 0,
            ttl: 64,
            ..self.back(self.destination, 0)
        };
        turned(rst.frame(), is_v4(&self.source), self.vlan.len())
    }
}
