//! Makes messages for another gatekeeper from an endpoint's own messages.

use crate::text::to_bmp;
use crate::types::{InfoRequestResponse, RasMessage, RegistrationRequest};
use crate::{decode_ras, encode_ras};

/// Why a message cannot be sent to another gatekeeper.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CarryError {
    /// It is not an RRQ, or does not decode.
    #[error("not a registrationRequest")]
    NotRrq,
    /// It carries tokens or an integrity check value, which are valid for one gatekeeper only.
    #[error("registrationRequest is secured")]
    Secured,
    /// It has content unknown to this crate, which would be lost.
    #[error("registrationRequest has unknown additions")]
    Unknown,
    /// The new message cannot be encoded.
    #[error("{0}")]
    Encode(#[from] crate::EncodeError),
}

/// Makes a full RRQ for another gatekeeper: with the endpoint's current endpointIdentifier, which that gatekeeper then
/// grants, and without the gatekeeperIdentifier of the first one.
///
/// # Errors
/// When `raw` is not an RRQ, is secured, or has content that would be lost.
pub fn registration(
    raw: &[u8],
    endpoint_identifier: &str,
    seq: u16,
) -> Result<Vec<u8>, CarryError> {
    let mut rrq = request(raw)?;
    // Real stacks cut the extension bitmap, so our encoding is at least as long if nothing is lost.
    if encode_ras(&RasMessage::RegistrationRequest(rrq.clone()))?.len() < raw.len() {
        return Err(CarryError::Unknown);
    }
    rrq.request_seq_num = seq;
    rrq.gatekeeper_identifier = None;
    rrq.endpoint_identifier = Some(to_bmp(endpoint_identifier)?);
    rrq.keep_alive = Some(false);
    Ok(encode_ras(&RasMessage::RegistrationRequest(rrq))?)
}

/// Makes an IRR without calls for the endpoint that sent this full RRQ.
///
/// # Errors
/// As [`registration`]; also when the RRQ has no rasAddress.
pub fn status(raw: &[u8], endpoint_identifier: &str, seq: u16) -> Result<Vec<u8>, CarryError> {
    let rrq = request(raw)?;
    let irr = InfoRequestResponse {
        non_standard_data: None,
        request_seq_num: seq,
        endpoint_type: rrq.terminal_type,
        endpoint_identifier: to_bmp(endpoint_identifier)?,
        ras_address: rrq
            .ras_address
            .into_iter()
            .next()
            .ok_or(CarryError::NotRrq)?,
        call_signal_address: rrq.call_signal_address,
        endpoint_alias: rrq.terminal_alias,
        per_call_info: None,
        tokens: None,
        crypto_tokens: None,
        integrity_check_value: None,
        need_response: Some(false),
        capacity: None,
        irr_status: None,
        unsolicited: Some(false),
        generic_data: None,
    };
    Ok(encode_ras(&RasMessage::InfoRequestResponse(irr))?)
}

fn request(raw: &[u8]) -> Result<RegistrationRequest, CarryError> {
    let Ok(RasMessage::RegistrationRequest(rrq)) = decode_ras(raw) else {
        return Err(CarryError::NotRrq);
    };
    if rrq.tokens.is_some() || rrq.crypto_tokens.is_some() || rrq.integrity_check_value.is_some() {
        return Err(CarryError::Secured);
    }
    Ok(rrq)
}
