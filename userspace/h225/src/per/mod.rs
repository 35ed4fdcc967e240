//! Aligned PER, basic variant (X.691), of the types of RAS: what [`rasn`]'s derived code asks of a coder.
//!
//! rasn's own coder carries the number of components of the surrounding type as type parameters, so that every type is
//! compiled once for each type that it occurs in. This one keeps them as values: every type is compiled once. What RAS
//! does not use (SET, times, most kinds of strings) is refused.
//!
//! Invariant: the decoder is total, and time and memory are bounded by the input: nesting by [`MAX_DEPTH`], lists by
//! [`MAX_ELEMENTS`](crate::types::MAX_ELEMENTS) and [`LISTS_PER_OCTET`](crate::types::LISTS_PER_OCTET).

mod decoder;
mod encoder;
mod reader;
mod sequence;
mod writer;

use rasn::error::{DecodeError, EncodeError};
use rasn::types::Constraints;
use rasn::types::constraints::{Extensible, Size};
use rasn::{Codec, Decode, Encode};

pub(crate) use decoder::Decoder;
use encoder::Encoder;

/// Maximum nesting of SEQUENCE, CHOICE and (counted twice) SEQUENCE OF.
pub(crate) const MAX_DEPTH: u32 = 128;

/// Unit of the fragments of a length of 16,384 or more (X.691 11.9.3.8).
const FRAGMENT: usize = 16_384;

/// Decodes a value; octets after its end are ignored.
pub(crate) fn decode<T: Decode>(octets: &[u8]) -> Result<T, DecodeError> {
    T::decode(&mut Decoder::new(octets))
}

/// Decodes a value that starts at this bit; octets after its end are ignored.
pub(crate) fn decode_at<T: Decode>(octets: &[u8], bit: usize) -> Result<T, DecodeError> {
    T::decode(&mut Decoder::at(octets, bit)?)
}

/// A decoded value, and what its encoding had beyond it.
pub(crate) struct Decoded<T> {
    pub(crate) value: T,
    /// Length of the encoding; other octets may follow.
    pub(crate) length: usize,
    /// Whether it has additions of later versions, which are not in the value.
    pub(crate) has_unknown: bool,
}

/// Decodes a value, and notes where it ends and whether something was skipped.
pub(crate) fn decode_counted<T: Decode>(octets: &[u8]) -> Result<Decoded<T>, DecodeError> {
    let mut decoder = Decoder::new(octets);
    let value = T::decode(&mut decoder)?;
    let (length, has_unknown) = decoder.summary();
    Ok(Decoded {
        value,
        length,
        has_unknown,
    })
}

/// Encodes a value.
pub(crate) fn encode<T: Encode>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder::default();
    value.encode(&mut encoder)?;
    Ok(encoder.complete())
}

/// Items that follow a length, and whether they are all.
#[derive(Clone, Copy)]
struct Part {
    count: usize,
    is_last: bool,
}

/// What a length counts.
#[derive(Clone, Copy)]
enum Items {
    /// Elements of a SEQUENCE OF.
    Elements,
    Octets,
    Bits,
    /// Characters, with the width of each in bits.
    Characters(usize),
}

impl Items {
    /// Whether the items start at an octet boundary (X.691 16.9, 17.6, 30.5.6). `None`: their number is not bounded.
    fn are_aligned(self, bounds: Option<(usize, usize)>) -> bool {
        let Some((lower, upper)) = bounds else {
            return true;
        };
        let is_fixed = lower == upper;
        match self {
            Self::Elements => false,
            Self::Octets => !is_fixed || upper > 2,
            Self::Bits => !is_fixed || upper > 16,
            Self::Characters(width) if is_fixed => upper * width > 16,
            Self::Characters(width) => upper * width >= 16,
        }
    }
}

/// Lower and upper bound of a size, if its length is encoded as a constrained number (X.691 11.9.3.3).
fn bounds(size: Option<&Extensible<Size>>) -> Option<(usize, usize)> {
    match size?.constraint.start_and_end() {
        (Some(&lower), Some(&upper)) if upper < 4 * FRAGMENT => Some((lower, upper)),
        _ => None,
    }
}

/// Number of bits that tell this number of values apart.
const fn width_of(values: u128) -> usize {
    (u128::BITS - values.saturating_sub(1).leading_zeros()) as usize
}

/// Characters of a restricted string and how each is encoded (X.691 30.5).
struct Alphabet {
    /// The permitted ones, encoded by their index; `None`: all below `limit`, encoded by their value.
    permitted: Option<&'static [u32]>,
    limit: u32,
    width: usize,
}

impl Alphabet {
    /// IA5String, or the characters of it that are permitted.
    fn ia5(constraints: &Constraints) -> Self {
        let permitted = constraints
            .permitted_alphabet()
            .map(|alphabet| alphabet.constraint.as_inner());
        Self {
            permitted,
            limit: 0x80,
            width: permitted.map_or(8, |set| width_of(set.len() as u128).next_power_of_two()),
        }
    }

    /// BMPString. The two values that are no characters are left out.
    const fn bmp() -> Self {
        Self {
            permitted: None,
            limit: 0xfffe,
            width: 16,
        }
    }

    fn character(&self, code: u32) -> Option<u32> {
        match self.permitted {
            Some(set) => set.get(code as usize).copied(),
            None => (code < self.limit).then_some(code),
        }
    }

    fn code(&self, character: u32) -> Option<u32> {
        match self.permitted {
            Some(set) => set
                .iter()
                .position(|one| *one == character)
                .map(|index| index as u32),
            None => (character < self.limit).then_some(character),
        }
    }
}

fn decode_error(cause: impl core::fmt::Display) -> DecodeError {
    rasn::de::Error::custom(cause, Codec::Aper)
}

fn encode_error(cause: impl core::fmt::Display) -> EncodeError {
    rasn::enc::Error::custom(cause, Codec::Aper)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rasn::types::{Ia5String, OctetString};

    use super::*;
    use crate::types::{
        AliasAddress, CallCapacity, ClearToken, GenericData, GenericIdentifier,
        OpenLogicalChannelAck, TransportAddress,
    };

    /// Both coders decode the same value, or none, and encode it alike.
    fn compare<T: Decode + Encode + PartialEq + core::fmt::Debug>(octets: &[u8]) {
        let ours = decode::<T>(octets).ok();
        let theirs = rasn::aper::decode_with_remainder::<T>(octets).ok();
        assert_eq!(ours, theirs.map(|(value, _)| value));
        if let Some(value) = ours {
            let theirs = rasn::aper::encode(&value).ok();
            assert_eq!(encode(&value).ok(), theirs, "{value:?}");
        }
    }

    /// Random octets, which rarely decode, and zeros with a few octets changed, which often do.
    fn octets() -> impl Strategy<Value = Vec<u8>> {
        let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
        let sparse = (1_usize..80, changes).prop_map(|(length, changes)| {
            let mut octets = vec![0; length];
            for (at, octet) in changes {
                octets[at.index(length)] = octet;
            }
            octets
        });
        prop_oneof![proptest::collection::vec(any::<u8>(), 0..80), sparse]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn rasns_coder_agrees(octets in octets()) {
            compare::<AliasAddress>(&octets);
            compare::<GenericIdentifier>(&octets);
            compare::<TransportAddress>(&octets);
            compare::<GenericData>(&octets);
            compare::<ClearToken>(&octets);
            compare::<CallCapacity>(&octets);
            compare::<OpenLogicalChannelAck>(&octets);
        }
    }

    #[test]
    fn long_values_have_parts() {
        for length in [
            0,
            127,
            128,
            FRAGMENT - 1,
            FRAGMENT,
            FRAGMENT + 1,
            5 * FRAGMENT,
        ] {
            let value = OctetString::from(vec![7; length]);
            let octets = encode(&value).expect("encodes");
            assert_eq!(octets, rasn::aper::encode(&value).expect("encodes"));
            assert_eq!(decode::<OctetString>(&octets).expect("decodes"), value);
            let text = Ia5String::from_iso646_bytes(&vec![b'a'; length]).expect("text");
            let octets = encode(&text).expect("encodes");
            assert_eq!(octets, rasn::aper::encode(&text).expect("encodes"));
            assert_eq!(decode::<Ia5String>(&octets).expect("decodes"), text);
        }
    }

    #[test]
    fn numbers_and_bits_are_read_as_written() {
        let mut writer = writer::Writer::default();
        writer.bits(5, 3);
        writer.octets(&[0xab, 0xcd]);
        writer.normally_small(63);
        writer.normally_small(300);
        writer.constrained(200, 255);
        writer.constrained(255, 256);
        writer.constrained(0, 1 << 32);
        writer.constrained(0x0001_0203, 1 << 32);
        let octets = writer.complete();
        let mut reader = reader::Reader::new(&octets);
        assert_eq!(reader.bits(3).ok(), Some(5));
        assert_eq!(reader.octets(2).ok().as_deref(), Some(&[0xab, 0xcd][..]));
        assert_eq!(reader.normally_small().ok(), Some(63));
        assert_eq!(reader.normally_small().ok(), Some(300));
        assert_eq!(reader.constrained(255).ok(), Some(200));
        assert_eq!(reader.constrained(256).ok(), Some(255));
        assert_eq!(reader.constrained(1 << 32).ok(), Some(0));
        assert_eq!(reader.constrained(1 << 32).ok(), Some(0x0001_0203));
        assert!(reader.finish().is_ok());
        assert!(reader.bit().is_err());
    }
}
