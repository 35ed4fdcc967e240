//! HMAC-SHA1-96 over the whole message (H.235.1 procedure I, all of the message: its object identifier "A").
//!
//! The hash is computed over the message with its own 96 bits zero; the key is SHA-1 of the password. In a received
//! message the 96 bits are found by their value, so that it need not be encoded again.

use hmac::{Hmac, KeyInit, Mac};
use rasn::types::{BitString, Integer};
use sha1::{Digest, Sha1};

use super::password::octets;
use super::{Claim, Key, Mechanism, name, oid};
use crate::text::{from_bmp, to_bmp};
use crate::types::{
    ClearToken, CryptoH323Token, CryptoToken, CryptoTokenCryptoHashedToken, Hashed,
    ObjectIdentifier, Params,
};
use crate::{EncodeError, RasMessage, encode_ras};

/// Length of a hash in octets.
const LENGTH: usize = 12;
/// The length determinant in front of the hash: 96 bits.
const BITS: u8 = 96;
/// Maximum number of positions tried for the hash. More than one means that the message contains copies of it.
const PLACES: usize = 4;

/// {itu-t recommendation h 235 version 2 n}, written by every version of H.235.1; any version is accepted.
const A: &[u32] = &[0, 0, 8, 235, 0, 2, 1];
const T: &[u32] = &[0, 0, 8, 235, 0, 2, 5];
const U: &[u32] = &[0, 0, 8, 235, 0, 2, 6];
/// Index of the arc with the version.
const VERSION: usize = 5;

pub(super) fn algorithm() -> ObjectIdentifier {
    oid(U)
}

/// Adds the token. Returns the encoded message.
pub(super) fn sign(
    message: &mut RasMessage,
    key: &Key<'_>,
    unix: u32,
    random: i32,
) -> Result<Vec<u8>, EncodeError> {
    // Encoded with two hashes, it differs where the hash is.
    let with = |message: &mut RasMessage, hash: [u8; LENGTH]| {
        super::put(
            message,
            Mechanism::HmacSha1,
            token(key, unix, random, hash)?,
        )?;
        encode_ras(message)
    };
    let mut raw = with(message, [0; LENGTH])?;
    let other = with(message, [0xff; LENGTH])?;
    let at = raw
        .iter()
        .zip(&other)
        .position(|(zero, one)| zero != one)
        .filter(|at| at + LENGTH <= raw.len())
        .ok_or_else(|| EncodeError::Constraint("the hash is not in the encoding".into()))?;
    let digest = mac(key.password, &[&raw]).finalize().into_bytes();
    let mut hash = [0; LENGTH];
    hash.copy_from_slice(&digest[..LENGTH]);
    super::put(
        message,
        Mechanism::HmacSha1,
        token(key, unix, random, hash)?,
    )?;
    raw[at..at + LENGTH].copy_from_slice(&hash);
    Ok(raw)
}

fn token(
    key: &Key<'_>,
    unix: u32,
    random: i32,
    hash: [u8; LENGTH],
) -> Result<CryptoH323Token, EncodeError> {
    let text = |text: &str| match name(text) {
        "" => Ok(None),
        text => to_bmp(text).map(Some),
    };
    let hashed_vals = ClearToken {
        time_stamp: Some(unix),
        random: Some(Integer::from(random)),
        general_id: text(key.peer)?,
        senders_id: text(key.identifier)?,
        ..ClearToken::new(oid(T))
    };
    let token = Hashed {
        algorithm_oid: algorithm(),
        params: Params {
            ran_int: None,
            iv8: None,
            iv16: None,
            iv: None,
            clear_salt: None,
        },
        hash: BitString::from_slice(&hash),
    };
    let hashed = CryptoTokenCryptoHashedToken {
        token_oid: oid(A),
        hashed_vals,
        token,
    };
    Ok(CryptoH323Token::NestedcryptoToken(
        CryptoToken::CryptoHashedToken(Box::new(hashed)),
    ))
}

pub(super) fn claim(token: &CryptoH323Token) -> Option<Claim> {
    let (hashed, _) = parts(token)?;
    let values = &hashed.hashed_vals;
    let identifier = values.senders_id.as_ref().map(from_bmp).unwrap_or_default();
    let peer = values.general_id.as_ref().map(from_bmp).unwrap_or_default();
    Some(Claim {
        mechanism: Mechanism::HmacSha1,
        identifier: name(&identifier).to_owned(),
        peer: name(&peer).to_owned(),
        unix: values.time_stamp?,
        random: low_bits(values.random.as_ref()?),
    })
}

/// Whether the unchanged message was made for this peer by a sender who knows the password.
pub(super) fn holds(raw: &[u8], token: &CryptoH323Token, key: &Key<'_>) -> bool {
    let Some((hashed, hash)) = parts(token) else {
        return false;
    };
    let general = hashed.hashed_vals.general_id.as_ref().map(from_bmp);
    if !key.peer.is_empty() && general.is_some_and(|general| name(&general) != name(key.peer)) {
        return false;
    }
    places(raw, &hash)
        .take(PLACES)
        .any(|at| is_mac_at(raw, at, &hash, key.password))
}

/// Possible positions of the 96 bits: PER aligns them to an octet, after their length.
fn places(raw: &[u8], hash: &[u8; LENGTH]) -> impl Iterator<Item = usize> {
    raw.windows(LENGTH + 1)
        .enumerate()
        .filter(move |(_, window)| window[0] == BITS && window[1..] == *hash)
        .map(|(at, _)| at + 1)
}

fn is_mac_at(raw: &[u8], at: usize, hash: &[u8; LENGTH], password: &str) -> bool {
    mac(password, &[&raw[..at], &[0; LENGTH], &raw[at + LENGTH..]])
        .verify_truncated_left(hash)
        .is_ok()
}

fn mac(password: &str, parts: &[&[u8]]) -> Hmac<Sha1> {
    // A key shorter than a block is filled up with zeros (RFC 2104).
    let mut key = hmac::digest::Key::<Hmac<Sha1>>::default();
    let digest = Sha1::digest(password.as_bytes());
    key[..digest.len()].copy_from_slice(&digest);
    let mut mac = Hmac::<Sha1>::new(&key);
    for part in parts {
        mac.update(part);
    }
    mac
}

/// The hashed token of procedure I and its hash.
fn parts(token: &CryptoH323Token) -> Option<(&CryptoTokenCryptoHashedToken, [u8; LENGTH])> {
    let CryptoH323Token::NestedcryptoToken(CryptoToken::CryptoHashedToken(hashed)) = token else {
        return None;
    };
    let all = is(&hashed.token_oid, A)
        && is(&hashed.hashed_vals.token_oid, T)
        && is(&hashed.token.algorithm_oid, U);
    Some((hashed, octets(&hashed.token.hash).filter(|_| all)?))
}

/// Whether two object identifiers are equal except for the version.
fn is(found: &ObjectIdentifier, wanted: &[u32]) -> bool {
    found.len() == wanted.len()
        && found
            .iter()
            .zip(wanted)
            .enumerate()
            .all(|(at, (found, wanted))| at == VERSION || found == wanted)
}

fn low_bits(value: &Integer) -> i32 {
    i64::try_from(value).map_or(0, |value| value as i32)
}
