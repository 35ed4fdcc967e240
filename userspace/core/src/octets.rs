//! Raw messages as the kernel compares them.

use std::time::Duration;

/// Where requestSeqNum stands in RRQ and RCF.
const SEQ: std::ops::Range<usize> = 2..4;
/// Shortest RRQ and RCF that the kernel knows; longest ones.
pub(crate) const RRQ: std::ops::RangeInclusive<usize> = 12..=512;
/// As [`RRQ`].
pub(crate) const RCF: std::ops::RangeInclusive<usize> = 16..=480;

/// Longest endpointIdentifier that the kernel knows, in octets of UTF-16.
pub(crate) const EID: usize = 64;

/// Longest full RRQ that is kept: one that travels unfragmented.
pub(crate) const FULL_RRQ: usize = 1472;

/// A full RRQ with requestSeqNum zeroed, if it is short enough to be kept.
pub(crate) fn full(message: &[u8]) -> Option<Box<[u8]>> {
    if message.len() > FULL_RRQ {
        return None;
    }
    let mut octets = Box::<[u8]>::from(message);
    octets.get_mut(SEQ)?.fill(0);
    Some(octets)
}

/// The message with requestSeqNum zeroed; what a slot cannot hold is cut off one octet behind its limit, so that its
/// length still shows that it is too long.
pub(crate) fn masked(message: &[u8]) -> Box<[u8]> {
    let mut octets = message[..message.len().min(RRQ.end() + 1)].to_vec();
    if let Some(seq) = octets.get_mut(SEQ) {
        seq.fill(0);
    }
    octets.into()
}

/// UTF-16BE, as it stands on the wire.
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// Whole seconds, at least one, as timeToLive counts.
pub(crate) fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX).max(1)
}

/// The RCF that the endpoint gets, if it is to be another than the gatekeeper's.
pub(crate) fn patched(
    rcf: &[u8],
    gatekeeper_ttl: Option<u32>,
    endpoint_ttl: Option<Duration>,
) -> Option<Vec<u8>> {
    let wanted = seconds(endpoint_ttl?);
    if gatekeeper_ttl? <= wanted {
        return None;
    }
    rasline_h225::patch::rcf_time_to_live(rcf, wanted).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_only_the_number() {
        assert_eq!(*masked(&[1, 2, 3, 4, 5]), [1, 2, 0, 0, 5]);
        assert_eq!(*masked(&[1, 2, 3]), [1, 2, 3]);
        assert_eq!(masked(&[7; 2048]).len(), 513);
    }

    #[test]
    fn seconds_are_at_least_one() {
        assert_eq!(seconds(Duration::from_millis(20)), 1);
        assert_eq!(seconds(Duration::from_millis(5900)), 5);
        assert_eq!(seconds(Duration::MAX), u32::MAX);
    }

    #[test]
    fn identifiers_are_big_endian() {
        assert_eq!(utf16("0_"), [0, b'0', 0, b'_']);
    }
}
