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

/// Choice index of the last request of this kind.
const LAST_REQUEST: u8 = LRQ;
/// infoRequestResponse's successor but one: unknownMessageResponse.
pub const XRS: u8 = 24;

/// Whether a message of this kind asks a gatekeeper for an answer: GRQ, RRQ, URQ, ARQ, BRQ, DRQ, LRQ. Their confirm and
/// reject have the two choice indices that follow.
#[inline(always)]
#[must_use]
pub const fn is_request(kind: u8) -> bool {
    kind <= LAST_REQUEST && kind.is_multiple_of(3)
}

/// Bit of a request of this kind in [`Gatekeeper::answers`](rasline_abi::Gatekeeper::answers) and what else has one for each
/// kind of request.
#[inline(always)]
#[must_use]
pub const fn request_bit(kind: u8) -> u32 {
    kind as u32 / 3
}

/// Whether a message of this kind may answer a request of that kind: its confirm or reject, or RIP ([`EXTENSION`] here)
/// or XRS.
#[inline(always)]
#[must_use]
pub const fn answers(kind: u8, request: u8) -> bool {
    kind == request + 1 || kind == request + 2 || kind == EXTENSION || kind == XRS
}

/// Octet of requestSeqNum in a root message. It follows the choice and the bits of the sequence: where these are one or
/// two they share the octet of the choice.
#[inline(always)]
#[must_use]
pub const fn seq_at(kind: u8) -> usize {
    const FIRST: u32 = 1 << UCF
        | 1 << URJ
        | 1 << ARJ
        | 1 << 13 // BCF
        | 1 << BRJ
        | 1 << 15 // DRQ
        | 1 << 16 // DCF
        | 1 << DRJ
        | 1 << 19 // LCF
        | 1 << LRJ
        | 1 << XRS;
    if kind < 32 && FIRST >> (kind & 31) & 1 != 0 {
        1
    } else {
        SEQ_AT
    }
}

/// Octet of requestSeqNum in a confirm, reject, RIP or XRS that starts with this octet. `None`: it is another message behind
/// the extension mark. There the choice index takes one octet (0 for RIP), the length of what follows another, and the bits
/// of the sequence a third; a RIP of 128 octets and more would have a longer length, and is taken for another number's.
#[inline(always)]
#[must_use]
pub const fn answered_at(first: u8) -> Option<usize> {
    match first {
        0x80 => Some(3),
        0x81.. => None,
        _ => Some(seq_at(kind(first))),
    }
}

/// Whether a reject of this kind, with this octet behind requestSeqNum, says that the gatekeeper knows no such
/// registration: ARJ callerNotRegistered or invalidEndpointIdentifier, BRJ notBound, DRJ notRegistered, URJ
/// notCurrentlyRegistered. The octet starts with the extension bit and the reason.
#[inline(always)]
#[must_use]
pub const fn disowns(kind: u8, reason: u8) -> bool {
    match kind {
        ARJ => reason >> 4 == 4 || reason >> 4 == 6,
        BRJ => reason >> 4 == 0,
        DRJ => reason >> 6 == 0,
        URJ => reason >> 5 == 0,
        _ => false,
    }
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
