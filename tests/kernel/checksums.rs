//! The checksums of a frame before and after it was readdressed, and the fragment that would follow one.

use rasline_datapath::checksum;

/// Octet of the IP header.
fn l3_of(frame: &[u8]) -> usize {
    let tag = |at: usize| matches!(frame.get(at..at + 2), Some([0x81, 0] | [0x88, 0xa8]));
    14 + if !tag(12) {
        0
    } else if !tag(16) {
        4
    } else {
        8
    }
}

/// Octets of the IPv6 header, and of the fragment header behind it.
fn headers6(frame: &[u8], l3: usize) -> usize {
    if frame.get(l3 + 6) == Some(&44) {
        48
    } else {
        40
    }
}

/// Whether a frame is a fragment other than the first: its checksums are the IPv4 header's only.
fn is_later(frame: &[u8], l3: usize, v4: bool) -> Option<bool> {
    let at = if v4 { l3 + 6 } else { l3 + 42 };
    let field = u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]);
    Some(if v4 {
        field & 0x1fff != 0
    } else {
        headers6(frame, l3) == 48 && field & 0xfff8 != 0
    })
}

/// Whether a frame is the first fragment of several.
fn is_first(frame: &[u8], l3: usize, v4: bool) -> bool {
    if v4 {
        frame.get(l3 + 6).is_some_and(|flags| flags & 0x20 != 0)
    } else {
        headers6(frame, l3) == 48
    }
}

/// What the checksum of a UDP or TCP header says.
#[derive(Debug, PartialEq, Eq)]
enum Transport {
    /// Nothing: UDP without one, or a fragment without that header.
    Absent,
    /// The pseudo header's sum only: the rest was left to a network card.
    Partial,
    /// Sum of all that it is over, itself included; 0xffff: right.
    Full(u16),
}

/// Sum of the IPv4 header (0 for IPv6), the transport's checksum as it stands, the pseudo header's sum, and the sum of
/// all with it.
struct Sums {
    header: u16,
    carried: Option<u16>,
    pseudo: u16,
    all: u16,
    udp: bool,
    fragment: bool,
}

impl Sums {
    fn of(frame: &[u8]) -> Option<Self> {
        let l3 = l3_of(frame);
        let v4 = frame.get(l3)? >> 4 == 4;
        let header = if v4 {
            checksum::sum(frame.get(l3..l3 + 20)?)
        } else {
            0
        };
        let mut sums = Self {
            header,
            carried: None,
            pseudo: 0,
            all: 0,
            udp: false,
            fragment: is_first(frame, l3, v4),
        };
        if is_later(frame, l3, v4)? {
            return Some(sums);
        }
        let (mut pseudo, datagram) = summed(frame, l3, v4)?;
        sums.udp = pseudo.get(pseudo.len() - 3) == Some(&17);
        let at = if sums.udp { 6 } else { 16 };
        let carried = datagram.get(at..at + 2)?.try_into().ok()?;
        sums.carried = Some(u16::from_ne_bytes(carried));
        sums.pseudo = checksum::sum(&pseudo);
        pseudo.extend(datagram);
        sums.all = checksum::sum(&pseudo);
        Some(sums)
    }

    fn transport(&self) -> Transport {
        match self.carried {
            None => Transport::Absent,
            Some(0) if self.udp => Transport::Absent,
            // Who makes fragments sums the whole before, and a full sum may happen to be the pseudo header's.
            Some(carried) if carried == self.pseudo && self.all != 0xffff && !self.fragment => {
                Transport::Partial
            }
            Some(_) => Transport::Full(self.all),
        }
    }
}

/// The pseudo header, and what follows the IP headers.
fn summed(frame: &[u8], l3: usize, v4: bool) -> Option<(Vec<u8>, &[u8])> {
    let len = |at: usize| {
        Some(usize::from(u16::from_be_bytes([
            *frame.get(at)?,
            *frame.get(at + 1)?,
        ])))
    };
    let (addresses, protocol, l4, end) = if v4 {
        (l3 + 12..l3 + 20, l3 + 9, l3 + 20, l3 + len(l3 + 2)?)
    } else {
        let headers = headers6(frame, l3);
        let protocol = if headers == 48 { l3 + 40 } else { l3 + 6 };
        (
            l3 + 8..l3 + 40,
            protocol,
            l3 + headers,
            l3 + 40 + len(l3 + 4)?,
        )
    };
    let datagram = frame.get(l4..end)?;
    let mut pseudo = frame.get(addresses)?.to_vec();
    pseudo.extend([0, *frame.get(protocol)?]);
    pseudo.extend((datagram.len() as u16).to_be_bytes());
    Some((pseudo, datagram))
}

/// Whether the checksums of a frame that was readdressed are as right or wrong as they were before, each in the form
/// that it had.
pub fn balanced(before: &[u8], after: &[u8]) -> bool {
    let (Some(before), Some(after)) = (Sums::of(before), Sums::of(after)) else {
        return true;
    };
    let transport = match before.transport() {
        Transport::Absent => after.carried.is_none_or(|carried| carried == 0),
        Transport::Partial => after.carried == Some(after.pseudo),
        Transport::Full(sum) => after.transport() != Transport::Absent && after.all == sum,
    };
    before.header == after.header && transport
}

/// The frame as the fragment that would follow it: same addresses and identification, another offset. `None`: it is
/// no fragment.
pub fn following(frame: &[u8]) -> Option<Vec<u8>> {
    let l3 = l3_of(frame);
    let v4 = frame.get(l3)? >> 4 == 4;
    let mut next = frame.to_vec();
    if !is_first(frame, l3, v4) {
        return None;
    }
    let at = if v4 { l3 + 7 } else { l3 + 43 };
    *next.get_mut(at)? ^= 8;
    if v4 {
        next.get_mut(l3 + 10..l3 + 12)?.fill(0);
        let check = !checksum::sum(next.get(l3..l3 + 20)?);
        next[l3 + 10..l3 + 12].copy_from_slice(&check.to_ne_bytes());
    }
    Some(next)
}
