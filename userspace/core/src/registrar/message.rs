//! A message: is it one that was answered already, what is it, who answers it.

use std::net::SocketAddr;

use rasline_h225::messages::{rip, xrs};
use rasline_h225::types::RasMessage;
use rasline_h225::{RasKind, decode_ras, header};

use super::auth::Mode;
use super::machine::Registrar;
use super::reply::{Reply, rejection};
use super::{EntryId, Event, Output};
use crate::ras_server::answer_address;
use crate::transaction::{CachedReply, RequestKey};

/// Octets of a message that are returned at most in an XRS: what travels unfragmented.
const RETURNED: usize = 1200;

/// A message on its way through.
pub(super) struct Asked<'a> {
    pub from: SocketAddr,
    /// Whence the answer comes.
    pub to: SocketAddr,
    /// All gatekeepers that hear a multicast were asked: whom it does not concern says nothing.
    pub called_out: bool,
    /// Where the answer goes.
    pub answer_to: SocketAddr,
    pub payload: &'a [u8],
    pub seq: u16,
    pub key: RequestKey,
    pub mode: Mode,
}

impl Registrar {
    pub(super) fn message(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        let called_out = to.ip().is_multicast();
        let Some(to) = self.own_address(to, payload) else {
            self.stats.ignored += 1;
            return;
        };
        let key = RequestKey::new(from, payload);
        // What was said to it alone may be a reject.
        if !called_out && self.repeated(key, from, to, out) {
            return;
        }
        let mut asked = Asked {
            from,
            to,
            called_out,
            answer_to: from,
            payload,
            seq: 0,
            key,
            mode: Mode::Open,
        };
        let Ok(message) = decode_ras(payload) else {
            self.stats.malformed += 1;
            return self.undecodable(&asked, out);
        };
        asked.seq = message.request_seq_num();
        asked.answer_to = answer_address(from, &message);
        let kind = message.kind();
        let before = out.len();
        let reply = match self.put_off(&message) {
            Some(put_off) => {
                self.stats.put_off += 1;
                put_off
            }
            None => self.judged(&mut asked, message, out),
        };
        self.reply(&asked, (kind, reply), before, out);
    }

    /// The address that is spoken with: where the message came to. To a group, only a GRQ can come.
    fn own_address(&self, to: SocketAddr, payload: &[u8]) -> Option<SocketAddr> {
        if !to.ip().is_multicast() {
            return Some(to);
        }
        let is_grq = header(payload).is_some_and(|h| h.kind == RasKind::GatekeeperRequest);
        let mut own = self.settings.ras_addresses.iter();
        let own = own.find(|own| own.is_ipv4() == to.is_ipv4());
        own.copied().filter(|_| is_grq)
    }

    fn judged(
        &mut self,
        asked: &mut Asked<'_>,
        message: RasMessage,
        out: &mut Vec<Output>,
    ) -> Reply {
        match self.check(asked, &message, out) {
            Ok(mode) => {
                asked.mode = mode;
                self.dispatch(asked, message, out)
            }
            Err(denied) => self.denied(asked, &message, denied),
        }
    }

    /// The answer to a full RRQ while there is too much to do. Before it is proved: it comes again, octet by octet.
    fn put_off(&self, message: &RasMessage) -> Option<Reply> {
        let delay = self.overload?;
        match message {
            RasMessage::RegistrationRequest(rrq) if rrq.keep_alive != Some(true) => {
                let rip = Self::wait_for(rrq.request_seq_num, delay);
                Some(Reply::Once(Box::new(rip)))
            }
            _ => None,
        }
    }

    /// A retransmission gets the same answer; true if it was one.
    fn repeated(
        &mut self,
        key: RequestKey,
        asker: SocketAddr,
        from: SocketAddr,
        out: &mut Vec<Output>,
    ) -> bool {
        if self.still_looking(key, out) {
            self.stats.repeated += 1;
            return true;
        }
        let Some(reply) = self.replies.get(self.now, key) else {
            return false;
        };
        let (to, payload, of) = (reply.to, reply.octets.to_vec(), reply.about);
        if of.is_some_and(|id| self.revoked.contains(id)) {
            return false;
        }
        // Some endpoints never count requestSeqNum up: each keep-alive is a retransmission.
        let holds = |id: &EntryId| {
            let entry = self.entries.get(*id);
            entry.is_some_and(|entry| entry.endpoint.ip() == asker.ip())
        };
        if let Some(id) = of.filter(holds) {
            self.heard(id, self.now);
        }
        out.push(Output::Send { from, to, payload });
        self.stats.repeated += 1;
        true
    }

    fn dispatch(&mut self, asked: &Asked<'_>, message: RasMessage, out: &mut Vec<Output>) -> Reply {
        use RasMessage as M;
        match message {
            M::GatekeeperRequest(grq) => self.discovery(asked, &grq),
            M::RegistrationRequest(rrq) if rrq.keep_alive == Some(true) => {
                self.keep_alive(asked, &rrq, out)
            }
            M::RegistrationRequest(rrq) if rrq.additive_registration.is_some() => {
                self.additive(asked, &rrq, out)
            }
            M::RegistrationRequest(rrq) => self.full(asked, &rrq, out),
            M::UnregistrationRequest(urq) => self.unregistration(asked, &urq, out),
            M::AdmissionRequest(arq) => self.admission(asked, arq, out),
            M::BandwidthRequest(brq) => self.bandwidth(asked, &brq, out),
            M::DisengageRequest(drq) => self.disengage(asked, &drq, out),
            M::LocationRequest(lrq) => self.location(asked, lrq, out),
            M::InfoRequestResponse(irr) => self.information(asked, &irr, out),
            M::ResourcesAvailableIndicate(rai) => self.resources(asked, &rai),
            M::ServiceControlIndication(sci) => self.service(asked, &sci),
            M::NonStandardMessage(_) => Reply::anyone(xrs(asked.seq, returned(asked.payload))),
            answer => {
                self.answer(asked, answer, out);
                Reply::Nothing
            }
        }
    }

    /// An answer to a request of ours, or what a gatekeeper is not sent.
    fn answer(&mut self, asked: &Asked<'_>, message: RasMessage, out: &mut Vec<Output>) {
        use RasMessage as M;
        match message {
            M::UnregistrationConfirm(_)
            | M::UnregistrationReject(_)
            | M::DisengageConfirm(_)
            | M::DisengageReject(_) => {
                self.answered(asked.seq, asked.from);
            }
            M::LocationConfirm(lcf) => self.found(asked, &lcf, out),
            M::LocationReject(_) => self.not_found(asked, out),
            M::RequestInProgress(rip) => self.in_progress(asked.seq, asked.from, rip.delay),
            _ => self.stats.ignored += 1,
        }
    }

    /// What does not decode is returned if it is a request: an answer to an answer would not end.
    fn undecodable(&mut self, asked: &Asked<'_>, out: &mut Vec<Output>) {
        let Some(header) = header(asked.payload) else {
            return;
        };
        if header.kind.is_request() {
            let reply = Reply::anyone(xrs(header.seq, returned(asked.payload)));
            let before = out.len();
            self.reply(asked, (header.kind, reply), before, out);
        }
    }

    /// Gives the answer. Of what else is to be done (from `before` on) only withdrawals go first: once the endpoint has its
    /// UCF, the kernel must not confirm another keep-alive. The rest follows, since the endpoint waits.
    pub(super) fn reply(
        &mut self,
        asked: &Asked<'_>,
        (kind, reply): (RasKind, Reply),
        before: usize,
        out: &mut Vec<Output>,
    ) {
        let (mut message, of, keep) = match reply {
            Reply::Answer { message, of } => (message, of, true),
            Reply::Once(message) => (message, None, false),
            Reply::Nothing => return,
        };
        if asked.called_out && !matches!(*message, RasMessage::GatekeeperConfirm(_)) {
            self.stats.ignored += 1;
            return;
        }
        let Some(payload) = self.seal(&mut message, &asked.mode) else {
            self.stats.ignored += 1;
            return;
        };
        if keep {
            let reply = CachedReply {
                to: asked.answer_to,
                octets: payload.as_slice().into(),
                about: of,
            };
            self.replies.insert(self.now, asked.key, reply);
        }
        let (from, to) = (asked.to, asked.answer_to);
        let is_withdrawal = |output: &Output| matches!(output, Output::Withdraw { .. });
        let withdrawn = out[before..].iter().rposition(is_withdrawal);
        let at = withdrawn.map_or(before, |last| before + last + 1);
        out.insert(at, Output::Send { from, to, payload });
        self.count_rejection(asked.from, kind, &message, out);
    }

    /// Counts and tells it, if it is a rejection.
    pub(super) fn count_rejection(
        &mut self,
        from: SocketAddr,
        kind: RasKind,
        message: &RasMessage,
        out: &mut Vec<Output>,
    ) {
        let Some(reason) = rejection(message) else {
            return;
        };
        self.stats.rejected += 1;
        let request = kind.name().to_owned();
        self.tell_rejected(
            Event::Rejected {
                from,
                request,
                reason,
            },
            out,
        );
    }

    /// A RIP of so many milliseconds.
    pub(super) fn wait_for(seq: u16, delay: std::time::Duration) -> RasMessage {
        let delay = u16::try_from(delay.as_millis()).unwrap_or(u16::MAX);
        rip(seq, delay.max(1))
    }
}

fn returned(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(RETURNED)]
}
