//! What the data path knows of RAS: the choice index in octet 0 and where requestSeqNum lies (H.225.0, RasMessage).

/// gatekeeperConfirm.
pub const GCF: u8 = 1;
/// registrationRequest.
pub const RRQ: u8 = 3;
/// registrationConfirm.
pub const RCF: u8 = 4;
/// registrationReject.
pub const RRJ: u8 = 5;
/// unregistrationRequest.
pub const URQ: u8 = 6;
/// unregistrationConfirm.
pub const UCF: u8 = 7;
/// admissionRequest.
pub const ARQ: u8 = 9;
/// bandwidthRequest.
pub const BRQ: u8 = 12;
/// locationRequest.
pub const LRQ: u8 = 18;
/// Not one of the root messages.
pub const EXTENSION: u8 = 0xff;

/// Octet of requestSeqNum in RRQ, RCF and RRJ (two octets).
pub const SEQ_AT: usize = 2;
/// Shortest message that is looked at: a UCF with nothing but requestSeqNum.
pub const MIN_LEN: usize = 3;
/// Shortest RRQ that can be known; no complete one is shorter.
pub const MIN_RRQ: usize = 12;

/// Choice index of the message that starts with `octet`; [`EXTENSION`] for those behind the extension mark.
#[inline(always)]
#[must_use]
pub const fn kind(octet: u8) -> u8 {
    if octet & 0x80 == 0 {
        (octet >> 2) & 0x1f
    } else {
        EXTENSION
    }
}
