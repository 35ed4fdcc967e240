//! Keep-alives and their answers in the kernel's table.
//!
//! Invariant: a registration has at most one slot, and each slot one registration.

use std::collections::HashMap;

use rasline_core::{RegistrationKey, SlotReport, Time, ZoneIndex, site};

use rasline_kernel::{Dataplane, Entry, Observed, Place, Refused};

use super::layout::Layout;

/// A registration's slot, and how often its keep-alives were answered.
#[derive(Clone, Copy, Debug)]
pub struct PublishedSlot {
    /// Where it is.
    pub place: Place,
    zone: ZoneIndex,
    /// The slot's own count when it was last looked at.
    seen: u32,
    /// Keep-alives that the kernel answered.
    pub answered: u64,
}

/// All of them, and how many were refused.
#[derive(Debug, Default)]
pub struct Slots {
    published: HashMap<RegistrationKey, PublishedSlot>,
    by_slot: HashMap<u32, RegistrationKey>,
    /// How many are of rasline's own gatekeeper, by zone.
    served: HashMap<ZoneIndex, usize>,
    /// Entries that the table did not take.
    pub refusals: u64,
    /// Why the last of them was not taken.
    pub refused: Option<Refused>,
}

impl Slots {
    /// A registration's slot.
    #[must_use]
    pub fn get(&self, key: RegistrationKey) -> Option<PublishedSlot> {
        self.published.get(&key).copied()
    }

    /// How many are published for rasline's own gatekeeper of a zone.
    #[must_use]
    pub fn served(&self, zone: ZoneIndex) -> usize {
        self.served.get(&zone).copied().unwrap_or(0)
    }

    /// What the kernel noted about a slot, as the site has it; `None`: it is nobody's.
    pub fn report(&mut self, observed: &Observed) -> Option<site::Input<'static>> {
        let key = *self.by_slot.get(&observed.place.slot)?;
        let published = self
            .published
            .get_mut(&key)
            .filter(|it| it.place == observed.place)?;
        published.answered += u64::from(observed.answered.wrapping_sub(published.seen));
        published.seen = observed.answered;
        let report = SlotReport {
            id: key.number(),
            last_seen: Time(observed.last_seen_ns),
            answered: published.answered,
            confirmed: Time(observed.confirmed_ns),
            withdrawn: observed.withdrawn,
        };
        Some(site::Input::SlotReport { key, report })
    }

    /// Puts a keep-alive and its answer into the table, in place of what is there of this registration.
    pub fn publish(
        &mut self,
        dataplane: &mut Dataplane,
        layout: &Layout,
        now_ns: u64,
        wanted: &site::SlotEntry,
    ) -> Vec<site::Input<'static>> {
        let entry = Entry {
            endpoint: wanted.endpoint,
            rrq: &wanted.rrq,
            template: rasline_kernel::Template {
                answer: &wanted.rcf,
                original: wanted.original_rcf.as_deref(),
                endpoint_identifier: &wanted.endpoint_identifier,
                gatekeeper_ttl: wanted.gatekeeper_ttl,
                refresh_every: wanted.refresh_every,
            },
            zone_generation: layout.generation(wanted.zone.0),
            gatekeeper: wanted.gatekeeper.0 as u16,
            confirmed_ns: wanted.confirmed.0,
            last_seen_ns: wanted.last_seen.0,
        };
        let key = wanted.key;
        let mut results = Vec::new();
        results.extend(self.evict_conflicting(dataplane, now_ns, key, &entry));
        results.push(match self.place(dataplane, now_ns, wanted, &entry) {
            Ok(()) => site::Input::Published(key),
            Err(refused) => {
                if key.is_served() {
                    let endpoint = wanted.endpoint;
                    tracing::debug!("{endpoint}: not answered by the kernel: {refused}");
                }
                let why = refusal(refused);
                site::Input::PublishFailed { key, why }
            }
        });
        results
    }

    fn place(
        &mut self,
        dataplane: &mut Dataplane,
        now_ns: u64,
        wanted: &site::SlotEntry,
        entry: &Entry<'_>,
    ) -> Result<(), Refused> {
        let old = self.get(wanted.key);
        let table = dataplane.table_mut();
        let placed = match old {
            Some(old) => table.replace(now_ns, old.place, entry),
            None => table.insert(now_ns, entry),
        };
        if let Some(old) = old {
            self.forget(wanted.key, old.place);
        }
        let place = placed.inspect_err(|refused| {
            self.refusals += 1;
            self.refused = Some(*refused);
        })?;
        // A slot that stood already has counted, maybe more than is remembered.
        let counted = table.get(place).map_or(0, |slot| slot.answered);
        let published = PublishedSlot {
            place,
            zone: wanted.zone,
            seen: u32::try_from(wanted.answered).map_or(counted, |known| known.min(counted)),
            answered: wanted.answered,
        };
        self.published.insert(wanted.key, published);
        if let RegistrationKey::Served(zone, _) = wanted.key {
            *self.served.entry(zone).or_default() += 1;
        }
        self.by_slot.insert(place.slot, wanted.key);
        Ok(())
    }

    /// Withdraws the slot of the same keep-alive that another registration has: the endpoint has moved between
    /// rasline's own gatekeeper and one that is learned. Gives what is reported of it.
    fn evict_conflicting(
        &mut self,
        dataplane: &mut Dataplane,
        now_ns: u64,
        key: RegistrationKey,
        entry: &Entry<'_>,
    ) -> Option<site::Input<'static>> {
        let table = dataplane.table();
        let slot = table.matching_slot(entry.endpoint, entry.rrq)?;
        let other = self.by_slot.get(&slot).copied()?;
        if other == key || other.is_served() == key.is_served() {
            return None;
        }
        let place = self.get(other)?.place;
        self.withdraw_reported(dataplane, now_ns, other, place)
    }

    /// Withdraws a slot, as if the kernel had done so.
    fn withdraw_reported(
        &mut self,
        dataplane: &mut Dataplane,
        now_ns: u64,
        key: RegistrationKey,
        place: Place,
    ) -> Option<site::Input<'static>> {
        let observed = dataplane.table().observe(now_ns, place);
        let report = observed.and_then(|observed| {
            self.report(&Observed {
                withdrawn: true,
                ..observed
            })
        });
        self.withdraw_at(dataplane, now_ns, key, place);
        report
    }

    /// Withdraws a registration's slot, if it has one.
    pub fn withdraw(&mut self, dataplane: &mut Dataplane, now_ns: u64, key: RegistrationKey) {
        if let Some(published) = self.get(key) {
            self.withdraw_at(dataplane, now_ns, key, published.place);
        }
    }

    /// Withdraws all slots whose zone has another generation now; gives what is reported of them.
    pub fn withdraw_stale(
        &mut self,
        dataplane: &mut Dataplane,
        layout: &Layout,
        now_ns: u64,
    ) -> Vec<site::Input<'static>> {
        let is_stale = |slot: &PublishedSlot| {
            let generation = dataplane.table().zone_generation(slot.place);
            generation != Some(layout.generation(slot.zone.0))
        };
        let stale = self.published.iter().filter(|(_, slot)| is_stale(slot));
        let stale: Vec<_> = stale.map(|(key, slot)| (*key, slot.place)).collect();
        let mut reports = Vec::new();
        for (key, place) in stale {
            reports.extend(self.withdraw_reported(dataplane, now_ns, key, place));
        }
        reports
    }

    fn withdraw_at(
        &mut self,
        dataplane: &mut Dataplane,
        now_ns: u64,
        key: RegistrationKey,
        place: Place,
    ) {
        dataplane.table_mut().remove(now_ns, place);
        self.forget(key, place);
    }

    fn forget(&mut self, key: RegistrationKey, place: Place) {
        let removed = self.published.remove(&key);
        if let (Some(_), RegistrationKey::Served(zone, _)) = (removed, key) {
            *self.served.entry(zone).or_insert(1) -= 1;
        }
        self.by_slot.remove(&place.slot);
    }
}

/// Why something could not be published.
const fn refusal(refused: Refused) -> rasline_core::Refusal {
    use rasline_core::Refusal;
    match refused {
        Refused::Full | Refused::RcfTemplates => Refusal::TableFull,
        Refused::Crowded => Refusal::Crowded,
        Refused::Twice | Refused::Rrq | Refused::Rcf => Refusal::Unfit,
    }
}
