//! The side of the gatekeepers: registrations there, their keep-alives, and requests under way.
//!
//! The methods stand in three files: here what is done when endpoints come, change and go, and when gatekeepers do;
//! in `registering` full RRQs, keep-alives and the answers to them; in `carrying` what an aggregate does instead.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::types::{BmpString, RasMessage};
use rasline_h225::view;

use super::endpoints::{Endpoint, Endpoints};
use super::identity::UpstreamIdentity;
use super::translate::UpstreamNames;
use super::{EntryId, Event, Output, Settings, Stats, Stored, Upstream, UpstreamState};
use crate::Time;
use crate::transaction::{TimerQueue, digest};
use gateway::Gateway;
use keep_alives::KeepAlives;
use moving::Move;
use own_admissions::refuse_admission;
use queue::{Lane, Queue};
use registrations::{Registration, Registrations};
use requests_to_gatekeeper::{Purpose, RequestsToGatekeeper};
use signalling_addresses::SignallingAddresses;
use sources::Sources;

pub(super) use own_admissions::ask_admission;
pub(super) use registering::FollowUp;

mod carrying;
mod gateway;
mod keep_alives;
mod moving;
mod own_admissions;
mod queue;
mod registering;
mod registrations;
pub(super) mod requests_to_gatekeeper;
mod signalling_addresses;
mod sources;

/// A silent gatekeeper is asked again after so long.
const SILENT: Duration = Duration::from_secs(5);
/// How long a gatekeeper may know an endpoint that it granted no timeToLive.
const LONG: Duration = Duration::from_hours(1);
/// A gatekeeper that rejects is asked again after so long.
const REST: Duration = Duration::from_mins(1);

/// What was sent to gatekeepers, as [`Stats`] counts it.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    full: u64,
    lightweight: u64,
    rejected: u64,
    left: u64,
    /// Full RRQs that could not be encoded.
    unsendable: u64,
}

/// How the endpoints stand with the gatekeepers.
#[derive(Clone, Debug)]
pub(super) struct GatekeeperSide {
    /// The gatekeeper that serves.
    active: Option<SocketAddr>,
    /// Whether one gateway registration carries all endpoints.
    is_aggregate: bool,
    registrations: Registrations,
    /// The registration of an aggregate.
    gateway: Gateway,
    queue: Queue,
    /// When endpoints that are not registered may be tried again.
    retries: TimerQueue<EntryId>,
    keep_alives: KeepAlives,
    pub requests: RequestsToGatekeeper,
    sources: Sources,
    /// Those that stand for endpoints, if rasline ends their call signalling.
    signalling: Option<SignallingAddresses>,
    moving: Option<Move>,
    /// Digest of the alternates that the gatekeeper named last.
    alternates: Option<u64>,
    /// The gatekeeper that last answered a request of ours, and when.
    last_answer: Option<(SocketAddr, Time)>,
    counts: Counts,
}

impl GatekeeperSide {
    /// Nothing is registered; no gatekeeper serves yet.
    pub fn new(settings: &Settings, now: Time) -> Self {
        Self {
            active: None,
            is_aggregate: settings.upstream == Upstream::Aggregate,
            registrations: Registrations::default(),
            gateway: Gateway::default(),
            queue: Queue::new(settings.migrate_rate, now),
            retries: TimerQueue::default(),
            keep_alives: KeepAlives::new(settings.seed),
            requests: RequestsToGatekeeper::new(settings.seed, now),
            sources: Sources::new(settings),
            signalling: SignallingAddresses::new(settings),
            moving: None,
            alternates: None,
            last_answer: None,
            counts: Counts::default(),
        }
    }

    // What is asked of it.

    pub const fn active(&self) -> Option<SocketAddr> {
        self.active
    }

    /// Whether the gatekeeper that serves is on the host that this is from.
    pub fn is_active(&self, from: SocketAddr) -> bool {
        self.active.is_some_and(|active| active.ip() == from.ip())
    }

    pub const fn last_answer(&self) -> Option<(SocketAddr, Time)> {
        self.last_answer
    }

    /// Whether this is an endpoint's address, not rasline's.
    pub fn is_endpoints(&self, address: SocketAddr) -> bool {
        self.sources.is_endpoints(address)
    }

    pub fn is_registered(&self, id: EntryId) -> bool {
        self.state(id) == Some(UpstreamState::Registered)
    }

    pub fn state(&self, id: EntryId) -> Option<UpstreamState> {
        self.registrations.state(id)
    }

    /// What the gatekeeper knows an endpoint by; of an aggregate, the gateway.
    pub fn identity(&self, id: EntryId) -> Option<&UpstreamIdentity> {
        if self.is_aggregate {
            return Some(&self.gateway.identity);
        }
        Some(&self.registrations.get(id)?.identity)
    }

    /// The order in which endpoints at the same address are taken for the one that is meant: a registered one before
    /// others, then who was confirmed longest ago.
    pub fn rank(&self, id: EntryId) -> impl Ord {
        let registration = self.registrations.get(id);
        let confirmed = registration.map(|one| one.identity.confirmed);
        (!self.is_registered(id), confirmed, id)
    }

    /// The endpoint that the gatekeeper knows by this endpointIdentifier.
    pub fn by_identifier(&self, identifier: &BmpString) -> Option<EntryId> {
        self.registrations.by_identifier(identifier)
    }

    /// How this gatekeeper, which serves, knows an endpoint.
    pub fn names_of(
        &self,
        id: EntryId,
        endpoint: &Endpoint,
        gatekeeper: SocketAddr,
    ) -> Option<UpstreamNames> {
        let identity = self.identity(id)?;
        Some(UpstreamNames {
            endpoint_identifier: identity.identifier.clone(),
            gatekeeper_identifier: identity.gatekeeper_identifier.clone(),
            ras_address: self.sources.source_of(endpoint, gatekeeper)?,
            signalling: self.signalling_of(id),
        })
    }

    /// The callSignalAddress that represents an endpoint; `None`: its own.
    pub fn signalling_of(&self, id: EntryId) -> Option<SocketAddr> {
        self.registrations.get(id)?.signalling
    }

    /// The endpoint that a callSignalAddress of rasline's represents.
    pub fn find_by_signalling(&self, address: SocketAddr) -> Option<EntryId> {
        self.signalling.as_ref()?.find(address)
    }

    /// Whether there is a callSignalAddress for one more endpoint, if it needs one.
    pub fn has_free_signalling(&self, now: Time) -> bool {
        let addresses = self.signalling.as_ref();
        addresses.is_none_or(|addresses| addresses.has_free(now))
    }

    /// Adds what this side counts.
    pub fn add_counts(&self, stats: &mut Stats) {
        stats.registered = self.registrations.count_registered();
        stats.upstream_full += self.counts.full;
        stats.upstream_lightweight += self.counts.lightweight;
        stats.upstream_rejected += self.counts.rejected;
        stats.upstream_left += self.counts.left;
        stats.ignored += self.counts.unsendable;
    }

    // Endpoints come, change and go.

    /// Adds an endpoint, which is not registered yet.
    pub fn add(&mut self, id: EntryId, now: Time) {
        self.registrations.insert(id, UpstreamIdentity::default());
        self.assign_signalling(id, None, now);
    }

    /// Gives an endpoint the callSignalAddress that represents it: with the port that it had before, if it had one.
    fn assign_signalling(&mut self, id: EntryId, before: Option<u16>, now: Time) {
        let Some(addresses) = &mut self.signalling else {
            return;
        };
        if let Some(port) = before {
            addresses.restore(id, port);
        }
        if addresses.of(id).is_none() {
            addresses.assign(id, now);
        }
        if let Some(registration) = self.registrations.get_mut(id) {
            registration.signalling = addresses.of(id);
        }
    }

    /// Adds an endpoint as it was stored, registered if the gatekeeper that serves must know it still.
    pub fn restore(&mut self, id: EntryId, stored: &Stored, now: Time) {
        let identity = UpstreamIdentity::restore(stored, now);
        let identity = if self.is_aggregate {
            self.identity_of_carried(&identity)
        } else {
            identity
        };
        self.registrations.insert(id, identity);
        self.assign_signalling(id, stored.upstream_signalling_port, now);
        self.settle(id, now);
    }

    /// Notes whether requests of an endpoint wait for it to be registered: who is waited for goes first.
    pub fn set_waited_for(&mut self, id: EntryId, waited_for: bool) {
        if let Some(registration) = self.registrations.get_mut(id) {
            registration.is_waited_for = waited_for;
        }
    }

    /// Takes out an endpoint that is registered no more; [`Self::leave`] tells the gatekeeper.
    pub fn remove(
        &mut self,
        id: EntryId,
        now: Time,
        out: &mut Vec<Output>,
    ) -> Option<Registration> {
        self.note_moved(id, false, out);
        self.queue.remove(id);
        self.gateway.joining.remove(&id);
        self.keep_alives.remove(id);
        self.retries.clear(id);
        let registration = self.registrations.remove(id)?;
        if let Some(addresses) = &mut self.signalling {
            let known_for = registration.identity.lease().unwrap_or(LONG);
            addresses.free(id, now.after(known_for));
        }
        Some(registration)
    }

    /// Tells the gatekeeper that it need not keep an endpoint that was removed: by a URQ, repeated once.
    pub fn leave(
        &mut self,
        (endpoint, registration): (&Endpoint, &Registration),
        endpoints: &Endpoints,
        now: Time,
        out: &mut Vec<Output>,
    ) {
        if let Some(seq) = registration.request {
            self.requests.abandon(seq, now);
        }
        let identity = &registration.identity;
        if identity.gatekeeper.is_none() || identity.gatekeeper != self.active {
            return;
        }
        if self.is_aggregate {
            return self.leave_gateway(endpoint, endpoints, now, out);
        }
        let from = self
            .active
            .and_then(|to| self.sources.source_of(endpoint, to));
        self.send_urq(
            &endpoint.full,
            identity,
            (from, endpoint.signalling, registration.signalling),
            now,
            out,
        );
    }

    /// Sends a URQ for what this RRQ registered, from this address.
    fn send_urq(
        &mut self,
        full: &[u8],
        identity: &UpstreamIdentity,
        (from, own, upstream): (Option<SocketAddr>, Option<SocketAddr>, Option<SocketAddr>),
        now: Time,
        out: &mut Vec<Output>,
    ) {
        if let (Some(from), Some(to), Some((seq, octets))) = (
            from,
            identity.gatekeeper,
            self.requests.make_urq(full, identity, upstream),
        ) {
            self.counts.left += 1;
            let purpose = Purpose::Leave(own);
            out.push(self.requests.send(seq, (from, to), octets, purpose, now));
        }
    }

    /// Sends one URQ for what this RRQ registered: nobody knows whether the gatekeeper lives, or waits for its answer.
    fn send_urq_once(
        &mut self,
        full: &[u8],
        identity: &UpstreamIdentity,
        (way, signalling): ((SocketAddr, SocketAddr), Option<SocketAddr>),
        now: Time,
        out: &mut Vec<Output>,
    ) {
        if let Some((seq, payload)) = self.requests.make_urq(full, identity, signalling) {
            self.counts.left += 1;
            out.push(self.requests.send_once(seq, way, payload, now));
        }
    }

    /// Puts an endpoint in line, or the gateway for its own next try.
    pub fn enqueue(&mut self, id: EntryId, lane: Lane) {
        self.retries.clear(id);
        if self.is_aggregate {
            return self.join(id, lane);
        }
        let Some(registration) = self.registrations.get(id) else {
            return;
        };
        let lane = registration.lane(lane);
        if registration.request.is_none() {
            self.registrations.set_state(id, UpstreamState::Queued);
        }
        self.keep_alives.remove(id);
        self.queue.push(id, lane);
    }

    /// Puts an endpoint that stands in line before those whom nobody waits for.
    pub fn hurry(&mut self, id: EntryId) {
        if self.queue.contains(id) || self.gateway.joining.contains(&id) {
            self.enqueue(id, Lane::Wanted);
        }
    }

    /// Registers an endpoint anew, by another full RRQ: what comes back for the one under way does not count.
    pub fn register_anew(&mut self, id: EntryId, now: Time) {
        self.cancel_registration(id, now);
        self.registrations.set_state(id, UpstreamState::Queued);
        self.enqueue(id, Lane::Wanted);
    }

    /// Goes on with an endpoint as it was before its last full RRQ, which came to nothing.
    pub fn keep_as_before(&mut self, id: EntryId, now: Time) {
        self.cancel_registration(id, now);
        self.settle(id, now);
    }

    fn cancel_registration(&mut self, id: EntryId, now: Time) {
        let registration = self.registrations.get_mut(id);
        if let Some(seq) = registration.and_then(|one| one.request.take()) {
            self.requests.finish(seq, now);
        }
    }

    /// Registers an endpoint again that the gatekeeper has unregistered; after a while, if it was confirmed just now: it
    /// may be in somebody's way there.
    pub fn register_again(&mut self, id: EntryId, now: Time) {
        let confirmed = self.registrations.get(id).map(|one| one.identity.confirmed);
        self.enqueue(id, Lane::Quiet);
        if confirmed.is_some_and(|at| now.since(at) < SILENT) {
            self.queue.remove(id);
            self.retries.set(id, now.after(SILENT));
        }
    }

    /// Notes that the gatekeeper knows an endpoint no more.
    pub fn forget_identity(&mut self, id: EntryId) {
        self.registrations.forget_identity(id);
    }

    /// Takes an endpoint for registered, if the gatekeeper that serves has confirmed it and must know it still; else puts it
    /// in line.
    pub fn settle(&mut self, id: EntryId, now: Time) {
        let (Some(registration), Some(identity)) = (self.registrations.get(id), self.identity(id))
        else {
            return;
        };
        let gatekeeper = registration.identity.gatekeeper;
        let knows = gatekeeper.is_some()
            && gatekeeper == self.active
            && identity.gatekeeper == self.active
            && identity.identifier.is_some()
            && !identity.is_over(now);
        if !knows {
            return self.enqueue(id, Lane::Quiet);
        }
        if !self.is_aggregate {
            self.registrations.claim_identifier(id);
        }
        self.queue.remove(id);
        self.gateway.joining.remove(&id);
        self.retries.clear(id);
        self.registrations.set_state(id, UpstreamState::Registered);
        self.schedule_keep_alive(id, now);
    }

    /// Notes that an endpoint is registered, and may be told so.
    pub fn set_registered(&mut self, id: EntryId) {
        self.registrations.set_state(id, UpstreamState::Registered);
    }

    /// Notes that the gatekeeper does not want an endpoint. It is tried again after a rest.
    pub fn set_refused(&mut self, id: EntryId, now: Time) {
        self.registrations.set_state(id, UpstreamState::Refused);
        self.retries.set(id, now.after(REST));
    }

    /// Notes that the gatekeeper may know an endpoint no more: some drop what they had when they reject a full RRQ.
    pub fn set_doubtful(&mut self, id: EntryId) {
        if let Some(registration) = self.registrations.get_mut(id) {
            registration.identity.doubtful = true;
        }
    }

    /// Notes that one of the endpoints that move has come to its end.
    pub fn note_moved(&mut self, id: EntryId, registered: bool, out: &mut Vec<Output>) {
        let moving = self.moving.as_mut();
        if let Some(event) = moving.and_then(|one| one.note_end(id, registered)) {
            out.push(Output::Event(event));
            self.moving = None;
        }
    }

    /// Notes that the gatekeeper refused an endpoint's callSignalAddress.
    pub fn note_address_refused(&mut self, endpoint: &Endpoint) -> Option<Event> {
        self.sources.note_refused(self.active?, endpoint)
    }

    // Gatekeepers change.

    /// Another gatekeeper serves, or none. All endpoints register there. True: what waits for those that it knows already
    /// may go out.
    pub fn activate(
        &mut self,
        gatekeeper: Option<SocketAddr>,
        endpoints: &Endpoints,
        now: Time,
        out: &mut Vec<Output>,
    ) -> bool {
        if self.active == gatekeeper {
            return false;
        }
        self.active = gatekeeper;
        self.stop_requests(now, out);
        // Without one, who is registered stays so until timeToLive is over; requests wait.
        let Some(gatekeeper) = gatekeeper else {
            return false;
        };
        let mut left = HashSet::new();
        for id in self.registrations.ids() {
            if endpoints.get(id).is_some_and(|one| one.wanted.is_some()) {
                self.enqueue(id, Lane::Wanted);
            } else {
                self.settle(id, now);
            }
            if !self.is_registered(id) {
                left.insert(id);
            }
        }
        self.moving = Move::begin(gatekeeper, left, out);
        true
    }

    /// Ends the requests to gatekeepers that serve no more: those of endpoints wait for the next one.
    fn stop_requests(&mut self, now: Time, out: &mut Vec<Output>) {
        for seq in self.requests.numbers_not_for(self.active) {
            match self.requests.get(seq).map(|one| one.purpose.clone()) {
                Some(Purpose::Register(id)) => {
                    self.requests.abandon(seq, now);
                    if let Some(registration) = self.registrations.get_mut(id) {
                        registration.request = None;
                    }
                    self.enqueue(id, Lane::Quiet);
                }
                Some(Purpose::Carry(ids)) => {
                    self.requests.abandon(seq, now);
                    self.gateway.request = None;
                    for id in ids {
                        self.enqueue(id, Lane::Quiet);
                    }
                }
                Some(Purpose::KeepAlive(id)) => {
                    self.requests.finish(seq, now);
                    self.schedule_keep_alive(id, now);
                }
                Some(Purpose::Admit(ticket)) => {
                    self.requests.finish(seq, now);
                    out.push(refuse_admission(ticket));
                }
                Some(Purpose::Relay { .. } | Purpose::Leave(_)) => {
                    self.requests.finish(seq, now);
                }
                Some(Purpose::Abandoned) | None => {}
            }
        }
    }

    /// The event by which people learn of alternates that the gatekeeper that serves has not named before. Endpoints are
    /// never told.
    pub fn note_alternates(&mut self, from: SocketAddr, message: &RasMessage) -> Option<Event> {
        let named = view::alternates(message).filter(|named| named.permanent)?;
        let list = named.list;
        let new = digest(&(from, &list));
        if self.active != Some(from) || self.alternates.replace(new) == Some(new) {
            return None;
        }
        Some(Event::Alternates {
            gatekeeper: from,
            list,
        })
    }

    // What is due.

    /// When the next full RRQ may be sent.
    pub fn next_registration(&self) -> Option<Time> {
        self.may_register().then(|| self.queue.next_due()).flatten()
    }

    pub fn next_retry(&self) -> Option<Time> {
        self.retries.next_due()
    }

    pub fn next_keep_alive(&self) -> Option<Time> {
        self.keep_alives.next_due()
    }

    fn may_register(&self) -> bool {
        self.active.is_some() && !self.requests.is_full()
    }

    /// Puts the first endpoint whose rest is over in line again.
    pub fn expire_retry(&mut self, now: Time) {
        if let Some(id) = self.retries.pop(now) {
            self.enqueue(id, Lane::Quiet);
        }
    }
}
