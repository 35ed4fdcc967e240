//! The ASN.1 types, one file for each family of messages (H.225.0 Annex H, H.235.0, and what they import of H.245).
//!
//! Three rules hold throughout, since the codec is silently wrong otherwise: a constraint stands on the field and not on
//! a type of its own; an addition after `...` that the standard calls mandatory is an `Option`; and a type that PER
//! encodes alike may stand in for a stricter one (`IA5String` for `PrintableString`, `OCTET STRING` for an open type).
#![allow(
    missing_docs,
    reason = "a plain transcription of ASN.1: the names are the standard's, and it describes them"
)]
#![allow(
    clippy::struct_excessive_bools,
    reason = "the standard's own SEQUENCEs of BOOLEAN"
)]
#![allow(
    clippy::new_without_default,
    reason = "`new` takes what a type must have, which for some is nothing"
)]
#![allow(
    clippy::no_effect_underscore_binding,
    reason = "what the derive macros of rasn write"
)]

mod address;
mod admission;
mod answer;
mod bandwidth;
mod capacity;
mod channel;
mod crypto;
mod disengage;
mod endpoint;
mod gatekeeper;
mod generic;
mod h245;
mod info;
pub(crate) mod list;
mod location;
mod message;
mod midcall;
mod mobile;
mod progress;
mod protocol;
mod registration;
mod security;
mod service;
mod setup;
mod signalling;
mod unregistration;

pub use rasn::types::{BmpString, Ia5String, ObjectIdentifier, OctetString};

pub use address::*;
pub use admission::*;
pub use answer::*;
pub use bandwidth::*;
pub use capacity::*;
pub use channel::*;
pub use crypto::*;
pub use disengage::*;
pub use endpoint::*;
pub use gatekeeper::*;
pub use generic::*;
pub use h245::*;
pub use info::*;
pub use list::{LISTS_BASE, LISTS_PER_OCTET, List, MAX_ELEMENTS};
pub use location::*;
pub use message::*;
pub use midcall::*;
pub use mobile::*;
pub use progress::*;
pub use protocol::*;
pub use registration::*;
pub use security::*;
pub use service::*;
pub use setup::*;
pub use signalling::*;
pub use unregistration::*;

/// H.225.0 version 6: {itu-t(0) recommendation(0) h(8) 2250 version(0) 6}.
#[must_use]
pub fn protocol_identifier() -> ObjectIdentifier {
    ObjectIdentifier::new_unchecked(vec![0, 0, 8, 2250, 0, 6].into())
}
