//! Reads bits, numbers and lengths.

use std::borrow::Cow;

use rasn::error::DecodeError;
use rasn::types::ObjectIdentifier;

use super::{FRAGMENT, Items, Part, decode_error, width_of};

/// Octets with a position in bits.
pub(super) struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    /// Number of bits that are left.
    pub(super) const fn left(&self) -> usize {
        self.octets.len() * 8 - self.at
    }

    /// Number of octets that were read, the last one maybe in part. A complete encoding takes one at least.
    pub(super) const fn octets_read(&self) -> usize {
        let octets = self.at.div_ceil(8);
        if octets == 0 { 1 } else { octets }
    }

    /// Advances by a number of bits and returns the position before.
    pub(super) fn advance(&mut self, count: usize) -> Result<usize, DecodeError> {
        if count > self.left() {
            return Err(decode_error("the message ends within a value"));
        }
        let at = self.at;
        self.at += count;
        Ok(at)
    }

    pub(super) fn bit(&mut self) -> Result<bool, DecodeError> {
        let at = self.advance(1)?;
        Ok(self.octets[at / 8] << (at % 8) & 0x80 != 0)
    }

    /// The next bits as a number, 64 at most.
    pub(super) fn bits(&mut self, count: usize) -> Result<u64, DecodeError> {
        let at = self.advance(count)?;
        let end = at + count;
        let mut word = 0_u128;
        for octet in &self.octets[at / 8..end.div_ceil(8)] {
            word = word << 8 | u128::from(*octet);
        }
        word >>= end.next_multiple_of(8) - end;
        Ok((word & ((1 << count) - 1)) as u64)
    }

    /// Goes to the next octet boundary.
    pub(super) const fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    pub(super) fn octets(&mut self, count: usize) -> Result<Cow<'a, [u8]>, DecodeError> {
        let at = self.advance(count * 8)?;
        let (first, shift) = (at / 8, at % 8);
        if shift == 0 {
            return Ok(Cow::Borrowed(&self.octets[first..first + count]));
        }
        let pairs = self.octets[first..=first + count].windows(2);
        Ok(pairs
            .map(|pair| pair[0] << shift | pair[1] >> (8 - shift))
            .collect())
    }

    /// A whole number of this many different values (X.691 11.5): the offset from the lower bound.
    pub(super) fn constrained(&mut self, values: u128) -> Result<u64, DecodeError> {
        match values {
            0..=255 => self.bits(width_of(values)),
            256 => self.aligned_octets(1),
            257..=0x1_0000 => self.aligned_octets(2),
            _ => {
                let most = width_of(values).div_ceil(8);
                let count = self.bits(width_of(most as u128))? as usize + 1;
                if count > most {
                    return Err(decode_error("a number is too long"));
                }
                self.aligned_octets(count)
            }
        }
    }

    fn aligned_octets(&mut self, count: usize) -> Result<u64, DecodeError> {
        self.align();
        self.bits(count * 8)
    }

    /// A normally small number (X.691 11.6).
    pub(super) fn normally_small(&mut self) -> Result<usize, DecodeError> {
        if !self.bit()? {
            return Ok(self.bits(6)? as usize);
        }
        let octets = self.open_type()?;
        let mut number = 0_usize;
        for octet in &*octets {
            if number >> (usize::BITS - 8) != 0 {
                return Err(decode_error("a number is too long"));
            }
            number = number << 8 | usize::from(*octet);
        }
        Ok(number)
    }

    /// The length of what follows (X.691 11.9), or of its first part.
    pub(super) fn length(
        &mut self,
        bounds: Option<(usize, usize)>,
        items: Items,
    ) -> Result<Part, DecodeError> {
        let Some((lower, upper)) = bounds else {
            return self.unconstrained_length();
        };
        let count = lower + self.constrained((upper - lower + 1) as u128)? as usize;
        if count > upper {
            return Err(decode_error(format_args!(
                "a size of {count} is not in {lower}..={upper}"
            )));
        }
        if count > 0 && items.are_aligned(bounds) {
            self.align();
        }
        let is_last = true;
        Ok(Part { count, is_last })
    }

    /// A length without bounds, or of a further part.
    pub(super) fn unconstrained_length(&mut self) -> Result<Part, DecodeError> {
        let first = self.aligned_octets(1)? as usize;
        let count = match first {
            0..=0x7f => first,
            0x80..=0xbf => (first & 0x3f) << 8 | self.bits(8)? as usize,
            0xc1..=0xc4 => (first & 0x3f) * FRAGMENT,
            _ => return Err(decode_error("a length is invalid")),
        };
        let is_last = first < 0xc0;
        Ok(Part { count, is_last })
    }

    /// The octets of an open type (X.691 11.2).
    pub(super) fn open_type(&mut self) -> Result<Cow<'a, [u8]>, DecodeError> {
        let part = self.unconstrained_length()?;
        self.parts(part)
    }

    /// The octets of a part and of those that follow it.
    pub(super) fn parts(&mut self, mut part: Part) -> Result<Cow<'a, [u8]>, DecodeError> {
        let mut octets = self.octets(part.count)?;
        while !part.is_last {
            part = self.unconstrained_length()?;
            octets.to_mut().extend_from_slice(&self.octets(part.count)?);
        }
        Ok(octets)
    }

    pub(super) fn skip_open_type(&mut self) -> Result<(), DecodeError> {
        loop {
            let part = self.unconstrained_length()?;
            self.advance(part.count * 8)?;
            if part.is_last {
                return Ok(());
            }
        }
    }

    /// Checks that a complete encoding ends here (X.691 11.1): an empty one takes an octet of zeros.
    pub(super) fn finish(&mut self) -> Result<(), DecodeError> {
        if self.at == 0 && self.bits(8)? != 0 {
            return Err(decode_error("an empty value is not zero"));
        }
        self.align();
        if self.left() != 0 {
            return Err(decode_error("octets follow a value"));
        }
        Ok(())
    }

    /// An OBJECT IDENTIFIER (X.690 8.19); `None` if it is invalid.
    pub(super) fn object_identifier(&mut self) -> Result<Option<ObjectIdentifier>, DecodeError> {
        let octets = self.open_type()?;
        let mut arcs = Vec::with_capacity(octets.len().min(14) + 2);
        let mut number = Some(0_u32);
        for octet in &*octets {
            number = number
                .filter(|number| *number <= u32::MAX >> 7)
                .map(|number| number << 7 | u32::from(octet & 0x7f));
            if octet & 0x80 != 0 {
                continue;
            }
            let Some(arc) = number.replace(0) else {
                return Ok(None);
            };
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.extend([first, arc - first * 40]);
            } else {
                arcs.push(arc);
            }
        }
        let is_complete = octets.last().is_some_and(|last| last & 0x80 == 0);
        Ok(is_complete.then(|| ObjectIdentifier::new(arcs)).flatten())
    }
}
