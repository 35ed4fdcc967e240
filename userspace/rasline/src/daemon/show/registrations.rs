//! Registrations as they are shown: what the core knows, what the kernel noted, and what it promises.
// Seconds for people: a double holds them well enough.
#![allow(clippy::cast_precision_loss)]

use rasline_core::{
    Registration, RegistrationId, RegistrationKey, Time, ZoneIndex, site::ServedAsBackup,
};

use super::{Showing, ago};
use crate::{config::Answer, view};

/// Seconds from `now` to `then`, negative if that is over.
fn ahead(now_ns: u64, then_ns: u64) -> f64 {
    then_ns.wrapping_sub(now_ns).cast_signed() as f64 / 1e9
}

impl Showing<'_> {
    pub(in crate::daemon) fn show_registrations(
        &self,
        now_ns: u64,
        zone: Option<&str>,
        after: Option<u64>,
        most: usize,
    ) -> Vec<view::Registration> {
        let zone = zone.and_then(|z| self.effects.layout.zone(z));
        let served = self.show_served(now_ns, zone.map(ZoneIndex)).into_iter();
        let mut served: Vec<_> = served.filter(|r| after.is_none_or(|a| r.id > a)).collect();
        served.sort_unstable_by_key(|r| r.id);
        let here = ServedAsBackup::new(self.site.own());
        let wanted = |r: &&Registration| {
            after.is_none_or(|a| r.id.0 > a) && zone.is_none_or(|z| r.zone == z) && !here.has(r)
        };
        let mut all: Vec<&Registration> =
            self.site.learner().registrations().filter(wanted).collect();
        all.sort_unstable_by_key(|r| r.id);
        all.into_iter()
            .take(most)
            .map(|r| self.registration_view(now_ns, r))
            // Their numbers are higher than all of the learner's.
            .chain(served)
            .take(most)
            .collect()
    }

    pub(in crate::daemon) fn show_registration(
        &self,
        now_ns: u64,
        id: u64,
    ) -> Option<view::Registration> {
        let number = RegistrationId(id);
        if let RegistrationKey::Served(zone, _) = RegistrationKey::from_number(number) {
            return self.show_one_served(now_ns, zone, number);
        }
        let r = self.site.learner().registration(number)?;
        Some(self.registration_view(now_ns, r))
    }

    fn registration_view(&self, now_ns: u64, r: &Registration) -> view::Registration {
        let key = RegistrationKey::Learned(r.id);
        let noted = self.effects.observe(now_ns, key);
        let confirmed_ns = noted
            .map_or(r.confirmed, |n| r.confirmed.max(Time(n.confirmed_ns)))
            .0;
        let place = self.effects.published(key).map(|p| p.place);
        let due = place.and_then(|p| self.effects.dataplane.table().refresh_due(now_ns, p));
        let (time_left, why_not) = self.promise(now_ns, r, confirmed_ns);
        let by_kernel = why_not.is_empty();
        let shown = view::Registration {
            id: r.id.0,
            aliases: r.aliases.clone(),
            address: Some(r.endpoint),
            endpoint_identifier: r.endpoint_identifier.clone(),
            zone: self.zone_name(r.zone),
            gatekeeper: self.gatekeeper_name(r.gatekeeper),
            last_seen: Some(ago(
                now_ns,
                noted
                    .map_or(r.last_seen, |n| r.last_seen.max(Time(n.last_seen_ns)))
                    .0,
            )),
            answered_by: if by_kernel { "kernel" } else { "gatekeeper" }.to_owned(),
            answered: r.answered,
            next_refresh: due.filter(|_| by_kernel).map(|due| ahead(now_ns, due)),
            time_left,
            time_to_live: r.gatekeeper_ttl.map(|d| d.as_secs_f64()),
            endpoint_ttl: r.endpoint_ttl.map(|d| d.as_secs_f64()),
            why_not,
            ..view::Registration::default()
        };
        self.with_presence(now_ns, shown)
    }

    /// How long the kernel may go on answering, in seconds, and why it does not answer now; as the program decides.
    fn promise(&self, now_ns: u64, r: &Registration, confirmed_ns: u64) -> (Option<f64>, String) {
        let why = self.site.learner().why_not(r).map(|why| why.to_string());
        let Some(zone) = self.zone_at(r.zone) else {
            return (None, why.unwrap_or_default());
        };
        let ttl_left = r
            .gatekeeper_ttl
            .map(|ttl| ttl.as_secs_f64() - ago(now_ns, confirmed_ns));
        let silent = self.silent_for(now_ns, r.gatekeeper, zone.dead_after);
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
}
