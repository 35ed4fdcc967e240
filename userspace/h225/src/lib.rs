//! H.225.0 RAS messages: total decode and encode in aligned PER (H.225.0 versions 4 to 8).
//!
//! - [`decode_ras`] and [`encode_ras`]: whole messages. Not generic, so that the types are instantiated here only.
//! - [`header`]: kind and requestSeqNum of a message that need not decode.
//! - [`view`]: what the state machines want to know, without ASN.1 types.
//! - [`patch`]: changes of single fields in raw messages that keep every other octet.
//! - [`build`]: messages from simple values.
//! - [`carry`]: an endpoint's own messages for another gatekeeper.
//! - [`q931`]: call signalling without calls: TPKT, headers, Status Enquiry.
//! - [`security`]: proof of who sent a message.
//! - [`text`]: between ASN.1 values and the ones that people use.
//! - [`types`]: the ASN.1 itself.
#![deny(unsafe_code)]

pub mod build;
pub mod carry;
mod codec;
mod kind;
pub mod patch;
pub mod q931;
pub mod security;
pub mod text;
pub mod types;
pub mod view;

pub use codec::{DecodeError, EncodeError, MAX_MESSAGE, decode_ras, encode_ras};
pub use kind::{Header, RasKind, header, renumbered};
pub use types::RasMessage;
