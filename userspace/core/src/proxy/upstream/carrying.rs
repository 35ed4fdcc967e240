//! All endpoints behind one gateway registration, which carries their aliases.
//!
//! ```text
//!                       RRQ with all, or what joins if the gatekeeper adds         RCF
//! endpoint: Queued (joins) -------------------------------------------------> Asked ---> Registered
//!              ^  ^                                                            | RRJ duplicateAlias, others
//!              |  +---------------- who is not at fault -----------------------+
//!              +------ after a rest ------ Refused <--- who is -----------------+
//! ```
//!
//! Invariant: one RRQ of the gateway is under way at most. Who joins meanwhile goes with the next one.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::encode_ras;
use rasline_h225::types::{
    BmpString, RasMessage, RegistrationConfirm, RegistrationReject,
    RegistrationRejectReason as Rrj, UnregistrationRequest,
};

use super::gateway::{find_at_fault, make_rrq, rrj_for};
use super::queue::Lane;
use super::requests_to_gatekeeper::Purpose;
use super::{FollowUp, GatekeeperSide, REST};
use crate::Time;
use crate::proxy::endpoints::{Endpoint, Endpoints, GATEWAY};
use crate::proxy::identity::UpstreamIdentity;
use crate::proxy::{EntryId, Output, Stored, UpstreamState, rrq};

/// A stored gateway registration is renewed once a day; what is older by this is gone.
const OLD: Duration = Duration::from_hours(36);

impl GatekeeperSide {
    /// Whether the gatekeeper knows the gateway by this endpointIdentifier.
    pub fn is_gateway(&self, identifier: &BmpString) -> bool {
        self.is_aggregate && self.gateway.identity.identifier.as_ref() == Some(identifier)
    }

    /// Takes the gateway registration as it was stored, if it holds still.
    pub fn restore_gateway(&mut self, stored: &Stored, now: Time, out: &mut Vec<Output>) {
        if self.gateway.identity.identifier.is_some() || self.gateway.request.is_some() {
            return;
        }
        let identity = UpstreamIdentity::restore(stored, stored.registration.confirmed);
        let holds = self.is_aggregate
            && identity.gatekeeper.is_some()
            && identity.identifier.is_some()
            && !identity.is_over(now)
            && now.since(identity.confirmed) <= OLD
            && rrq::parse(&stored.registration.full).is_some();
        if !holds {
            return out.push(Output::Forget { id: GATEWAY });
        }
        self.gateway.identity = identity;
        self.gateway.full = stored.registration.full.as_slice().into();
        self.keep_alives
            .schedule_gateway(&self.gateway.identity, now);
    }

    /// The identity of an endpoint that was stored with this one: it is carried if it names the gateway's.
    pub(super) fn identity_of_carried(&self, stored: &UpstreamIdentity) -> UpstreamIdentity {
        let gateway = &self.gateway.identity;
        let carried = stored.identifier.is_some() && stored.identifier == gateway.identifier;
        UpstreamIdentity {
            gatekeeper: gateway.gatekeeper.filter(|_| carried),
            ..UpstreamIdentity::default()
        }
    }

    fn store_gateway(&self, out: &mut Vec<Output>) {
        out.push(self.gateway.store(self.sources.own()));
    }

    /// Puts an endpoint among those that are to be carried, or the gateway in line for its own next try.
    pub(super) fn join(&mut self, id: EntryId, lane: Lane) {
        let Some(registration) = self.registrations.get(id) else {
            return self.queue.push(GATEWAY, lane);
        };
        let lane = registration.lane(lane);
        self.registrations.set_state(id, UpstreamState::Queued);
        self.gateway.joining.insert(id);
        if self.gateway.request.is_none() {
            self.queue.push(GATEWAY, lane);
        }
    }

    /// Sends an RRQ with who joins, and, unless the gatekeeper adds to what it has, with all the others; or sends it again.
    pub(super) fn register_gateway(
        &mut self,
        endpoints: &Endpoints,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let (Some(from), Some(to)) = (self.sources.own(), self.active) else {
            return;
        };
        if let Some(seq) = self.gateway.request {
            return self.repeat_registration(seq, now, out);
        }
        let identity = &self.gateway.identity;
        let holds = identity.gatekeeper == Some(to) && !identity.is_over(now);
        let adds = holds && identity.additive && !self.gateway.dirty;
        let registered = if adds {
            Vec::new()
        } else {
            self.registrations.registered_ids()
        };
        let members = self.gateway.choose_members(registered, endpoints);
        if members.all.is_empty() || (members.joining.is_empty() && !self.gateway.dirty) {
            // Nothing has changed, or there is no room for it.
            return;
        }
        let Some(seq) = self.requests.next_number() else {
            return;
        };
        let octets = make_rrq(&members.all, endpoints).and_then(|mut rrq| {
            rrq.additive_registration = adds.then_some(());
            rrq::make_full(rrq, seq, holds.then_some(identity), from).ok()
        });
        let Some(octets) = octets else {
            return self.carry_again(&members.joining, REST, now);
        };
        for id in &members.joining {
            self.gateway.joining.remove(id);
            self.registrations.set_state(*id, UpstreamState::Asked);
        }
        self.gateway.dirty = false;
        self.gateway.request = Some(seq);
        self.count_full(now);
        let purpose = Purpose::Carry(members.joining);
        out.push(self.requests.send(seq, (from, to), octets, purpose, now));
    }

    /// The gateway's RRQ was confirmed. The gatekeeper that served before gets one URQ.
    pub(super) fn on_gateway_rcf(
        &mut self,
        (from, to): (SocketAddr, SocketAddr),
        rcf: &RegistrationConfirm,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        let before = self.gateway.take_rcf(to, rcf, now);
        if let Some(old) = before.gatekeeper.filter(|old| *old != to)
            && let Some((seq, payload)) = self.requests.make_urq(&self.gateway.full, &before, None)
        {
            self.counts.left += 1;
            out.push(self.requests.send_once(seq, (from, old), payload, now));
        }
        self.keep_alives.remove(GATEWAY);
        self.keep_alives
            .schedule_gateway(&self.gateway.identity, now);
    }

    /// Notes that this gatekeeper knows an endpoint as carried. False: it is gone, or changed meanwhile and joins again.
    pub fn confirm_carried(&mut self, id: EntryId, gatekeeper: SocketAddr) -> bool {
        let Some(registration) = self.registrations.get_mut(id) else {
            self.gateway.dirty = true;
            return false;
        };
        if self.gateway.joining.contains(&id) {
            return false;
        }
        registration.identity.gatekeeper = Some(gatekeeper);
        true
    }

    /// Keeps what the gatekeeper knows after this RRQ of the gateway, and goes on with what came meanwhile.
    pub fn conclude_carrying(
        &mut self,
        full: Box<[u8]>,
        endpoints: &Endpoints,
        out: &mut Vec<Output>,
    ) {
        let adds = rrq::parse(&full).is_some_and(|rrq| rrq.additive_registration.is_some());
        let whole = self.whole_gateway_rrq(endpoints).filter(|_| adds);
        self.gateway.full = whole.unwrap_or(full);
        self.store_gateway(out);
        self.go_on_carrying();
    }

    /// The full RRQ that would register the endpoints that the gateway carries now.
    fn whole_gateway_rrq(&self, endpoints: &Endpoints) -> Option<Box<[u8]>> {
        let registered = self.registrations.registered_ids();
        self.gateway
            .whole_rrq(registered, endpoints, self.sources.own()?)
    }

    /// Puts the gateway in line, if there is something to say.
    pub fn go_on_carrying(&mut self) {
        if self.gateway.has_news() {
            self.queue.push(GATEWAY, Lane::Wanted);
        }
    }

    /// The gateway's RRQ was rejected: who is at fault is turned away, the others go with the next one.
    pub(super) fn on_gateway_rrj(
        &mut self,
        ids: &[EntryId],
        rrj: &RegistrationReject,
        endpoints: &Endpoints,
        out: &mut Vec<Output>,
    ) -> FollowUp {
        self.counts.rejected += 1;
        self.gateway.request = None;
        let at_fault = match &rrj.reject_reason {
            Rrj::AdditiveRegistrationNotSupported => {
                self.gateway.identity.additive = false;
                Vec::new()
            }
            Rrj::FullRegistrationRequired | Rrj::DiscoveryRequired
                if self.gateway.identity.identifier.is_some() =>
            {
                self.forget_gateway(out);
                Vec::new()
            }
            _ => find_at_fault(ids, rrj, endpoints),
        };
        for id in ids.iter().filter(|id| !at_fault.contains(id)) {
            self.enqueue(*id, Lane::Quiet);
        }
        let rrjs = at_fault.into_iter();
        FollowUp::TurnedAway(rrjs.map(|id| (id, rrj_for(id, rrj, endpoints))).collect())
    }

    /// Repeats after a while what the gateway's unanswered RRQ asked for.
    pub(super) fn carry_again(&mut self, ids: &[EntryId], rest: Duration, now: Time) {
        self.gateway.request = None;
        for id in ids {
            self.enqueue(*id, Lane::Quiet);
        }
        self.queue.remove(GATEWAY);
        self.retries.set(GATEWAY, now.after(rest));
    }

    /// Notes that the gatekeeper no longer knows the gateway, so that all endpoints join again.
    pub fn forget_gateway(&mut self, out: &mut Vec<Output>) {
        self.gateway.identity.identifier = None;
        self.gateway.identity.gatekeeper = None;
        self.keep_alives.remove(GATEWAY);
        self.store_gateway(out);
        for id in self.registrations.registered_ids() {
            self.enqueue(id, Lane::Quiet);
        }
    }

    pub(super) fn send_gateway_keep_alive(&mut self, now: Time, out: &mut Vec<Output>) {
        let identity = &self.gateway.identity;
        let Some(to) = self.active.filter(|to| identity.gatekeeper == Some(*to)) else {
            return;
        };
        if identity.is_over(now) {
            return self.forget_gateway(out);
        }
        let full = rrq::parse(&self.gateway.full);
        let (Some(full), Some(seq)) = (full, self.requests.next_number()) else {
            return self.keep_alives.try_again(GATEWAY, now);
        };
        let Some(from) = self.sources.own() else {
            return;
        };
        let Ok(octets) = rrq::make_keep_alive(full, seq, identity, from) else {
            return;
        };
        self.counts.lightweight += 1;
        let purpose = Purpose::KeepAlive(GATEWAY);
        out.push(self.requests.send(seq, (from, to), octets, purpose, now));
    }

    /// Handles the answer to the gateway's keep-alive. After anything but an RCF all endpoints join again.
    pub(super) fn on_gateway_keep_alive_answer(
        &mut self,
        from: SocketAddr,
        message: &RasMessage,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        if self.gateway.identity.gatekeeper != Some(from) {
            return;
        }
        let RasMessage::RegistrationConfirm(rcf) = message else {
            return self.forget_gateway(out);
        };
        self.gateway.take_light_rcf(rcf, now);
        self.keep_alives.remove(GATEWAY);
        self.keep_alives
            .schedule_gateway(&self.gateway.identity, now);
        self.store_gateway(out);
    }

    /// Takes out the aliases of an endpoint that is gone, or unregisters the gateway with the last one.
    pub(super) fn leave_gateway(
        &mut self,
        endpoint: &Endpoint,
        endpoints: &Endpoints,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        if self.registrations.is_empty() {
            let identity = std::mem::take(&mut self.gateway.identity);
            self.gateway.request = None;
            self.keep_alives.remove(GATEWAY);
            self.store_gateway(out);
            let full = std::mem::take(&mut self.gateway.full);
            self.send_urq(&full, &identity, (self.sources.own(), None, None), now, out);
            self.gateway.full = full;
            return;
        }
        if !self.gateway.identity.additive {
            self.gateway.dirty = true;
            return self.go_on_carrying();
        }
        let (Some(to), Some(from), Some(seq)) = (
            self.gateway.identity.gatekeeper,
            self.sources.own(),
            self.requests.next_number(),
        ) else {
            return;
        };
        if let Some(octets) = self.partial_urq(seq, endpoint) {
            self.counts.left += 1;
            let purpose = Purpose::Leave(None);
            out.push(self.requests.send(seq, (from, to), octets, purpose, now));
        }
        if let Some(whole) = self.whole_gateway_rrq(endpoints) {
            self.gateway.full = whole;
            self.store_gateway(out);
        }
    }

    /// A URQ that takes an endpoint's aliases out of the gateway. `None`: it has none.
    fn partial_urq(&self, seq: u16, endpoint: &Endpoint) -> Option<Vec<u8>> {
        let aliases = rrq::parse(&endpoint.full)?.terminal_alias?;
        let mut urq = UnregistrationRequest::new(seq);
        let identity = &self.gateway.identity;
        urq.endpoint_identifier.clone_from(&identity.identifier);
        urq.gatekeeper_identifier
            .clone_from(&identity.gatekeeper_identifier);
        urq.endpoint_alias = Some(aliases);
        encode_ras(&RasMessage::UnregistrationRequest(urq)).ok()
    }
}
