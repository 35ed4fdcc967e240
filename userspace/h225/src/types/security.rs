//! Tokens, keys and parameters of H.235.0.
//!
//! What is signed is an open type and kept as its octets.

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

/// `ClearToken`, H.235.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ClearToken {
    pub token_oid: ObjectIdentifier,
    #[rasn(value("1..=4294967295"))]
    pub time_stamp: Option<u32>,
    #[rasn(size("1..=128"))]
    pub password: Option<BmpString>,
    pub dhkey: Option<DhSet>,
    #[rasn(size("8..=128"))]
    pub challenge: Option<OctetString>,
    pub random: Option<Integer>,
    pub certificate: Option<TypedCertificate>,
    #[rasn(size("1..=128"))]
    pub general_id: Option<BmpString>,
    pub non_standard: Option<H235NonStandardParameter>,
    #[rasn(extension_addition)]
    pub eckasdhkey: Option<Eckasdh>,
    #[rasn(extension_addition, size("1..=128"))]
    pub senders_id: Option<BmpString>,
    #[rasn(extension_addition)]
    pub h235_key: Option<H235Key>,
    #[rasn(extension_addition)]
    pub profile_info: Option<List<ProfileElement>>,
}

/// `CryptoToken`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum CryptoToken {
    CryptoEncryptedToken(CryptoTokenCryptoEncryptedToken),
    CryptoSignedToken(CryptoTokenCryptoSignedToken),
    CryptoHashedToken(Box<CryptoTokenCryptoHashedToken>),
    CryptoPwdEncr(Encrypted),
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct CryptoTokenCryptoHashedToken {
    pub token_oid: ObjectIdentifier,
    pub hashed_vals: ClearToken,
    pub token: Hashed,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct CryptoTokenCryptoSignedToken {
    pub token_oid: ObjectIdentifier,
    pub token: Signed,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct CryptoTokenCryptoEncryptedToken {
    pub token_oid: ObjectIdentifier,
    pub token: Encrypted,
}

/// `DHset`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct DhSet {
    #[rasn(size("0..=2048"))]
    pub halfkey: BitString,
    #[rasn(size("0..=2048"))]
    pub mod_size: BitString,
    #[rasn(size("0..=2048"))]
    pub generator: BitString,
}

/// `ECpoint`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct EcPoint {
    #[rasn(size("0..=511"))]
    pub x: Option<BitString>,
    #[rasn(size("0..=511"))]
    pub y: Option<BitString>,
}

/// `ECKASDH`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum Eckasdh {
    Eckasdhp(EckasdhEckasdhp),
    Eckasdh2(EckasdhEckasdh2),
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct EckasdhEckasdh2 {
    pub public_key: EcPoint,
    #[rasn(size("0..=511"))]
    pub field_size: BitString,
    pub base: EcPoint,
    #[rasn(size("0..=511"))]
    pub weierstrass_a: BitString,
    #[rasn(size("0..=511"))]
    pub weierstrass_b: BitString,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct EckasdhEckasdhp {
    pub public_key: EcPoint,
    #[rasn(size("0..=511"))]
    pub modulus: BitString,
    pub base: EcPoint,
    #[rasn(size("0..=511"))]
    pub weierstrass_a: BitString,
    #[rasn(size("0..=511"))]
    pub weierstrass_b: BitString,
}

/// `TypedCertificate`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct TypedCertificate {
    pub kind: ObjectIdentifier,
    pub certificate: OctetString,
}

/// `NonStandardParameter`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct H235NonStandardParameter {
    pub non_standard_identifier: ObjectIdentifier,
    pub data: OctetString,
}

/// `H235Key`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum H235Key {
    #[rasn(size("1..=2048"))]
    SecureChannel(BitString),
    SharedSecret(Encrypted),
    CertProtectedKey(Signed),
    #[rasn(extension_addition)]
    SecureSharedSecret(V3KeySyncMaterial),
}

/// `V3KeySyncMaterial`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct V3KeySyncMaterial {
    #[rasn(size("1..=128"))]
    pub general_id: Option<BmpString>,
    pub algorithm_oid: Option<ObjectIdentifier>,
    pub params: Params,
    pub encrypted_session_key: Option<OctetString>,
    pub encrypted_salting_key: Option<OctetString>,
    pub clear_salting_key: Option<OctetString>,
    pub params_salt: Option<Box<Params>>,
    pub key_derivation_oid: Option<ObjectIdentifier>,
    #[rasn(extension_addition)]
    pub generic_key_material: Option<OctetString>,
}

/// `ProfileElement`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ProfileElement {
    #[rasn(value("0..=255"))]
    pub element_id: u8,
    pub params: Option<Box<Params>>,
    pub element: Option<Element>,
}

/// `Element`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum Element {
    Octets(OctetString),
    Integer(Integer),
    Bits(BitString),
    Name(BmpString),
    Flag(bool),
}

/// `Params`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Params {
    pub ran_int: Option<Integer>,
    #[rasn(size("8"))]
    pub iv8: Option<OctetString>,
    #[rasn(extension_addition, size("16"))]
    pub iv16: Option<OctetString>,
    #[rasn(extension_addition)]
    pub iv: Option<OctetString>,
    #[rasn(extension_addition)]
    pub clear_salt: Option<OctetString>,
}

/// `HASHED`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct Hashed {
    pub algorithm_oid: ObjectIdentifier,
    pub params: Params,
    pub hash: BitString,
}

/// `ENCRYPTED`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct Encrypted {
    pub algorithm_oid: ObjectIdentifier,
    pub params: Params,
    pub encrypted_data: OctetString,
}

/// `SIGNED`, H.235.0, for any type: what is signed is kept as octets, since the signature is over them.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
pub struct Signed {
    pub to_be_signed: OctetString,
    pub algorithm_oid: ObjectIdentifier,
    pub params: Params,
    pub signature: BitString,
}

/// `AuthenticationMechanism`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum AuthenticationMechanism {
    DhExch,
    PwdSymEnc,
    PwdHash,
    CertSign,
    Ipsec,
    Tls,
    NonStandard(H235NonStandardParameter),
    #[rasn(extension_addition)]
    AuthenticationBes(AuthenticationBes),
    #[rasn(extension_addition)]
    KeyExch(ObjectIdentifier),
}

/// `AuthenticationBES`, H.235.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum AuthenticationBes {
    Default,
    Radius,
}
