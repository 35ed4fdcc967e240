//! ARQs that the calls have asked for, in the names of their endpoints.

use rasline_h225::text::{from_transport, to_transport};
use rasline_h225::types::{
    AdmissionRequest, AliasAddress, BmpString, CallIdentifier, CallModel, RasMessage,
};
use rasline_h225::{decode_ras, encode_ras};

use super::requests_to_gatekeeper::Purpose;
use super::{Endpoints, GatekeeperSide};
use crate::Time;
use crate::proxy::translate::UpstreamNames;
use crate::proxy::{EntryId, Output, rrq};
use crate::ras_server::{AdmissionAnswer, AdmissionTicket, CallFact, OwnAdmission};

/// Bandwidth that is asked for if it is not known what was granted before, in units of 100 bit/s.
const BANDWIDTH: u32 = 1280;

/// Sends the ARQ, or refuses it: where another gatekeeper serves, or an endpoint is not registered there.
pub fn ask_admission(
    upstream: &mut GatekeeperSide,
    asked: &OwnAdmission,
    bandwidth: Option<u32>,
    endpoints: &Endpoints,
    now: Time,
) -> Output {
    try_ask(upstream, asked, bandwidth, endpoints, now)
        .unwrap_or_else(|| refuse_admission(asked.ticket))
}

fn try_ask(
    upstream: &mut GatekeeperSide,
    asked: &OwnAdmission,
    bandwidth: Option<u32>,
    endpoints: &Endpoints,
    now: Time,
) -> Option<Output> {
    let to = upstream.active().filter(|to| *to == asked.gatekeeper)?;
    let parties = [asked.caller, asked.called];
    if !parties.iter().all(|id| upstream.is_registered(*id)) {
        return None;
    }
    let names = upstream.names_of(asked.asker(), endpoints.get(asked.asker())?, to)?;
    let seq = upstream.requests.next_number()?;
    let mut arq = make_arq(seq, asked, names.endpoint_identifier.clone()?);
    arq.band_width = bandwidth.unwrap_or(BANDWIDTH);
    name_parties(&mut arq, asked, upstream, endpoints);
    let way = (names.ras_address, to);
    let octets = encode_with(arq, names)?;
    let purpose = Purpose::Admit(asked.ticket);
    Some(upstream.requests.send(seq, way, octets, purpose, now))
}

fn encode_with(mut arq: AdmissionRequest, names: UpstreamNames) -> Option<Vec<u8>> {
    arq.gatekeeper_identifier = names.gatekeeper_identifier;
    encode_ras(&RasMessage::AdmissionRequest(arq)).ok()
}

fn make_arq(seq: u16, asked: &OwnAdmission, identifier: BmpString) -> AdmissionRequest {
    let conference = asked.conference.to_vec().into();
    let mut arq = AdmissionRequest::new(seq, identifier, BANDWIDTH, asked.reference, conference);
    arq.call_identifier = Some(CallIdentifier::new(asked.call));
    arq.answer_call = asked.answers;
    arq
}

/// Names both parties by the alias that they registered first, and both, if the caller asks, by the addresses that
/// represent them. Who answers does not know where the caller is.
fn name_parties(
    arq: &mut AdmissionRequest,
    asked: &OwnAdmission,
    upstream: &GatekeeperSide,
    endpoints: &Endpoints,
) {
    let alias_of = |id: EntryId| first_alias(endpoints, id);
    arq.src_info = alias_of(asked.caller).into_iter().collect();
    arq.destination_info = alias_of(asked.called).map(|alias| vec![alias].into());
    let address_of = |id: EntryId| upstream.signalling_of(id).map(to_transport);
    arq.dest_call_signal_address = address_of(asked.called);
    arq.src_call_signal_address = address_of(asked.caller).filter(|_| !asked.answers);
}

fn first_alias(endpoints: &Endpoints, id: EntryId) -> Option<AliasAddress> {
    let full = rrq::parse(&endpoints.get(id)?.full)?;
    full.terminal_alias?.first().cloned()
}

/// The gatekeeper's answer to this ARQ.
pub(super) fn answer_admission(
    ticket: AdmissionTicket,
    arq: &[u8],
    message: &RasMessage,
) -> Output {
    let answer = read_answer(arq, message).unwrap_or(AdmissionAnswer::Refused);
    Output::Call(CallFact::AdmissionAnswered { ticket, answer })
}

fn read_answer(arq: &[u8], message: &RasMessage) -> Option<AdmissionAnswer> {
    let acf = match message {
        RasMessage::AdmissionConfirm(acf) => acf,
        RasMessage::AdmissionConfirmSequence(all) => all.first()?,
        _ => return None,
    };
    let Ok(RasMessage::AdmissionRequest(arq)) = decode_ras(arq) else {
        return None;
    };
    let called = arq.destination_info.iter().flatten().next();
    Some(AdmissionAnswer::Granted {
        to: from_transport(&acf.dest_call_signal_address)?,
        is_routed: acf.call_model == CallModel::GatekeeperRouted,
        called: called.cloned(),
    })
}

/// There will be no answer.
pub(super) const fn refuse_admission(ticket: AdmissionTicket) -> Output {
    Output::Call(CallFact::AdmissionAnswered {
        ticket,
        answer: AdmissionAnswer::Refused,
    })
}
