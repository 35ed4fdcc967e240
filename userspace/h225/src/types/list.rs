//! SEQUENCE OF with bounds: a list is decoded only as far as [`MAX_ELEMENTS`] and the message's budget of memory allow.
//!
//! An empty element can take ten bits on the wire and a kilobyte decoded, so the length of a message alone bounds
//! neither the time nor the memory that decoding takes. The decoder has no place for a counter, so what is left of the
//! message's budget is kept by thread; [`bounded`] is the only one that sets it, for the duration of one message.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use rasn::prelude::*;
use rasn::types::Constructed;
use rasn::types::fields::Fields;

/// Maximum number of elements of a list.
pub const MAX_ELEMENTS: usize = 1_024;
/// Maximum memory for the elements of all lists of a message, including nested ones, in octets, ...
pub const LISTS_BASE: usize = 64 << 10;
/// ... plus this much for each octet of the message: a call in an IRR takes up to 30.
pub const LISTS_PER_OCTET: usize = 32;

/// Remaining budget for decoding a message.
#[derive(Clone, Copy)]
struct Budget {
    /// Octets of memory for all lists.
    octets: usize,
    /// Elements of the list being decoded.
    elements: usize,
}

thread_local! {
    static BUDGET: Cell<Budget> = const { Cell::new(Budget { octets: 0, elements: 0 }) };
}

/// Decodes one message of this many octets by `decode`, within the bounds.
pub(crate) fn bounded<T>(length: usize, decode: impl FnOnce() -> T) -> T {
    let budget = Budget {
        octets: LISTS_BASE + LISTS_PER_OCTET * length,
        elements: 0,
    };
    let outer = BUDGET.replace(budget);
    let decoded = decode();
    BUDGET.set(outer);
    decoded
}

/// SEQUENCE OF: used like a `Vec`, but bounded when it is decoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T>(Vec<T>);

/// An element that is counted before it is decoded.
struct Counted<T>(T);

impl<T: AsnType> AsnType for Counted<T> {
    const TAG: Tag = T::TAG;
    const TAG_TREE: rasn::types::TagTree = T::TAG_TREE;
    const CONSTRAINTS: Constraints = T::CONSTRAINTS;
    const IDENTIFIER: rasn::types::Identifier = T::IDENTIFIER;
}

impl<T: Decode> Counted<T> {
    fn count<D: Decoder>(decoder: &D) -> Result<(), D::Error> {
        let left = BUDGET.get();
        let (Some(octets), Some(elements)) = (
            left.octets.checked_sub(size_of::<T>()),
            left.elements.checked_sub(1),
        ) else {
            return Err(rasn::de::Error::custom(
                "too many list elements",
                decoder.codec(),
            ));
        };
        BUDGET.set(Budget { octets, elements });
        Ok(())
    }
}

impl<T: Decode> Decode for Counted<T> {
    fn decode<D: Decoder>(decoder: &mut D) -> Result<Self, D::Error> {
        Self::count(decoder)?;
        T::decode(decoder).map(Self)
    }

    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        tag: Tag,
        constraints: &Constraints,
    ) -> Result<Self, D::Error> {
        Self::count(decoder)?;
        T::decode_with_tag_and_constraints(decoder, tag, constraints).map(Self)
    }
}

impl<T: AsnType> AsnType for List<T> {
    const TAG: Tag = Vec::<T>::TAG;
    const TAG_TREE: rasn::types::TagTree = Vec::<T>::TAG_TREE;
    const CONSTRAINTS: Constraints = Vec::<T>::CONSTRAINTS;
    const IDENTIFIER: rasn::types::Identifier = Vec::<T>::IDENTIFIER;
}

/// In PER a SEQUENCE of one mandatory component is that component: nothing precedes it.
///
/// A list is coded as such a SEQUENCE, because rasn's coders carry the number of fields of the type that they are in,
/// and everything below is compiled once for each such number. Below a list it is compiled once.
impl<T> Constructed for List<T> {
    const FIELDS: Fields<0> = Fields::from_static([]);
}

impl<T: Decode> Decode for List<T> {
    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        tag: Tag,
        constraints: &Constraints,
    ) -> Result<Self, D::Error> {
        decoder.decode_sequence(tag, None::<fn() -> Self>, |plain| {
            Self::decode_elements(plain, tag, constraints)
        })
    }
}

impl<T: Decode> List<T> {
    fn decode_elements<D: Decoder>(
        decoder: &mut D,
        tag: Tag,
        constraints: &Constraints,
    ) -> Result<Self, D::Error> {
        let outer = BUDGET.get();
        BUDGET.set(Budget {
            elements: MAX_ELEMENTS,
            ..outer
        });
        let list = decoder.decode_sequence_of::<Counted<T>>(tag, constraints)?;
        BUDGET.set(Budget {
            elements: outer.elements,
            ..BUDGET.get()
        });
        Ok(list.into_iter().map(|counted| counted.0).collect())
    }
}

impl<T: Encode> Encode for List<T> {
    fn encode_with_tag_and_constraints<'b, E: Encoder<'b>>(
        &self,
        encoder: &mut E,
        tag: Tag,
        constraints: &Constraints,
        identifier: rasn::types::Identifier,
    ) -> Result<(), E::Error> {
        encoder
            .encode_sequence::<0, 0, Self, _>(
                tag,
                |plain| {
                    self.0
                        .encode_with_tag_and_constraints(plain, tag, constraints, identifier)
                },
                identifier,
            )
            .map(drop)
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> List<T> {
    /// Appends an element.
    pub fn push(&mut self, element: T) {
        self.0.push(element);
    }

    /// Keeps the elements that fit.
    pub fn retain(&mut self, fits: impl FnMut(&T) -> bool) {
        self.0.retain(fits);
    }

    /// Removes the element at this place.
    ///
    /// # Panics
    /// When there is no such element.
    pub fn remove(&mut self, index: usize) -> T {
        self.0.remove(index)
    }

    /// Removes all elements.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> Extend<T> for List<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        self.0.extend(elements);
    }
}

impl<T> Default for &List<T> {
    fn default() -> Self {
        const { &List(Vec::new()) }
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(elements: Vec<T>) -> Self {
        Self(elements)
    }
}

impl<T, const N: usize> From<[T; N]> for List<T> {
    fn from(elements: [T; N]) -> Self {
        Self(elements.into())
    }
}

impl<T> From<List<T>> for Vec<T> {
    fn from(list: List<T>) -> Self {
        list.0
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self(elements.into_iter().collect())
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut List<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut()
    }
}

impl<T: PartialEq> PartialEq<Vec<T>> for List<T> {
    fn eq(&self, other: &Vec<T>) -> bool {
        self.0 == *other
    }
}

impl<T: PartialEq, const N: usize> PartialEq<[T; N]> for List<T> {
    fn eq(&self, other: &[T; N]) -> bool {
        self.0 == *other
    }
}
