//! Which endpoint a gatekeeper's request is for: by endpointIdentifier, by call, or by the address that it was sent to.

use rasline_h225::RasMessageRef;
use rasline_h225::types::{BmpString, RasMessage};

use super::EntryId;
use super::relay::call_ref::CallReference;
use super::relay::calls::Calls;

/// The endpoint that a request is for: `resident`, at the address that it was sent to, or the one that `named` finds by
/// an endpointIdentifier of the gatekeeper's.
pub(super) fn find_addressee(
    message: &RasMessage,
    resident: Option<EntryId>,
    named: impl Fn(&BmpString) -> Option<EntryId>,
    calls: &Calls,
) -> Option<EntryId> {
    use RasMessageRef as M;
    match message.by_ref() {
        M::InfoRequest(irq) => {
            let call = CallReference::by_irq(irq);
            let found = call.and_then(|call| calls.find_endpoint(&call));
            found.or(resident)
        }
        M::BandwidthRequest(brq) => {
            named(&brq.endpoint_identifier).or_else(|| calls.find_endpoint(&brq.into()))
        }
        M::DisengageRequest(drq) => {
            named(&drq.endpoint_identifier).or_else(|| calls.find_endpoint(&drq.into()))
        }
        M::ServiceControlIndication(sci) => {
            let identifier = sci.endpoint_identifier.as_ref();
            identifier.map_or(resident, named)
        }
        M::LocationRequest(_) | M::NonStandardMessage(_) => resident,
        // No gatekeeper sends these to an endpoint, or, a URQ, it is not relayed.
        M::GatekeeperRequest(_)
        | M::RegistrationRequest(_)
        | M::UnregistrationRequest(_)
        | M::AdmissionRequest(_)
        | M::InfoRequestResponse(_)
        | M::ResourcesAvailableIndicate(_)
        | M::GatekeeperConfirm(_)
        | M::GatekeeperReject(_)
        | M::RegistrationConfirm(_)
        | M::RegistrationReject(_)
        | M::UnregistrationConfirm(_)
        | M::UnregistrationReject(_)
        | M::AdmissionConfirm(_)
        | M::AdmissionConfirmSequence(_)
        | M::AdmissionReject(_)
        | M::BandwidthConfirm(_)
        | M::BandwidthReject(_)
        | M::DisengageConfirm(_)
        | M::DisengageReject(_)
        | M::LocationConfirm(_)
        | M::LocationReject(_)
        | M::UnknownMessageResponse(_)
        | M::RequestInProgress(_)
        | M::ResourcesAvailableConfirm(_)
        | M::InfoRequestAck(_)
        | M::InfoRequestNak(_)
        | M::ServiceControlResponse(_) => None,
    }
}
