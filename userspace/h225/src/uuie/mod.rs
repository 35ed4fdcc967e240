//! The PER in User-User of call signalling: H323-UserInformation (H.225.0 7.3).
//!
//! - [`decode_uuie`] and [`encode_uuie`]: whole values. Not generic, so that the types are instantiated here only.
//! - The methods of [`UserInformation`] read what a signalling proxy needs.
//! - [`build`] makes messages of a signalling proxy's own.
//! - [`patch_addresses`] and [`remove_h245_address`] change addresses and keep all else.
//!
//! Invariant: total and bounded in the same way as [`crate::decode_ras`].

mod address;
pub mod build;
mod view;

use crate::EncodeError;
use crate::{MAX_MESSAGE, per};

pub use crate::types::{UserData, UserInformation};
pub use address::{AddressField, PatchRefused, patch_addresses, remove_h245_address};

/// Why octets cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They are more than [`MAX_MESSAGE`].
    #[error("H323-UserInformation of {0} octets is longer than {MAX_MESSAGE}")]
    TooLong(usize),
    /// They are not aligned PER of the type, or use a CHOICE alternative that is not modelled.
    #[error("not an H323-UserInformation: {0}")]
    Malformed(String),
}

/// Decodes the contents of User-User behind the protocol discriminator; octets after the value are ignored.
///
/// # Errors
/// When the octets are not an H323-UserInformation, or use a CHOICE alternative beyond H.225.0 version 8.
pub fn decode_uuie(octets: &[u8]) -> Result<UserInformation, DecodeError> {
    decode(octets).map(|decoded| decoded.value)
}

fn decode(octets: &[u8]) -> Result<per::Decoded<UserInformation>, DecodeError> {
    if octets.len() > MAX_MESSAGE {
        return Err(DecodeError::TooLong(octets.len()));
    }
    per::decode_counted(octets).map_err(|error| DecodeError::Malformed(error.kind.to_string()))
}

/// Encodes the contents of User-User behind the protocol discriminator.
///
/// # Errors
/// When a field violates its constraint, or the encoding is longer than [`MAX_MESSAGE`].
pub fn encode_uuie(information: &UserInformation) -> Result<Vec<u8>, EncodeError> {
    let octets = per::encode(information)
        .map_err(|error| EncodeError::Constraint(error.kind.to_string()))?;
    if octets.len() > MAX_MESSAGE {
        return Err(EncodeError::TooLong(octets.len()));
    }
    Ok(octets)
}
