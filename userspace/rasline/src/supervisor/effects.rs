//! The learner and its effects: what it wants done is carried out here, and only here; results go back as inputs.
//!
//! Invariant: a registration has at most one place in the kernel's table, and each place one registration.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use rasline_core::{Input, Learner, Message, Output, RegistrationId, SlotReport, Template, Time};
use rasline_kernel::{Entry, Observed, Place, Refused};

use crate::{
    config::Config,
    host::monotonic_ns,
    supervisor::{
        Supervisor,
        bridge::{core_config, reason, refusal},
        layout::Layout,
        serving::served,
        tracked::Tracked,
    },
};

/// RRQs that one registration may need to move: the keep-alive that is rejected, the full RRQ, two until it is known
/// again; and half as many for good measure.
const RRQS_TO_MOVE: u64 = 6;
/// How often (in ticks) the time that zones need to move is reckoned.
const MOVE_EVERY: u32 = 30;

/// Where a registration stands in the kernel's table, and how often it was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Published {
    pub(super) place: Place,
    zone: u32,
    seen: u32,
    answered: u64,
}

impl Published {
    /// Keep-alives that the kernel answered.
    pub(super) const fn answered(self) -> u64 {
        self.answered
    }
}

/// The learner, what it published, and how it was refused.
pub(super) struct Effects {
    pub(super) learner: Learner,
    pub(super) tracked: Tracked,
    published: HashMap<RegistrationId, Published>,
    by_slot: HashMap<u32, RegistrationId>,
    /// Published for rasline's own gatekeepers, by zone.
    served: HashMap<u32, usize>,
    pub(super) refusals: u64,
    pub(super) refused: Option<Refused>,
}

impl Effects {
    pub(super) fn new(config: &Config, layout: &Layout) -> Self {
        Self {
            learner: Learner::new(core_config(config, layout)),
            tracked: Tracked::default(),
            published: HashMap::new(),
            by_slot: HashMap::new(),
            served: HashMap::new(),
            refusals: 0,
            refused: None,
        }
    }

    pub(super) fn published(&self, id: RegistrationId) -> Option<Published> {
        self.published.get(&id).copied()
    }

    /// How many are published for rasline's own gatekeeper of a zone.
    pub(super) fn served(&self, zone: u32) -> usize {
        self.served.get(&zone).copied().unwrap_or(0)
    }
}

impl Supervisor {
    /// A message of the ring buffer.
    pub(super) fn message(&mut self, message: &rasline_kernel::Message) {
        self.handle(Input::Message(Message {
            reason: reason(message.reason),
            zone: message.zone,
            gatekeeper: message.gatekeeper,
            endpoint: message.endpoint,
            seen_as: message.seen_as,
            payload: &message.octets,
        }));
    }

    /// What the kernel noted since the last time, and that time passes.
    pub(super) fn observe(&mut self, now_ns: u64) {
        let mut changed = Vec::new();
        self.dataplane
            .scan(now_ns, |observed| changed.push(observed));
        self.renew_tracked(now_ns, &changed);
        for observed in changed {
            if let Some(report) = self.slot_report(&observed) {
                self.handle_slot_report(report);
            }
        }
        self.handle(Input::Tick);
    }

    /// Passes a slot report to the machine that has its registration: a served zone, or the learner.
    fn handle_slot_report(&mut self, report: SlotReport) {
        match served::of(report.id) {
            Some((zone, id)) => self.served_seen(zone, id, report.last_seen),
            None => self.handle(Input::SlotReport(report)),
        }
    }

    fn slot_report(&mut self, observed: &Observed) -> Option<SlotReport> {
        let id = *self.effects.by_slot.get(&observed.place.slot)?;
        let published = self
            .effects
            .published
            .get_mut(&id)
            .filter(|p| p.place == observed.place)?;
        published.answered += u64::from(observed.answered.wrapping_sub(published.seen));
        published.seen = observed.answered;
        Some(SlotReport {
            id,
            last_seen: Time(observed.last_seen_ns),
            answered: published.answered,
            confirmed: Time(observed.confirmed_ns),
            withdrawn: observed.withdrawn,
        })
    }

    /// Gives each zone as long as its registrations need to move at its rate, if that is longer than hold_for: else
    /// the last of them would lapse.
    pub(super) fn allow_time_to_move(&mut self) {
        let ticks = self.ticks;
        self.ticks = ticks.wrapping_add(1);
        if !ticks.is_multiple_of(MOVE_EVERY) {
            return;
        }
        let mut counts: HashMap<u32, u64> = HashMap::new();
        for registration in self.effects.learner.registrations() {
            *counts.entry(registration.zone).or_default() += 1;
        }
        for zone in self.config.zones.iter().filter(|z| z.is_steered()) {
            let Some(index) = self.layout.zone(&zone.name) else {
                continue;
            };
            let count = counts.get(&index).copied().unwrap_or(0);
            let needed = match zone.migrate_rate {
                0 => Duration::ZERO,
                rate => Duration::from_secs(count * RRQS_TO_MOVE / u64::from(rate)),
            };
            self.dataplane
                .set_move_for(index, needed.max(zone.hold_for));
        }
    }

    /// `rasline registration drop`; false: there is none.
    pub(super) fn drop_registration(&mut self, id: u64) -> bool {
        if let Some((zone, id)) = served::of(RegistrationId(id)) {
            return self.drop_served(zone, id);
        }
        let id = RegistrationId(id);
        let known = self.effects.learner.registration(id).is_some();
        if known {
            self.handle(Input::DropRegistration { id });
        }
        known
    }

    /// Tells the learner about another configuration. What stands in the table under an old generation goes.
    pub(super) fn reconfigure(&mut self, config: &Config, layout: &Layout) {
        let core_config = core_config(config, layout);
        self.layout = layout.clone();
        self.memory.configure(&core_config);
        self.handle(Input::Reconfigure(core_config));
        let now_ns = monotonic_ns();
        let stale: Vec<Place> = self
            .effects
            .published
            .values()
            .filter(|p| {
                self.dataplane.table().zone_generation(p.place) != Some(layout.generation(p.zone))
            })
            .map(|p| p.place)
            .collect();
        for place in stale {
            let observed = self.dataplane.table().observe(now_ns, place);
            if let Some(report) = observed.and_then(|o| self.slot_report(&o)) {
                self.handle_slot_report(SlotReport {
                    withdrawn: true,
                    ..report
                });
            }
            if let Some(id) = self.effects.by_slot.get(&place.slot).copied() {
                self.withdraw_at(now_ns, id, place);
            }
        }
    }

    /// Gives the learner an input and carries out what follows, in order.
    pub(super) fn handle(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.effects
            .learner
            .handle(Time(monotonic_ns()), input, &mut out);
        let mut queue = VecDeque::from(out);
        while let Some(output) = queue.pop_front() {
            let Some(result) = self.carry_out(output) else {
                continue;
            };
            let mut more = Vec::new();
            self.effects
                .learner
                .handle(Time(monotonic_ns()), result, &mut more);
            queue.extend(more);
        }
    }

    fn carry_out(&mut self, output: Output) -> Option<Input<'static>> {
        let now_ns = monotonic_ns();
        match output {
            Output::Send {
                from,
                endpoint,
                payload,
                ..
            } => {
                self.spoofed_gatekeeper
                    .send(now_ns, from, endpoint, &payload);
                None
            }
            Output::SendAs {
                endpoint,
                to,
                payload,
            } => {
                self.spoofed_endpoint.send(endpoint, to, &payload);
                None
            }
            Output::Publish(template) => Some(self.publish(now_ns, &template)),
            Output::Withdraw { id } => {
                self.memory.forget(id);
                if let Some(published) = self.effects.published(id) {
                    self.withdraw_at(now_ns, id, published.place);
                }
                None
            }
            Output::Store { id } => {
                self.remember(id);
                None
            }
            Output::Event(event) => {
                self.tell(&event);
                None
            }
        }
    }

    fn publish(&mut self, now_ns: u64, template: &Template) -> Input<'static> {
        let id = template.id;
        let entry = Entry {
            endpoint: template.endpoint,
            rrq: &template.rrq,
            template: rasline_kernel::Template {
                answer: &template.rcf,
                original: (template.original_rcf != template.rcf).then_some(&template.original_rcf),
                endpoint_identifier: &template.endpoint_identifier,
                gatekeeper_ttl: template.gatekeeper_ttl,
                refresh_every: template.refresh_every,
            },
            zone_generation: self.layout.generation(template.zone),
            gatekeeper: template.gatekeeper as u16,
            confirmed_ns: template.confirmed.0,
            last_seen_ns: template.last_seen.0,
        };
        let answered = self
            .effects
            .learner
            .registration(id)
            .map_or(0, |r| r.answered);
        match self.place(now_ns, id, template.zone, answered, &entry) {
            Ok(()) => {
                self.remember(id);
                Input::Published { id }
            }
            Err(refused) => {
                self.memory.forget(id);
                Input::PublishFailed {
                    id,
                    why: refusal(refused),
                }
            }
        }
    }

    /// Puts a keep-alive and its answer into the kernel's table, in place of what is there of this registration.
    pub(super) fn place(
        &mut self,
        now_ns: u64,
        id: RegistrationId,
        zone: u32,
        answered: u64,
        entry: &Entry<'_>,
    ) -> Result<(), Refused> {
        let old = self.effects.published(id);
        self.evict_conflicting_slot(now_ns, id, entry);
        let table = self.dataplane.table_mut();
        let placed = match old {
            Some(old) => table.replace(now_ns, old.place, entry),
            None => table.insert(now_ns, entry),
        };
        if let Some(old) = old {
            self.forget(id, old.place);
        }
        match placed {
            Ok(place) => {
                // A slot that stood already has counted, maybe more than is remembered.
                let counted = self.dataplane.table().get(place).map_or(0, |s| s.answered);
                let published = Published {
                    place,
                    zone,
                    seen: u32::try_from(answered).map_or(counted, |known| known.min(counted)),
                    answered,
                };
                let before = self.effects.published.insert(id, published);
                if let (None, Some((zone, _))) = (before, served::of(id)) {
                    *self.effects.served.entry(zone).or_default() += 1;
                }
                self.effects.by_slot.insert(place.slot, id);
                Ok(())
            }
            Err(refused) => {
                self.effects.refusals += 1;
                self.effects.refused = Some(refused);
                Err(refused)
            }
        }
    }

    /// Withdraws the slot of the same keep-alive that another registration has: the endpoint has moved between
    /// rasline's own gatekeeper and one that is learned.
    fn evict_conflicting_slot(&mut self, now_ns: u64, id: RegistrationId, entry: &Entry<'_>) {
        let slot = self
            .dataplane
            .table()
            .matching_slot(entry.endpoint, entry.rrq);
        let other = slot.and_then(|slot| self.effects.by_slot.get(&slot).copied());
        let Some((other, place)) = other
            .filter(|other| {
                *other != id && served::of(*other).is_some() != served::of(id).is_some()
            })
            .and_then(|other| Some((other, self.effects.published(other)?.place)))
        else {
            return;
        };
        let observed = self.dataplane.table().observe(now_ns, place);
        if let Some(report) = observed.and_then(|o| self.slot_report(&o)) {
            self.handle_slot_report(SlotReport {
                withdrawn: true,
                ..report
            });
        }
        self.withdraw_at(now_ns, other, place);
    }

    pub(super) fn withdraw_at(&mut self, now_ns: u64, id: RegistrationId, place: Place) {
        self.dataplane.table_mut().remove(now_ns, place);
        self.forget(id, place);
    }

    fn forget(&mut self, id: RegistrationId, place: Place) {
        let removed = self.effects.published.remove(&id);
        if let (Some(_), Some((zone, _))) = (removed, served::of(id)) {
            *self.effects.served.entry(zone).or_insert(1) -= 1;
        }
        self.effects.by_slot.remove(&place.slot);
    }
}

impl Supervisor {
    /// What the kernel noted about a registration, now.
    pub(super) fn observed(&self, now_ns: u64, id: RegistrationId) -> Option<Observed> {
        self.dataplane
            .table()
            .observe(now_ns, self.effects.published(id)?.place)
    }
}
