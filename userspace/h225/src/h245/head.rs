//! Reads the first octets of an H.245 message (H.245 Annex A, aligned PER), without decoding it.
//!
//! A message is a CHOICE of request, response, command and indication, each a CHOICE of its own. Channel and sequence
//! numbers follow at octet boundaries, so no walk through the types is needed.

/// Characters of signal; `!` is a hook flash.
pub(super) const SIGNALS: &str = "0123456789#*ABCD!";

/// What an H.245 message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Head<'a> {
    /// terminalCapabilitySet.
    TerminalCapabilitySet {
        /// sequenceNumber.
        number: u8,
        /// Whether it has no capabilities: the receiver closes its transmit channels (H.323 8.4.6).
        empty: bool,
    },
    /// terminalCapabilitySetAck.
    TerminalCapabilitySetAck {
        /// sequenceNumber of the set that is acknowledged.
        number: u8,
    },
    /// terminalCapabilitySetReject.
    TerminalCapabilitySetReject {
        /// sequenceNumber of the set that is rejected.
        number: u8,
    },
    /// masterSlaveDetermination.
    MasterSlaveDetermination,
    /// masterSlaveDeterminationAck.
    MasterSlaveDeterminationAck {
        /// Whether the receiver of the message is the master.
        master: bool,
    },
    /// masterSlaveDeterminationReject.
    MasterSlaveDeterminationReject,
    /// openLogicalChannel.
    OpenLogicalChannel {
        /// forwardLogicalChannelNumber.
        channel: u16,
    },
    /// openLogicalChannelAck.
    OpenLogicalChannelAck {
        /// forwardLogicalChannelNumber.
        channel: u16,
    },
    /// openLogicalChannelReject.
    OpenLogicalChannelReject {
        /// forwardLogicalChannelNumber.
        channel: u16,
    },
    /// closeLogicalChannel.
    CloseLogicalChannel {
        /// forwardLogicalChannelNumber.
        channel: u16,
    },
    /// closeLogicalChannelAck.
    CloseLogicalChannelAck {
        /// forwardLogicalChannelNumber.
        channel: u16,
    },
    /// requestChannelClose.
    RequestChannelClose {
        /// forwardLogicalChannelNumber.
        channel: u16,
    },
    /// requestChannelCloseAck.
    RequestChannelCloseAck {
        /// forwardLogicalChannelNumber.
        channel: u16,
    },
    /// requestChannelCloseReject.
    RequestChannelCloseReject {
        /// forwardLogicalChannelNumber.
        channel: u16,
    },
    /// roundTripDelayRequest.
    RoundTripDelayRequest {
        /// sequenceNumber.
        number: u8,
    },
    /// roundTripDelayResponse.
    RoundTripDelayResponse {
        /// sequenceNumber of the request.
        number: u8,
    },
    /// endSessionCommand.
    EndSession,
    /// userInput with digits.
    UserInput(UserInput<'a>),
    /// Any other message, and octets that are no message.
    Other,
}

/// Digits in a userInput indication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserInput<'a> {
    /// Characters of alphanumeric, usually ASCII.
    Alphanumeric(&'a [u8]),
    /// Character of signal: `0` to `9`, `#`, `*`, `A` to `D`, or `!` for a hook flash.
    Signal(char),
}

/// Reads the first octets of a message.
#[must_use]
pub fn read_head(octets: &[u8]) -> Head<'_> {
    request_or_response(octets)
        .or_else(|| command_or_indication(octets))
        .unwrap_or(Head::Other)
}

/// Requests have their index in the four low bits of the first octet, responses in these and the next bit.
fn request_or_response(octets: &[u8]) -> Option<Head<'_>> {
    let &[first, second, number, ..] = octets else {
        return None;
    };
    let channel = || {
        let &[_, _, high, low, ..] = octets else {
            return None;
        };
        // INTEGER (1..65535) less one.
        u16::from_be_bytes([high, low]).checked_add(1)
    };
    let response = 0x80 & second;
    Some(match (first, response) {
        (0x01, _) => Head::MasterSlaveDetermination,
        (0x02, _) => Head::TerminalCapabilitySet {
            number,
            // Bits: extension, multiplexCapability, capabilityTable, capabilityDescriptors.
            empty: second & 0x30 == 0,
        },
        (0x03, _) => Head::OpenLogicalChannel {
            channel: channel()?,
        },
        (0x04, _) => Head::CloseLogicalChannel {
            channel: channel()?,
        },
        (0x05, _) => Head::RequestChannelClose {
            channel: channel()?,
        },
        (0x09, _) => Head::RoundTripDelayRequest { number },
        (0x21, 0x80) => Head::TerminalCapabilitySetAck { number },
        (0x22, 0) => Head::TerminalCapabilitySetReject { number },
        (0x22, 0x80) => Head::OpenLogicalChannelAck {
            channel: channel()?,
        },
        (0x23, 0) => Head::OpenLogicalChannelReject {
            channel: channel()?,
        },
        (0x23, 0x80) => Head::CloseLogicalChannelAck {
            channel: channel()?,
        },
        (0x24, 0) => Head::RequestChannelCloseAck {
            channel: channel()?,
        },
        (0x24, 0x80) => Head::RequestChannelCloseReject {
            channel: channel()?,
        },
        (0x28, 0) => Head::RoundTripDelayResponse { number },
        _ => return None,
    })
}

/// Messages of two octets, and what has no number.
fn command_or_indication(octets: &[u8]) -> Option<Head<'_>> {
    Some(match *octets {
        [0x20, second, ..] if second & 0x80 != 0 => Head::MasterSlaveDeterminationAck {
            master: second & 0x20 == 0,
        },
        [0x21, second, ..] if second & 0x80 == 0 => Head::MasterSlaveDeterminationReject,
        // The lowest bit is the extension bit of EndSessionCommand.
        [0x4a | 0x4b, ..] => Head::EndSession,
        // alphanumeric: a root alternative, its length in an octet or two.
        [0x6d, 0x40, length @ 0..=0x7f, ref text @ ..] => alphanumeric(text, usize::from(length))?,
        [0x6d, 0x40, high @ 0x80..=0xbf, low, ref text @ ..] => {
            let length = u16::from_be_bytes([high & 0x3f, low]);
            alphanumeric(text, usize::from(length))?
        }
        // signal: an addition in an open type; the character takes eight bits behind three bits of a preamble.
        [0x6d, 0x81, 2..=0x7f, high, low, ..] => signal(high << 3 | low >> 5)?,
        _ => return None,
    })
}

fn alphanumeric(text: &[u8], length: usize) -> Option<Head<'_>> {
    let text = text.get(..length)?;
    Some(Head::UserInput(UserInput::Alphanumeric(text)))
}

fn signal(character: u8) -> Option<Head<'static>> {
    let character = char::from(character);
    SIGNALS
        .contains(character)
        .then_some(Head::UserInput(UserInput::Signal(character)))
}

/// Changes the sequenceNumber of a terminalCapabilitySet, its Ack or its Reject. Returns whether it is one.
pub fn renumber(message: &mut [u8], number: u8) -> bool {
    let is_numbered = matches!(
        read_head(message),
        Head::TerminalCapabilitySet { .. }
            | Head::TerminalCapabilitySetAck { .. }
            | Head::TerminalCapabilitySetReject { .. }
    );
    if is_numbered {
        message[2] = number;
    }
    is_numbered
}
