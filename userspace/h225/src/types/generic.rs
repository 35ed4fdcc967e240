//! The generic extensibility framework: GenericData, FeatureSet (H.225.0 7.6, H.460.1).
//!
//! The only recursive types of RAS; the decoder bounds their depth.

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{AliasAddress, TransportAddress};

/// `GenericData`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct GenericData {
    pub id: GenericIdentifier,
    #[rasn(size("1..=512"))]
    pub parameters: Option<List<EnumeratedParameter>>,
}

/// `GenericIdentifier`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum GenericIdentifier {
    #[rasn(value("0..=16383", extensible))]
    Standard(u32),
    Oid(ObjectIdentifier),
    #[rasn(size("16"))]
    NonStandard(OctetString),
}

/// `EnumeratedParameter`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct EnumeratedParameter {
    pub id: GenericIdentifier,
    pub content: Option<Content>,
}

/// `Content`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum Content {
    Raw(OctetString),
    Text(Ia5String),
    Unicode(BmpString),
    Bool(bool),
    #[rasn(value("0..=255"))]
    Number8(u8),
    #[rasn(value("0..=65535"))]
    Number16(u16),
    #[rasn(value("0..=4294967295"))]
    Number32(u32),
    Id(GenericIdentifier),
    Alias(AliasAddress),
    Transport(TransportAddress),
    #[rasn(size("1..=512"))]
    Compound(List<EnumeratedParameter>),
    #[rasn(size("1..=16"))]
    Nested(List<GenericData>),
}

/// `FeatureSet`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct FeatureSet {
    pub replacement_feature_set: bool,
    pub needed_features: Option<List<FeatureDescriptor>>,
    pub desired_features: Option<List<FeatureDescriptor>>,
    pub supported_features: Option<List<FeatureDescriptor>>,
}

/// `FeatureDescriptor`, H.225.0.
pub type FeatureDescriptor = GenericData;
