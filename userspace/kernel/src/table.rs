//! The keep-alive table as the controller writes it: places registrations, replaces and removes them.
//!
//! Invariants (see `rasline_abi::Slot` for the protocol):
//! - at most half of the slots are in use, and a registration stands less than [`PROBE_LIMIT`] slots after the first
//!   one of its address and port, with no empty slot between the start of its search and itself;
//! - a slot is written only while its generation is odd, and no generation is used twice for a slot;
//! - a slot that was freed, and its RCF template, rest for a while before they are used again.

use std::{collections::VecDeque, net::SocketAddr};

use rasline_abi::{
    GENERATION_EMPTY, HASH_KEYS, MAX_RRQ, PROBE_LIMIT, REFRESH_MARKS, RcfTemplate, SPREAD, Slot,
    ticks,
};
use rasline_datapath::{checksum, hash};

use crate::{
    mapped_array::MappedArray,
    rcf::Template,
    rcf_templates::{REST_NS, RcfTemplates},
    ring::octets,
};

/// What the kernel shall answer.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Source address and port of the keep-alive.
    pub endpoint: SocketAddr,
    /// The keep-alive, with whatever requestSeqNum.
    pub rrq: &'a [u8],
    /// What is answered, and what the gatekeeper says.
    pub template: Template<'a>,
    /// Generation of its zone.
    pub zone_generation: u16,
    /// Index of its gatekeeper.
    pub gatekeeper: u16,
    /// When the gatekeeper last confirmed it, CLOCK_MONOTONIC.
    pub confirmed_ns: u64,
    /// When its last keep-alive came.
    pub last_seen_ns: u64,
}

/// A place in the table: slot and the generation it was published under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Slot.
    pub slot: u32,
    /// Generation.
    pub generation: u32,
}

/// Why something cannot be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// More than half of the slots would be in use.
    #[error("the table is full (raise max_registrations)")]
    Full,
    /// No slot near the first one of this address and port.
    #[error("too many registrations behind this address and port")]
    Crowded,
    /// No RCF can be kept any more.
    #[error("no room for another RCF (raise max_registrations)")]
    RcfTemplates,
    /// The keep-alive is too long or too short.
    #[error("the RRQ's length does not fit a slot")]
    Rrq,
    /// The RCF is too long or too short.
    #[error("the RCF's length does not fit")]
    Rcf,
    /// The same registration stands there already.
    #[error("already published")]
    Twice,
}

/// The table.
#[derive(Debug)]
pub struct Table {
    slots: MappedArray<Slot>,
    rcf_templates: RcfTemplates,
    keys: Box<[u64; HASH_KEYS]>,
    next_generation: u32,
    used: usize,
    rests: Vec<bool>,
    resting: VecDeque<(u64, u32)>,
    unclaimed: adopt::Unclaimed,
}

/// Where a registration can go, and where it stands unclaimed.
struct Room {
    free: Option<u32>,
    unclaimed: Option<u32>,
}

impl Table {
    /// An empty table over zeroed memory.
    ///
    /// # Panics
    /// When the number of slots is not a power of two, or too small.
    #[must_use]
    pub fn new(
        slots: MappedArray<Slot>,
        rcf_templates: RcfTemplates,
        keys: Box<[u64; HASH_KEYS]>,
    ) -> Self {
        assert!(
            slots.len().is_power_of_two()
                && slots.len() >= 2 * PROBE_LIMIT as usize / SPREAD as usize
        );
        let rests = vec![false; slots.len()];
        let unclaimed = adopt::Unclaimed::new(slots.len());
        Self {
            slots,
            rcf_templates,
            keys,
            next_generation: 2,
            used: 0,
            rests,
            resting: VecDeque::new(),
            unclaimed,
        }
    }

    /// Registrations published.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    /// Registrations that can be published.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len() / 2
    }

    /// The hash keys.
    pub(crate) fn keys(&self) -> &[u64; HASH_KEYS] {
        &self.keys
    }

    /// RCFs.
    #[must_use]
    pub fn rcf_templates(&self) -> &RcfTemplates {
        &self.rcf_templates
    }

    /// Zone generation under which something stands there.
    #[must_use]
    pub fn zone_generation(&self, place: Place) -> Option<u16> {
        self.get(place).map(|slot| slot.zone_generation)
    }

    /// A slot as it stands, if it still is what was published there.
    #[must_use]
    pub fn get(&self, place: Place) -> Option<Slot> {
        let slot = self.slots.load(place.slot as usize);
        (slot.generation == place.generation).then_some(slot)
    }

    /// Publishes a registration. One that an earlier controller published with the same content keeps its slot,
    /// untouched.
    ///
    /// # Errors
    /// When it does not fit; nothing is changed then.
    pub fn insert(&mut self, now_ns: u64, entry: &Entry<'_>) -> Result<Place, Refused> {
        self.insert_beside(now_ns, entry, None)
    }

    /// Publishes a registration in the place of another: the new one stands before the old one goes, so that no
    /// keep-alive finds neither.
    ///
    /// # Errors
    /// As [`Table::insert`]; the old one is gone all the same.
    pub fn replace(
        &mut self,
        now_ns: u64,
        old: Place,
        entry: &Entry<'_>,
    ) -> Result<Place, Refused> {
        let placed = self.insert_beside(now_ns, entry, Some(old));
        self.remove(now_ns, old);
        placed
    }

    fn insert_beside(
        &mut self,
        now_ns: u64,
        entry: &Entry<'_>,
        old: Option<Place>,
    ) -> Result<Place, Refused> {
        if !(12..=MAX_RRQ).contains(&entry.rrq.len()) {
            return Err(Refused::Rrq);
        }
        let (address, port) = (
            octets(entry.endpoint.ip()),
            entry.endpoint.port().to_be_bytes(),
        );
        let fingerprint = hash::fingerprint(&self.keys, entry.rrq);
        let room = self.room(&address, port, fingerprint, old)?;
        let parts = entry.template.split(entry.rrq).ok_or(Refused::Rcf)?;
        if let Some(place) = room.unclaimed.and_then(|at| self.claim(at, entry, &parts)) {
            return Ok(place);
        }
        if self.used >= self.capacity() && room.unclaimed.is_none() {
            return Err(Refused::Full);
        }
        let slot = room.free.ok_or(Refused::Crowded)?;
        let rcf_template =
            self.rcf_template(now_ns, &parts.rcf_template, parts.original.as_deref())?;
        self.used += 1;
        let place = Place {
            slot,
            generation: self.generation(),
        };
        self.write(
            place,
            &Slot {
                generation: place.generation,
                zone_generation: entry.zone_generation,
                rrq_len: entry.rrq.len() as u16,
                address,
                fingerprint,
                port,
                gatekeeper: entry.gatekeeper,
                rcf_template,
                eid_at: parts.eid_at,
                rcf_sum: checksum::sum(&parts.answer),
                confirmed: ticks(entry.confirmed_ns),
                refreshed: ticks(entry.confirmed_ns) & !REFRESH_MARKS,
                last_seen: ticks(entry.last_seen_ns),
                ..Slot::default()
            },
        );
        if let Some(slot) = room.unclaimed {
            let generation = self.generation_at(slot);
            self.remove(now_ns, Place { slot, generation });
        }
        Ok(place)
    }

    /// The slot in which this keep-alive of this endpoint stands.
    #[must_use]
    pub fn matching_slot(&self, endpoint: SocketAddr, rrq: &[u8]) -> Option<u32> {
        let (address, port) = (octets(endpoint.ip()), endpoint.port().to_be_bytes());
        let fingerprint = hash::fingerprint(&self.keys, rrq);
        let home = hash::home(&self.keys, self.mask(), &address, port);
        (hash::spread(fingerprint)..PROBE_LIMIT.min(self.slots.len() as u32))
            .map(|offset| self.wrap(home.wrapping_add(offset)))
            .take_while(|at| self.generation_at(*at) != GENERATION_EMPTY)
            .filter(|at| self.generation_at(*at) & 1 == 0)
            .find(|at| {
                let there = self.slots.load(*at as usize);
                there.fingerprint == fingerprint && there.address == address && there.port == port
            })
    }

    /// Takes a registration out; false: it was not there.
    pub fn remove(&mut self, now_ns: u64, place: Place) -> bool {
        let Some(slot) = self.get(place) else {
            return false;
        };
        let word = self.slots.load_word(place.slot as usize, 0);
        self.slots.store_word(
            place.slot as usize,
            0,
            with_generation(word, place.generation | 1),
        );
        self.rcf_templates.release(now_ns, slot.rcf_template);
        self.used -= 1;
        self.unclaimed.end(place.slot);
        self.rests[place.slot as usize] = true;
        self.resting.push_back((now_ns + REST_NS, place.slot));
        true
    }

    /// Ends the rest of slots and RCF templates that have rested; to be called now and then.
    pub fn settle(&mut self, now_ns: u64) {
        self.rcf_templates.settle(now_ns);
        while let Some(&(until, slot)) = self.resting.front()
            && until <= now_ns
        {
            self.resting.pop_front();
            self.rests[slot as usize] = false;
            self.empty_from(slot);
        }
    }

    /// Deleted slots before an empty one are empty again, back from `slot`: no search needs to pass them.
    fn empty_from(&mut self, slot: u32) {
        if self.generation_at(self.wrap(slot + 1)) != GENERATION_EMPTY {
            return;
        }
        let mut at = slot;
        while self.generation_at(at) & 1 == 1 && !self.rests[at as usize] {
            let word = self.slots.load_word(at as usize, 0);
            self.slots
                .store_word(at as usize, 0, with_generation(word, GENERATION_EMPTY));
            at = self.wrap(at.wrapping_sub(1));
        }
    }

    /// Where a new registration goes: the first slot of its search that is not in use and does not rest.
    fn room(
        &self,
        address: &[u8; 16],
        port: [u8; 2],
        fingerprint: u64,
        old: Option<Place>,
    ) -> Result<Room, Refused> {
        let home = hash::home(&self.keys, self.mask(), address, port);
        let (mut free, mut unclaimed) = (None, None);
        for offset in hash::spread(fingerprint)..PROBE_LIMIT.min(self.slots.len() as u32) {
            let at = self.wrap(home.wrapping_add(offset));
            let generation = self.generation_at(at);
            let in_use = generation & 1 == 0 && generation != GENERATION_EMPTY;
            if !in_use && !self.rests[at as usize] {
                free = free.or(Some(at));
            }
            if in_use && old.is_none_or(|old| old.slot != at) {
                let there = self.slots.load(at as usize);
                let same = there.fingerprint == fingerprint
                    && there.address == *address
                    && there.port == port;
                match same {
                    true if self.unclaimed.has(at) => unclaimed = Some(at),
                    true => return Err(Refused::Twice),
                    false => {}
                }
            }
            if generation == GENERATION_EMPTY {
                break;
            }
        }
        Ok(Room { free, unclaimed })
    }

    fn rcf_template(
        &mut self,
        now_ns: u64,
        answer: &RcfTemplate,
        original: Option<&RcfTemplate>,
    ) -> Result<u32, Refused> {
        let original = match original {
            Some(original) => Some(
                self.rcf_templates
                    .acquire(*original, None)
                    .ok_or(Refused::RcfTemplates)?,
            ),
            None => None,
        };
        let rcf_template = self.rcf_templates.acquire(*answer, original);
        if let Some(original) = original {
            self.rcf_templates.release(now_ns, original);
        }
        rcf_template.ok_or(Refused::RcfTemplates)
    }

    fn write(&self, place: Place, slot: &Slot) {
        let index = place.slot as usize;
        let odd = self.slots.load_word(index, 0) | 1;
        self.slots.store_word(index, 0, odd);
        // `store` ends with the first word, which holds the even generation.
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        self.slots.store(index, slot);
    }

    /// A generation that was not used yet: even, not 0, and not 0 in its low half either.
    fn generation(&mut self) -> u32 {
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(2);
        if self.next_generation.trailing_zeros() >= 16 {
            self.next_generation = self.next_generation.wrapping_add(2);
        }
        generation
    }

    pub(crate) fn generation_at(&self, slot: u32) -> u32 {
        let octets = self.slots.load_word(slot as usize, 0).to_ne_bytes();
        u32::from_ne_bytes([octets[0], octets[1], octets[2], octets[3]])
    }

    /// A number that changes with the generation and what the kernel writes.
    pub(crate) fn digest(&self, slot: usize) -> u64 {
        [0, 5, 6, 7].into_iter().fold(0, |digest: u64, word| {
            (digest.rotate_left(23) ^ self.slots.load_word(slot, word))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
    }

    /// The slot this far after the first one of an address and port.
    pub(crate) fn slot_after_home(&self, address: &[u8; 16], port: [u8; 2], offset: u32) -> Slot {
        let home = hash::home(&self.keys, self.mask(), address, port);
        self.slots
            .load(self.wrap(home.wrapping_add(offset)) as usize)
    }

    fn mask(&self) -> u32 {
        self.slots.len() as u32 - 1
    }

    fn wrap(&self, slot: u32) -> u32 {
        slot & self.mask()
    }
}

/// The first word of a slot with another generation; the rest of it as it is.
fn with_generation(word: u64, generation: u32) -> u64 {
    let mut octets = word.to_ne_bytes();
    octets[..4].copy_from_slice(&generation.to_ne_bytes());
    u64::from_ne_bytes(octets)
}

mod adopt;
#[cfg(test)]
mod adopt_tests;
#[cfg(test)]
mod tests;
