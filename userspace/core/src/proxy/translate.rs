//! A message as the other side may see it.
//!
//! Pure. Endpoints know rasline's gatekeeperIdentifier, service address, and the endpointIdentifier that rasline gave;
//! gatekeepers know their own, and the address that messages to them come from: the endpoint's, or rasline's.

use std::net::SocketAddr;

use rasline_h225::text::to_transport;
use rasline_h225::types::{
    AdmissionRejectReason, AdmissionRequest, BmpString, RasMessage, RegistrationRejectReason,
    TransportAddress,
};
use rasline_h225::{RasMessageMut, decode_ras, encode_ras, renumbered};

/// How gatekeepers know an endpoint.
#[derive(Clone, Debug)]
pub(super) struct UpstreamNames {
    pub endpoint_identifier: Option<BmpString>,
    pub gatekeeper_identifier: Option<BmpString>,
    /// Where messages about it come from.
    pub ras_address: SocketAddr,
    /// callSignalAddress that represents it; `None`: its own.
    pub signalling: Option<SocketAddr>,
}

/// How endpoints know themselves and rasline.
#[derive(Clone, Debug)]
pub(super) struct DownstreamNames {
    pub endpoint_identifier: BmpString,
    pub gatekeeper_identifier: BmpString,
    /// The service address.
    pub ras_address: TransportAddress,
    /// rasline's callSignalAddress, if it ends call signalling.
    pub signalling: Option<TransportAddress>,
}

/// A request of an endpoint as the gatekeeper gets it, under this number. `None`: it cannot be sent.
pub(super) fn translate_request(
    payload: &[u8],
    seq: u16,
    names: &UpstreamNames,
) -> Option<Vec<u8>> {
    let Ok(mut message) = decode_ras(payload) else {
        return renumbered(payload, seq);
    };
    message.set_request_seq_num(seq);
    if !to_gatekeeper(&mut message, names) {
        return None;
    }
    encode_ras(&message).ok()
}

/// A message of an endpoint, for the gatekeeper. False: the gatekeeper has given no endpointIdentifier, and this kind
/// must have one. RRQ is not translated here: it is made by [`crate::proxy::rrq`].
pub(super) fn to_gatekeeper(message: &mut RasMessage, known: &UpstreamNames) -> bool {
    use RasMessageMut as M;
    let identifier = known.endpoint_identifier.as_ref();
    let gatekeeper = |field: &mut Option<BmpString>| {
        if field.is_some() {
            field.clone_from(&known.gatekeeper_identifier);
        }
    };
    let optional = |field: &mut Option<BmpString>| {
        if field.is_some() {
            *field = identifier.cloned();
        }
    };
    let mandatory = |field: &mut BmpString| {
        if let Some(identifier) = identifier {
            field.clone_from(identifier);
        }
        identifier.is_some()
    };
    match message.by_mut() {
        M::AdmissionRequest(arq) => {
            if let Some(own) = known.signalling {
                name_caller(arq, own);
            }
            gatekeeper(&mut arq.gatekeeper_identifier);
            mandatory(&mut arq.endpoint_identifier)
        }
        M::BandwidthRequest(brq) => {
            gatekeeper(&mut brq.gatekeeper_identifier);
            mandatory(&mut brq.endpoint_identifier)
        }
        M::DisengageRequest(drq) => {
            gatekeeper(&mut drq.gatekeeper_identifier);
            mandatory(&mut drq.endpoint_identifier)
        }
        M::LocationRequest(lrq) => {
            gatekeeper(&mut lrq.gatekeeper_identifier);
            optional(&mut lrq.endpoint_identifier);
            lrq.reply_address = to_transport(known.ras_address);
            true
        }
        M::LocationConfirm(lcf) => {
            lcf.ras_address = to_transport(known.ras_address);
            true
        }
        M::InfoRequestResponse(irr) => {
            irr.ras_address = to_transport(known.ras_address);
            if let Some(own) = known.signalling {
                irr.call_signal_address = vec![to_transport(own)].into();
            }
            mandatory(&mut irr.endpoint_identifier)
        }
        M::ResourcesAvailableIndicate(rai) => mandatory(&mut rai.endpoint_identifier),
        M::ServiceControlIndication(sci) => {
            optional(&mut sci.endpoint_identifier);
            true
        }
        // What was not understood is in the words of the other side.
        M::UnknownMessageResponse(xrs) => {
            xrs.message_not_understood = None;
            true
        }
        // Nothing in them names the endpoint or its gatekeeper, or they are made elsewhere: GRQ, RRQ and URQ.
        M::GatekeeperRequest(_)
        | M::RegistrationRequest(_)
        | M::UnregistrationRequest(_)
        | M::InfoRequest(_)
        | M::NonStandardMessage(_)
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
        | M::LocationReject(_)
        | M::RequestInProgress(_)
        | M::ResourcesAvailableConfirm(_)
        | M::InfoRequestAck(_)
        | M::InfoRequestNak(_)
        | M::ServiceControlResponse(_) => true,
    }
}

/// Names an endpoint in its ARQ as the gatekeeper knows it. Who answers knows of the other side only what it got from rasline.
fn name_caller(arq: &mut AdmissionRequest, own: SocketAddr) {
    let (mine, other) = if arq.answer_call {
        (
            &mut arq.dest_call_signal_address,
            &mut arq.src_call_signal_address,
        )
    } else {
        (
            &mut arq.src_call_signal_address,
            &mut arq.dest_call_signal_address,
        )
    };
    if mine.is_some() {
        *mine = Some(to_transport(own));
    }
    if arq.answer_call {
        *other = None;
    }
}

/// Has an endpoint signal its calls to rasline.
fn name_service(message: &mut RasMessage, service: &TransportAddress) {
    use RasMessage as M;
    match message {
        M::RegistrationConfirm(rcf) => rcf.call_signal_address = vec![service.clone()].into(),
        M::AdmissionConfirm(acf) => acf.dest_call_signal_address.clone_from(service),
        M::AdmissionConfirmSequence(all) => {
            for acf in all {
                acf.dest_call_signal_address.clone_from(service);
            }
        }
        M::LocationConfirm(lcf) => lcf.call_signal_address.clone_from(service),
        _ => {}
    }
}

/// A message of the gatekeeper, for an endpoint.
pub(super) fn to_endpoint(message: &mut RasMessage, known: &DownstreamNames) {
    without_alternates(message);
    if let Some(service) = &known.signalling {
        name_service(message, service);
    }
    identifiers(message, known);
}

fn identifiers(message: &mut RasMessage, known: &DownstreamNames) {
    use RasMessageMut as M;
    let gatekeeper = |field: &mut Option<BmpString>| {
        if let Some(field) = field {
            field.clone_from(&known.gatekeeper_identifier);
        }
    };
    let own = |field: &mut BmpString| field.clone_from(&known.endpoint_identifier);
    match message.by_mut() {
        M::RegistrationConfirm(rcf) => {
            rcf.gatekeeper_identifier = Some(known.gatekeeper_identifier.clone());
            own(&mut rcf.endpoint_identifier);
        }
        M::RegistrationReject(rrj) => gatekeeper(&mut rrj.gatekeeper_identifier),
        M::UnregistrationRequest(urq) => {
            urq.gatekeeper_identifier = Some(known.gatekeeper_identifier.clone());
            urq.endpoint_identifier = Some(known.endpoint_identifier.clone());
        }
        M::BandwidthRequest(brq) => {
            gatekeeper(&mut brq.gatekeeper_identifier);
            own(&mut brq.endpoint_identifier);
        }
        M::DisengageRequest(drq) => {
            gatekeeper(&mut drq.gatekeeper_identifier);
            own(&mut drq.endpoint_identifier);
        }
        M::LocationRequest(lrq) => {
            gatekeeper(&mut lrq.gatekeeper_identifier);
            if let Some(field) = &mut lrq.endpoint_identifier {
                own(field);
            }
            lrq.reply_address.clone_from(&known.ras_address);
        }
        M::InfoRequest(irq) => {
            if let Some(reply) = &mut irq.reply_address {
                reply.clone_from(&known.ras_address);
            }
        }
        M::ServiceControlIndication(sci) => {
            if let Some(field) = &mut sci.endpoint_identifier {
                own(field);
            }
        }
        // These name neither, or no gatekeeper sends them.
        M::GatekeeperRequest(_)
        | M::RegistrationRequest(_)
        | M::AdmissionRequest(_)
        | M::InfoRequestResponse(_)
        | M::NonStandardMessage(_)
        | M::ResourcesAvailableIndicate(_)
        | M::GatekeeperConfirm(_)
        | M::GatekeeperReject(_)
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
        | M::ServiceControlResponse(_) => {}
    }
}

/// An endpoint must not be led past the proxy, nor be told of what the proxy does not do.
fn without_alternates(message: &mut RasMessage) {
    use RasMessageMut as M;
    match message.by_mut() {
        M::RegistrationConfirm(rcf) => {
            rcf.alternate_gatekeeper = None;
            rcf.assigned_gatekeeper = None;
            rcf.rehoming_model = None;
            rcf.supports_additive_registration = None;
        }
        M::RegistrationReject(rrj) => {
            rrj.alt_gk_info = None;
            if rrj.assigned_gatekeeper.take().is_some()
                || rrj.reject_reason == RegistrationRejectReason::RegisterWithAssignedGk
            {
                rrj.reject_reason = RegistrationRejectReason::ResourceUnavailable;
            }
        }
        M::UnregistrationRequest(urq) => {
            urq.alternate_gatekeeper = None;
            urq.assigned_gatekeeper = None;
        }
        M::UnregistrationConfirm(ucf) => ucf.assigned_gatekeeper = None,
        M::UnregistrationReject(urj) => urj.alt_gk_info = None,
        M::AdmissionConfirm(acf) => acf.assigned_gatekeeper = None,
        M::AdmissionConfirmSequence(all) => {
            for acf in all {
                acf.assigned_gatekeeper = None;
            }
        }
        M::AdmissionReject(arj) => {
            arj.alt_gk_info = None;
            if arj.assigned_gatekeeper.take().is_some()
                || arj.reject_reason == AdmissionRejectReason::RegisterWithAssignedGk
            {
                arj.reject_reason = AdmissionRejectReason::ResourceUnavailable;
            }
        }
        M::BandwidthReject(brj) => brj.alt_gk_info = None,
        M::LocationReject(lrj) => lrj.alt_gk_info = None,
        M::DisengageConfirm(dcf) => dcf.assigned_gatekeeper = None,
        M::DisengageReject(drj) => drj.alt_gk_info = None,
        M::InfoRequestNak(nak) => nak.alt_gk_info = None,
        M::InfoRequest(irq) => irq.assigned_gatekeeper = None,
        M::UnknownMessageResponse(xrs) => xrs.message_not_understood = None,
        // These name no other gatekeeper, or no gatekeeper sends them.
        M::GatekeeperRequest(_)
        | M::RegistrationRequest(_)
        | M::AdmissionRequest(_)
        | M::BandwidthRequest(_)
        | M::DisengageRequest(_)
        | M::LocationRequest(_)
        | M::InfoRequestResponse(_)
        | M::NonStandardMessage(_)
        | M::ResourcesAvailableIndicate(_)
        | M::ServiceControlIndication(_)
        | M::GatekeeperConfirm(_)
        | M::GatekeeperReject(_)
        | M::BandwidthConfirm(_)
        | M::LocationConfirm(_)
        | M::RequestInProgress(_)
        | M::ResourcesAvailableConfirm(_)
        | M::InfoRequestAck(_)
        | M::ServiceControlResponse(_) => {}
    }
}
