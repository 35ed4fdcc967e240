//! Q.931 messages in TPKTs (H.225.0 7.3, RFC 1006), as far as a call-signalling connection without calls needs them:
//! whole messages out of a stream, their header, STATUS ENQUIRY and STATUS.
//!
//! Invariants: any octets give a value or an error; a [`Stream`] keeps less than one TPKT, at most 64 KiB.

/// Protocol discriminator of Q.931.
const Q931: u8 = 0x08;
/// Version of a TPKT, and the reserved octet.
const TPKT: [u8; 2] = [3, 0];
/// Octets of a TPKT's own header.
const TPKT_HEADER: usize = 4;
/// Message type STATUS ENQUIRY.
pub const STATUS_ENQUIRY: u8 = 0x75;
/// Message type STATUS.
pub const STATUS: u8 = 0x7d;
/// Cause: response to STATUS ENQUIRY (Q.850 30).
pub const RESPONSE_TO_STATUS_ENQUIRY: u8 = 30;
/// Call state: null (Q.931 U0), no such call.
pub const NULL: u8 = 0;
/// Information element: cause.
const CAUSE: u8 = 0x08;
/// Information element: call state.
const CALL_STATE: u8 = 0x14;

/// Call reference of Q.931.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallReference {
    /// Value, 15 bits; 0 is the global call reference, which stands for no particular call.
    pub value: u16,
    /// The flag: whether the message is sent to the side that made the call.
    pub to_originator: bool,
}

impl CallReference {
    /// The global call reference.
    pub const GLOBAL: Self = Self {
        value: 0,
        to_originator: false,
    };

    /// The reference of the same call in the other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            value: self.value,
            to_originator: !self.to_originator,
        }
    }
}

/// Header of a Q.931 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Call reference.
    pub reference: CallReference,
    /// Message type, as on the wire.
    pub message_type: u8,
}

/// Reads the header of a message without its TPKT; `None` if it is not Q.931, or its call reference is not of the two
/// octets of H.225.0.
#[must_use]
pub fn header(message: &[u8]) -> Option<Header> {
    let &[Q931, 2, high, low, message_type, ..] = message else {
        return None;
    };
    Some(Header {
        reference: CallReference {
            value: u16::from_be_bytes([high & 0x7f, low]),
            to_originator: high & 0x80 != 0,
        },
        // The highest bit is reserved for extension.
        message_type: (message_type & 0x80 == 0).then_some(message_type)?,
    })
}

/// Builds a STATUS ENQUIRY in a TPKT.
#[must_use]
pub fn status_enquiry(reference: CallReference) -> Vec<u8> {
    tpkt(reference, STATUS_ENQUIRY, &[])
}

/// Builds a STATUS in a TPKT (coding standard ITU-T, location user). Uses seven bits of the cause and six of the call
/// state.
#[must_use]
pub fn status(reference: CallReference, cause: u8, call_state: u8) -> Vec<u8> {
    let elements = [
        CAUSE,
        2,
        0x80,
        0x80 | cause,
        CALL_STATE,
        1,
        call_state & 0x3f,
    ];
    tpkt(reference, STATUS, &elements)
}

fn tpkt(reference: CallReference, message_type: u8, elements: &[u8]) -> Vec<u8> {
    let [high, low] = (reference.value & 0x7fff).to_be_bytes();
    let flag = if reference.to_originator { 0x80 } else { 0 };
    let length = (TPKT_HEADER + 5 + elements.len()) as u16;
    let mut octets = TPKT.to_vec();
    octets.extend(length.to_be_bytes());
    octets.extend([Q931, 2, high | flag, low, message_type]);
    octets.extend(elements);
    octets
}

/// A stream contains something other than TPKTs, so the start of the next message is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no TPKT, but {0:02x?}")]
pub struct NotTpkt(
    /// The octets found in place of a TPKT header.
    pub [u8; TPKT_HEADER],
);

/// Reassembles the messages of a stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Octets of an incomplete TPKT.
    rest: Vec<u8>,
}

impl Stream {
    /// Adds received octets and returns the complete messages without their TPKTs. An empty one, which H.460.18 uses to
    /// keep a connection alive, is returned, too.
    ///
    /// # Errors
    /// When the octets are not a TPKT. The stream cannot be used after that.
    pub fn take(&mut self, octets: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), NotTpkt> {
        self.rest.extend_from_slice(octets);
        let mut at = 0;
        while let Some(&[a, b, high, low]) = self.rest[at..].first_chunk() {
            let length = usize::from(u16::from_be_bytes([high, low]));
            if [a, b] != TPKT || length < TPKT_HEADER {
                return Err(NotTpkt([a, b, high, low]));
            }
            let Some(message) = self.rest.get(at + TPKT_HEADER..at + length) else {
                break;
            };
            each(message);
            at += length;
        }
        self.rest.drain(..at);
        Ok(())
    }

    /// Number of octets of an incomplete message.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.rest.len()
    }
}
