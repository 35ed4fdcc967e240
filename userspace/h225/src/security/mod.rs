//! H.235 in RAS: proof of who sent a message, by a password that both sides know.
//!
//! Two mechanisms: the MD5 hash of a password with a time stamp (cryptoEPPwdHash, cryptoGKPwdHash of H.225.0; H.235.0 8.2),
//! and HMAC-SHA1-96 over the whole message (H.235.1 procedure I). Hashes are verified over the raw message.

/// How a message shows who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// MD5 of password, time stamp and identifier.
    Md5,
    /// HMAC-SHA1-96 over the whole message.
    HmacSha1,
}
