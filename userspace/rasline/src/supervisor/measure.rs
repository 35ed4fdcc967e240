//! What the metrics' thread is given, once a second, and only if metrics are configured.
//!
//! Invariant: the work does not grow with the number of registrations.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{
    config::Config,
    failure::Result,
    metrics::{Metrics, Snapshot},
    supervisor::Supervisor,
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

impl Supervisor {
    /// Hands over all figures.
    pub(super) fn publish_metrics(&self, now_ns: u64) {
        let Some(metrics) = &self.metrics else { return };
        let census = self.effects.learner.census();
        let mut registrations = Vec::new();
        for (zone, g) in self
            .config
            .zones
            .iter()
            .flat_map(|z| z.gatekeepers.iter().map(move |g| (z, g)))
        {
            let index = self.layout.gatekeeper(zone, g);
            let standings = index.into_iter().flat_map(|index| census.at(index));
            registrations.extend(standings.map(|(standing, n)| (zone.name.clone(), standing, n)));
        }
        metrics.publish(Snapshot {
            taken_ns: now_ns,
            started: self.started_at,
            heartbeat_timeout: self.config.daemon.heartbeat_timeout,
            status: self.show_status(),
            counters: self.rates.rows().to_vec(),
            registrations: summed(registrations),
            events: self.events.tally().clone(),
        });
    }

    /// Listens where another configuration wants it.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub(super) fn new_metrics(&self, new: &Config) -> Result<NewMetrics> {
        if new.metrics == self.config.metrics {
            return Ok(NewMetrics::Same);
        }
        match new.metrics {
            None => Ok(NewMetrics::Off),
            Some(listen) => Metrics::start(listen).map(NewMetrics::At),
        }
    }

    /// The reload was done.
    pub(super) fn change_metrics(&mut self, new: NewMetrics) {
        match new {
            NewMetrics::Same => {}
            NewMetrics::Off => self.metrics = None,
            NewMetrics::At(metrics) => self.metrics = Some(metrics),
        }
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
