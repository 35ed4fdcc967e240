//! Service control: SCI, SCR (H.225.0 7.20) and its sessions.

use rasline_minimal::Minimal;
use rasn::prelude::*;

use super::List;

use super::{
    CallIdentifier, ClearToken, CryptoH323Token, FeatureSet, GenericData, Icv, NonStandardParameter,
};

/// SCI.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ServiceControlIndication {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub non_standard_data: Option<NonStandardParameter>,
    pub service_control: List<ServiceControlSession>,
    #[rasn(size("1..=128"))]
    pub endpoint_identifier: Option<BmpString>,
    pub call_specific: Option<ServiceControlIndicationCallSpecific>,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    pub integrity_check_value: Option<Icv>,
    pub feature_set: Option<Box<FeatureSet>>,
    pub generic_data: Option<List<GenericData>>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ServiceControlIndicationCallSpecific {
    pub call_identifier: CallIdentifier,
    #[rasn(size("16"))]
    pub conference_id: OctetString,
    pub answered_call: bool,
}

/// SCR.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ServiceControlResponse {
    #[rasn(value("1..=65535"))]
    pub request_seq_num: u16,
    pub result: Option<ServiceControlResponseResult>,
    pub non_standard_data: Option<NonStandardParameter>,
    pub tokens: Option<List<ClearToken>>,
    pub crypto_tokens: Option<List<CryptoH323Token>>,
    pub integrity_check_value: Option<Icv>,
    pub feature_set: Option<Box<FeatureSet>>,
    pub generic_data: Option<List<GenericData>>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum ServiceControlResponseResult {
    Started,
    Failed,
    Stopped,
    NotAvailable,
    NeededFeatureNotSupported,
}

/// `ServiceControlSession`, H.225.0.
#[derive(AsnType, Decode, Encode, Minimal, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct ServiceControlSession {
    #[rasn(value("0..=255"))]
    pub session_id: u8,
    pub contents: Option<ServiceControlDescriptor>,
    pub reason: ServiceControlSessionReason,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum ServiceControlSessionReason {
    Open,
    Refresh,
    Close,
}

/// `ServiceControlDescriptor`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum ServiceControlDescriptor {
    #[rasn(size("0..=512"))]
    Url(Ia5String),
    Signal(OctetString),
    NonStandard(NonStandardParameter),
    CallCreditServiceControl(CallCreditServiceControl),
}

/// `CallCreditServiceControl`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CallCreditServiceControl {
    #[rasn(size("1..=512"))]
    pub amount_string: Option<BmpString>,
    pub billing_mode: Option<CallCreditServiceControlBillingMode>,
    #[rasn(value("1..=4294967295"))]
    pub call_duration_limit: Option<u32>,
    pub enforce_call_duration_limit: Option<bool>,
    pub call_starting_point: Option<CallCreditServiceControlCallStartingPoint>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum CallCreditServiceControlCallStartingPoint {
    Alerting,
    Connect,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum CallCreditServiceControlBillingMode {
    Credit,
    Debit,
}

/// `CallCreditCapability`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct CallCreditCapability {
    pub can_display_amount_string: Option<bool>,
    pub can_enforce_duration_limit: Option<bool>,
}
