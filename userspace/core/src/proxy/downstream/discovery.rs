//! GRQ is answered by rasline: it is the gatekeeper of these endpoints.

use rasline_h225::text::{from_bmp, to_transport};
use rasline_h225::types::{
    BmpString, GatekeeperConfirm, GatekeeperReject, GatekeeperRejectReason, GatekeeperRequest,
    RasMessage,
};

use crate::proxy::message::EndpointMessage;

/// The answer to a GRQ. `None`: it asks for another gatekeeper, and was sent to all.
pub(in crate::proxy) fn answer_grq(
    asked: &EndpointMessage<'_>,
    grq: &GatekeeperRequest,
    own_identifier: &BmpString,
) -> Option<RasMessage> {
    let named = grq.gatekeeper_identifier.as_ref().map(from_bmp);
    if named.is_none_or(|name| name == from_bmp(own_identifier)) {
        let mut gcf = GatekeeperConfirm::new(asked.seq, to_transport(asked.to));
        gcf.protocol_identifier = grq.protocol_identifier.clone();
        gcf.gatekeeper_identifier = Some(own_identifier.clone());
        return Some(RasMessage::GatekeeperConfirm(gcf));
    }
    if asked.to.ip().is_multicast() {
        return None;
    }
    let mut grj = GatekeeperReject::new(asked.seq, GatekeeperRejectReason::TerminalExcluded);
    grj.protocol_identifier = grq.protocol_identifier.clone();
    grj.gatekeeper_identifier = Some(own_identifier.clone());
    Some(RasMessage::GatekeeperReject(grj))
}
