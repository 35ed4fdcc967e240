//! The machine that watches all registrations.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use super::rhythm::{Rhythm, Thresholds};
use super::{Absence, Change, Counts, Presence, Sign, Subject, Trace};
use crate::{RegistrationId, Time};

/// A look that comes this long after the one before is late: silence begins again with it. Looks are a second apart.
pub const LATE_LOOK: Duration = Duration::from_secs(3);
/// Registrations judged at one look at most; the others' turn comes with the next.
pub const JUDGED_AT_ONCE: usize = 65_536;
/// How often a missing endpoint's address is looked up: other messages than its keep-alive may show that it is back.
pub const RECHECK: Duration = Duration::from_secs(10);
/// How long an endpoint without any rhythm counts as alive after it spoke.
const UNTIMED: Duration = Duration::from_mins(1);
/// If most of a zone was not heard of since the watch began, this many thresholds pass before that means something.
const PATIENCE: u32 = 4;

/// One registration.
#[derive(Clone, Debug)]
struct Watch {
    subject: Subject,
    rhythm: Rhythm,
    presence: Presence,
    /// Last sign of life.
    last: Time,
    /// Last keep-alive.
    beat: Option<Time>,
    /// When timeToLive or the gatekeeper became another.
    changed: Time,
    /// When `presence` became Silent, Gone or Back.
    found: Time,
    /// Last round in which [`Monitor::hear_all`] had it; 0: it comes by [`Monitor::hear`] alone.
    round: u32,
}

/// A zone.
#[derive(Clone, Debug, Default)]
struct Zone {
    silent_after: Option<Duration>,
    counts: Counts,
    /// Registrations not heard of since the watch began.
    unheard: usize,
}

/// Watches registrations: see [the module](super).
///
/// [`Monitor::hear`] whatever shows life; [`Monitor::look`] about once a second, after everything that is known was
/// given. A watched registration costs about 150 octets.
#[derive(Debug, Default)]
pub struct Monitor {
    watches: Vec<Option<Watch>>,
    /// When each is to be judged; apart, so that a look at a million of them reads 8 MB.
    due: Vec<Time>,
    free: Vec<usize>,
    places: HashMap<RegistrationId, usize>,
    zones: BTreeMap<u32, Zone>,
    /// Since when nothing was missed.
    since: Time,
    looked: Option<Time>,
    blind: bool,
    /// Where the next look begins.
    cursor: usize,
    round: u32,
    rounds: usize,
    changes: Vec<Change>,
}

impl Monitor {
    /// Sets the zones that there are, each with its `silent_after`.
    pub fn configure(&mut self, zones: impl IntoIterator<Item = (u32, Option<Duration>)>) {
        let wanted: BTreeMap<u32, Option<Duration>> = zones.into_iter().collect();
        self.zones
            .retain(|index, zone| wanted.contains_key(index) || zone.counts.total() > 0);
        for (index, silent_after) in wanted {
            let zone = self.zones.entry(index).or_default();
            if zone.silent_after != silent_after {
                zone.silent_after = silent_after;
                self.due.fill(Time(0));
            }
        }
    }

    /// A registration showed at `at` that its endpoint lives. An unknown one is watched from now on; what is known of
    /// it is replaced by what the subject says.
    pub fn hear(&mut self, now: Time, subject: &Subject, at: Time, sign: Sign) {
        let index = match self.places.get(&subject.id) {
            Some(index) => *index,
            None => self.insert(now, subject, at.min(now)),
        };
        self.adopt(now, index, subject);
        self.heard(now, index, at.min(now), sign);
    }

    /// All registrations of a kind that is not otherwise known to end, with their last signs of life: those that were
    /// here before and are missing have ended.
    pub fn hear_all(&mut self, now: Time, all: impl Iterator<Item = (Subject, Time)>) {
        self.round = self.round.wrapping_add(1).max(1);
        let mut present = 0;
        for (subject, at) in all {
            self.hear(now, &subject, at, Sign::Other);
            let round = self.round;
            let watch = self.places.get(&subject.id).copied();
            if let Some(watch) = watch.and_then(|index| self.watches[index].as_mut()) {
                present += 1;
                self.rounds += usize::from(watch.round == 0);
                watch.round = round;
            }
        }
        if present == self.rounds {
            return;
        }
        let missing = |watch: &Watch| watch.round != 0 && watch.round != self.round;
        let ended: Vec<RegistrationId> = (self.watches.iter().flatten())
            .filter(|watch| missing(watch))
            .map(|watch| watch.subject.id)
            .collect();
        for id in ended {
            self.expire(now, id);
        }
    }

    /// A registration has ended, and not by silence: nothing is said of it any more.
    pub fn end(&mut self, id: RegistrationId) {
        if let Some(index) = self.places.remove(&id) {
            self.remove(index);
        }
    }

    /// A registration has ended because nothing came any more. If its endpoint was overdue it is gone.
    pub fn expire(&mut self, now: Time, id: RegistrationId) {
        let Some(index) = self.places.remove(&id) else {
            return;
        };
        let thresholds = self.thresholds(index);
        let Some(watch) = self.remove(index) else {
            return;
        };
        let late = thresholds.map_or(UNTIMED, |t| t.late);
        if watch.presence != Presence::Gone && self.quiet(now, watch.last).1 > late {
            self.changes.push(change(&watch, Presence::Gone));
        }
    }

    /// Judges what is due and gives what changed since the last look. `blind`: nothing could have been heard, since no
    /// interface towards endpoints is up. `trace` is asked about a registration before it is thought ill of.
    pub fn look(
        &mut self,
        now: Time,
        blind: bool,
        mut trace: impl FnMut(&Subject) -> Trace,
    ) -> Vec<Change> {
        let late = self
            .looked
            .is_none_or(|looked| now.since(looked) > LATE_LOOK);
        if late || blind || self.blind {
            self.begin_again(now, late || blind != self.blind);
        }
        (self.looked, self.blind) = (Some(now), blind);
        let begin = self.cursor.min(self.due.len());
        let mut left = JUDGED_AT_ONCE;
        for range in [begin..self.due.len(), 0..begin] {
            let mut from = range.start;
            while let Some(index) = self.next_due(now, from, range.end) {
                if left == 0 {
                    self.cursor = index;
                    return std::mem::take(&mut self.changes);
                }
                left -= 1;
                self.judge(now, index, &mut trace);
                from = index + 1;
            }
        }
        std::mem::take(&mut self.changes)
    }

    /// What is known of a registration, and when it last spoke.
    #[must_use]
    pub fn presence(&self, id: RegistrationId) -> Option<(Presence, Time)> {
        let watch = self.watches[*self.places.get(&id)?].as_ref()?;
        Some((watch.presence, watch.last))
    }

    /// After how much quiet a registration counts as silent; `None`: it has no rhythm, or is not watched.
    #[must_use]
    pub fn silent_after(&self, id: RegistrationId) -> Option<Duration> {
        Some(self.thresholds(*self.places.get(&id)?)?.silent)
    }

    /// How many registrations of a zone are in each state.
    #[must_use]
    pub fn counts(&self, zone: u32) -> Counts {
        self.zones
            .get(&zone)
            .map_or_else(Counts::default, |zone| zone.counts)
    }

    /// The registrations whose endpoints are missing now, in no order.
    pub fn absences(&self) -> impl Iterator<Item = Absence> {
        let missing = self.watches.iter().flatten();
        missing
            .filter(|watch| watch.presence.is_missing())
            .map(|watch| Absence {
                id: watch.subject.id,
                zone: watch.subject.zone,
                endpoint: watch.subject.endpoint,
                presence: watch.presence,
                last_seen: watch.last,
                found: watch.found,
            })
    }

    /// Registrations watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether none is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The first of these places that is due.
    fn next_due(&self, now: Time, from: usize, to: usize) -> Option<usize> {
        let due = self.due.get(from..to)?;
        Some(from + due.iter().position(|due| *due <= now)?)
    }

    fn insert(&mut self, now: Time, subject: &Subject, last: Time) -> usize {
        let watch = Watch {
            subject: *subject,
            rhythm: Rhythm::new(subject.time_to_live),
            presence: Presence::Unknown,
            last,
            beat: None,
            changed: now,
            found: now,
            round: 0,
        };
        let zone = self.zones.entry(subject.zone).or_default();
        zone.counts.add(Presence::Unknown);
        zone.unheard += usize::from(last <= self.since);
        let index = self.free.pop().unwrap_or(self.watches.len());
        if index == self.watches.len() {
            self.watches.push(Some(watch));
            self.due.push(Time(0));
        } else {
            self.watches[index] = Some(watch);
            self.due[index] = Time(0);
        }
        self.places.insert(subject.id, index);
        index
    }

    fn remove(&mut self, index: usize) -> Option<Watch> {
        let watch = self.watches.get_mut(index)?.take()?;
        self.due[index] = Time::MAX;
        self.free.push(index);
        self.rounds -= usize::from(watch.round != 0);
        if let Some(zone) = self.zones.get_mut(&watch.subject.zone) {
            zone.counts.take(watch.presence);
            zone.unheard -= usize::from(watch.last <= self.since);
        }
        Some(watch)
    }

    /// What the subject says now; another timeToLive or gatekeeper begins another rhythm.
    fn adopt(&mut self, now: Time, index: usize, subject: &Subject) {
        let Some(watch) = self.watches[index].as_mut() else {
            return;
        };
        if watch.subject == *subject {
            return;
        }
        let other = watch.subject.gatekeeper != subject.gatekeeper
            || !watch.rhythm.is_given(subject.time_to_live);
        if other {
            watch.rhythm.relearn(subject.time_to_live);
            (watch.beat, watch.changed) = (None, now);
        }
        let (from, to) = (watch.subject.zone, subject.zone);
        watch.subject = *subject;
        if from != to {
            let (presence, unheard) = (watch.presence, watch.last <= self.since);
            if let Some(zone) = self.zones.get_mut(&from) {
                zone.counts.take(presence);
                zone.unheard -= usize::from(unheard);
            }
            let zone = self.zones.entry(to).or_default();
            zone.counts.add(presence);
            zone.unheard += usize::from(unheard);
        }
    }

    fn heard(&mut self, now: Time, index: usize, at: Time, sign: Sign) {
        let thresholds = self.thresholds(index);
        let since = self.since;
        let Some(watch) = self.watches[index].as_mut() else {
            return;
        };
        if sign == Sign::KeepAlive && watch.beat.is_none_or(|beat| at > beat) {
            if let Some(beat) = watch.beat {
                watch.rhythm.beat(at.since(beat));
            }
            watch.beat = Some(at);
        }
        if at <= watch.last {
            return;
        }
        if at > watch.changed {
            watch.rhythm.settle();
        }
        if watch.last <= since
            && at > since
            && let Some(zone) = self.zones.get_mut(&watch.subject.zone)
        {
            zone.unheard -= 1;
        }
        let before = std::mem::replace(&mut watch.last, at);
        match watch.presence {
            Presence::Silent | Presence::Gone => {
                // A sign that it spoke later than was known, but too long ago all the same, changes nothing.
                if now.since(at) <= thresholds.map_or(UNTIMED, |t| t.silent) {
                    let known = Watch {
                        last: before,
                        ..watch.clone()
                    };
                    watch.found = at;
                    self.changes.push(change(&known, Presence::Back));
                    self.set(index, Presence::Back);
                    self.due[index] = now;
                }
            }
            Presence::Late | Presence::Unknown | Presence::Back => self.due[index] = now,
            Presence::Alive => {}
        }
    }

    fn set(&mut self, index: usize, to: Presence) {
        let Some(watch) = self.watches[index].as_mut() else {
            return;
        };
        let from = std::mem::replace(&mut watch.presence, to);
        if let Some(zone) = self.zones.get_mut(&watch.subject.zone) {
            zone.counts.take(from);
            zone.counts.add(to);
        }
    }

    fn thresholds(&self, index: usize) -> Option<Thresholds> {
        let watch = self.watches[index].as_ref()?;
        let zone = self.zones.get(&watch.subject.zone);
        watch
            .rhythm
            .thresholds(zone.and_then(|zone| zone.silent_after))
    }

    /// How long nothing has come since `last`; and how much of that was watched.
    fn quiet(&self, now: Time, last: Time) -> (Duration, Duration) {
        (now.since(last), now.since(last.max(self.since)))
    }

    /// Something may have been missed: silence counts from now on. `all`: what is thought of each is to be judged
    /// again.
    fn begin_again(&mut self, now: Time, all: bool) {
        self.since = now;
        for zone in self.zones.values_mut() {
            zone.unheard = zone.counts.total();
        }
        if all {
            let parked = |due: &&mut Time| **due != Time::MAX;
            self.due
                .iter_mut()
                .filter(parked)
                .for_each(|due| *due = Time(0));
        }
    }

    fn judge(&mut self, now: Time, index: usize, trace: &mut impl FnMut(&Subject) -> Trace) {
        let Some(watch) = self.watches[index].as_ref() else {
            self.due[index] = Time::MAX;
            return;
        };
        let late = self.thresholds(index).map_or(UNTIMED, |t| t.late);
        if now.since(watch.last) > late {
            let (id, last) = (watch.subject.id, watch.last);
            let found = trace(&watch.subject);
            if found.elsewhere.is_some_and(|at| at > last) {
                // The endpoint is served by another gatekeeper now, where it is another registration.
                self.end(id);
                return;
            }
            if let Some(at) = found.spoke {
                self.heard(now, index, at.min(now), Sign::Other);
            }
        }
        self.decide(now, index);
    }

    /// Sets what the registration is now, and when that may change.
    fn decide(&mut self, now: Time, index: usize) {
        let thresholds = self.thresholds(index);
        let Some(watch) = self.watches[index].as_ref() else {
            return;
        };
        let (last, presence) = (watch.last, watch.presence);
        let (spoke, watched) = self.quiet(now, last);
        let Some(thresholds) = thresholds else {
            let alive = spoke <= UNTIMED;
            self.due[index] = if alive {
                just_after(last, UNTIMED)
            } else {
                NEVER
            };
            let to = if alive {
                Presence::Alive
            } else {
                Presence::Unknown
            };
            return self.set(index, to);
        };
        let silent = if self.is_unheard_with_most(watch) {
            thresholds.silent.saturating_mul(PATIENCE)
        } else {
            thresholds.silent
        };
        let counted = last.max(self.since);
        let (to, due) = if spoke <= thresholds.late {
            let once = presence == Presence::Back && last <= watch.found;
            let to = if once {
                Presence::Back
            } else {
                Presence::Alive
            };
            (to, just_after(last, thresholds.late))
        } else if presence.is_missing() {
            let gone = watched > thresholds.gone;
            let to = if gone { Presence::Gone } else { presence };
            (to, now.after(RECHECK))
        } else if watched > silent {
            (Presence::Silent, now.after(RECHECK))
        } else if last <= self.since {
            // Others may be heard of before all patience is used up.
            let first = just_after(counted, thresholds.silent);
            let next = if first > now {
                first
            } else {
                now.after(RECHECK)
            };
            (Presence::Unknown, next.min(just_after(counted, silent)))
        } else {
            (Presence::Late, just_after(counted, silent))
        };
        self.due[index] = due;
        if to == presence {
            return;
        }
        if to.is_missing() {
            self.changes.push(change(watch, to));
        }
        self.set(index, to);
        if let Some(watch) = self.watches[index].as_mut()
            && to.is_missing()
        {
            watch.found = now;
        }
    }

    /// Whether the registration, and most of its zone, were not heard of since the watch began: then it is likelier
    /// that nothing can be heard.
    fn is_unheard_with_most(&self, watch: &Watch) -> bool {
        let zone = self.zones.get(&watch.subject.zone);
        watch.last <= self.since && zone.is_some_and(|z| 2 * z.unheard > z.counts.total())
    }
}

/// Later than any look, but not that of a place that is free.
const NEVER: Time = Time(Time::MAX.0 - 1);

/// The first moment at which more than `duration` has passed.
fn just_after(time: Time, duration: Duration) -> Time {
    time.after(duration.saturating_add(Duration::from_nanos(1)))
        .min(NEVER)
}

fn change(watch: &Watch, to: Presence) -> Change {
    Change {
        id: watch.subject.id,
        zone: watch.subject.zone,
        endpoint: watch.subject.endpoint,
        to,
        last_seen: watch.last,
    }
}

/// The size of what is kept of each, guarded.
const _: () = assert!(size_of::<Option<Watch>>() <= 160 && size_of::<SocketAddr>() == 32);
