//! Changes of single fields in raw messages.
//!
//! Real stacks cut the extension bitmap and send additions that this crate does not model, so a decoded and encoded
//! message differs from the received one. Patching keeps every octet except those of the field.

use crate::types::{RasMessage, RegistrationConfirm};
use crate::{decode_ras, encode_ras};

/// Why a raw message cannot be patched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// It is not an RCF, or does not decode.
    #[error("not a registrationConfirm")]
    NotRcf,
    /// timeToLive is 1 to 2^32-1 seconds.
    #[error("timeToLive of 0 seconds")]
    Zero,
    /// The RCF has no timeToLive to replace.
    #[error("registrationConfirm without timeToLive")]
    NoTimeToLive,
    /// It carries tokens or an integrity check value, which a change would break.
    #[error("registrationConfirm is secured")]
    Secured,
    /// It is not encoded canonically, so it is left unchanged.
    #[error("registrationConfirm is not canonically encoded: {0}")]
    NotCanonical(&'static str),
    /// The patched message does not decode to the same RCF with the new timeToLive.
    #[error("patched registrationConfirm does not decode to what was meant")]
    Verify,
}

/// The addition timeToLive of RegistrationConfirm (bit 0 is alternateGatekeeper).
const TIME_TO_LIVE: usize = 1;
/// The extension bit of a SEQUENCE that follows a five-bit CHOICE index and its extension bit.
const EXTENDED: u8 = 0x02;

/// Replaces timeToLive in a raw RCF and keeps every other octet, including additions that this crate does not
/// know and octets after the message.
///
/// # Errors
/// When `raw` is not an RCF with a timeToLive, is secured, or is not encoded canonically. The message should then be
/// sent on unchanged.
pub fn rcf_time_to_live(raw: &[u8], seconds: u32) -> Result<Vec<u8>, PatchError> {
    if seconds == 0 {
        return Err(PatchError::Zero);
    }
    let Ok(RasMessage::RegistrationConfirm(rcf)) = decode_ras(raw) else {
        return Err(PatchError::NotRcf);
    };
    if rcf.tokens.is_some() || rcf.crypto_tokens.is_some() || rcf.integrity_check_value.is_some() {
        return Err(PatchError::Secured);
    }
    if rcf.time_to_live.is_none() {
        return Err(PatchError::NoTimeToLive);
    }
    let additions = root_length(raw, &rcf)?;
    let field = time_to_live_field(raw, additions)?;
    let mut patched = raw[..field.start].to_vec();
    patched.extend_from_slice(&open_type(seconds));
    patched.extend_from_slice(&raw[field.end..]);
    verify(&patched, rcf, seconds)?;
    Ok(patched)
}

/// The length of the root, which ends octet aligned with endpointIdentifier: the additions follow it.
fn root_length(raw: &[u8], rcf: &RegistrationConfirm) -> Result<usize, PatchError> {
    let root = encode_ras(&RasMessage::RegistrationConfirm(root_only(rcf)))
        .map_err(|_| PatchError::NotCanonical("root does not encode"))?;
    let same = raw.len() > root.len()
        && raw[0] & EXTENDED != 0
        && raw[0] & !EXTENDED == root[0]
        && raw[1..root.len()] == root[1..];
    if same {
        Ok(root.len())
    } else {
        Err(PatchError::NotCanonical("root"))
    }
}

/// The RCF without its additions.
fn root_only(rcf: &RegistrationConfirm) -> RegistrationConfirm {
    RegistrationConfirm {
        protocol_identifier: rcf.protocol_identifier.clone(),
        non_standard_data: rcf.non_standard_data.clone(),
        call_signal_address: rcf.call_signal_address.clone(),
        terminal_alias: rcf.terminal_alias.clone(),
        gatekeeper_identifier: rcf.gatekeeper_identifier.clone(),
        ..RegistrationConfirm::new(rcf.request_seq_num, rcf.endpoint_identifier.clone())
    }
}

/// Walks the bitmap and the open types before timeToLive (X.691 19.7 to 19.9).
fn time_to_live_field(raw: &[u8], start: usize) -> Result<core::ops::Range<usize>, PatchError> {
    let first = *raw
        .get(start)
        .ok_or(PatchError::NotCanonical("no extension bitmap"))?;
    // A normally small length: a clear bit, then six bits of the count less one; then the bitmap.
    if first & 0x80 != 0 {
        return Err(PatchError::NotCanonical(
            "extension bitmap of more than 64 bits",
        ));
    }
    let count = usize::from(first >> 1 & 0x3f) + 1;
    let present = |bit: usize| {
        let at = 7 + bit;
        bit < count
            && raw
                .get(start + at / 8)
                .is_some_and(|octet| octet << (at % 8) & 0x80 != 0)
    };
    if !present(TIME_TO_LIVE) {
        return Err(PatchError::NotCanonical("no timeToLive in the bitmap"));
    }
    let mut at = start + (7 + count).div_ceil(8);
    for _ in (0..TIME_TO_LIVE).filter(|&bit| present(bit)) {
        at = open_type_end(raw, at)?;
    }
    Ok(at..open_type_end(raw, at)?)
}

/// Where the open type that starts at `at` ends: a length of one octet, or of two, then that many octets.
fn open_type_end(raw: &[u8], at: usize) -> Result<usize, PatchError> {
    let cut = PatchError::NotCanonical("open type is cut off");
    let first = *raw.get(at).ok_or(cut.clone())?;
    let (head, length) = match first {
        0..=0x7f => (1, usize::from(first)),
        0x80..=0xbf => {
            let second = *raw.get(at + 1).ok_or(cut.clone())?;
            (2, usize::from(first & 0x3f) << 8 | usize::from(second))
        }
        _ => return Err(PatchError::NotCanonical("fragmented open type")),
    };
    let end = at + head + length;
    if end <= raw.len() { Ok(end) } else { Err(cut) }
}

/// INTEGER (1..4294967295) as an open type: two bits of the count of octets less one, then the value less one in as few
/// octets as hold it (X.691 12.2.6).
fn open_type(seconds: u32) -> Vec<u8> {
    let value = (seconds - 1).to_be_bytes();
    let skip = value
        .iter()
        .take(3)
        .take_while(|&&octet| octet == 0)
        .count();
    let octets = &value[skip..];
    let count = octets.len() as u8;
    let mut open = vec![count + 1, (count - 1) << 6];
    open.extend_from_slice(octets);
    open
}

/// Everything but timeToLive must decode as before.
fn verify(patched: &[u8], mut rcf: RegistrationConfirm, seconds: u32) -> Result<(), PatchError> {
    rcf.time_to_live = Some(seconds);
    match decode_ras(patched) {
        Ok(RasMessage::RegistrationConfirm(now)) if now == rcf => Ok(()),
        _ => Err(PatchError::Verify),
    }
}
