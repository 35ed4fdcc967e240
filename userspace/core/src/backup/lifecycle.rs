//! Zones that come and go, and with them their modules.

use std::collections::HashSet;
use std::sync::Arc;

use super::directory::Directory;
use super::machine::{forget, forget_call};
use super::unit::{self, Module, Question, Unit};
use super::{ControlUnit, Event, Output, Phase, Why, ZoneSettings};
use crate::Time;
use crate::profile::Profile;
use crate::registrar::{self, Stored, StoredCall};

impl ControlUnit {
    pub(super) fn zones(&mut self, now: Time, zones: Vec<ZoneSettings>, out: &mut Vec<Output>) {
        let mut before = std::mem::take(&mut self.units);
        self.by_name.clear();
        for settings in zones {
            let zone = settings.zone;
            let same = |unit: &Unit| unit.settings.name == settings.name;
            let unit = match before.remove(&zone) {
                Some(unit) if same(&unit) => self.changed(now, unit, settings, out),
                Some(unit) => {
                    self.removed(now, unit, out);
                    Unit::new(now, settings)
                }
                None => Unit::new(now, settings),
            };
            self.by_name.insert(unit.settings.name.clone(), zone);
            if let Some(twice) = self.units.insert(zone, unit) {
                self.removed(now, twice, out);
            }
        }
        for (_, unit) in before {
            self.removed(now, unit, out);
        }
        self.settle_all(now, out);
    }

    /// A zone with other settings. What endpoints were told of it does not change as a module runs.
    fn changed(
        &mut self,
        now: Time,
        mut unit: Unit,
        settings: ZoneSettings,
        out: &mut Vec<Output>,
    ) -> Unit {
        let told = |of: &ZoneSettings| {
            (
                of.call_signal_address,
                of.alternates.clone(),
                of.here.clone(),
            )
        };
        if told(&unit.settings) != told(&settings) {
            self.retire(&mut unit, now, Why::Reconfigured, out);
        }
        unit.settings = settings;
        unit
    }

    fn removed(&mut self, now: Time, mut unit: Unit, out: &mut Vec<Output>) {
        self.retire(&mut unit, now, Why::Reconfigured, out);
        self.forget_kept(unit.settings.zone, out);
    }

    pub(super) fn profiles(&mut self, now: Time, all: Vec<Arc<Profile>>, out: &mut Vec<Output>) {
        self.profiled = true;
        let mut before = std::mem::take(&mut self.directories);
        let mut others = HashSet::new();
        for profile in all {
            let directory = match before.remove(&profile.zone) {
                Some(same) if *same.profile() == profile => same,
                _ => {
                    others.insert(profile.zone.clone());
                    Directory::new(profile)
                }
            };
            let name = directory.profile().zone.clone();
            self.directories.insert(name, directory);
        }
        let units = self.units.values();
        let others = units.filter(|u| u.module.is_some() && others.contains(&u.settings.name));
        let others: Vec<u32> = others.map(|unit| unit.settings.zone).collect();
        // First who may be served at all, so that those that a module asks about are there.
        self.settle_all(now, out);
        for zone in others {
            if let Some(profile) = self.profile_of(zone).cloned() {
                self.feed(now, zone, registrar::Input::Profile(profile), out);
            }
        }
    }

    pub(super) fn serve(&mut self, now: Time, zone: u32, on: bool, out: &mut Vec<Output>) {
        let Some(unit) = self.units.get_mut(&zone) else {
            self.stats.unknown_zone += 1;
            return;
        };
        unit.gone = on;
        let served = unit.served();
        self.settle(now, zone, out);
        if !served {
            self.forget_kept(zone, out);
        }
    }

    pub(super) fn restore(
        &mut self,
        now: Time,
        zone: u32,
        stored: Box<Stored>,
        out: &mut Vec<Output>,
    ) {
        let id = stored.id;
        match self.units.get(&zone).map(|unit| unit.phase) {
            Some(Phase::Running) => {
                self.feed(now, zone, registrar::Input::Restore(stored), out);
                return;
            }
            Some(_) if self.kept.keep(zone, stored) => return,
            Some(_) => self.stats.not_kept += 1,
            None => self.stats.unknown_zone += 1,
        }
        forget(zone, id, out);
    }

    pub(super) fn restore_call(
        &mut self,
        now: Time,
        zone: u32,
        stored: Box<StoredCall>,
        out: &mut Vec<Output>,
    ) {
        let call = stored.call.clone();
        match self.units.get(&zone).map(|unit| unit.phase) {
            Some(Phase::Running) => {
                self.feed(now, zone, registrar::Input::RestoreCall(stored), out);
            }
            Some(_) if self.kept.keep_call(zone, *stored) => {}
            _ => {
                self.stats.not_kept_calls += 1;
                forget_call(zone, call, out);
            }
        }
    }

    /// Calls of a zone of which nobody is kept any more.
    pub(super) fn forget_calls(&mut self, zone: u32, out: &mut Vec<Output>) {
        if self.kept.count(zone) > 0 {
            return;
        }
        for call in self.kept.take_calls(zone) {
            self.stats.not_kept_calls += 1;
            forget_call(zone, call.call, out);
        }
    }

    pub(super) fn settle_all(&mut self, now: Time, out: &mut Vec<Output>) {
        let zones: Vec<u32> = self.units.keys().copied().collect();
        for zone in zones {
            self.settle(now, zone, out);
        }
    }

    /// Brings a zone to where it is to be.
    pub(super) fn settle(&mut self, now: Time, zone: u32, out: &mut Vec<Output>) {
        self.neighbours = None;
        let profile = self.profile_of(zone).cloned();
        let seconds = self.unix(now);
        let Some(mut unit) = self.units.remove(&zone) else {
            return;
        };
        let to = unit::decide(self.profiled && unit.served(), profile.as_deref(), seconds);
        let mut questions = Vec::new();
        if to != unit.phase {
            self.retire(&mut unit, now, unit::why(to), out);
            unit.phase = to;
            unit.since = now;
            match (to, &profile) {
                (Phase::Running, Some(profile)) => {
                    questions = self.start(now, &mut unit, profile, out);
                }
                (Phase::Refusing { why }, _) => {
                    out.push(Output::Event(Event::Refusing { zone, why }));
                }
                _ => {}
            }
        }
        self.watch_end(&mut unit, profile.as_deref());
        self.units.insert(zone, unit);
        self.answer(now, zone, questions, out);
        self.queue(zone);
    }

    /// Notes when the subscription of a zone that runs ends.
    fn watch_end(&mut self, unit: &mut Unit, profile: Option<&Profile>) {
        let zone = unit.settings.zone;
        let until = profile.and_then(|profile| profile.subscription.until);
        let ends = until.filter(|_| unit.phase == Phase::Running);
        if let Some(before) = std::mem::replace(&mut unit.ends, ends) {
            self.ends.remove(&(before, zone));
        }
        self.ends.extend(ends.map(|end| (end, zone)));
    }

    /// Ends a zone's module, if it has one; the zone is idle then.
    fn retire(&mut self, unit: &mut Unit, now: Time, why: Why, out: &mut Vec<Output>) {
        let Some(module) = unit.module.take() else {
            return;
        };
        if let Some(due) = module.due {
            self.due.remove(&(due, unit.settings.zone));
        }
        if let Some(end) = unit.ends.take() {
            self.ends.remove(&(end, unit.settings.zone));
        }
        unit.numbered = module.registrar().last_number();
        module.retire(why, out);
        unit.phase = Phase::Idle;
        unit.since = now;
        self.stats.retired += 1;
    }

    fn start(
        &mut self,
        now: Time,
        unit: &mut Unit,
        profile: &Arc<Profile>,
        out: &mut Vec<Output>,
    ) -> Vec<Question> {
        self.stats.started += 1;
        let zone = unit.settings.zone;
        let settings = unit::start(&self.setup, self.stats.started, &unit.settings, profile);
        let mut module = Box::new(Module::new(now, zone, unit.numbered, settings));
        let kept = self.kept.take(zone);
        out.push(Output::Event(Event::Started {
            zone,
            known: profile.endpoints.len(),
            restored: kept.len(),
        }));
        let mut questions = Vec::new();
        for stored in kept.into_values() {
            questions.extend(module.feed(now, registrar::Input::Restore(stored), out));
        }
        for call in self.kept.take_calls(zone) {
            let input = registrar::Input::RestoreCall(Box::new(call));
            questions.extend(module.feed(now, input, out));
        }
        if self.overload.is_some() {
            let input = registrar::Input::Overload(self.overload);
            questions.extend(module.feed(now, input, out));
        }
        unit.module = Some(module);
        questions
    }

    fn forget_kept(&mut self, zone: u32, out: &mut Vec<Output>) {
        for id in self.kept.take(zone).into_keys() {
            forget(zone, id, out);
        }
        self.forget_calls(zone, out);
    }
}
