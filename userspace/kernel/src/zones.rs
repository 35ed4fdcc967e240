//! The rows of zones and what the program notes in them: policy, the gatekeeper that serves the zone, and decisions that the
//! program made by itself.
//!
//! Invariant: a decision (active gatekeeper and epoch) is one store of 64 bits, so the program never sees half of it.

use std::time::Duration;

use rasline_abi::{
    Answer, MAX_CANDIDATES, NO_GATEKEEPER, ZONE_AUTO, ZONE_ENDS_SIGNALLING, ZONE_RESET, ZONE_RIP,
    Zone, ZoneState, duration_to_ticks,
};

use crate::mapped_array::MappedArray;

const ACTIVE_WORD: usize = std::mem::offset_of!(Zone, active) / 8;
const MOVED_WORD: usize = std::mem::offset_of!(Zone, moved_ns) / 8;
const CANDIDATES_WORD: usize = std::mem::offset_of!(Zone, candidates) / 8;
const FLAGS_WORD: usize = std::mem::offset_of!(Zone, flags) / 8;
const MOVE_FOR_WORD: usize = std::mem::offset_of!(Zone, move_for) / 8;
const _: () = assert!(
    std::mem::offset_of!(Zone, active).is_multiple_of(8)
        && std::mem::offset_of!(Zone, candidates).is_multiple_of(8)
        && std::mem::offset_of!(Zone, candidates) + 2 * MAX_CANDIDATES == size_of::<Zone>()
);

/// A zone as the kernel gets it.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the row")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRow {
    /// Index.
    pub index: u32,
    /// Never 0.
    pub generation: u16,
    /// Policy.
    pub answer: Answer,
    /// Whether RCFs are diverted.
    pub divert: bool,
    /// How long a silent gatekeeper's endpoints are answered.
    pub hold_for: Duration,
    /// When a gatekeeper counts as silent.
    pub dead_after: Duration,
    /// RRQs a second that reach the active gatekeeper while the zone moves.
    pub migrate_rate: u32,
    /// Messages a second of sources without a registration that reach the gatekeepers; 0: no bound.
    pub unknown_rate: u32,
    /// The program may move the zone by itself.
    pub auto: bool,
    /// Connections whose gatekeeper is gone are reset.
    pub reset: bool,
    /// New connections of call signalling pass to this machine, and none is reset.
    pub ends_signalling: bool,
    /// Delay of the RIP that RRQs beyond the rate get; none: they are dropped.
    pub rip_delay: Option<Duration>,
    /// RAS and call-signalling ports of the service addresses.
    pub service_ports: (u16, u16),
}

/// A decision about a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// Zone index.
    pub zone: u32,
    /// Index of the gatekeeper that serves it; none: its traffic is left alone.
    pub active: Option<u32>,
    /// Gatekeepers whose traffic goes to the active one.
    pub steered: Vec<u32>,
    /// Gatekeepers that the program may move the zone to by itself, best first.
    pub candidates: Vec<u32>,
    /// When the zone moved, CLOCK_MONOTONIC; 0: it has always been there.
    pub moved_ns: u64,
}

/// What the program decided for a zone by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Index of the gatekeeper that it moved the zone to.
    pub active: u32,
    /// Index of the one that it left.
    pub from: u32,
    /// When, CLOCK_MONOTONIC.
    pub at_ns: u64,
    /// The first request that was not answered, CLOCK_MONOTONIC.
    pub evidence_ns: u64,
}

/// What the program counts for a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Decisions of its own.
    pub decisions: u32,
    /// Known keep-alives let through to move their registrations.
    pub migrated: u64,
    /// RRQs held back by the migrate rate.
    pub shaped: u64,
    /// Messages of sources without a registration held back by the unknown rate.
    pub limited: u64,
}

/// The rows of zones, and their states.
pub struct Zones {
    rows: MappedArray<Zone>,
    states: MappedArray<ZoneState>,
}

impl Zones {
    pub(crate) const fn new(rows: MappedArray<Zone>, states: MappedArray<ZoneState>) -> Self {
        Self { rows, states }
    }

    /// Writes a zone's row. Where its traffic goes stays as it is ([`Dataplane::steer`](crate::Dataplane::steer)).
    pub fn set(&self, row: &ZoneRow) {
        let ticks = |d: Duration| duration_to_ticks(d.as_nanos() as u64);
        let flag = |on: bool, bit: u32| if on { bit } else { 0 };
        let old: Zone = self.rows.load(row.index as usize);
        let zone = Zone {
            generation: row.generation,
            rip_delay_ms: row.rip_delay.map_or(0, |d| d.as_millis() as u16),
            answer: row.answer as u32,
            divert: u32::from(row.divert),
            hold_for: ticks(row.hold_for),
            dead_after_ns: row.dead_after.as_nanos() as u64,
            flags: flag(row.auto, ZONE_AUTO)
                | flag(row.reset, ZONE_RESET)
                | flag(row.ends_signalling, ZONE_ENDS_SIGNALLING)
                | flag(row.rip_delay.is_some(), ZONE_RIP),
            migrate_rate: row.migrate_rate,
            unknown_rate: row.unknown_rate,
            service_ras_port: row.service_ports.0.to_be_bytes(),
            service_call_port: row.service_ports.1.to_be_bytes(),
            move_for: old.move_for.max(ticks(row.hold_for)),
            ..old
        };
        self.rows.store(row.index as usize, &zone);
    }

    /// Empties a zone's row.
    pub fn clear(&self, index: u32) {
        self.rows.store(index as usize, &Zone::default());
        self.states.store(index as usize, &ZoneState::default());
    }

    /// Carries out a decision. The program's own decision, if there was one, no longer counts.
    pub(crate) fn steer(&self, steering: &Steering) {
        let index = steering.zone as usize;
        let mut row: Zone = self.rows.load(index);
        row.candidates = [0xffff; MAX_CANDIDATES];
        for (place, gatekeeper) in row.candidates.iter_mut().zip(&steering.candidates) {
            *place = *gatekeeper as u16;
        }
        let epoch = row.epoch.wrapping_add(1).max(1);
        row.moved_ns = steering.moved_ns;
        let active = steering.active.unwrap_or(NO_GATEKEEPER);
        // First what the decision is about, then the decision itself.
        self.rows.store(index, &row);
        self.rows.store_word(index, MOVED_WORD, steering.moved_ns);
        let word = bytemuck::cast([active, if steering.active.is_some() { epoch } else { 0 }]);
        self.rows.store_word(index, ACTIVE_WORD, word);
    }

    /// Sets the gatekeepers that the program may move a zone to by itself. Decisions stay as they are.
    pub fn set_candidates(&self, zone: u32, candidates: &[u32]) {
        let mut row: Zone = self.rows.load(zone as usize);
        let mut there: Vec<u16> = row
            .candidates
            .into_iter()
            .filter(|c| *c != 0xffff)
            .collect();
        let mut wanted: Vec<u16> = candidates.iter().map(|c| *c as u16).collect();
        wanted.truncate(MAX_CANDIDATES);
        row.candidates = [0xffff; MAX_CANDIDATES];
        row.candidates[..wanted.len()].copy_from_slice(&wanted);
        there.sort_unstable();
        wanted.sort_unstable();
        // The order may be that of a later decision.
        if there == wanted {
            return;
        }
        for word in CANDIDATES_WORD..size_of::<Zone>() / 8 {
            self.rows.store_word_of(zone as usize, &row, word);
        }
    }

    /// Returns whether the program may move a zone by itself. It may if the zone is not in use yet.
    #[must_use]
    pub fn is_auto(&self, zone: u32) -> bool {
        let row: Zone = self.rows.load(zone as usize);
        row.generation == 0 || row.flags & ZONE_AUTO != 0
    }

    /// Sets whether the program may move a zone by itself. What it decided before stays.
    pub fn set_auto(&self, zone: u32, on: bool) {
        let row: Zone = self.rows.load(zone as usize);
        let flags = if on {
            row.flags | ZONE_AUTO
        } else {
            row.flags & !ZONE_AUTO
        };
        if flags != row.flags {
            let row = Zone { flags, ..row };
            self.rows.store_word_of(zone as usize, &row, FLAGS_WORD);
        }
    }

    /// Sets how long after a move the registrations left behind are answered, and RRQs bounded.
    pub fn set_move_for(&self, zone: u32, time: Duration) {
        let row: Zone = self.rows.load(zone as usize);
        let move_for = duration_to_ticks(time.as_nanos() as u64);
        if row.move_for != move_for {
            let row = Zone { move_for, ..row };
            self.rows.store_word_of(zone as usize, &row, MOVE_FOR_WORD);
        }
    }

    /// Returns a zone's row as a decision, the program's own left aside; `None`: nothing was decided. `steered` are the
    /// gatekeepers whose traffic goes to the active one.
    pub(crate) fn steering(&self, zone: u32, steered: Vec<u32>) -> Option<Steering> {
        let row: Zone = self.rows.load(zone as usize);
        (row.epoch != 0).then(|| Steering {
            zone,
            active: Some(row.active),
            steered,
            candidates: row
                .candidates
                .iter()
                .filter(|c| **c != 0xffff)
                .map(|c| u32::from(*c))
                .collect(),
            moved_ns: row.moved_ns,
        })
    }

    /// The decision that is in force in a zone's row: active gatekeeper, and when the zone moved.
    #[must_use]
    pub fn steered_to(&self, zone: u32) -> Option<(u32, u64)> {
        let row: Zone = self.rows.load(zone as usize);
        (row.epoch != 0).then_some((row.active, row.moved_ns))
    }

    /// What the program decided for a zone, if that is in force.
    #[must_use]
    pub fn decided(&self, zone: u32) -> Option<Decided> {
        let row: Zone = self.rows.load(zone as usize);
        let state: ZoneState = self.states.load(zone as usize);
        (row.epoch != 0 && state.decided_epoch == row.epoch).then_some(Decided {
            active: state.decided,
            from: state.decided_from,
            at_ns: state.decided_ns,
            evidence_ns: state.evidence_ns,
        })
    }

    /// What the program counted for a zone.
    #[must_use]
    pub fn moved(&self, zone: u32) -> Moved {
        let state: ZoneState = self.states.load(zone as usize);
        Moved {
            decisions: state.decisions,
            migrated: state.migrated,
            shaped: state.shaped,
            limited: state.limited,
        }
    }

    /// Returns the row of each zone that is in use, with its index.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u32, Zone)> {
        let all = (0..self.rows.len() as u32).map(|index| (index, self.rows.load(index as usize)));
        all.filter(|(_, row)| row.generation != 0)
    }
}
