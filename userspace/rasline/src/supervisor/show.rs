//! What the controller shows.
// Seconds for people: a double holds them well enough.
#![allow(clippy::cast_precision_loss)]

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use rasline_core::{Registration, State};

use crate::{
    bpf::{Peer, counter_help},
    config::{Answer, Gatekeeper, Zone},
    control::view,
    failure::{Failure, Result},
    host::monotonic_ns,
    supervisor::Supervisor,
};

/// Seconds from `then` to `now`, both ns.
fn ago(now_ns: u64, then_ns: u64) -> f64 {
    now_ns.saturating_sub(then_ns) as f64 / 1e9
}

/// Seconds from `now` to `then`, negative if that is over.
fn ahead(now_ns: u64, then_ns: u64) -> f64 {
    (then_ns as f64 - now_ns as f64) / 1e9
}

fn answer_name(answer: Answer) -> &'static str {
    match answer {
        Answer::Offload => "offload",
        Answer::Hold => "hold",
        Answer::Off => "off",
    }
}

/// For how long a gatekeeper has been silent, seconds; none: it is not.
fn silent_for(now_ns: u64, peer: &Peer, dead_after: Duration) -> Option<f64> {
    let silence = Duration::from_nanos(now_ns.saturating_sub(peer.first_unanswered_ns));
    (peer.first_unanswered_ns != 0 && silence > dead_after).then_some(silence.as_secs_f64())
}

/// How many registrations a gatekeeper has, and how many of them the kernel answers.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    known: usize,
    answered: usize,
}

impl Supervisor {
    pub(super) fn show_status(&self) -> view::Status {
        let table = self.kernel.table();
        view::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime: self.started.elapsed().as_secs_f64(),
            config: self.file.display().to_string(),
            program: self.kernel.program_id(),
            interfaces: self.ports.view(&self.kernel, &self.config.interfaces),
            zones: self.show_zones(),
            rates: self.rates.rates(),
            tables: view::Tables {
                slots: table.used(),
                slots_max: self.config.daemon.max_registrations as usize,
                profiles: table.profiles().used(),
                profiles_max: table.profiles().capacity(),
                refused: self
                    .effects
                    .refused
                    .map(|r| r.to_string())
                    .unwrap_or_default(),
                refusals: self.effects.refusals,
            },
            learning: self.show_learning(),
            losses: view::Losses {
                copy_lost: self.rates.total("copy_lost"),
                copy_limited_source: self.rates.total("copy_limited_source"),
                copy_limited_total: self.rates.total("copy_limited_total"),
                send_failed: self.sender.failed(),
            },
        }
    }

    fn show_learning(&self) -> view::Learning {
        let s = self.effects.core.stats();
        view::Learning {
            pending: s.pending,
            messages: s.messages,
            undecodable: s.undecodable,
            paired: s.paired,
            unanswered: s.unanswered,
            forgotten: s.pending_evicted + s.pending_evicted_source,
            patched: s.patched,
            unpatched: s.unpatched,
            refused: s.refused,
        }
    }

    pub(super) fn show_zones(&self) -> Vec<view::Zone> {
        let now_ns = monotonic_ns();
        let counts = self.count(now_ns);
        self.config
            .zones
            .iter()
            .map(|z| self.zone_view(now_ns, z, &counts))
            .collect()
    }

    pub(super) fn show_zone(&self, name: &str) -> Result<view::Zone> {
        let now_ns = monotonic_ns();
        let zone = self.config.zones.iter().find(|z| z.name == name);
        zone.map(|z| self.zone_view(now_ns, z, &self.count(now_ns)))
            .ok_or_else(|| {
                Failure::new(
                    format!("zone {name}"),
                    "there is none of this name",
                    "see `rasline zone list`",
                )
            })
    }

    /// By gatekeeper index.
    fn count(&self, now_ns: u64) -> HashMap<u32, Count> {
        let mut counts: HashMap<u32, Count> = HashMap::new();
        let mut silent: HashMap<u32, bool> = HashMap::new();
        for r in self.effects.core.registrations() {
            let count = counts.entry(r.gatekeeper).or_default();
            count.known += 1;
            let Some(zone) = self.zone_at(r.zone) else {
                continue;
            };
            let silent = *silent.entry(r.gatekeeper).or_insert_with(|| {
                silent_for(now_ns, &self.kernel.peer(r.gatekeeper), zone.dead_after).is_some()
            });
            let answers = zone.answer == Answer::Offload || (zone.answer == Answer::Hold && silent);
            count.answered += usize::from(answers && r.state == State::Answered);
        }
        counts
    }

    fn zone_view(&self, now_ns: u64, zone: &Zone, counts: &HashMap<u32, Count>) -> view::Zone {
        let indices = zone
            .gatekeepers
            .iter()
            .filter_map(|g| self.layout.gatekeeper(zone, g));
        let of: Vec<Count> = indices.filter_map(|i| counts.get(&i)).copied().collect();
        view::Zone {
            name: zone.name.clone(),
            answer: answer_name(zone.answer).to_owned(),
            endpoint_ttl: zone.endpoint_ttl.map(|d| d.as_secs_f64()),
            refresh_every: zone.refresh_every.map(|d| d.as_secs_f64()),
            hold_for: zone.hold_for.as_secs_f64(),
            dead_after: zone.dead_after.as_secs_f64(),
            endpoints: zone.endpoints.iter().map(ToString::to_string).collect(),
            known: of.iter().map(|c| c.known).sum(),
            answered: of.iter().map(|c| c.answered).sum(),
            gatekeepers: zone
                .gatekeepers
                .iter()
                .map(|g| self.gatekeeper_view(now_ns, zone, g, counts))
                .collect(),
        }
    }

    fn gatekeeper_view(
        &self,
        now_ns: u64,
        zone: &Zone,
        g: &Gatekeeper,
        counts: &HashMap<u32, Count>,
    ) -> view::Gatekeeper {
        let index = self.layout.gatekeeper(zone, g);
        let peer = index.map(|i| self.kernel.peer(i)).unwrap_or_default();
        let silent = silent_for(now_ns, &peer, zone.dead_after);
        let info = index.and_then(|i| self.effects.core.gatekeeper(i));
        let state = match (silent, peer.last_reply_ns) {
            (Some(_), _) => "silent",
            (None, 0) => "unknown",
            (None, _) => "alive",
        };
        view::Gatekeeper {
            zone: zone.name.clone(),
            id: g.id.clone(),
            address: SocketAddr::new(g.address, g.ras_port).to_string(),
            priority: g.priority,
            state: state.to_owned(),
            last_reply: (peer.last_reply_ns != 0).then(|| ago(now_ns, peer.last_reply_ns)),
            silent_for: silent,
            outstanding: peer.outstanding,
            requests: peer.requests,
            replies: peer.replies,
            registrations: index.and_then(|i| counts.get(&i)).map_or(0, |c| c.known),
            gatekeeper_identifier: info.and_then(|i| i.gatekeeper_identifier.clone()),
            alternates: info
                .map(|i| i.alternates.iter().map(|a| a.address.to_string()).collect())
                .unwrap_or_default(),
        }
    }

    pub(super) fn show_registrations(
        &self,
        now_ns: u64,
        zone: Option<&str>,
        after: Option<u64>,
        most: usize,
    ) -> Vec<view::Registration> {
        let zone = zone.and_then(|z| self.layout.zone(z));
        let wanted = |r: &&Registration| {
            after.is_none_or(|a| r.id.0 > a) && zone.is_none_or(|z| r.zone == z)
        };
        let mut all: Vec<&Registration> =
            self.effects.core.registrations().filter(wanted).collect();
        all.sort_unstable_by_key(|r| r.id);
        all.into_iter()
            .take(most)
            .map(|r| self.registration_view(now_ns, r))
            .collect()
    }

    pub(super) fn show_registration(&self, now_ns: u64, id: u64) -> Option<view::Registration> {
        let r = self
            .effects
            .core
            .registration(rasline_core::RegistrationId(id))?;
        Some(self.registration_view(now_ns, r))
    }

    fn registration_view(&self, now_ns: u64, r: &Registration) -> view::Registration {
        let noted = self.observed(now_ns, r.id);
        let confirmed_ns = noted.map_or(r.confirmed.0, |n| n.confirmed_ns.max(r.confirmed.0));
        let place = self.effects.published(r.id).map(|p| p.place);
        let due = place.and_then(|p| self.kernel.table().refresh_due(now_ns, p));
        let (time_left, why_not) = self.promise(now_ns, r, confirmed_ns);
        let by_kernel = why_not.is_empty();
        view::Registration {
            id: r.id.0,
            aliases: r.aliases.clone(),
            address: Some(r.endpoint),
            endpoint_identifier: r.endpoint_identifier.clone(),
            zone: self.zone_name(r.zone),
            gatekeeper: self.gatekeeper_name(r.gatekeeper),
            last_seen: Some(ago(
                now_ns,
                noted.map_or(r.last_seen.0, |n| n.last_seen_ns.max(r.last_seen.0)),
            )),
            answered_by: if by_kernel { "kernel" } else { "gatekeeper" }.to_owned(),
            answered: r.answered,
            next_refresh: due.filter(|_| by_kernel).map(|due| ahead(now_ns, due)),
            time_left,
            time_to_live: r.gatekeeper_ttl.map(|d| d.as_secs_f64()),
            endpoint_ttl: r.endpoint_ttl.map(|d| d.as_secs_f64()),
            why_not,
        }
    }

    /// How long the kernel may go on answering, in seconds, and why it does not answer now; as the program decides.
    fn promise(&self, now_ns: u64, r: &Registration, confirmed_ns: u64) -> (Option<f64>, String) {
        let why = self.effects.core.why_not(r).map(|why| why.to_string());
        let Some(zone) = self.zone_at(r.zone) else {
            return (None, why.unwrap_or_default());
        };
        let ttl_left = r
            .gatekeeper_ttl
            .map(|ttl| ttl.as_secs_f64() - ago(now_ns, confirmed_ns));
        let silent = silent_for(now_ns, &self.kernel.peer(r.gatekeeper), zone.dead_after);
        let left = match silent {
            Some(silence) => Some(zone.hold_for.as_secs_f64() - silence),
            None => ttl_left,
        };
        let why = match (why, silent) {
            (Some(why), _) => why,
            (None, None) if zone.answer == Answer::Hold => {
                "its gatekeeper is alive (answer = \"hold\")".to_owned()
            }
            (None, Some(_)) if left.is_some_and(|l| l <= 0.0) => {
                "its gatekeeper has been silent for longer than hold_for".to_owned()
            }
            (None, None) if left.is_some_and(|l| l <= 0.0) => {
                "its timeToLive at the gatekeeper has run out".to_owned()
            }
            (None, _) => String::new(),
        };
        (left.map(|l| l.max(0.0)), why)
    }

    pub(super) fn show_counters(&self) -> Result<Vec<view::Counters>> {
        let counter = |(name, value): &(&'static str, u64)| view::Counter {
            name: (*name).to_owned(),
            value: *value,
            help: counter_help(name).to_owned(),
        };
        let rows = self.kernel.counters()?;
        Ok(rows
            .iter()
            .map(|row| view::Counters {
                interface: row.interface.clone().unwrap_or_else(|| "-".to_owned()),
                counters: row.values.iter().map(counter).collect(),
            })
            .collect())
    }

    fn zone_at(&self, index: u32) -> Option<&Zone> {
        self.config
            .zones
            .iter()
            .find(|z| self.layout.zone(&z.name) == Some(index))
    }

    pub(super) fn zone_name(&self, index: u32) -> String {
        self.zone_at(index)
            .map_or_else(|| "-".to_owned(), |z| z.name.clone())
    }

    pub(super) fn gatekeeper_name(&self, index: u32) -> String {
        let all = self
            .config
            .zones
            .iter()
            .flat_map(|z| z.gatekeepers.iter().map(move |g| (z, g)));
        all.into_iter()
            .find(|(z, g)| self.layout.gatekeeper(z, g) == Some(index))
            .map_or_else(|| "-".to_owned(), |(_, g)| g.id.clone())
    }
}
