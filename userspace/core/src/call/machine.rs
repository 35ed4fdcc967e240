//! All calls: which call and which leg a message, a connection or a fact is about.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use rasline_h225::q931::{self, CallReference, cause};

use super::announce_queue::AnnounceQueue;
use super::directory::Directory;
use super::event::{EndedBy, Happening};
use super::io::{CallId, CallIdentifier, Input, LinkId, ListenerId, Output};
use super::leg::Leg;
use super::lifecycle::{Call, Turn};
use super::links::{Links, Role};
use super::place::Place;
use super::received::{NewAddresses, Received};
use super::{Settings, Stats, View, view};
use crate::ras_server::EntryId;
use crate::transaction::TimerQueue;
use crate::{Time, ZoneIndex};

/// What is due at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Timer {
    Call(CallId),
    /// An accepted connection carries no call.
    Idle(LinkId),
    /// A call may be announced.
    Announce,
}

/// A leg as a message names it: its connection, and the value of its call reference.
type LegKey = (LinkId, u16);

/// The calls of all zones.
#[derive(Clone, Debug)]
pub struct Calls {
    pub(super) settings: Settings,
    pub(super) directory: Directory,
    links: Links,
    pub(super) by_number: HashMap<CallId, Call>,
    legs: BTreeMap<LegKey, (CallId, Place)>,
    pub(super) by_identifier: HashMap<(ZoneIndex, CallIdentifier), CallId>,
    pub(super) announcements: AnnounceQueue,
    timers: TimerQueue<Timer>,
    last_call: u64,
    stats: Stats,
}

impl Calls {
    /// A machine without calls.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            directory: Directory::default(),
            links: Links::default(),
            by_number: HashMap::new(),
            legs: BTreeMap::new(),
            by_identifier: HashMap::new(),
            announcements: AnnounceQueue::default(),
            timers: TimerQueue::default(),
            last_call: 0,
            stats: Stats::default(),
        }
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        match input {
            Input::EndpointConnected {
                link,
                zone,
                peer,
                local,
            } => self.accept_endpoint(now, link, Role::Endpoint { zone, peer, local }, out),
            Input::GatekeeperConnected { link, peer, local } => {
                self.accept_gatekeeper(now, link, (peer, local), out);
            }
            Input::Connected { link, .. } => self.links.connect(link, out),
            Input::Listening { listener, address } => {
                if address.is_none() {
                    self.stats.listeners_failed += 1;
                }
                self.with_listener(now, listener, out, |call, place, turn| {
                    call.handle_listening(place, address, turn);
                });
                if address.is_none() {
                    self.links.forget_listener(listener);
                }
            }
            Input::ControlConnected {
                listener,
                link,
                peer,
            } => self.accept_control(now, listener, (link, peer), out),
            Input::Message { link, octets } => self.handle_message(now, link, octets, out),
            Input::Lost { link, .. } => self.handle_loss(now, link, out),
            Input::Fact { zone, fact } => self.handle_fact(now, zone, &fact, out),
            Input::Release { call } => self.with_call(now, call, out, |call, turn| {
                call.end(EndedBy::Operator, cause::NORMAL_CALL_CLEARING, turn);
            }),
            Input::Due => self.expire(now, out),
        }
        while let Some(link) = self.links.take_overflowed() {
            out.push(Output::Close { link });
            self.handle_loss(now, link, out);
        }
        self.announce_due(now, out);
        match self.announcements.next_due() {
            Some(at) => self.timers.set(Timer::Announce, at),
            None => self.timers.clear(Timer::Announce),
        }
    }

    /// When [`Input::Due`] is wanted.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        self.timers.next_due()
    }

    /// The calls, in the order in which they began.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        let mut all: Vec<View> = self.by_number.values().map(view::view_call).collect();
        all.sort_by_key(|view| view.call);
        all
    }

    /// Counts since the start, and what there is now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            calls: self.by_number.len() as u64,
            links: self.links.len() as u64,
            legs: self.legs.len() as u64,
            listeners: self.links.listener_count() as u64,
            joined: self
                .by_number
                .values()
                .filter(|call| call.is_joined && call.controller.is_none())
                .count() as u64,
            ..self.stats
        }
    }

    // Connections.

    /// A host without a registered endpoint may have few connections.
    fn accept_endpoint(&mut self, now: Time, link: LinkId, role: Role, out: &mut Vec<Output>) {
        if let Role::Endpoint { zone, peer, .. } = role {
            let most = if self.directory.has_host(zone, peer.ip()) {
                self.settings.max_links_per_endpoint
            } else {
                self.settings.max_links_per_stranger
            };
            if self.links.count_from(peer.ip()) >= most {
                self.stats.refused += 1;
                return self.links.refuse(link, out);
            }
        }
        self.accept(now, link, role, out);
    }

    fn accept(&mut self, now: Time, link: LinkId, role: Role, out: &mut Vec<Output>) {
        if self.links.len() >= self.settings.max_links {
            self.stats.refused += 1;
            return self.links.refuse(link, out);
        }
        self.links.accept(link, role);
        self.wait_for_setup(now, link);
    }

    fn accept_gatekeeper(
        &mut self,
        now: Time,
        link: LinkId,
        (peer, local): (SocketAddr, SocketAddr),
        out: &mut Vec<Output>,
    ) {
        let owner = self.directory.by_upstream(local);
        let known =
            owner.filter(|(zone, _)| self.directory.gatekeeper_at(*zone, peer.ip()).is_some());
        let Some((zone, endpoint)) = known else {
            self.stats.refused += 1;
            return self.links.refuse(link, out);
        };
        let role = Role::Gatekeeper {
            zone,
            endpoint,
            peer,
            local,
        };
        self.accept(now, link, role, out);
    }

    fn wait_for_setup(&mut self, now: Time, link: LinkId) {
        let at = now.after(self.settings.setup_wait);
        self.timers.set(Timer::Idle(link), at);
    }

    fn accept_control(
        &mut self,
        now: Time,
        listener: ListenerId,
        (link, peer): (LinkId, SocketAddr),
        out: &mut Vec<Output>,
    ) {
        let whose = self.links.listener(listener);
        let call = whose.and_then(|(call, place)| Some((self.by_number.get(&call)?, place)));
        if !call.is_some_and(|(call, place)| call.takes_control_from(place, peer.ip())) {
            self.stats.refused += 1;
            return self.links.refuse(link, out);
        }
        self.with_listener(now, listener, out, |call, place, turn| {
            call.accept_control(place, link, turn);
        });
        self.links.stop_listening(listener, out);
    }

    fn handle_loss(&mut self, now: Time, link: LinkId, out: &mut Vec<Output>) {
        let role = self.links.role(link);
        self.links.forget(link);
        self.timers.clear(Timer::Idle(link));
        match role {
            Some(Role::Control(call, place)) => self.with_call(now, call, out, |call, turn| {
                call.lose_control(place, turn);
            }),
            Some(Role::Leg(call, place)) => self.with_call(now, call, out, |call, turn| {
                call.lose_leg(place, turn);
            }),
            Some(Role::Endpoint { .. } | Role::Gatekeeper { .. }) => {
                for (call, place) in self.legs_on(link) {
                    self.with_call(now, call, out, |call, turn| call.lose_leg(place, turn));
                }
            }
            None => {}
        }
    }

    fn legs_on(&self, link: LinkId) -> Vec<(CallId, Place)> {
        let on_it = self.legs.range((link, 0)..=(link, u16::MAX));
        on_it.map(|(_, leg)| *leg).collect()
    }

    // Messages.

    fn handle_message(&mut self, now: Time, link: LinkId, octets: &[u8], out: &mut Vec<Output>) {
        let Some(role) = self.links.role(link) else {
            return;
        };
        if let Role::Control(call, place) = role {
            self.stats.relayed_control += 1;
            return self.with_call(now, call, out, |call, turn| {
                call.handle_control_message(place, octets, turn);
            });
        }
        let Some(received) = Received::parse(octets) else {
            self.stats.ignored += u64::from(!octets.is_empty());
            return;
        };
        let key = (link, received.message.reference.value);
        match (role, self.legs.get(&key)) {
            (_, Some(&(call, place))) if !received.is(q931::SETUP) => {
                self.stats.relayed += 1;
                self.with_call(now, call, out, |call, turn| {
                    call.handle_message(place, received, turn);
                });
            }
            (Role::Endpoint { zone, peer, local }, None) if received.begins_call() => {
                self.begin_call(now, (link, zone), (peer, local), received, out);
            }
            (
                Role::Gatekeeper {
                    zone,
                    endpoint,
                    peer,
                    local,
                },
                None,
            ) if received.begins_call() => {
                let of = (zone, endpoint);
                self.receive_call(now, (link, of), (peer, local), received, out);
            }
            _ => self.stats.ignored += 1,
        }
    }

    /// An endpoint's Setup: goes to where its ARQ was granted to.
    fn begin_call(
        &mut self,
        now: Time,
        (link, zone): (LinkId, ZoneIndex),
        (peer, local): (SocketAddr, SocketAddr),
        setup: Received,
        out: &mut Vec<Output>,
    ) {
        let identifier = setup.identifier();
        let admission = identifier.and_then(|call| self.directory.admission(zone, call, peer.ip()));
        let found =
            admission.and_then(|one| Some((one, self.directory.endpoint(zone, one.endpoint)?)));
        let Some((admission, endpoint)) = found else {
            return self.refuse_setup(link, &setup, cause::SUBSCRIBER_ABSENT, out);
        };
        if self.has_caller(zone, identifier) {
            return self.refuse_setup(link, &setup, cause::CALL_REJECTED, out);
        }
        if self.by_number.len() >= self.settings.max_calls {
            return self.refuse_setup(link, &setup, cause::RESOURCE_UNAVAILABLE, out);
        }
        let id = self.add_call(zone, identifier, now);
        let reference = setup.message.reference;
        let mut caller = Leg::new(link, reference.reversed(), local, peer);
        caller.endpoint = Some(admission.endpoint);
        self.attach(id, Place::Caller, caller);
        let way = (endpoint.upstream, admission.to);
        self.dial_leg(id, (Place::CallerGatekeeper, reference), way, out);
        if let Some(call) = self.by_number.get_mut(&id) {
            call.controller = Some(admission.gatekeeper);
        }
        self.start(now, (id, Place::Caller), setup, out);
    }

    /// A gatekeeper's Setup: goes to the endpoint that its address represents.
    fn receive_call(
        &mut self,
        now: Time,
        (link, (zone, entry)): (LinkId, (ZoneIndex, EntryId)),
        (peer, local): (SocketAddr, SocketAddr),
        setup: Received,
        out: &mut Vec<Output>,
    ) {
        let Some(endpoint) = self.directory.endpoint(zone, entry) else {
            return self.refuse_setup(link, &setup, cause::SUBSCRIBER_ABSENT, out);
        };
        let of = (link, (zone, entry));
        let Some(setup) = self.take_announced_setup(now, of, (peer, local), setup, out) else {
            return;
        };
        let identifier = setup.identifier();
        let gatekeeper = self.directory.gatekeeper_at(zone, peer.ip());
        let known = self.find_other_half(zone, identifier, gatekeeper);
        if known.is_none() && self.by_number.len() >= self.settings.max_calls {
            return self.refuse_setup(link, &setup, cause::RESOURCE_UNAVAILABLE, out);
        }
        let id = known.unwrap_or_else(|| self.add_call(zone, identifier, now));
        let reference = setup.message.reference;
        let leg = Leg::new(link, reference.reversed(), local, peer);
        self.attach(id, Place::CalledGatekeeper, leg);
        let way = (endpoint.service, endpoint.signalling);
        self.dial_leg(id, (Place::Called, reference), way, out);
        if let Some(call) = self.by_number.get_mut(&id) {
            call.controller = gatekeeper;
            // The gatekeeper tries another endpoint after one that did not take the call.
            call.ended = None;
            if let Some(leg) = call.leg_mut(Place::Called) {
                leg.endpoint = Some(entry);
            }
        }
        self.start(now, (id, Place::CalledGatekeeper), setup, out);
    }

    /// The call whose Setup came back from the gatekeeper that it went to.
    fn find_other_half(
        &self,
        zone: ZoneIndex,
        identifier: Option<CallIdentifier>,
        gatekeeper: Option<SocketAddr>,
    ) -> Option<CallId> {
        let id = *self.by_identifier.get(&(zone, identifier?))?;
        let call = self.by_number.get(&id)?;
        let is_free =
            call.leg(Place::CalledGatekeeper).is_none() && call.leg(Place::Called).is_none();
        let goes_there =
            call.leg(Place::CallerGatekeeper).is_some() && call.controller == gatekeeper;
        (is_free && goes_there).then_some(id)
    }

    /// Whether an endpoint makes a call with this callIdentifier already. Gatekeepers end a call when a second Setup for
    /// it comes.
    fn has_caller(&self, zone: ZoneIndex, identifier: Option<CallIdentifier>) -> bool {
        let id = identifier.and_then(|call| self.by_identifier.get(&(zone, call)));
        let call = id.and_then(|id| self.by_number.get(id));
        call.is_some_and(|call| call.leg(Place::Caller).is_some())
    }

    /// Answers a Setup with a ReleaseComplete. A connection without any call is closed, so that a flood of Setups takes a
    /// connection for each.
    pub(super) fn refuse_setup(
        &mut self,
        link: LinkId,
        setup: &Received,
        cause: u8,
        out: &mut Vec<Output>,
    ) {
        self.stats.refused += 1;
        let release = Received::release(setup.identifier(), cause);
        let reference = setup.message.reference.reversed();
        if let Some((octets, _)) = release.write_for(reference, NewAddresses::default()) {
            self.links.send(link, octets, out);
        }
        if self.legs_on(link).is_empty() {
            self.timers.clear(Timer::Idle(link));
            self.links.close(link, out);
        }
    }

    // Calls.

    fn add_call(
        &mut self,
        zone: ZoneIndex,
        identifier: Option<CallIdentifier>,
        now: Time,
    ) -> CallId {
        self.last_call += 1;
        self.stats.started += 1;
        let id = CallId(self.last_call);
        self.by_number
            .insert(id, Call::new(id, zone, identifier, now));
        if let Some(identifier) = identifier {
            self.by_identifier.entry((zone, identifier)).or_insert(id);
        }
        id
    }

    pub(super) fn attach(&mut self, id: CallId, place: Place, leg: Leg) {
        self.legs
            .insert((leg.link, leg.reference.value), (id, place));
        self.timers.clear(Timer::Idle(leg.link));
        if let Some(call) = self.by_number.get_mut(&id) {
            call.set_leg(place, leg);
        }
    }

    fn dial_leg(
        &mut self,
        id: CallId,
        (place, reference): (Place, CallReference),
        (own, peer): (SocketAddr, SocketAddr),
        out: &mut Vec<Output>,
    ) {
        let role = Role::Leg(id, place);
        let link = self.links.dial(own.ip(), peer, role, out);
        self.attach(id, place, Leg::new(link, reference, own, peer));
    }

    /// Relays the Setup.
    fn start(
        &mut self,
        now: Time,
        (id, from): (CallId, Place),
        setup: Received,
        out: &mut Vec<Output>,
    ) {
        self.stats.relayed += 1;
        self.with_call(now, id, out, |call, turn| {
            call.note_parties(&setup, turn);
            call.await_answer(from.across(), turn);
            call.forward(from, from.across(), setup, turn);
        });
    }

    fn with_listener(
        &mut self,
        now: Time,
        listener: ListenerId,
        out: &mut Vec<Output>,
        act: impl FnOnce(&mut Call, Place, &mut Turn<'_>),
    ) {
        if let Some((call, place)) = self.links.listener(listener) {
            self.with_call(now, call, out, |call, turn| act(call, place, turn));
        }
    }

    /// Lets a call act, and brings the indices in line with what became of it.
    pub(super) fn with_call(
        &mut self,
        now: Time,
        id: CallId,
        out: &mut Vec<Output>,
        act: impl FnOnce(&mut Call, &mut Turn<'_>),
    ) {
        let Some(call) = self.by_number.get_mut(&id) else {
            return;
        };
        let before = Place::ALL.map(|place| call.leg(place).map(Leg::key));
        let mut turn = Turn {
            now,
            settings: &self.settings,
            links: &mut self.links,
            out,
        };
        act(call, &mut turn);
        if call.is_over() {
            let (by, cause) = call.ended.unwrap_or((EndedBy::Rasline, None));
            let connected = call.connected.map(|at| now.since(at));
            let ended = Happening::Ended {
                by,
                cause,
                connected,
            };
            call.report(ended, &mut turn);
        }
        let after = Place::ALL.map(|place| call.leg(place).map(Leg::key));
        let next = call.next_due();
        for (place, key) in Place::ALL.into_iter().zip(after) {
            if let Some(key) = key.filter(|key| !before.contains(&Some(*key))) {
                self.legs.insert(key, (id, place));
            }
        }
        for key in before.into_iter().flatten() {
            if !after.contains(&Some(key)) {
                self.forget_leg(now, key);
            }
        }
        match next {
            Some(at) => self.timers.set(Timer::Call(id), at),
            None => self.timers.clear(Timer::Call(id)),
        }
        self.remove_if_over(id, now);
        self.queue_announcement(id);
    }

    /// A leg is gone. Its connection, if the peer made it and it is still there, may carry another call.
    fn forget_leg(&mut self, now: Time, key: LegKey) {
        self.legs.remove(&key);
        if self.links.role(key.0).is_some() && self.legs_on(key.0).is_empty() {
            let at = now.after(self.settings.idle_wait);
            self.timers.set(Timer::Idle(key.0), at);
        }
    }

    fn remove_if_over(&mut self, id: CallId, now: Time) {
        if !self.by_number.get(&id).is_some_and(Call::is_over) {
            return;
        }
        if let Some(call) = self.by_number.remove(&id) {
            self.stats.unpatched += call.unpatched;
            self.stats.foreign_control += call.foreign_control;
            self.timers.clear(Timer::Call(id));
            if let Some(identifier) = call.identifier {
                let key = (call.zone, identifier);
                if call.questions > 0 {
                    self.announcements.note_ended(key, now);
                }
                if self.by_identifier.get(&key) == Some(&id) {
                    self.by_identifier.remove(&key);
                }
            }
        }
    }

    // Time.

    fn expire(&mut self, now: Time, out: &mut Vec<Output>) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Call(id) => self.with_call(now, id, out, Call::expire),
                Timer::Idle(link) => self.links.close(link, out),
                // Follows every input.
                Timer::Announce => {}
            }
        }
    }
}
