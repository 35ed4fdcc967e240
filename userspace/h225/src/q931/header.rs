//! Call reference and message type, and the messages that consist of little more.

use super::cause::contents as cause_contents;
use super::element;

/// Protocol discriminator of Q.931.
const Q931: u8 = 0x08;
/// Length of discriminator, call reference and message type.
pub(super) const HEADER: usize = 5;

/// Message type ALERTING.
pub const ALERTING: u8 = 0x01;
/// Message type CALL PROCEEDING.
pub const CALL_PROCEEDING: u8 = 0x02;
/// Message type PROGRESS.
pub const PROGRESS: u8 = 0x03;
/// Message type SETUP.
pub const SETUP: u8 = 0x05;
/// Message type CONNECT.
pub const CONNECT: u8 = 0x07;
/// Message type SETUP ACKNOWLEDGE.
pub const SETUP_ACKNOWLEDGE: u8 = 0x0d;
/// Message type RELEASE COMPLETE.
pub const RELEASE_COMPLETE: u8 = 0x5a;
/// Message type FACILITY.
pub const FACILITY: u8 = 0x62;
/// Message type NOTIFY.
pub const NOTIFY: u8 = 0x6e;
/// Message type STATUS ENQUIRY.
pub const STATUS_ENQUIRY: u8 = 0x75;
/// Message type INFORMATION.
pub const INFORMATION: u8 = 0x7b;
/// Message type STATUS.
pub const STATUS: u8 = 0x7d;

/// Call state: null (Q.931 U0), no such call.
pub const NULL: u8 = 0;

/// Call reference of Q.931.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallReference {
    /// Value, 15 bits; 0 is the global call reference, which names no particular call.
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
    /// Call reference of the message.
    pub reference: CallReference,
    /// Message type, as on the wire.
    pub message_type: u8,
}

impl Header {
    /// The octets of the header.
    pub(super) fn octets(self) -> [u8; HEADER] {
        let [high, low] = (self.reference.value & 0x7fff).to_be_bytes();
        let flag = u8::from(self.reference.to_originator) << 7;
        [Q931, 2, high | flag, low, self.message_type]
    }
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
    let [location, value] = cause_contents(cause);
    let elements = [
        element::CAUSE,
        2,
        location,
        value,
        element::CALL_STATE,
        1,
        call_state & 0x3f,
    ];
    tpkt(reference, STATUS, &elements)
}

/// A message of a few elements in a TPKT.
fn tpkt(reference: CallReference, message_type: u8, elements: &[u8]) -> Vec<u8> {
    let header = Header {
        reference,
        message_type,
    };
    let length = (super::stream::HEADER + HEADER + elements.len()) as u16;
    let mut octets = super::stream::header(length).to_vec();
    octets.extend(header.octets());
    octets.extend(elements);
    octets
}
