//! What rasline's own gatekeepers have, for people.
// Seconds for people: a double holds them well enough.
#![allow(clippy::cast_precision_loss)]

use rasline_core::{RegistrationId, RegistrationKey, ZoneIndex, backup::Phase, proxy, registrar};

use super::{Showing, ago};
use crate::{config::Zone, effects::describe::served::refusal, view};

impl Showing<'_> {
    /// Served registrations of a zone, or of all.
    pub(super) fn show_served(
        &self,
        now_ns: u64,
        zone: Option<ZoneIndex>,
    ) -> Vec<view::Registration> {
        let wanted = |index: &ZoneIndex| zone.is_none_or(|zone| zone == *index);
        let mut all = Vec::new();
        for (index, registrar) in self.site.own().registrars() {
            if wanted(&index) {
                let registered = registrar.views();
                all.extend(registered.map(|r| self.served_view(now_ns, index, &r)));
            }
        }
        for (index, proxy) in self.site.own().proxies() {
            if wanted(&index) {
                let endpoints = proxy.views().into_iter();
                all.extend(endpoints.map(|v| self.proxied_view(now_ns, index, v)));
            }
        }
        all
    }

    /// One of them.
    pub(super) fn show_one_served(
        &self,
        now_ns: u64,
        zone: ZoneIndex,
        number: RegistrationId,
    ) -> Option<view::Registration> {
        let all = self.show_served(now_ns, Some(zone));
        all.into_iter().find(|one| one.id == number.0)
    }

    fn served_view(&self, now_ns: u64, zone: ZoneIndex, r: &registrar::View) -> view::Registration {
        let key = RegistrationKey::Served(zone, r.id);
        let published = self.effects.published(key);
        let noted = self.effects.observe(now_ns, key);
        let seen = noted.map_or(r.last_seen.0, |n| n.last_seen_ns.max(r.last_seen.0));
        let left = f64::from(r.time_to_live) - ago(now_ns, seen);
        let shown = view::Registration {
            id: key.number().0,
            aliases: r.aliases.clone(),
            address: Some(r.endpoint),
            endpoint_identifier: r.endpoint_identifier.clone(),
            zone: self.zone_name(zone.0),
            gatekeeper: crate::config::own_id(r.endpoint.ip()).to_owned(),
            last_seen: Some(ago(now_ns, seen)),
            answered_by: if published.is_some() {
                "kernel"
            } else {
                "rasline"
            }
            .to_owned(),
            answered: published.map_or(0, |it| it.answered),
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

    fn proxied_view(&self, now_ns: u64, zone: ZoneIndex, v: proxy::View) -> view::Registration {
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
    pub(super) fn serving_view(&self, zone: &Zone) -> Option<view::Serving> {
        let index = ZoneIndex(self.effects.layout.zone(&zone.name)?);
        let bad_calls = self.effects.persist.bad_calls.get(&index);
        let bad_calls = bad_calls.copied().unwrap_or(0);
        if zone.mode.is_proxy() {
            let stats = self.site.own().proxy(index)?.stats();
            return Some(view::Serving {
                phase: "proxy".to_owned(),
                registrations: stats.endpoints,
                registered_upstream: Some(stats.registered),
                calls: stats.calls,
                restored_calls: stats.restored_calls,
                lost_calls: stats.lost_calls + bad_calls,
                malformed: stats.malformed,
                ..view::Serving::default()
            });
        }
        let unit = self.site.own().unit().view(index.0)?;
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
            lost_calls: stats.lost_calls + bad_calls,
            known: unit.known as u64,
            rejected: stats.rejected + unit.refused,
            malformed: stats.malformed,
            denied: stats.denied,
            put_off: stats.put_off,
            registered_upstream: None,
        })
    }
}
