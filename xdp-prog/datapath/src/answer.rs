//! Turns the frame of a keep-alive into its RCF (or the gatekeeper's RCF into the patched one).

use rasline_abi::{MAX_EID, MAX_RCF, RcfTemplate};

use crate::Frame;
use crate::checksum::{fold, halves};
use crate::parse::{Checksum, Packet, UDP};
use crate::ras;
use crate::tables::{Address, Shared, get};

const LENGTH_LIMIT: usize = 512;
/// More than the headers, an RRQ or RCF, and an endpointIdentifier.
const FRAME_LIMIT: usize = 2048;
const EID_LIMIT: usize = 128;
const FRESH_TTL: u64 = 64;

/// The RCF to be written.
pub(crate) struct Rcf {
    /// Its octets.
    pub template: Shared<RcfTemplate>,
    /// Its length.
    pub len: usize,
    /// Sum of its octets, requestSeqNum 0.
    pub sum: u16,
    /// requestSeqNum as on the wire.
    pub seq: u16,
    /// Octet of the frame at which the endpointIdentifier stands now.
    pub eid_from: usize,
    /// Octet of the RCF at which it is to stand.
    pub hole_at: usize,
    /// Its octets; 0: it stands in the RCF template.
    pub hole_len: usize,
}

impl Rcf {
    /// Reads an RCF template; `None`: it cannot be used. `eid_from` is an octet of the frame.
    #[inline(always)]
    pub(crate) fn new<F: Frame>(
        frame: &F,
        template: Shared<RcfTemplate>,
        sum: u16,
        seq: u16,
        eid_from: usize,
    ) -> Option<Self> {
        let len = frame.bounded(usize::from(get!(template, len)), LENGTH_LIMIT);
        let hole_len = frame.bounded(usize::from(get!(template, hole_len)), EID_LIMIT);
        let hole_at = frame.bounded(usize::from(get!(template, hole_at)), LENGTH_LIMIT);
        if !(16..=MAX_RCF).contains(&len) || hole_len > MAX_EID || hole_at + hole_len > len {
            return None;
        }
        if hole_len != 0 && hole_len < 8 {
            return None;
        }
        Some(Self {
            template,
            len,
            sum,
            seq,
            eid_from,
            hole_at,
            hole_len,
        })
    }
}

/// The characters of an endpointIdentifier, kept while the frame is overwritten: whole words, and the last eight.
struct Eid {
    words: [u64; MAX_EID / 8],
    last: u64,
}

impl Eid {
    /// Reads `len` octets: none, or 8..=[`MAX_EID`].
    #[inline(always)]
    fn read<F: Frame>(frame: &mut F, at: usize, len: usize) -> Option<Self> {
        let mut eid = Self {
            words: [0; MAX_EID / 8],
            last: 0,
        };
        if len == 0 {
            return Some(eid);
        }
        let end = frame.bounded(len, EID_LIMIT);
        for (i, word) in eid.words.iter_mut().enumerate() {
            if 8 * i + 8 > end {
                break;
            }
            *word = frame.u64(at + 8 * i)?;
        }
        frame.renew();
        eid.last = frame.u64(frame.bounded(at + len - 8, FRAME_LIMIT))?;
        Some(eid)
    }

    /// Writes them as they were read.
    #[inline(always)]
    fn write<F: Frame>(&self, frame: &mut F, at: usize, len: usize) -> Option<()> {
        if len == 0 {
            return Some(());
        }
        let end = frame.bounded(len, EID_LIMIT);
        for (i, word) in self.words.iter().enumerate() {
            if 8 * i + 8 > end {
                break;
            }
            frame.set_u64(at + 8 * i, *word)?;
        }
        frame.renew();
        frame.set_u64(frame.bounded(at + len - 8, FRAME_LIMIT), self.last)
    }
}

/// Answers: the frame becomes the RCF on its way back. `None`, and nothing changed: no room.
#[inline(always)]
pub(crate) fn answer<F: Frame>(frame: &mut F, packet: &Packet, rcf: &Rcf) -> Option<()> {
    let eid = Eid::read(frame, rcf.eid_from, rcf.hole_len)?;
    frame.resize(packet.payload + rcf.len)?;
    turn(
        frame,
        packet,
        rcf.len,
        u64::from(rcf.sum) + u64::from(rcf.seq),
    )?;
    payload(frame, packet.payload, rcf, &eid)
}

/// Puts the RCF in the place of another one; addresses, ports and hop limit stay. `None`: no room.
#[inline(always)]
pub(crate) fn substitute<F: Frame>(
    frame: &mut F,
    packet: &Packet,
    rcf: &Rcf,
    checksum: Checksum,
) -> Option<()> {
    let eid = Eid::read(frame, rcf.eid_from, rcf.hole_len)?;
    frame.resize(packet.payload + rcf.len)?;
    if packet.v6 {
        frame.set_u16(packet.l3 + 4, (rcf.len as u16 + 8).to_be())?;
    } else {
        let total = (rcf.len as u16 + 28).to_be();
        let old = frame.u16(packet.l3 + 2)?;
        let check = frame.u16(packet.l3 + 10)?;
        // RFC 1624, equation 3.
        let sum = u64::from(!check) + u64::from(!old) + u64::from(total);
        frame.set_u16(packet.l3 + 2, total)?;
        frame.set_u16(packet.l3 + 10, !fold(sum))?;
    }
    let sum = u64::from(rcf.sum) + u64::from(rcf.seq);
    udp(frame, packet, rcf.len, sum, checksum, false)?;
    payload(frame, packet.payload, rcf, &eid)
}

/// Turns the headers round for a datagram back to its sender, with `len` octets of payload whose sum is `sum`.
#[inline(always)]
pub(crate) fn turn<F: Frame>(frame: &mut F, packet: &Packet, len: usize, sum: u64) -> Option<()> {
    swap_macs(frame)?;
    let ends = (packet.destination, packet.source);
    ip(frame, packet.l3, packet.v6, ends, UDP, len as u16 + 8)?;
    udp(frame, packet, len, sum, Checksum::Full, true)
}

#[inline(always)]
pub(crate) fn swap_macs<F: Frame>(frame: &mut F) -> Option<()> {
    let (a, b, c) = (frame.u32(0)?, frame.u32(4)?, frame.u32(8)?);
    // destination = a, low half of b; source = high half of b, c
    let source_low = (b >> 16) | (c << 16);
    let source_high = c >> 16;
    frame.set_u32(0, source_low)?;
    frame.set_u32(4, source_high | (a << 16))?;
    frame.set_u32(8, (a >> 16) | (b << 16))
}

/// Writes a fresh IP header, of the traffic class that it has.
#[inline(always)]
pub(crate) fn ip<F: Frame>(
    frame: &mut F,
    l3: usize,
    v6: bool,
    (source, destination): (Address, Address),
    protocol: u8,
    l4_len: u16,
) -> Option<()> {
    let protocol = u64::from(protocol);
    if v6 {
        let start = u64::from(frame.u32(l3)?);
        let len = u64::from(l4_len.to_be());
        frame.set_u64(l3, start | len << 32 | protocol << 48 | FRESH_TTL << 56)?;
        frame.set_u64(l3 + 8, source[0])?;
        frame.set_u64(l3 + 16, source[1])?;
        frame.set_u64(l3 + 24, destination[0])?;
        return frame.set_u64(l3 + 32, destination[1]);
    }
    let start = u64::from(frame.u16(l3)?) | u64::from((l4_len + 20).to_be()) << 16;
    // Identification 0 and don't-fragment (RFC 6864: an atomic datagram), fresh TTL.
    let middle = u64::from(0x4000u16.to_be()) << 16 | FRESH_TTL << 32 | protocol << 40;
    let (source, destination) = (source[1] >> 32, destination[1] >> 32);
    let check = !fold(start + halves(middle) + source + destination);
    frame.set_u32(l3, start as u32)?;
    frame.set_u64(l3 + 4, middle | u64::from(check) << 48)?;
    frame.set_u32(l3 + 12, source as u32)?;
    frame.set_u32(l3 + 16, destination as u32)
}

/// Writes the UDP header; `sum` is that of the `len` octets of payload.
#[inline(always)]
fn udp<F: Frame>(
    frame: &mut F,
    packet: &Packet,
    len: usize,
    sum: u64,
    checksum: Checksum,
    swap: bool,
) -> Option<()> {
    let l4 = packet.payload - 8;
    let udp_len = (len as u16 + 8).to_be();
    let (source, destination) = if swap {
        (packet.destination_port, packet.source_port)
    } else {
        (packet.source_port, packet.destination_port)
    };
    let pseudo = packet.pseudo(len);
    let check = match checksum {
        Checksum::Partial => fold(pseudo),
        Checksum::Full => {
            let ports = u64::from(source) + u64::from(destination);
            match !fold(pseudo + u64::from(udp_len) + ports + sum) {
                0 => 0xffff,
                check => check,
            }
        }
    };
    let ports = u64::from(source) | u64::from(destination) << 16;
    frame.set_u64(
        l4,
        ports | u64::from(udp_len) << 32 | u64::from(check) << 48,
    )
}

/// Writes the RCF: whole words, the last one overlapping, then what differs.
#[inline(always)]
fn payload<F: Frame>(frame: &mut F, at: usize, rcf: &Rcf, eid: &Eid) -> Option<()> {
    let len = rcf.len;
    let end = frame.bounded(len, LENGTH_LIMIT);
    for i in 0..MAX_RCF / 8 {
        if 8 * i + 8 > end {
            break;
        }
        frame.set_u64(at + 8 * i, word(rcf.template, 8 * i)?)?;
    }
    frame.renew();
    let last = frame.bounded(len - 8, LENGTH_LIMIT);
    frame.set_u64(at + last, word(rcf.template, last)?)?;
    frame.set_u16(at + ras::SEQ_AT, rcf.seq)?;
    eid.write(frame, at + rcf.hole_at, rcf.hole_len)
}

/// Eight octets of an RCF template's RCF.
#[inline(always)]
pub(crate) fn word(rcf_template: Shared<RcfTemplate>, at: usize) -> Option<u64> {
    if at > MAX_RCF {
        return None;
    }
    // SAFETY: `at` is at most MAX_RCF, and the array is 8 octets longer (PROFILE_BYTES).
    #[allow(unsafe_code, clippy::cast_ptr_alignment)]
    let p = unsafe {
        core::ptr::addr_of!((*rcf_template.ptr()).rcf)
            .cast::<u8>()
            .add(at)
            .cast::<u64>()
    };
    // SAFETY: as above. The kernel's machine code loads unaligned words at once.
    #[allow(unsafe_code)]
    Some(unsafe {
        if cfg!(target_arch = "bpf") {
            *p
        } else {
            p.read_unaligned()
        }
    })
}
