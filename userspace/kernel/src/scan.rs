//! Reads by mmap what the kernel noted: per slot and per gatekeeper.

use std::{net::IpAddr, sync::Arc};

use rasline_abi::{GENERATION_EMPTY, Gatekeeper, REFRESH_MARKS, TICK_NS, elapsed, ticks};
use rasline_core::{
    Time,
    health::{Answers, Traffic},
};
use rasline_datapath::{hash, ras};
use rasline_host::monotonic_ns;

use crate::{Dataplane, Place, ring::ip, table::Table};

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

/// What the kernel noted about one gatekeeper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// When it last answered a request that was let through; 0: never.
    pub last_reply_ns: u64,
    /// When the oldest request that counts as evidence was let through since; 0: none.
    pub first_unanswered_ns: u64,
    /// Keep-alives let through since its last answer.
    pub outstanding: u64,
    /// Keep-alives let through, in all.
    pub requests: u64,
    /// RAS messages from it, in all.
    pub replies: u64,
}

/// What each slot looked like at the last scan.
#[derive(Debug)]
pub(crate) struct Scanned(Vec<u64>);

impl Scanned {
    pub(crate) fn new(slots: usize) -> Self {
        Self(vec![0; slots])
    }
}

/// CLOCK_MONOTONIC of a tick of the past; as [`Time`], if the machine started since.
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

impl Dataplane {
    /// Takes out the registrations of an earlier controller that `good` (gatekeeper, zone generation and address) does
    /// not hold for; how many.
    pub fn retain_unclaimed(&mut self, good: impl Fn(u16, u16, IpAddr) -> bool) -> usize {
        self.table.retain_unclaimed(monotonic_ns(), |slot| {
            good(slot.gatekeeper, slot.zone_generation, ip(&slot.address))
        })
    }

    /// The registrations that changed since the last scan. A million slots take some milliseconds.
    pub fn scan(&mut self, now_ns: u64, changed: impl FnMut(Observed)) {
        self.table.scan(now_ns, &mut self.scanned, changed);
    }

    /// What the kernel noted about a gatekeeper.
    #[must_use]
    pub fn peer(&self, gatekeeper: u32) -> Peer {
        let state = self.states.load(gatekeeper as usize);
        Peer {
            last_reply_ns: state.last_reply_ns,
            first_unanswered_ns: state.first_unanswered_ns,
            outstanding: state.outstanding,
            requests: state.requests,
            replies: state.replies,
        }
    }

    /// Reads what the program sees of gatekeepers' answers to endpoints, in any thread and without a system call. Requests
    /// count as unanswered when they are enough to call a gatekeeper silent, but for the time that it takes.
    pub fn traffic(&self) -> impl Fn(u32) -> Traffic + Send + Sync + use<> {
        let states = Arc::clone(&self.states);
        move |gatekeeper| {
            let state = states.load(gatekeeper as usize);
            let at = |ns| Some(Time(ns)).filter(|_| ns != 0);
            Traffic {
                last_reply: at(state.last_reply_ns),
                unanswered_since: at(state.enough_ns),
            }
        }
    }

    /// What an earlier controller, or this one under another configuration, found a gatekeeper to answer. Rows without a
    /// kind of request are of gatekeepers that answered TCP only, or of an older version: both kinds count until one is seen
    /// to be ignored.
    #[must_use]
    pub fn known_answers(&self, gatekeeper: u32) -> Answers {
        let row: Gatekeeper = self.gatekeepers.load(gatekeeper as usize);
        let probed = row.up_ns != 0;
        let answers = |kind| {
            let bit = row.answers >> ras::request_bit(kind) & 1;
            probed && (row.answers == 0 || bit != 0)
        };
        let state = self.states.load(gatekeeper as usize);
        Answers {
            grq: answers(ras::GRQ),
            rrq: answers(ras::RRQ),
            tcp: false,
            traffic: !probed && state.last_reply_ns != 0,
        }
    }
}
