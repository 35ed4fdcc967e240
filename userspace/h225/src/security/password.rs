//! MD5 of password, time stamp and identifier (cryptoEPPwdHash and cryptoGKPwdHash, H.225.0 7.6; H.235.0 8.2).
//!
//! The hash is over the encoding of a ClearToken with these three. Stacks in use end its two texts with NUL; by the
//! letter of the standard they do not end with it. Both are accepted; texts with NUL are sent.

use md5::{Digest, Md5};
use rasn::types::BitString;
use subtle::{Choice, ConstantTimeEq};

use super::{Claim, Key, Mechanism, name, oid};
use crate::EncodeError;
use crate::messages::alias;
use crate::text::{from_alias, from_bmp, to_bmp};
use crate::types::{
    ClearToken, CryptoH323Token, CryptoH323TokenCryptoEpPwdHash, CryptoH323TokenCryptoGkPwdHash,
    Hashed, ObjectIdentifier, Params,
};

/// MD5: {iso member-body US rsadsi digestAlgorithm 5}.
const MD5: &[u32] = &[1, 2, 840, 113_549, 2, 5];
/// Length of a hash in octets.
const LENGTH: usize = 16;

pub(super) fn algorithm() -> ObjectIdentifier {
    oid(MD5)
}

/// The token of a gatekeeper, or of an endpoint.
pub(super) fn token(
    key: &Key<'_>,
    time_stamp: u32,
    gatekeeper: bool,
) -> Result<CryptoH323Token, EncodeError> {
    let identifier = name(key.identifier);
    let token = Hashed {
        algorithm_oid: algorithm(),
        params: Params {
            ran_int: None,
            iv8: None,
            iv16: None,
            iv: None,
            clear_salt: None,
        },
        hash: BitString::from_slice(&hash(identifier, key.password, time_stamp, "\0")?),
    };
    Ok(if gatekeeper {
        CryptoH323Token::CryptoGkPwdHash(CryptoH323TokenCryptoGkPwdHash {
            gatekeeper_id: to_bmp(identifier)?,
            time_stamp,
            token,
        })
    } else {
        CryptoH323Token::CryptoEpPwdHash(CryptoH323TokenCryptoEpPwdHash {
            alias: alias(identifier)?,
            time_stamp,
            token,
        })
    })
}

pub(super) fn claim(token: &CryptoH323Token) -> Option<Claim> {
    let (identifier, unix, _) = parts(token)?;
    Some(Claim {
        mechanism: Mechanism::Md5,
        identifier,
        peer: String::new(),
        unix,
        random: 0,
    })
}

/// Whether the token was made with this password.
pub(super) fn holds(token: &CryptoH323Token, key: &Key<'_>, unix: u32) -> bool {
    let Some((_, _, found)) = parts(token) else {
        return false;
    };
    // Both are computed, so that the time does not show which one matches.
    let mut same = Choice::from(0);
    for end in ["\0", ""] {
        if let Ok(hash) = hash(name(key.identifier), key.password, unix, end) {
            same |= hash.ct_eq(&found);
        }
    }
    same.into()
}

/// Identifier, time stamp and hash.
fn parts(token: &CryptoH323Token) -> Option<(String, u32, [u8; LENGTH])> {
    let (identifier, unix, token) = match token {
        CryptoH323Token::CryptoEpPwdHash(hashed) => {
            let endpoint = from_alias(&hashed.alias)?;
            (endpoint, hashed.time_stamp, &hashed.token)
        }
        CryptoH323Token::CryptoGkPwdHash(hashed) => {
            let gatekeeper = from_bmp(&hashed.gatekeeper_id);
            (gatekeeper, hashed.time_stamp, &hashed.token)
        }
        _ => return None,
    };
    if token.algorithm_oid != algorithm() {
        return None;
    }
    let found = octets(&token.hash)?;
    Some((name(&identifier).to_owned(), unix, found))
}

/// The octets of a bit string of exactly this length.
pub(super) fn octets<const N: usize>(bits: &BitString) -> Option<[u8; N]> {
    if bits.len() != 8 * N {
        return None;
    }
    let mut octets = [0; N];
    for (at, bit) in bits.iter().by_vals().enumerate() {
        octets[at / 8] |= u8::from(bit) << (7 - at % 8);
    }
    Some(octets)
}

/// Hashes the three values; `end` is appended to the two texts.
fn hash(
    identifier: &str,
    password: &str,
    time_stamp: u32,
    end: &str,
) -> Result<[u8; LENGTH], EncodeError> {
    let text = |text: &str| to_bmp(&format!("{text}{end}"));
    let clear = ClearToken {
        time_stamp: Some(time_stamp),
        password: Some(text(password)?),
        general_id: Some(text(identifier)?),
        ..ClearToken::new(oid(&[0, 0]))
    };
    let octets = crate::per::encode(&clear)
        .map_err(|error| EncodeError::Constraint(error.kind.to_string()))?;
    Ok(Md5::digest(octets).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The encoding that is hashed, and a hash that a gatekeeper in use sent and accepted.
    #[test]
    fn hashes_as_others_do() {
        let made = hash("ChildGK", "secret", 1_795_230_382, "\0").expect("encodes");
        let sent = 0x182a_9c27_27ad_0c8b_1814_210d_5c23_d2a7_u128;
        assert_eq!(made, sent.to_be_bytes());
    }

    #[test]
    fn octets_of_bits() {
        let bits = BitString::from_slice(&[0x80, 0x01]);
        assert_eq!(octets(&bits), Some([0x80, 0x01]));
        assert_eq!(octets::<1>(&bits), None);
        assert_eq!(octets::<3>(&bits), None);
    }
}
