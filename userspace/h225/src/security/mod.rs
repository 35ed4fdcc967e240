//! H.235 in RAS: authentication of messages by a password that both sides know.
//!
//! Two mechanisms: the MD5 hash of a password with a time stamp (cryptoEPPwdHash, cryptoGKPwdHash of H.225.0; H.235.0
//! 8.2), which shows that the sender knew the password at that time and nothing about the rest of the message, and
//! HMAC-SHA1-96 over the whole message (H.235.1 procedure I). The raw message is verified, since real stacks encode the
//! same values differently from this crate.
//!
//! The caller checks whether the time stamp is fresh and the message new: [`Claim`] has the values for that.

mod integrity;
mod password;
mod slot;

use std::borrow::Cow;

use crate::types::{AuthenticationMechanism, CryptoH323Token, ObjectIdentifier};
use crate::{EncodeError, RasMessage, encode_ras};

/// How a message is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// MD5 of password, time stamp and identifier.
    Md5,
    /// HMAC-SHA1-96 over the whole message.
    HmacSha1,
}

impl Mechanism {
    /// Its value in algorithmOIDs of GRQ and algorithmOID of GCF.
    #[must_use]
    pub fn algorithm(self) -> ObjectIdentifier {
        match self {
            Self::Md5 => password::algorithm(),
            Self::HmacSha1 => integrity::algorithm(),
        }
    }

    /// Its value in authenticationCapability of GRQ and authenticationMode of GCF, the same for both mechanisms.
    #[must_use]
    pub const fn authentication(self) -> AuthenticationMechanism {
        AuthenticationMechanism::PwdHash
    }
}

/// Credentials that both sides know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// Name of the sender: for MD5 the alias (a gatekeeper: its gatekeeperIdentifier), for HMAC sendersID, which is
    /// endpointIdentifier once there is one. At most 127 characters.
    pub identifier: &'a str,
    /// Name of the receiver (generalID with HMAC): gatekeeperIdentifier, or endpointIdentifier. Empty: neither sent nor
    /// checked.
    pub peer: &'a str,
    /// The password, at most 127 characters.
    pub password: &'a str,
}

/// Omits the password, so that it does not reach a log.
impl core::fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Key")
            .field("identifier", &self.identifier)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// The sender that a message claims, unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Mechanism of the token.
    pub mechanism: Mechanism,
    /// Claimed sender, see [`Key::identifier`]. With HMAC a message may omit it; then it is the message's own
    /// endpointIdentifier, else its first alias, else empty.
    pub identifier: String,
    /// Claimed receiver: generalID with HMAC; empty with MD5, or if it is omitted.
    pub peer: String,
    /// Time stamp, UNIX time in seconds.
    pub unix: u32,
    /// Distinguishes the messages of one second: the low 32 bits of random; with MD5 always 0.
    pub random: i32,
}

/// Adds the token to the message. Returns the octets to send, which must not be changed.
///
/// It replaces an earlier token of the same mechanism. With both mechanisms add HMAC last, as it covers
/// everything. MD5 is cryptoGKPwdHash in what only gatekeepers send (GCF, RCF, IRQ, ...), else cryptoEPPwdHash.
///
/// # Errors
/// When the kind has no cryptoTokens, `unix` is 0, a text is too long, or the message does not encode.
pub fn sign(
    message: &mut RasMessage,
    mechanism: Mechanism,
    key: &Key<'_>,
    unix: u32,
    random: i32,
) -> Result<Vec<u8>, EncodeError> {
    if unix == 0 {
        return Err(EncodeError::Constraint("timeStamp of 0".into()));
    }
    match mechanism {
        Mechanism::Md5 => {
            let token = password::token(key, unix, slot::is_gatekeepers(message))?;
            put(message, mechanism, token)?;
            encode_ras(message)
        }
        Mechanism::HmacSha1 => integrity::sign(message, key, unix, random),
    }
}

/// The claimed sender, by the stronger mechanism if the message has tokens of both.
#[must_use]
pub fn claim(message: &RasMessage) -> Option<Claim> {
    claim_by(message, Mechanism::HmacSha1).or_else(|| claim_by(message, Mechanism::Md5))
}

/// The claimed sender by this mechanism.
#[must_use]
pub fn claim_by(message: &RasMessage, mechanism: Mechanism) -> Option<Claim> {
    tokens(message).find_map(|token| match mechanism {
        Mechanism::Md5 => password::claim(token),
        Mechanism::HmacSha1 => {
            let mut claim = integrity::claim(token)?;
            if claim.identifier.is_empty() {
                claim.identifier = slot::own_name(message).unwrap_or_default();
            }
            Some(claim)
        }
    })
}

/// Whether the first token of this mechanism, the one of [`claim_by`], is of [`Key::identifier`] and made with this
/// password. `raw` is the message as it came.
#[must_use]
pub fn verify(raw: &[u8], message: &RasMessage, mechanism: Mechanism, key: &Key<'_>) -> bool {
    let Some(claim) = claim_by(message, mechanism) else {
        return false;
    };
    if claim.identifier != name(key.identifier) {
        return false;
    }
    match mechanism {
        Mechanism::Md5 => tokens(message)
            .find(|token| password::claim(token).is_some())
            .is_some_and(|token| password::holds(token, key, claim.unix)),
        Mechanism::HmacSha1 => tokens(message)
            .find(|token| integrity::claim(token).is_some())
            .is_some_and(|token| integrity::holds(raw, token, key)),
    }
}

fn tokens(message: &RasMessage) -> impl Iterator<Item = &CryptoH323Token> {
    slot::get(message).into_iter().flatten()
}

/// Adds the token after all others, and removes other tokens of its mechanism.
fn put(
    message: &mut RasMessage,
    mechanism: Mechanism,
    token: CryptoH323Token,
) -> Result<(), EncodeError> {
    let tokens = slot::get_mut(message)
        .ok_or_else(|| EncodeError::Constraint("no cryptoTokens in this kind".into()))?
        .get_or_insert_default();
    tokens.retain(|old| match mechanism {
        Mechanism::Md5 => password::claim(old).is_none(),
        Mechanism::HmacSha1 => integrity::claim(old).is_none(),
    });
    tokens.push(token);
    Ok(())
}

/// A name without the trailing NUL that some stacks send.
fn name(text: &str) -> &str {
    text.trim_end_matches('\0')
}

fn oid(arcs: &'static [u32]) -> ObjectIdentifier {
    ObjectIdentifier::new_unchecked(Cow::Borrowed(arcs))
}
