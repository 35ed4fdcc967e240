//! Which message answers which, and how long an answer is waited for.

use std::time::Duration;

use rasline_h225::RasKind;

use crate::transaction::Retry;

/// How long a request of an endpoint waits at most.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// After how long a request is sent again, and how often (H.225.0 7.19 and what stacks do).
pub(super) const fn retries(kind: RasKind) -> Retry {
    let (seconds, left) = match kind {
        RasKind::GatekeeperRequest | RasKind::AdmissionRequest | RasKind::LocationRequest => (5, 2),
        RasKind::UnregistrationRequest | RasKind::InfoRequest => (3, 1),
        RasKind::NonStandardMessage => (3, 0),
        _ => (3, 2),
    };
    Retry::new(Duration::from_secs(seconds), left)
}

/// Whether a message of this kind answers a request of that kind.
pub(super) const fn answers(answer: RasKind, request: RasKind) -> bool {
    use RasKind as K;
    matches!(
        (request, answer),
        (_, K::UnknownMessageResponse)
            | (
                K::RegistrationRequest,
                K::RegistrationConfirm | K::RegistrationReject
            )
            | (
                K::UnregistrationRequest,
                K::UnregistrationConfirm | K::UnregistrationReject
            )
            | (
                K::AdmissionRequest,
                K::AdmissionConfirm | K::AdmissionReject | K::AdmissionConfirmSequence
            )
            | (
                K::BandwidthRequest,
                K::BandwidthConfirm | K::BandwidthReject
            )
            | (
                K::DisengageRequest,
                K::DisengageConfirm | K::DisengageReject
            )
            | (K::LocationRequest, K::LocationConfirm | K::LocationReject)
            | (K::InfoRequest, K::InfoRequestResponse)
            | (
                K::InfoRequestResponse,
                K::InfoRequestAck | K::InfoRequestNak
            )
            | (K::ResourcesAvailableIndicate, K::ResourcesAvailableConfirm)
            | (K::ServiceControlIndication, K::ServiceControlResponse)
            | (K::NonStandardMessage, K::NonStandardMessage)
    )
}
