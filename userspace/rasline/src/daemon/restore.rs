//! What the store remembers is given back, at start, before any packet meets the program: registrations, then those with
//! rasline itself, then their calls.

use std::{collections::HashMap, time::Instant};

use rasline_core::{RegistrationId, Stored, Time, ZoneIndex, record::Record, site::Input};

use super::Daemon;
use crate::{host::monotonic_ns, store::Keeper};

/// Publishes what was published before, as far as it is still valid.
pub(super) fn restore_registrations(daemon: &mut Daemon) {
    let started = Instant::now();
    let config = daemon.site.config();
    let places: HashMap<Keeper, (u32, u32)> = config
        .gatekeepers()
        .map(|(zone, one)| {
            let keeper = Keeper {
                zone: zone.name.clone(),
                gatekeeper: one.id.clone(),
                address: one.ras,
            };
            (keeper, (zone.index.0, one.index.0))
        })
        .collect();
    let store = daemon.effects.persist.store();
    daemon.effects.persist.set_restoring(true);
    let loaded = store.load(
        |keeper| places.get(keeper).copied(),
        |stored| restore_registration(daemon, stored),
    );
    daemon.effects.persist.set_restoring(false);
    let stats = daemon.site.learner().stats();
    daemon.effects.persist.restored = stats.restored;
    let published = stats.published;
    match loaded {
        Ok(all) if all.given + all.foreign + all.bad == 0 => {}
        Ok(all) => {
            let gone = all.given + all.foreign + all.bad - published;
            if gone > 0 {
                store.keep_only(published_ids(daemon).map(|id| id.0).collect());
            }
            let text = format!(
                "{published} registrations restored in {:.1} s, {gone} no longer valid",
                started.elapsed().as_secs_f64()
            );
            tracing::info!("{text}");
            daemon.effects.events.add("store", text);
        }
        Err(e) => {
            tracing::error!("{e}");
            daemon.effects.events.add("store", e.to_string());
        }
    }
}

fn restore_registration(daemon: &mut Daemon, mut stored: Box<Stored>) {
    let table = daemon.effects.dataplane.table();
    if let Some(noted) = table.observe_unclaimed(monotonic_ns(), stored.endpoint, &stored.rrq) {
        stored.confirmed = stored.confirmed.max(Time(noted.confirmed_ns));
        stored.last_seen = stored.last_seen.max(Time(noted.last_seen_ns));
    }
    daemon.handle(Input::Restore(Record::Registration(stored)));
}

fn published_ids(daemon: &Daemon) -> impl Iterator<Item = RegistrationId> {
    let all = daemon.site.learner().registrations();
    all.filter(|one| one.state.is_published()).map(|one| one.id)
}

/// Registrations with an earlier controller itself, of zones that rasline still serves.
pub(super) fn restore_served(daemon: &mut Daemon) {
    let all = daemon.effects.persist.store().served();
    let all = all.unwrap_or_else(|e| {
        tracing::error!("{e}");
        Vec::new()
    });
    for (name, stored) in all {
        if let Some(zone) = zone_of(daemon, &name) {
            let stored = Box::new(stored);
            daemon.handle(Input::Restore(Record::Served { zone, stored }));
        } else {
            let store = daemon.effects.persist.store();
            store.delete_served(&name, &stored.registration().endpoint_identifier);
        }
    }
}

/// Calls of an earlier controller, after its registrations.
pub(super) fn restore_calls(daemon: &mut Daemon) {
    let all = daemon.effects.persist.store().calls();
    let all = all.unwrap_or_else(|e| {
        tracing::error!("{e}");
        Vec::new()
    });
    let mut bad = 0_u64;
    for (name, call, stored) in all {
        let zone = zone_of(daemon, &name);
        let (Some(zone), Some(stored)) = (zone, stored) else {
            if let Some(zone) = zone {
                *daemon.effects.persist.bad_calls.entry(zone).or_default() += 1;
                bad += 1;
            }
            daemon.effects.persist.store().delete_call(&name, &call);
            continue;
        };
        let call = Box::new(stored);
        daemon.handle(Input::Restore(Record::Call { zone, call }));
    }
    if bad > 0 {
        let text = format!("{bad} calls in the store made no sense and were left out");
        tracing::warn!("{text}");
        daemon.effects.events.add("store", text);
    }
}

fn zone_of(daemon: &Daemon, name: &str) -> Option<ZoneIndex> {
    daemon.effects.layout.zone(name).map(ZoneIndex)
}

/// Important events of earlier controllers.
pub(super) fn restore_events(daemon: &mut Daemon) {
    let earlier = daemon.effects.persist.store().events();
    let earlier = earlier.unwrap_or_else(|e| {
        tracing::error!("{e}");
        Vec::new()
    });
    let read = |text: String| serde_json::from_str(&text).ok();
    let events = &mut daemon.effects.events;
    events.restore(earlier.into_iter().filter_map(read).collect());
}
