//! Which endpoints are alive, and which are missed.

use rasline_core::{
    RegistrationId,
    presence::{Absence, Presence},
};

use super::{Showing, ago};
use crate::view;

impl Showing<'_> {
    /// How many endpoints of a zone are in each state.
    pub(super) fn presence_view(&self, zone: u32) -> view::PresenceCounts {
        let counts = self.site.learner().presence().counts(zone);
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
        let id = RegistrationId(shown.id);
        let monitor = self.site.learner().presence();
        if let Some((presence, last)) = monitor.presence(id) {
            let quiet = ago(now_ns, last.0);
            presence.name().clone_into(&mut shown.presence);
            shown.silent_for = presence.is_missing().then_some(quiet);
            shown.silent_after = monitor.silent_after(id).map(|d| d.as_secs_f64());
        }
        shown
    }

    /// The registrations whose endpoints are silent or gone, by number.
    pub(in crate::daemon) fn show_silent(
        &self,
        now_ns: u64,
        zone: Option<u32>,
        after: Option<u64>,
        most: usize,
    ) -> Vec<view::Registration> {
        let monitor = self.site.learner().presence();
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
