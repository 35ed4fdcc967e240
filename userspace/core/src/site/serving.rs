//! Rasline's own gatekeepers: the control unit with its registrars, and the proxies. RAS that comes to them goes into these
//! machines; what these want goes out as the site's outputs.
//!
//! Invariant: a zone has either a registrar (its own, or as its backup) or a proxy, never both.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::io::{Datagram, Output, Send, SendBy, Side, SlotEntry};
use super::memory::Memory;
use super::retirement::{Retirement, retired_at};
use super::routing::{Routes, is_multicast};
use super::scene::Scene;
use super::{Config, Event, Zone, ZoneMode};
use crate::backup::{self, ControlUnit, ZoneSettings};
use crate::presence::Subject;
use crate::profile::Profile;
use crate::proxy::{self, Proxy};
use crate::ras_server::{EntryId, Offer, OwnAdmission, StoredCall};
use crate::record::{Record, RecordKey, Served};
use crate::registrar::{self, Registrar};
use crate::{GatekeeperIndex, Message, Reason, RegistrationKey, Time, ZoneIndex};

/// More datagrams that wait are too many, ...
const MANY: usize = 1024;
/// ... until there are no more than these.
pub const FEW: usize = 64;
/// How long full registrations are put off then: most stacks wait for that long and send them again.
const PUT_OFF: Duration = Duration::from_secs(2);
/// Default interval at which the kernel lets a served keep-alive through: the registrar learns of the others by
/// the slot's time.
const REFRESH_EVERY: Duration = Duration::from_mins(5);

/// All of them.
#[derive(Debug)]
pub struct OwnGatekeepers {
    unit: ControlUnit,
    proxies: BTreeMap<ZoneIndex, Proxy>,
    routes: Routes,
    /// Zones that are served as their backup now.
    backed_up: BTreeSet<ZoneIndex>,
    retirement: Retirement,
    memory: Memory,
    overloaded: bool,
    /// Datagrams of nobody known.
    strangers: u64,
}

impl OwnGatekeepers {
    /// Nothing is served yet.
    pub(super) fn new(setup: backup::Setup) -> Self {
        Self {
            unit: ControlUnit::new(setup),
            proxies: BTreeMap::new(),
            routes: Routes::default(),
            backed_up: BTreeSet::new(),
            retirement: Retirement::default(),
            memory: Memory::default(),
            overloaded: false,
            strangers: 0,
        }
    }

    /// The control unit.
    #[must_use]
    pub const fn unit(&self) -> &ControlUnit {
        &self.unit
    }

    /// The registrars of zones that rasline serves now.
    pub fn registrars(&self) -> impl Iterator<Item = (ZoneIndex, &Registrar)> {
        let zones = self.unit.views().map(|view| view.zone);
        zones.filter_map(|zone| Some((ZoneIndex(zone), self.unit.registrar(zone)?)))
    }

    /// The proxies.
    pub fn proxies(&self) -> impl Iterator<Item = (ZoneIndex, &Proxy)> {
        self.proxies.iter().map(|(zone, proxy)| (*zone, proxy))
    }

    /// A zone's proxy.
    #[must_use]
    pub fn proxy(&self, zone: ZoneIndex) -> Option<&Proxy> {
        self.proxies.get(&zone)
    }

    /// Zones that are served as their backup now.
    #[must_use]
    pub const fn backed_up(&self) -> &BTreeSet<ZoneIndex> {
        &self.backed_up
    }

    /// Datagrams of nobody known.
    #[must_use]
    pub const fn strangers(&self) -> u64 {
        self.strangers
    }

    /// Whether a registration is known here.
    pub(super) fn has(&self, zone: ZoneIndex, entry: EntryId) -> bool {
        if let Some(proxy) = self.proxies.get(&zone) {
            return proxy.view(entry).is_some();
        }
        let registrar = self.unit.registrar(zone.0);
        registrar.is_some_and(|it| it.view(entry).is_some())
    }

    /// When something is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        let proxies = self.proxies.values().filter_map(Proxy::next_due);
        proxies.chain(self.unit.next_due()).min()
    }

    /// Whether rasline itself is the gatekeeper of a zone's endpoints, as a proxy or a registrar.
    pub(super) fn is_served(&self, zone: ZoneIndex) -> bool {
        self.routes.is_served(zone)
    }

    /// Registrations with rasline itself, and when the endpoint of each last sent something.
    pub(super) fn last_seen(&self, config: &Config) -> Vec<(Subject, Time)> {
        let mut all = Vec::new();
        for (zone, registrar) in self.registrars() {
            let settings = config.zone(zone);
            let seen = registrar.last_seen();
            all.extend(seen.map(|one| subject(settings, zone, one)));
        }
        for (zone, proxy) in self.proxies() {
            let settings = config.zone(zone);
            let seen = proxy.last_seen();
            all.extend(seen.map(|one| subject(settings, zone, one)));
        }
        all
    }

    /// Follows a configuration. A zone whose proxy has other settings gets a new one, with what is remembered.
    pub(super) fn configure(&mut self, scene: Scene<'_>, out: &mut Vec<Output>) {
        self.routes = Routes::new(scene.config);
        let zones = zone_settings(scene.config);
        self.ask_unit(scene, backup::Input::Zones(zones), out);
        self.configure_proxies(scene, out);
    }

    /// The wall clock, which profiles and tokens depend on.
    pub(super) fn set_clock(&mut self, scene: Scene<'_>, unix_at_zero: i64, out: &mut Vec<Output>) {
        self.ask_unit(scene, backup::Input::WallClock { unix_at_zero }, out);
    }

    /// The profiles in force.
    pub(super) fn set_profiles(
        &mut self,
        scene: Scene<'_>,
        all: Vec<Arc<Profile>>,
        out: &mut Vec<Output>,
    ) {
        self.ask_unit(scene, backup::Input::Profiles { all }, out);
    }

    fn configure_proxies(&mut self, scene: Scene<'_>, out: &mut Vec<Output>) {
        let zones = scene.config.zones.iter();
        let wanted: BTreeMap<ZoneIndex, &proxy::Settings> = zones
            .filter_map(|zone| match &zone.mode {
                ZoneMode::Proxy(settings) => Some((zone.index, &**settings)),
                ZoneMode::Transparent(_) | ZoneMode::Registrar { .. } => None,
            })
            .collect();
        self.proxies.retain(|zone, _| wanted.contains_key(zone));
        for (zone, settings) in wanted {
            let there = self.proxies.get(&zone);
            if there.is_some_and(|proxy| proxy.settings() == settings) {
                continue;
            }
            let proxy = Proxy::new(settings.clone(), scene.now);
            self.proxies.insert(zone, proxy);
            let (registrations, calls) = self.memory.of_zone(zone);
            for stored in registrations {
                self.give_back(scene, zone, stored, out);
            }
            for call in calls {
                self.give_call_back(scene, zone, call, out);
            }
        }
    }

    /// Serves a zone as its backup, or no longer.
    pub(super) fn serve(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        on: bool,
        out: &mut Vec<Output>,
    ) {
        if on {
            self.backed_up.insert(zone);
        } else {
            self.backed_up.remove(&zone);
        }
        let serve = backup::Input::Serve { zone: zone.0, on };
        self.ask_unit(scene, serve, out);
    }

    /// A proxied zone's gatekeeper is this one.
    pub(super) fn set_upstream(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        gatekeeper: Option<GatekeeperIndex>,
        out: &mut Vec<Output>,
    ) {
        let found = gatekeeper.and_then(|index| scene.config.gatekeeper(index));
        let active = proxy::Input::Active(found.map(|(_, one)| one.ras));
        self.ask_proxy(scene, zone, active, out);
    }

    /// Gives a datagram to the proxy or the control unit of the zone that its sender belongs to; others are counted.
    pub(super) fn handle_datagram(
        &mut self,
        scene: Scene<'_>,
        datagram: &Datagram<'_>,
        out: &mut Vec<Output>,
    ) {
        let Datagram {
            from,
            local,
            side,
            payload,
        } = *datagram;
        if let Some(zone) = self.routes.upstream(local, from.ip()) {
            if side == Some(Side::Endpoints) {
                self.strangers += 1;
                return;
            }
            let input = proxy::Input::FromGatekeeper {
                from,
                to: local,
                payload,
            };
            self.ask_proxy(scene, zone, input, out);
            out.extend(self.answered_upstream(scene.config, zone));
            return;
        }
        let endpoint = self.routes.zone_of_endpoint(from.ip());
        if endpoint.is_some() && side == Some(Side::Gatekeepers) {
            self.strangers += 1;
            return;
        }
        let zone = if is_multicast(local) {
            endpoint.filter(|zone| self.routes.hears_multicast(*zone))
        } else {
            let neighbour = || self.unit.zone_of_neighbour(from, payload).map(ZoneIndex);
            endpoint
                .or_else(neighbour)
                .or_else(|| self.routes.zone_of_search(local, payload))
        };
        let Some(zone) = zone else {
            self.strangers += 1;
            return;
        };
        let to = scene.around.known_as(local, from).unwrap_or(local);
        if self.proxies.contains_key(&zone) {
            let input = proxy::Input::FromEndpoint { from, to, payload };
            return self.ask_proxy(scene, zone, input, out);
        }
        let message = backup::Input::Message {
            zone: zone.0,
            from,
            to,
            payload,
        };
        self.ask_unit(scene, message, out);
    }

    /// A message of a gatekeeper to an endpoint that a proxy speaks for. What the zone's proxy has no use for is sent on as
    /// it is, and so is what was taken out of the traffic before the zone got another configuration.
    pub(super) fn handle_message(
        &mut self,
        scene: Scene<'_>,
        message: &Message<'_>,
        out: &mut Vec<Output>,
    ) {
        if message.reason != Reason::Standby {
            return;
        }
        let zone = ZoneIndex(message.zone);
        let (from, to) = (message.seen_as, message.endpoint);
        if !self.proxies.contains_key(&zone) {
            out.push(Output::Send(Send {
                by: SendBy::Gatekeeper,
                from,
                to,
                payload: message.payload.to_vec(),
            }));
            return;
        }
        let input = proxy::Input::FromGatekeeper {
            from,
            to,
            payload: message.payload,
        };
        self.ask_proxy(scene, zone, input, out);
        out.extend(self.answered_upstream(scene.config, zone));
    }

    /// What a gatekeeper answers to a proxy shows that it lives, as what it answers to endpoints does.
    fn answered_upstream(&self, config: &Config, zone: ZoneIndex) -> Option<Output> {
        let (ras, at) = self.proxies.get(&zone)?.last_answer()?;
        let mut all = config.zone(zone)?.gatekeepers.iter();
        let gatekeeper = all.find(|one| one.ras == ras)?.index;
        Some(Output::Answered { gatekeeper, at })
    }

    /// Starts or ends the overload: while many datagrams wait, full registrations are put off (RIP).
    pub(super) fn handle_waiting(
        &mut self,
        scene: Scene<'_>,
        waiting: usize,
        out: &mut Vec<Output>,
    ) {
        let most = if self.overloaded { FEW } else { MANY };
        let overloaded = waiting > most;
        if overloaded == self.overloaded {
            return;
        }
        self.overloaded = overloaded;
        let delay = overloaded.then_some(PUT_OFF);
        self.ask_unit(scene, backup::Input::Overload(delay), out);
        out.push(Output::Event(if overloaded {
            Event::Overload { waiting }
        } else {
            Event::OverloadOver
        }));
    }

    /// Does what is due.
    pub(super) fn expire(&mut self, scene: Scene<'_>, out: &mut Vec<Output>) {
        self.ask_unit(scene, backup::Input::Due, out);
        for zone in self.proxies.keys().copied().collect::<Vec<_>>() {
            self.ask_proxy(scene, zone, proxy::Input::Due, out);
        }
    }

    /// About once a second.
    pub(super) fn tick(&mut self, scene: Scene<'_>, out: &mut Vec<Output>) {
        self.ask_unit(scene, backup::Input::Tick, out);
        let retired = self.retirement.expire(scene.now).into_iter();
        out.extend(retired.map(Output::Withdraw));
    }

    /// The kernel answered a keep-alive of a served registration.
    pub(super) fn handle_seen(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        id: EntryId,
        at: Time,
        out: &mut Vec<Output>,
    ) {
        if self.proxies.contains_key(&zone) {
            return self.ask_proxy(scene, zone, proxy::Input::Seen { id, at }, out);
        }
        let zone = zone.0;
        self.ask_unit(scene, backup::Input::Seen { zone, id, at }, out);
    }

    /// The operator drops a registration.
    pub(super) fn drop_registration(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        id: EntryId,
        out: &mut Vec<Output>,
    ) {
        if self.proxies.contains_key(&zone) {
            return self.ask_proxy(scene, zone, proxy::Input::Drop { id }, out);
        }
        let zone = zone.0;
        self.ask_unit(scene, backup::Input::Drop { zone, id }, out);
    }

    /// The calls want an admission.
    pub(super) fn ask_admission(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        asked: OwnAdmission,
        out: &mut Vec<Output>,
    ) {
        self.ask_proxy(scene, zone, proxy::Input::AskAdmission(asked), out);
    }

    /// A registration that was remembered: it goes on, if rasline still serves its zone.
    pub(super) fn restore(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        stored: Served,
        out: &mut Vec<Output>,
    ) {
        self.memory.insert_served(zone, stored.clone());
        self.give_back(scene, zone, stored, out);
    }

    /// A call that was remembered.
    pub(super) fn restore_call(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        call: StoredCall,
        out: &mut Vec<Output>,
    ) {
        self.memory.insert_call(zone, call.clone());
        self.give_call_back(scene, zone, call, out);
    }

    fn give_back(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        stored: Served,
        out: &mut Vec<Output>,
    ) {
        match stored {
            Served::Registrar(stored) => {
                let (zone, stored) = (zone.0, Box::new(stored));
                self.ask_unit(scene, backup::Input::Restore { zone, stored }, out);
            }
            Served::Proxy(stored) => {
                let input = proxy::Input::Restore(Box::new(stored));
                self.ask_proxy(scene, zone, input, out);
            }
        }
    }

    fn give_call_back(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        call: StoredCall,
        out: &mut Vec<Output>,
    ) {
        let stored = Box::new(call);
        if self.proxies.contains_key(&zone) {
            return self.ask_proxy(scene, zone, proxy::Input::RestoreCall(stored), out);
        }
        let zone = zone.0;
        self.ask_unit(scene, backup::Input::RestoreCall { zone, stored }, out);
    }

    /// Gives the control unit an input and follows what it wants.
    fn ask_unit(&mut self, scene: Scene<'_>, input: backup::Input<'_>, out: &mut Vec<Output>) {
        // Who leaves a zone that has returned is answered until it has moved.
        let retired_at = match input {
            backup::Input::Serve { zone, on: false } => {
                let registrar = self.unit.registrar(zone);
                let registrations = registrar.map_or(0, |it| it.stats().registrations);
                let zone = scene.config.zone(ZoneIndex(zone));
                Some(retired_at(scene.now, zone, registrations))
            }
            _ => None,
        };
        let mut wanted = Vec::new();
        self.unit.handle(scene.now, input, &mut wanted);
        for output in wanted {
            match output {
                backup::Output::Event(event) => out.push(Output::Event(Event::Backup(event))),
                backup::Output::Zone { zone, output } => {
                    self.follow_registrar(scene, ZoneIndex(zone), output, retired_at, out);
                }
            }
        }
    }

    fn follow_registrar(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        output: registrar::Output,
        retired_at: Option<Time>,
        out: &mut Vec<Output>,
    ) {
        use registrar::Output as O;
        match output {
            O::Send { from, to, payload } => {
                out.push(send(SendBy::SocketOrGatekeeper, from, to, payload));
            }
            O::Publish(offer) => self.publish(scene.config, zone, *offer, out),
            O::Withdraw { id } => match retired_at {
                Some(at) => self.retirement.add(RegistrationKey::Served(zone, id), at),
                None => self.withdraw(zone, id, out),
            },
            O::AskSeen { id } => {
                let key = RegistrationKey::Served(zone, id);
                if let Some(at) = scene.around.last_seen(key) {
                    let zone = zone.0;
                    self.ask_unit(scene, backup::Input::Seen { zone, id, at }, out);
                }
            }
            O::Store(stored) => {
                out.push(
                    self.memory
                        .remember_served(zone, Served::Registrar(*stored)),
                );
            }
            O::Forget { id } => out.extend(self.memory.forget_served(zone, id)),
            O::StoreCall(call) => out.push(self.memory.remember_call(zone, call)),
            O::ForgetCall { call } => out.push(self.memory.forget_call(zone, call)),
            // The control unit resolves it.
            O::Locate { .. } => {}
            O::Event(event) => out.push(Output::Event(Event::Registrar { zone, event })),
        }
    }

    /// Gives a zone's proxy an input and follows what it wants.
    fn ask_proxy(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        input: proxy::Input<'_>,
        out: &mut Vec<Output>,
    ) {
        let Some(proxy) = self.proxies.get_mut(&zone) else {
            return;
        };
        let mut wanted = Vec::new();
        proxy.handle(scene.now, input, &mut wanted);
        for output in wanted {
            self.follow_proxy(scene, zone, output, out);
        }
    }

    fn follow_proxy(
        &mut self,
        scene: Scene<'_>,
        zone: ZoneIndex,
        output: proxy::Output,
        out: &mut Vec<Output>,
    ) {
        use proxy::Output as O;
        match output {
            O::ToEndpoint { from, to, payload } => {
                out.push(send(SendBy::SocketOrGatekeeper, from, to, payload));
            }
            O::ToGatekeeper { from, to, payload } => {
                out.push(send(SendBy::SocketOrEndpoint, from, to, payload));
            }
            O::Publish(offer) => self.publish(scene.config, zone, *offer, out),
            O::Withdraw { id } => self.withdraw(zone, id, out),
            O::AskSeen { id } => {
                let key = RegistrationKey::Served(zone, id);
                if let Some(at) = scene.around.last_seen(key) {
                    self.ask_proxy(scene, zone, proxy::Input::Seen { id, at }, out);
                }
            }
            O::Store(stored) => {
                out.push(self.memory.remember_served(zone, Served::Proxy(*stored)));
            }
            O::Forget { id } => out.extend(self.memory.forget_served(zone, id)),
            O::StoreCall(call) => out.push(self.memory.remember_call(zone, call)),
            O::ForgetCall { call } => out.push(self.memory.forget_call(zone, call)),
            O::Call(fact) => out.push(Output::Call { zone, fact }),
            O::Event(event) => out.push(Output::Event(Event::Proxy { zone, event })),
        }
    }

    /// Publishes a keep-alive for the own gatekeeper that its endpoint speaks with.
    fn publish(&mut self, config: &Config, index: ZoneIndex, offer: Offer, out: &mut Vec<Output>) {
        let Some(zone) = config.zone(index) else {
            return;
        };
        let Some(gatekeeper) = zone.own_for(offer.seen_as.ip()) else {
            return;
        };
        let key = RegistrationKey::Served(index, offer.id);
        self.retirement.cancel(key);
        let refresh_every = zone.refresh_every.unwrap_or(REFRESH_EVERY);
        let refresh_every = refresh_every.max(offer.time_to_live);
        out.push(Output::Publish(Box::new(SlotEntry {
            key,
            zone: index,
            gatekeeper,
            endpoint: offer.endpoint,
            rrq: offer.rrq,
            rcf: offer.rcf,
            original_rcf: None,
            endpoint_identifier: offer.endpoint_identifier,
            // The registrar says when it is over; this is for when there is nobody to say it.
            gatekeeper_ttl: refresh_every + offer.time_to_live * 2,
            refresh_every,
            confirmed: offer.confirmed,
            last_seen: offer.confirmed,
            answered: 0,
        })));
    }

    fn withdraw(&mut self, zone: ZoneIndex, id: EntryId, out: &mut Vec<Output>) {
        let key = RegistrationKey::Served(zone, id);
        self.retirement.cancel(key);
        out.push(Output::Withdraw(key));
    }

    /// Keys of all that is remembered.
    pub(super) fn record_keys(&self) -> impl Iterator<Item = RecordKey> + '_ {
        self.memory.keys()
    }

    /// What is remembered under a key.
    pub(super) fn record(&self, key: &RecordKey) -> Option<Record> {
        self.memory.record(key)
    }
}

/// A registration as the endpoint monitor has it, and when its endpoint last sent something.
fn subject(
    zone: Option<&Zone>,
    index: ZoneIndex,
    (id, endpoint, time_to_live, at): (EntryId, SocketAddr, u32, Time),
) -> (Subject, Time) {
    let own = zone.and_then(|zone| zone.own_for(endpoint.ip()));
    let subject = Subject {
        id: RegistrationKey::Served(index, id).number(),
        zone: index.0,
        gatekeeper: own.map_or(u32::MAX, |it| it.0),
        endpoint,
        time_to_live: (time_to_live > 0).then(|| Duration::from_secs(time_to_live.into())),
    };
    (subject, at)
}

fn send(by: SendBy, from: SocketAddr, to: SocketAddr, payload: Vec<u8>) -> Output {
    Output::Send(Send {
        by,
        from,
        to,
        payload,
    })
}

/// Zones that the control unit may serve.
fn zone_settings(config: &Config) -> Vec<ZoneSettings> {
    let of = |zone: &Zone| {
        if zone.is_proxied() || !zone.has_own() {
            return None;
        }
        let own = zone.gatekeepers.iter().filter(|one| one.is_own());
        Some(ZoneSettings {
            zone: zone.index.0,
            name: zone.name.clone(),
            always: matches!(zone.mode, ZoneMode::Registrar { .. }),
            own: zone.known_addresses(),
            here: own.map(|one| one.ras).collect(),
            call_signal_address: None,
            reserved: config.reserved.clone(),
            alternates: Vec::new(),
        })
    };
    config.zones.iter().filter_map(of).collect()
}
