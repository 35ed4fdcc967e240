//! Feeds the monitor of endpoints with what is learned of registrations.

use super::Learner;
use crate::presence::{Monitor, Sign, Subject};
use crate::{RegistrationId, Time};

impl Learner {
    /// Which endpoints are alive.
    #[must_use]
    pub const fn presence(&self) -> &Monitor {
        &self.presence
    }

    /// The same, to look, and to hear of registrations that are not learned but served.
    pub const fn presence_mut(&mut self) -> &mut Monitor {
        &mut self.presence
    }

    /// The endpoint of a registration sent a keep-alive or RRQ at `at`.
    pub(crate) fn heard(&mut self, now: Time, id: RegistrationId, at: Time) {
        let Some(record) = self.registry.get(id) else {
            return;
        };
        let shown = &record.shown;
        let subject = Subject {
            id,
            zone: shown.zone,
            gatekeeper: shown.gatekeeper,
            endpoint: shown.endpoint,
            time_to_live: shown.endpoint_ttl.or(shown.gatekeeper_ttl),
        };
        self.presence.hear(now, &subject, at, Sign::KeepAlive);
    }
}
