//! What is sent when: enrolment, the bounded rate, retries, and registrations taken over after a failover.

use std::net::SocketAddr;
use std::time::Duration;

use rasline_h225::carry;

use super::{Asked, ColdWhy, Entry, Standby, Taken, Target, Warmth};
use crate::learner::registry::{Record, Registry};
use crate::learner::{Config, Output, Registration};
use crate::transaction::Pacer;
use crate::{RegistrationId, Time};

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

    /// Sets or ends a zone's alternate.
    pub(crate) fn set_target(
        &mut self,
        now: Time,
        zone: u32,
        to: Option<(u32, u32)>,
        (config, registry): (&Config, &Registry),
    ) {
        let same = |target: &Target| to == Some((target.gatekeeper, target.pacer.rate()));
        if self.targets.get(&zone).is_some_and(same) {
            return;
        }
        self.targets.remove(&zone);
        self.entries.retain(|_, entry| entry.zone != zone);
        let Some((gatekeeper, rate)) = to else {
            return;
        };
        let Some(address) = config.gatekeeper(zone, gatekeeper).map(|one| one.address) else {
            return;
        };
        let target = Target {
            gatekeeper,
            address,
            pacer: Pacer::new(rate.max(1), now),
            due: std::collections::BTreeSet::new(),
        };
        self.targets.insert(zone, target);
        for record in registry.iter() {
            if record.shown.zone == zone && record.shown.state.is_published() {
                self.enrol(now, &record.shown);
            }
        }
    }

    /// A registration that is published from now on: it is to be warm, or is at home where it was kept warm.
    pub(crate) fn enrol(&mut self, now: Time, shown: &Registration) {
        let (id, zone, gatekeeper) = (shown.id, shown.zone, shown.gatekeeper);
        let Some(target) = self.targets.get(&zone) else {
            return;
        };
        if target.gatekeeper == gatekeeper {
            self.drop_entry(id);
            return;
        }
        if self.entries.contains_key(&id) {
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
        self.entries.insert(id, entry);
        self.schedule(id, now);
    }

    /// A registration is gone: the alternate need not keep it either.
    pub(crate) fn disenrol(
        &mut self,
        id: RegistrationId,
        shown: Option<&Registration>,
        out: &mut Vec<Output>,
    ) {
        let Some(entry) = self.drop_entry(id) else {
            return;
        };
        if let Some(shown) = shown.filter(|_| entry.warmth == Warmth::Warm) {
            self.unregister(shown, &entry, out);
        }
    }

    /// Sends a URQ for what the alternate has.
    fn unregister(&self, shown: &Registration, entry: &Entry, out: &mut Vec<Output>) {
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
        if let Some(target) = self.targets.get(&zone) {
            out.push(Output::SendAs {
                endpoint,
                to: target.address,
                payload,
            });
        }
    }

    /// Time passes: sends what is due, as far as the rates allow.
    pub(crate) fn pace(&mut self, now: Time, registry: &Registry, out: &mut Vec<Output>) {
        let zones: Vec<u32> = self.targets.keys().copied().collect();
        for zone in zones {
            while let Some(id) = self.next_due(now, zone) {
                if !self.send_next(now, (id, registry.get(id)), out) {
                    continue;
                }
                if let Some(target) = self.targets.get_mut(&zone) {
                    target.pacer.spend(now);
                }
            }
        }
    }

    /// Whose turn it is, if the rate allows one more RRQ.
    fn next_due(&self, now: Time, zone: u32) -> Option<RegistrationId> {
        let target = self.targets.get(&zone)?;
        let (due, id) = target.due.first()?;
        (target.pacer.is_ready(now) && *due <= now).then_some(*id)
    }

    /// Sends the next RRQ of a registration; false: there is none to send.
    fn send_next(
        &mut self,
        now: Time,
        (id, record): (RegistrationId, Option<&Record>),
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(entry) = self.entries.get(&id) else {
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
        let payload = match request_for(record, asked) {
            Ok(payload) => payload,
            Err(why) => {
                self.cool(now, id, why);
                return false;
            }
        };
        let zone = entry.zone;
        let Some(endpoint) = record.map(|record| record.shown.endpoint) else {
            self.drop_entry(id);
            return false;
        };
        self.send_as(zone, endpoint, payload, out);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.asked = Some(asked);
            entry.seq = asked.seq;
            if asked.full {
                entry.warmth = Warmth::Asked;
            }
        }
        self.schedule(id, now.after(RETRY));
        true
    }

    /// A registration cannot be kept warm, for the time being.
    pub(super) fn cool(&mut self, now: Time, id: RegistrationId, why: ColdWhy) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.warmth = Warmth::Cold { why };
            entry.asked = None;
            (entry.rcf, entry.alike) = (None, 0);
        }
        let rest = if why == ColdWhy::Silent { 1 } else { 10 };
        self.schedule(id, now.after(REST * rest));
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
        if !self.targets.get(&zone).is_some_and(here) {
            return;
        }
        self.targets.remove(&zone);
        let ids: Vec<RegistrationId> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.zone == zone)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            if let Some(entry) = self.entries.remove(&id)
                && entry.warmth == Warmth::Warm
                && entry.alike >= KNOWN
                && let Some(rcf) = entry.rcf
            {
                self.taken.push_back(Taken {
                    id,
                    gatekeeper,
                    seq: entry.seq,
                    rcf,
                    confirmed: entry.confirmed,
                    ttl: entry.ttl,
                });
            }
        }
    }

    /// The next registration that was warm at the gatekeeper that serves its zone now.
    pub(crate) fn pop_taken(&mut self) -> Option<Taken> {
        self.taken.pop_front()
    }
}

/// The endpoint's own RRQ as it goes to the alternate.
fn request_for(record: Option<&Record>, asked: Asked) -> Result<Vec<u8>, ColdWhy> {
    let record = record.ok_or(ColdWhy::NoFullRequest)?;
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
