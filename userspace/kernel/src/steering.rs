//! Where each zone's traffic goes: the controller's decisions, the program's own, and what is known of gatekeepers.
//!
//! Invariant: a decision (active gatekeeper and epoch) is one store of 64 bits, so the program never sees half of it.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use rasline_abi::{
    FLOW_CALLED, FLOW_CLOSED, FLOW_FORWARD, FLOW_OPEN, FLOW_REVERSE, Flow, FlowKey, GATEKEEPER_OWN,
    GATEKEEPER_PROBED, GATEKEEPER_PROXIED, GATEKEEPER_STANDBY, GATEKEEPER_STEER, Gatekeeper,
    GatekeeperState, MAX_CANDIDATES, NO_GATEKEEPER, ZONE_AUTO, Zone, ZoneState, duration_to_ticks,
};
use rasline_core::health::Answers;
use rasline_datapath::{Evidence, ras};
use rasline_host::failure::{Failure, Result, chain};

use crate::{
    CONNECTIONS, DATAGRAMS, Dataplane, Place,
    ring::{ip, octets},
};

const ACTIVE_WORD: usize = std::mem::offset_of!(Zone, active) / 8;
const MOVED_WORD: usize = std::mem::offset_of!(Zone, moved_ns) / 8;
const CANDIDATES_WORD: usize = std::mem::offset_of!(Zone, candidates) / 8;
const ZONE_FLAGS_WORD: usize = std::mem::offset_of!(Zone, flags) / 8;
const MOVE_FOR_WORD: usize = std::mem::offset_of!(Zone, move_for) / 8;
const FLAGS_WORD: usize = std::mem::offset_of!(Gatekeeper, ras_port) / 8;
const UP_WORD: usize = std::mem::offset_of!(Gatekeeper, up_ns) / 8;
const ANSWERS_WORD: usize = std::mem::offset_of!(Gatekeeper, call_port) / 8;
const BACK_WORD: usize = std::mem::offset_of!(Gatekeeper, back_ns) / 8;
const DOWN_WORD: usize = std::mem::offset_of!(Gatekeeper, down_ns) / 8;
const _: () = assert!(
    std::mem::offset_of!(Zone, active).is_multiple_of(8)
        && std::mem::offset_of!(Zone, candidates).is_multiple_of(8)
        && std::mem::offset_of!(Zone, candidates) + 2 * MAX_CANDIDATES == size_of::<Zone>()
        && std::mem::offset_of!(Gatekeeper, ras_port).is_multiple_of(8)
);
/// IP protocols.
const UDP: u32 = 17;
const TCP: u32 = 6;
/// A call-signalling connection without a segment for longer is not counted as open.
const OPEN_FOR: Duration = Duration::from_hours(2);

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

impl Dataplane {
    /// Carries out a decision: from now on the program's own, if there was one, does not count.
    pub fn steer(&mut self, steering: &Steering) {
        let index = steering.zone as usize;
        let mut row: Zone = self.zones.load(index);
        row.candidates = [0xffff; MAX_CANDIDATES];
        for (place, gatekeeper) in row.candidates.iter_mut().zip(&steering.candidates) {
            *place = *gatekeeper as u16;
        }
        let epoch = row.epoch.wrapping_add(1).max(1);
        row.moved_ns = steering.moved_ns;
        let active = steering.active.unwrap_or(NO_GATEKEEPER);
        // First what the decision is about, then the decision itself.
        let (old_active, old_epoch) = (row.active, row.epoch);
        (row.active, row.epoch) = (old_active, old_epoch);
        self.zones.store(index, &row);
        self.zones.store_word(index, MOVED_WORD, steering.moved_ns);
        let word = bytemuck::cast([active, if steering.active.is_some() { epoch } else { 0 }]);
        self.zones.store_word(index, ACTIVE_WORD, word);
        for gatekeeper in 0..self.gatekeepers.len() as u32 {
            let row: Gatekeeper = self.gatekeepers.load(gatekeeper as usize);
            if row.ras_port != [0; 2] && row.zone == steering.zone {
                let steered = steering.steered.contains(&gatekeeper);
                self.set_flag(gatekeeper, GATEKEEPER_STEER, steered);
            }
        }
    }

    /// Changes only whom the program may move the zone to; decisions stay as they are.
    pub fn set_candidates(&self, zone: u32, candidates: &[u32]) {
        let mut row: Zone = self.zones.load(zone as usize);
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
            self.zones.store_word_of(zone as usize, &row, word);
        }
    }

    /// Whether the program may move a zone by itself; a zone that is not in use yet: it may.
    #[must_use]
    pub fn is_auto(&self, zone: u32) -> bool {
        let row: Zone = self.zones.load(zone as usize);
        row.generation == 0 || row.flags & ZONE_AUTO != 0
    }

    /// Lets the program move a zone by itself, or not. What it decided before stays.
    pub fn set_auto(&self, zone: u32, on: bool) {
        let row: Zone = self.zones.load(zone as usize);
        let flags = if on {
            row.flags | ZONE_AUTO
        } else {
            row.flags & !ZONE_AUTO
        };
        if flags != row.flags {
            let row = Zone { flags, ..row };
            self.zones
                .store_word_of(zone as usize, &row, ZONE_FLAGS_WORD);
        }
    }

    /// How long after a move the registrations left behind are answered, and RRQs bounded.
    pub fn set_move_for(&self, zone: u32, time: Duration) {
        let row: Zone = self.zones.load(zone as usize);
        let move_for = duration_to_ticks(time.as_nanos() as u64);
        if row.move_for != move_for {
            let row = Zone { move_for, ..row };
            self.zones.store_word_of(zone as usize, &row, MOVE_FOR_WORD);
        }
    }

    /// A zone's row as a decision, the program's own left aside; none: nothing was decided.
    #[must_use]
    pub fn steering(&self, zone: u32) -> Option<Steering> {
        let row: Zone = self.zones.load(zone as usize);
        let steers = |index: &u32| {
            let g: Gatekeeper = self.gatekeepers.load(*index as usize);
            g.ras_port != [0; 2] && g.zone == zone && g.flags & GATEKEEPER_STEER != 0
        };
        (row.epoch != 0).then(|| Steering {
            zone,
            active: Some(row.active),
            steered: (0..self.gatekeepers.len() as u32).filter(steers).collect(),
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
        let row: Zone = self.zones.load(zone as usize);
        (row.epoch != 0).then_some((row.active, row.moved_ns))
    }

    /// What the program decided for a zone, if that is in force.
    #[must_use]
    pub fn decided(&self, zone: u32) -> Option<Decided> {
        let row: Zone = self.zones.load(zone as usize);
        let state: ZoneState = self.zone_states.load(zone as usize);
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
        let state: ZoneState = self.zone_states.load(zone as usize);
        Moved {
            decisions: state.decisions,
            migrated: state.migrated,
            shaped: state.shaped,
            limited: state.limited,
        }
    }

    /// A probe was answered: what endpoints' requests did not get before counts no more.
    pub fn probe_answered(&self, gatekeeper: u32, at_ns: u64) {
        self.gatekeepers
            .store_word(gatekeeper as usize, UP_WORD, at_ns);
    }

    /// A gatekeeper that was dead is alive again, and may have lost its registrations: what it confirmed before is
    /// refreshed early, at the migrate rate.
    pub fn set_back(&self, gatekeeper: u32, at_ns: u64) {
        self.gatekeepers
            .store_word(gatekeeper as usize, BACK_WORD, at_ns);
    }

    /// What a gatekeeper answers to the controller's probes. If anything, the program need not let keep-alives through to
    /// see whether it is back; and the silence of a gatekeeper in what it answered is evidence, should the controller die.
    pub fn set_probed(&self, gatekeeper: u32, answers: Answers) {
        self.set_flag(gatekeeper, GATEKEEPER_PROBED, answers.ras() || answers.tcp);
        let row: Gatekeeper = self.gatekeepers.load(gatekeeper as usize);
        let bit = |kind, on: bool| u16::from(on) << ras::request_bit(kind);
        let seen = bit(ras::GRQ, answers.grq) | bit(ras::RRQ, answers.rrq);
        // What it answered before stands until it is known to answer something else.
        if seen != 0 && row.answers != seen {
            let row = Gatekeeper {
                answers: seen,
                ..row
            };
            self.gatekeepers
                .store_word_of(gatekeeper as usize, &row, ANSWERS_WORD);
        }
    }

    /// When the controller found a gatekeeper dead; none: it is not, or nothing is thought of it.
    pub fn set_down(&self, gatekeeper: u32, since_ns: Option<u64>) {
        self.gatekeepers
            .store_word(gatekeeper as usize, DOWN_WORD, since_ns.unwrap_or(0));
    }

    /// Since when the program takes a gatekeeper for silent, CLOCK_MONOTONIC; none: it does not.
    #[must_use]
    pub fn silent_since(&self, gatekeeper: u32, dead_after: Duration, now_ns: u64) -> Option<u64> {
        let row: Gatekeeper = self.gatekeepers.load(gatekeeper as usize);
        let state: GatekeeperState = self.states.load(gatekeeper as usize);
        let evidence = Evidence::of(&row, &state);
        let since = evidence.silent_since(dead_after.as_nanos() as u64, now_ns);
        // rasline itself is there as long as this runs.
        Some(since).filter(|at| *at != 0 && row.flags & GATEKEEPER_OWN == 0)
    }

    /// Whether what a gatekeeper sends to the zone's endpoints, while it is not active, goes to the controller.
    pub fn set_standby(&self, gatekeeper: u32, on: bool) {
        self.set_flag(gatekeeper, GATEKEEPER_STANDBY, on);
    }

    /// Whether what a gatekeeper sends to the zone's endpoints goes to the controller, whose proxy speaks from their
    /// addresses.
    pub fn set_proxied(&self, gatekeeper: u32, on: bool) {
        self.set_flag(gatekeeper, GATEKEEPER_PROXIED, on);
    }

    /// Whether a gatekeeper is rasline itself, so that RRQs to it are not copied into the ring as well.
    pub fn set_own(&self, gatekeeper: u32) {
        self.set_flag(gatekeeper, GATEKEEPER_OWN, true);
    }

    fn set_flag(&self, gatekeeper: u32, flag: u16, on: bool) {
        let mut row: Gatekeeper = self.gatekeepers.load(gatekeeper as usize);
        let flags = if on {
            row.flags | flag
        } else {
            row.flags & !flag
        };
        if flags != row.flags {
            row.flags = flags;
            self.gatekeepers
                .store_word_of(gatekeeper as usize, &row, FLAGS_WORD);
        }
    }

    /// The gatekeeper's address under which an endpoint sent what came to this one; none: this one.
    #[must_use]
    pub fn known_as(&self, own: SocketAddr, endpoint: SocketAddr) -> Option<SocketAddr> {
        let key = FlowKey {
            source: bytemuck::cast(octets(own.ip())),
            destination: bytemuck::cast(octets(endpoint.ip())),
            source_port: own.port().to_be_bytes(),
            destination_port: endpoint.port().to_be_bytes(),
            protocol: UDP,
        };
        let flow = self.flows[DATAGRAMS].get(&bytemuck::cast(key), 0).ok()?;
        let flow: Flow = bytemuck::cast(flow);
        (flow.kind == FLOW_REVERSE).then(|| {
            let port = u16::from_be_bytes(flow.port);
            SocketAddr::new(ip(&bytemuck::cast(flow.address)), port)
        })
    }

    /// The endpoint of a registration, and the gatekeeper's address that it sends its keep-alives to.
    #[must_use]
    pub fn association(&self, place: Place) -> Option<(SocketAddr, SocketAddr)> {
        let slot = self.table.get(place)?;
        let row: Gatekeeper = self.gatekeepers.load(usize::from(slot.gatekeeper));
        let endpoint = SocketAddr::new(ip(&slot.address), u16::from_be_bytes(slot.port));
        let own = SocketAddr::new(ip(&row.address), u16::from_be_bytes(row.ras_port));
        Some((endpoint, self.known_as(own, endpoint).unwrap_or(own)))
    }

    /// Call-signalling connections that are steered to this gatekeeper and open.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open_connections(&self, gatekeeper: u32, now_ns: u64) -> Result<u32> {
        let mut open = 0;
        for entry in &self.flows[CONNECTIONS] {
            let (_, flow) = entry.map_err(|e| Failure::plain("map CONNECTIONS", chain(&e)))?;
            let flow: Flow = bytemuck::cast(flow);
            let fresh = now_ns.saturating_sub(flow.seen_ns) < OPEN_FOR.as_nanos() as u64;
            open += u32::from(
                flow.kind == FLOW_FORWARD
                    && flow.gatekeeper == gatekeeper
                    && flow.state & (FLOW_OPEN | FLOW_CLOSED) == FLOW_OPEN
                    && fresh,
            );
        }
        Ok(open)
    }

    /// Open call-signalling connections between endpoints and these gatekeepers, as far as the program notes them: those that
    /// it steers, and those that a gatekeeper opened.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn connections_of(&self, gatekeepers: &BTreeSet<u32>) -> Result<Vec<Connection>> {
        let mut open = Vec::new();
        for entry in &self.flows[CONNECTIONS] {
            let (key, flow) = entry.map_err(|e| Failure::plain("map CONNECTIONS", chain(&e)))?;
            let (key, flow): (FlowKey, Flow) = (bytemuck::cast(key), bytemuck::cast(flow));
            if gatekeepers.contains(&flow.gatekeeper) && is_open(&flow) {
                open.push(Connection::new(&key, flow.gatekeeper));
            }
        }
        Ok(open)
    }

    /// Whether a connection is still noted as open at the same gatekeeper.
    #[must_use]
    pub fn is_connected(&self, connection: &Connection) -> bool {
        let key = bytemuck::cast(connection.key());
        let flow = self.flows[CONNECTIONS].get(&key, 0);
        flow.is_ok_and(|flow| {
            let flow: Flow = bytemuck::cast(flow);
            flow.gatekeeper == connection.gatekeeper && is_open(&flow)
        })
    }
}

/// Whether it is what an endpoint sends on an open connection.
const fn is_open(flow: &Flow) -> bool {
    matches!(flow.kind, FLOW_FORWARD | FLOW_CALLED)
        && flow.state & (FLOW_OPEN | FLOW_CLOSED) == FLOW_OPEN
}

/// A call-signalling connection of an endpoint, under the addresses that the endpoint knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Index of the gatekeeper that it leads to.
    pub gatekeeper: u32,
    /// The endpoint.
    pub endpoint: SocketAddr,
    /// Whom the endpoint takes it to be with.
    pub peer: SocketAddr,
}

impl Connection {
    fn new(key: &FlowKey, gatekeeper: u32) -> Self {
        let end = |address: [u64; 2], port| {
            SocketAddr::new(ip(&bytemuck::cast(address)), u16::from_be_bytes(port))
        };
        Self {
            gatekeeper,
            endpoint: end(key.source, key.source_port),
            peer: end(key.destination, key.destination_port),
        }
    }

    /// Key of what the endpoint sends.
    fn key(&self) -> FlowKey {
        FlowKey {
            source: bytemuck::cast(octets(self.endpoint.ip())),
            destination: bytemuck::cast(octets(self.peer.ip())),
            source_port: self.endpoint.port().to_be_bytes(),
            destination_port: self.peer.port().to_be_bytes(),
            protocol: TCP,
        }
    }
}
