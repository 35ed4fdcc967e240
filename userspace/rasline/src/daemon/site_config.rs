//! The configuration as the site has it: names become indices of the kernel's tables, modes become what only they have.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use rasline_core::{
    GatekeeperIndex, Reserved, ZoneIndex,
    alternates::Prefix,
    failover, health, proxy,
    site::{self, ZoneMode},
};

use crate::{
    config::{self, Answer, Config, Failback, Gatekeeper, OnLoss, Origin, Standby, Zone},
    effects::layout::Layout,
    host,
    probe::Target,
    signalling::Places,
};

/// Requests at most that the learner lets wait for their confirm.
const MAX_PENDING: usize = 65_536;
/// Endpoints of a proxy at most.
pub(super) const MAX_ENDPOINTS: usize = 131_072;
/// Port of rasline's callSignalAddress towards endpoints.
const CALL_SIGNALLING: u16 = 1720;
/// A gatekeeper of which probes say nothing is dead after this many times `dead_after`, and this long at least.
const TRAFFIC_DEAD: u32 = 3;
const LEAST_TRAFFIC_DEAD: Duration = Duration::from_millis(900);

/// The configuration as the site has it. `seed` makes endpointIdentifiers differ from those of other starts.
pub(super) fn site_config(config: &Config, layout: &Layout, seed: u64) -> site::Config {
    let reserved = reserved(config);
    let max_registrations = config.daemon.max_registrations as usize;
    let zones = config.zones.iter();
    site::Config {
        zones: zones
            .filter_map(|zone| site_zone(zone, layout, seed, &reserved))
            .collect(),
        max_registrations,
        max_pending: max_registrations.clamp(1024, MAX_PENDING),
        reserved,
    }
}

fn site_zone(zone: &Zone, layout: &Layout, seed: u64, reserved: &Reserved) -> Option<site::Zone> {
    let gatekeepers = zone.gatekeepers.iter();
    Some(site::Zone {
        index: ZoneIndex(layout.zone(&zone.name)?),
        name: zone.name.clone(),
        mode: mode(zone, seed, reserved),
        gatekeepers: gatekeepers
            .filter_map(|one| site_gatekeeper(zone, one, layout))
            .collect(),
        endpoints: zone.endpoints.iter().map(prefix).collect(),
        service_addresses: zone.service_addresses().to_vec(),
        answer: match zone.answer {
            Answer::Off => rasline_core::Answer::Off,
            Answer::Hold => rasline_core::Answer::Hold,
            Answer::Offload => rasline_core::Answer::Offload,
        },
        endpoint_ttl: zone.endpoint_ttl,
        refresh_every: zone.refresh_every,
        hold_for: zone.hold_for,
        migrate_rate: zone.migrate_rate,
        silent_after: zone.silent_after,
        failback: match zone.failback {
            Failback::None => failover::Failback::None,
            Failback::After(time) => failover::Failback::After(time),
            Failback::AfterCalls => failover::Failback::AfterCalls,
            Failback::Window { from, to } => failover::Failback::Window {
                from_minute: from,
                to_minute: to,
            },
        },
        gatekeeper_identifier: zone.gatekeeper_identifier.clone(),
    })
}

fn mode(zone: &Zone, seed: u64, reserved: &Reserved) -> ZoneMode {
    match &zone.mode {
        config::ZoneMode::Transparent(steering) => ZoneMode::Transparent(site::Transparent {
            standby: steering.standby == Standby::Warm,
            learn_alternates: steering.learn_alternates,
            allowed_alternates: steering.allowed_alternates.iter().map(prefix).collect(),
            dead_after: zone.dead_after,
            resets_lost: steering.on_loss == OnLoss::Reset,
        }),
        config::ZoneMode::Proxy(uplink) => ZoneMode::Proxy(Box::new(proxy::Settings {
            gatekeeper_identifier: (zone.gatekeeper_identifier.clone())
                .unwrap_or_else(|| zone.name.clone()),
            ras_address: uplink.ras_address(),
            source: uplink.source,
            upstream: uplink.upstream,
            call_signalling: uplink.signalling_ports.map(|ports| proxy::CallSignalling {
                service_port: CALL_SIGNALLING,
                first_port: ports.first,
                last_port: ports.last,
            }),
            endpoint_ttl: zone.endpoint_ttl,
            migrate_rate: zone.migrate_rate,
            reserved: reserved.clone(),
            max_endpoints: MAX_ENDPOINTS,
            seed,
        })),
        config::ZoneMode::Registrar { multicast } => ZoneMode::Registrar {
            multicast: *multicast,
        },
    }
}

fn site_gatekeeper(zone: &Zone, one: &Gatekeeper, layout: &Layout) -> Option<site::Gatekeeper> {
    Some(site::Gatekeeper {
        index: GatekeeperIndex(layout.gatekeeper(zone, one)?),
        id: one.id.clone(),
        ras: one.ras(),
        call_signal_port: one.call_signal_port,
        priority: one.priority,
        origin: match one.origin {
            Origin::Configured => site::Origin::Configured,
            Origin::Own => site::Origin::Own,
            Origin::Learned {
                need_to_register, ..
            } => site::Origin::Learned { need_to_register },
        },
    })
}

fn prefix(net: &IpNet) -> Prefix {
    Prefix {
        address: net.addr(),
        length: net.prefix_len(),
    }
}

/// Where rasline listens for the call signalling that it ends.
pub(super) fn signalling_places(config: &site::Config) -> Places {
    let mut places = Places::default();
    for zone in &config.zones {
        let Some((proxy, calls)) = zone
            .proxy()
            .and_then(|one| Some((one, one.call_signalling?)))
        else {
            continue;
        };
        for own in zone.gatekeepers.iter().filter(|one| one.is_own()) {
            let service = SocketAddr::new(own.ras.ip(), calls.service_port);
            places.services.insert(service, zone.index);
        }
        if let Some(uplink) = proxy.ras_address {
            let ports = calls.first_port..=calls.last_port;
            places.uplinks.insert(uplink.ip(), ports);
        }
    }
    places
}

/// The configuration of the file with learned gatekeepers added.
pub(super) fn with_learned(
    file: &Config,
    learned: &BTreeMap<String, Vec<site::AlternateCandidate>>,
) -> Config {
    let mut config = file.clone();
    for zone in &mut config.zones {
        let more = learned.get(&zone.name).into_iter().flatten();
        zone.gatekeepers.extend(more.map(|one| Gatekeeper {
            id: one.id.clone(),
            address: one.ras.ip(),
            ras_port: one.ras.port(),
            call_signal_port: one.call_signal_port,
            priority: one.priority,
            origin: Origin::Learned {
                from: one.named_by.clone(),
                message: one.message.clone(),
                need_to_register: one.need_to_register,
            },
        }));
    }
    config
}

/// Addresses that no endpoint has: those of this machine, of rasline's own gatekeepers, and of all others.
fn reserved(config: &Config) -> Reserved {
    let named = config.zones.iter().flat_map(|zone| {
        let gatekeepers = zone.gatekeepers.iter().map(|one| one.address);
        let own = zone.service_addresses().iter().copied();
        let uplink = zone.mode.uplink().and_then(|uplink| uplink.address);
        gatekeepers.chain(own).chain(uplink)
    });
    let here: Vec<IpAddr> = host::own_addresses::list().unwrap_or_else(|e| {
        tracing::warn!("this machine's addresses: {e}; endpoints could claim them");
        Vec::new()
    });
    named.chain(here).collect()
}

/// Whom to probe, and how: every gatekeeper of every zone but rasline's own.
pub(super) fn probe_targets(config: &Config, layout: &Layout) -> Vec<Target> {
    let interfaces = config.interfaces.iter();
    let endpoints: Vec<String> = interfaces
        .filter(|one| !one.side.gatekeepers())
        .map(|one| one.name.clone())
        .collect();
    let zones = config.zones.iter();
    zones
        .flat_map(|zone| zone.gatekeepers.iter().map(move |one| (zone, one)))
        .filter(|(_, one)| !one.is_own())
        .filter_map(|(zone, one)| {
            let settings = health::Settings {
                traffic_dead: judged_by_traffic(zone),
                ..zone.probe.settings()
            };
            let target = Target {
                gatekeeper: layout.gatekeeper(zone, one)?,
                ras: one.ras(),
                call: SocketAddr::new(one.address, one.call_signal_port),
                probe: zone.probe.ras,
                settings,
                endpoints: endpoints.clone(),
            };
            (target.is_probed() || settings.traffic_dead.is_some()).then_some(target)
        })
        .collect()
}

/// How long endpoints' requests must be unanswered until a gatekeeper of which probes say nothing is dead. Where there
/// are others the program decides that by itself.
fn judged_by_traffic(zone: &Zone) -> Option<Duration> {
    let alone = zone.mode.is_transparent() && !zone.is_steered();
    alone.then(|| (zone.dead_after * TRAFFIC_DEAD).max(LEAST_TRAFFIC_DEAD))
}
