//! Messages of the terminal: captured messages with its own values.

use rasline_h225::RasMessage;
use rasline_h225::types::{AliasAddress, EndpointType, InfoRequestResponse, RegistrationRequest};

use super::{Call, TerminalSettings};
use crate::clients::wire::{guid, template};
use crate::messages::{alias, bmp, transport};

/// The two sides of a message: the terminal and its gatekeeper.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    pub who: &'a TerminalSettings,
    pub seq: u16,
    /// gatekeeperIdentifier, if known.
    pub gatekeeper: Option<&'a str>,
    /// endpointIdentifier, if it has one.
    pub eid: Option<&'a str>,
}

fn aliases(who: &TerminalSettings) -> Vec<AliasAddress> {
    who.aliases.iter().map(|one| alias(one)).collect()
}

/// GRQ; to an alternate, whose name is known, without features.
pub fn discover(link: Link<'_>) -> RasMessage {
    let RasMessage::GatekeeperRequest(mut grq) = template("ab-ep-ttl10", 1) else {
        unreachable!("a GRQ")
    };
    grq.request_seq_num = link.seq;
    grq.ras_address = transport(link.who.ras);
    grq.gatekeeper_identifier = link.gatekeeper.map(bmp);
    grq.endpoint_alias = Some(aliases(link.who).into());
    if link.gatekeeper.is_some() {
        grq.feature_set = None;
    }
    RasMessage::GatekeeperRequest(grq)
}

/// A full RRQ; `discovered`: after a GCF.
pub fn register(link: Link<'_>, discovered: bool) -> RasMessage {
    let mut rrq = registration(link, 3);
    rrq.discovery_complete = discovered;
    rrq.terminal_alias = Some(aliases(link.who).into());
    RasMessage::RegistrationRequest(rrq)
}

/// A lightweight RRQ.
pub fn keep_alive(link: Link<'_>) -> RasMessage {
    RasMessage::RegistrationRequest(registration(link, 5))
}

fn registration(link: Link<'_>, like: u32) -> RegistrationRequest {
    let RasMessage::RegistrationRequest(mut rrq) = template("ab-ep-ttl10", like) else {
        unreachable!("an RRQ")
    };
    rrq.request_seq_num = link.seq;
    rrq.call_signal_address = vec![transport(link.who.call_signal)].into();
    rrq.ras_address = vec![transport(link.who.ras)].into();
    rrq.gatekeeper_identifier = link.gatekeeper.map(bmp);
    rrq.endpoint_identifier = link.eid.map(bmp);
    rrq
}

/// URQ.
pub fn leave(link: Link<'_>) -> RasMessage {
    let RasMessage::UnregistrationRequest(mut urq) = template("c-unregister", 1) else {
        unreachable!("a URQ")
    };
    urq.request_seq_num = link.seq;
    urq.call_signal_address = vec![transport(link.who.call_signal)].into();
    urq.endpoint_alias = Some(aliases(link.who).into());
    urq.endpoint_identifier = link.eid.map(bmp);
    urq.gatekeeper_identifier = link.gatekeeper.map(bmp);
    RasMessage::UnregistrationRequest(urq)
}

/// ARQ, of the caller or of the callee.
pub fn admit(link: Link<'_>, call: &Call) -> RasMessage {
    let like = if call.answered { 25 } else { 9 };
    let RasMessage::AdmissionRequest(mut arq) = template("e-routed-call", like) else {
        unreachable!("an ARQ")
    };
    arq.request_seq_num = link.seq;
    arq.endpoint_identifier = bmp(link.eid.unwrap_or_default());
    arq.gatekeeper_identifier = link.gatekeeper.map(bmp);
    arq.call_reference_value = call.reference;
    arq.conference_id = guid(call.conference);
    if let Some(identifier) = &mut arq.call_identifier {
        identifier.guid = guid(call.identifier);
    }
    if call.answered {
        arq.destination_info = Some(aliases(link.who).into());
        arq.dest_call_signal_address = Some(transport(link.who.call_signal));
        arq.src_info = vec![alias(&call.other)].into();
        arq.src_call_signal_address = call.from.map(transport);
    } else {
        arq.destination_info = Some(vec![alias(&call.other)].into());
        arq.src_info = aliases(link.who).into();
    }
    RasMessage::AdmissionRequest(arq)
}

/// DRQ.
pub fn disengage(link: Link<'_>, call: &Call) -> RasMessage {
    let RasMessage::DisengageRequest(mut drq) = template("e-routed-call", 859) else {
        unreachable!("a DRQ")
    };
    drq.request_seq_num = link.seq;
    drq.endpoint_identifier = bmp(link.eid.unwrap_or_default());
    drq.gatekeeper_identifier = link.gatekeeper.map(bmp);
    drq.call_reference_value = call.reference;
    drq.conference_id = guid(call.conference);
    drq.answered_call = Some(call.answered);
    if let Some(identifier) = &mut drq.call_identifier {
        identifier.guid = guid(call.identifier);
    }
    RasMessage::DisengageRequest(drq)
}

/// IRR to an IRQ.
pub fn inform(link: Link<'_>) -> RasMessage {
    let eid = bmp(link.eid.unwrap_or_default());
    let mut irr = InfoRequestResponse::new(link.seq, kind(), eid, transport(link.who.ras));
    irr.call_signal_address = vec![transport(link.who.call_signal)].into();
    irr.endpoint_alias = Some(aliases(link.who).into());
    irr.need_response = Some(false);
    irr.unsolicited = Some(false);
    RasMessage::InfoRequestResponse(irr)
}

/// endpointType in every message.
fn kind() -> EndpointType {
    let RasMessage::RegistrationRequest(rrq) = template("ab-ep-ttl10", 3) else {
        unreachable!("an RRQ")
    };
    rrq.terminal_type
}
