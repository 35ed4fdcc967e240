//! Captured messages, and encoding as done by the stacks that sent them.

use std::net::IpAddr;
use std::sync::LazyLock;

use rasline_h225::{RasMessage, decode_ras};
use rasn::types::OctetString;

use crate::messages::{encode, unhex};

/// A captured message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Frame number in the capture.
    pub number: u32,
    /// Source address.
    pub from: IpAddr,
    /// The message.
    pub octets: Vec<u8>,
}

macro_rules! captures {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../../../tests/vectors/", $name, ".txt")))),*]
    };
}

type Capture = (&'static str, Vec<Frame>);

static CAPTURES: LazyLock<Vec<Capture>> = LazyLock::new(|| {
    captures!["ab-child-ttl10" "ab-ep-ttl10" "b-child-h235" "b-child-ttl120-ratchet" "c-unregister"
        "d-rrj-fullreg" "e-routed-call" "f-failover" "g-ipv6-child" "k-keepalive-variants"
        "signalling/routed-tunnelled" "signalling/routed-fast-start"]
    .map(|(name, text)| (name, frames(text)))
    .into()
});

/// All messages of a capture, by the name of its file in `tests/vectors`.
///
/// # Panics
/// When there is no capture of that name.
#[must_use]
pub fn capture(name: &str) -> &'static [Frame] {
    let found = CAPTURES.iter().find(|(one, _)| *one == name);
    &found.unwrap_or_else(|| panic!("no capture {name}")).1
}

/// One message of a capture.
///
/// # Panics
/// When there is no frame of that number.
#[must_use]
pub fn frame(name: &str, number: u32) -> &'static Frame {
    let found = capture(name).iter().find(|one| one.number == number);
    found.unwrap_or_else(|| panic!("no frame {number} in {name}"))
}

/// One message of a capture, decoded.
pub(super) fn template(name: &str, number: u32) -> RasMessage {
    decode_ras(&frame(name, number).octets).expect("a real message decodes")
}

/// `# NAME, frame N, from IP: ...`, then the octets.
fn frames(text: &str) -> Vec<Frame> {
    let mut all = Vec::new();
    let mut from = None;
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            from = origin(comment);
        } else if let Some((number, from)) = from {
            all.push(Frame {
                number,
                from,
                octets: unhex(line),
            });
        }
    }
    all
}

fn origin(comment: &str) -> Option<(u32, IpAddr)> {
    let (_, rest) = comment.split_once("frame ")?;
    let (number, rest) = rest.split_once(", from ")?;
    let (from, _) = rest.split_once(": ")?;
    Some((number.parse().ok()?, from.parse().ok()?))
}

/// Encodes a request and cuts its extension bitmap after the last addition present, as real stacks do.
pub(super) fn encode_cut(message: &RasMessage) -> Vec<u8> {
    let full = encode(message);
    match bitmap_at(message, &full) {
        Some(at) => cut(&full, at),
        None => full,
    }
}

/// Position of the extension bitmap of a request, in bits: encodings with and without one addition, whose place in the
/// bitmap is known, first differ in its bit there.
fn bitmap_at(message: &RasMessage, full: &[u8]) -> Option<usize> {
    let mut other = message.clone();
    let place = match &mut other {
        RasMessage::GatekeeperRequest(grq) => {
            grq.supports_assigned_gk = None;
            10
        }
        RasMessage::RegistrationRequest(rrq) => {
            rrq.keep_alive = None;
            5
        }
        RasMessage::UnregistrationRequest(urq) => {
            // Taking away its only addition would take the bitmap away.
            urq.alternate_endpoints = Some(rasline_h225::types::List::default());
            0
        }
        RasMessage::AdmissionRequest(arq) => {
            arq.can_map_alias = None;
            0
        }
        RasMessage::DisengageRequest(drq) => {
            drq.call_identifier = None;
            0
        }
        RasMessage::InfoRequestResponse(irr) => {
            irr.need_response = None;
            3
        }
        _ => return None,
    };
    let other = encode(&other);
    let octet = (0..full.len()).find(|&i| full.get(i) != other.get(i))?;
    let differing = full[octet] ^ other.get(octet)?;
    (octet * 8 + differing.leading_zeros() as usize).checked_sub(place)
}

/// The bitmap begins at this bit, six bits of its length less one before it.
fn cut(full: &[u8], at: usize) -> Vec<u8> {
    let bit = |i: usize| full[i / 8] >> (7 - i % 8) & 1 == 1;
    let length = 1 + (at - 6..at).fold(0, |sum, i| sum * 2 + usize::from(bit(i)));
    let last = (0..length).rfind(|&i| bit(at + i)).unwrap_or(0);
    let mut bits: Vec<bool> = (0..at - 6).map(bit).collect();
    bits.extend((0..6).rev().map(|i| last >> i & 1 == 1));
    bits.extend((0..=last).map(|i| bit(at + i)));
    let mut octets: Vec<u8> = bits
        .chunks(8)
        .map(|eight| {
            let value = eight.iter().fold(0, |sum, &one| sum << 1 | u8::from(one));
            value << (8 - eight.len())
        })
        .collect();
    octets.extend_from_slice(&full[(at + length).div_ceil(8)..]);
    octets
}

/// 16 octets as GUID.
pub(super) fn guid(octets: [u8; 16]) -> OctetString {
    OctetString::from(octets.to_vec())
}
