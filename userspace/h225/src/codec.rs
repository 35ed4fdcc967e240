//! The two entry points, `decode_ras` and `encode_ras` (X.691, aligned, basic).
//!
//! Total and bounded: any bytes give a value or an error, input longer than [`MAX_MESSAGE`] is refused, nesting is bounded
//! by the decoder (128 levels), and a SEQUENCE OF is reserved only as far as the remaining input could fill it.

use crate::RasMessage;

/// The longest RAS message that is decoded or encoded, in octets: what a UDP datagram can carry, and no more.
pub const MAX_MESSAGE: usize = 65_535;

/// Why bytes are not a RAS message that this crate models.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Nothing to decode.
    #[error("empty message")]
    Empty,
    /// Longer than [`MAX_MESSAGE`].
    #[error("message of {0} octets is longer than {MAX_MESSAGE}")]
    TooLong(usize),
    /// Not aligned PER of a RAS message, or a CHOICE alternative that is not modelled.
    #[error("not a RAS message: {0}")]
    Malformed(String),
}

/// Why a value cannot be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The encoding would be longer than [`MAX_MESSAGE`].
    #[error("message of {0} octets is longer than {MAX_MESSAGE}")]
    TooLong(usize),
    /// A field breaks its constraint (length, range or alphabet).
    #[error("cannot encode: {0}")]
    Constraint(String),
}

/// Decodes one RAS message; octets after its end are tolerated, as the standard asks.
///
/// # Errors
/// When the bytes are no RAS message or use a CHOICE alternative beyond H.225.0 version 8; [[`crate::header`]] may still
/// give the kind and the sequence number then.
pub fn decode_ras(bytes: &[u8]) -> Result<RasMessage, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() > MAX_MESSAGE {
        return Err(DecodeError::TooLong(bytes.len()));
    }
    rasn::aper::decode_with_remainder::<RasMessage>(bytes)
        .map(|(message, _)| message)
        .map_err(|error| DecodeError::Malformed(error.kind.to_string()))
}

/// Encodes one RAS message.
///
/// # Errors
/// When a field breaks its constraint or the message would not fit a datagram.
pub fn encode_ras(message: &RasMessage) -> Result<Vec<u8>, EncodeError> {
    let bytes = rasn::aper::encode(message)
        .map_err(|error| EncodeError::Constraint(error.kind.to_string()))?;
    if bytes.len() > MAX_MESSAGE {
        return Err(EncodeError::TooLong(bytes.len()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build;
    use crate::types::{
        AliasAddress, Content, Endpoint, EnumeratedParameter, GenericData, GenericIdentifier,
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
            let content = Some(Content::Nested(vec![data]));
            data = GenericData {
                id: id.clone(),
                parameters: Some(vec![EnumeratedParameter {
                    id: id.clone(),
                    content,
                }]),
            };
        }
        let mut message = build::ucf(1);
        if let RasMessage::UnregistrationConfirm(ucf) = &mut message {
            ucf.generic_data = Some(vec![data]);
        }
        message
    }

    #[test]
    fn nesting_is_bounded() {
        let bytes = encode_ras(&nested(20)).expect("encodes");
        assert_eq!(decode_ras(&bytes), Ok(nested(20)));
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
}
