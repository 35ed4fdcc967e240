//! H.225.0 RAS and call signalling: total decode and encode in aligned PER (H.225.0 versions 4 to 8).
//!
//! - [`decode_ras`] and [`encode_ras`]: whole messages. Not generic, so that the types are instantiated here only.
//! - [`header`]: kind and requestSeqNum of a message, without decoding it.
//! - [`view`]: the content that the state machines need, without ASN.1 types.
//! - [`patch`]: changes single fields of raw messages and keeps every other octet.
//! - [`messages`]: builds messages from simple values.
//! - [`carry`]: makes messages for another gatekeeper from an endpoint's own messages.
//! - [`q931`]: call signalling: TPKTs, messages, information elements, causes.
//! - [`uuie`]: the contents of User-User in call signalling, H323-UserInformation.
//! - [`h245`]: the first octets of H.245 messages, and messages of a signalling proxy.
//! - [`security`]: authentication of messages (H.235).
//! - [`text`]: converts between ASN.1 values and text or addresses.
//! - [`types`]: the ASN.1 itself.
#![deny(unsafe_code)]

pub mod carry;
mod codec;
mod exchange;
pub mod h245;
mod kind;
pub mod messages;
pub mod patch;
mod per;
pub mod q931;
pub mod security;
pub mod text;
pub mod types;
pub mod uuie;
pub mod view;

pub use codec::{DecodeError, EncodeError, MAX_MESSAGE, decode_ras, encode_ras};
pub use exchange::{Exchange, Sender};
pub use kind::{Header, RasKind, RasMessageMut, RasMessageRef, header, renumbered};
pub use types::RasMessage;
