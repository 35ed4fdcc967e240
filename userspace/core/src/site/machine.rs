//! The site: takes what happens, has its parts decide, and passes on what one part must know of another's decision.

use std::collections::{BTreeMap, BTreeSet};

use super::alternates::LearnedAlternates;
use super::io::{ByHand, Input, KernelChange, Output, Send, SendBy, SlotEntry, Start, Tick};
use super::profiles::Profiles;
use super::scene::{Scene, Step};
use super::serving::OwnGatekeepers;
use super::steering::ZoneSteering;
use super::{Config, Event, Surroundings, Zone};
use crate::learner::{self, Learner};
use crate::presence::Digest;
use crate::ras_server::CallFact;
use crate::record::{Record, RecordKey};
use crate::{
    GatekeeperIndex, Message, RegistrationId, RegistrationKey, SlotReport, Template, Time,
    ZoneIndex, backup, health,
};

/// How often (in ticks) the time that zones need to move is reckoned.
const MOVE_EVERY: u32 = 30;

/// All machines of one box.
#[derive(Debug)]
pub struct Site {
    config: Config,
    learner: Learner,
    steering: ZoneSteering,
    own: OwnGatekeepers,
    alternates: LearnedAlternates,
    profiles: Profiles,
    /// Collects endpoints that fell silent or are back, and reports them at a limited rate.
    digest: Digest,
    ticks: u32,
}

impl Site {
    /// A box with this configuration, to which nothing has happened yet.
    #[must_use]
    pub fn new(config: Config, setup: backup::Setup) -> Self {
        Self {
            learner: Learner::new(learner_config(&config)),
            steering: ZoneSteering::default(),
            own: OwnGatekeepers::new(setup),
            alternates: LearnedAlternates::default(),
            profiles: Profiles::default(),
            digest: Digest::default(),
            ticks: 0,
            config,
        }
    }

    /// Takes an input and appends what is to be done.
    pub fn handle(
        &mut self,
        now: Time,
        around: &dyn Surroundings,
        input: Input<'_>,
        out: &mut Vec<Output>,
    ) {
        let at = At { now, around };
        match input {
            Input::Start(start) => self.start(at, *start, out),
            Input::Reconfigure(config) => self.reconfigure(at, *config, out),
            Input::Restore(record) => self.restore(at, record, out),
            Input::Profiles(loaded) => {
                let event = self.profiles.load(loaded);
                out.extend(event.map(Output::Event));
                self.use_profiles(at, out);
            }
            Input::Message(message) => self.handle_message(at, message, out),
            Input::Datagram(datagram) => {
                let scene = scene(at, &self.config);
                self.own.handle_datagram(scene, &datagram, out);
            }
            Input::Waiting(waiting) => {
                let scene = scene(at, &self.config);
                self.own.handle_waiting(scene, waiting, out);
            }
            Input::SlotReport { key, report } => self.handle_slot_report(at, key, report, out),
            Input::Scanned => self.teach(at, learner::Input::Tick, out),
            Input::Published(key) => self.handle_published(at, key, out),
            Input::PublishFailed { key, why } => {
                if let RegistrationKey::Learned(id) = key {
                    out.push(Output::Forget(RecordKey::Registration(id)));
                    self.teach(at, learner::Input::PublishFailed { id, why }, out);
                }
            }
            Input::Health { gatekeeper, change } => {
                out.extend(lost_to_calls(&self.config, gatekeeper, change.to));
                let scene = scene(at, &self.config);
                let steps = self.steering.handle_health(scene, gatekeeper, &change);
                self.follow(at, steps, out);
            }
            Input::Unprobed(gatekeepers) => {
                let scene = scene(at, &self.config);
                let steps = self.steering.forget_health(scene, &gatekeepers);
                self.follow(at, steps, out);
            }
            Input::WayChanged {
                gatekeeper,
                why,
                state,
                cut,
            } => {
                let scene = scene(at, &self.config);
                let steering = &mut self.steering;
                let steps = steering.handle_way(scene, gatekeeper, why, state, &cut);
                self.follow(at, steps, out);
            }
            Input::Calls { gatekeeper, open } => {
                let scene = scene(at, &self.config);
                let steps = self.steering.handle_calls(scene, gatekeeper, open);
                self.follow(at, steps, out);
            }
            Input::Look => self.look(at, out),
            Input::Due => self.own.expire(scene(at, &self.config), out),
            Input::Tick(tick) => self.tick(at, tick, out),
            Input::Decide { zone, decision } => self.decide(at, zone, decision, out),
            Input::Drop(key) => self.drop_registration(at, key, out),
            Input::AskAdmission { zone, asked } => {
                let scene = scene(at, &self.config);
                self.own.ask_admission(scene, zone, asked, out);
            }
        }
    }

    /// When [`Input::Due`] is to come.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        self.own.next_due()
    }

    /// The configuration in force.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The learner.
    #[must_use]
    pub const fn learner(&self) -> &Learner {
        &self.learner
    }

    /// Which gatekeeper serves each zone.
    #[must_use]
    pub const fn steering(&self) -> &ZoneSteering {
        &self.steering
    }

    /// Rasline's own gatekeepers.
    #[must_use]
    pub const fn own(&self) -> &OwnGatekeepers {
        &self.own
    }

    /// Alternates that were learned.
    #[must_use]
    pub const fn alternates(&self) -> &LearnedAlternates {
        &self.alternates
    }

    /// How many profiles were read.
    #[must_use]
    pub fn profile_count(&self) -> usize {
        self.profiles.len()
    }

    /// Whether there is a registration.
    #[must_use]
    pub fn has_registration(&self, key: RegistrationKey) -> bool {
        match key {
            RegistrationKey::Learned(id) => self.learner.registration(id).is_some(),
            RegistrationKey::Served(zone, entry) => self.own.has(zone, entry),
        }
    }

    /// Gatekeepers whose open calls are to be counted ([`Input::Calls`]): zones wait for these to end.
    #[must_use]
    pub fn awaits_calls(&self) -> Vec<GatekeeperIndex> {
        self.steering.awaits_calls(&self.config)
    }

    /// Gatekeepers whose calls are lost for good, so that endpoints must learn of it.
    #[must_use]
    pub fn lost_gatekeepers(&self, around: &dyn Surroundings) -> BTreeSet<GatekeeperIndex> {
        ZoneSteering::lost_gatekeepers(&self.config, around)
    }

    /// Keys of everything that is to be remembered, of agents apart.
    #[must_use]
    pub fn record_keys(&self) -> Vec<RecordKey> {
        let learned = self.learner.registrations();
        let learned = learned.filter(|one| one.state.is_published());
        let learned = learned.map(|one| RecordKey::Registration(one.id));
        let decisions = self.steering.decisions().keys();
        learned
            .chain(decisions.map(|zone| RecordKey::Decision(*zone)))
            .chain(self.own.record_keys())
            .collect()
    }

    /// What is to be remembered under a key; `None`: nothing any more.
    #[must_use]
    pub fn record(&self, key: &RecordKey) -> Option<Record> {
        match key {
            RecordKey::Registration(id) => {
                let stored = self.learner.stored(*id)?;
                Some(Record::Registration(Box::new(stored)))
            }
            RecordKey::Decision(zone) => {
                let decision = self.steering.decisions().get(zone)?;
                Some(Record::Decision(*decision))
            }
            RecordKey::Served { .. } | RecordKey::Call { .. } => self.own.record(key),
            RecordKey::Alternates(_) | RecordKey::Agent(_) => None,
        }
    }

    /// What was in force before goes on; nothing is steered elsewhere in between.
    fn start(&mut self, at: At<'_>, start: Start, out: &mut Vec<Output>) {
        self.configure_monitor();
        out.extend(self.alternates.configure(at.now, &self.config));
        for list in start.alternates {
            out.extend(self.alternates.restore(at.now, &self.config, list));
        }
        self.own.configure(scene(at, &self.config), out);
        let event = self.profiles.load(start.profiles);
        out.extend(event.map(Output::Event));
        self.use_profiles(at, out);
        let scene = scene(at, &self.config);
        let steps = self.steering.start(scene, &start.decisions);
        self.follow(at, steps, out);
    }

    /// Everything follows another configuration.
    fn reconfigure(&mut self, at: At<'_>, config: Config, out: &mut Vec<Output>) {
        let new = learner::Input::Reconfigure(learner_config(&config));
        self.teach(at, new, out);
        out.push(Output::WithdrawStale);
        let indices = |config: &Config| -> BTreeSet<GatekeeperIndex> {
            config.gatekeepers().map(|(_, one)| one.index).collect()
        };
        let before = indices(&self.config);
        self.config = config;
        self.configure_monitor();
        for gone in before.difference(&indices(&self.config)) {
            out.extend(self.alternates.forget(at.now, &self.config, *gone));
        }
        self.own.configure(scene(at, &self.config), out);
        self.use_profiles(at, out);
        let steps = self.steering.reconfigure(scene(at, &self.config));
        self.follow(at, steps, out);
        out.extend(self.alternates.configure(at.now, &self.config));
    }

    fn configure_monitor(&mut self) {
        let zones = self.config.zones.iter();
        let zones = zones.map(|zone| (zone.index.0, zone.silent_after));
        self.learner.presence_mut().configure(zones);
    }

    fn restore(&mut self, at: At<'_>, record: Record, out: &mut Vec<Output>) {
        match record {
            Record::Registration(stored) => {
                self.teach(at, learner::Input::Restore(stored), out);
            }
            Record::Served { zone, stored } => {
                let scene = scene(at, &self.config);
                self.own.restore(scene, zone, *stored, out);
            }
            Record::Call { zone, call } => {
                let scene = scene(at, &self.config);
                self.own.restore_call(scene, zone, *call, out);
            }
            // These come with the start, or belong to the agents.
            Record::Decision(_) | Record::Alternates(_) | Record::Agent(_) => {}
        }
    }

    fn use_profiles(&mut self, at: At<'_>, out: &mut Vec<Output>) {
        let all = self.profiles.in_force(&self.config, &self.learner);
        self.own.set_profiles(scene(at, &self.config), all, out);
    }

    fn handle_message(&mut self, at: At<'_>, message: Message<'_>, out: &mut Vec<Output>) {
        if self.own.is_served(ZoneIndex(message.zone)) {
            let scene = scene(at, &self.config);
            return self.own.handle_message(scene, &message, out);
        }
        self.teach(at, learner::Input::Message(message), out);
        let alternates = &mut self.alternates;
        out.extend(alternates.handle_message(at.now, &self.config, &message));
    }

    /// A slot report goes to the machine that has its registration.
    fn handle_slot_report(
        &mut self,
        at: At<'_>,
        key: RegistrationKey,
        report: SlotReport,
        out: &mut Vec<Output>,
    ) {
        match key {
            RegistrationKey::Learned(id) => {
                let report = SlotReport { id, ..report };
                self.teach(at, learner::Input::SlotReport(report), out);
            }
            RegistrationKey::Served(zone, entry) => {
                let scene = scene(at, &self.config);
                self.own
                    .handle_seen(scene, zone, entry, report.last_seen, out);
            }
        }
    }

    fn handle_published(&mut self, at: At<'_>, key: RegistrationKey, out: &mut Vec<Output>) {
        let RegistrationKey::Learned(id) = key else {
            return;
        };
        out.extend(self.persist_registration(id));
        self.teach(at, learner::Input::Published { id }, out);
    }

    fn persist_registration(&self, id: RegistrationId) -> Option<Output> {
        let stored = self.learner.stored(id)?;
        Some(Output::Persist(Record::Registration(Box::new(stored))))
    }

    fn look(&mut self, at: At<'_>, out: &mut Vec<Output>) {
        let steps = self
            .steering
            .adopt_kernel_decisions(scene(at, &self.config));
        self.follow(at, steps, out);
        if self.steering.has_standbys() {
            self.teach(at, learner::Input::Pace, out);
        }
    }

    fn tick(&mut self, at: At<'_>, tick: Tick, out: &mut Vec<Output>) {
        self.look_at_endpoints(at, tick.blind, out);
        let scene_now = scene(at, &self.config);
        let steps = self.steering.tick(scene_now, tick.minute_of_day);
        self.follow(at, steps, out);
        if self.alternates.take_changed() {
            out.push(Output::Adopt);
        }
        if self.ticks.is_multiple_of(MOVE_EVERY) {
            self.allow_time_to_move(out);
        }
        self.ticks = self.ticks.wrapping_add(1);
        let scene = scene(at, &self.config);
        self.own.set_clock(scene, tick.unix_at_zero, out);
        self.own.tick(scene, out);
        let served = self.own.backed_up();
        let learned = self
            .profiles
            .tick(at.now, &self.config, &self.learner, served);
        out.extend(learned);
    }

    /// Looks which endpoints have fallen silent or are back.
    fn look_at_endpoints(&mut self, at: At<'_>, blind: bool, out: &mut Vec<Output>) {
        let served = self.own.last_seen(&self.config);
        let monitor = self.learner.presence_mut();
        monitor.hear_all(at.now, served.into_iter());
        let changes = monitor.look(at.now, blind, |subject| at.around.trace(at.now, subject));
        let reports = self.digest.add(at.now, &changes);
        out.extend(
            reports
                .into_iter()
                .map(|one| Output::Event(Event::Presence(one))),
        );
    }

    /// Gives each zone as long as its registrations need to move, those with its backup among them.
    fn allow_time_to_move(&self, out: &mut Vec<Output>) {
        let mut counts: BTreeMap<ZoneIndex, u64> = BTreeMap::new();
        for registration in self.learner.registrations() {
            *counts.entry(ZoneIndex(registration.zone)).or_default() += 1;
        }
        for (zone, registrar) in self.own.registrars() {
            // An endpoint may be known twice: as its own gatekeeper had it, and as rasline has it.
            let count = counts.entry(zone).or_default();
            *count = registrar.stats().registrations.max(*count);
        }
        for zone in self.config.zones.iter().filter(|zone| zone.is_steered()) {
            let count = counts.get(&zone.index).copied().unwrap_or(0);
            out.push(Output::Kernel(KernelChange::MoveFor {
                zone: zone.index,
                time: zone.time_to_move(count),
            }));
        }
    }

    fn decide(&mut self, at: At<'_>, zone: ZoneIndex, decision: ByHand, out: &mut Vec<Output>) {
        let scene = scene(at, &self.config);
        let steps = self.steering.decide_by_hand(scene, zone, decision);
        self.follow(at, steps, out);
    }

    fn drop_registration(&mut self, at: At<'_>, key: RegistrationKey, out: &mut Vec<Output>) {
        match key {
            RegistrationKey::Learned(id) => {
                self.teach(at, learner::Input::DropRegistration { id }, out);
            }
            RegistrationKey::Served(zone, entry) => {
                let scene = scene(at, &self.config);
                self.own.drop_registration(scene, zone, entry, out);
            }
        }
    }

    /// Follows what was decided about zones, in order.
    fn follow(&mut self, at: At<'_>, steps: Vec<Step>, out: &mut Vec<Output>) {
        for step in steps {
            match step {
                Step::Serve(zone, active) => self.serve(at, zone, active, out),
                Step::Upstream(zone, active) => {
                    let scene = scene(at, &self.config);
                    self.own.set_upstream(scene, zone, active, out);
                }
                Step::Learner(input) => self.teach(at, input, out),
                Step::Output(output) => out.push(output),
            }
        }
    }

    /// A zone's traffic goes to this gatekeeper: if that is rasline itself, its registrar starts.
    fn serve(
        &mut self,
        at: At<'_>,
        zone: ZoneIndex,
        active: Option<GatekeeperIndex>,
        out: &mut Vec<Output>,
    ) {
        let found = active.and_then(|active| self.config.gatekeeper(active));
        let on = found.is_some_and(|(_, one)| one.is_own());
        if on == self.own.backed_up().contains(&zone) {
            return;
        }
        if on {
            let reserved = &self.config.reserved;
            self.profiles.learn_zone(zone, &self.learner, reserved);
            self.use_profiles(at, out);
        }
        self.own.serve(scene(at, &self.config), zone, on, out);
    }

    /// Gives the learner an input and follows what it wants.
    fn teach(&mut self, at: At<'_>, input: learner::Input<'_>, out: &mut Vec<Output>) {
        let mut wanted = Vec::new();
        self.learner.handle(at.now, input, &mut wanted);
        for output in wanted {
            self.follow_learner(output, out);
        }
    }

    fn follow_learner(&self, output: learner::Output, out: &mut Vec<Output>) {
        use learner::Output as O;
        match output {
            O::Send {
                from,
                endpoint,
                payload,
                ..
            } => out.push(Output::Send(Send {
                by: SendBy::Gatekeeper,
                from,
                to: endpoint,
                payload,
            })),
            O::SendAs {
                endpoint,
                to,
                payload,
            } => out.push(Output::Send(Send {
                by: SendBy::Endpoint,
                from: endpoint,
                to,
                payload,
            })),
            O::Publish(template) => {
                let shown = self.learner.registration(template.id);
                let answered = shown.map_or(0, |it| it.answered);
                out.push(Output::Publish(Box::new(slot_entry(*template, answered))));
            }
            O::Withdraw { id } => {
                out.push(Output::Forget(RecordKey::Registration(id)));
                out.push(Output::Withdraw(RegistrationKey::Learned(id)));
            }
            O::Store { id } => out.extend(self.persist_registration(id)),
            O::Event(event) => out.push(Output::Event(Event::Network(event))),
        }
    }
}

/// When something happens, and what is around.
#[derive(Clone, Copy)]
struct At<'a> {
    now: Time,
    around: &'a dyn Surroundings,
}

fn scene<'a>(at: At<'a>, config: &'a Config) -> Scene<'a> {
    Scene {
        now: at.now,
        config,
        around: at.around,
    }
}

fn slot_entry(template: Template, answered: u64) -> SlotEntry {
    let original = template.original_rcf;
    SlotEntry {
        key: RegistrationKey::Learned(template.id),
        zone: ZoneIndex(template.zone),
        gatekeeper: GatekeeperIndex(template.gatekeeper),
        endpoint: template.endpoint,
        rrq: template.rrq,
        original_rcf: (template.rcf != original).then_some(original),
        rcf: template.rcf,
        endpoint_identifier: template.endpoint_identifier,
        gatekeeper_ttl: template.gatekeeper_ttl,
        refresh_every: template.refresh_every,
        confirmed: template.confirmed,
        last_seen: template.last_seen,
        answered,
    }
}

/// The learner's configuration: transparent zones only, since there is nothing to learn where rasline is the gatekeeper.
fn learner_config(config: &Config) -> learner::Config {
    let zone = |zone: &Zone| learner::Zone {
        index: zone.index.0,
        name: zone.name.clone(),
        answer: zone.answer,
        endpoint_ttl: zone.endpoint_ttl,
        refresh_every: zone.refresh_every,
        hold_for: zone.hold_for,
        gatekeepers: (zone.gatekeepers.iter())
            .filter(|one| !one.is_own())
            .map(|one| learner::Gatekeeper {
                index: one.index.0,
                id: one.id.clone(),
                address: one.ras,
            })
            .collect(),
    };
    let zones = config.zones.iter().filter(|zone| zone.is_transparent());
    learner::Config {
        zones: zones.map(zone).collect(),
        max_registrations: config.max_registrations,
        max_pending: config.max_pending,
    }
}

/// What the calls of a zone must know of a gatekeeper that is found dead, if rasline ends their signalling.
fn lost_to_calls(config: &Config, index: GatekeeperIndex, state: health::State) -> Option<Output> {
    let (zone, gatekeeper) = config.gatekeeper(index)?;
    let ends_calls = zone
        .proxy()
        .is_some_and(|one| one.call_signalling.is_some());
    (state == health::State::Down && ends_calls).then_some(Output::Call {
        zone: zone.index,
        fact: CallFact::Lost {
            gatekeeper: gatekeeper.ras,
        },
    })
}
