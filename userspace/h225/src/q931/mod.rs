//! Q.931 messages of call signalling (H.225.0 7.2 and 7.3) in TPKTs (RFC 1006).
//!
//! - [`Stream`] reassembles the messages of a TCP connection.
//! - [`header`] reads call reference and message type only; [`Message`] has all information elements.
//! - [`element`], [`cause`]: identifiers of information elements, and cause values.
//! - [`status_enquiry`] and [`status`] build what a connection without calls needs.
//!
//! Invariants: any octets give a value or an error; a parsed message serialises to the same octets; a [`Stream`] keeps
//! less than one TPKT.

pub mod cause;
pub mod element;
mod header;
mod message;
mod stream;

pub use header::{
    ALERTING, CALL_PROCEEDING, CONNECT, CallReference, FACILITY, Header, INFORMATION, NOTIFY, NULL,
    PROGRESS, RELEASE_COMPLETE, SETUP, SETUP_ACKNOWLEDGE, STATUS, STATUS_ENQUIRY, header, status,
    status_enquiry,
};
pub use message::{Message, ParseError};
pub use stream::{NotTpkt, Stream, StreamError, TooLong, to_tpkt};

pub use cause::RESPONSE_TO_STATUS_ENQUIRY;
