//! Internet checksum (RFC 1071) on numbers as they lie in memory.

/// Folds a sum of 16-bit words to 16 bits.
#[inline(always)]
#[must_use]
pub const fn fold(sum: u64) -> u16 {
    let s = (sum & 0xffff_ffff) + (sum >> 32);
    let s = (s & 0xffff) + (s >> 16);
    let s = (s & 0xffff) + (s >> 16);
    let s = (s & 0xffff) + (s >> 16);
    s as u16
}

/// The two halves of eight octets, to be added to a sum.
#[inline(always)]
#[must_use]
pub const fn halves(word: u64) -> u64 {
    (word & 0xffff_ffff) + (word >> 32)
}

/// Ones' complement sum of octets that start at an even offset; an odd last one is padded with zero.
#[must_use]
pub fn sum(octets: &[u8]) -> u16 {
    let mut total = 0u64;
    for pair in octets.chunks(2) {
        total += u64::from(u16::from_ne_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    }
    fold(total)
}
