//! What the metrics' thread is given, once a second, and only if metrics are configured.
//!
//! Invariant: the work does not grow with the number of registrations.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Daemon, show::Showing};
use crate::{
    config::Config,
    failure::Result,
    metrics::{Metrics, Snapshot},
};

/// What a reload does with the metrics.
pub(super) enum NewMetrics {
    /// They stay where they are, or away.
    Same,
    /// They go away.
    Off,
    /// They are given elsewhere.
    At(Metrics),
}

/// Gives the metrics' thread a snapshot, if there is one.
pub(super) fn publish_metrics(daemon: &Daemon, now_ns: u64) {
    let Some(metrics) = &daemon.metrics else {
        return;
    };
    let census = daemon.site.learner().census();
    let mut registrations = Vec::new();
    for (zone, one) in daemon.site.config().gatekeepers() {
        let states = census.at(one.index.0);
        registrations.extend(states.map(|(state, n)| (zone.name.clone(), state, n)));
    }
    metrics.publish(Snapshot {
        taken_ns: now_ns,
        started: daemon.started_at,
        heartbeat_timeout: daemon.config.daemon.heartbeat_timeout,
        status: Showing::new(daemon).show_status(),
        counters: daemon.rates.rows().to_vec(),
        registrations: summed(registrations),
        events: daemon.effects.events.tally().clone(),
    });
}

/// The listener that another configuration wants, bound already.
///
/// # Errors
/// When it cannot be bound.
pub(super) fn new_metrics(daemon: &Daemon, new: &Config) -> Result<NewMetrics> {
    if new.metrics == daemon.config.metrics {
        return Ok(NewMetrics::Same);
    }
    match new.metrics {
        None => Ok(NewMetrics::Off),
        Some(listen) => Metrics::start(listen).map(NewMetrics::At),
    }
}

/// Has it take the old one's place.
pub(super) fn change_metrics(daemon: &mut Daemon, new: NewMetrics) {
    match new {
        NewMetrics::Same => {}
        NewMetrics::Off => daemon.metrics = None,
        NewMetrics::At(metrics) => daemon.metrics = Some(metrics),
    }
}

/// Now, whole seconds since 1970.
pub(super) fn seconds_since_1970() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64().floor()
}

/// One entry a zone and standing.
fn summed<S: Ord + Copy>(all: Vec<(String, S, usize)>) -> Vec<(String, S, usize)> {
    let mut sums = std::collections::BTreeMap::new();
    for (zone, standing, n) in all {
        *sums.entry((zone, standing)).or_insert(0) += n;
    }
    sums.into_iter()
        .map(|((zone, standing), n)| (zone, standing, n))
        .collect()
}
