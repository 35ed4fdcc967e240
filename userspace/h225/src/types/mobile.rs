//! Aliases of mobile networks and of ISUP (H.225.0 7.6).

use rasn::prelude::*;

use super::PrivateTypeOfNumber;

/// `MobileUIM`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum MobileUim {
    Ansi41Uim(Box<Ansi41Uim>),
    GsmUim(Box<GsmUim>),
}

/// `ANSI-41-UIM`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct Ansi41Uim {
    #[rasn(size("3..=16"), from("#", "*", "0..=9", "a..=c"))]
    pub imsi: Option<Ia5String>,
    #[rasn(size("3..=16"), from("#", "*", "0..=9", "a..=c"))]
    pub min: Option<Ia5String>,
    #[rasn(size("3..=16"), from("#", "*", "0..=9", "a..=c"))]
    pub mdn: Option<Ia5String>,
    #[rasn(size("3..=16"), from("#", "*", "0..=9", "a..=c"))]
    pub msisdn: Option<Ia5String>,
    #[rasn(size("16"), from("#", "*", "0..=9", "a..=c"))]
    pub esn: Option<Ia5String>,
    #[rasn(size("3..=16"), from("#", "*", "0..=9", "a..=c"))]
    pub mscid: Option<Ia5String>,
    pub system_id: Ansi41UimSystemId,
    #[rasn(size("1"))]
    pub system_my_type_code: Option<OctetString>,
    #[rasn(size("1"))]
    pub system_access_type: Option<OctetString>,
    #[rasn(size("1"))]
    pub qualification_information_code: Option<OctetString>,
    #[rasn(size("16"), from("#", "*", "0..=9", "a..=c"))]
    pub sesn: Option<Ia5String>,
    #[rasn(size("3..=16"), from("#", "*", "0..=9", "a..=c"))]
    pub soc: Option<Ia5String>,
}

/// An anonymous type within its parent.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum Ansi41UimSystemId {
    #[rasn(size("1..=4"), from("#", "*", "0..=9", "a..=c"))]
    Sid(Ia5String),
    #[rasn(size("1..=4"), from("#", "*", "0..=9", "a..=c"))]
    Mid(Ia5String),
}

/// `GSM-UIM`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct GsmUim {
    #[rasn(size("3..=16"), from("#", "*", "0..=9", "a..=c"))]
    pub imsi: Option<Ia5String>,
    #[rasn(size("1..=4"))]
    pub tmsi: Option<OctetString>,
    #[rasn(size("3..=16"), from("#", "*", "0..=9", "a..=c"))]
    pub msisdn: Option<Ia5String>,
    #[rasn(size("15..=16"), from("#", "*", "0..=9", "a..=c"))]
    pub imei: Option<Ia5String>,
    #[rasn(size("1..=4"), from("#", "*", "0..=9", "a..=c"))]
    pub hplmn: Option<Ia5String>,
    #[rasn(size("1..=4"), from("#", "*", "0..=9", "a..=c"))]
    pub vplmn: Option<Ia5String>,
}

/// `IsupNumber`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum IsupNumber {
    E164Number(IsupPublicPartyNumber),
    #[rasn(size("1..=128"), from("0..=9", "A..=E"))]
    DataPartyNumber(Ia5String),
    #[rasn(size("1..=128"), from("0..=9", "A..=E"))]
    TelexPartyNumber(Ia5String),
    PrivateNumber(IsupPrivatePartyNumber),
    #[rasn(size("1..=128"), from("0..=9", "A..=E"))]
    NationalStandardPartyNumber(Ia5String),
}

/// `IsupPublicPartyNumber`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct IsupPublicPartyNumber {
    pub nature_of_address: NatureOfAddress,
    #[rasn(size("1..=128"), from("0..=9", "A..=E"))]
    pub address: Ia5String,
}

/// `IsupPrivatePartyNumber`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub struct IsupPrivatePartyNumber {
    pub private_type_of_number: PrivateTypeOfNumber,
    #[rasn(size("1..=128"), from("0..=9", "A..=E"))]
    pub address: Ia5String,
}

/// `NatureOfAddress`, H.225.0.
#[derive(AsnType, Decode, Encode, Debug, Clone, PartialEq, Eq)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub enum NatureOfAddress {
    Unknown,
    SubscriberNumber,
    NationalNumber,
    InternationalNumber,
    NetworkSpecificNumber,
    RoutingNumberNationalFormat,
    RoutingNumberNetworkSpecificFormat,
    RoutingNumberWithCalledDirectoryNumber,
}
