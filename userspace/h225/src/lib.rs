//! H.225.0 RAS messages: total decode and encode in aligned PER (H.225.0 versions 4 to 8).
//!
//! The entry points are not generic, so that the types are instantiated here and nowhere else.
#![deny(unsafe_code)]

mod codec;
pub mod types;

pub use codec::{DecodeError, EncodeError, MAX_MESSAGE, decode_ras, encode_ras};
pub use types::RasMessage;
