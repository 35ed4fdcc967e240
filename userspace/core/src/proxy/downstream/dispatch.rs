//! What comes from endpoints: is it one that was answered already, what is it, who answers it.

use std::net::SocketAddr;

use rasline_h225::text::{from_bmp, to_transport};
use rasline_h225::types::{
    GatekeeperConfirm, GatekeeperReject, GatekeeperRejectReason, GatekeeperRequest, RasMessage,
};
use rasline_h225::{RasKind, decode_ras, encode_ras, header};

use crate::proxy::downstream::refuse::{Why, not_understood, refusal};
use crate::proxy::machine::Proxy;
use crate::proxy::relay::waits::Wait;
use crate::proxy::{EntryId, Output};
use crate::ras_server::answer_address;
use crate::transaction::{CachedReply, RequestKey};

/// A message of an endpoint on its way through.
pub(in crate::proxy) struct Asked<'a> {
    pub from: SocketAddr,
    /// The service address.
    pub to: SocketAddr,
    pub answer_to: SocketAddr,
    pub payload: &'a [u8],
    pub kind: RasKind,
    pub seq: u16,
    pub key: RequestKey,
}

impl Asked<'_> {
    /// Sends an answer.
    pub fn send(&self, payload: Vec<u8>, out: &mut Vec<Output>) {
        out.push(Output::ToEndpoint {
            from: self.to,
            to: self.answer_to,
            payload,
        });
    }

    /// As it waits for an answer.
    pub fn wait(&self, id: Option<EntryId>, since: crate::Time) -> Wait {
        Wait {
            id,
            key: self.key,
            kind: self.kind,
            seq: self.seq,
            to: self.to,
            answer_to: self.answer_to,
            payload: self.payload.into(),
            since,
            rips: 0,
            sent: false,
            flight: None,
        }
    }
}

impl Proxy {
    pub(in crate::proxy) fn endpoint_says(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        let key = RequestKey::new(from, payload);
        if self.waits_still(key, out) || self.repeated(key, to, out) {
            return;
        }
        let mut asked = Asked {
            from,
            to,
            answer_to: from,
            payload,
            kind: RasKind::NonStandardMessage,
            seq: 0,
            key,
        };
        match decode_ras(payload) {
            Ok(message) => {
                asked.kind = message.kind();
                asked.seq = message.request_seq_num();
                asked.answer_to = answer_address(from, &message);
                self.asked(&asked, message, out);
            }
            Err(_) => self.undecodable(asked, out),
        }
    }

    /// A retransmission gets the same answer; true if it was one.
    fn repeated(&mut self, key: RequestKey, from: SocketAddr, out: &mut Vec<Output>) -> bool {
        let Some(reply) = self.replies.get(self.now, key) else {
            return false;
        };
        let (to, payload) = (reply.to, reply.octets.to_vec());
        self.stats.repeated += 1;
        out.push(Output::ToEndpoint { from, to, payload });
        true
    }

    fn asked(&mut self, asked: &Asked<'_>, message: RasMessage, out: &mut Vec<Output>) {
        use RasMessage as M;
        match message {
            M::GatekeeperRequest(grq) => self.discovery(asked, &grq, out),
            M::RegistrationRequest(rrq) if rrq.keep_alive == Some(true) => {
                self.keep_alive(asked, &rrq, out);
            }
            M::RegistrationRequest(rrq) => self.full(asked, &rrq, out),
            M::UnregistrationRequest(urq) => self.leaves(asked, &urq, out),
            M::NonStandardMessage(_) if self.answers_down(asked) => {
                self.answered_down(asked, message, out);
            }
            M::AdmissionRequest(_)
            | M::BandwidthRequest(_)
            | M::DisengageRequest(_)
            | M::LocationRequest(_)
            | M::ResourcesAvailableIndicate(_)
            | M::ServiceControlIndication(_)
            | M::NonStandardMessage(_) => self.request(asked, &message, out),
            M::InfoRequestResponse(irr) => self.status(asked, irr, out),
            M::GatekeeperConfirm(_) | M::RegistrationConfirm(_) | M::AdmissionConfirm(_) => {
                self.stats.ignored += 1;
            }
            answer => self.answered_down(asked, answer, out),
        }
    }

    /// What does not decode goes on as it is where nothing in it is to be translated; else a request gets an XRS.
    fn undecodable(&mut self, mut asked: Asked<'_>, out: &mut Vec<Output>) {
        self.stats.malformed += 1;
        let Some(header) = header(asked.payload) else {
            return;
        };
        asked.kind = header.kind;
        asked.seq = header.seq;
        match header.kind {
            RasKind::NonStandardMessage => self.raw_request(&asked, out),
            RasKind::UnregistrationConfirm
            | RasKind::UnregistrationReject
            | RasKind::BandwidthConfirm
            | RasKind::DisengageConfirm
            | RasKind::ServiceControlResponse => self.raw_answer_down(&asked, out),
            kind if kind.is_request() => {
                let xrs = not_understood(asked.seq, asked.payload);
                self.reply(&asked, &xrs, out);
            }
            _ => {}
        }
    }

    /// An answer of our own, kept for retransmissions.
    pub(in crate::proxy) fn reply(
        &mut self,
        asked: &Asked<'_>,
        message: &RasMessage,
        out: &mut Vec<Output>,
    ) {
        let Ok(octets) = encode_ras(message) else {
            return;
        };
        let reply = CachedReply {
            to: asked.answer_to,
            octets: octets.as_slice().into(),
            about: (),
        };
        self.replies.insert(self.now, asked.key, reply);
        asked.send(octets, out);
    }

    /// A request that rasline refuses by itself.
    pub(in crate::proxy) fn turn_down(
        &mut self,
        asked: &Asked<'_>,
        why: Why,
        out: &mut Vec<Output>,
    ) {
        self.stats.rejected += 1;
        if let Some(message) = refusal(asked.kind, asked.seq, why, asked.payload) {
            self.reply(asked, &message, out);
        }
    }

    /// GRQ is answered by rasline: it is the gatekeeper of these endpoints.
    fn discovery(&mut self, asked: &Asked<'_>, grq: &GatekeeperRequest, out: &mut Vec<Output>) {
        let named = grq.gatekeeper_identifier.as_ref().map(from_bmp);
        if named.is_none_or(|name| name == from_bmp(&self.own_identifier)) {
            let mut gcf = GatekeeperConfirm::new(asked.seq, to_transport(asked.to));
            gcf.protocol_identifier = grq.protocol_identifier.clone();
            gcf.gatekeeper_identifier = Some(self.own_identifier.clone());
            return self.reply(asked, &RasMessage::GatekeeperConfirm(gcf), out);
        }
        if asked.to.ip().is_multicast() {
            self.stats.ignored += 1;
            return;
        }
        self.stats.rejected += 1;
        let mut grj = GatekeeperReject::new(asked.seq, GatekeeperRejectReason::TerminalExcluded);
        grj.protocol_identifier = grq.protocol_identifier.clone();
        grj.gatekeeper_identifier = Some(self.own_identifier.clone());
        self.reply(asked, &RasMessage::GatekeeperReject(grj), out);
    }

    /// The endpoint with this endpointIdentifier, if the message comes from its host.
    pub(in crate::proxy) fn whose(&self, identifier: &str, from: SocketAddr) -> Option<EntryId> {
        let id = self.entries.by_identifier(identifier)?;
        let entry = self.entries.get(id)?;
        (entry.endpoint.ip() == from.ip() && entry.confirmed).then_some(id)
    }
}
