//! Messages with one value: RIP and XRS.

use crate::types::{RasMessage, RequestInProgress, UnknownMessageResponse};

/// A RIP: the answer comes within `delay_ms` milliseconds (1 to 65535).
#[must_use]
pub const fn rip(seq: u16, delay_ms: u16) -> RasMessage {
    RasMessage::RequestInProgress(RequestInProgress {
        request_seq_num: seq,
        non_standard_data: None,
        tokens: None,
        crypto_tokens: None,
        integrity_check_value: None,
        delay: delay_ms,
    })
}

/// An XRS, which returns the message that was not understood.
#[must_use]
pub fn xrs(seq: u16, message: &[u8]) -> RasMessage {
    RasMessage::UnknownMessageResponse(UnknownMessageResponse {
        request_seq_num: seq,
        tokens: None,
        crypto_tokens: None,
        integrity_check_value: None,
        message_not_understood: Some(message.to_vec().into()),
    })
}
