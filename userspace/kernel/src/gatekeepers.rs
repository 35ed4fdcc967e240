//! The rows of gatekeepers: what the controller writes about each, what the program notes, and which address leads to which.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use aya::maps::{HashMap as BpfHashMap, MapData, MapError};
use bytemuck::bytes_of;
use rasline_abi::{
    GATEKEEPER_OWN, GATEKEEPER_PROBED, GATEKEEPER_PROXIED, GATEKEEPER_STANDBY, GATEKEEPER_STEER,
    Gatekeeper, GatekeeperKey, GatekeeperState, SERVICE,
};
use rasline_core::{
    Time,
    health::{Answers, Traffic},
};
use rasline_datapath::{Evidence, ras};
use rasline_host::failure::{Failure, Result, chain};

use crate::{
    mapped_array::MappedArray,
    ring::{ip, octets},
};

const FLAGS_WORD: usize = std::mem::offset_of!(Gatekeeper, ras_port) / 8;
const UP_WORD: usize = std::mem::offset_of!(Gatekeeper, up_ns) / 8;
const ANSWERS_WORD: usize = std::mem::offset_of!(Gatekeeper, call_port) / 8;
const BACK_WORD: usize = std::mem::offset_of!(Gatekeeper, back_ns) / 8;
const DOWN_WORD: usize = std::mem::offset_of!(Gatekeeper, down_ns) / 8;
const _: () = assert!(std::mem::offset_of!(Gatekeeper, ras_port).is_multiple_of(8));

/// A gatekeeper as the kernel gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatekeeperRow {
    /// Index.
    pub index: u32,
    /// Index of its zone.
    pub zone: u32,
    /// Address.
    pub address: IpAddr,
    /// RAS port.
    pub ras_port: u16,
    /// Call-signalling port.
    pub call_port: u16,
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

/// Addresses that lead to gatekeepers, as the octets of [`GatekeeperKey`].
pub(crate) type Index = BpfHashMap<MapData, [u8; 20], u32>;

/// The rows of gatekeepers, their states, and the addresses that lead to them.
pub struct Gatekeepers {
    rows: MappedArray<Gatekeeper>,
    /// The thread of the probes reads them, too.
    states: Arc<MappedArray<GatekeeperState>>,
    index: Index,
}

impl Gatekeepers {
    pub(crate) fn new(
        rows: MappedArray<Gatekeeper>,
        states: MappedArray<GatekeeperState>,
        index: Index,
    ) -> Self {
        let states = Arc::new(states);
        Self {
            rows,
            states,
            index,
        }
    }

    /// Writes a gatekeeper's row, then what leads to it. Its earlier evidence is dropped.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set(&mut self, row: &GatekeeperRow) -> Result<()> {
        let gatekeeper = Gatekeeper {
            address: octets(row.address),
            ras_port: row.ras_port.to_be_bytes(),
            zone: row.zone,
            call_port: row.call_port.to_be_bytes(),
            ..Gatekeeper::default()
        };
        self.states
            .store(row.index as usize, &GatekeeperState::default());
        self.rows.store(row.index as usize, &gatekeeper);
        self.index
            .insert(key(row), row.index, 0)
            .map_err(|e| refused(&e))
    }

    /// Takes a gatekeeper out.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn clear(&mut self, row: &GatekeeperRow) -> Result<()> {
        match self.index.remove(&key(row)) {
            // Already gone is fine: what was half-written is taken back this way.
            Ok(()) => {}
            Err(MapError::SyscallError(e)) if e.io_error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(e) => return Err(refused(&e)),
        }
        self.rows.store(row.index as usize, &Gatekeeper::default());
        Ok(())
    }

    /// Makes the gatekeepers' addresses lead to these rows, service addresses (zone, address) to their zone, and no
    /// others anywhere.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_index<'a>(
        &mut self,
        rows: impl IntoIterator<Item = &'a GatekeeperRow>,
        services: &[(u32, IpAddr)],
    ) -> Result<()> {
        let wrong = |e: MapError| refused(&e);
        let rows = rows.into_iter().map(|row| (key(row), row.index));
        let services = services
            .iter()
            .map(|(zone, address)| (index_key(*zone, *address), SERVICE));
        let wanted: HashMap<[u8; 20], u32> = rows.chain(services).collect();
        let there: HashMap<[u8; 20], u32> = self
            .index
            .iter()
            .collect::<std::result::Result<_, _>>()
            .map_err(wrong)?;
        for key in there.keys().filter(|key| !wanted.contains_key(*key)) {
            self.index.remove(key).map_err(wrong)?;
        }
        for (key, index) in wanted {
            if there.get(&key) != Some(&index) {
                self.index.insert(key, index, 0).map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// Marks the gatekeepers of a zone whose traffic goes to the active one, and no others of it.
    pub(crate) fn set_steered(&self, zone: u32, steered: &[u32]) {
        for (gatekeeper, row) in self.rows() {
            if row.zone == zone {
                self.set_flag(gatekeeper, GATEKEEPER_STEER, steered.contains(&gatekeeper));
            }
        }
    }

    /// Returns the gatekeepers of a zone whose traffic goes to the active one.
    pub(crate) fn steered(&self, zone: u32) -> Vec<u32> {
        let steered = |row: &Gatekeeper| row.zone == zone && row.flags & GATEKEEPER_STEER != 0;
        let all = self.rows().filter(|(_, row)| steered(row));
        all.map(|(index, _)| index).collect()
    }

    /// Notes that a probe was answered. Requests of endpoints that were not answered before no longer count.
    pub fn probe_answered(&self, gatekeeper: u32, at_ns: u64) {
        self.rows.store_word(gatekeeper as usize, UP_WORD, at_ns);
    }

    /// Notes that a gatekeeper that was dead is alive again. It may have lost its registrations, so what it confirmed before
    /// is refreshed early, at the migrate rate.
    pub fn set_back(&self, gatekeeper: u32, at_ns: u64) {
        self.rows.store_word(gatekeeper as usize, BACK_WORD, at_ns);
    }

    /// Sets what a gatekeeper answers to the controller's probes. If it answers any, the program need not let
    /// keep-alives through to see whether it is back; and the silence of a gatekeeper in what it answered is evidence,
    /// should the controller die.
    pub fn set_probed(&self, gatekeeper: u32, answers: Answers) {
        self.set_flag(gatekeeper, GATEKEEPER_PROBED, answers.ras() || answers.tcp);
        let row: Gatekeeper = self.rows.load(gatekeeper as usize);
        let bit = |kind, on: bool| u16::from(on) << ras::request_bit(kind);
        let seen = bit(ras::GRQ, answers.grq) | bit(ras::RRQ, answers.rrq);
        // What it answered before stands until it is known to answer something else.
        if seen != 0 && row.answers != seen {
            let row = Gatekeeper {
                answers: seen,
                ..row
            };
            self.rows
                .store_word_of(gatekeeper as usize, &row, ANSWERS_WORD);
        }
    }

    /// Sets when the controller found a gatekeeper dead; `None`: it is not dead, or not known to be.
    pub fn set_down(&self, gatekeeper: u32, since_ns: Option<u64>) {
        self.rows
            .store_word(gatekeeper as usize, DOWN_WORD, since_ns.unwrap_or(0));
    }

    /// Returns since when the program takes a gatekeeper for silent, CLOCK_MONOTONIC; `None`: it does not.
    #[must_use]
    pub fn silent_since(&self, gatekeeper: u32, dead_after: Duration, now_ns: u64) -> Option<u64> {
        let row: Gatekeeper = self.rows.load(gatekeeper as usize);
        let state: GatekeeperState = self.states.load(gatekeeper as usize);
        let evidence = Evidence::of(&row, &state);
        let since = evidence.silent_since(dead_after.as_nanos() as u64, now_ns);
        // rasline itself is there as long as this runs.
        Some(since).filter(|at| *at != 0 && row.flags & GATEKEEPER_OWN == 0)
    }

    /// Sets whether what a gatekeeper sends to the zone's endpoints, while it is not active, goes to the controller.
    pub fn set_standby(&self, gatekeeper: u32, on: bool) {
        self.set_flag(gatekeeper, GATEKEEPER_STANDBY, on);
    }

    /// Sets whether what a gatekeeper sends to the zone's endpoints goes to the controller, whose proxy speaks from their
    /// addresses.
    pub fn set_proxied(&self, gatekeeper: u32, on: bool) {
        self.set_flag(gatekeeper, GATEKEEPER_PROXIED, on);
    }

    /// Notes that a gatekeeper is rasline itself, so that RRQs to it are not copied into the ring as well.
    pub fn set_own(&self, gatekeeper: u32) {
        self.set_flag(gatekeeper, GATEKEEPER_OWN, true);
    }

    fn set_flag(&self, gatekeeper: u32, flag: u16, on: bool) {
        let mut row: Gatekeeper = self.rows.load(gatekeeper as usize);
        let flags = if on {
            row.flags | flag
        } else {
            row.flags & !flag
        };
        if flags != row.flags {
            row.flags = flags;
            self.rows
                .store_word_of(gatekeeper as usize, &row, FLAGS_WORD);
        }
    }

    /// Returns what the kernel noted about a gatekeeper.
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

    /// Returns what an earlier controller, or this one under another configuration, found a gatekeeper to answer. Rows without a
    /// kind of request are of gatekeepers that answered TCP only, or of an older version: both kinds count until one is seen
    /// to be ignored.
    #[must_use]
    pub fn known_answers(&self, gatekeeper: u32) -> Answers {
        let row: Gatekeeper = self.rows.load(gatekeeper as usize);
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

    /// Returns the row of each gatekeeper that is in use, with its index.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u32, Gatekeeper)> {
        let all = (0..self.rows.len() as u32).map(|index| (index, self.rows.load(index as usize)));
        all.filter(|(_, row)| row.ras_port != [0; 2])
    }

    /// Returns a gatekeeper's RAS address.
    pub(crate) fn ras_address(&self, gatekeeper: u32) -> SocketAddr {
        let row = self.rows.load(gatekeeper as usize);
        SocketAddr::new(ip(&row.address), u16::from_be_bytes(row.ras_port))
    }
}

fn refused(e: &MapError) -> Failure {
    Failure::plain("map GATEKEEPER_INDEX", chain(e))
}

fn key(row: &GatekeeperRow) -> [u8; 20] {
    index_key(row.zone, row.address)
}

fn index_key(zone: u32, address: IpAddr) -> [u8; 20] {
    let key = GatekeeperKey {
        zone,
        address: octets(address),
    };
    let mut all = [0; 20];
    all.copy_from_slice(bytes_of(&key));
    all
}
