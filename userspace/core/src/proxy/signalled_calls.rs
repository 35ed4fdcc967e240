//! What RAS says that the machine of the calls must know, where rasline ends the call signalling of a zone.

use std::net::SocketAddr;

use rasline_h225::decode_ras;
use rasline_h225::text::from_transport;
use rasline_h225::types::{DisengageRequest, RasMessage};

use super::EntryId;
use super::downstream::EndpointSide;
use super::relay::call_ref::CallReference;
use super::upstream::GatekeeperSide;
use crate::ras_server::CallFact;

/// Where calls to and from an endpoint are signalled. `None`: rasline does not end its call signalling.
pub(super) fn registered(
    endpoint: EntryId,
    downstream: &EndpointSide,
    upstream: &GatekeeperSide,
) -> Option<CallFact> {
    let known = downstream.endpoints.get(endpoint)?;
    Some(CallFact::Registered {
        endpoint,
        signalling: known.signalling?,
        service: downstream.service_of(known)?,
        upstream: upstream.signalling_of(endpoint)?,
    })
}

/// The call that a gatekeeper's answer to this request of an endpoint lets it make.
pub(super) fn admitted(
    endpoint: EntryId,
    request: &[u8],
    answer: &RasMessage,
    gatekeeper: SocketAddr,
) -> Option<CallFact> {
    let acf = match answer {
        RasMessage::AdmissionConfirm(acf) => acf,
        RasMessage::AdmissionConfirmSequence(all) => all.first()?,
        _ => return None,
    };
    let Ok(RasMessage::AdmissionRequest(arq)) = decode_ras(request) else {
        return None;
    };
    let fact = CallFact::Admitted {
        endpoint,
        call: CallReference::from(&arq).octets()?,
        to: from_transport(&acf.dest_call_signal_address)?,
        gatekeeper,
    };
    (!arq.answer_call).then_some(fact)
}

/// The call that a gatekeeper orders an endpoint out of.
pub(super) fn disengaged(
    endpoint: EntryId,
    drq: &DisengageRequest,
    gatekeeper: SocketAddr,
) -> Option<CallFact> {
    Some(CallFact::Disengaged {
        endpoint,
        call: CallReference::from(drq).octets()?,
        gatekeeper,
    })
}
