//! The control unit as a whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rasline_h225::{decode_ras, encode_ras};

use super::directory::Directory;
use super::kept::Kept;
use super::reach::Found;
use super::refuse::reject;
use super::unit::{Module, Question, Unit};
use super::{Event, Input, Output, Phase, Setup, Stats, View};
use crate::Time;
use crate::profile::Profile;
use crate::ras_server::answer_address;
use crate::registrar::{self, EntryId, Registrar, rejection_name};

/// Answers that a module may ask about at once, one after the other; each is answered, so this is never met but by a
/// module that asks for ever.
const ROUNDS: usize = 8;
/// Seconds that two readings of the same clock may differ.
const READ_AGAIN: u64 = 2;

/// Modules for zones, and what they need.
#[derive(Debug)]
pub struct ControlUnit {
    pub(super) setup: Setup,
    pub(super) units: BTreeMap<u32, Unit>,
    pub(super) by_name: HashMap<String, u32>,
    /// Profiles by zone name.
    pub(super) directories: HashMap<String, Directory>,
    /// Profiles were given, be it none.
    pub(super) profiled: bool,
    /// Zones that are served, by their neighbours; made anew when it is asked for after a change.
    pub(super) neighbours: Option<HashMap<IpAddr, Vec<u32>>>,
    pub(super) due: BTreeSet<(Time, u32)>,
    /// When the subscriptions of zones that run end, UNIX seconds.
    pub(super) ends: BTreeSet<(u64, u32)>,
    pub(super) kept: Kept,
    pub(super) overload: Option<std::time::Duration>,
    pub(super) stats: Stats,
}

impl ControlUnit {
    /// No zones yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            setup,
            units: BTreeMap::new(),
            by_name: HashMap::new(),
            directories: HashMap::new(),
            profiled: false,
            neighbours: None,
            due: BTreeSet::new(),
            ends: BTreeSet::new(),
            kept: Kept::new(setup.max_restored),
            overload: None,
            stats: Stats::default(),
        }
    }

    /// Takes one input and appends what is to be done, in order.
    pub fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<Output>) {
        match input {
            Input::Zones(zones) => self.zones(now, zones, out),
            Input::Profiles { all } => self.profiles(now, all, out),
            Input::Serve { zone, on } => self.serve(now, zone, on, out),
            Input::Message {
                zone,
                from,
                to,
                payload,
            } => self.message(now, zone, (from, to), payload, out),
            Input::Seen { zone, id, at } => {
                self.feed(now, zone, registrar::Input::Seen { id, at }, out);
            }
            Input::Restore { zone, stored } => self.restore(now, zone, stored, out),
            Input::RestoreCall { zone, stored } => self.restore_call(now, zone, stored, out),
            Input::Drop { zone, id } => self.drop_entry(now, zone, id, out),
            Input::Overload(length) => {
                self.overload = length;
                self.feed_all(now, &registrar::Input::Overload(length), out);
            }
            Input::Due => self.fall_due(now, out),
            Input::Tick => self.tick(now, out),
            Input::WallClock { unix_at_zero } => self.wall_clock(now, unix_at_zero, out),
        }
    }

    /// When [`Input::Due`] is wanted; earlier is harmless.
    #[must_use]
    pub fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    /// All zones, by index.
    pub fn views(&self) -> impl Iterator<Item = View> + '_ {
        self.units.values().map(|unit| self.view_of(unit))
    }

    /// One zone.
    #[must_use]
    pub fn view(&self, zone: u32) -> Option<View> {
        Some(self.view_of(self.units.get(&zone)?))
    }

    /// The registrar of a zone, if it is served here: who is registered there.
    #[must_use]
    pub fn registrar(&self, zone: u32) -> Option<&Registrar> {
        Some(self.units.get(&zone)?.module.as_ref()?.registrar())
    }

    /// Numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let is = |what: fn(Phase) -> bool| {
            let units = self.units.values();
            units.filter(|unit| what(unit.phase)).count() as u64
        };
        Stats {
            running: is(|phase| phase == Phase::Running),
            refusing: is(|phase| matches!(phase, Phase::Refusing { .. })),
            kept: self.kept.len() as u64,
            kept_calls: self.kept.calls() as u64,
            ..self.stats
        }
    }

    /// The profile of a zone.
    pub(super) fn profile_of(&self, zone: u32) -> Option<&Arc<Profile>> {
        let name = &self.units.get(&zone)?.settings.name;
        Some(self.directories.get(name)?.profile())
    }

    /// The zone of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Unit> {
        self.units.get(self.by_name.get(name)?)
    }

    fn view_of(&self, unit: &Unit) -> View {
        let zone = unit.settings.zone;
        let profile = self.profile_of(zone);
        View {
            zone,
            name: unit.settings.name.clone(),
            phase: unit.phase,
            since: unit.since,
            always: unit.settings.always,
            tenant: profile.map(|profile| profile.tenant.clone()),
            known: profile.map_or(0, |profile| profile.endpoints.len()),
            kept: self.kept.count(zone),
            refused: unit.refused,
            stats: unit
                .module
                .as_ref()
                .map(|module| module.registrar().stats()),
        }
    }

    fn message(
        &mut self,
        now: Time,
        zone: u32,
        (from, to): (SocketAddr, SocketAddr),
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        match self.units.get(&zone).map(|unit| unit.phase) {
            None => self.stats.unknown_zone += 1,
            Some(Phase::Idle) => self.stats.not_served += 1,
            Some(Phase::Refusing { .. }) => self.refuse(now, zone, (from, to), payload, out),
            Some(Phase::Running) => {
                let input = registrar::Input::Message { from, to, payload };
                self.feed(now, zone, input, out);
            }
        }
    }

    fn refuse(
        &mut self,
        now: Time,
        zone: u32,
        (from, own): (SocketAddr, SocketAddr),
        payload: &[u8],
        out: &mut Vec<Output>,
    ) {
        // Others may hear a multicast, and confirm.
        let alone = Some(payload).filter(|_| !own.ip().is_multicast());
        let answer = alone.and_then(|payload| {
            let message = decode_ras(payload).ok()?;
            let rejection = reject(&message)?;
            let octets = encode_ras(&rejection).ok()?;
            Some((message, rejection, octets))
        });
        let (Some((message, rejection, payload)), Some(unit)) = (answer, self.units.get_mut(&zone))
        else {
            self.stats.ignored += 1;
            return;
        };
        self.stats.refused += 1;
        let to = answer_address(from, &message);
        let output = registrar::Output::Send {
            from: own,
            to,
            payload,
        };
        out.push(Output::Zone { zone, output });
        out.extend(unit.refused(now, |count| Event::Refused {
            zone,
            from,
            request: message.kind().name().to_owned(),
            reason: rejection_name(&rejection).unwrap_or_else(|| "notAvailable".to_owned()),
            count,
        }));
    }

    fn drop_entry(&mut self, now: Time, zone: u32, id: EntryId, out: &mut Vec<Output>) {
        if self.kept.remove(zone, id) {
            forget(zone, id, out);
            self.forget_calls(zone, out);
        }
        self.feed(now, zone, registrar::Input::Drop { id }, out);
    }

    /// Each module that is due, once: one that is due again at once waits for the next time.
    fn fall_due(&mut self, now: Time, out: &mut Vec<Output>) {
        let due = self.due.iter().take_while(|(due, _)| *due <= now);
        let zones: Vec<u32> = due.map(|(_, zone)| *zone).collect();
        for zone in zones {
            self.feed(now, zone, registrar::Input::Due, out);
        }
    }

    fn tick(&mut self, now: Time, out: &mut Vec<Output>) {
        let unix = self.unix(now);
        while let Some((end, zone)) = self.ends.first().copied() {
            if end > unix {
                break;
            }
            self.ends.pop_first();
            self.settle(now, zone, out);
        }
        while let Some((zone, id)) = self.kept.expired(now) {
            self.stats.not_kept += 1;
            forget(zone, id, out);
            self.forget_calls(zone, out);
        }
    }

    /// A clock that was set may begin or end a subscription; one that is read again a moment later only ends it, at the
    /// next tick.
    fn wall_clock(&mut self, now: Time, unix_at_zero: i64, out: &mut Vec<Output>) {
        let by = self.setup.unix_at_zero.abs_diff(unix_at_zero);
        if by == 0 {
            return;
        }
        self.setup.unix_at_zero = unix_at_zero;
        self.feed_all(now, &registrar::Input::WallClock { unix_at_zero }, out);
        if by > READ_AGAIN {
            self.settle_all(now, out);
        }
    }

    fn feed_all(&mut self, now: Time, input: &registrar::Input<'_>, out: &mut Vec<Output>) {
        let running = self.units.values().filter(|unit| unit.module.is_some());
        let zones: Vec<u32> = running.map(|unit| unit.settings.zone).collect();
        for zone in zones {
            self.feed(now, zone, input.clone(), out);
        }
    }

    /// Gives an input to a zone's module, if one runs, and answers what it asks about other zones.
    pub(super) fn feed(
        &mut self,
        now: Time,
        zone: u32,
        input: registrar::Input<'_>,
        out: &mut Vec<Output>,
    ) {
        let Some(module) = self.module(zone) else {
            return;
        };
        let questions = module.feed(now, input, out);
        self.answer(now, zone, questions, out);
        self.queue(zone);
    }

    pub(super) fn answer(
        &mut self,
        now: Time,
        zone: u32,
        mut questions: Vec<Question>,
        out: &mut Vec<Output>,
    ) {
        for _ in 0..ROUNDS {
            for question in std::mem::take(&mut questions) {
                let found = self.reach(self.unix(now), zone, &question.destination);
                let found = self.note_reached(found);
                let Some(module) = self.module(zone) else {
                    return;
                };
                let ticket = question.ticket;
                let input = registrar::Input::Located { ticket, found };
                questions.extend(module.feed(now, input, out));
            }
            if questions.is_empty() {
                return;
            }
        }
    }

    fn note_reached(&mut self, found: Option<Found>) -> Option<registrar::Destination> {
        match found {
            Some(Found::Served(destination)) => {
                self.stats.reached += 1;
                Some(destination)
            }
            Some(Found::Listed(destination)) => {
                self.stats.reached_by_profile += 1;
                Some(destination)
            }
            None => {
                self.stats.unreached += 1;
                None
            }
        }
    }

    fn module(&mut self, zone: u32) -> Option<&mut Module> {
        self.units.get_mut(&zone)?.module.as_deref_mut()
    }

    /// Puts a module where it belongs in the queue.
    pub(super) fn queue(&mut self, zone: u32) {
        let Some(module) = self
            .units
            .get_mut(&zone)
            .and_then(|unit| unit.module.as_deref_mut())
        else {
            return;
        };
        let due = module.registrar().next_due();
        if due == module.due {
            return;
        }
        if let Some(before) = std::mem::replace(&mut module.due, due) {
            self.due.remove(&(before, zone));
        }
        self.due.extend(due.map(|due| (due, zone)));
    }

    pub(super) fn unix(&self, now: Time) -> u64 {
        let seconds = now.0.cast_signed().div_euclid(1_000_000_000);
        let unix = self.setup.unix_at_zero.saturating_add(seconds);
        unix.max(0).cast_unsigned()
    }
}

pub(super) fn forget(zone: u32, id: EntryId, out: &mut Vec<Output>) {
    let output = registrar::Output::Forget { id };
    out.push(Output::Zone { zone, output });
}

pub(super) fn forget_call(zone: u32, call: String, out: &mut Vec<Output>) {
    let output = registrar::Output::ForgetCall { call };
    out.push(Output::Zone { zone, output });
}
