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
/// Call state: null (Q.931 U0): there is no such call.
pub const NULL: u8 = 0;
/// Information element: cause.
const CAUSE: u8 = 0x08;
/// Information element: call state.
const CALL_STATE: u8 = 0x14;

/// Whose call it is, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallReference {
    /// 15 bits; 0 is the global call reference: no call in particular.
    pub value: u16,
    /// The flag: sent to the side that made the call.
    pub to_originator: bool,
}

impl CallReference {
    /// No call in particular.
    pub const GLOBAL: Self = Self {
        value: 0,
        to_originator: false,
    };

    /// The same call, for a message in the other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            value: self.value,
            to_originator: !self.to_originator,
        }
    }
}

/// What stands at the front of every Q.931 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Its call.
    pub reference: CallReference,
    /// Message type, as on the wire.
    pub message_type: u8,
}

/// Header of a message without its TPKT; `None`: it is no Q.931, or has a call reference of another length than the two
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

/// STATUS ENQUIRY, in a TPKT.
#[must_use]
pub fn status_enquiry(reference: CallReference) -> Vec<u8> {
    tpkt(reference, STATUS_ENQUIRY, &[])
}

/// STATUS (coding standard of ITU-T, location user), in a TPKT. Seven bits of the cause and six of the call state count.
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

/// A stream that does not hold TPKTs: where it goes on is not known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no TPKT, but {0:02x?}")]
pub struct NotTpkt(
    /// What stands where its header should be.
    pub [u8; TPKT_HEADER],
);

/// Puts a stream's messages together again.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Less than one TPKT.
    rest: Vec<u8>,
}

impl Stream {
    /// Takes what came, and gives each message that is whole now, without its TPKT. An empty one, as H.460.18 uses to
    /// keep a connection alive, is given, too.
    ///
    /// # Errors
    /// When what came is no TPKT. The stream is of no use from then on.
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

    /// Octets that wait for the rest of their message.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.rest.len()
    }
}
