//! All registrations, and what follows when one changes its state: it is published or withdrawn, its endpoint is monitored,
//! it is kept warm at the standby, and an event is reported.

use std::collections::BTreeSet;
use std::time::Duration;

use super::phase::{self, Effect, Stimulus};
use super::publish::template;
use super::reconfigure::{Fate, fate};
use super::registry::{Pair, Place, Registry, Told};
use super::standby::{Standby, Taken};
use super::{Config, Output, Registration, SlotReport, State};
use crate::presence::{Monitor, Sign, Subject};
use crate::{Cause, Event, EventKind, GatekeeperIndex, RegistrationId, Time, ZoneIndex};

/// Least time without keep-alives after which a registration is forgotten (and a tenth more).
const FORGET_AFTER: Duration = Duration::from_mins(1);
/// Registrations published again at one [`Input::Tick`] at most, when the configuration has changed.
const RENEW_AT_ONCE: usize = 8192;
/// Registrations published at one [`Input::Pace`](super::Input::Pace) at most.
const TAKE_AT_ONCE: usize = 2048;

/// The registrations and what depends on each of them.
#[derive(Debug)]
pub(crate) struct Registrations {
    pub(crate) config: Config,
    pub(crate) registry: Registry,
    pub(crate) standby: Standby,
    pub(crate) presence: Monitor,
    /// Registrations that wait to be published again; [`Input::Tick`](super::Input::Tick) takes some of them each time.
    pub(crate) renewals: BTreeSet<RegistrationId>,
}

impl Registrations {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            registry: Registry::default(),
            standby: Standby::default(),
            presence: Monitor::default(),
            renewals: BTreeSet::new(),
        }
    }

    /// One registration.
    pub(crate) fn get(&self, id: RegistrationId) -> Option<&Registration> {
        self.registry.get(id).map(|record| &record.shown)
    }

    /// Changes the state of a registration. `cause` is reported if that withdraws it.
    pub(crate) fn step(
        &mut self,
        now: Time,
        id: RegistrationId,
        stimulus: Stimulus,
        cause: Cause,
        out: &mut Vec<Output>,
    ) {
        let Some(record) = self.registry.get_mut(id) else {
            return;
        };
        let (state, effect) = phase::step(record.shown.state, stimulus);
        if state == (State::Learning { pairs: 0 }) || matches!(stimulus, Stimulus::Unfit(_)) {
            record.pair = None;
        }
        self.registry.set_state(id, state);
        match effect {
            Effect::None => {}
            Effect::Publish => self.publish(id, out),
            Effect::Withdraw => {
                out.push(Output::Withdraw { id });
                let kind = EventKind::Withdrawn { cause, gone: false };
                out.extend(self.event_about(now, id, kind));
            }
            Effect::Republish => {
                out.push(Output::Withdraw { id });
                self.publish(id, out);
            }
        }
        self.tell(now, id, out);
    }

    /// Says once that a registration is learned, or why it is not answered.
    fn tell(&mut self, now: Time, id: RegistrationId, out: &mut Vec<Output>) {
        let Some(record) = self.registry.get_mut(id) else {
            return;
        };
        let (told, kind) = match record.shown.state {
            State::Answered => (Told::Learned, EventKind::Learned),
            State::NotAnswered { why } => (Told::NotAnswered(why), EventKind::NotAnswered { why }),
            State::Publishing => return,
            State::Learning { .. } => {
                if record.told == Some(Told::Learned) {
                    record.told = None;
                }
                return;
            }
        };
        if record.told != Some(told) {
            record.told = Some(told);
            out.extend(self.event_about(now, id, kind));
        }
    }

    fn publish(&mut self, id: RegistrationId, out: &mut Vec<Output>) {
        let Some(record) = self.registry.get_mut(id) else {
            return;
        };
        let zone = self.config.zone(record.shown.zone);
        if let Some(template) = zone.and_then(|zone| template(zone, record)) {
            out.push(Output::Publish(Box::new(template)));
        }
    }

    pub(crate) fn handle_published(
        &mut self,
        now: Time,
        id: RegistrationId,
        out: &mut Vec<Output>,
    ) {
        if let Some(record) = self.registry.get_mut(id) {
            record.published_at = now;
            let seen = record.shown.last_seen;
            self.note_heard(now, id, seen);
        }
        self.step(now, id, Stimulus::Published, Cause::Kernel, out);
        if let Some(record) = self.registry.get(id) {
            self.standby.enrol(now, &record.shown);
        }
    }

    pub(crate) fn handle_slot_report(
        &mut self,
        now: Time,
        report: SlotReport,
        out: &mut Vec<Output>,
    ) {
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
        self.note_heard(now, report.id, report.last_seen);
        if withdrawn {
            self.step(now, report.id, Stimulus::Forget, Cause::Kernel, out);
        }
    }

    /// The endpoint of a registration sent a keep-alive or RRQ at `at`.
    pub(crate) fn note_heard(&mut self, now: Time, id: RegistrationId, at: Time) {
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

    /// Forgets the registrations whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Time, out: &mut Vec<Output>) {
        while let Some(id) = self.registry.due(now) {
            self.check_deadline(now, id, out);
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
        let zone = self.config.zone(shown.zone);
        let hold_for = zone.map_or(Duration::ZERO, |zone| zone.hold_for);
        let ttl = shown.gatekeeper_ttl.unwrap_or_default();
        let quiet = ttl.max(hold_for).max(FORGET_AFTER);
        shown.last_seen.after(quiet.saturating_add(quiet / 10))
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

    /// Puts another configuration in force and returns the one before.
    pub(crate) fn reconfigure(
        &mut self,
        now: Time,
        config: Config,
        out: &mut Vec<Output>,
    ) -> Config {
        let old = std::mem::replace(&mut self.config, config);
        let mut gone = Vec::new();
        for record in self.registry.iter() {
            match fate(&old, &self.config, &record.shown) {
                Fate::Keep => {}
                Fate::Renew => {
                    self.renewals.insert(record.shown.id);
                }
                Fate::Remove => gone.push(record.shown.id),
            }
        }
        for id in gone {
            self.remove(now, id, Cause::Reconfigured, out);
        }
        self.renew_some(now, out);
        old
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
        let record = self.registry.remove(id);
        let shown = record.as_ref().map(|record| &record.shown);
        self.standby.disenrol(id, shown, out);
        let Some(record) = record else {
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
            zone: ZoneIndex(shown.zone),
            gatekeeper: Some(GatekeeperIndex(shown.gatekeeper)),
            registration: Some(id),
            kind,
        }))
    }

    /// Publishes some of the registrations that were warm at the gatekeeper that serves their zone now.
    pub(crate) fn take_warm(&mut self, now: Time, out: &mut Vec<Output>) {
        for _ in 0..TAKE_AT_ONCE {
            let Some(taken) = self.standby.pop_taken() else {
                return;
            };
            self.take(now, taken, out);
        }
    }

    /// Publishes a registration as one of the gatekeeper that kept it warm.
    fn take(&mut self, now: Time, taken: Taken, out: &mut Vec<Output>) {
        let Some(record) = self.registry.get_mut(taken.id) else {
            return;
        };
        // It may have moved by itself meanwhile, or have come to its end.
        let moved = record.shown.gatekeeper == taken.gatekeeper;
        if moved || now.since(taken.confirmed) >= taken.ttl {
            return;
        }
        let (Some(pair), full) = (record.pair.take(), record.full_rrq.take()) else {
            return;
        };
        let place = Place {
            zone: record.shown.zone,
            gatekeeper: taken.gatekeeper,
            endpoint: record.shown.endpoint,
            endpoint_identifier: record.shown.endpoint_identifier.clone(),
        };
        self.step(now, taken.id, Stimulus::Forget, Cause::Moved, out);
        self.registry.move_to(taken.id, place);
        if let Some(record) = self.registry.get_mut(taken.id) {
            record.pair = Some(Pair {
                seq: taken.seq,
                rrq: pair.rrq,
                rcf: taken.rcf,
            });
            record.full_rrq = full;
            record.shown.gatekeeper_ttl = Some(taken.ttl);
            record.shown.confirmed = taken.confirmed;
        }
        // Two lightweight pairs were seen at the alternate, which is what a restored one was published with, too.
        self.step(now, taken.id, Stimulus::Restored, Cause::Moved, out);
    }
}
