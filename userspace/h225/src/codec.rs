//! The two entry points, `decode_ras` and `encode_ras` (X.691, aligned, basic).
//!
//! Total and bounded: any bytes give a value or an error, input longer than [`MAX_MESSAGE`] is refused, nesting is
//! bounded by the decoder, and so are the elements of each SEQUENCE OF and the memory of all of them
//! ([`MAX_ELEMENTS`](crate::types::MAX_ELEMENTS), [`LISTS_PER_OCTET`](crate::types::LISTS_PER_OCTET)).

use crate::RasMessage;
use crate::per;

/// The longest RAS message that is decoded or encoded, in octets: what a UDP datagram can carry. A gateway's RRQ for
/// hundreds of endpoints comes close to it, and so does the RCF that repeats its aliases.
pub const MAX_MESSAGE: usize = 65_535;

/// Why bytes cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The message is empty.
    #[error("empty message")]
    Empty,
    /// The message is longer than [`MAX_MESSAGE`].
    #[error("message of {0} octets is longer than {MAX_MESSAGE}")]
    TooLong(usize),
    /// The bytes are not aligned PER of a RAS message, or use a CHOICE alternative that is not modelled.
    #[error("not a RAS message: {0}")]
    Malformed(String),
}

/// Why a value cannot be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The encoding would be longer than [`MAX_MESSAGE`].
    #[error("message of {0} octets is longer than {MAX_MESSAGE}")]
    TooLong(usize),
    /// A field violates its constraint (length, range or alphabet).
    #[error("cannot encode: {0}")]
    Constraint(String),
}

/// Decodes one RAS message; octets after its end are ignored, as the standard requires.
///
/// # Errors
/// When the bytes are no RAS message or use a CHOICE alternative beyond H.225.0 version 8; [[`crate::header`]] may
/// still give the kind and the sequence number then.
pub fn decode_ras(bytes: &[u8]) -> Result<RasMessage, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() > MAX_MESSAGE {
        return Err(DecodeError::TooLong(bytes.len()));
    }
    per::decode(bytes).map_err(|error| DecodeError::Malformed(error.kind.to_string()))
}

/// Encodes one RAS message.
///
/// # Errors
/// When a field violates its constraint, or the message would not fit a datagram.
pub fn encode_ras(message: &RasMessage) -> Result<Vec<u8>, EncodeError> {
    let bytes =
        per::encode(message).map_err(|error| EncodeError::Constraint(error.kind.to_string()))?;
    if bytes.len() > MAX_MESSAGE {
        return Err(EncodeError::TooLong(bytes.len()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages;
    use crate::types::{
        AliasAddress, Content, Endpoint, EnumeratedParameter, GenericData, GenericIdentifier, List,
        RtpSession,
    };

    /// A UCF with GenericData in GenericData, so many levels deep.
    fn nested(levels: usize) -> RasMessage {
        let id = GenericIdentifier::Standard(0);
        let mut data = GenericData {
            id: id.clone(),
            parameters: None,
        };
        for _ in 0..levels {
            let content = Some(Content::Nested([data].into()));
            data = GenericData {
                id: id.clone(),
                parameters: Some(List::from([EnumeratedParameter {
                    id: id.clone(),
                    content,
                }])),
            };
        }
        let mut message = messages::ucf(1);
        if let RasMessage::UnregistrationConfirm(ucf) = &mut message {
            ucf.generic_data = Some([data].into());
        }
        message
    }

    #[test]
    fn nesting_is_bounded() {
        let bytes = encode_ras(&nested(16)).expect("encodes");
        assert_eq!(decode_ras(&bytes), Ok(nested(16)));
        // Far more levels than the decoder follows; the stack of a test thread (2 MiB) holds what it does follow.
        let bytes = encode_ras(&nested(100)).expect("encodes");
        assert!(matches!(decode_ras(&bytes), Err(DecodeError::Malformed(_))));
    }

    #[test]
    fn lists_are_bounded_by_the_input() {
        // A UCF whose genericData claims 16,383 entries in an open type of four octets.
        let mut bytes = encode_ras(&nested(0)).expect("encodes");
        let length = bytes.len();
        bytes[length - 4] = 0xbf;
        bytes[length - 3] = 0xff;
        assert!(decode_ras(&bytes).is_err());
        // What one octet of input can at most become in memory is a matter of the sizes of the types.
        for (name, size) in [
            ("RasMessage", size_of::<RasMessage>()),
            ("Endpoint", size_of::<Endpoint>()),
            ("RtpSession", size_of::<RtpSession>()),
            ("AliasAddress", size_of::<AliasAddress>()),
            ("GenericData", size_of::<GenericData>()),
        ] {
            println!("{name}: {size} octets");
            assert!(size < 2_048, "{name} takes {size} octets");
        }
    }

    /// An ACF with this many alternate endpoints, all empty: ten bits each.
    fn empty_elements(count: usize) -> Vec<u8> {
        let mut message = self::acf();
        message.alternate_endpoints = Some((0..count).map(|_| Endpoint::new()).collect());
        per::encode(&RasMessage::AdmissionConfirm(message)).expect("encodes")
    }

    fn acf() -> crate::types::AdmissionConfirm {
        crate::types::AdmissionConfirm::new(
            1,
            1,
            crate::types::CallModel::Direct,
            crate::text::to_transport("192.0.2.1:1720".parse().expect("an address")),
        )
    }

    #[test]
    fn empty_elements_are_no_bomb() {
        let few = empty_elements(16);
        assert!(decode_ras(&few).is_ok());
        let thousand = empty_elements(1_000);
        assert!(thousand.len() < 1_500, "{}", thousand.len());
        for bomb in [thousand, empty_elements(16_383)] {
            assert!(decode_ras(&bomb).is_err(), "{} octets", bomb.len());
        }
    }

    #[test]
    fn long_lists_of_real_elements_are_no_bombs() {
        let mut rrq = messages::Rrq {
            seq: 1,
            aliases: (0..crate::types::MAX_ELEMENTS)
                .map(|n| format!("{n}"))
                .collect(),
            ..messages::Rrq::default()
        };
        let octets = rrq.encode().expect("encodes");
        assert!(decode_ras(&octets).is_ok(), "{} octets", octets.len());
        rrq.aliases.push("one too many".into());
        assert!(decode_ras(&rrq.encode().expect("encodes")).is_err());
    }
}
