//! Decodes values: the [`rasn::Decoder`] of the derived code.

use rasn::Decode;
use rasn::error::DecodeError;
use rasn::types::{
    Any, BitString, BmpString, Constraints, Constructed, Date, DecodeChoice, Enumerated,
    GeneralString, GeneralizedTime, GraphicString, Ia5String, IntegerType, NumericString,
    ObjectIdentifier, PrintableString, RealType, SetOf, Tag, TeletexString, UtcTime, Utf8String,
    VisibleString,
};

use super::reader::Reader;
use super::sequence::Sequence;
use super::{Alphabet, Items, MAX_DEPTH, bounds, decode_error};
use crate::types::{LISTS_BASE, LISTS_PER_OCTET, MAX_ELEMENTS};

type Result<T> = core::result::Result<T, DecodeError>;

/// Decodes one message, or an open type in it.
pub(crate) struct Decoder<'a> {
    reader: Reader<'a>,
    /// Levels that are left.
    depth: u32,
    /// Octets of memory that are left for all lists of the message.
    memory: usize,
    /// Whether additions of later versions were skipped.
    has_unknown: bool,
    sequence: Sequence,
}

impl<'a> Decoder<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(octets),
            depth: MAX_DEPTH,
            memory: LISTS_BASE + LISTS_PER_OCTET * octets.len(),
            has_unknown: false,
            sequence: Sequence::ABSENT,
        }
    }

    /// A decoder that starts at this bit.
    pub(super) fn at(octets: &'a [u8], bit: usize) -> Result<Self> {
        let mut decoder = Self::new(octets);
        decoder.reader.advance(bit)?;
        Ok(decoder)
    }

    /// Number of octets that were read, and whether additions of later versions were skipped.
    pub(super) const fn summary(&self) -> (usize, bool) {
        (self.reader.octets_read(), self.has_unknown)
    }

    fn descend(&mut self) -> Result<()> {
        self.depth = self
            .depth
            .checked_sub(1)
            .ok_or_else(|| decode_error("too many levels"))?;
        Ok(())
    }

    /// Begins a SEQUENCE and returns what is to be restored at its end.
    fn begin(&mut self, is_extensible: bool, optional: usize, known: usize) -> Result<Sequence> {
        self.descend()?;
        let sequence = Sequence::begin(&mut self.reader, is_extensible, optional, known)?;
        Ok(core::mem::replace(&mut self.sequence, sequence))
    }

    /// Ends a SEQUENCE: skips the additions of later versions.
    fn end(&mut self, outer: Sequence) -> Result<()> {
        let skipped = self.sequence.skip_rest(&mut self.reader)?;
        self.has_unknown |= skipped > 0;
        self.sequence = outer;
        self.depth += 1;
        Ok(())
    }

    /// Decodes an open type by `decode`.
    fn open<T>(&mut self, decode: impl FnOnce(&mut Decoder<'_>) -> Result<T>) -> Result<T> {
        let octets = self.reader.open_type()?;
        let mut inner = Decoder {
            reader: Reader::new(&octets),
            depth: self.depth,
            memory: self.memory,
            has_unknown: self.has_unknown,
            sequence: Sequence::default(),
        };
        let value = decode(&mut inner)?;
        inner.reader.finish()?;
        self.memory = inner.memory;
        self.has_unknown = inner.has_unknown;
        Ok(value)
    }

    /// Takes memory for the elements of a list, `size` octets each.
    fn reserve(&mut self, before: usize, count: usize, size: usize) -> Result<()> {
        let left = self.memory.checked_sub(count * size);
        let (Some(memory), true) = (left, before + count <= MAX_ELEMENTS) else {
            return Err(decode_error("too many list elements"));
        };
        self.memory = memory;
        Ok(())
    }

    fn characters(
        &mut self,
        constraints: &Constraints,
        alphabet: &Alphabet,
        mut push: impl FnMut(u32),
    ) -> Result<()> {
        let items = Items::Characters(alphabet.width);
        let mut part = self.reader.length(bounds(constraints.size()), items)?;
        loop {
            for _ in 0..part.count {
                let code = self.reader.bits(alphabet.width)? as u32;
                let character = alphabet.character(code);
                push(character.ok_or_else(|| decode_error("a character is not permitted"))?);
            }
            if part.is_last {
                return Ok(());
            }
            part = self.reader.unconstrained_length()?;
        }
    }

    /// The index of one of `count` alternatives, or of an addition to them.
    fn index(&mut self, is_extended: bool, count: usize) -> Result<usize> {
        if is_extended {
            self.reader.normally_small()
        } else {
            Ok(self.reader.constrained(count as u128)? as usize)
        }
    }
}

/// Refuses what no type of RAS has.
macro_rules! refused {
    ($($name:ident($($argument:ty),*) -> $value:ty;)*) => { $(
        fn $name(&mut self, $(_: $argument),*) -> Result<$value> {
            Err(decode_error(concat!(stringify!($name), ": not in RAS")))
        }
    )* };
}

impl rasn::Decoder for Decoder<'_> {
    type Ok = ();
    type Error = DecodeError;
    type AnyDecoder<const R: usize, const E: usize> = Self;

    fn codec(&self) -> rasn::Codec {
        rasn::Codec::Aper
    }

    fn decode_bool(&mut self, _: Tag) -> Result<bool> {
        self.reader.bit()
    }

    fn decode_null(&mut self, _: Tag) -> Result<()> {
        Ok(())
    }

    fn decode_integer<I: IntegerType>(&mut self, _: Tag, constraints: &Constraints) -> Result<I> {
        let is_extended = constraints.extensible() && self.reader.bit()?;
        let value = constraints.value().filter(|_| !is_extended);
        let Some((Some(&lower), Some(&upper))) =
            value.map(|value| value.constraint.start_and_end())
        else {
            let octets = self.reader.open_type()?;
            return I::try_from_bytes(&octets, rasn::Codec::Aper);
        };
        let offset = self
            .reader
            .constrained((upper - lower).unsigned_abs() + 1)?;
        let value = lower + i128::from(offset);
        (value <= upper)
            .then(|| I::try_from(value).ok())
            .flatten()
            .ok_or_else(|| decode_error(format_args!("{value} is not in {lower}..={upper}")))
    }

    fn decode_enumerated<E: Enumerated>(&mut self, _: Tag) -> Result<E> {
        let is_extended = E::EXTENDED_VARIANTS.is_some() && self.reader.bit()?;
        let index = self.index(is_extended, E::variance())?;
        if is_extended {
            E::from_extended_enumeration_index(index)
        } else {
            E::from_enumeration_index(index)
        }
        .ok_or_else(|| decode_error("an unknown value of an enumeration"))
    }

    fn decode_octet_string<'b, T: From<&'b [u8]> + From<Vec<u8>>>(
        &'b mut self,
        _: Tag,
        constraints: &Constraints,
    ) -> Result<T> {
        let size = bounds(constraints.size());
        let part = self.reader.length(size, Items::Octets)?;
        Ok(T::from(self.reader.parts(part)?.into_owned()))
    }

    fn decode_bit_string(&mut self, _: Tag, constraints: &Constraints) -> Result<BitString> {
        let size = bounds(constraints.size());
        let mut part = self.reader.length(size, Items::Bits)?;
        let mut bits = BitString::with_capacity(part.count.min(self.reader.left()));
        loop {
            for _ in 0..part.count {
                bits.push(self.reader.bit()?);
            }
            if part.is_last {
                return Ok(bits);
            }
            part = self.reader.unconstrained_length()?;
        }
    }

    fn decode_object_identifier(&mut self, _: Tag) -> Result<ObjectIdentifier> {
        self.reader
            .object_identifier()?
            .ok_or_else(|| decode_error("an invalid object identifier"))
    }

    fn decode_ia5_string(&mut self, _: Tag, constraints: &Constraints) -> Result<Ia5String> {
        let mut octets = Vec::new();
        self.characters(constraints, &Alphabet::ia5(constraints), |character| {
            octets.push(character as u8);
        })?;
        Ia5String::from_iso646_bytes(&octets).map_err(decode_error)
    }

    fn decode_bmp_string(&mut self, _: Tag, constraints: &Constraints) -> Result<BmpString> {
        let mut octets = Vec::new();
        self.characters(constraints, &Alphabet::bmp(), |character| {
            octets.extend((character as u16).to_be_bytes());
        })?;
        BmpString::try_from(&octets[..]).map_err(decode_error)
    }

    fn decode_sequence<const RC: usize, const EC: usize, D, DF, F>(
        &mut self,
        _: Tag,
        _: Option<DF>,
        decode: F,
    ) -> Result<D>
    where
        D: Constructed<RC, EC>,
        DF: FnOnce() -> D,
        F: FnOnce(&mut Self) -> Result<D>,
    {
        const { assert!(RC <= 64 && EC <= 64, "a word has a bit for each component") };
        let optional = D::FIELDS.number_of_optional_and_default_fields();
        let outer = self.begin(D::IS_EXTENSIBLE, optional, EC)?;
        let value = decode(self)?;
        self.end(outer)?;
        Ok(value)
    }

    fn decode_sequence_of<D: Decode>(
        &mut self,
        _: Tag,
        constraints: &Constraints,
    ) -> Result<Vec<D>> {
        self.descend()?;
        self.descend()?;
        let outer = core::mem::take(&mut self.sequence);
        let size = bounds(constraints.size());
        let mut part = self.reader.length(size, Items::Elements)?;
        let mut elements = Vec::new();
        loop {
            self.reserve(elements.len(), part.count, size_of::<D>())?;
            elements.reserve_exact(part.count.min(self.reader.left()));
            for _ in 0..part.count {
                elements.push(D::decode(self)?);
            }
            if part.is_last {
                break;
            }
            part = self.reader.unconstrained_length()?;
        }
        self.sequence = outer;
        self.depth += 2;
        Ok(elements)
    }

    fn decode_choice<D: DecodeChoice>(&mut self, constraints: &Constraints) -> Result<D> {
        self.descend()?;
        let is_extended = constraints.extensible() && self.reader.bit()?;
        let alternatives = if is_extended {
            D::EXTENDED_VARIANTS.unwrap_or(&[])
        } else {
            D::VARIANTS
        };
        let index = self.index(is_extended, alternatives.len())?;
        let tag = alternatives
            .get(index)
            .ok_or_else(|| decode_error(format_args!("alternative {index} is not known")))?
            .smallest_tag();
        let value = if is_extended {
            self.open(|inner| D::from_tag(inner, tag))
        } else {
            D::from_tag(self, tag)
        }?;
        self.depth += 1;
        Ok(value)
    }

    fn decode_optional<D: Decode>(&mut self) -> Result<Option<D>> {
        self.decode_optional_with_tag_and_constraints(D::TAG, &D::CONSTRAINTS)
    }

    fn decode_optional_with_tag<D: Decode>(&mut self, tag: Tag) -> Result<Option<D>> {
        let is_present = self.sequence.is_present();
        is_present
            .then(|| D::decode_with_tag(self, tag))
            .transpose()
    }

    fn decode_optional_with_constraints<D: Decode>(
        &mut self,
        constraints: &Constraints,
    ) -> Result<Option<D>> {
        let is_present = self.sequence.is_present();
        is_present
            .then(|| D::decode_with_constraints(self, constraints))
            .transpose()
    }

    fn decode_optional_with_tag_and_constraints<D: Decode>(
        &mut self,
        tag: Tag,
        constraints: &Constraints,
    ) -> Result<Option<D>> {
        let is_present = self.sequence.is_present();
        is_present
            .then(|| D::decode_with_tag_and_constraints(self, tag, constraints))
            .transpose()
    }

    fn decode_optional_with_explicit_prefix<D: Decode>(&mut self, tag: Tag) -> Result<Option<D>> {
        self.decode_optional_with_tag(tag)
    }

    fn decode_explicit_prefix<D: Decode>(&mut self, tag: Tag) -> Result<D> {
        if D::IS_CHOICE {
            D::decode(self)
        } else {
            D::decode_with_tag(self, tag)
        }
    }

    fn decode_extension_addition_with_tag_and_constraints<D: Decode>(
        &mut self,
        _: Tag,
        constraints: &Constraints,
    ) -> Result<Option<D>> {
        if !self.sequence.is_added(&mut self.reader)? {
            return Ok(None);
        }
        self.open(|inner| D::decode_with_constraints(inner, constraints))
            .map(Some)
    }

    fn decode_extension_addition_with_explicit_tag_and_constraints<D: Decode>(
        &mut self,
        tag: Tag,
        constraints: &Constraints,
    ) -> Result<Option<D>> {
        self.decode_extension_addition_with_tag_and_constraints(tag, constraints)
    }

    fn decode_extension_addition_group<
        const RC: usize,
        const EC: usize,
        D: Decode + Constructed<RC, EC>,
    >(
        &mut self,
    ) -> Result<Option<D>> {
        Err(decode_error("addition groups: not in RAS"))
    }

    fn decode_real<R: RealType>(&mut self, _: Tag, _: &Constraints) -> Result<R> {
        Err(decode_error("REAL: not in RAS"))
    }

    fn decode_set_of<D: Decode + Eq + core::hash::Hash>(
        &mut self,
        _: Tag,
        _: &Constraints,
    ) -> Result<SetOf<D>> {
        Err(decode_error("SET OF: not in RAS"))
    }

    fn decode_set<const RC: usize, const EC: usize, FIELDS, SET, D, F>(
        &mut self,
        _: Tag,
        _: D,
        _: F,
    ) -> Result<SET>
    where
        SET: Decode + Constructed<RC, EC>,
        FIELDS: Decode,
        D: Fn(&mut Self, usize, Tag) -> Result<FIELDS>,
        F: FnOnce(Vec<FIELDS>) -> Result<SET>,
    {
        Err(decode_error("SET: not in RAS"))
    }

    refused! {
        decode_any(Tag) -> Any;
        decode_utf8_string(Tag, &Constraints) -> Utf8String;
        decode_visible_string(Tag, &Constraints) -> VisibleString;
        decode_general_string(Tag, &Constraints) -> GeneralString;
        decode_graphic_string(Tag, &Constraints) -> GraphicString;
        decode_printable_string(Tag, &Constraints) -> PrintableString;
        decode_numeric_string(Tag, &Constraints) -> NumericString;
        decode_teletex_string(Tag, &Constraints) -> TeletexString;
        decode_utc_time(Tag) -> UtcTime;
        decode_generalized_time(Tag) -> GeneralizedTime;
        decode_date(Tag) -> Date;
    }
}
