//! What the data path knows of RAS: the choice index in octet 0 and where requestSeqNum lies (H.225.0, RasMessage).

/// gatekeeperRequest.
pub const GRQ: u8 = 0;
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
/// gatekeeperReject.
pub const GRJ: u8 = 2;
/// unregistrationReject.
pub const URJ: u8 = 8;
/// admissionReject.
pub const ARJ: u8 = 11;
/// bandwidthReject.
pub const BRJ: u8 = 14;
/// disengageReject.
pub const DRJ: u8 = 17;
/// locationReject.
pub const LRJ: u8 = 20;
/// Not one of the root messages.
pub const EXTENSION: u8 = 0xff;

/// Octet of requestSeqNum in RRQ, RCF and RRJ (two octets).
pub const SEQ_AT: usize = 2;
/// Shortest message that is looked at: a UCF with nothing but requestSeqNum.
pub const MIN_LEN: usize = 3;
/// Shortest RRQ that can be known; no complete one is shorter.
pub const MIN_RRQ: usize = 12;

/// Whether a gatekeeper's message of this kind may say what the controller learns from: registrations, and alternate
/// gatekeepers.
#[inline(always)]
#[must_use]
pub const fn tells(kind: u8) -> bool {
    const KINDS: u32 = 1 << GCF
        | 1 << GRJ
        | 1 << RCF
        | 1 << RRJ
        | 1 << URQ
        | 1 << UCF
        | 1 << URJ
        | 1 << ARJ
        | 1 << BRJ
        | 1 << DRJ
        | 1 << LRJ;
    kind < 32 && KINDS >> (kind & 31) & 1 != 0
}

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
