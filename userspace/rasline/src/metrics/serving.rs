//! Samples about zones that rasline serves itself.
// Gauges are doubles, which hold these counts exactly.
#![allow(clippy::cast_precision_loss)]

use super::{
    families::{Samples, Seen},
    samples::{label, one},
};
use crate::view::Serving;

/// Phases of rasline's own gatekeeper of a zone.
const PHASES: [&str; 4] = ["idle", "running", "refusing", "proxy"];

fn served<'a>(seen: &'a Seen<'_>) -> impl Iterator<Item = (&'a str, &'a Serving)> {
    let zones = seen.all.status.zones.iter();
    zones.filter_map(|z| Some((z.name.as_str(), z.serving.as_ref()?)))
}

pub(super) fn zone_serving(seen: &Seen<'_>, out: &mut Samples) {
    for (zone, serving) in served(seen) {
        for phase in PHASES {
            let mut labels = label("zone", zone);
            labels.push(("phase", phase.to_owned()));
            out.gauge(labels, one(serving.phase == phase));
        }
    }
}

fn gauge(seen: &Seen<'_>, out: &mut Samples, value: fn(&Serving) -> u64) {
    for (zone, serving) in served(seen) {
        out.gauge(label("zone", zone), value(serving) as f64);
    }
}

fn count(seen: &Seen<'_>, out: &mut Samples, value: fn(&Serving) -> u64) {
    for (zone, serving) in served(seen) {
        out.count(label("zone", zone), value(serving));
    }
}

pub(super) fn served_registrations(seen: &Seen<'_>, out: &mut Samples) {
    gauge(seen, out, |s| s.registrations);
}

pub(super) fn served_calls(seen: &Seen<'_>, out: &mut Samples) {
    gauge(seen, out, |s| s.calls);
}

pub(super) fn served_calls_restored(seen: &Seen<'_>, out: &mut Samples) {
    count(seen, out, |s| s.restored_calls);
}

pub(super) fn served_calls_lost(seen: &Seen<'_>, out: &mut Samples) {
    count(seen, out, |s| s.lost_calls);
}

pub(super) fn served_upstream(seen: &Seen<'_>, out: &mut Samples) {
    for (zone, serving) in served(seen) {
        if let Some(upstream) = serving.registered_upstream {
            out.gauge(label("zone", zone), upstream as f64);
        }
    }
}

pub(super) fn served_rejected(seen: &Seen<'_>, out: &mut Samples) {
    count(seen, out, |s| s.rejected);
}

pub(super) fn served_malformed(seen: &Seen<'_>, out: &mut Samples) {
    count(seen, out, |s| s.malformed);
}

pub(super) fn served_denied(seen: &Seen<'_>, out: &mut Samples) {
    count(seen, out, |s| s.denied);
}

pub(super) fn served_put_off(seen: &Seen<'_>, out: &mut Samples) {
    count(seen, out, |s| s.put_off);
}
