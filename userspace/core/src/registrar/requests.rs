//! A message: is it one that was answered already, what is it, who answers it.

use std::net::SocketAddr;

use rasline_h225::messages::xrs;
use rasline_h225::text::from_bmp;
use rasline_h225::types::{
    AdmissionRejectReason, AdmissionRequest, BandRejectReason, BandwidthRequest,
    DisengageRejectReason, DisengageRequest, InfoRequestResponse, LocationRejectReason,
    LocationRequest, RasMessage, ResourcesAvailableIndicate, ServiceControlIndication,
};
use rasline_h225::{RasKind, RasMessageRef, decode_ras, header};

use super::admission::{Caller, HOPS};
use super::aliases::texts;
use super::auth::{Accounts, Mode};
use super::auth_reject::answer_denied;
use super::bandwidth::{answer_brq, brj};
use super::discovery::answer_grq;
use super::disengage::{answer_drq, drj};
use super::inbound::Inbound;
use super::information::{answer_irr, is_whole, note_resources, rac, scr, wants_answer};
use super::location::{Located, Seeker, destination_in, lcf, locate, lrj};
use super::machine::Registrar;
use super::own_requests::Wanted;
use super::reply::{Reply, in_progress, rejection};
use super::search::Asker;
use super::{EntryId, Event, Output};
use crate::access::Denied;
use crate::ras_server::answer_address;
use crate::transaction::{CachedReply, RequestKey};

/// Octets of a message that are returned at most in an XRS: what travels unfragmented.
const RETURNED: usize = 1200;
/// Maximum number of rejections reported in a second.
const TOLD: u32 = 20;

impl Registrar {
    pub(super) fn handle_message(
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
        // What was answered to a unicast message may be a reject.
        if !called_out && self.answer_repeated(key, from, to, out) {
            self.stats.repeated += 1;
            return;
        }
        let mut asked = Inbound {
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
            return self.return_undecodable(&asked, out);
        };
        asked.seq = message.request_seq_num();
        asked.answer_to = answer_address(from, &message);
        let kind = message.kind();
        let before = out.len();
        let reply = match self.put_off(&message) {
            Some(reply) => reply,
            None => self.check_and_dispatch(&mut asked, message, out),
        };
        self.reply(&asked, (kind, reply), before, out);
    }

    /// The address that is spoken with: where the message came to. To a group, only a GRQ can come.
    fn own_address(&self, to: SocketAddr, payload: &[u8]) -> Option<SocketAddr> {
        if !to.ip().is_multicast() {
            return Some(to);
        }
        let is_grq = header(payload).is_some_and(|h| h.kind == RasKind::GatekeeperRequest);
        let mut own = self.policy.settings.ras_addresses.iter();
        let own = own.find(|own| own.is_ipv4() == to.is_ipv4());
        own.copied().filter(|_| is_grq)
    }

    /// The answer to a full RRQ while there is too much to do. Before it is proved: it comes again, octet by octet.
    fn put_off(&mut self, message: &RasMessage) -> Option<Reply> {
        let delay = self.overload?;
        match message {
            RasMessage::RegistrationRequest(rrq) if rrq.keep_alive != Some(true) => {
                self.stats.put_off += 1;
                let rip = in_progress(rrq.request_seq_num, delay);
                Some(Reply::Once(Box::new(rip)))
            }
            _ => None,
        }
    }

    /// A retransmission gets the same answer; false if it is none.
    fn answer_repeated(
        &mut self,
        key: RequestKey,
        asker: SocketAddr,
        from: SocketAddr,
        out: &mut Vec<Output>,
    ) -> bool {
        let accounts = Accounts::new(&self.policy, &self.entries);
        let outbox = &mut self.sender.outbox(self.now, accounts, out);
        if self.searches.handle_repeated(key, outbox) {
            return true;
        }
        let Some(reply) = self.replies.get(self.now, key) else {
            return false;
        };
        if reply.about.is_some_and(|id| self.revoked.contains(id)) {
            return false;
        }
        // Some endpoints never count requestSeqNum up: each keep-alive is a retransmission.
        let holds = |id: &EntryId| {
            let entry = self.entries.get(*id);
            entry.is_some_and(|entry| entry.endpoint.ip() == asker.ip())
        };
        if let Some(id) = reply.about.filter(holds) {
            self.entries.note_heard(id, self.now, self.now);
        }
        let (to, payload) = (reply.to, reply.octets.to_vec());
        out.push(Output::Send { from, to, payload });
        true
    }

    fn check_and_dispatch(
        &mut self,
        asked: &mut Inbound<'_>,
        message: RasMessage,
        out: &mut Vec<Output>,
    ) -> Reply {
        let accounts = Accounts::new(&self.policy, &self.entries);
        match accounts.check(&mut self.gate, self.now, asked, &message) {
            Ok(mode) => {
                asked.mode = mode;
                self.dispatch(asked, message, out)
            }
            Err(denied) => {
                if denied == Denied::LockedNow {
                    out.push(Output::Event(Event::Locked { source: asked.from }));
                }
                self.stats.denied += 1;
                answer_denied(&self.policy, &message, denied)
            }
        }
    }

    fn dispatch(
        &mut self,
        asked: &Inbound<'_>,
        message: RasMessage,
        out: &mut Vec<Output>,
    ) -> Reply {
        use RasMessageRef as M;
        match message.by_ref() {
            M::GatekeeperRequest(grq) => answer_grq(&self.policy, asked, grq),
            M::RegistrationRequest(rrq) if rrq.keep_alive == Some(true) => {
                self.handle_keep_alive(asked, rrq, out)
            }
            M::RegistrationRequest(rrq) if rrq.additive_registration.is_some() => {
                self.handle_additive_rrq(asked, rrq, out)
            }
            M::RegistrationRequest(rrq) => self.handle_full_rrq(asked, rrq, out),
            M::UnregistrationRequest(urq) => self.handle_urq(asked, urq, out),
            M::AdmissionRequest(arq) => self.handle_arq(asked, arq, out),
            M::BandwidthRequest(brq) => self.handle_brq(asked, brq, out),
            M::DisengageRequest(drq) => self.handle_drq(asked, drq, out),
            M::LocationRequest(lrq) => self.handle_lrq(asked, lrq, out),
            M::InfoRequestResponse(irr) => self.handle_irr(asked, irr, out),
            M::ResourcesAvailableIndicate(rai) => self.handle_rai(asked, rai),
            M::ServiceControlIndication(sci) => self.handle_sci(asked, sci),
            M::NonStandardMessage(_) => Reply::anyone(xrs(asked.seq, returned(asked.payload))),
            // No gatekeeper is sent these.
            M::InfoRequest(_)
            | M::GatekeeperConfirm(_)
            | M::GatekeeperReject(_)
            | M::RegistrationConfirm(_)
            | M::RegistrationReject(_)
            | M::AdmissionConfirm(_)
            | M::AdmissionConfirmSequence(_)
            | M::AdmissionReject(_)
            | M::BandwidthConfirm(_)
            | M::BandwidthReject(_)
            | M::UnknownMessageResponse(_)
            | M::ResourcesAvailableConfirm(_)
            | M::InfoRequestAck(_)
            | M::InfoRequestNak(_)
            | M::ServiceControlResponse(_) => {
                self.stats.ignored += 1;
                Reply::Nothing
            }
            M::UnregistrationConfirm(_)
            | M::UnregistrationReject(_)
            | M::DisengageConfirm(_)
            | M::DisengageReject(_)
            | M::LocationConfirm(_)
            | M::LocationReject(_)
            | M::RequestInProgress(_) => {
                self.handle_answer(asked, message, out);
                Reply::Nothing
            }
        }
    }

    /// Takes an answer to a request of ours.
    fn handle_answer(&mut self, asked: &Inbound<'_>, message: RasMessage, out: &mut Vec<Output>) {
        use RasMessage as M;
        let requests = &mut self.sender.requests;
        match message {
            M::UnregistrationConfirm(_)
            | M::UnregistrationReject(_)
            | M::DisengageConfirm(_)
            | M::DisengageReject(_) => {
                requests.finish(asked.seq, asked.from);
            }
            M::LocationConfirm(_) | M::LocationReject(_) => {
                let Some(Wanted::Location(ticket)) = requests.finish(asked.seq, asked.from) else {
                    self.stats.ignored += 1;
                    return;
                };
                let found = match &message {
                    M::LocationConfirm(lcf) => destination_in(lcf, asked.from),
                    _ => None,
                };
                match found {
                    Some(found) => self.search(out, |searches, outbox| {
                        searches.finish(ticket, Some(found), outbox)
                    }),
                    None => self.search(out, |searches, outbox| {
                        searches.handle_unknown(ticket, asked.seq, outbox)
                    }),
                }
            }
            M::RequestInProgress(rip) => {
                requests.put_off(asked.seq, asked.from, rip.delay, self.now);
            }
            _ => self.stats.ignored += 1,
        }
    }

    /// What does not decode is returned if it is a request: an answer to an answer would not end.
    fn return_undecodable(&mut self, asked: &Inbound<'_>, out: &mut Vec<Output>) {
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
        asked: &Inbound<'_>,
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
        let Some(payload) = self.outbox(out).seal(&mut message, &asked.mode) else {
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

    /// Counts an answer that is a rejection, and tells of it if not of too many.
    fn count_rejection(
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
        if self.told.try_take(self.now, TOLD) {
            let request = kind.name().to_owned();
            out.push(Output::Event(Event::Rejected {
                from,
                request,
                reason,
            }));
        }
    }

    fn handle_arq(
        &mut self,
        asked: &Inbound<'_>,
        arq: &AdmissionRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let identifier = from_bmp(&arq.endpoint_identifier);
        let found = self.find_or_adopt(&identifier, asked, out);
        let registered = found.and_then(|id| Some((id, self.entries.get(id)?)));
        let Some(registered) = registered else {
            let why = match self.entries.by_identifier(&identifier) {
                Some(_) => AdmissionRejectReason::InvalidEndpointIdentifier,
                None => AdmissionRejectReason::CallerNotRegistered,
            };
            return self.policy.arj(asked.seq, None, why);
        };
        let (id, entry) = registered;
        let caller = Caller { id, entry, arq };
        let found = caller.find_called(self.directory());
        let found = found.map_err(|why| self.policy.arj(asked.seq, Some(registered), why));
        self.note_heard(id);
        match found {
            Ok(Some(found)) => self.admit(asked.seq, (id, arq), &found, out),
            Ok(None) => {
                let dialled = texts(arq.destination_info.as_deref());
                let numbers = self.policy.plan_numbers(&dialled);
                let caller = Asker::Caller(id, Box::new(arq.clone()));
                self.start_search(asked, (caller, numbers, HOPS), out)
            }
            Err(arj) => arj,
        }
    }

    fn handle_brq(
        &mut self,
        asked: &Inbound<'_>,
        brq: &BandwidthRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let Some(id) = self.find_own(&from_bmp(&brq.endpoint_identifier), asked) else {
            return brj(asked.seq, None, BandRejectReason::NotBound, 0);
        };
        self.note_heard(id);
        let limits = self.policy.limits();
        answer_brq(&mut self.calls, (id, brq), &limits, self.now, out)
    }

    fn handle_drq(
        &mut self,
        asked: &Inbound<'_>,
        drq: &DisengageRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let identifier = from_bmp(&drq.endpoint_identifier);
        let Some(id) = self.find_or_adopt(&identifier, asked, out) else {
            return drj(asked.seq, None, DisengageRejectReason::NotRegistered);
        };
        self.note_heard(id);
        answer_drq(&mut self.calls, (id, drq), self.now, out)
    }

    /// An endpoint reports: it lives, and so do the calls that it names.
    fn handle_irr(
        &mut self,
        asked: &Inbound<'_>,
        irr: &InfoRequestResponse,
        out: &mut Vec<Output>,
    ) -> Reply {
        let identifier = from_bmp(&irr.endpoint_identifier);
        let id = self.find_or_adopt(&identifier, asked, out);
        if let Some(id) = id {
            self.note_heard(id);
            let calls = &mut self.calls;
            calls.handle_report(id, irr, is_whole(irr), self.now, out);
        } else {
            self.stats.ignored += u64::from(!wants_answer(irr));
        }
        answer_irr(irr, id)
    }

    /// A gateway has room, or almost none.
    fn handle_rai(&mut self, asked: &Inbound<'_>, rai: &ResourcesAvailableIndicate) -> Reply {
        let Some(id) = self.find_own(&from_bmp(&rai.endpoint_identifier), asked) else {
            self.stats.ignored += 1;
            return Reply::Nothing;
        };
        self.note_heard(id);
        if let Some(entry) = self.entries.get_mut(id) {
            note_resources(entry, rai);
        }
        Reply::to(Some(id), rac(rai))
    }

    fn handle_sci(&mut self, asked: &Inbound<'_>, sci: &ServiceControlIndication) -> Reply {
        let named = sci.endpoint_identifier.as_ref().map(from_bmp);
        let id = named.and_then(|named| self.find_own(&named, asked));
        if let Some(id) = id {
            self.note_heard(id);
        }
        Reply::to(id, scr(sci))
    }

    fn handle_lrq(
        &mut self,
        asked: &Inbound<'_>,
        lrq: &LocationRequest,
        out: &mut Vec<Output>,
    ) -> Reply {
        let is_neighbour = self.policy.index.answered.contains_key(&asked.from.ip());
        let named = lrq.endpoint_identifier.as_ref().map(from_bmp);
        let seeker = match named.and_then(|named| self.find_own(&named, asked)) {
            Some(_) => Seeker::Endpoint,
            None if is_neighbour => Seeker::Neighbour,
            None => return lrj(asked.seq, LocationRejectReason::RequestDenied),
        };
        match locate(self.directory(), lrq, seeker, asked.to) {
            Located::Found(found) => {
                self.stats.located += 1;
                lcf(asked.seq, &found)
            }
            Located::Rejected(why) => lrj(asked.seq, why),
            Located::Elsewhere(numbers, hops) => {
                let seeker = Asker::Seeker(Box::new(lrq.clone()));
                self.start_search(asked, (seeker, numbers, hops), out)
            }
        }
    }
}

fn returned(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(RETURNED)]
}
