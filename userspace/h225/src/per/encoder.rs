//! Encodes values: the [`rasn::Encoder`] of the derived code.

use rasn::Encode;
use rasn::error::EncodeError;
use rasn::types::{
    Any, BitStr, BmpString, Choice, Constraints, Constructed, Date, Enumerated, GeneralString,
    GeneralizedTime, GraphicString, Ia5String, Identifier, IntegerType, NumericString,
    PrintableString, RealType, SetOf, Tag, TagTree, TeletexString, UtcTime, VisibleString,
};

use super::writer::Writer;
use super::{Alphabet, Items, bounds, encode_error};

type Result<T> = core::result::Result<T, EncodeError>;

/// Encodes one message, or an open type in it.
#[derive(Default)]
pub(super) struct Encoder {
    writer: Writer,
    sequence: Sequence,
}

/// Where the bits of the SEQUENCE that is being written stand, and its additions.
#[derive(Default)]
struct Sequence {
    start: usize,
    /// Bit of the next OPTIONAL component of the root.
    next: usize,
    /// Where these bits end.
    end: usize,
    additions: Vec<Option<Vec<u8>>>,
}

impl Encoder {
    pub(super) fn complete(self) -> Vec<u8> {
        self.writer.complete()
    }

    /// Begins a SEQUENCE and returns what is to be restored at its end.
    fn begin(&mut self, is_extensible: bool, optional: usize) -> Sequence {
        let start = self.writer.at();
        self.writer.zeros(usize::from(is_extensible) + optional);
        let end = self.writer.at();
        let sequence = Sequence {
            start,
            next: end - optional,
            end,
            additions: Vec::new(),
        };
        core::mem::replace(&mut self.sequence, sequence)
    }

    /// Ends a SEQUENCE: writes its additions.
    fn end(&mut self, outer: Sequence) {
        let Sequence {
            start, additions, ..
        } = core::mem::replace(&mut self.sequence, outer);
        if additions.iter().all(Option::is_none) {
            return;
        }
        self.writer.set(start);
        self.writer.bit(false);
        self.writer.bits(additions.len() as u64 - 1, 6);
        for addition in &additions {
            self.writer.bit(addition.is_some());
        }
        for addition in additions.iter().flatten() {
            self.writer.open_type(addition);
        }
    }

    /// Marks the next OPTIONAL component of the root as present or absent.
    fn mark(&mut self, is_present: bool) {
        let Sequence { next, end, .. } = &mut self.sequence;
        if next < end {
            if is_present {
                self.writer.set(*next);
            }
            *next += 1;
        }
    }

    fn characters(
        &mut self,
        constraints: &Constraints,
        alphabet: &Alphabet,
        characters: impl ExactSizeIterator<Item = u32>,
    ) -> Result<()> {
        let items = Items::Characters(alphabet.width);
        let mut left = characters.len();
        let mut part = self
            .writer
            .length(left, bounds(constraints.size()), items)?;
        let mut written = 0;
        for character in characters {
            if written == part.count {
                left -= written;
                part = self.writer.unconstrained_length(left);
                written = 0;
            }
            let code = alphabet.code(character);
            let code = code.ok_or_else(|| encode_error("a character is not permitted"))?;
            self.writer.bits(u64::from(code), alphabet.width);
            written += 1;
        }
        if !part.is_last {
            self.writer.unconstrained_length(0);
        }
        Ok(())
    }

    fn index(&mut self, is_extended: bool, index: usize, count: usize) {
        if is_extended {
            self.writer.normally_small(index);
        } else {
            self.writer.constrained(index as u64, count as u128);
        }
    }
}

/// Refuses what no type of RAS has.
macro_rules! refused {
    ($($name:ident($($argument:ty),*);)*) => { $(
        fn $name(&mut self, $(_: $argument),*) -> Result<()> {
            Err(encode_error(concat!(stringify!($name), ": not in RAS")))
        }
    )* };
}

impl rasn::Encoder<'_> for Encoder {
    type Ok = ();
    type Error = EncodeError;
    type AnyEncoder<'b, const R: usize, const E: usize> = Self;

    fn codec(&self) -> rasn::Codec {
        rasn::Codec::Aper
    }

    fn encode_bool(&mut self, _: Tag, value: bool, _: Identifier) -> Result<()> {
        self.writer.bit(value);
        Ok(())
    }

    fn encode_null(&mut self, _: Tag, _: Identifier) -> Result<()> {
        Ok(())
    }

    fn encode_integer<I: IntegerType>(
        &mut self,
        _: Tag,
        constraints: &Constraints,
        value: &I,
        _: Identifier,
    ) -> Result<()> {
        let number: Option<i128> = value.clone().try_into().ok();
        let range = constraints
            .value()
            .map(|value| value.constraint.start_and_end());
        let range = match range {
            Some((Some(&lower), Some(&upper))) => Some((lower, upper)),
            _ => None,
        };
        let within = range.zip(number);
        let within = within.filter(|((lower, upper), number)| (lower..=upper).contains(&number));
        if constraints.extensible() {
            self.writer.bit(within.is_none());
        }
        match (within, range) {
            (Some(((lower, upper), number)), _) => {
                let values = (upper - lower).unsigned_abs() + 1;
                let offset = (number - lower).unsigned_abs() as u64;
                self.writer.constrained(offset, values);
            }
            (None, Some((lower, upper))) if !constraints.extensible() => {
                return Err(encode_error(format_args!(
                    "{value} is not in {lower}..={upper}"
                )));
            }
            _ => {
                let (octets, count) = value.to_signed_bytes_be();
                self.writer.open_type(&octets.as_ref()[..count]);
            }
        }
        Ok(())
    }

    fn encode_enumerated<E: Enumerated>(&mut self, _: Tag, value: &E, _: Identifier) -> Result<()> {
        let is_extended = value.is_extended_variant();
        if E::EXTENDED_VARIANTS.is_some() {
            self.writer.bit(is_extended);
        }
        self.index(is_extended, value.enumeration_index(), E::variance());
        Ok(())
    }

    fn encode_octet_string(
        &mut self,
        _: Tag,
        constraints: &Constraints,
        value: &[u8],
        _: Identifier,
    ) -> Result<()> {
        let size = bounds(constraints.size());
        let part = self.writer.length(value.len(), size, Items::Octets)?;
        self.writer.parts(value, part);
        Ok(())
    }

    fn encode_bit_string(
        &mut self,
        _: Tag,
        constraints: &Constraints,
        value: &BitStr,
        _: Identifier,
    ) -> Result<()> {
        let size = bounds(constraints.size());
        let mut part = self.writer.length(value.len(), size, Items::Bits)?;
        let mut rest = value;
        loop {
            let (first, more) = rest.split_at(part.count);
            for bit in first {
                self.writer.bit(*bit);
            }
            if part.is_last {
                return Ok(());
            }
            rest = more;
            part = self.writer.unconstrained_length(rest.len());
        }
    }

    fn encode_object_identifier(&mut self, _: Tag, value: &[u32], _: Identifier) -> Result<()> {
        self.writer
            .object_identifier(value)
            .ok_or_else(|| encode_error("an invalid object identifier"))
    }

    fn encode_ia5_string(
        &mut self,
        _: Tag,
        constraints: &Constraints,
        value: &Ia5String,
        _: Identifier,
    ) -> Result<()> {
        let characters = value
            .as_iso646_bytes()
            .iter()
            .map(|octet| u32::from(*octet));
        self.characters(constraints, &Alphabet::ia5(constraints), characters)
    }

    fn encode_bmp_string(
        &mut self,
        _: Tag,
        constraints: &Constraints,
        value: &BmpString,
        _: Identifier,
    ) -> Result<()> {
        let octets = value.to_bytes();
        let (pairs, _) = octets.as_chunks::<2>();
        let characters = pairs
            .iter()
            .map(|pair| u32::from(u16::from_be_bytes(*pair)));
        self.characters(constraints, &Alphabet::bmp(), characters)
    }

    fn encode_sequence<'b, const RC: usize, const EC: usize, C, F>(
        &'b mut self,
        _: Tag,
        write: F,
        _: Identifier,
    ) -> Result<()>
    where
        C: Constructed<RC, EC>,
        F: FnOnce(&mut Self::AnyEncoder<'b, RC, EC>) -> Result<()>,
    {
        const { assert!(EC <= 64, "the number of additions is normally small") };
        let optional = C::FIELDS.number_of_optional_and_default_fields();
        let outer = self.begin(C::IS_EXTENSIBLE, optional);
        write(self)?;
        self.end(outer);
        Ok(())
    }

    fn encode_sequence_of<E: Encode>(
        &mut self,
        _: Tag,
        value: &[E],
        constraints: &Constraints,
        _: Identifier,
    ) -> Result<()> {
        let outer = core::mem::take(&mut self.sequence);
        let size = bounds(constraints.size());
        let mut part = self.writer.length(value.len(), size, Items::Elements)?;
        let mut rest = value;
        loop {
            let (first, more) = rest.split_at(part.count);
            for element in first {
                element.encode(self)?;
            }
            if part.is_last {
                break;
            }
            rest = more;
            part = self.writer.unconstrained_length(rest.len());
        }
        self.sequence = outer;
        Ok(())
    }

    fn encode_choice<E: Encode + Choice>(
        &mut self,
        constraints: &Constraints,
        tag: Tag,
        write: impl FnOnce(&mut Self) -> Result<Tag>,
        _: Identifier,
    ) -> Result<()> {
        let place = |alternatives: &[TagTree]| {
            alternatives
                .iter()
                .position(|alternative| alternative.smallest_tag() == tag)
        };
        let root = place(E::VARIANTS);
        if constraints.extensible() {
            self.writer.bit(root.is_none());
        }
        if let Some(index) = root {
            self.index(false, index, E::VARIANTS.len());
            return write(self).map(drop);
        }
        let index = E::EXTENDED_VARIANTS
            .and_then(place)
            .ok_or_else(|| encode_error("an unknown alternative"))?;
        self.index(true, index, 0);
        let mut inner = Self::default();
        write(&mut inner)?;
        self.writer.open_type(&inner.complete());
        Ok(())
    }

    fn encode_explicit_prefix<V: Encode>(
        &mut self,
        tag: Tag,
        value: &V,
        _: Identifier,
    ) -> Result<()> {
        if V::IS_CHOICE {
            value.encode(self)
        } else {
            value.encode_with_tag(self, tag)
        }
    }

    fn encode_some<E: Encode>(&mut self, value: &E, _: Identifier) -> Result<()> {
        self.mark(true);
        value.encode(self)
    }

    fn encode_some_with_tag<E: Encode>(
        &mut self,
        tag: Tag,
        value: &E,
        _: Identifier,
    ) -> Result<()> {
        self.mark(true);
        value.encode_with_tag(self, tag)
    }

    fn encode_some_with_tag_and_constraints<E: Encode>(
        &mut self,
        tag: Tag,
        constraints: &Constraints,
        value: &E,
        identifier: Identifier,
    ) -> Result<()> {
        self.mark(true);
        value.encode_with_tag_and_constraints(self, tag, constraints, identifier)
    }

    fn encode_none<E: Encode>(&mut self, _: Identifier) -> Result<()> {
        self.mark(false);
        Ok(())
    }

    fn encode_none_with_tag(&mut self, _: Tag, _: Identifier) -> Result<()> {
        self.mark(false);
        Ok(())
    }

    fn encode_extension_addition<E: Encode>(
        &mut self,
        tag: Tag,
        constraints: &Constraints,
        value: E,
        identifier: Identifier,
    ) -> Result<()> {
        let addition = if value.is_present() {
            let mut inner = Self::default();
            value.encode_with_tag_and_constraints(&mut inner, tag, constraints, identifier)?;
            Some(inner.complete())
        } else {
            None
        };
        self.sequence.additions.push(addition);
        Ok(())
    }

    fn encode_extension_addition_group<const RC: usize, const EC: usize, E>(
        &mut self,
        _: Option<&E>,
        _: Identifier,
    ) -> Result<()>
    where
        E: Encode + Constructed<RC, EC>,
    {
        Err(encode_error("addition groups: not in RAS"))
    }

    fn encode_real<R: RealType>(
        &mut self,
        _: Tag,
        _: &Constraints,
        _: &R,
        _: Identifier,
    ) -> Result<()> {
        Err(encode_error("REAL: not in RAS"))
    }

    fn encode_set<'b, const RC: usize, const EC: usize, C, F>(
        &'b mut self,
        _: Tag,
        _: F,
        _: Identifier,
    ) -> Result<()>
    where
        C: Constructed<RC, EC>,
        F: FnOnce(&mut Self::AnyEncoder<'b, RC, EC>) -> Result<()>,
    {
        Err(encode_error("SET: not in RAS"))
    }

    fn encode_set_of<E: Encode + Eq + core::hash::Hash>(
        &mut self,
        _: Tag,
        _: &SetOf<E>,
        _: &Constraints,
        _: Identifier,
    ) -> Result<()> {
        Err(encode_error("SET OF: not in RAS"))
    }

    refused! {
        encode_any(Tag, &Any, Identifier);
        encode_utf8_string(Tag, &Constraints, &str, Identifier);
        encode_visible_string(Tag, &Constraints, &VisibleString, Identifier);
        encode_general_string(Tag, &Constraints, &GeneralString, Identifier);
        encode_graphic_string(Tag, &Constraints, &GraphicString, Identifier);
        encode_printable_string(Tag, &Constraints, &PrintableString, Identifier);
        encode_numeric_string(Tag, &Constraints, &NumericString, Identifier);
        encode_teletex_string(Tag, &Constraints, &TeletexString, Identifier);
        encode_utc_time(Tag, &UtcTime, Identifier);
        encode_generalized_time(Tag, &GeneralizedTime, Identifier);
        encode_date(Tag, &Date, Identifier);
    }
}
