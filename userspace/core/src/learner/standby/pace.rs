//! What is sent when: enrolment, the bounded rate, retries, and registrations taken over after a failover.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::carry;

use super::{Asked, ColdWhy, Entry, Standby, Target, Warmth};
use crate::learner::phase::Stimulus;
use crate::learner::registry::{Pair, Place};
use crate::learner::{Learner, Output};
use crate::transaction::Pacer;
use crate::{Cause, RegistrationId, Time};

/// An RRQ is repeated after so long (H.225.0: 3 s).
const RETRY: Duration = Duration::from_secs(3);
/// And sent so often in all.
const TRIES: u8 = 3;
/// A silent alternate is asked again after so long, one that rejects after ten times that.
pub(super) const REST: Duration = Duration::from_mins(1);
/// The second and third lightweight RRQ come early, so that their RCFs are known.
const EARLY: Duration = Duration::from_secs(5);
/// RCFs alike that make one known.
pub(super) const KNOWN: u8 = 2;
/// Registrations published at one [`Input::Pace`](crate::learner::Input::Pace) at most.
const TAKE_AT_ONCE: usize = 2048;
/// requestSeqNums of these requests start here, to be told from the endpoint's own more easily by people.
const FIRST_SEQ: u16 = 0x8000;

impl Standby {
    pub(super) fn schedule(&mut self, id: RegistrationId, at: Time) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if let Some(target) = self.targets.get_mut(&entry.zone) {
            target.due.remove(&(entry.due, id));
            target.due.insert((at, id));
        }
        entry.due = at;
    }

    pub(super) fn drop_entry(&mut self, id: RegistrationId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if let Some(target) = self.targets.get_mut(&entry.zone) {
            target.due.remove(&(entry.due, id));
        }
        Some(entry)
    }
}

impl Learner {
    /// Sets or ends a zone's alternate.
    pub(crate) fn set_standby(&mut self, now: Time, zone: u32, to: Option<(u32, u32)>) {
        let same = |target: &Target| to == Some((target.gatekeeper, target.pacer.rate()));
        if self.standby.targets.get(&zone).is_some_and(same) {
            return;
        }
        self.standby.targets.remove(&zone);
        self.standby.entries.retain(|_, entry| entry.zone != zone);
        let Some((gatekeeper, rate)) = to else {
            return;
        };
        let Some(address) = self.address_of(zone, gatekeeper) else {
            return;
        };
        let target = Target {
            gatekeeper,
            address,
            pacer: Pacer::new(rate.max(1), now),
            due: std::collections::BTreeSet::new(),
        };
        self.standby.targets.insert(zone, target);
        let ids: Vec<RegistrationId> = self
            .registry
            .iter()
            .filter(|record| record.shown.zone == zone && record.shown.state.is_published())
            .map(|record| record.shown.id)
            .collect();
        for id in ids {
            self.enrol(now, id);
        }
    }

    fn address_of(&self, zone: u32, gatekeeper: u32) -> Option<SocketAddr> {
        let mut all = self.zone(zone)?.gatekeepers.iter();
        Some(all.find(|g| g.index == gatekeeper)?.address)
    }

    /// A registration that is published from now on: it is to be warm, or is at home where it was kept warm.
    pub(crate) fn enrol(&mut self, now: Time, id: RegistrationId) {
        let Some(shown) = self.registry.get(id).map(|record| &record.shown) else {
            return;
        };
        let (zone, gatekeeper) = (shown.zone, shown.gatekeeper);
        let Some(target) = self.standby.targets.get(&zone) else {
            return;
        };
        if target.gatekeeper == gatekeeper {
            self.standby.drop_entry(id);
            return;
        }
        if self.standby.entries.contains_key(&id) {
            return;
        }
        let entry = Entry {
            zone,
            warmth: Warmth::Waiting,
            asked: None,
            seq: FIRST_SEQ,
            due: now,
            confirmed: Time(0),
            ttl: Duration::ZERO,
            rcf: None,
            alike: 0,
        };
        self.standby.entries.insert(id, entry);
        self.standby.schedule(id, now);
    }

    /// A registration is gone: the alternate need not keep it either.
    pub(crate) fn disenrol(&mut self, id: RegistrationId, out: &mut Vec<Output>) {
        let Some(entry) = self.standby.drop_entry(id) else {
            return;
        };
        if entry.warmth == Warmth::Warm {
            self.unregister(id, &entry, out);
        }
    }

    /// Sends a URQ for what the alternate has.
    pub(super) fn unregister(&self, id: RegistrationId, entry: &Entry, out: &mut Vec<Output>) {
        let Some(shown) = self.registration(id) else {
            return;
        };
        let urq = rasline_h225::messages::Urq {
            seq: entry.seq.wrapping_add(1).max(1),
            call_signal_addresses: shown.call_signal_addresses.clone(),
            endpoint_identifier: Some(shown.endpoint_identifier.clone()),
            ..rasline_h225::messages::Urq::default()
        };
        if let Ok(payload) = urq.encode() {
            self.send_as(entry.zone, shown.endpoint, payload, out);
        }
    }

    pub(super) fn send_as(
        &self,
        zone: u32,
        endpoint: SocketAddr,
        payload: Vec<u8>,
        out: &mut Vec<Output>,
    ) {
        if let Some(target) = self.standby.targets.get(&zone) {
            out.push(Output::SendAs {
                endpoint,
                to: target.address,
                payload,
            });
        }
    }

    /// Time passes: sends what is due, as far as the rates allow.
    pub(crate) fn pace(&mut self, now: Time, out: &mut Vec<Output>) {
        self.take_some(now, out);
        let zones: Vec<u32> = self.standby.targets.keys().copied().collect();
        for zone in zones {
            while let Some(id) = self.next_due(now, zone) {
                if !self.look_at(now, id, out) {
                    continue;
                }
                if let Some(target) = self.standby.targets.get_mut(&zone) {
                    target.pacer.spend(now);
                }
            }
        }
    }

    /// Whose turn it is, if the rate allows one more RRQ.
    fn next_due(&self, now: Time, zone: u32) -> Option<RegistrationId> {
        let target = self.standby.targets.get(&zone)?;
        let (due, id) = target.due.first()?;
        (target.pacer.is_ready(now) && *due <= now).then_some(*id)
    }

    /// Sends the next RRQ of a registration; false: there is none to send.
    fn look_at(&mut self, now: Time, id: RegistrationId, out: &mut Vec<Output>) -> bool {
        let Some(entry) = self.standby.entries.get(&id) else {
            return false;
        };
        let asked = match (entry.asked, entry.warmth) {
            (Some(asked), _) if asked.tries >= TRIES => {
                self.cool(now, id, ColdWhy::Silent);
                return false;
            }
            (Some(asked), _) => Asked {
                tries: asked.tries + 1,
                ..asked
            },
            (None, warmth) => Asked {
                seq: entry.seq.wrapping_add(1).max(1),
                full: warmth != Warmth::Warm,
                tries: 1,
            },
        };
        let payload = match self.request_for(id, asked) {
            Ok(payload) => payload,
            Err(why) => {
                self.cool(now, id, why);
                return false;
            }
        };
        let zone = entry.zone;
        let Some(endpoint) = self.registration(id).map(|shown| shown.endpoint) else {
            self.standby.drop_entry(id);
            return false;
        };
        self.send_as(zone, endpoint, payload, out);
        if let Some(entry) = self.standby.entries.get_mut(&id) {
            entry.asked = Some(asked);
            entry.seq = asked.seq;
            if asked.full {
                entry.warmth = Warmth::Asked;
            }
        }
        self.standby.schedule(id, now.after(RETRY));
        true
    }

    /// The endpoint's own RRQ as it goes to the alternate.
    fn request_for(&self, id: RegistrationId, asked: Asked) -> Result<Vec<u8>, ColdWhy> {
        let record = self.registry.get(id).ok_or(ColdWhy::NoFullRequest)?;
        if asked.full {
            let full = record.full_rrq.as_ref().ok_or(ColdWhy::NoFullRequest)?;
            return carry::registration(full, &record.shown.endpoint_identifier, asked.seq)
                .map_err(|_| ColdWhy::NotCarried);
        }
        let pair = record.pair.as_ref().ok_or(ColdWhy::NoFullRequest)?;
        let mut octets = pair.rrq.to_vec();
        // On the wire the number is one less.
        octets[2..4].copy_from_slice(&(asked.seq - 1).to_be_bytes());
        Ok(octets)
    }

    /// A registration cannot be kept warm, for the time being.
    pub(super) fn cool(&mut self, now: Time, id: RegistrationId, why: ColdWhy) {
        if let Some(entry) = self.standby.entries.get_mut(&id) {
            entry.warmth = Warmth::Cold { why };
            entry.asked = None;
            (entry.rcf, entry.alike) = (None, 0);
        }
        let rest = if why == ColdWhy::Silent { 1 } else { 10 };
        self.standby.schedule(id, now.after(REST * rest));
    }

    /// When a warm registration is refreshed: soon until its RCF is known, then after half of its timeToLive.
    pub(super) fn refresh_at(now: Time, entry: &Entry) -> Time {
        let half = (entry.ttl / 2).max(Duration::from_secs(1));
        now.after(if entry.alike < KNOWN {
            half.min(EARLY)
        } else {
            half
        })
    }

    /// The zone is served by this gatekeeper from now on: what was warm there is its own.
    pub(crate) fn take_over(&mut self, zone: u32, gatekeeper: u32) {
        let here = |target: &Target| target.gatekeeper == gatekeeper;
        if !self.standby.targets.get(&zone).is_some_and(here) {
            return;
        }
        self.standby.targets.remove(&zone);
        let ids: Vec<RegistrationId> = self
            .standby
            .entries
            .iter()
            .filter(|(_, entry)| entry.zone == zone)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            if let Some(entry) = self.standby.entries.remove(&id)
                && entry.warmth == Warmth::Warm
                && entry.alike >= KNOWN
            {
                self.standby.taken.push_back((id, gatekeeper, entry));
            }
        }
    }

    fn take_some(&mut self, now: Time, out: &mut Vec<Output>) {
        for _ in 0..TAKE_AT_ONCE {
            let Some((id, gatekeeper, entry)) = self.standby.taken.pop_front() else {
                return;
            };
            self.take(now, id, gatekeeper, entry, out);
        }
    }

    /// Publishes a registration as one of the gatekeeper that kept it warm.
    fn take(
        &mut self,
        now: Time,
        id: RegistrationId,
        gatekeeper: u32,
        entry: Entry,
        out: &mut Vec<Output>,
    ) {
        let (Some(record), Some(rcf)) = (self.registry.get_mut(id), entry.rcf) else {
            return;
        };
        // It may have moved by itself meanwhile, or have come to its end.
        if record.shown.gatekeeper == gatekeeper || now.since(entry.confirmed) >= entry.ttl {
            return;
        }
        let (Some(pair), full) = (record.pair.take(), record.full_rrq.take()) else {
            return;
        };
        let place = Place {
            zone: record.shown.zone,
            gatekeeper,
            endpoint: record.shown.endpoint,
            endpoint_identifier: record.shown.endpoint_identifier.clone(),
        };
        self.step(now, id, Stimulus::Forget, Cause::Moved, out);
        self.registry.move_to(id, place);
        if let Some(record) = self.registry.get_mut(id) {
            record.pair = Some(Pair {
                seq: entry.seq,
                rrq: pair.rrq,
                rcf,
            });
            record.full_rrq = full;
            record.shown.gatekeeper_ttl = Some(entry.ttl);
            record.shown.confirmed = entry.confirmed;
        }
        // Two lightweight pairs were seen at the alternate, which is what a restored one was published with, too.
        self.step(now, id, Stimulus::Restored, Cause::Moved, out);
    }
}
