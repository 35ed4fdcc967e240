//! Takes over the tables of an earlier controller, which may have died at any point, while the kernel answers from
//! them.
//!
//! Invariant: an adopted slot is untouched, and its promise goes on, until a registration stands for it, something
//! else replaces it, or it is withdrawn. Until then it is *unclaimed*: no registration of this controller knows it.

use std::{collections::VecDeque, net::SocketAddr};

use rasline_abi::{
    GENERATION_EMPTY, HASH_KEYS, MAX_RRQ, PROBE_LIMIT, REFRESH_MARKS, RcfTemplate, Slot,
};
use rasline_datapath::{checksum, hash};

use super::{Entry, Place, Table, with_generation};
use crate::{
    Observed,
    mapped_array::MappedArray,
    rcf::Parts,
    rcf_templates::{REST_NS, RcfTemplates},
    ring::octets,
};

/// Slots of an earlier controller that no registration of this one stands for.
#[derive(Debug, Default)]
pub(super) struct Unclaimed {
    slots: Vec<bool>,
    queue: VecDeque<u32>,
    count: usize,
    restoring: bool,
}

impl Unclaimed {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            slots: vec![false; slots],
            ..Self::default()
        }
    }

    pub(super) fn has(&self, slot: u32) -> bool {
        self.slots.get(slot as usize).copied().unwrap_or_default()
    }

    fn add(&mut self, slot: u32) {
        self.slots[slot as usize] = true;
        self.queue.push_back(slot);
        self.count += 1;
    }

    /// Somebody stands for it, or it is gone.
    pub(super) fn end(&mut self, slot: u32) {
        if let Some(flag) = self.slots.get_mut(slot as usize)
            && std::mem::take(flag)
        {
            self.count -= 1;
        }
    }
}

impl Table {
    /// The table that stands in this memory. What an earlier controller left half done is put right: slots that it
    /// was writing are free once they have rested, and of two slots for one registration the older one goes.
    ///
    /// # Panics
    /// When the number of slots is not a power of two, or too small.
    #[must_use]
    pub fn adopt(
        now_ns: u64,
        slots: MappedArray<Slot>,
        rcf_templates: MappedArray<RcfTemplate>,
        keys: Box<[u64; HASH_KEYS]>,
    ) -> Self {
        let mut table = Self::new(slots, RcfTemplates::new(rcf_templates), keys);
        table.unclaimed.restoring = true;
        let mut newest = 0;
        let mut users = vec![0; table.rcf_templates.capacity()];
        for at in 0..table.slots.len() as u32 {
            let generation = table.generation_at(at);
            newest = newest.max(generation & !1);
            if generation == GENERATION_EMPTY {
                continue;
            }
            let slot = table.slots.load(at as usize);
            if generation & 1 == 0 && table.is_sound(&slot) {
                users[slot.rcf_template as usize] += 1;
                table.used += 1;
                table.unclaimed.add(at);
            } else {
                table.set_to_rest(now_ns, at);
            }
        }
        table.next_generation = newest;
        table.generation();
        table.rcf_templates.adopt(now_ns, users);
        table.drop_twins(now_ns);
        table
    }

    /// Publishes what stands in other tables with the same hash keys, as it stands there; what does not fit is left
    /// out. They are unclaimed then. How many.
    pub fn carry_over(
        &mut self,
        now_ns: u64,
        slots: &MappedArray<Slot>,
        rcf_templates: &RcfTemplates,
    ) -> usize {
        self.unclaimed.restoring = true;
        let mut carried = 0;
        for from in 0..slots.len() as u32 {
            let slot = slots.load(from as usize);
            if slot.generation & 1 == 1
                || slot.generation == GENERATION_EMPTY
                || !rcf_templates.is_sound(slot.rcf_template)
                || self.used >= self.capacity()
            {
                continue;
            }
            carried += usize::from(self.carry(now_ns, &slot, rcf_templates).is_some());
        }
        carried
    }

    fn carry(&mut self, now_ns: u64, slot: &Slot, rcf_templates: &RcfTemplates) -> Option<Place> {
        let room = self.room(&slot.address, slot.port, slot.fingerprint, None);
        let room = room.ok().filter(|room| room.unclaimed.is_none())?;
        let at = room.free?;
        let answer = rcf_templates.get(slot.rcf_template);
        let original =
            (answer.original != slot.rcf_template).then(|| rcf_templates.get(answer.original));
        let rcf_template = self.rcf_template(now_ns, &answer, original.as_ref()).ok()?;
        let withdrawn = slot.withdrawn == slot.generation as u16;
        let generation = self.generation();
        let place = Place {
            slot: at,
            generation,
        };
        let slot = Slot {
            refreshed: slot.refreshed & !REFRESH_MARKS,
            generation,
            rcf_template,
            withdrawn: if withdrawn { generation as u16 } else { 0 },
            ..*slot
        };
        self.write(place, &slot);
        self.used += 1;
        self.unclaimed.add(at);
        Some(place)
    }

    /// Notes of a registration that its gatekeeper withdrew it, as the program does: other tables with the same hash
    /// keys say so.
    pub fn withdraw_as(&self, other: &Slot) {
        for at in self.search(&other.address, other.port, other.fingerprint) {
            let slot = self.slots.load(at as usize);
            if slot.generation & 1 == 0 && is_same(&slot, other) {
                let withdrawn = Slot {
                    withdrawn: slot.generation as u16,
                    ..slot
                };
                self.write(place(at, &slot), &withdrawn);
            }
        }
    }

    /// Registrations that an earlier controller published and that none of this one stands for.
    #[must_use]
    pub fn unclaimed(&self) -> usize {
        self.unclaimed.count
    }

    /// From now on what is published was learned from live traffic, so it replaces what the kernel has withdrawn.
    /// Before, a withdrawn slot is given to its registration as it stands: the gatekeeper's word is newer than what
    /// was remembered.
    pub fn restored(&mut self) {
        self.unclaimed.restoring = false;
    }

    /// What the kernel noted about an unclaimed registration: it is newer than what was remembered.
    #[must_use]
    pub fn observe_unclaimed(
        &self,
        now_ns: u64,
        endpoint: SocketAddr,
        rrq: &[u8],
    ) -> Option<Observed> {
        if self.unclaimed.count == 0 {
            return None;
        }
        let (address, port) = (octets(endpoint.ip()), endpoint.port().to_be_bytes());
        let fingerprint = hash::fingerprint(&self.keys, rrq);
        self.search(&address, port, fingerprint)
            .take_while(|at| self.generation_at(*at) != GENERATION_EMPTY)
            .filter(|at| self.unclaimed.has(*at))
            .map(|at| (at, self.slots.load(at as usize)))
            .find(|(_, slot)| {
                (slot.fingerprint, slot.address, slot.port) == (fingerprint, address, port)
            })
            .and_then(|(at, slot)| self.observe(now_ns, place(at, &slot)))
    }

    /// Takes out the unclaimed registrations that `good` does not hold for; how many.
    pub fn retain_unclaimed(&mut self, now_ns: u64, good: impl Fn(&Slot) -> bool) -> usize {
        let slots: Vec<u32> = self.unclaimed.queue.iter().copied().collect();
        let mut gone = 0;
        for at in slots {
            let slot = self.slots.load(at as usize);
            if self.unclaimed.has(at) && !good(&slot) {
                gone += usize::from(self.remove(now_ns, place(at, &slot)));
            }
        }
        self.unclaimed
            .queue
            .retain(|at| self.unclaimed.slots[*at as usize]);
        gone
    }

    /// Takes out some unclaimed registrations, so that they are learned anew; how many.
    pub fn withdraw_unclaimed(&mut self, now_ns: u64, most: usize) -> usize {
        let mut gone = 0;
        while gone < most
            && let Some(at) = self.unclaimed.queue.pop_front()
        {
            if self.unclaimed.has(at) {
                let slot = self.slots.load(at as usize);
                gone += usize::from(self.remove(now_ns, place(at, &slot)));
            }
        }
        gone
    }

    /// The unclaimed slot's place, if what it says is what would be published.
    pub(super) fn claim(&mut self, at: u32, entry: &Entry<'_>, parts: &Parts) -> Option<Place> {
        let slot = self.slots.load(at as usize);
        let withdrawn = slot.withdrawn == slot.generation as u16;
        let same = slot.zone_generation == entry.zone_generation
            && usize::from(slot.rrq_len) == entry.rrq.len()
            && slot.gatekeeper == entry.gatekeeper
            && slot.eid_at == parts.eid_at
            && slot.rcf_sum == checksum::sum(&parts.answer)
            && self.rcf_templates.is(
                slot.rcf_template,
                &parts.rcf_template,
                parts.original.as_deref(),
            );
        if !same || (withdrawn && !self.unclaimed.restoring) {
            return None;
        }
        self.unclaimed.end(at);
        Some(place(at, &slot))
    }

    /// Whether a published slot points at something.
    fn is_sound(&self, slot: &Slot) -> bool {
        (12..=MAX_RRQ).contains(&usize::from(slot.rrq_len))
            && self.rcf_templates.is_sound(slot.rcf_template)
    }

    fn set_to_rest(&mut self, now_ns: u64, at: u32) {
        let word = self.slots.load_word(at as usize, 0);
        let odd = self.generation_at(at) | 1;
        self.slots
            .store_word(at as usize, 0, with_generation(word, odd));
        self.rests[at as usize] = true;
        self.resting.push_back((now_ns + REST_NS, at));
    }

    /// Whoever died while it replaced a registration left both: the kernel would answer from the first it finds.
    fn drop_twins(&mut self, now_ns: u64) {
        let all: Vec<u32> = self.unclaimed.queue.iter().copied().collect();
        for at in all {
            if !self.unclaimed.has(at) {
                continue;
            }
            let slot = self.slots.load(at as usize);
            if let Some(twin) = self.twin(at, &slot) {
                let older = if twin.generation < slot.generation {
                    twin
                } else {
                    place(at, &slot)
                };
                self.remove(now_ns, older);
            }
        }
    }

    /// The slots in which a registration can stand.
    fn search(
        &self,
        address: &[u8; 16],
        port: [u8; 2],
        fingerprint: u64,
    ) -> impl Iterator<Item = u32> {
        let home = hash::home(&self.keys, self.mask(), address, port);
        let limit = PROBE_LIMIT.min(self.slots.len() as u32);
        (hash::spread(fingerprint)..limit).map(move |offset| self.wrap(home.wrapping_add(offset)))
    }

    /// Another slot for the same registration, nearer to the start of its search.
    fn twin(&self, at: u32, slot: &Slot) -> Option<Place> {
        self.search(&slot.address, slot.port, slot.fingerprint)
            .take_while(|other| *other != at)
            .filter(|other| self.unclaimed.has(*other))
            .map(|other| (other, self.slots.load(other as usize)))
            .find(|(_, there)| is_same(there, slot))
            .map(|(other, there)| place(other, &there))
    }
}

/// Whether both are for one registration.
fn is_same(a: &Slot, b: &Slot) -> bool {
    a.generation != GENERATION_EMPTY
        && (a.fingerprint, a.address, a.port) == (b.fingerprint, b.address, b.port)
}

fn place(at: u32, slot: &Slot) -> Place {
    Place {
        slot: at,
        generation: slot.generation,
    }
}
