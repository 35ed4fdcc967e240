//! Endpoints that are alive, silent, gone or back: the core's monitor is given what is seen, and people what it finds.

use std::fmt::Write as _;

use rasline_core::{
    Time,
    presence::{Absence, Presence, Subject, Told},
    proxy::Proxy,
    registrar::Registrar,
};
use serde_json::json;

use super::{Supervisor, serving::served, show::ago, tell::wall_clock};
use crate::{
    config::{Config, Zone},
    control::view,
    host::{
        link::{self, Sight},
        monotonic_ns,
    },
    supervisor::layout::Layout,
};

/// Names of these events.
pub mod name {
    /// Endpoints have said nothing for longer than they may.
    pub const ENDPOINT_SILENT: &str = "endpoint_silent";
    /// They are not expected to return by themselves, or their registration has run out.
    pub const ENDPOINT_GONE: &str = "endpoint_gone";
    /// They spoke again.
    pub const ENDPOINT_BACK: &str = "endpoint_back";
    /// All of them.
    pub const ALL: [&str; 3] = [ENDPOINT_SILENT, ENDPOINT_GONE, ENDPOINT_BACK];
}

/// Zones as the monitor has them.
pub(super) fn zones(config: &Config, layout: &Layout) -> Vec<(u32, Option<std::time::Duration>)> {
    let all = config.zones.iter();
    all.filter_map(|zone| Some((layout.zone(&zone.name)?, zone.silent_after)))
        .collect()
}

impl Supervisor {
    /// Tells the monitor which zones there are.
    pub(super) fn configure_presence(&mut self) {
        let zones = zones(&self.config, &self.layout);
        self.effects.learner.presence_mut().configure(zones);
    }

    /// Looks which endpoints have fallen silent or are back; after a scan of the slots.
    pub(super) fn look_at_endpoints(&mut self) {
        let now_ns = monotonic_ns();
        let now = Time(now_ns);
        let served = self.served_last_seen();
        let blind = self.is_blind();
        let dataplane = &self.dataplane;
        let monitor = self.effects.learner.presence_mut();
        monitor.hear_all(now, served.into_iter());
        let changes = monitor.look(now, blind, |subject| {
            dataplane.trace(now_ns, subject.endpoint, subject.gatekeeper)
        });
        for told in self.digest.add(now, &changes) {
            self.tell_presence(now_ns, &told);
        }
    }

    /// Whether no endpoint could be heard: no interface on their side is up and carries the program.
    fn is_blind(&self) -> bool {
        let mut towards_endpoints = (self.dataplane.ports().values())
            .filter(|port| port.interface.side != crate::config::Side::Gatekeepers);
        !towards_endpoints.any(|port| match link::look(&port.interface.name) {
            Sight::Here(link) => link.passes(),
            Sight::Absent => false,
            Sight::Unseen(_) => true,
        })
    }

    /// Registrations with rasline itself, and when each was heard of last.
    fn served_last_seen(&self) -> Vec<(Subject, Time)> {
        let mut all = Vec::new();
        let mut add = |zone, id, endpoint: std::net::SocketAddr, ttl: u32, at| {
            let subject = Subject {
                id: served::id(zone, id),
                zone,
                gatekeeper: self.own_index(zone, endpoint),
                endpoint,
                time_to_live: (ttl > 0).then(|| std::time::Duration::from_secs(ttl.into())),
            };
            all.push((subject, at));
        };
        for (zone, registrar) in self.registrars() {
            for (id, endpoint, ttl, at) in Registrar::last_seen(registrar) {
                add(zone, id.0, endpoint, ttl, at);
            }
        }
        for (zone, proxy) in self.proxies() {
            for (id, endpoint, ttl, at) in Proxy::last_seen(proxy) {
                add(zone, id.0, endpoint, ttl, at);
            }
        }
        all
    }

    /// Index of rasline's own gatekeeper of an endpoint's family.
    fn own_index(&self, zone: u32, endpoint: std::net::SocketAddr) -> u32 {
        let index = |zone: &Zone| {
            let mut own = zone.gatekeepers.iter().filter(|g| g.is_own());
            let found = own.find(|g| g.address.is_ipv4() == endpoint.is_ipv4())?;
            self.layout.gatekeeper(zone, found)
        };
        self.zone_at(zone).and_then(index).unwrap_or(u32::MAX)
    }

    fn tell_presence(&mut self, now_ns: u64, told: &Told) {
        let (name, what) = match told.to {
            Presence::Silent => (name::ENDPOINT_SILENT, "silent"),
            Presence::Gone => (name::ENDPOINT_GONE, "gone"),
            _ => (name::ENDPOINT_BACK, "back"),
        };
        let zone = self.zone_name(told.zone);
        let verb = if told.count == 1 { "is" } else { "are" };
        let endpoints = if told.count == 1 {
            "endpoint"
        } else {
            "endpoints"
        };
        let mut text = format!("{zone}: {} {endpoints} {verb} {what}:", told.count);
        for (i, example) in told.examples.iter().enumerate() {
            let before = if i == 0 { "" } else { "," };
            let quiet = ago(now_ns, example.last_seen.0);
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "{before} {} (quiet for {quiet:.0} s)",
                example.endpoint
            );
        }
        if told.count > told.examples.len() as u64 {
            text.push_str(", ...");
        }
        let wall = wall_clock();
        let examples: Vec<_> = (told.examples.iter())
            .map(|e| {
                json!({
                    "registration": e.registration,
                    "endpoint": e.endpoint,
                    "last_seen": wall(e.last_seen.0.cast_signed()),
                })
            })
            .collect();
        let only = told.examples.first().filter(|_| told.count == 1);
        let mut details = serde_json::Map::new();
        details.insert("count".to_owned(), told.count.into());
        details.insert("examples".to_owned(), examples.into());
        self.events.record(view::Event {
            about: "endpoints".to_owned(),
            event: name.to_owned(),
            zone: Some(zone),
            registration: only.map(|e| e.registration.0),
            text,
            details,
            ..view::Event::default()
        });
    }

    /// How many endpoints of a zone are in each state.
    pub(super) fn presence_view(&self, zone: u32) -> view::PresenceCounts {
        let counts = self.effects.learner.presence().counts(zone);
        view::PresenceCounts {
            alive: counts.of(Presence::Alive),
            late: counts.of(Presence::Late),
            silent: counts.of(Presence::Silent),
            gone: counts.of(Presence::Gone),
            back: counts.of(Presence::Back),
            unknown: counts.of(Presence::Unknown),
        }
    }

    /// Fills in what the monitor knows of a registration.
    pub(super) fn with_presence(
        &self,
        now_ns: u64,
        mut shown: view::Registration,
    ) -> view::Registration {
        let id = rasline_core::RegistrationId(shown.id);
        let monitor = self.effects.learner.presence();
        if let Some((presence, last)) = monitor.presence(id) {
            let quiet = ago(now_ns, last.0);
            presence.name().clone_into(&mut shown.presence);
            shown.silent_for = presence.is_missing().then_some(quiet);
            shown.silent_after = monitor.silent_after(id).map(|d| d.as_secs_f64());
        }
        shown
    }

    /// The registrations whose endpoints are silent or gone, by number.
    pub(super) fn show_silent(
        &self,
        now_ns: u64,
        zone: Option<u32>,
        after: Option<u64>,
        most: usize,
    ) -> Vec<view::Registration> {
        let monitor = self.effects.learner.presence();
        let wanted = |a: &Absence| {
            after.is_none_or(|after| a.id.0 > after) && zone.is_none_or(|zone| a.zone == zone)
        };
        let mut all: Vec<u64> = (monitor.absences().filter(wanted))
            .map(|absence| absence.id.0)
            .collect();
        all.sort_unstable();
        all.into_iter()
            .filter_map(|id| self.show_registration(now_ns, id))
            .take(most)
            .collect()
    }
}
