//! The messages of the bench: a real endpoint's keep-alive and a gatekeeper's RCFs to it, made different for each
//! registration by source address, endpointIdentifier and (in RCFs that are all different) alias.

use rasline_datapath::checksum;

/// Keep-alive of an h323plus endpoint, vendor named once (138 octets), endpointIdentifier "AAAAA_e".
const RRQ: &str = "0e402061060008914a00070001000a4d000b06b801000a4d000bb58522c00900003d1048333233506c75732073696d706c6500001a312e32382e30202848333233706c75732076312e32382e3029000000e00050006100720065006e00740047004b000900003d2e0f190201800f0c00410041004100410041005f006501800100010002700001300100";
/// The shortest usual RCF (46 octets).
const SHORT_RCF: &str =
    "1240000a060008914a000600040067006b00310c00410041004100410041005f0065288a00000340012b01000100";
/// GnuGk's RCF with aliases and an alternate gatekeeper (145 octets); h323-ID "conference-room-00-AAAAA".
const LONG_RCF: &str = "12c02060060008914a000701000a4d000106b802401700630060006e0066006500720065006e00630065002d0072006f006f006d002d00300030002d00410041004100410041018083340e0050006100720065006e00740047004b0c00410041004100410041005f0065138b801401400a4d000206b7080041006c00740047004b81020009010001000501400060a00100";
/// Hexadecimal digits (as A to P) of the index, lowest first.
pub const EID_DIGITS: usize = 5;
/// Octets of endpointIdentifier: these and "_e", UTF-16BE.
pub const EID_LEN: usize = 14;
const PORT: u16 = 1719;
/// The gatekeeper's address.
pub const GATEKEEPER: [u8; 4] = [10, 128, 0, 1];
/// The gatekeeper that the zone moves to.
pub const BACKUP: [u8; 4] = [10, 128, 0, 2];
/// Port of call signalling.
pub const CALL_PORT: u16 = 1720;
/// The gateway's MAC on the endpoints' side.
pub const GATEWAY_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// The MAC on the other side.
pub const ENDPOINT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const HEADERS: usize = 42;

/// Which RCFs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rcfs {
    /// One content for all but the endpointIdentifier.
    Shared,
    /// Each with aliases of its own.
    Different,
}

/// What registration 0 sends: the template of all requests.
pub struct Request {
    pub frame: Vec<u8>,
    eid_at: usize,
    /// Digits of the endpointIdentifier to be made different.
    pub digits: usize,
    /// Octet of the frame at which the transport's checksum stands.
    pub check_at: usize,
}

impl Request {
    pub fn new() -> Self {
        let frame = udp(source(0), GATEKEEPER, (PORT, PORT), &rrq(0));
        let eid_at = HEADERS + eid_at(&rrq(0));
        Self {
            frame,
            eid_at,
            digits: EID_DIGITS,
            check_at: 40,
        }
    }
    /// A segment of call signalling with these flags, of which only the source address differs.
    pub fn segment(flags: u8) -> Self {
        Self {
            frame: signalling(flags),
            eid_at: 0,
            digits: 0,
            check_at: 50,
        }
    }
    /// Octet of the frame at which a digit of the endpointIdentifier stands.
    pub fn digit_at(&self, digit: usize) -> usize {
        self.eid_at + 2 * digit + 1
    }
}

/// Source address of a registration.
pub fn source(index: u32) -> [u8; 4] {
    (0x0a00_0000 + index).to_be_bytes()
}

/// The keep-alive of a registration.
pub fn rrq(index: u32) -> Vec<u8> {
    personal(RRQ, index)
}

/// The RCF to it.
pub fn rcf(index: u32, rcfs: Rcfs) -> Vec<u8> {
    personal(
        match rcfs {
            Rcfs::Shared => SHORT_RCF,
            Rcfs::Different => LONG_RCF,
        },
        index,
    )
}

/// Octets of RCF.
pub fn rcf_len(rcfs: Rcfs) -> usize {
    rcf(0, rcfs).len()
}

/// Where the endpointIdentifier stands (behind the last run of digits in these messages stands "_e").
pub fn eid_at(message: &[u8]) -> usize {
    let end = message.windows(4).position(|w| w == [0, b'_', 0, b'e']);
    end.map_or(0, |at| at - 2 * EID_DIGITS)
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// The message with every "AAAAA" replaced by the index.
fn personal(text: &str, index: u32) -> Vec<u8> {
    let mut message = unhex(text);
    let digits: Vec<u8> = (0..EID_DIGITS)
        .flat_map(|d| [0, b'A' + (index >> (4 * d) & 15) as u8])
        .collect();
    let blank: Vec<u8> = [0, b'A'].repeat(EID_DIGITS);
    let mut at = 0;
    while at + digits.len() <= message.len() {
        if message[at..at + digits.len()] == blank {
            message[at..at + digits.len()].copy_from_slice(&digits);
            at += digits.len();
        } else {
            at += 1;
        }
    }
    message
}

/// An IPv4 UDP datagram in a frame, checksums right.
pub fn udp(source: [u8; 4], destination: [u8; 4], ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() + 8) as u16;
    let mut f = ethernet(0x0800);
    f.extend(ipv4(source, destination, 17, len));
    f.extend(ports.0.to_be_bytes());
    f.extend(ports.1.to_be_bytes());
    f.extend(len.to_be_bytes());
    f.extend([0, 0]);
    f.extend(payload);
    let mut pseudo = vec![0, 17];
    pseudo.extend(len.to_be_bytes());
    pseudo.extend(&f[26..]);
    let check = !checksum::sum(&pseudo);
    f[40..42].copy_from_slice(&check.to_ne_bytes());
    f
}

/// A TCP segment of the given family in a frame: nothing of ours.
pub fn tcp(v6: bool) -> Vec<u8> {
    const SEGMENT: u16 = 120;
    let mut f = if v6 {
        let mut f = ethernet(0x86dd);
        f.extend([0x60, 0, 0, 0]);
        f.extend(SEGMENT.to_be_bytes());
        f.extend([6, 64]);
        f.extend([0xfd; 32]);
        f
    } else {
        let mut f = ethernet(0x0800);
        f.extend(ipv4(source(7), GATEKEEPER, 6, SEGMENT));
        f
    };
    f.extend(vec![0x16; usize::from(SEGMENT)]);
    f
}

/// A TCP segment of call signalling, from registration 0 to the gatekeeper, checksums right.
fn signalling(flags: u8) -> Vec<u8> {
    let mut tcp = vec![0x75, 0x30];
    tcp.extend(CALL_PORT.to_be_bytes());
    tcp.extend([
        0, 0, 16, 1, 0, 0, 32, 1, 0x50, flags, 0x72, 0x10, 0, 0, 0, 0,
    ]);
    tcp.extend([0x08; 100]);
    let mut f = ethernet(0x0800);
    f.extend(ipv4(source(0), GATEKEEPER, 6, tcp.len() as u16));
    f.extend(&tcp);
    let mut pseudo = vec![0, 6];
    pseudo.extend((tcp.len() as u16).to_be_bytes());
    pseudo.extend(&f[26..]);
    let check = !checksum::sum(&pseudo);
    f[50..52].copy_from_slice(&check.to_ne_bytes());
    f
}

fn ethernet(ethertype: u16) -> Vec<u8> {
    let mut f = [GATEWAY_MAC, ENDPOINT_MAC].concat();
    f.extend(ethertype.to_be_bytes());
    f
}

fn ipv4(source: [u8; 4], destination: [u8; 4], protocol: u8, len: u16) -> Vec<u8> {
    let mut h = vec![0x45, 0];
    h.extend((len + 20).to_be_bytes());
    h.extend([0x12, 0x34, 0, 0, 63, protocol, 0, 0]);
    h.extend(source);
    h.extend(destination);
    let check = !checksum::sum(&h);
    h[10..12].copy_from_slice(&check.to_ne_bytes());
    h
}
