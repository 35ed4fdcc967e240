//! rasline's own gatekeepers: the control unit with its registrars, and the proxies. RAS that comes to them goes into the
//! core's machines; what these want is carried out here.
//!
//! Invariant: a zone has either a registrar (its own, or as its backup) or a proxy, never both.

mod calls;
mod carry;
mod directory;
mod endpoints;
mod group;
mod learned;
mod memory;
mod proxies;
pub(super) mod served;
mod show;
mod sockets;
mod sources;
pub(super) mod tell;
mod twice;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rasline_core::{
    RegistrationId, Reserved, Time,
    backup::{self, ControlUnit, ZoneSettings},
    proxy::{self, Proxy},
    registrar::EntryId,
};
use rasline_h225::{RasKind, header};
use rasline_kernel::Place;
use tokio::sync::mpsc;

use crate::{
    config::{Config, Zone},
    failure::Result,
    host::{self, monotonic_ns, sides},
    supervisor::{Supervisor, layout::Layout, serving::sources::Sources, turn::Turn},
};

pub(super) use directory::Directory;
pub(super) use sockets::{Arrived, Sockets, Wanted};

/// Answers that each registrar remembers.
const MAX_ANSWERS: usize = 16_384;
/// Endpoints of a proxy at most.
const MAX_ENDPOINTS: usize = 131_072;
/// So many messages that wait are too many, until there are so few again.
const MANY: usize = 1024;
/// As [`MANY`].
const FEW: usize = 64;
/// How long full registrations are put off then: most stacks wait for that long and send them again.
const PUT_OFF: Duration = Duration::from_secs(2);

/// All of it.
pub(super) struct Serving {
    unit: ControlUnit,
    proxies: BTreeMap<u32, Proxy>,
    sockets: Sockets,
    endpoints: endpoints::Endpoints,
    /// Zone that a gatekeeper's messages to a proxy's address are for.
    upstream: HashMap<(SocketAddr, IpAddr), u32>,
    /// Addresses that no endpoint has.
    reserved: Reserved,
    /// Zones that a socket is the only one of.
    alone: HashMap<SocketAddr, u32>,
    /// Zones whose endpoints discover their gatekeeper by multicast.
    heard: HashSet<u32>,
    /// Zones whose endpoints register with rasline.
    own_zones: HashSet<u32>,
    /// Backup zones that are served now.
    serves: BTreeSet<u32>,
    /// Published for zones that have returned to their own gatekeepers, and when they are taken out at last.
    retiring: VecDeque<(u64, RegistrationId, Place)>,
    learned: learned::Learned,
    remembered: memory::Remembered,
    /// Which of them has an endpointIdentifier.
    identified: HashMap<(u32, String), RegistrationId>,
    /// Of these, to be stored again.
    refill: std::vec::IntoIter<RegistrationId>,
    calls: calls::Calls,
    seed: u64,
    /// More comes than can be handled.
    overloaded: bool,
    sources: Sources,
    /// Messages of sources that say too much while others wait.
    crowded_out: u64,
    /// Messages of nobody known.
    strangers: u64,
    /// Messages that could not be sent.
    unsent: u64,
}

impl Serving {
    /// Nothing is served yet.
    pub(super) fn new(sockets: Sockets) -> Self {
        let mut seed = [0; 8];
        // Only to differ from the last start; the time would do.
        if host::random(&mut seed).is_err() {
            seed = monotonic_ns().to_ne_bytes();
        }
        let seed = u64::from_ne_bytes(seed);
        Self {
            unit: ControlUnit::new(backup::Setup {
                seed,
                unix_at_zero: unix_at_zero(),
                max_answers: MAX_ANSWERS,
                max_restored: MAX_ENDPOINTS,
            }),
            proxies: BTreeMap::new(),
            sockets,
            endpoints: endpoints::Endpoints::default(),
            upstream: HashMap::new(),
            reserved: Reserved::default(),
            alone: HashMap::new(),
            heard: HashSet::new(),
            own_zones: HashSet::new(),
            serves: BTreeSet::new(),
            retiring: VecDeque::new(),
            learned: learned::Learned::default(),
            remembered: memory::Remembered::new(),
            identified: HashMap::new(),
            refill: Vec::new().into_iter(),
            calls: calls::Calls::default(),
            seed,
            overloaded: false,
            sources: Sources::new(seed),
            crowded_out: 0,
            strangers: 0,
            unsent: 0,
        }
    }

    /// Sockets that another configuration needs, bound ahead of everything else.
    ///
    /// # Errors
    /// When an address cannot be had.
    pub(super) fn prepare(&self, config: &Config) -> Result<Wanted> {
        let interfaces = group::interfaces(config);
        self.sockets.prepare(config.own_ras_addresses(), interfaces)
    }

    /// When something is due.
    pub(super) fn next_due(&self) -> Option<Time> {
        let proxies = self.proxies.values().filter_map(Proxy::next_due);
        proxies.chain(self.unit.next_due()).min()
    }
}

/// UNIX time in seconds when the monotonic clock was 0.
fn unix_at_zero() -> i64 {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let since_start = Duration::from_nanos(monotonic_ns());
    unix.as_secs().cast_signed() - since_start.as_secs().cast_signed()
}

impl Supervisor {
    /// Zones as the configuration has them now, with the sockets that [`Serving::prepare`] gave.
    pub(super) fn serve_zones(&mut self, sockets: Wanted) {
        self.serving.sockets.keep(sockets);
        self.serving.heard = group::zones(&self.config, &self.layout);
        self.serving.endpoints = endpoints::Endpoints::new(&self.config, &self.layout);
        self.serving.upstream = proxies::upstream(&self.config, &self.layout);
        self.serving.alone = alone(&self.config, &self.layout);
        let own = self
            .config
            .zones
            .iter()
            .filter(|z| !z.mode.is_transparent());
        self.serving.own_zones = own.filter_map(|z| self.layout.zone(&z.name)).collect();
        self.serving.reserved = reserved(&self.config);
        let zones = zone_settings(&self.config, &self.layout, &self.serving.reserved);
        self.control_unit(backup::Input::WallClock {
            unix_at_zero: unix_at_zero(),
        });
        self.control_unit(backup::Input::Zones(zones));
        self.keep_proxies();
        self.use_profiles();
    }

    /// A zone's traffic goes to this gatekeeper: if that is rasline itself, its registrar starts.
    pub(super) fn serve_if_own(&mut self, zone: u32, active: Option<u32>) {
        let on = active.is_some_and(|g| self.own_gatekeepers().contains(&g));
        if on == self.serving.serves.contains(&zone) {
            return;
        }
        if on {
            self.learn_zone(zone);
            self.use_profiles();
            self.serving.serves.insert(zone);
        } else {
            self.serving.serves.remove(&zone);
        }
        self.control_unit(backup::Input::Serve { zone, on });
    }

    /// Whether rasline itself is the gatekeeper of a zone's endpoints: nothing is to be learned there. Asked for each
    /// message of the ring buffer.
    pub(super) fn is_served(&self, zone: u32) -> bool {
        self.serving.own_zones.contains(&zone)
    }

    /// Messages to rasline's own gatekeepers from nobody's endpoint, and messages of theirs that could not be sent.
    pub(super) const fn serving_losses(&self) -> (u64, u64) {
        (self.serving.strangers, self.serving.unsent)
    }

    /// Messages to rasline's own gatekeepers of sources that said too much while others waited.
    pub(super) const fn crowded_out(&self) -> u64 {
        self.serving.crowded_out
    }

    /// The registrars of zones that rasline serves now.
    pub(super) fn registrars(
        &self,
    ) -> impl Iterator<Item = (u32, &rasline_core::registrar::Registrar)> {
        let zones = self.serving.unit.views().map(|view| view.zone);
        zones.filter_map(|zone| Some((zone, self.serving.unit.registrar(zone)?)))
    }

    /// The proxies.
    pub(super) fn proxies(&self) -> impl Iterator<Item = (u32, &Proxy)> {
        self.serving
            .proxies
            .iter()
            .map(|(zone, proxy)| (*zone, proxy))
    }

    /// Indices of gatekeepers that are rasline itself.
    pub(super) fn own_gatekeepers(&self) -> BTreeSet<u32> {
        let zones = self.config.zones.iter();
        let all = zones.flat_map(|z| z.gatekeepers.iter().map(move |g| (z, g)));
        all.filter(|(_, g)| g.is_own())
            .filter_map(|(zone, g)| self.layout.gatekeeper(zone, g))
            .collect()
    }

    /// The controller lives, so its own gatekeepers do: what goes to them is answered.
    pub(super) fn refresh_own_gatekeepers(&mut self) {
        let now_ns = monotonic_ns();
        for gatekeeper in self.own_gatekeepers() {
            self.dataplane.probe_answered(gatekeeper, now_ns);
            self.dataplane.set_own(gatekeeper);
        }
    }

    /// Routes a RAS datagram to an own gatekeeper, and those that wait behind it, for one turn.
    pub(super) fn handle_datagrams(&mut self, first: Arrived, more: &mut mpsc::Receiver<Arrived>) {
        let turn = Turn::start();
        let mut next = Some(first);
        while let Some(arrived) = next {
            // Only where there is a crowd: a source may say much while there is time for it.
            let crowded = more.len() > FEW;
            if !crowded
                || self
                    .serving
                    .sources
                    .admit(monotonic_ns(), arrived.from.ip())
            {
                self.route_datagram(&arrived);
            } else {
                self.serving.crowded_out += 1;
            }
            if turn.is_over() {
                break;
            }
            next = more.try_recv().ok();
        }
        self.update_overload(more.len());
    }

    /// Starts or ends the overload: while many datagrams wait, full registrations are put off (RIP).
    fn update_overload(&mut self, waiting: usize) {
        let most = if self.serving.overloaded { FEW } else { MANY };
        let overloaded = waiting > most;
        if overloaded != self.serving.overloaded {
            self.serving.overloaded = overloaded;
            let delay = overloaded.then_some(PUT_OFF);
            self.control_unit(backup::Input::Overload(delay));
            self.tell_overload(waiting, overloaded);
        }
    }

    /// Gives a datagram to the proxy or the control unit of the zone that its sender belongs to; others are counted.
    fn route_datagram(&mut self, arrived: &Arrived) {
        let Arrived {
            from,
            local,
            payload,
            interface,
            ..
        } = arrived;
        if let Some(zone) = self.serving.upstream.get(&(*local, from.ip())).copied() {
            if sides::is_endpoints(*interface) {
                self.serving.strangers += 1;
                return;
            }
            let input = proxy::Input::FromGatekeeper {
                from: *from,
                to: *local,
                payload,
            };
            self.proxy(zone, input);
            return self.answered_upstream(zone);
        }
        let endpoints = self.serving.endpoints.zone(from.ip());
        if endpoints.is_some() && sides::is_gatekeepers(*interface) {
            self.serving.strangers += 1;
            return;
        }
        let zone = if group::heard(*local) {
            endpoints.filter(|zone| self.serving.heard.contains(zone))
        } else {
            endpoints
                .or_else(|| self.serving.unit.zone_of_neighbour(*from, payload))
                .or_else(|| self.alone(*local, payload))
        };
        let Some(zone) = zone else {
            self.serving.strangers += 1;
            return;
        };
        let to = self.dataplane.known_as(*local, *from).unwrap_or(*local);
        if self.serving.proxies.contains_key(&zone) {
            let input = proxy::Input::FromEndpoint {
                from: *from,
                to,
                payload,
            };
            return self.proxy(zone, input);
        }
        self.control_unit(backup::Input::Message {
            zone,
            from: *from,
            to,
            payload,
        });
    }

    /// The zone that somebody means who is no endpoint: gatekeepers of other networks look for its endpoints (LRQ). Nobody
    /// registers from outside of the zone's `endpoints`.
    fn alone(&self, local: SocketAddr, payload: &[u8]) -> Option<u32> {
        let searches = header(payload).is_some_and(|h| h.kind == RasKind::LocationRequest);
        let zone = self.serving.alone.get(&local).copied();
        zone.filter(|_| searches)
    }

    /// Something is due.
    pub(super) fn served_due(&mut self) {
        self.control_unit(backup::Input::Due);
        for zone in self.serving.proxies.keys().copied().collect::<Vec<_>>() {
            self.proxy(zone, proxy::Input::Due);
        }
    }

    /// About once a second.
    pub(super) fn tick_serving(&mut self, now_ns: u64) {
        self.control_unit(backup::Input::WallClock {
            unix_at_zero: unix_at_zero(),
        });
        self.control_unit(backup::Input::Tick);
        self.serving.sockets.follow_interfaces();
        self.retire(now_ns);
        self.tick_profiles(now_ns);
    }

    /// The kernel answered a served registration's keep-alive.
    pub(super) fn served_seen(&mut self, zone: u32, id: u64, at: Time) {
        if self.serving.proxies.contains_key(&zone) {
            let id = proxy::EntryId(id);
            return self.proxy(zone, proxy::Input::Seen { id, at });
        }
        let id = EntryId(id);
        self.control_unit(backup::Input::Seen { zone, id, at });
    }

    /// `rasline registration drop` of a served one; false: there is none.
    pub(super) fn drop_served(&mut self, zone: u32, id: u64) -> bool {
        if self.show_one_served(monotonic_ns(), zone, id).is_none() {
            return false;
        }
        if self.serving.proxies.contains_key(&zone) {
            let id = proxy::EntryId(id);
            self.proxy(zone, proxy::Input::Drop { id });
        } else {
            let id = EntryId(id);
            self.control_unit(backup::Input::Drop { zone, id });
        }
        true
    }
}

/// Addresses that no endpoint has: those of this machine, of rasline's own gatekeepers, and of all others.
fn reserved(config: &Config) -> Reserved {
    let zones = config.zones.iter();
    let named = zones.flat_map(|zone| {
        let gatekeepers = zone.gatekeepers.iter().map(|g| g.address);
        let own = zone.service_addresses().iter().copied();
        let uplink = zone.mode.uplink().and_then(|uplink| uplink.address);
        gatekeepers.chain(own).chain(uplink)
    });
    let here = host::own_addresses::list().unwrap_or_else(|e| {
        tracing::warn!("this machine's addresses: {e}; endpoints could claim them");
        Vec::new()
    });
    named.chain(here).collect()
}

fn zone_settings(config: &Config, layout: &Layout, reserved: &Reserved) -> Vec<ZoneSettings> {
    let of = |zone: &Zone| {
        let own = zone.gatekeepers.iter().filter(|g| g.is_own());
        if zone.mode.is_proxy() || own.clone().next().is_none() {
            return None;
        }
        Some(ZoneSettings {
            zone: layout.zone(&zone.name)?,
            name: zone.name.clone(),
            always: zone.mode.is_registrar(),
            own: known_addresses(zone),
            here: own.clone().map(crate::config::Gatekeeper::ras).collect(),
            call_signal_address: None,
            reserved: reserved.clone(),
            alternates: Vec::new(),
        })
    };
    config.zones.iter().filter_map(of).collect()
}

/// RAS addresses of a zone's gatekeepers as its endpoints know them.
fn known_addresses(zone: &Zone) -> Vec<SocketAddr> {
    let port = zone.gatekeepers.first().map_or(1719, |g| g.ras_port);
    let services = zone
        .service_addresses()
        .iter()
        .map(|a| SocketAddr::new(*a, port));
    let gatekeepers = zone.gatekeepers.iter().map(crate::config::Gatekeeper::ras);
    services.chain(gatekeepers).collect()
}

/// Who speaks to these and is no endpoint of any zone, a neighbour say, means this zone.
fn alone(config: &Config, layout: &Layout) -> HashMap<SocketAddr, u32> {
    let mut zones: HashMap<SocketAddr, BTreeSet<u32>> = HashMap::new();
    for zone in config.zones.iter().filter(|z| z.mode.is_registrar()) {
        for g in zone.gatekeepers.iter().filter(|g| g.is_own()) {
            zones
                .entry(g.ras())
                .or_default()
                .extend(layout.zone(&zone.name));
        }
    }
    let alone = |(address, zones): (SocketAddr, BTreeSet<u32>)| {
        let zone = zones.first().copied().filter(|_| zones.len() == 1)?;
        Some((address, zone))
    };
    zones.into_iter().filter_map(alone).collect()
}
