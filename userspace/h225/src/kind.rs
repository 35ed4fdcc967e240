//! The kinds of RAS messages and the position of requestSeqNum in each.
//!
//! The header is read without decoding the message, so that one that does not decode can still be answered (XRS) or
//! counted by kind. Invariant, tested and fuzzed: for every message that decodes, the header agrees with the value.

use crate::types::{self, RasMessage};

/// Defines `RasKind`, the mappings between it, the CHOICE index, and [`RasMessage`], and what a `match` over messages
/// names all kinds with.
macro_rules! kinds {
    ($($variant:ident $name:literal $extension:literal $index:literal;)*) => {
        /// The kind of a RAS message: the alternative of the CHOICE.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum RasKind {
            $(
                #[doc = $name]
                $variant,
            )*
            /// Several ACF in one message (H.225.0 7.11.2).
            AdmissionConfirmSequence,
        }

        impl RasKind {
            /// Every kind, in the order of the CHOICE.
            pub const ALL: &[Self] = &[$(Self::$variant,)* Self::AdmissionConfirmSequence];

            /// The usual name: `RRQ`, `RCF`, ...
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::AdmissionConfirmSequence => "ACFs",
                }
            }

            /// The kind with this CHOICE index, either of the root alternatives or of the additions.
            #[must_use]
            pub const fn from_index(extension: bool, index: u8) -> Option<Self> {
                match (extension, index) {
                    $(($extension, $index) => Some(Self::$variant),)*
                    (true, 7) => Some(Self::AdmissionConfirmSequence),
                    _ => None,
                }
            }
        }

        /// A message by reference. Unlike [`RasMessage`], which is extensible, a `match` over it names every kind.
        #[derive(Debug, Clone, Copy)]
        pub enum RasMessageRef<'a> {
            $(
                #[doc = $name]
                $variant(&'a types::$variant),
            )*
            /// Several ACF in one message.
            AdmissionConfirmSequence(&'a [types::AdmissionConfirm]),
        }

        /// As [`RasMessageRef`], to change the message.
        #[derive(Debug)]
        pub enum RasMessageMut<'a> {
            $(
                #[doc = $name]
                $variant(&'a mut types::$variant),
            )*
            /// Several ACF in one message.
            AdmissionConfirmSequence(&'a mut [types::AdmissionConfirm]),
        }

        impl RasMessage {
            /// The message for a `match` that names every kind.
            #[must_use]
            pub fn by_ref(&self) -> RasMessageRef<'_> {
                match self {
                    $(Self::$variant(message) => RasMessageRef::$variant(message),)*
                    Self::AdmissionConfirmSequence(all) => RasMessageRef::AdmissionConfirmSequence(all),
                }
            }

            /// As [`Self::by_ref`], to change the message.
            pub fn by_mut(&mut self) -> RasMessageMut<'_> {
                match self {
                    $(Self::$variant(message) => RasMessageMut::$variant(message),)*
                    Self::AdmissionConfirmSequence(all) => RasMessageMut::AdmissionConfirmSequence(all),
                }
            }

            /// Kind of the message.
            #[must_use]
            pub const fn kind(&self) -> RasKind {
                match self {
                    $(Self::$variant(_) => RasKind::$variant,)*
                    Self::AdmissionConfirmSequence(_) => RasKind::AdmissionConfirmSequence,
                }
            }

            /// requestSeqNum, 1 to 65535. A sequence of ACF has the number of its first ACF; an empty one has 0, which
            /// is not a valid requestSeqNum.
            #[must_use]
            pub fn request_seq_num(&self) -> u16 {
                match self {
                    $(Self::$variant(message) => message.request_seq_num,)*
                    Self::AdmissionConfirmSequence(all) => all.first().map_or(0, |one| one.request_seq_num),
                }
            }

            /// Sets requestSeqNum.
            pub fn set_request_seq_num(&mut self, seq: u16) {
                match self {
                    $(Self::$variant(message) => message.request_seq_num = seq,)*
                    Self::AdmissionConfirmSequence(all) => all.iter_mut().for_each(|one| one.request_seq_num = seq),
                }
            }
        }
    };
}

kinds! {
    GatekeeperRequest "GRQ" false 0;
    GatekeeperConfirm "GCF" false 1;
    GatekeeperReject "GRJ" false 2;
    RegistrationRequest "RRQ" false 3;
    RegistrationConfirm "RCF" false 4;
    RegistrationReject "RRJ" false 5;
    UnregistrationRequest "URQ" false 6;
    UnregistrationConfirm "UCF" false 7;
    UnregistrationReject "URJ" false 8;
    AdmissionRequest "ARQ" false 9;
    AdmissionConfirm "ACF" false 10;
    AdmissionReject "ARJ" false 11;
    BandwidthRequest "BRQ" false 12;
    BandwidthConfirm "BCF" false 13;
    BandwidthReject "BRJ" false 14;
    DisengageRequest "DRQ" false 15;
    DisengageConfirm "DCF" false 16;
    DisengageReject "DRJ" false 17;
    LocationRequest "LRQ" false 18;
    LocationConfirm "LCF" false 19;
    LocationReject "LRJ" false 20;
    InfoRequest "IRQ" false 21;
    InfoRequestResponse "IRR" false 22;
    NonStandardMessage "NonStandard" false 23;
    UnknownMessageResponse "XRS" false 24;
    RequestInProgress "RIP" true 0;
    ResourcesAvailableIndicate "RAI" true 1;
    ResourcesAvailableConfirm "RAC" true 2;
    InfoRequestAck "IACK" true 3;
    InfoRequestNak "INAK" true 4;
    ServiceControlIndication "SCI" true 5;
    ServiceControlResponse "SCR" true 6;
}

impl core::fmt::Display for RasKind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// The part of a message that can be read without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Kind of the message.
    pub kind: RasKind,
    /// requestSeqNum as on the wire (the number minus one), for copying into an answer.
    pub seq_wire: [u8; 2],
    /// requestSeqNum.
    pub seq: u16,
}

/// Reads kind and requestSeqNum. `None` if it is not a RAS message of H.225.0 version 4 to 8, and for an IRR that puts
/// nonStandardData before the number and does not decode.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<Header> {
    let kind = kind_of(bytes)?;
    if is_behind(kind, bytes) {
        return behind_non_standard_data(kind, bytes);
    }
    let offset = seq_offset(kind, bytes)?;
    let seq_wire = [*bytes.get(offset)?, *bytes.get(offset + 1)?];
    let seq = u16::from_be_bytes(seq_wire).checked_add(1)?;
    Some(Header {
        kind,
        seq_wire,
        seq,
    })
}

/// Copies a message with another requestSeqNum (1 to 65535) and all other octets unchanged. `None` as for [`header`],
/// and for any IRR that puts nonStandardData before the number.
#[must_use]
pub fn renumbered(bytes: &[u8], seq: u16) -> Option<Vec<u8>> {
    let kind = kind_of(bytes)?;
    if is_behind(kind, bytes) {
        return None;
    }
    let offset = seq_offset(kind, bytes)?;
    let wire = seq.checked_sub(1)?.to_be_bytes();
    let mut octets = bytes.to_vec();
    octets.get_mut(offset..offset + 2)?.copy_from_slice(&wire);
    Some(octets)
}

fn kind_of(bytes: &[u8]) -> Option<RasKind> {
    let first = *bytes.first()?;
    if first & 0x80 == 0 {
        return RasKind::from_index(false, first >> 2);
    }
    // A normally small number: bit 6 clear, six bits of index.
    if first & 0x40 != 0 {
        return None;
    }
    RasKind::from_index(true, first & 0x3f)
}

/// Whether fields of unknown length precede the number.
fn is_behind(kind: RasKind, bytes: &[u8]) -> bool {
    kind == RasKind::InfoRequestResponse && bytes.first().is_some_and(|first| first & 1 != 0)
}

/// The position of the number otherwise.
fn seq_offset(kind: RasKind, bytes: &[u8]) -> Option<usize> {
    if *bytes.first()? & 0x80 != 0 {
        extension_offset(kind, bytes)
    } else {
        Some(root_offset(kind))
    }
}

/// The position of the number in a root message: the extension bit and the bits of the OPTIONAL components of the root
/// fill the rest of octet 0 after the CHOICE index, or that and octet 1.
const fn root_offset(kind: RasKind) -> usize {
    match kind {
        RasKind::UnregistrationConfirm
        | RasKind::UnregistrationReject
        | RasKind::AdmissionReject
        | RasKind::BandwidthConfirm
        | RasKind::BandwidthReject
        | RasKind::DisengageRequest
        | RasKind::DisengageConfirm
        | RasKind::DisengageReject
        | RasKind::LocationConfirm
        | RasKind::LocationReject
        | RasKind::NonStandardMessage
        | RasKind::UnknownMessageResponse => 1,
        _ => 2,
    }
}

/// The position of the number in an addition, which is an open type: a length, then the SEQUENCE. `None` for a length
/// longer than a datagram.
fn extension_offset(kind: RasKind, bytes: &[u8]) -> Option<usize> {
    let length = *bytes.get(1)?;
    let body = match length {
        0..=0x7f => 2,
        0x80..=0xbf => 3,
        _ => return None,
    };
    let bits = match kind {
        RasKind::ServiceControlIndication => 2,
        // A count, then the bits of the first ACF.
        RasKind::AdmissionConfirmSequence if (1..0x80).contains(bytes.get(body)?) => 2,
        RasKind::AdmissionConfirmSequence => return None,
        _ => 1,
    };
    Some(body + bits)
}

/// Decodes an IRR with nonStandardData, which precedes the number.
fn behind_non_standard_data(kind: RasKind, bytes: &[u8]) -> Option<Header> {
    let seq = crate::decode_ras(bytes).ok()?.request_seq_num();
    let seq_wire = seq.checked_sub(1)?.to_be_bytes();
    Some(Header {
        kind,
        seq_wire,
        seq,
    })
}
