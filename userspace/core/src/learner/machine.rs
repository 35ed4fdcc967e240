//! The controller's state machine as a whole: what comes in goes to the part that it concerns.

use std::time::Duration;

use super::gatekeepers::Gatekeepers;
use super::pending::{Asked, Pendings};
use super::phase::Stimulus;
use super::registrations::Registrations;
use super::registry::{Place, Record};
use super::{
    Answer, Census, Config, GatekeeperInfo, Input, NotAnsweredReason, Output, Registration, State,
    Stats, Stored, WarmCounts, Warmth,
};
use crate::presence::Monitor;
use crate::{Cause, RegistrationId, Time};

/// Everything that is known, and what follows from it.
#[derive(Debug)]
pub struct Learner {
    pub(super) registrations: Registrations,
    pub(super) gatekeepers: Gatekeepers,
    pub(super) pendings: Pendings,
    pub(super) stats: Stats,
    pub(super) table_full_told: Option<Time>,
    /// timeToLive that was put into the RCF at hand before it was sent on.
    pub(super) given: Option<Duration>,
}

impl Learner {
    /// Nothing known yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            registrations: Registrations::new(config),
            gatekeepers: Gatekeepers::default(),
            pendings: Pendings::default(),
            stats: Stats::default(),
            table_full_told: None,
            given: None,
        }
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        let registrations = &mut self.registrations;
        match input {
            Input::Message(message) => self.handle_message(now, &message, out),
            Input::Published { id } => registrations.handle_published(now, id, out),
            Input::PublishFailed { id, why } => {
                let refused = Stimulus::Refused(why);
                registrations.step(now, id, refused, Cause::NotAnswerable, out);
            }
            Input::SlotReport(report) => registrations.handle_slot_report(now, report, out),
            Input::Tick => self.handle_tick(now, out),
            Input::Standby { zone, to } => {
                let known = (&registrations.config, &registrations.registry);
                registrations.standby.set_target(now, zone, to, known);
            }
            Input::TakeOver { zone, gatekeeper } => {
                registrations.standby.take_over(zone, gatekeeper);
            }
            Input::Pace => {
                registrations.take_warm(now, out);
                registrations
                    .standby
                    .pace(now, &registrations.registry, out);
            }
            Input::DropRegistration { id } => registrations.remove(now, id, Cause::Dropped, out),
            Input::Reconfigure(config) => {
                let old = registrations.reconfigure(now, config, out);
                self.gatekeepers.apply(&old, &registrations.config);
            }
            Input::Restore(stored) => {
                let restored = registrations.restore(now, *stored, out);
                self.stats.restored += u64::from(restored);
                self.stats.not_restored += u64::from(!restored);
            }
        }
    }

    /// All registrations, by id.
    pub fn registrations(&self) -> impl Iterator<Item = &Registration> {
        self.registrations
            .registry
            .iter()
            .map(|record| &record.shown)
    }

    /// Registrations with larger numbers than this one, by number.
    pub fn registrations_after(&self, id: RegistrationId) -> impl Iterator<Item = &Registration> {
        self.registrations
            .registry
            .after(id)
            .map(|record| &record.shown)
    }

    /// What is known of registrations with larger numbers than this one, by number.
    pub(crate) fn records_after(&self, id: RegistrationId) -> impl Iterator<Item = &Record> {
        self.registrations.registry.after(id)
    }

    pub(crate) const fn config(&self) -> &Config {
        &self.registrations.config
    }

    /// One registration.
    #[must_use]
    pub fn registration(&self, id: RegistrationId) -> Option<&Registration> {
        self.registrations
            .registry
            .get(id)
            .map(|record| &record.shown)
    }

    /// Why the kernel does not answer it; `None`: it does, as its zone's policy has it.
    #[must_use]
    pub fn why_not(&self, registration: &Registration) -> Option<NotAnsweredReason> {
        let zone = self.registrations.config.zone(registration.zone);
        let off = || zone.is_none_or(|zone| zone.answer == Answer::Off);
        match registration.state {
            State::NotAnswered { why } => Some(why),
            _ if off() => Some(NotAnsweredReason::ZoneOff),
            State::Answered => None,
            State::Learning { .. } if registration.settling => Some(NotAnsweredReason::Settling),
            State::Learning { .. } | State::Publishing => Some(NotAnsweredReason::Learning),
        }
    }

    /// What a gatekeeper said about itself.
    #[must_use]
    pub fn gatekeeper(&self, index: u32) -> Option<&GatekeeperInfo> {
        self.gatekeepers.get(index)
    }

    /// Numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            pending: self.pendings.len(),
            registrations: self.registrations.registry.len(),
            published: self.registrations.registry.published(),
            ..self.stats
        }
    }

    /// How many registrations each gatekeeper has, by state; costs nothing by registration.
    #[must_use]
    pub fn census(&self) -> &Census {
        self.registrations.registry.census()
    }

    /// Registrations that wait to be published again.
    #[must_use]
    pub fn renewals(&self) -> impl ExactSizeIterator<Item = RegistrationId> + '_ {
        self.registrations.renewals.iter().copied()
    }

    /// What is to be stored of a registration, if it is published.
    #[must_use]
    pub fn stored(&self, id: RegistrationId) -> Option<Stored> {
        self.registrations.registry.get(id)?.stored()
    }

    /// Which endpoints are alive.
    #[must_use]
    pub const fn presence(&self) -> &Monitor {
        &self.registrations.presence
    }

    /// The same, to look, and to hear of registrations that are not learned but served.
    pub const fn presence_mut(&mut self) -> &mut Monitor {
        &mut self.registrations.presence
    }

    /// How a registration stands at its zone's alternate; none: its zone has none.
    #[must_use]
    pub fn warmth(&self, id: RegistrationId) -> Option<Warmth> {
        self.registrations.standby.warmth(id)
    }

    /// How a zone's registrations stand at its alternate.
    #[must_use]
    pub fn warm_counts(&self, zone: u32) -> WarmCounts {
        self.registrations.standby.warm_counts(zone)
    }

    fn handle_tick(&mut self, now: Time, out: &mut Vec<Output>) {
        while let Some(request) = self.pendings.expired(now) {
            let Asked::KeepAlive(_) = request.asked else {
                continue;
            };
            self.stats.unanswered += 1;
            let (gatekeeper, endpoint) = request.source;
            let Some(endpoint_identifier) = request.endpoint_identifier else {
                continue;
            };
            let place = Place {
                zone: request.zone,
                gatekeeper,
                endpoint,
                endpoint_identifier,
            };
            if let Some(id) = self.registrations.registry.find(&place) {
                self.registrations
                    .step(now, id, Stimulus::Unanswered, Cause::NotAnswerable, out);
            }
        }
        self.registrations.expire(now, out);
        self.registrations.renew_some(now, out);
    }
}
