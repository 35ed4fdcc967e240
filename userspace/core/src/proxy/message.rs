//! Messages on their way through the proxy, and where their answers go.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::RasKind;
use rasline_h225::types::{BmpString, RasMessage};

use super::Output;
use crate::transaction::RequestKey;

/// How long a request of an endpoint waits at most.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A message of an endpoint.
pub(super) struct EndpointMessage<'a> {
    pub from: SocketAddr,
    /// The service address that it was sent to.
    pub to: SocketAddr,
    pub answer_to: SocketAddr,
    pub payload: &'a [u8],
    pub kind: RasKind,
    pub seq: u16,
    pub key: RequestKey,
}

impl EndpointMessage<'_> {
    /// The answer to it with these octets.
    pub const fn answer(&self, payload: Vec<u8>) -> Output {
        Output::ToEndpoint {
            from: self.to,
            to: self.answer_to,
            payload,
        }
    }
}

/// A message of a gatekeeper.
#[derive(Clone, Copy)]
pub(super) struct GatekeeperMessage<'a> {
    pub from: SocketAddr,
    /// An address of ours, or of an endpoint.
    pub to: SocketAddr,
    pub payload: &'a [u8],
}

/// A request of a gatekeeper.
#[derive(Clone, Copy, Debug)]
pub(super) struct GatekeeperRequest {
    pub gatekeeper: SocketAddr,
    /// The address that it was sent to, which answers it.
    pub asked_at: SocketAddr,
    pub seq: u16,
    pub key: RequestKey,
}

impl GatekeeperRequest {
    /// The answer to it with these octets.
    pub const fn answer(&self, payload: Vec<u8>) -> Output {
        Output::ToGatekeeper {
            from: self.asked_at,
            to: self.gatekeeper,
            payload,
        }
    }
}

/// endpointIdentifier of a request, if it has one.
pub(super) fn endpoint_identifier(message: &RasMessage) -> Option<&BmpString> {
    use RasMessage as M;
    match message {
        M::AdmissionRequest(arq) => Some(&arq.endpoint_identifier),
        M::BandwidthRequest(brq) => Some(&brq.endpoint_identifier),
        M::DisengageRequest(drq) => Some(&drq.endpoint_identifier),
        M::LocationRequest(lrq) => lrq.endpoint_identifier.as_ref(),
        M::ResourcesAvailableIndicate(rai) => Some(&rai.endpoint_identifier),
        M::ServiceControlIndication(sci) => sci.endpoint_identifier.as_ref(),
        _ => None,
    }
}

/// Whether an answer of this kind has nothing that only one side may see, so that it can go on as it is.
pub(super) const fn has_no_identifiers(kind: RasKind) -> bool {
    matches!(
        kind,
        RasKind::BandwidthConfirm
            | RasKind::LocationConfirm
            | RasKind::ResourcesAvailableConfirm
            | RasKind::InfoRequestAck
            | RasKind::ServiceControlResponse
            | RasKind::NonStandardMessage
    )
}

/// True if an endpoint sends a message of this kind in answer to a request. Every kind is listed: one that is no answer and
/// that the proxy does not handle itself is ignored.
pub(super) const fn is_answer(kind: RasKind) -> bool {
    use RasKind as K;
    match kind {
        K::UnregistrationConfirm
        | K::UnregistrationReject
        | K::BandwidthConfirm
        | K::BandwidthReject
        | K::DisengageConfirm
        | K::DisengageReject
        | K::LocationConfirm
        | K::LocationReject
        | K::InfoRequestResponse
        | K::NonStandardMessage
        | K::UnknownMessageResponse
        | K::RequestInProgress
        | K::ServiceControlResponse => true,
        K::GatekeeperRequest
        | K::GatekeeperConfirm
        | K::GatekeeperReject
        | K::RegistrationRequest
        | K::RegistrationConfirm
        | K::RegistrationReject
        | K::UnregistrationRequest
        | K::AdmissionRequest
        | K::AdmissionConfirm
        | K::AdmissionConfirmSequence
        | K::AdmissionReject
        | K::BandwidthRequest
        | K::DisengageRequest
        | K::LocationRequest
        | K::InfoRequest
        | K::ResourcesAvailableIndicate
        | K::ResourcesAvailableConfirm
        | K::InfoRequestAck
        | K::InfoRequestNak
        | K::ServiceControlIndication => false,
    }
}
