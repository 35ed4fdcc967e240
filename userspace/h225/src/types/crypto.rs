//! Tokens and integrity as RAS carries them (H.225.0 7.6).

use rasn::prelude::*;

use super::{AliasAddress, CryptoToken, Encrypted, Hashed, NonStandardParameter, Signed};

/// `CryptoH323Token`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum CryptoH323Token {
    CryptoEpPwdHash(CryptoH323TokenCryptoEpPwdHash),
    CryptoGkPwdHash(CryptoH323TokenCryptoGkPwdHash),
    CryptoEpPwdEncr(Encrypted),
    CryptoGkPwdEncr(Encrypted),
    CryptoEpCert(Signed),
    CryptoGkCert(Signed),
    CryptoFastStart(Signed),
    NestedcryptoToken(CryptoToken),
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct CryptoH323TokenCryptoGkPwdHash {
    #[rasn(size("1..=128"))]
    pub gatekeeper_id: BmpString,
    #[rasn(value("1..=4294967295"))]
    pub time_stamp: u32,
    pub token: Hashed,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct CryptoH323TokenCryptoEpPwdHash {
    pub alias: AliasAddress,
    #[rasn(value("1..=4294967295"))]
    pub time_stamp: u32,
    pub token: Hashed,
}

/// `ICV`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct Icv {
    pub algorithm_oid: ObjectIdentifier,
    pub icv: BitString,
}

/// `IntegrityMechanism`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum IntegrityMechanism {
    NonStandard(NonStandardParameter),
    DigSig,
    Iso9797(ObjectIdentifier),
    NonIsoIm(NonIsoIntegrityMechanism),
}

/// `NonIsoIntegrityMechanism`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum NonIsoIntegrityMechanism {
    HMacMd5,
    HMacIso101182S(EncryptIntAlg),
    HMacIso101182L(EncryptIntAlg),
    HMacIso101183(ObjectIdentifier),
}

/// `EncryptIntAlg`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum EncryptIntAlg {
    NonStandard(NonStandardParameter),
    IsoAlgorithm(ObjectIdentifier),
}

/// `SecurityErrors`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum SecurityErrors {
    SecurityWrongSyncTime,
    SecurityReplay,
    SecurityWrongGeneralId,
    SecurityWrongSendersId,
    SecurityIntegrityFailed,
    SecurityWrongOid,
    SecurityDHmismatch,
    SecurityCertificateExpired,
    SecurityCertificateDateInvalid,
    SecurityCertificateRevoked,
    SecurityCertificateNotReadable,
    SecurityCertificateSignatureInvalid,
    SecurityCertificateMissing,
    SecurityCertificateIncomplete,
    SecurityUnsupportedCertificateAlgOid,
    SecurityUnknownCa,
}

/// `SecurityErrors2`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum SecurityErrors2 {
    SecurityWrongSyncTime,
    SecurityReplay,
    SecurityWrongGeneralId,
    SecurityWrongSendersId,
    SecurityIntegrityFailed,
    SecurityWrongOid,
}

/// `H245Security`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum H245Security {
    NonStandard(NonStandardParameter),
    NoSecurity,
    Tls(SecurityCapabilities),
    Ipsec(SecurityCapabilities),
}

/// `SecurityCapabilities`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct SecurityCapabilities {
    pub non_standard: Option<NonStandardParameter>,
    pub encryption: SecurityServiceMode,
    pub authenticaton: SecurityServiceMode,
    pub integrity: SecurityServiceMode,
}

/// `SecurityServiceMode`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum SecurityServiceMode {
    NonStandard(NonStandardParameter),
    None,
    Default,
}
