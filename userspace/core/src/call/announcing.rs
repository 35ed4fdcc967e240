//! Announcing calls to the gatekeeper that both parties are registered with.

use std::net::SocketAddr;

use rasline_h225::q931::cause;

use super::io::{CallId, LinkId, Output};
use super::leg::Leg;
use super::lifecycle::Call;
use super::machine::Calls;
use super::place::Place;
use super::received::Received;
use crate::ras_server::{AdmissionAnswer, AdmissionTicket, EntryId};
use crate::{Time, ZoneIndex};

impl Calls {
    /// Announces the calls whose turn it is.
    pub(super) fn announce_due(&mut self, now: Time, out: &mut Vec<Output>) {
        let rate = self.settings.announce_rate;
        while let Some(id) = self.announcements.pop(rate, now) {
            let gatekeeper = self.find_next_gatekeeper(id);
            let parties = self.announcements.parties(id);
            let caller =
                parties.and_then(|[(zone, caller), _]| self.directory.endpoint(zone, caller));
            if let (Some(gatekeeper), Some(caller)) = (gatekeeper, caller) {
                self.with_call(now, id, out, |call, turn| {
                    call.announce(gatekeeper, caller.upstream, turn);
                });
            }
        }
    }

    /// The gatekeeper that both parties of a waiting call are registered with, if it may be asked.
    fn find_next_gatekeeper(&self, id: CallId) -> Option<SocketAddr> {
        let parties = self.announcements.parties(id)?;
        let [first, second] = parties.map(|party| self.directory.registered_with(party));
        let gatekeeper = first?;
        let is_same = second == first;
        let call = self.by_number.get(&id)?;
        (is_same && call.may_announce(gatekeeper)).then_some(gatekeeper)
    }

    /// Brings the queue in line with what became of a call.
    pub(super) fn queue_announcement(&mut self, id: CallId) {
        let parties = self.by_number.get(&id).and_then(Call::parties_to_announce);
        self.announcements.set_waiting(id, parties);
        if parties.is_some() {
            let is_ready = self.find_next_gatekeeper(id).is_some();
            self.announcements.set_ready(id, is_ready);
        }
    }

    /// An endpoint is registered with another gatekeeper, or with none: its waiting calls are looked at again.
    pub(super) fn requeue_calls_of(&mut self, zone: ZoneIndex, endpoint: EntryId) {
        for id in self.announcements.calls_of((zone, endpoint)) {
            self.queue_announcement(id);
        }
    }

    pub(super) fn handle_admission_answer(
        &mut self,
        now: Time,
        ticket: AdmissionTicket,
        answer: &AdmissionAnswer,
        out: &mut Vec<Output>,
    ) {
        self.with_call(now, CallId(ticket.call), out, |call, turn| {
            call.handle_admission_answer(ticket.question, answer.clone(), turn);
        });
    }

    /// A gatekeeper is dead, or has let an endpoint go: calls are not announced to it any longer.
    pub(super) fn stop_announcing_to(
        &mut self,
        now: Time,
        (zone, gatekeeper): (ZoneIndex, SocketAddr),
        endpoint: Option<EntryId>,
        out: &mut Vec<Output>,
    ) {
        let is_meant = |call: &&Call| {
            call.zone == zone && endpoint.is_none_or(|endpoint| call.has_endpoint(endpoint))
        };
        let concerned = |call: &&Call| call.announcement.is_some();
        let all = self.by_number.values().filter(is_meant).filter(concerned);
        let mut ids: Vec<CallId> = all.map(|call| call.id).collect();
        ids.sort_unstable();
        for id in ids {
            self.with_call(now, id, out, |call, turn| {
                call.forget_gatekeeper(gatekeeper, turn);
            });
        }
    }

    /// A gatekeeper's Setup that belongs to a joined call, or to one that has ended. Returns it if it is neither. No endpoint
    /// rings for it: what is not waited for is refused.
    pub(super) fn take_announced_setup(
        &mut self,
        now: Time,
        (link, (zone, entry)): (LinkId, (ZoneIndex, EntryId)),
        (peer, local): (SocketAddr, SocketAddr),
        setup: Received,
        out: &mut Vec<Output>,
    ) -> Option<Received> {
        let Some(identifier) = setup.identifier() else {
            return Some(setup);
        };
        let known = self.by_identifier.get(&(zone, identifier)).copied();
        let Some(call) = known.and_then(|id| self.by_number.get_mut(&id)) else {
            if self.announcements.has_ended((zone, identifier), now) {
                self.refuse_setup(link, &setup, cause::TEMPORARY_FAILURE, out);
                return None;
            }
            return Some(setup);
        };
        if !call.is_joined {
            return Some(setup);
        }
        let gatekeeper = self.directory.gatekeeper_at(zone, peer.ip());
        if !call.accepts_setup(gatekeeper, entry) {
            self.refuse_setup(link, &setup, cause::TEMPORARY_FAILURE, out);
            return None;
        }
        let id = call.id;
        let leg = Leg::new(link, setup.message.reference.reversed(), local, peer);
        self.attach(id, Place::CalledGatekeeper, leg);
        self.with_call(now, id, out, Call::proceed_with_announcement);
        None
    }
}
