//! A message with its information elements.
//!
//! What is not understood stays where it is, octet by octet: unknown and repeated elements, shifts, other codesets.

use super::cause::contents as cause_contents;
use super::header::HEADER;
use super::{CallReference, Header, TooLong, element, header, to_tpkt};

/// Codeset of the elements of Q.931 and H.225.0.
const CODESET: u8 = 0;
/// Protocol discriminator of the contents of User-User: X.680 (ASN.1).
const ASN1: u8 = 0x05;
/// An element of one octet has this bit.
const SINGLE_OCTET: u8 = 0x80;
/// The upper bits of an element of one octet that changes the codeset.
const SHIFT: u8 = 0x90;
/// The bit of a shift that changes the codeset of the next element only.
const NON_LOCKING: u8 = 0x08;

/// Why octets are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// They do not start with the header of H.225.0.
    #[error("not a Q.931 message")]
    Header,
    /// An information element is longer than the rest of the message.
    #[error("information element {0:#04x} is cut off")]
    Cut(
        /// Identifier of the element.
        u8,
    ),
}

/// An information element, as in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Element {
    codeset: u8,
    /// The whole octet of an element of one octet.
    id: u8,
    contents: Box<[u8]>,
}

impl Element {
    fn is(&self, id: u8) -> bool {
        self.codeset == CODESET && self.id == id
    }

    const fn is_shift(&self) -> bool {
        self.id & 0xf0 == SHIFT
    }

    const fn is_locking_shift(&self) -> bool {
        self.is_shift() && self.id & NON_LOCKING == 0
    }

    const fn is_non_locking_shift(&self) -> bool {
        self.is_shift() && self.id & NON_LOCKING != 0
    }
}

/// A Q.931 message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Call reference of the message.
    pub reference: CallReference,
    /// Message type, as on the wire.
    pub message_type: u8,
    elements: Vec<Element>,
}

impl Message {
    /// A message without information elements.
    #[must_use]
    pub const fn new(reference: CallReference, message_type: u8) -> Self {
        Self {
            reference,
            message_type,
            elements: Vec::new(),
        }
    }

    /// Parses a message without its TPKT.
    ///
    /// # Errors
    /// When it is not Q.931 with a call reference of two octets, or an element is cut off.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let Header {
            reference,
            message_type,
        } = header(octets).ok_or(ParseError::Header)?;
        let mut elements = Vec::new();
        let (mut locked, mut current) = (CODESET, CODESET);
        let mut rest = &octets[HEADER..];
        while !rest.is_empty() {
            let element = split_element(&mut rest, current)?;
            current = if element.is_shift() {
                element.id & 0x07
            } else {
                locked
            };
            if element.is_locking_shift() {
                locked = current;
            }
            elements.push(element);
        }
        Ok(Self {
            reference,
            message_type,
            elements,
        })
    }

    /// The information elements in the order of the message: codeset, identifier, contents. An element of one octet has
    /// the whole octet as identifier and no contents. Shifts are left out, since each element has its codeset.
    pub fn elements(&self) -> impl Iterator<Item = (u8, u8, &[u8])> {
        self.elements
            .iter()
            .filter(|element| !element.is_shift())
            .map(|element| (element.codeset, element.id, &*element.contents))
    }

    /// Contents of the first element of codeset 0 with this identifier.
    #[must_use]
    pub fn element(&self, id: u8) -> Option<&[u8]> {
        self.position(id).map(|at| &*self.elements[at].contents)
    }

    /// Sets the contents of an element of codeset 0: of the first one with this identifier, or of a new one, which is
    /// inserted in ascending order of the identifiers. An element of one octet has no contents.
    pub fn set_element(&mut self, id: u8, contents: &[u8]) {
        let contents = if id & SINGLE_OCTET == 0 {
            contents
        } else {
            &[]
        }
        .into();
        if let Some(at) = self.position(id) {
            self.elements[at].contents = contents;
            return;
        }
        let at = self.place_of_new(id);
        let codeset = CODESET;
        let element = Element {
            codeset,
            id,
            contents,
        };
        self.elements.insert(at, element);
    }

    /// Where a new element of codeset 0 is inserted: before the first one with a higher identifier, while the codeset is
    /// not locked to another one.
    fn place_of_new(&self, id: u8) -> usize {
        let is_behind = |element: &Element| {
            element.is_locking_shift()
                || element.codeset == CODESET && element.id & SINGLE_OCTET == 0 && element.id > id
        };
        let at = self.elements.iter().position(is_behind);
        let before = &self.elements[..at.unwrap_or(self.elements.len())];
        // A shift for one element stays in front of that element.
        let is_other = |element: &Element| !element.is_non_locking_shift();
        before.iter().rposition(is_other).map_or(0, |last| last + 1)
    }

    /// Removes all elements of codeset 0 with this identifier.
    pub fn remove_element(&mut self, id: u8) {
        let mut kept: Vec<Element> = Vec::with_capacity(self.elements.len());
        for element in self.elements.drain(..) {
            if !element.is(id) {
                kept.push(element);
                continue;
            }
            // A shift for this element would otherwise apply to the next one.
            while kept.last().is_some_and(Element::is_non_locking_shift) {
                kept.pop();
            }
        }
        self.elements = kept;
    }

    /// The PER in User-User: H323-UserInformation.
    #[must_use]
    pub fn user_user(&self) -> Option<&[u8]> {
        match self.element(element::USER_USER)? {
            [ASN1, per @ ..] => Some(per),
            _ => None,
        }
    }

    /// Sets the PER in User-User.
    pub fn set_user_user(&mut self, per: &[u8]) {
        self.set_element(element::USER_USER, &[&[ASN1], per].concat());
    }

    /// The cause value (Q.850), seven bits.
    #[must_use]
    pub fn cause(&self) -> Option<u8> {
        super::cause::value(self.element(element::CAUSE)?)
    }

    /// Sets the cause (coding standard ITU-T, location user). Uses seven bits of the value.
    pub fn set_cause(&mut self, value: u8) {
        self.set_element(element::CAUSE, &cause_contents(value));
    }

    /// Serialises the message in a TPKT.
    ///
    /// # Errors
    /// When the message or one of its elements is too long.
    pub fn to_tpkt(&self) -> Result<Vec<u8>, TooLong> {
        let header = Header {
            reference: self.reference,
            message_type: self.message_type,
        };
        let mut octets = header.octets().to_vec();
        for element in &self.elements {
            octets.push(element.id);
            let length = element.contents.len();
            if element.is(element::USER_USER) {
                let length = u16::try_from(length).map_err(|_| TooLong(length))?;
                octets.extend(length.to_be_bytes());
            } else if element.id & SINGLE_OCTET == 0 {
                octets.push(u8::try_from(length).map_err(|_| TooLong(length))?);
            }
            octets.extend(&element.contents);
        }
        to_tpkt(&octets)
    }

    fn position(&self, id: u8) -> Option<usize> {
        self.elements.iter().position(|element| element.is(id))
    }
}

/// Splits the next element off the octets, which are not empty.
fn split_element(octets: &mut &[u8], codeset: u8) -> Result<Element, ParseError> {
    let id = octets[0];
    let cut = ParseError::Cut(id);
    let (head, length) = match *octets {
        [_, ..] if id & SINGLE_OCTET != 0 => (1, 0),
        [_, high, low, ..] if codeset == CODESET && id == element::USER_USER => {
            (3, usize::from(u16::from_be_bytes([*high, *low])))
        }
        [_, length, ..] if codeset != CODESET || id != element::USER_USER => {
            (2, usize::from(*length))
        }
        _ => return Err(cut),
    };
    let contents = octets.get(head..head + length).ok_or(cut)?.into();
    *octets = &octets[head + length..];
    Ok(Element {
        codeset,
        id,
        contents,
    })
}
