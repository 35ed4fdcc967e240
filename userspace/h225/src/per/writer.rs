//! Writes bits, numbers and lengths.

use rasn::error::EncodeError;

use super::{FRAGMENT, Items, Part, encode_error, width_of};

/// Octets that are filled bit by bit.
#[derive(Default)]
pub(super) struct Writer {
    octets: Vec<u8>,
    /// Length in bits.
    length: usize,
}

impl Writer {
    /// Position in bits.
    pub(super) const fn at(&self) -> usize {
        self.length
    }

    /// The complete encoding (X.691 11.1): an empty one takes an octet of zeros.
    pub(super) fn complete(mut self) -> Vec<u8> {
        if self.length == 0 {
            self.octets.push(0);
        }
        self.octets
    }

    /// Writes the low bits of a number, most significant first.
    pub(super) fn bits(&mut self, number: u64, count: usize) {
        let mut left = count;
        while left > 0 {
            if self.length.is_multiple_of(8) {
                self.octets.push(0);
            }
            let free = 8 - self.length % 8;
            let taken = free.min(left);
            left -= taken;
            let bits = (number >> left) as u8 & (0xff >> (8 - taken));
            if let Some(last) = self.octets.last_mut() {
                *last |= bits << (free - taken);
            }
            self.length += taken;
        }
    }

    pub(super) fn bit(&mut self, is_set: bool) {
        self.bits(u64::from(is_set), 1);
    }

    /// Leaves room for a number of bits, which are zero.
    pub(super) fn zeros(&mut self, count: usize) {
        self.length += count;
        self.octets.resize(self.length.div_ceil(8), 0);
    }

    /// Sets a bit that was written as zero.
    pub(super) fn set(&mut self, at: usize) {
        self.octets[at / 8] |= 0x80 >> (at % 8);
    }

    /// Goes to the next octet boundary.
    pub(super) const fn align(&mut self) {
        self.length = self.length.next_multiple_of(8);
    }

    pub(super) fn octets(&mut self, octets: &[u8]) {
        if self.length.is_multiple_of(8) {
            self.octets.extend_from_slice(octets);
            self.length += octets.len() * 8;
        } else {
            for octet in octets {
                self.bits(u64::from(*octet), 8);
            }
        }
    }

    /// A whole number of this many different values (X.691 11.5), given as the offset from the lower bound.
    pub(super) fn constrained(&mut self, offset: u64, values: u128) {
        match values {
            0..=255 => self.bits(offset, width_of(values)),
            256 => self.aligned_octets(offset, 1),
            257..=0x1_0000 => self.aligned_octets(offset, 2),
            _ => {
                let most = width_of(values).div_ceil(8);
                let count = width_of(u128::from(offset) + 1).div_ceil(8).max(1);
                self.bits(count as u64 - 1, width_of(most as u128));
                self.aligned_octets(offset, count);
            }
        }
    }

    fn aligned_octets(&mut self, number: u64, count: usize) {
        self.align();
        self.bits(number, count * 8);
    }

    /// A normally small number (X.691 11.6).
    pub(super) fn normally_small(&mut self, number: usize) {
        self.bit(number >= 64);
        if number < 64 {
            self.bits(number as u64, 6);
        } else {
            let octets = number.to_be_bytes();
            let leading = number.leading_zeros() as usize / 8;
            self.open_type(&octets[leading..]);
        }
    }

    /// The length of what follows (X.691 11.9), or of its first part.
    pub(super) fn length(
        &mut self,
        count: usize,
        bounds: Option<(usize, usize)>,
        items: Items,
    ) -> Result<Part, EncodeError> {
        let Some((lower, upper)) = bounds else {
            return Ok(self.unconstrained_length(count));
        };
        if !(lower..=upper).contains(&count) {
            return Err(encode_error(format_args!(
                "a size of {count} is not in {lower}..={upper}"
            )));
        }
        self.constrained((count - lower) as u64, (upper - lower + 1) as u128);
        if count > 0 && items.are_aligned(bounds) {
            self.align();
        }
        let is_last = true;
        Ok(Part { count, is_last })
    }

    /// A length without bounds, or of a further part.
    pub(super) fn unconstrained_length(&mut self, count: usize) -> Part {
        self.align();
        let (count, is_last) = match count {
            0..=0x7f => {
                self.bits(count as u64, 8);
                (count, true)
            }
            0x80..FRAGMENT => {
                self.bits(0x8000 | count as u64, 16);
                (count, true)
            }
            _ => {
                let fragments = (count / FRAGMENT).min(4);
                self.bits(0xc0 | fragments as u64, 8);
                (fragments * FRAGMENT, false)
            }
        };
        Part { count, is_last }
    }

    /// The octets of an open type (X.691 11.2).
    pub(super) fn open_type(&mut self, octets: &[u8]) {
        let part = self.unconstrained_length(octets.len());
        self.parts(octets, part);
    }

    /// Octets whose first part is this long.
    pub(super) fn parts(&mut self, mut octets: &[u8], mut part: Part) {
        loop {
            let (first, rest) = octets.split_at(part.count);
            self.octets(first);
            if part.is_last {
                return;
            }
            octets = rest;
            part = self.unconstrained_length(rest.len());
        }
    }

    /// An OBJECT IDENTIFIER (X.690 8.19); `None` if it is invalid.
    pub(super) fn object_identifier(&mut self, arcs: &[u32]) -> Option<()> {
        let (&[first, second], rest) = arcs.split_first_chunk::<2>()?;
        if first > 2 {
            return None;
        }
        let first = (first * 40).checked_add(second)?;
        let mut octets = Vec::with_capacity(arcs.len() + 4);
        for arc in core::iter::once(first).chain(rest.iter().copied()) {
            let groups = (u32::BITS - arc.leading_zeros()).div_ceil(7).max(1);
            for group in (1..groups).rev() {
                octets.push(0x80 | (arc >> (7 * group)) as u8);
            }
            octets.push(arc as u8 & 0x7f);
        }
        self.open_type(&octets);
        Some(())
    }
}
