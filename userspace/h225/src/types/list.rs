//! SEQUENCE OF with bounds: a list is decoded only as far as [`MAX_ELEMENTS`] and the message's memory allow.
//!
//! An empty element can take ten bits on the wire and a kilobyte decoded, so the length of a message alone bounds
//! neither the time nor the memory that decoding takes. The decoder ([`crate::per`]) keeps what is left of both.

use std::ops::{Deref, DerefMut};

use rasn::prelude::*;

/// Maximum number of elements of a list.
pub const MAX_ELEMENTS: usize = 1_024;
/// Maximum memory for the elements of all lists of a message, including nested ones, in octets, ...
pub const LISTS_BASE: usize = 64 << 10;
/// ... plus this much for each octet of the message: a call in an IRR takes up to 30.
pub const LISTS_PER_OCTET: usize = 32;

/// SEQUENCE OF: used like a `Vec`, but bounded when it is decoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T>(Vec<T>);

impl<T: AsnType> AsnType for List<T> {
    const TAG: Tag = Vec::<T>::TAG;
    const TAG_TREE: rasn::types::TagTree = Vec::<T>::TAG_TREE;
    const CONSTRAINTS: Constraints = Vec::<T>::CONSTRAINTS;
    const IDENTIFIER: rasn::types::Identifier = Vec::<T>::IDENTIFIER;
}

impl<T: Decode> Decode for List<T> {
    fn decode_with_tag_and_constraints<D: Decoder>(
        decoder: &mut D,
        tag: Tag,
        constraints: &Constraints,
    ) -> Result<Self, D::Error> {
        decoder.decode_sequence_of(tag, constraints).map(Self)
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
            .encode_sequence_of(tag, &self.0, constraints, identifier)
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
