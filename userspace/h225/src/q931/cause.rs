//! Causes of Q.850: names, the information element, and which cause belongs to which ReleaseCompleteReason
//! (H.225.0 table 5).

use crate::types::ReleaseCompleteReason;

/// Cause: unallocated number.
pub const UNALLOCATED_NUMBER: u8 = 1;
/// Cause: no route to destination.
pub const NO_ROUTE_TO_DESTINATION: u8 = 3;
/// Cause: normal call clearing.
pub const NORMAL_CALL_CLEARING: u8 = 16;
/// Cause: user busy.
pub const USER_BUSY: u8 = 17;
/// Cause: no user responding.
pub const NO_USER_RESPONDING: u8 = 18;
/// Cause: no answer from the user.
pub const NO_ANSWER: u8 = 19;
/// Cause: subscriber absent.
pub const SUBSCRIBER_ABSENT: u8 = 20;
/// Cause: call rejected.
pub const CALL_REJECTED: u8 = 21;
/// Cause: destination out of order.
pub const DESTINATION_OUT_OF_ORDER: u8 = 27;
/// Cause: invalid number format.
pub const INVALID_NUMBER_FORMAT: u8 = 28;
/// Cause: response to STATUS ENQUIRY.
pub const RESPONSE_TO_STATUS_ENQUIRY: u8 = 30;
/// Cause: normal, unspecified.
pub const NORMAL_UNSPECIFIED: u8 = 31;
/// Cause: no circuit or channel available.
pub const NO_CIRCUIT_AVAILABLE: u8 = 34;
/// Cause: network out of order.
pub const NETWORK_OUT_OF_ORDER: u8 = 38;
/// Cause: temporary failure.
pub const TEMPORARY_FAILURE: u8 = 41;
/// Cause: switching equipment congestion.
pub const CONGESTION: u8 = 42;
/// Cause: resource unavailable, unspecified.
pub const RESOURCE_UNAVAILABLE: u8 = 47;
/// Cause: incompatible destination.
pub const INCOMPATIBLE_DESTINATION: u8 = 88;
/// Cause: recovery on timer expiry.
pub const TIMER_EXPIRY: u8 = 102;
/// Cause: protocol error, unspecified.
pub const PROTOCOL_ERROR: u8 = 111;
/// Cause: interworking, unspecified.
pub const INTERWORKING: u8 = 127;

/// Contents of the information element: coding standard ITU-T, location user.
pub(super) const fn contents(value: u8) -> [u8; 2] {
    [0x80, 0x80 | value]
}

/// The cause value in the contents of the information element.
pub(super) fn value(contents: &[u8]) -> Option<u8> {
    // Octet 3a, the recommendation, follows octet 3 if the highest bit of that is clear.
    match contents {
        [location, value, ..] if location & 0x80 != 0 => Some(value & 0x7f),
        [_, _, value, ..] => Some(value & 0x7f),
        _ => None,
    }
}

/// The cause that belongs to a reason.
#[must_use]
pub const fn of_reason(reason: &ReleaseCompleteReason) -> u8 {
    use ReleaseCompleteReason as Reason;
    match reason {
        Reason::NoBandwidth => NO_CIRCUIT_AVAILABLE,
        Reason::GatekeeperResources | Reason::NewConnectionNeeded => RESOURCE_UNAVAILABLE,
        Reason::UnreachableDestination => NO_ROUTE_TO_DESTINATION,
        Reason::DestinationRejection | Reason::FacilityCallDeflection => NORMAL_CALL_CLEARING,
        Reason::InvalidRevision => INCOMPATIBLE_DESTINATION,
        Reason::UnreachableGatekeeper => NETWORK_OUT_OF_ORDER,
        Reason::GatewayResources => CONGESTION,
        Reason::BadFormatAddress => INVALID_NUMBER_FORMAT,
        Reason::AdaptiveBusy => TEMPORARY_FAILURE,
        Reason::InConf => USER_BUSY,
        Reason::CalledPartyNotRegistered => SUBSCRIBER_ABSENT,
        Reason::NoPermission
        | Reason::NonStandardReason(_)
        | Reason::TunnelledSignallingRejected => INTERWORKING,
        Reason::UndefinedReason
        | Reason::SecurityDenied
        | Reason::CallerNotRegistered
        | Reason::ReplaceWithConferenceInvite(_)
        | Reason::GenericDataReason
        | Reason::NeededFeatureNotSupported
        | Reason::InvalidCid
        | Reason::SecurityError(_)
        | Reason::HopCountExceeded => NORMAL_UNSPECIFIED,
    }
}

/// The reason that belongs to a cause; undefinedReason if none does.
#[must_use]
pub const fn to_reason(cause: u8) -> ReleaseCompleteReason {
    use ReleaseCompleteReason as Reason;
    match cause {
        UNALLOCATED_NUMBER | NO_ROUTE_TO_DESTINATION => Reason::UnreachableDestination,
        NORMAL_CALL_CLEARING | CALL_REJECTED => Reason::DestinationRejection,
        USER_BUSY => Reason::InConf,
        SUBSCRIBER_ABSENT => Reason::CalledPartyNotRegistered,
        INVALID_NUMBER_FORMAT => Reason::BadFormatAddress,
        NO_CIRCUIT_AVAILABLE => Reason::NoBandwidth,
        NETWORK_OUT_OF_ORDER => Reason::UnreachableGatekeeper,
        TEMPORARY_FAILURE => Reason::AdaptiveBusy,
        CONGESTION => Reason::GatewayResources,
        RESOURCE_UNAVAILABLE => Reason::GatekeeperResources,
        INCOMPATIBLE_DESTINATION => Reason::InvalidRevision,
        INTERWORKING => Reason::NoPermission,
        _ => Reason::UndefinedReason,
    }
}
