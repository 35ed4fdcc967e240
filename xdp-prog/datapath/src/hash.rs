//! The keyed fingerprint of a keep-alive, and where its slot stands.
//!
//! Fingerprint: two independent passes of Multilinear-HM (Lemire and Kaser, "Strongly universal string hashing is
//! fast", 2014): `k + sum (k[2i] + lo(w[i])) * (k[2i+1] + hi(w[i]))` modulo 2^64, upper 32 bits. Each pass is
//! strongly universal, so two different messages of one length agree with probability 2^-64 over the keys.

use rasline_abi::{HASH_KEYS, MAX_RRQ, SPREAD};

/// requestSeqNum's octets (2 and 3) in the first eight octets of a message.
pub const SEQ_MASK: u64 = 0xffff_0000;

/// Sums of both passes, before [`Passes::finish`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Passes(pub u64, pub u64);

impl Passes {
    /// Adds one word with its four keys.
    #[inline(always)]
    pub fn add(&mut self, word: u64, k: [u64; 4]) {
        let (lo, hi) = (word & 0xffff_ffff, word >> 32);
        self.0 = self
            .0
            .wrapping_add(k[0].wrapping_add(lo).wrapping_mul(k[1].wrapping_add(hi)));
        self.1 = self
            .1
            .wrapping_add(k[2].wrapping_add(lo).wrapping_mul(k[3].wrapping_add(hi)));
    }

    /// The fingerprint.
    #[inline(always)]
    #[must_use]
    pub fn finish(self, k: [u64; 2]) -> u64 {
        let (a, b) = (self.0.wrapping_add(k[0]), self.1.wrapping_add(k[1]));
        (a & 0xffff_ffff_0000_0000) | (b >> 32)
    }
}

/// Fingerprint of a message of 8 to [`MAX_RRQ`] octets, whose requestSeqNum counts as zero.
///
/// # Panics
/// If the message is shorter or longer.
#[must_use]
pub fn fingerprint(keys: &[u64; HASH_KEYS], message: &[u8]) -> u64 {
    assert!((8..=MAX_RRQ).contains(&message.len()));
    let mut passes = Passes::default();
    for (i, chunk) in message.chunks(8).enumerate() {
        let mut octets = [0; 8];
        octets[..chunk.len()].copy_from_slice(chunk);
        let word = u64::from_le_bytes(octets) & if i == 0 { !SEQ_MASK } else { !0 };
        passes.add(
            word,
            [
                keys[4 * i],
                keys[4 * i + 1],
                keys[4 * i + 2],
                keys[4 * i + 3],
            ],
        );
    }
    passes.finish([keys[HASH_KEYS - 2], keys[HASH_KEYS - 1]])
}

/// Upper half of a keyed mix of address and port.
#[inline(always)]
#[must_use]
pub fn place(address: [u64; 2], port: u16, k: [u64; 6]) -> u32 {
    let mut passes = Passes::default();
    passes.add(address[0], [k[0], k[1], 0, 0]);
    passes.add(address[1], [k[2], k[3], 0, 0]);
    passes.0 = passes
        .0
        .wrapping_add(k[4].wrapping_add(u64::from(port)).wrapping_mul(k[5] | 1));
    (passes.0 >> 32) as u32
}

/// First slot of an address and port (octets as on the wire).
#[must_use]
pub fn home(keys: &[u64; HASH_KEYS], slot_mask: u32, address: &[u8; 16], port: [u8; 2]) -> u32 {
    placed(keys, 0, address, port) & slot_mask
}

/// [`place`] with the six keys from `first` on.
fn placed(keys: &[u64; HASH_KEYS], first: usize, address: &[u8; 16], port: [u8; 2]) -> u32 {
    let half = |at: usize| {
        let mut octets = [0; 8];
        octets.copy_from_slice(&address[at..at + 8]);
        u64::from_ne_bytes(octets)
    };
    let k = core::array::from_fn(|i| keys[first + i]);
    place([half(0), half(8)], u16::from_ne_bytes(port), k)
}

/// Where the sign of life of an address and port (octets as on the wire) is noted, and the check that it carries.
#[must_use]
pub fn seen(
    keys: &[u64; HASH_KEYS],
    slot_mask: u32,
    address: &[u8; 16],
    port: [u8; 2],
) -> (u32, u32) {
    let check = placed(keys, 6, address, port) | 1;
    (home(keys, slot_mask, address, port), check)
}

/// How many slots after [`home`] the search for a fingerprint starts.
#[inline(always)]
#[must_use]
pub const fn spread(fingerprint: u64) -> u32 {
    fingerprint as u32 & (SPREAD - 1)
}

/// `refresh_every` less up to an eighth, so that registrations learned together are not refreshed together.
#[inline(always)]
#[must_use]
pub const fn refresh_after(refresh_every: u32, fingerprint: u64) -> u32 {
    refresh_every - ((refresh_every as u64 * ((fingerprint >> 24) & 0xff)) >> 11) as u32
}
