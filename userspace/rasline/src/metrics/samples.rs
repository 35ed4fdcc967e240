//! Extracts the samples of each family from a snapshot.
// Prometheus has doubles only; they hold seconds and counts exactly enough.
#![allow(clippy::cast_precision_loss)]

use std::collections::BTreeMap;

use super::{
    families::{Labels, Samples, Seen},
    standing_name,
};
use crate::{
    effects::events::name,
    view::{Agent, Gatekeeper, Interface, Probe, Steering, Zone},
};

/// States of a gatekeeper: according to its probes, or to the kernel if it is not probed.
const STATES: [&str; 6] = ["unknown", "up", "suspect", "down", "alive", "silent"];

/// Causes of a move, as in the label `cause`.
const CAUSES: [&str; 4] = ["down", "kernel", "reconfigured", "failback"];
/// Events of a zone whose series start at 0: `increase()` does not see the first event of a series that starts at 1.
const ZONE_EVENTS: [&str; 9] = [
    "health_changed",
    "failover",
    "failback",
    "switched",
    "no_candidate",
    "withdrawn",
    "expired",
    "not_answered",
    "alternate_refused",
];

pub(super) fn one(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

pub(super) fn label(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

fn seconds_since(now_ns: u64, then_ns: u64) -> f64 {
    now_ns.saturating_sub(then_ns) as f64 / 1e9
}

pub(super) fn build(seen: &Seen<'_>, out: &mut Samples) {
    let status = &seen.all.status;
    out.info(vec![("version", status.version.clone())]);
}

pub(super) fn start_time(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.started);
}

pub(super) fn heartbeat_age(seen: &Seen<'_>, out: &mut Samples) {
    let age = seconds_since(seen.now_ns, seen.all.taken_ns);
    out.gauge(Labels::new(), age);
}

pub(super) fn heartbeat_timeout(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.heartbeat_timeout.as_secs_f64());
}

pub(super) fn packets(seen: &Seen<'_>, out: &mut Samples) {
    for row in &seen.all.counters {
        let interface = row.interface.as_deref().unwrap_or("-");
        for (verdict, n) in &row.values {
            let mut labels = label("interface", interface);
            labels.push(("verdict", (*verdict).to_owned()));
            out.count(labels, *n);
        }
    }
}

fn interfaces(seen: &Seen<'_>, out: &mut Samples, value: fn(&Interface) -> bool) {
    for i in &seen.all.status.interfaces {
        let mut labels = label("interface", &i.name);
        labels.push(("side", i.side.clone()));
        out.gauge(labels, one(value(i)));
    }
}

pub(super) fn attached(seen: &Seen<'_>, out: &mut Samples) {
    interfaces(seen, out, |i| i.attached);
}

pub(super) fn trouble(seen: &Seen<'_>, out: &mut Samples) {
    interfaces(seen, out, |i| !i.trouble.is_empty());
}

pub(super) fn registrations(seen: &Seen<'_>, out: &mut Samples) {
    for (zone, standing, n) in &seen.all.registrations {
        let (state, why) = standing_name(*standing);
        let mut labels = label("zone", zone);
        labels.push(("state", state.to_owned()));
        labels.push(("why", why));
        out.gauge(labels, *n as f64);
    }
}

fn zones(seen: &Seen<'_>, out: &mut Samples, value: fn(&Zone) -> f64) {
    for zone in &seen.all.status.zones {
        out.gauge(label("zone", &zone.name), value(zone));
    }
}

pub(super) fn answered(seen: &Seen<'_>, out: &mut Samples) {
    zones(seen, out, |z| z.answered as f64);
}

pub(super) fn endpoints(seen: &Seen<'_>, out: &mut Samples) {
    for zone in &seen.all.status.zones {
        for (state, n) in zone.presence.all() {
            let mut labels = label("zone", &zone.name);
            labels.push(("state", state.to_owned()));
            out.gauge(labels, n as f64);
        }
    }
}

fn gatekeepers(seen: &Seen<'_>, mut each: impl FnMut(&Gatekeeper, Labels)) {
    for g in seen.all.status.zones.iter().flat_map(|z| &z.gatekeepers) {
        let labels = vec![("zone", g.zone.clone()), ("gatekeeper", g.id.clone())];
        each(g, labels);
    }
}

/// State of a gatekeeper according to its probes if it is probed, else to the kernel.
fn state(g: &Gatekeeper) -> &str {
    g.probe.as_ref().map_or(&g.state, |p| &p.state)
}

pub(super) fn gatekeeper_state(seen: &Seen<'_>, out: &mut Samples) {
    gatekeepers(seen, |g, labels| {
        for name in STATES {
            let mut labels = labels.clone();
            labels.push(("state", name.to_owned()));
            out.gauge(labels, one(state(g) == name));
        }
    });
}

pub(super) fn gatekeeper_up(seen: &Seen<'_>, out: &mut Samples) {
    gatekeepers(seen, |g, labels| match state(g) {
        "up" | "suspect" | "alive" => out.gauge(labels, 1.0),
        "down" | "silent" => out.gauge(labels, 0.0),
        _ => {}
    });
}

pub(super) fn last_reply(seen: &Seen<'_>, out: &mut Samples) {
    let since = seconds_since(seen.now_ns, seen.all.taken_ns);
    gatekeepers(seen, |g, labels| {
        if let Some(age) = g.last_reply {
            out.gauge(labels, age + since);
        }
    });
}

pub(super) fn silent(seen: &Seen<'_>, out: &mut Samples) {
    gatekeepers(seen, |g, labels| {
        out.gauge(labels, g.silent_for.unwrap_or(0.0));
    });
}

pub(super) fn outstanding(seen: &Seen<'_>, out: &mut Samples) {
    gatekeepers(seen, |g, labels| out.gauge(labels, g.outstanding as f64));
}

pub(super) fn requests(seen: &Seen<'_>, out: &mut Samples) {
    gatekeepers(seen, |g, labels| out.count(labels, g.requests));
}

pub(super) fn replies(seen: &Seen<'_>, out: &mut Samples) {
    gatekeepers(seen, |g, labels| out.count(labels, g.replies));
}

pub(super) fn at_gatekeeper(seen: &Seen<'_>, out: &mut Samples) {
    gatekeepers(seen, |g, labels| out.gauge(labels, g.registrations as f64));
}

fn probes(seen: &Seen<'_>, out: &mut Samples, value: fn(&Probe) -> u64) {
    gatekeepers(seen, |g, labels| {
        if let Some(probe) = &g.probe {
            out.count(labels, value(probe));
        }
    });
}

pub(super) fn probes_sent(seen: &Seen<'_>, out: &mut Samples) {
    probes(seen, out, |p| p.sent);
}

pub(super) fn probes_answered(seen: &Seen<'_>, out: &mut Samples) {
    probes(seen, out, |p| p.answered);
}

pub(super) fn probes_late(seen: &Seen<'_>, out: &mut Samples) {
    probes(seen, out, |p| p.late);
}

pub(super) fn round_trip(seen: &Seen<'_>, out: &mut Samples) {
    gatekeepers(seen, |g, labels| {
        if let Some(seconds) = g.probe.as_ref().and_then(|p| p.round_trip) {
            out.gauge(labels, seconds);
        }
    });
}

fn steered<'a>(seen: &'a Seen<'_>) -> impl Iterator<Item = (&'a Zone, &'a Steering)> {
    let zones = seen.all.status.zones.iter();
    zones.filter_map(|z| Some((z, z.steering.as_ref()?)))
}

fn steering(seen: &Seen<'_>, out: &mut Samples, value: fn(&Steering) -> bool) {
    for (zone, steering) in steered(seen) {
        out.gauge(label("zone", &zone.name), one(value(steering)));
    }
}

fn steered_so_far(seen: &Seen<'_>, out: &mut Samples, value: fn(&Steering) -> u64) {
    for (zone, steering) in steered(seen) {
        out.count(label("zone", &zone.name), value(steering));
    }
}

pub(super) fn active(seen: &Seen<'_>, out: &mut Samples) {
    for zone in &seen.all.status.zones {
        // A zone with one gatekeeper is always served by it.
        let active = match (&zone.steering, zone.gatekeepers.as_slice()) {
            (Some(steering), _) => steering.active.as_ref(),
            (None, [only]) => Some(&only.id),
            (None, _) => None,
        };
        if let Some(active) = active {
            let mut labels = label("zone", &zone.name);
            labels.push(("gatekeeper", active.clone()));
            out.info(labels);
        }
    }
}

pub(super) fn on_preferred(seen: &Seen<'_>, out: &mut Samples) {
    steering(seen, out, |s| s.active == s.preferred);
}

pub(super) fn dark(seen: &Seen<'_>, out: &mut Samples) {
    steering(seen, out, |s| s.dark);
}

pub(super) fn manual(seen: &Seen<'_>, out: &mut Samples) {
    steering(seen, out, |s| !s.manual.is_empty());
}

pub(super) fn failovers(seen: &Seen<'_>, out: &mut Samples) {
    let mut all = BTreeMap::<(&str, &str), u64>::new();
    for (zone, _) in steered(seen) {
        all.extend(CAUSES.map(|cause| ((zone.name.as_str(), cause), 0)));
    }
    for ((event, zone, cause), n) in &seen.all.events {
        if event == "failover" || event == "failback" {
            let cause = if cause.is_empty() { event } else { cause };
            *all.entry((zone, cause)).or_default() += n;
        }
    }
    for ((zone, cause), n) in all {
        let mut labels = label("zone", zone);
        labels.push(("cause", cause.to_owned()));
        out.count(labels, n);
    }
}

pub(super) fn kernel_decisions(seen: &Seen<'_>, out: &mut Samples) {
    steered_so_far(seen, out, |s| u64::from(s.kernel_decisions));
}

pub(super) fn migrated(seen: &Seen<'_>, out: &mut Samples) {
    steered_so_far(seen, out, |s| s.migrated);
}

pub(super) fn shaped(seen: &Seen<'_>, out: &mut Samples) {
    steered_so_far(seen, out, |s| s.shaped);
}

pub(super) fn limited(seen: &Seen<'_>, out: &mut Samples) {
    for zone in &seen.all.status.zones {
        out.count(label("zone", &zone.name), zone.limited);
    }
}

pub(super) fn standby(seen: &Seen<'_>, out: &mut Samples) {
    for (zone, s) in steered(seen).filter(|(_, s)| s.standby.is_some()) {
        for (state, n) in [("warm", s.warm), ("warming", s.warming), ("cold", s.cold)] {
            let mut labels = label("zone", &zone.name);
            labels.push(("state", state.to_owned()));
            out.gauge(labels, n as f64);
        }
    }
}

fn agents(seen: &Seen<'_>, mut each: impl FnMut(&Agent, Labels)) {
    for agent in &seen.all.status.agents {
        each(agent, label("agent", &agent.name));
    }
}

pub(super) fn agent_registered(seen: &Seen<'_>, out: &mut Samples) {
    agents(seen, |a, labels| out.gauge(labels, one(a.registered)));
}

pub(super) fn agent_connected(seen: &Seen<'_>, out: &mut Samples) {
    agents(seen, |a, labels| {
        out.gauge(labels, one(a.connected_to.is_some()));
    });
}

pub(super) fn agent_losses(seen: &Seen<'_>, out: &mut Samples) {
    agents(seen, |a, labels| {
        for (why, n) in &a.losses {
            let mut labels = labels.clone();
            labels.push(("why", why.clone()));
            out.count(labels, *n);
        }
    });
}

pub(super) fn agent_recoveries(seen: &Seen<'_>, out: &mut Samples) {
    agents(seen, |a, labels| out.count(labels, a.recoveries));
}

pub(super) fn agent_last_recovery(seen: &Seen<'_>, out: &mut Samples) {
    agents(seen, |a, labels| {
        if let Some(seconds) = a.last_recovery {
            out.gauge(labels, seconds);
        }
    });
}

/// Adds a counter for each number, with the same labels and its kind.
fn by_kind(labels: &Labels, all: &[(&str, u64)], out: &mut Samples) {
    for (kind, n) in all {
        let mut labels = labels.clone();
        labels.push(("kind", (*kind).to_owned()));
        out.count(labels, *n);
    }
}

pub(super) fn agent_registrations(seen: &Seen<'_>, out: &mut Samples) {
    agents(seen, |a, labels| {
        let all = [("full", a.registrations), ("lightweight", a.keep_alives)];
        by_kind(&labels, &all, out);
    });
}

pub(super) fn agent_messages(seen: &Seen<'_>, out: &mut Samples) {
    agents(seen, |a, labels| {
        let all = [
            ("ras_ignored", a.ignored),
            ("signalling_ignored", a.signalling_ignored),
            ("not_sent", a.not_sent),
        ];
        by_kind(&labels, &all, out);
    });
}

pub(super) fn agent_unproved(seen: &Seen<'_>, out: &mut Samples) {
    agents(seen, |a, labels| {
        for (why, n) in &a.unproved {
            let mut labels = labels.clone();
            labels.push(("why", why.clone()));
            out.count(labels, *n);
        }
    });
}

pub(super) fn events(seen: &Seen<'_>, out: &mut Samples) {
    let mut all = BTreeMap::<(&str, &str), u64>::new();
    all.extend(name::ALL.iter().map(|event| ((*event, ""), 0)));
    for zone in &seen.all.status.zones {
        all.extend(ZONE_EVENTS.map(|event| ((event, zone.name.as_str()), 0)));
    }
    for ((event, zone, _), n) in &seen.all.events {
        *all.entry((event, zone)).or_default() += n;
    }
    for ((event, zone), n) in all {
        let mut labels = label("event", event);
        labels.push(("zone", zone.to_owned()));
        out.count(labels, n);
    }
}

pub(super) fn slots(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.tables.slots as f64);
}

pub(super) fn slots_max(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.tables.slots_max as f64);
}

pub(super) fn profiles(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.tables.profiles as f64);
}

pub(super) fn profiles_max(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.tables.profiles_max as f64);
}

pub(super) fn refusals(seen: &Seen<'_>, out: &mut Samples) {
    out.count(Labels::new(), seen.all.status.tables.refusals);
}

pub(super) fn unclaimed(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.tables.unclaimed as f64);
}

pub(super) fn calls(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.calls.running as f64);
}

pub(super) fn calls_joined(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.calls.joined as f64);
}

pub(super) fn call_connections(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.calls.connections as f64);
}

pub(super) fn calls_started(seen: &Seen<'_>, out: &mut Samples) {
    out.count(Labels::new(), seen.all.status.calls.started);
}

pub(super) fn call_messages(seen: &Seen<'_>, out: &mut Samples) {
    out.count(Labels::new(), seen.all.status.calls.relayed);
}

pub(super) fn call_refused(seen: &Seen<'_>, out: &mut Samples) {
    out.count(Labels::new(), seen.all.status.calls.refused);
}

pub(super) fn call_unchanged(seen: &Seen<'_>, out: &mut Samples) {
    out.count(Labels::new(), seen.all.status.calls.unchanged);
}

pub(super) fn pending(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.learning.pending as f64);
}

pub(super) fn learner(seen: &Seen<'_>, out: &mut Samples) {
    let l = &seen.all.status.learning;
    for (outcome, n) in [
        ("taken", l.messages),
        ("undecodable", l.undecodable),
        ("paired", l.paired),
        ("unanswered", l.unanswered),
        ("forgotten", l.forgotten),
        ("patched", l.patched),
        ("unpatched", l.unpatched),
        ("refused", l.refused),
        ("elsewhere", l.elsewhere),
    ] {
        out.count(label("outcome", outcome), n);
    }
}

pub(super) fn losses(seen: &Seen<'_>, out: &mut Samples) {
    let l = &seen.all.status.losses;
    for (kind, n) in [
        ("copy_lost", l.copy_lost),
        ("copy_limited_source", l.copy_limited_source),
        ("copy_limited_total", l.copy_limited_total),
        ("strangers", l.strangers),
        ("crowded_out", l.crowded_out),
        ("behind", l.behind),
        ("send_failed", l.send_failed),
    ] {
        out.count(label("kind", kind), n);
    }
}

pub(super) fn store_up(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), one(seen.all.status.store.error.is_empty()));
}

pub(super) fn profiles_up(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(
        Labels::new(),
        one(seen.all.status.profiles.error.is_empty()),
    );
}

pub(super) fn store_registrations(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.store.registrations as f64);
}

pub(super) fn store_restored(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.store.restored as f64);
}

pub(super) fn store_waiting(seen: &Seen<'_>, out: &mut Samples) {
    out.gauge(Labels::new(), seen.all.status.store.waiting as f64);
}

pub(super) fn store_written(seen: &Seen<'_>, out: &mut Samples) {
    let since = seconds_since(seen.now_ns, seen.all.taken_ns);
    if let Some(age) = seen.all.status.store.last_write {
        out.gauge(Labels::new(), age + since);
    }
}

pub(super) fn store_overflows(seen: &Seen<'_>, out: &mut Samples) {
    out.count(Labels::new(), seen.all.status.store.overflows);
}
