//! Puts a configuration into the kernel: at start all of it, on reload what differs.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
};

use ipnet::IpNet;
use rasline_kernel::{Dataplane, GatekeeperRow, Limits, PinnedRows, Steering, ZoneRow};

use super::layout::Layout;
use crate::{
    config::{Answer, Config, Daemon, OnLoss, Shape, UpstreamSource, Zone},
    failure::{Failure, Result},
};

/// What must not change while the controller runs.
///
/// # Errors
/// Names the first such key.
pub fn restart_needed(old: &Config, new: &Config) -> Result<()> {
    let (o, n) = (&old.daemon, &new.daemon);
    let key = if o.control_socket != n.control_socket || o.control_group != n.control_group {
        "control_socket"
    } else if o.state_dir != n.state_dir {
        "state_dir"
    } else if o.bpffs != n.bpffs {
        "bpffs"
    } else if o.max_registrations != n.max_registrations {
        "max_registrations"
    } else if o.ring_buffer != n.ring_buffer {
        "ring_buffer"
    } else if o.flows != n.flows {
        "flows"
    } else {
        return Ok(());
    };
    Err(Failure::new(
        "configuration",
        format!("{key} cannot change while the controller runs; the old configuration stays"),
        "restart it for that",
    ))
}

/// The layout for a new configuration; zones whose registrations are not good any more get a new generation.
///
/// # Errors
/// When there are more than the tables hold, old and new together.
pub fn plan(layout: &Layout, old: Option<&Config>, new: &Config) -> Result<Layout> {
    let mut next = layout.next(new);
    let too_many = new.zones.iter().any(|z| {
        next.zone(&z.name).is_none_or(|i| i >= Dataplane::MAX_ZONES)
            || z.gatekeepers.iter().any(|g| {
                next.gatekeeper(z, g)
                    .is_none_or(|i| i >= Dataplane::MAX_GATEKEEPERS)
            })
    });
    if too_many {
        return Err(Failure::new(
            "configuration",
            "too many zones or gatekeepers change at once; the old configuration stays",
            "restart the controller for that",
        ));
    }
    for zone in old.into_iter().flat_map(|o| &o.zones) {
        let same = new.zones.iter().find(|z| z.name == zone.name);
        if same.is_some_and(|z| is_other(zone, z))
            && let Some(index) = next.zone(&zone.name)
        {
            next.raise(index);
        }
    }
    Ok(next)
}

/// The layout at start: the rows of an earlier controller keep their indices, and their generations as far as what
/// they say of RCFs holds.
///
/// # Errors
/// As [`plan`].
pub fn plan_start(rows: &PinnedRows, config: &Config) -> Result<Layout> {
    let mut layout = plan(&Layout::adopt(rows, config), None, config)?;
    for zone in &config.zones {
        if let Some(index) = layout.zone(&zone.name)
            && let Some(there) = rows.zones.get(&index)
            && there.divert != diverts(zone)
        {
            layout.raise(index);
        }
    }
    Ok(layout)
}

/// Takes out what an earlier controller published and this configuration does not answer; how many.
pub fn drop_unclaimed(dataplane: &mut Dataplane, config: &Config, layout: &Layout) -> usize {
    let mut answered: HashMap<u16, (u16, &[IpNet])> = HashMap::new();
    for zone in &config.zones {
        let indices = zone
            .gatekeepers
            .iter()
            .filter_map(|g| layout.gatekeeper(zone, g));
        let generation = layout.zone(&zone.name).map_or(0, |z| layout.generation(z));
        answered.extend(indices.map(|i| (i as u16, (generation, zone.endpoints.as_slice()))));
    }
    dataplane.retain_unclaimed(|gatekeeper, generation, address| {
        answered
            .get(&gatekeeper)
            .is_some_and(|(current, endpoints)| {
                *current == generation && endpoints.iter().any(|net| net.contains(&address))
            })
    })
}

/// Whether what was learned under one is wrong under the other: what is answered, and to whom. (The registrations of
/// a gatekeeper that is no longer configured end with its row.)
#[must_use]
pub fn is_other(old: &Zone, new: &Zone) -> bool {
    old.endpoint_ttl != new.endpoint_ttl
        || old.refresh_every != new.refresh_every
        || !old
            .endpoints
            .iter()
            .all(|net| new.endpoints.iter().any(|wider| wider.contains(net)))
}

/// The gatekeepers' rows of a configuration.
#[must_use]
pub fn gatekeeper_rows(config: &Config, layout: &Layout) -> BTreeMap<u32, GatekeeperRow> {
    let mut rows = BTreeMap::new();
    for zone in &config.zones {
        for g in &zone.gatekeepers {
            if let (Some(index), Some(zone)) = (layout.gatekeeper(zone, g), layout.zone(&zone.name))
            {
                rows.insert(
                    index,
                    GatekeeperRow {
                        index,
                        zone,
                        address: g.address,
                        ras_port: g.ras_port,
                        call_port: g.call_signal_port,
                    },
                );
            }
        }
    }
    rows
}

/// Writes a configuration over what stands in the maps: only what differs changes. Prefixes come last: only then does
/// anything lead to a new zone.
///
/// # Errors
/// When the kernel refuses.
pub fn write(dataplane: &mut Dataplane, new: &Config, layout: &Layout) -> Result<()> {
    let pinned = dataplane.pinned_rows();
    let rows = gatekeeper_rows(new, layout);
    let old_rows = pinned.gatekeepers;
    for zone in &new.zones {
        if let Some(index) = layout.zone(&zone.name) {
            let steering = zone.mode.steering().cloned().unwrap_or_default();
            dataplane.zones.set(&ZoneRow {
                index,
                generation: layout.generation(index),
                answer: answer_policy(zone.answer),
                divert: diverts(zone),
                hold_for: zone.hold_for,
                dead_after: zone.dead_after,
                migrate_rate: zone.migrate_rate,
                unknown_rate: zone.unknown_rate,
                auto: dataplane.zones.is_auto(index),
                reset: steering.on_loss == OnLoss::Reset,
                ends_signalling: ends_signalling(zone),
                rip_delay: (steering.shape == Shape::Rip).then_some(steering.rip_delay),
                service_ports: zone.service_ports(),
            });
        }
    }
    for row in old_rows
        .values()
        .filter(|row| rows.get(&row.index) != Some(row))
    {
        dataplane.gatekeepers.clear(row)?;
    }
    for row in rows
        .values()
        .filter(|row| old_rows.get(&row.index) != Some(row))
    {
        dataplane.gatekeepers.set(row)?;
    }
    for (zone, g) in new
        .zones
        .iter()
        .flat_map(|z| z.gatekeepers.iter().map(move |g| (z, g)))
    {
        if let Some(index) = layout.gatekeeper(zone, g) {
            dataplane
                .gatekeepers
                .set_proxied(index, is_spoken_for(zone) && !g.is_own());
        }
    }
    dataplane.globals.set_ports(
        rows.values()
            .map(|r| r.ras_port)
            .chain(new.zones.iter().map(|z| z.service_ports().0)),
        rows.values()
            .map(|r| r.call_port)
            .chain(new.zones.iter().map(|z| z.service_ports().1)),
        new.zones.iter().any(Zone::is_steered),
    );
    let services: Vec<(u32, IpAddr)> = new
        .zones
        .iter()
        .filter_map(|z| Some((layout.zone(&z.name)?, z)))
        .flat_map(|(index, z)| z.service_addresses().iter().map(move |a| (index, *a)))
        .collect();
    dataplane.gatekeepers.set_index(rows.values(), &services)?;
    dataplane.globals.set_limits(&limits(&new.daemon));
    let prefixes: HashMap<IpNet, u32> = new
        .zones
        .iter()
        .filter_map(|z| layout.zone(&z.name).map(|index| (z, index)))
        .flat_map(|(z, index)| z.endpoints.iter().map(move |net| (*net, index)))
        .collect();
    dataplane.prefixes.set(&prefixes)?;
    for zone in &new.zones {
        steer_first(dataplane, zone, layout);
    }
    let zones: Vec<u32> = new
        .zones
        .iter()
        .filter_map(|z| layout.zone(&z.name))
        .collect();
    for index in pinned.zones.keys().filter(|index| !zones.contains(index)) {
        dataplane.zones.clear(*index);
    }
    Ok(())
}

/// The program's limits.
#[must_use]
pub const fn limits(daemon: &Daemon) -> Limits {
    Limits {
        heartbeat_timeout: daemon.heartbeat_timeout,
        copies_per_second: daemon.copies_per_second,
        copies_per_source: daemon.copies_per_source,
    }
}

/// When the program answers keep-alives.
const fn answer_policy(answer: Answer) -> rasline_kernel::Answer {
    match answer {
        Answer::Off => rasline_kernel::Answer::Off,
        Answer::Hold => rasline_kernel::Answer::Hold,
        Answer::Offload => rasline_kernel::Answer::Offload,
    }
}

/// A zone about which nothing was decided yet is served by its best gatekeeper. An earlier decision, the program's own
/// included, stays as long as the gatekeeper that it names is there.
fn steer_first(dataplane: &mut Dataplane, zone: &Zone, layout: &Layout) {
    let Some(index) = layout.zone(&zone.name) else {
        return;
    };
    let known: Vec<u32> = all(zone, layout);
    let candidates = candidates(zone, layout);
    let decided = dataplane.zones.decided(index).map(|d| d.active);
    let there = decided.or(dataplane.zones.steered_to(index).map(|(active, _)| active));
    let (active, candidates) = match (zone.is_steered(), there) {
        (true, Some(active)) if known.contains(&active) => {
            return dataplane.zones.set_candidates(index, &candidates);
        }
        (true, _) => (candidates.first().copied(), candidates),
        (false, Some(_)) => (None, Vec::new()),
        (false, None) => return,
    };
    dataplane.steer(&Steering {
        zone: index,
        active,
        steered: Vec::new(),
        candidates,
        moved_ns: 0,
    });
}

/// Indices of a zone's gatekeepers that live outside, best first: those that the program may move it to by itself.
/// Without the controller nobody answers for its own.
#[must_use]
pub fn candidates(zone: &Zone, layout: &Layout) -> Vec<u32> {
    let mut all: Vec<_> = zone.gatekeepers.iter().filter(|g| !g.is_own()).collect();
    all.sort_by_key(|g| g.priority);
    all.iter()
        .filter_map(|g| layout.gatekeeper(zone, g))
        .collect()
}

/// Indices of all of a zone's gatekeepers.
fn all(zone: &Zone, layout: &Layout) -> Vec<u32> {
    let all = zone.gatekeepers.iter();
    all.filter_map(|g| layout.gatekeeper(zone, g)).collect()
}

/// Whether a zone's RCFs are diverted: where rasline makes them itself, they have their timeToLive already.
fn diverts(zone: &Zone) -> bool {
    zone.endpoint_ttl.is_some() && zone.mode.is_transparent()
}

/// Whether a zone's proxy speaks from its endpoints' addresses, so that what gatekeepers say to these is for the proxy.
fn is_spoken_for(zone: &Zone) -> bool {
    (zone.mode.uplink()).is_some_and(|uplink| uplink.source == UpstreamSource::Endpoint)
}

/// Whether rasline ends the zone's call signalling itself.
fn ends_signalling(zone: &Zone) -> bool {
    (zone.mode.uplink()).is_some_and(|uplink| uplink.signalling_ports.is_some())
}

/// Addresses that messages to endpoints may come from.
#[must_use]
pub fn senders(config: &Config) -> Vec<SocketAddr> {
    let gatekeepers = config.zones.iter().flat_map(|z| &z.gatekeepers);
    let services = config.zones.iter().flat_map(|z| {
        let port = z.service_ports().0;
        z.service_addresses()
            .iter()
            .map(move |a| SocketAddr::new(*a, port))
    });
    gatekeepers
        .map(|g| SocketAddr::new(g.address, g.ras_port))
        .chain(services)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rasline_kernel::PinnedZone;

    const TEXT: &str = "[[interface]]\nname = \"x\"\nside = \"both\"\n[[zone]]\nname = \"a\"\nendpoint_ttl = \"5s\"\n\
        endpoints = [\"10.0.0.0/8\"]\n[[zone.gatekeeper]]\nid = \"g\"\naddress = \"192.0.2.1\"\n";

    fn config(text: &str) -> Config {
        Config::parse(std::path::Path::new("t"), text).unwrap()
    }

    #[test]
    fn only_what_matters_raises_the_generation() {
        let old = config(TEXT);
        let first = plan(&Layout::default(), None, &old).unwrap();
        assert_eq!(first.generation(0), 1);
        let held = config(&TEXT.replace("endpoint_ttl", "answer = \"hold\"\nendpoint_ttl"));
        assert_eq!(plan(&first, Some(&old), &held).unwrap().generation(0), 1);
        let longer = config(&TEXT.replace("5s", "7s"));
        assert_eq!(plan(&first, Some(&old), &longer).unwrap().generation(0), 2);
    }

    #[test]
    fn some_keys_need_a_restart() {
        let old = config(TEXT);
        let new = config(&format!("[daemon]\nmax_registrations = 100\n{TEXT}"));
        assert!(
            restart_needed(&old, &new)
                .unwrap_err()
                .to_string()
                .contains("max_registrations")
        );
        restart_needed(&old, &config(&TEXT.replace("5s", "7s"))).unwrap();
    }

    #[test]
    fn diverting_otherwise_than_before_raises_the_generation() {
        let config = config(TEXT);
        let rows = |divert| {
            let gatekeeper = GatekeeperRow {
                index: 5,
                zone: 3,
                address: "192.0.2.1".parse().unwrap(),
                ras_port: 1719,
                call_port: 1720,
            };
            let zone = PinnedZone {
                generation: 8,
                divert,
            };
            PinnedRows {
                zones: [(3, zone)].into(),
                gatekeepers: [(5, gatekeeper)].into(),
            }
        };
        let kept = plan_start(&rows(true), &config).unwrap();
        assert_eq!((kept.zone("a"), kept.generation(3)), (Some(3), 8));
        let raised = plan_start(&rows(false), &config).unwrap();
        assert_eq!((raised.zone("a"), raised.generation(3)), (Some(3), 9));
    }
}
