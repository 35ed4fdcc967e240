//! An endpoint's own messages, carried to another gatekeeper.

use crate::text::to_bmp;
use crate::types::{InfoRequestResponse, RasMessage, RegistrationRequest};
use crate::{decode_ras, encode_ras};

/// Why a message cannot be carried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CarryError {
    /// It is not an RRQ that decodes.
    #[error("not a registrationRequest")]
    NotRrq,
    /// It carries tokens or an integrity check value, which are for one gatekeeper only.
    #[error("registrationRequest is secured")]
    Secured,
    /// It has content that this crate does not know, which would be lost.
    #[error("registrationRequest has unknown additions")]
    Unknown,
    /// The new message cannot be encoded.
    #[error("{0}")]
    Encode(#[from] crate::EncodeError),
}

/// A full RRQ for another gatekeeper: with the endpointIdentifier that the endpoint has, which that one then grants,
/// too, and without the gatekeeperIdentifier of the first.
///
/// # Errors
/// When `raw` is no RRQ, is secured, or says what would be lost.
pub fn registration(
    raw: &[u8],
    endpoint_identifier: &str,
    seq: u16,
) -> Result<Vec<u8>, CarryError> {
    let mut rrq = request(raw)?;
    // Real stacks cut the extension bitmap, so that an encoding of ours is as long or longer, if nothing is lost.
    if encode_ras(&RasMessage::RegistrationRequest(rrq.clone()))?.len() < raw.len() {
        return Err(CarryError::Unknown);
    }
    rrq.request_seq_num = seq;
    rrq.gatekeeper_identifier = None;
    rrq.endpoint_identifier = Some(to_bmp(endpoint_identifier)?);
    rrq.keep_alive = Some(false);
    Ok(encode_ras(&RasMessage::RegistrationRequest(rrq))?)
}

/// The IRR, without calls, of the endpoint that sent this full RRQ.
///
/// # Errors
/// As [`registration`]; an RRQ without rasAddress cannot be reported for either.
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
