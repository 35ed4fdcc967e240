//! Access to a frame's octets. Numbers are read and written as they lie in memory (little endian machine, octets
//! in wire order); an access outside the frame gives `None`.

use crate::checksum::{fold, halves};

/// A frame that can be read, written, and cut or lengthened at its end.
pub trait Frame {
    /// Octets that can be accessed.
    fn len(&self) -> usize;
    /// No octets at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// One octet.
    fn u8(&self, at: usize) -> Option<u8>;
    /// Two octets.
    fn u16(&self, at: usize) -> Option<u16>;
    /// Four octets.
    fn u32(&self, at: usize) -> Option<u32>;
    /// Eight octets.
    fn u64(&self, at: usize) -> Option<u64>;
    /// Sixteen octets, checked at once.
    fn pair(&self, at: usize) -> Option<[u64; 2]>;
    /// Writes one octet.
    fn set_u8(&mut self, at: usize, value: u8) -> Option<()>;
    /// Writes two octets.
    fn set_u16(&mut self, at: usize, value: u16) -> Option<()>;
    /// Writes four octets.
    fn set_u32(&mut self, at: usize, value: u32) -> Option<()>;
    /// Writes eight octets.
    fn set_u64(&mut self, at: usize, value: u64) -> Option<()>;
    /// Makes the frame `len` octets long; new octets have any value. `None`, and nothing changed: no room.
    fn resize(&mut self, len: usize) -> Option<()>;
    /// Looks at the frame anew: makes the kernel's verifier forget what it knows of earlier accesses, so that the
    /// ways out of a loop are one and the same to it.
    fn renew(&mut self);
    /// `value`, which is less than `limit` (a power of two), as the kernel's verifier is to see it: a number of
    /// which it knows no more than that. Without this it follows every value that a header's length can have.
    fn bounded(&self, value: usize, limit: usize) -> usize;
    /// [`sum`] of this frame; in the kernel a function of its own, so that the verifier checks it once.
    fn sum(&mut self, at: usize, len: usize) -> Option<u16>;
}

/// Words that are summed at most.
const SUM_WORDS: usize = 256;

/// Ones' complement sum of `len` octets (8 at least) from `at` on. `None`: they are not all there, or more than 2,048.
#[inline(always)]
pub fn sum<F: Frame>(frame: &mut F, at: usize, len: usize) -> Option<u16> {
    let at = frame.bounded(at, 128);
    let end = frame.bounded(len, 16_384);
    if end > SUM_WORDS * 8 {
        return None;
    }
    let mut sum = 0;
    for i in 0..SUM_WORDS {
        if 8 * i + 8 > end {
            break;
        }
        sum += halves(frame.u64(at + 8 * i)?);
    }
    frame.renew();
    if end & 7 != 0 {
        let last = frame.bounded(at + end - 8, 4096);
        sum += halves(frame.u64(last)? >> ((8 * (8 - (end & 7)) as u32) & 63));
    }
    Some(fold(sum))
}
