//! Messages of the child gatekeeper: captured messages with its own values.

use rasline_h225::RasMessage;
use rasline_h225::types::{
    AliasAddress, EndpointType, RegistrationRequest, SupportedPrefix, SupportedProtocols,
};

use super::ChildSettings;
use crate::clients::wire::template;
use crate::messages::{alias, bmp, transport};

/// The two sides of a message: the client and its gatekeeper.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    pub who: &'a ChildSettings,
    pub seq: u16,
    /// gatekeeperIdentifier, if known.
    pub gatekeeper: Option<&'a str>,
    /// endpointIdentifier, if it has one.
    pub eid: Option<&'a str>,
}

/// GRQ; with a password it lists the authentication mechanisms.
pub fn discover(link: Link<'_>) -> RasMessage {
    let capture = if link.who.credentials.is_some() {
        "b-child-h235"
    } else {
        "ab-child-ttl10"
    };
    let RasMessage::GatekeeperRequest(mut grq) = template(capture, 1) else {
        unreachable!("a GRQ")
    };
    grq.request_seq_num = link.seq;
    grq.ras_address = transport(link.who.ras);
    grq.endpoint_alias = Some(vec![alias(&link.who.name)].into());
    RasMessage::GatekeeperRequest(grq)
}

/// A full RRQ, as a gateway with prefixes.
pub fn register(link: Link<'_>) -> RasMessage {
    let mut rrq = registration(link, 3);
    rrq.time_to_live = Some(link.who.time_to_live);
    let numbers = link.who.numbers.iter().map(|one| alias(one));
    let name: AliasAddress = alias(&link.who.name);
    rrq.terminal_alias = Some(std::iter::once(name).chain(numbers).collect());
    set_prefixes(&mut rrq.terminal_type, &link.who.prefixes);
    RasMessage::RegistrationRequest(rrq)
}

/// A lightweight RRQ that asks for this timeToLive.
pub fn keep_alive(link: Link<'_>, time_to_live: u32) -> RasMessage {
    let mut rrq = registration(link, 5);
    rrq.endpoint_identifier = link.eid.map(bmp);
    rrq.time_to_live = Some(time_to_live);
    RasMessage::RegistrationRequest(rrq)
}

fn registration(link: Link<'_>, like: u32) -> RegistrationRequest {
    let RasMessage::RegistrationRequest(mut rrq) = template("ab-child-ttl10", like) else {
        unreachable!("an RRQ")
    };
    rrq.request_seq_num = link.seq;
    rrq.call_signal_address = vec![transport(link.who.call_signal)].into();
    rrq.ras_address = vec![transport(link.who.ras)].into();
    rrq.gatekeeper_identifier = link.gatekeeper.map(bmp);
    rrq
}

/// endpointType; without prefixes, a gateway without protocols.
fn set_prefixes(kind: &mut EndpointType, prefixes: &[String]) {
    let Some(gateway) = &mut kind.gateway else {
        return;
    };
    if prefixes.is_empty() {
        gateway.protocol = None;
    }
    for protocol in gateway.protocol.iter_mut().flatten() {
        if let SupportedProtocols::Voice(voice) = protocol {
            let all = prefixes.iter();
            voice.supported_prefixes =
                Some(all.map(|one| SupportedPrefix::new(alias(one))).collect());
        }
    }
}

/// URQ.
pub fn leave(link: Link<'_>) -> RasMessage {
    let RasMessage::UnregistrationRequest(mut urq) = template("c-unregister", 5) else {
        unreachable!("a URQ")
    };
    urq.request_seq_num = link.seq;
    urq.call_signal_address = vec![transport(link.who.call_signal)].into();
    urq.endpoint_identifier = link.eid.map(bmp);
    urq.gatekeeper_identifier = link.gatekeeper.map(bmp);
    RasMessage::UnregistrationRequest(urq)
}

/// IRR to an IRQ.
pub fn inform(link: Link<'_>) -> RasMessage {
    let RasMessage::InfoRequestResponse(mut irr) = template("ab-child-ttl10", 10) else {
        unreachable!("an IRR")
    };
    irr.request_seq_num = link.seq;
    irr.endpoint_identifier = bmp(link.eid.unwrap_or_default());
    irr.ras_address = transport(link.who.ras);
    irr.call_signal_address = vec![transport(link.who.call_signal)].into();
    RasMessage::InfoRequestResponse(irr)
}
