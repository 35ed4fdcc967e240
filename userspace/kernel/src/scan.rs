//! Reads by mmap what the kernel noted in each slot.

use std::net::SocketAddr;

use rasline_abi::{GENERATION_EMPTY, PROBE_LIMIT, REFRESH_MARKS, SPREAD, TICK_NS, elapsed, ticks};
use rasline_datapath::hash;

use crate::{Place, ring::octets, table::Table};

/// What the kernel noted about one published registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Which.
    pub place: Place,
    /// Keep-alives answered.
    pub answered: u32,
    /// When its last keep-alive came, CLOCK_MONOTONIC.
    pub last_seen_ns: u64,
    /// When its gatekeeper last confirmed it.
    pub confirmed_ns: u64,
    /// When a keep-alive was last let through.
    pub refreshed_ns: u64,
    /// Its gatekeeper withdrew it.
    pub withdrawn: bool,
}

/// What each slot looked like at the last scan.
#[derive(Debug)]
pub(crate) struct Scanned(Vec<u64>);

impl Scanned {
    pub(crate) fn new(slots: usize) -> Self {
        Self(vec![0; slots])
    }
}

/// CLOCK_MONOTONIC of a tick of the past; as [`Time`](rasline_core::Time), if the machine started since.
pub(crate) fn tick_ns(now_ns: u64, tick: u32) -> u64 {
    now_ns.wrapping_sub(u64::from(elapsed(ticks(now_ns), tick)) * TICK_NS)
}

impl Table {
    /// The registrations that changed since `before` was last given here.
    pub(crate) fn scan(
        &self,
        now_ns: u64,
        before: &mut Scanned,
        mut changed: impl FnMut(Observed),
    ) {
        for (index, before) in before.0.iter_mut().enumerate() {
            let generation = self.generation_at(index as u32);
            if generation == GENERATION_EMPTY || generation & 1 == 1 {
                continue;
            }
            let digest = self.digest(index);
            if digest == *before {
                continue;
            }
            *before = digest;
            let place = Place {
                slot: index as u32,
                generation,
            };
            if let Some(seen) = self.observe(now_ns, place) {
                changed(seen);
            }
        }
    }

    /// When the next keep-alive of a registration is let through, CLOCK_MONOTONIC.
    #[must_use]
    pub fn refresh_due(&self, now_ns: u64, place: Place) -> Option<u64> {
        let slot = self.get(place)?;
        let every = self.rcf_templates().get(slot.rcf_template).refresh_every;
        let after = u64::from(hash::refresh_after(every, slot.fingerprint)) * TICK_NS;
        Some(tick_ns(now_ns, slot.confirmed).wrapping_add(after))
    }

    /// The last keep-alive of this address and port that is known to another gatekeeper than this one.
    pub(crate) fn last_elsewhere(
        &self,
        now_ns: u64,
        endpoint: SocketAddr,
        gatekeeper: u32,
    ) -> Option<u64> {
        let (address, port) = (octets(endpoint.ip()), endpoint.port().to_be_bytes());
        (0..SPREAD + PROBE_LIMIT)
            .map(|offset| self.slot_after_home(&address, port, offset))
            .take_while(|slot| slot.generation != GENERATION_EMPTY)
            .filter(|slot| slot.generation & 1 == 0)
            .filter(|slot| slot.address == address && slot.port == port)
            .filter(|slot| u32::from(slot.gatekeeper) != gatekeeper)
            .map(|slot| tick_ns(now_ns, slot.last_seen))
            .max()
    }

    /// What the kernel noted about a registration.
    #[must_use]
    pub fn observe(&self, now_ns: u64, place: Place) -> Option<Observed> {
        let slot = self.get(place)?;
        Some(Observed {
            place,
            answered: slot.answered,
            last_seen_ns: tick_ns(now_ns, slot.last_seen),
            confirmed_ns: tick_ns(now_ns, slot.confirmed),
            refreshed_ns: tick_ns(now_ns, slot.refreshed & !REFRESH_MARKS),
            withdrawn: slot.withdrawn == slot.generation as u16,
        })
    }
}
