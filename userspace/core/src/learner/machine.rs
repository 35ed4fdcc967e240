//! The controller's state machine as a whole: what comes in goes to the part that it concerns.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::pending::{Asked, Pendings};
use super::phase::Stimulus;
use super::registry::{Place, Registry};
use super::standby::Standby;
use super::{
    Answer, Census, Config, GatekeeperInfo, Input, NotAnsweredReason, Output, Registration,
    SlotReport, State, Stats, Zone,
};
use crate::presence::Monitor;
use crate::{Cause, Event, EventKind, RegistrationId, Time};

/// Least time without keep-alives after which a registration is forgotten (and a tenth more).
const FORGET_AFTER: Duration = Duration::from_mins(1);
/// Registrations published again at one [`Input::Tick`] at most, when the configuration has changed.
const RENEW_AT_ONCE: usize = 8192;

/// Everything that is known, and what follows from it.
#[derive(Debug)]
pub struct Learner {
    pub(crate) config: Config,
    pub(crate) gatekeepers: HashMap<u32, GatekeeperInfo>,
    pub(crate) registry: Registry,
    pub(crate) pendings: Pendings,
    pub(crate) stats: Stats,
    pub(crate) standby: Standby,
    /// Registrations that wait to be published again; [`Input::Tick`] takes some of them each time.
    pub(crate) renewals: BTreeSet<RegistrationId>,
    pub(crate) table_full_told: Option<Time>,
    pub(crate) presence: Monitor,
    /// timeToLive that was put into the RCF at hand before it was sent on.
    pub(crate) given: Option<Duration>,
}

impl Learner {
    /// Nothing known yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            gatekeepers: HashMap::new(),
            registry: Registry::default(),
            pendings: Pendings::default(),
            stats: Stats::default(),
            standby: Standby::default(),
            renewals: BTreeSet::new(),
            table_full_told: None,
            presence: Monitor::default(),
            given: None,
        }
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        match input {
            Input::Message(message) => self.handle_message(now, &message, out),
            Input::Published { id } => self.handle_published(now, id, out),
            Input::PublishFailed { id, why } => {
                self.step(now, id, Stimulus::Refused(why), Cause::NotAnswerable, out);
            }
            Input::SlotReport(report) => self.handle_slot_report(now, report, out),
            Input::Tick => self.handle_tick(now, out),
            Input::Standby { zone, to } => self.set_standby(now, zone, to),
            Input::TakeOver { zone, gatekeeper } => self.take_over(zone, gatekeeper),
            Input::Pace => self.pace(now, out),
            Input::DropRegistration { id } => self.remove(now, id, Cause::Dropped, out),
            Input::Reconfigure(config) => self.reconfigure(now, config, out),
            Input::Restore(stored) => self.restore(now, *stored, out),
        }
    }

    /// All registrations, by id.
    pub fn registrations(&self) -> impl Iterator<Item = &Registration> {
        self.registry.iter().map(|record| &record.shown)
    }

    /// Registrations with larger numbers than this one, by number.
    pub fn registrations_after(&self, id: RegistrationId) -> impl Iterator<Item = &Registration> {
        self.registry.after(id).map(|record| &record.shown)
    }

    /// One registration.
    #[must_use]
    pub fn registration(&self, id: RegistrationId) -> Option<&Registration> {
        self.registry.get(id).map(|record| &record.shown)
    }

    /// Why the kernel does not answer it; `None`: it does, as its zone's policy has it.
    #[must_use]
    pub fn why_not(&self, registration: &Registration) -> Option<NotAnsweredReason> {
        let off = || {
            self.zone(registration.zone)
                .is_none_or(|zone| zone.answer == Answer::Off)
        };
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
        self.gatekeepers.get(&index)
    }

    /// Numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            pending: self.pendings.len(),
            registrations: self.registry.len(),
            published: self.registry.published(),
            ..self.stats
        }
    }

    /// How many registrations each gatekeeper has, by state; costs nothing by registration.
    #[must_use]
    pub fn census(&self) -> &Census {
        self.registry.census()
    }

    pub(crate) fn zone(&self, index: u32) -> Option<&Zone> {
        self.config.zones.iter().find(|zone| zone.index == index)
    }

    fn handle_published(&mut self, now: Time, id: RegistrationId, out: &mut Vec<Output>) {
        if let Some(record) = self.registry.get_mut(id) {
            record.published_at = now;
            let seen = record.shown.last_seen;
            self.heard(now, id, seen);
        }
        self.step(now, id, Stimulus::Published, Cause::Kernel, out);
        self.enrol(now, id);
    }

    fn handle_slot_report(&mut self, now: Time, report: SlotReport, out: &mut Vec<Output>) {
        let Some(record) = self.registry.get_mut(report.id) else {
            return;
        };
        let shown = &mut record.shown;
        shown.last_seen = shown.last_seen.max(report.last_seen);
        shown.confirmed = shown.confirmed.max(report.confirmed);
        if report.answered > shown.answered {
            record.trial.answered();
        }
        shown.answered = shown.answered.max(report.answered);
        let withdrawn = report.withdrawn && shown.state.is_published();
        self.heard(now, report.id, report.last_seen);
        if withdrawn {
            self.step(now, report.id, Stimulus::Forget, Cause::Kernel, out);
        }
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
            if let Some(id) = self.registry.find(&place) {
                self.step(now, id, Stimulus::Unanswered, Cause::NotAnswerable, out);
            }
        }
        while let Some(id) = self.registry.due(now) {
            self.check_deadline(now, id, out);
        }
        self.renew_some(now, out);
    }

    /// Publishes again what waits for it, as many as one step may take.
    pub(crate) fn renew_some(&mut self, now: Time, out: &mut Vec<Output>) {
        for _ in 0..RENEW_AT_ONCE {
            let Some(id) = self.renewals.pop_first() else {
                break;
            };
            self.step(now, id, Stimulus::Renew, Cause::Reconfigured, out);
        }
    }

    fn check_deadline(&mut self, now: Time, id: RegistrationId, out: &mut Vec<Output>) {
        let Some(record) = self.registry.get(id) else {
            return;
        };
        let deadline = self.forget_at(&record.shown);
        if deadline > now {
            self.registry.set_deadline(id, deadline);
            return;
        }
        let event = self.event_about(now, id, EventKind::Expired);
        self.presence.expire(now, id);
        self.forget(id, out);
        out.extend(event);
    }

    /// When a registration is forgotten if no keep-alive comes any more.
    pub(crate) fn forget_at(&self, shown: &Registration) -> Time {
        let hold_for = self
            .zone(shown.zone)
            .map_or(Duration::ZERO, |zone| zone.hold_for);
        let ttl = shown.gatekeeper_ttl.unwrap_or_default();
        let quiet = ttl.max(hold_for).max(FORGET_AFTER);
        shown.last_seen.after(quiet.saturating_add(quiet / 10))
    }

    /// Removes a registration and tells why.
    pub(crate) fn remove(
        &mut self,
        now: Time,
        id: RegistrationId,
        cause: Cause,
        out: &mut Vec<Output>,
    ) {
        let event = self.event_about(now, id, EventKind::Withdrawn { cause, gone: true });
        self.forget(id, out);
        out.extend(event);
    }

    fn forget(&mut self, id: RegistrationId, out: &mut Vec<Output>) {
        self.renewals.remove(&id);
        self.presence.end(id);
        self.disenrol(id, out);
        let Some(record) = self.registry.remove(id) else {
            return;
        };
        if record.shown.state.is_published() {
            out.push(Output::Withdraw { id });
        }
    }

    /// An event about a registration, if it is known.
    pub(crate) fn event_about(
        &self,
        now: Time,
        id: RegistrationId,
        kind: EventKind,
    ) -> Option<Output> {
        let shown = &self.registry.get(id)?.shown;
        Some(Output::Event(Event {
            time: now,
            zone: shown.zone,
            gatekeeper: shown.gatekeeper,
            registration: Some(id),
            kind,
        }))
    }
}
