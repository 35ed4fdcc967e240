//! What rasline's own gatekeepers have, for people.
// Seconds for people: a double holds them well enough.
#![allow(clippy::cast_precision_loss)]

use rasline_core::{
    backup::Phase,
    proxy,
    registrar::{self, Registrar},
};

use super::{served, tell::refusal};
use crate::{
    config::Zone,
    control::view,
    supervisor::{Supervisor, effects::Published, show::ago},
};

impl Supervisor {
    /// Served registrations of a zone, or of all.
    pub(in crate::supervisor) fn show_served(
        &self,
        now_ns: u64,
        zone: Option<u32>,
    ) -> Vec<view::Registration> {
        let mut all = Vec::new();
        let wanted = |index: &u32| zone.is_none_or(|zone| zone == *index);
        let zones = self.serving.unit.views().map(|v| v.zone);
        for index in zones.filter(|index| wanted(index)) {
            let registrar = self.serving.unit.registrar(index);
            let registered = registrar.into_iter().flat_map(Registrar::views);
            all.extend(registered.map(|r| self.served_view(now_ns, index, &r)));
        }
        for (index, proxy) in self
            .serving
            .proxies
            .iter()
            .filter(|(index, _)| wanted(index))
        {
            let endpoints = proxy.views().into_iter();
            all.extend(endpoints.map(|v| self.proxied_view(now_ns, *index, v)));
        }
        all
    }

    /// One of them.
    pub(in crate::supervisor) fn show_one_served(
        &self,
        now_ns: u64,
        zone: u32,
        id: u64,
    ) -> Option<view::Registration> {
        let number = served::id(zone, id).0;
        let all = self.show_served(now_ns, Some(zone));
        all.into_iter().find(|r| r.id == number)
    }

    fn served_view(&self, now_ns: u64, zone: u32, r: &registrar::View) -> view::Registration {
        let id = served::id(zone, r.id.0);
        let published = self.effects.published(id);
        let noted = self.observed(now_ns, id);
        let seen = noted.map_or(r.last_seen.0, |n| n.last_seen_ns.max(r.last_seen.0));
        let left = f64::from(r.time_to_live) - ago(now_ns, seen);
        let shown = view::Registration {
            id: id.0,
            aliases: r.aliases.clone(),
            address: Some(r.endpoint),
            endpoint_identifier: r.endpoint_identifier.clone(),
            zone: self.zone_name(zone),
            gatekeeper: crate::config::own_id(r.endpoint.ip()).to_owned(),
            last_seen: Some(ago(now_ns, seen)),
            answered_by: if published.is_some() {
                "kernel"
            } else {
                "rasline"
            }
            .to_owned(),
            answered: published.map_or(0, Published::answered),
            next_refresh: None,
            time_left: Some(left.max(0.0)),
            time_to_live: Some(f64::from(r.time_to_live)),
            endpoint_ttl: None,
            why_not: if published.is_some() {
                String::new()
            } else {
                "no keep-alive without tokens was seen yet".to_owned()
            },
            ..view::Registration::default()
        };
        self.with_presence(now_ns, shown)
    }

    fn proxied_view(&self, now_ns: u64, zone: u32, v: proxy::View) -> view::Registration {
        let registration = registrar::View {
            id: registrar::EntryId(v.id.0),
            endpoint_identifier: v.endpoint_identifier,
            endpoint: v.endpoint,
            call_signal_address: v.call_signal_address,
            aliases: v.aliases,
            time_to_live: v.time_to_live,
            last_seen: v.last_seen,
            calls: 0,
            published: v.published,
        };
        self.served_view(now_ns, zone, &registration)
    }

    /// How far rasline serves a zone itself; none: that is not for it to do.
    pub(in crate::supervisor) fn serving_view(&self, zone: &Zone) -> Option<view::Serving> {
        let index = self.layout.zone(&zone.name)?;
        if zone.mode.is_proxy() {
            let stats = self.serving.proxies.get(&index)?.stats();
            return Some(view::Serving {
                phase: "proxy".to_owned(),
                registrations: stats.endpoints,
                registered_upstream: Some(stats.registered),
                calls: stats.calls,
                restored_calls: stats.restored_calls,
                lost_calls: stats.lost_calls + self.serving.calls.bad(index),
                malformed: stats.malformed,
                ..view::Serving::default()
            });
        }
        let unit = self.serving.unit.view(index)?;
        let stats = unit.stats.unwrap_or_default();
        let (phase, why) = match unit.phase {
            Phase::Idle => ("idle", ""),
            Phase::Running => ("running", ""),
            Phase::Refusing { why } => ("refusing", refusal(why)),
        };
        Some(view::Serving {
            phase: phase.to_owned(),
            why: why.to_owned(),
            registrations: stats.registrations,
            calls: stats.calls,
            restored_calls: stats.restored_calls,
            lost_calls: stats.lost_calls + self.serving.calls.bad(index),
            known: unit.known as u64,
            rejected: stats.rejected + unit.refused,
            malformed: stats.malformed,
            denied: stats.denied,
            put_off: stats.put_off,
            registered_upstream: None,
        })
    }
}
