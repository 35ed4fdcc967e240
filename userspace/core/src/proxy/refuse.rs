//! What a request is told that rasline cannot have answered.
//!
//! | request | not registered | no gatekeeper in time |
//! |---|---|---|
//! | RRQ | RRJ fullRegistrationRequired | RRJ resourceUnavailable |
//! | ARQ | ARJ callerNotRegistered | ARJ resourceUnavailable |
//! | BRQ | BRJ invalidPermission | BRJ insufficientResources |
//! | DRQ | DRJ notRegistered | DCF: the gatekeeper that knew the call is gone |
//! | LRQ | LRJ notRegistered | LRJ resourceUnavailable |
//! | URQ | URJ notCurrentlyRegistered | |
//! | IRR | INAK notRegistered | INAK undefinedReason |
//! | SCI | SCR notAvailable | SCR notAvailable |
//! | GRQ | GRJ terminalExcluded | GRJ resourceUnavailable |
//! | RAI, others | XRS | nothing: it is sent again when something changes |

use rasline_h225::RasKind as K;
use rasline_h225::messages::{urj, xrs};
use rasline_h225::types::{
    AdmissionReject, AdmissionRejectReason as Arj, BandRejectReason as Brj, BandwidthReject,
    DisengageConfirm, DisengageReject, DisengageRejectReason as Drj, GatekeeperReject,
    GatekeeperRejectReason as Grj, InfoRequestNak, InfoRequestNakReason as Nak, LocationReject,
    LocationRejectReason as Lrj, RasMessage as M, RegistrationReject,
    RegistrationRejectReason as Rrj, ServiceControlResponse, ServiceControlResponseResult,
    UnregRejectReason as Urj,
};

/// Octets of a message that are returned at most in an XRS: what travels unfragmented.
const RETURNED: usize = 1200;

/// Why rasline refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The endpoint is not registered here.
    NotRegistered,
    /// No gatekeeper answered in time.
    Unavailable,
}

/// The answer to a request of this kind, if it has one.
pub(super) fn refusal(kind: K, seq: u16, why: Why, payload: &[u8]) -> Option<M> {
    let known = why == Why::Unavailable;
    Some(match kind {
        K::GatekeeperRequest => M::GatekeeperReject(GatekeeperReject::new(
            seq,
            pick(known, Grj::TerminalExcluded, Grj::ResourceUnavailable),
        )),
        K::RegistrationRequest => M::RegistrationReject(RegistrationReject::new(
            seq,
            pick(
                known,
                Rrj::FullRegistrationRequired,
                Rrj::ResourceUnavailable,
            ),
        )),
        K::UnregistrationRequest => urj(seq, Urj::NotCurrentlyRegistered),
        K::AdmissionRequest => M::AdmissionReject(AdmissionReject::new(
            seq,
            pick(known, Arj::CallerNotRegistered, Arj::ResourceUnavailable),
        )),
        K::BandwidthRequest => M::BandwidthReject(BandwidthReject::new(
            seq,
            pick(known, Brj::InvalidPermission, Brj::InsufficientResources),
            0,
        )),
        K::DisengageRequest if known => M::DisengageConfirm(DisengageConfirm::new(seq)),
        K::DisengageRequest => M::DisengageReject(DisengageReject::new(seq, Drj::NotRegistered)),
        K::LocationRequest => M::LocationReject(LocationReject::new(
            seq,
            pick(known, Lrj::NotRegistered, Lrj::ResourceUnavailable),
        )),
        K::InfoRequestResponse => M::InfoRequestNak(InfoRequestNak::new(
            seq,
            pick(known, Nak::NotRegistered, Nak::UndefinedReason),
        )),
        K::ServiceControlIndication => {
            let mut scr = ServiceControlResponse::new(seq);
            scr.result = Some(ServiceControlResponseResult::NotAvailable);
            M::ServiceControlResponse(scr)
        }
        _ if known => return None,
        _ => not_understood(seq, payload),
    })
}

/// An XRS.
pub(super) fn not_understood(seq: u16, payload: &[u8]) -> M {
    xrs(seq, &payload[..payload.len().min(RETURNED)])
}

fn pick<T>(known: bool, stranger: T, member: T) -> T {
    if known { member } else { stranger }
}
