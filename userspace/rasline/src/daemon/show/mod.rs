//! What the controller shows: status and zones here, registrations in files of their own.
// Seconds for people: a double holds them well enough.
#![allow(clippy::cast_precision_loss)]

mod presence;
mod registrations;
mod served;

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use rasline_core::{
    GatekeeperIndex, Time, ZoneIndex,
    failover::Manual,
    health,
    site::{ServedAsBackup, Site},
};
use rasline_kernel::counter_help;

use super::{Daemon, agents};
use crate::{
    config::{Answer, Gatekeeper, Origin, Zone},
    effects::Effects,
    failure::{Failure, Result},
    host::monotonic_ns,
    profiles::Source,
    suggest::did_you_mean,
    view,
};

/// What is shown from.
pub(super) struct Showing<'a> {
    daemon: &'a Daemon,
    site: &'a Site,
    effects: &'a Effects,
}

impl<'a> Showing<'a> {
    pub(super) const fn new(daemon: &'a Daemon) -> Self {
        Self {
            daemon,
            site: &daemon.site,
            effects: &daemon.effects,
        }
    }
}

/// Seconds from `then` to `now`, both ns; `then` may be before the machine started.
pub(in crate::daemon) fn ago(now_ns: u64, then_ns: u64) -> f64 {
    Time(now_ns).since(Time(then_ns)).as_secs_f64()
}

fn answer_name(answer: Answer) -> &'static str {
    match answer {
        Answer::Offload => "offload",
        Answer::Hold => "hold",
        Answer::Off => "off",
    }
}

/// How many registrations a gatekeeper has, and how many of them the kernel answers.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    known: usize,
    answered: usize,
}

impl Showing<'_> {
    pub(in crate::daemon) fn show_status(&self) -> view::Status {
        let table = self.effects.dataplane.table();
        view::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime: self.daemon.started.elapsed().as_secs_f64(),
            config: self.daemon.file.display().to_string(),
            program: self.effects.dataplane.program_id(),
            interfaces: self
                .daemon
                .ports
                .view(&self.effects.dataplane, &self.daemon.config.interfaces),
            waiting: self.daemon.machine.waiting(),
            zones: self.show_zones(),
            agents: agents::show_all(self.daemon),
            rates: self.daemon.rates.rates(),
            tables: view::Tables {
                slots: table.used(),
                slots_max: self.daemon.config.daemon.max_registrations as usize,
                profiles: table.rcf_templates().used(),
                profiles_max: table.rcf_templates().capacity(),
                refused: self
                    .effects
                    .slots
                    .refused
                    .map(|r| r.to_string())
                    .unwrap_or_default(),
                refusals: self.effects.slots.refusals,
                unclaimed: table.unclaimed(),
            },
            learning: self.show_learning(),
            calls: self.show_calls(),
            store: self.show_store(),
            profiles: self.profiles_view(),
            losses: view::Losses {
                copy_lost: self.daemon.rates.total("copy_lost"),
                copy_limited_source: self.daemon.rates.total("copy_limited_source"),
                copy_limited_total: self.daemon.rates.total("copy_limited_total"),
                strangers: self.site.own().strangers(),
                crowded_out: self.daemon.crowded_out,
                behind: self.daemon.behind,
                send_failed: self.effects.network.failed(),
            },
        }
    }

    fn show_calls(&self) -> view::Calls {
        let stats = self.effects.calls.stats();
        view::Calls {
            running: stats.calls,
            joined: stats.joined,
            connections: stats.links,
            started: stats.started,
            relayed: stats.relayed + stats.relayed_control,
            refused: stats.refused,
            unchanged: stats.unpatched,
        }
    }

    fn show_learning(&self) -> view::Learning {
        let s = self.site.learner().stats();
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
            elsewhere: s.elsewhere,
        }
    }

    pub(in crate::daemon) fn show_zones(&self) -> Vec<view::Zone> {
        let now_ns = monotonic_ns();
        let counts = self.count(now_ns);
        self.daemon
            .config
            .zones
            .iter()
            .map(|z| self.zone_view(now_ns, z, &counts))
            .collect()
    }

    pub(in crate::daemon) fn show_zone(&self, name: &str) -> Result<view::Zone> {
        let now_ns = monotonic_ns();
        let zone = self.daemon.config.zones.iter().find(|z| z.name == name);
        zone.map(|z| self.zone_view(now_ns, z, &self.count(now_ns)))
            .ok_or_else(|| {
                let names = self.daemon.config.zones.iter().map(|z| z.name.as_str());
                let close = did_you_mean(name, names);
                Failure::new(
                    format!("zone {name}"),
                    "no such zone",
                    format!("{close}see `rasline zone list`"),
                )
            })
    }

    /// For how long a gatekeeper has been silent, seconds; none: it is not.
    pub(super) fn silent_for(
        &self,
        now_ns: u64,
        gatekeeper: u32,
        dead_after: Duration,
    ) -> Option<f64> {
        let since = self
            .effects
            .dataplane
            .gatekeepers
            .silent_since(gatekeeper, dead_after, now_ns);
        since.map(|since| ago(now_ns, since))
    }

    /// By gatekeeper index, from the core's census: nothing is asked of each registration.
    fn count(&self, now_ns: u64) -> HashMap<u32, Count> {
        let census = self.site.learner().census();
        let mut counts = HashMap::new();
        for (zone, g) in self
            .daemon
            .config
            .zones
            .iter()
            .flat_map(|z| z.gatekeepers.iter().map(move |g| (z, g)))
        {
            let Some(index) = self.effects.layout.gatekeeper(zone, g) else {
                continue;
            };
            if g.is_own() {
                counts.insert(index, self.count_served(zone, g));
                continue;
            }
            let answers = match zone.answer {
                Answer::Offload => true,
                Answer::Off => false,
                Answer::Hold => self.silent_for(now_ns, index, zone.dead_after).is_some(),
            };
            counts.insert(
                index,
                Count {
                    known: census.known(index),
                    answered: if answers { census.answered(index) } else { 0 },
                },
            );
        }
        self.count_once(&mut counts);
        counts
    }

    /// Endpoints that rasline serves as a backup count as its own only. Nothing is walked unless it does.
    fn count_once(&self, counts: &mut HashMap<u32, Count>) {
        let here = ServedAsBackup::new(self.site.own());
        if here.is_empty() {
            return;
        }
        for one in self.site.learner().registrations().filter(|r| here.has(r)) {
            let Some(count) = counts.get_mut(&one.gatekeeper) else {
                continue;
            };
            count.known = count.known.saturating_sub(1);
            if one.state == rasline_core::State::Answered {
                count.answered = count.answered.saturating_sub(1);
            }
        }
    }

    /// Of rasline's own gatekeeper; where it has an address of each family the first one stands for both.
    fn count_served(&self, zone: &Zone, g: &Gatekeeper) -> Count {
        let first = zone.gatekeepers.iter().find(|g| g.is_own());
        let (Some(serving), Some(index)) = (
            self.serving_view(zone),
            self.effects.layout.zone(&zone.name),
        ) else {
            return Count::default();
        };
        if first != Some(g) {
            return Count::default();
        }
        Count {
            known: usize::try_from(serving.registrations).unwrap_or(usize::MAX),
            answered: match zone.answer {
                Answer::Offload => self.effects.slots.served(ZoneIndex(index)),
                Answer::Hold | Answer::Off => 0,
            },
        }
    }

    fn zone_view(&self, now_ns: u64, zone: &Zone, counts: &HashMap<u32, Count>) -> view::Zone {
        let indices = zone
            .gatekeepers
            .iter()
            .filter_map(|g| self.effects.layout.gatekeeper(zone, g));
        let serving = self.serving_view(zone);
        let of: Vec<Count> = indices.filter_map(|i| counts.get(&i)).copied().collect();
        view::Zone {
            name: zone.name.clone(),
            answer: answer_name(zone.answer).to_owned(),
            endpoint_ttl: zone.endpoint_ttl.map(|d| d.as_secs_f64()),
            refresh_every: zone.refresh_every.map(|d| d.as_secs_f64()),
            hold_for: zone.hold_for.as_secs_f64(),
            dead_after: zone.dead_after.as_secs_f64(),
            endpoints: zone.endpoints.iter().map(ToString::to_string).collect(),
            presence: self
                .effects
                .layout
                .zone(&zone.name)
                .map(|index| self.presence_view(index))
                .unwrap_or_default(),
            silent_after: zone.silent_after.map(|d| d.as_secs_f64()),
            known: of.iter().map(|c| c.known).sum(),
            answered: of.iter().map(|c| c.answered).sum(),
            gatekeepers: zone
                .gatekeepers
                .iter()
                .map(|g| self.gatekeeper_view(now_ns, zone, g, counts))
                .collect(),
            limited: self
                .effects
                .layout
                .zone(&zone.name)
                .map_or(0, |index| self.effects.dataplane.zones.moved(index).limited),
            steering: self
                .effects
                .layout
                .zone(&zone.name)
                .and_then(|index| self.steering_view(index)),
            ras: zone.mode.name().to_owned(),
            serving,
            refused_alternates: self
                .effects
                .layout
                .zone(&zone.name)
                .map_or_else(Vec::new, |index| self.refused_alternates(index)),
        }
    }

    fn gatekeeper_view(
        &self,
        now_ns: u64,
        zone: &Zone,
        g: &Gatekeeper,
        counts: &HashMap<u32, Count>,
    ) -> view::Gatekeeper {
        let index = self.effects.layout.gatekeeper(zone, g);
        let peer = index
            .map(|i| self.effects.dataplane.gatekeepers.peer(i))
            .unwrap_or_default();
        let silent = index.and_then(|i| self.silent_for(now_ns, i, zone.dead_after));
        let info = index.and_then(|i| self.site.learner().gatekeeper(i));
        let probed = index
            .and_then(|i| self.effects.probes.seen(i))
            .map(|seen| seen.state);
        let cut_off = index.and_then(|i| self.site.steering().cut_off(GatekeeperIndex(i)));
        let cut_off = cut_off.map(str::to_owned);
        let state = match (silent, probed, peer.last_reply_ns) {
            _ if g.is_own() => "own",
            _ if cut_off.is_some() => "cut off",
            (_, Some(health::State::Down), _) => "down",
            (Some(_), ..) => "silent",
            (None, Some(health::State::Up | health::State::Suspect), _) => "alive",
            (None, _, 0) => "unknown",
            (None, _, _) => "alive",
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
            probe: index.and_then(|i| self.probe_view(now_ns, i)),
            cut_off,
            origin: match &g.origin {
                Origin::Configured => "configured".to_owned(),
                Origin::Own => "rasline".to_owned(),
                Origin::Learned { from, message, .. } => format!("{message} of {from}"),
            },
        }
    }

    /// What is shown of where a zone's traffic goes; none: it is not steered.
    fn steering_view(&self, index: u32) -> Option<view::Steering> {
        let now = Time(monotonic_ns());
        let zone = self.site.steering().zone(now, ZoneIndex(index))?;
        let moved = self.effects.dataplane.zones.moved(index);
        let warm = self.site.learner().warm_counts(index);
        let name = |one: GatekeeperIndex| self.gatekeeper_name(one.0);
        Some(view::Steering {
            active: zone.active.map(name),
            preferred: zone.preferred.map(name),
            manual: match zone.manual {
                Manual::None => String::new(),
                Manual::Switch { gatekeeper } => format!("switched to {}", name(gatekeeper)),
                Manual::Hold => "held".to_owned(),
            },
            since: now.since(zone.since).as_secs_f64(),
            cause: zone.cause.to_string(),
            steered: zone.steered.iter().map(|one| name(*one)).collect(),
            dark: zone.dark,
            waiting_for: zone.waiting_for.unwrap_or_default(),
            kernel_decisions: moved.decisions,
            migrated: moved.migrated,
            shaped: moved.shaped,
            standby: warm.gatekeeper.map(|one| self.gatekeeper_name(one)),
            warm: warm.warm,
            warming: warm.waiting,
            cold: warm.cold,
        })
    }

    /// What a zone's gatekeepers named that is no candidate, and why.
    fn refused_alternates(&self, zone: u32) -> Vec<String> {
        let refused = self.site.alternates().refused(ZoneIndex(zone)).iter();
        refused
            .map(|refused| {
                let from = self.gatekeeper_name(refused.learned.named_by);
                let address = refused.learned.alternate.address;
                let message = &refused.learned.message;
                format!("{address} ({message} of {from}): {}", refused.why)
            })
            .collect()
    }

    /// Where profiles were read from.
    fn profiles_view(&self) -> view::Profiles {
        let (source, since) = match self.daemon.profile_source {
            Some(Source::Database) => ("database", None),
            Some(Source::Snapshot { since }) => ("copy", Some(since)),
            Some(Source::Nothing) | None => ("nothing", None),
        };
        view::Profiles {
            zones: self.site.profile_count(),
            source: source.to_owned(),
            since,
            error: self.daemon.profile_trouble.clone().unwrap_or_default(),
        }
    }

    fn show_store(&self) -> view::Store {
        let persist = &self.effects.persist;
        let store = persist.store();
        let status = store.status();
        let now = monotonic_ns();
        view::Store {
            path: store.path().display().to_string(),
            registrations: status.registrations,
            restored: persist.restored,
            waiting: status.waiting,
            last_write: status.last_write.map(|at| ago(now, at.0)),
            overflows: status.overflows,
            set_aside: status.set_aside,
            error: status.error,
        }
    }

    fn probe_view(&self, now_ns: u64, gatekeeper: u32) -> Option<view::Probe> {
        let seen = self
            .effects
            .probes
            .seen(gatekeeper)
            .filter(|seen| seen.probed)?;
        let answers = seen.evidence.answers;
        let answers = [
            (answers.grq, "grq"),
            (answers.rrq, "rrq"),
            (answers.tcp, "tcp"),
            (answers.traffic, "endpoints"),
        ];
        let last = seen.evidence.last_answer;
        Some(view::Probe {
            state: seen.state.to_string(),
            round_trip: seen.evidence.round_trip.map(|d| d.as_secs_f64()),
            last_answer: last.map(|at| ago(now_ns, at.0)),
            sent: seen.sent,
            answered: seen.answered,
            late: seen.late,
            answers: answers
                .into_iter()
                .filter(|(known, _)| *known)
                .map(|(_, name)| name.to_owned())
                .collect(),
            answers_from: seen.answers_from.map(|from| from.to_string()),
            dead_time: seen.evidence.dead_time.map(|d| d.as_secs_f64()),
            strangers: seen.strangers,
        })
    }

    pub(in crate::daemon) fn show_counters(&self) -> Result<Vec<view::Counters>> {
        let counter = |(name, value): &(&'static str, u64)| view::Counter {
            name: (*name).to_owned(),
            value: *value,
            help: counter_help(name).to_owned(),
        };
        let rows = self.effects.dataplane.counters()?;
        Ok(rows
            .iter()
            .map(|row| view::Counters {
                interface: row.interface.clone().unwrap_or_else(|| "-".to_owned()),
                counters: row.values.iter().map(counter).collect(),
            })
            .collect())
    }

    /// A configured zone, by index.
    fn zone_at(&self, index: u32) -> Option<&Zone> {
        let mut zones = self.daemon.config.zones.iter();
        zones.find(|zone| self.effects.layout.zone(&zone.name) == Some(index))
    }

    fn zone_name(&self, index: u32) -> String {
        self.site.config().zone_name(ZoneIndex(index))
    }

    fn gatekeeper_name(&self, index: u32) -> String {
        self.site.config().gatekeeper_name(GatekeeperIndex(index))
    }
}
