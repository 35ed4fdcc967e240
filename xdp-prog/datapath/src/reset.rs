//! The RST that answers a segment of a connection that is lost.

use rasline_abi::Counter;

use crate::checksum::{fold, halves};
use crate::parse::{ACK, FIN, RST, SYN, Segment, TCP};
use crate::{Frame, Verdict, answer};

/// Octets of a TCP header without options.
const TCP_HEADER: usize = 20;

/// Turns a segment into the RST that answers it (RFC 9293, 3.10.7.1); one that is a RST itself passes.
#[inline(always)]
pub(crate) fn reset<F: Frame>(frame: &mut F, segment: &Segment) -> Verdict {
    if segment.flags & RST != 0 {
        return Verdict::Pass(Counter::PassSignalling);
    }
    match write_reset(frame, segment) {
        Some(()) => Verdict::Reset,
        None => Verdict::Pass(Counter::PassNoRoom),
    }
}

#[inline(always)]
fn write_reset<F: Frame>(frame: &mut F, segment: &Segment) -> Option<()> {
    let (l3, l4) = (segment.l3, segment.l4);
    let numbers = frame.u64(l4 + 4)?;
    let (seq, ack) = (numbers as u32, (numbers >> 32) as u32);
    let (seq, ack, flags) = if segment.flags & ACK != 0 {
        (ack, 0, RST)
    } else {
        let taken = segment.payload_len as u32
            + u32::from(segment.flags & SYN != 0)
            + u32::from(segment.flags & FIN != 0);
        (0, u32::from_be(seq).wrapping_add(taken).to_be(), RST | ACK)
    };
    frame.resize(l4 + TCP_HEADER)?;
    answer::swap_macs(frame)?;
    let ends = (segment.destination, segment.source);
    answer::ip(frame, l3, segment.v6, ends, TCP, TCP_HEADER as u16)?;
    let ports = u64::from(segment.destination_port) | u64::from(segment.source_port) << 16;
    let first = ports | u64::from(seq) << 32;
    // Header length 5 words; window 0.
    let second = u64::from(ack) | 0x50 << 32 | u64::from(flags) << 40;
    let pseudo = halves(ends.0[0])
        + halves(ends.0[1])
        + halves(ends.1[0])
        + halves(ends.1[1])
        + u64::from((TCP_HEADER as u16).to_be())
        + u64::from(u16::from(TCP).to_be());
    let check = !fold(pseudo + halves(first) + halves(second));
    frame.set_u64(l4, first)?;
    frame.set_u64(l4 + 8, second)?;
    frame.set_u32(l4 + 16, u32::from(check))
}
