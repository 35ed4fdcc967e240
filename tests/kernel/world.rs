//! A small, whole world: tables with known content, and frames that belong to it.
//!
//! The same [`World`] fills the kernel's maps and the host's tables, so that both can be run side by side.
#![allow(dead_code, reason = "each test file uses a part")]

use rasline_abi::{
    Answer, ENDPOINTS_SIDE, GATEKEEPERS_SIDE, Gatekeeper, GatekeeperState, Globals, HASH_KEYS,
    Interface, RCF_TEMPLATE_BYTES, REFRESH_MARKS, REFRESH_UNANSWERED, RcfTemplate, SERVICE, Slot,
    Zone, ZoneState, duration_to_ticks, ticks,
};
use rasline_datapath::host::{HostFrame, HostTables};
use rasline_datapath::{checksum, hash};

#[path = "checksums.rs"]
mod checksums;
#[path = "packets.rs"]
mod packets;
#[allow(unused_imports, reason = "the fuzz target uses a part")]
pub use checksums::{balanced, following};
#[allow(unused_imports, reason = "the fuzz target uses a part")]
pub use packets::{Datagram, MACS, Segment};

pub const SLOTS: u32 = 1024;
pub const PROFILES: u32 = 64;
/// BPF_PROG_TEST_RUN lets frames come in by the loopback interface.
pub const IFINDEX: u32 = 1;
pub const SECOND: u64 = 1_000_000_000;

/// The lightweight RRQ and its RCF with which the contract is documented (endpointIdentifier "0001_ep").
pub const RRQ: &str = "0e40000a060008914a000680000100c000020106b700020067006b003100b5000012348f0000000340012b01800f0c0030003000300031005f0065007001000100";
pub const RCF: &str =
    "1240000a060008914a000600040067006b00310c0030003000300031005f00650070288a00000340012b01000100";
pub const RRJ: &str = "1480000a060008914a0006840100040067006b0031";
pub const URQ: &str = "1a4000060100c000020106b80c0030003000300031005f006500701409000120100140c000020a06b7040067006b003200";
pub const UCF: &str = "1c000a";
pub const GCF: &str = "0640000a060008914a0006040067006b003100c000020106b7";

pub fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

pub fn v4(a: u8, b: u8, c: u8, d: u8) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

pub fn v6(last: u8) -> [u8; 16] {
    [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, last]
}

pub fn words(address: [u8; 16]) -> [u64; 2] {
    let half = |at: usize| u64::from_ne_bytes(address[at..at + 8].try_into().unwrap());
    [half(0), half(8)]
}

pub const ENDPOINT: fn() -> [u8; 16] = || v4(10, 0, 0, 7);
pub const GATEKEEPER: fn() -> [u8; 16] = || v4(10, 1, 0, 1);
pub const ENDPOINT6: fn() -> [u8; 16] = || v6(7);
pub fn gatekeeper6() -> [u8; 16] {
    let mut address = v6(1);
    address[1] = 1;
    address
}
pub const PORT: u16 = 1719;
pub const CALL_PORT: u16 = 1720;

/// Content of all tables.
#[derive(Clone)]
pub struct World {
    pub globals: Globals,
    pub slots: Vec<(u32, Slot)>,
    pub rcf_templates: Vec<RcfTemplate>,
    pub zones: Vec<Zone>,
    pub gatekeepers: Vec<Gatekeeper>,
    pub states: Vec<GatekeeperState>,
    pub endpoints: Vec<([u8; 16], u32, u32)>,
    /// Service addresses: zone, address.
    pub services: Vec<(u32, [u8; 16])>,
    pub zone_states: Vec<ZoneState>,
    pub now: u64,
}

/// A registration to be put into a world.
#[derive(Clone)]
pub struct Registration {
    pub address: [u8; 16],
    pub port: u16,
    pub rrq: Vec<u8>,
    pub rcf: Vec<u8>,
    /// The gatekeeper's own RCF, if another.
    pub original: Option<Vec<u8>>,
    /// Characters of the endpointIdentifier, left out of the profile when not empty.
    pub eid: Vec<u8>,
    pub gatekeeper: u16,
    pub gatekeeper_ttl: u64,
    pub refresh_every: u64,
    /// Age of the last confirmation, ns. All times are short, so that a machine that has just started has seen them.
    pub confirmed_ago: u64,
}

impl Registration {
    pub fn sample() -> Self {
        Self {
            address: ENDPOINT(),
            port: PORT,
            rrq: hex(RRQ),
            rcf: hex(RCF),
            original: None,
            eid: utf16("0001_ep"),
            gatekeeper: 0,
            gatekeeper_ttl: 60 * SECOND,
            refresh_every: 30 * SECOND,
            confirmed_ago: 10 * SECOND,
        }
    }
    pub fn ipv6(mut self) -> Self {
        (self.address, self.gatekeeper) = (ENDPOINT6(), 1);
        self
    }
}

pub fn duration(ns: u64) -> u32 {
    duration_to_ticks(ns)
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

pub fn position(octets: &[u8], part: &[u8]) -> Option<usize> {
    octets.windows(part.len()).position(|w| w == part)
}

pub fn with_seq(message: &[u8], seq: u16) -> Vec<u8> {
    let mut message = message.to_vec();
    message[2..4].copy_from_slice(&seq.to_be_bytes());
    message
}

/// What is known of a gatekeeper that has answered requests of every kind.
pub fn answering() -> GatekeeperState {
    GatekeeperState {
        answers: 0x7f,
        ..GatekeeperState::default()
    }
}

/// Makes requests of two endpoints unanswered since then, a known keep-alive among them.
pub fn fall_silent(state: &mut GatekeeperState, since_ns: u64) {
    state.first_unanswered_ns = since_ns;
    state.enough_ns = since_ns;
    (state.sources, state.source) = (2, 1);
    (state.known, state.outstanding) = (1, 1);
}

/// Makes nothing unanswered.
pub fn answer_all(state: &mut GatekeeperState) {
    let kept = GatekeeperState {
        first_unanswered_ns: 0,
        enough_ns: 0,
        sources: 0,
        different: 0,
        known: 0,
        outstanding: 0,
        ..*state
    };
    *state = kept;
}

impl World {
    /// Zone 0: 10.0.0.0/16 and fd00::/16, gatekeepers 0 (10.1.0.1) and 1 (its IPv6 address); no registrations.
    pub fn new() -> Self {
        let mut globals = Globals {
            abi_version: rasline_abi::ABI_VERSION,
            slot_mask: SLOTS - 1,
            heartbeat_ns: u64::MAX / 2,
            heartbeat_timeout_ns: SECOND,
            divert_paused_ns: 0,
            copies_per_second: 1_000_000,
            copies_per_source: 1_000_000,
            capture_len: 0,
            steering: 0,
            interfaces: [Interface::default(); rasline_abi::MAX_INTERFACES],
            macs: [0; rasline_abi::MAX_INTERFACES],
            ras_ports: [0; 1024],
            call_ports: [0; 1024],
            hash_keys: [0; HASH_KEYS],
        };
        globals.interfaces[0] = Interface {
            ifindex: IFINDEX,
            side: ENDPOINTS_SIDE | GATEKEEPERS_SIDE,
        };
        let mut mac = [0; 8];
        mac[..6].copy_from_slice(&MACS[..6]);
        globals.macs[0] = u64::from_ne_bytes(mac);
        globals.ras_ports[usize::from(PORT / 64)] |= 1 << (PORT % 64);
        let mut x = 0x9e37_79b9_7f4a_7c15u64;
        for key in &mut globals.hash_keys {
            x = x.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
            *key = x ^ (x >> 29);
        }
        let zone = Zone {
            generation: 1,
            answer: Answer::Offload as u32,
            hold_for: duration_to_ticks(90 * SECOND),
            move_for: duration_to_ticks(90 * SECOND),
            dead_after_ns: SECOND * 6 / 10,
            ..Zone::default()
        };
        let gatekeeper = |address| Gatekeeper {
            address,
            ras_port: PORT.to_be_bytes(),
            zone: 0,
            call_port: CALL_PORT.to_be_bytes(),
            ..Gatekeeper::default()
        };
        let mut prefix6 = [0; 16];
        prefix6[0] = 0xfd;
        Self {
            globals,
            slots: vec![],
            rcf_templates: vec![],
            zones: vec![zone],
            gatekeepers: vec![gatekeeper(GATEKEEPER()), gatekeeper(gatekeeper6())],
            states: vec![answering(); 2],
            endpoints: vec![(v4(10, 0, 0, 0), 112, 0), (prefix6, 16, 0)],
            services: vec![],
            zone_states: vec![ZoneState::default(); 8],
            now: now(),
        }
    }

    /// With the sample registration, over IPv4 and IPv6.
    pub fn sample() -> Self {
        let mut world = Self::new();
        world.register(&Registration::sample());
        world.register(&Registration::sample().ipv6());
        world
    }

    /// With registrations in every state, in a zone that diverts.
    pub fn in_every_state() -> Self {
        Self::new().and_every_state()
    }

    /// This world, and in it what [`in_every_state`](Self::in_every_state) says.
    pub fn and_every_state(self) -> Self {
        let mut world = self;
        world.zones[0].divert = 1;
        let sample = Registration::sample;
        let patched = Registration {
            original: Some(hex(RCF)),
            rcf: hex(&RCF.replace("0340012b", "020001")),
            address: v4(10, 0, 0, 8),
            ..sample()
        };
        let far = 25 * SECOND;
        for registration in [
            sample(),
            sample().ipv6(),
            patched.clone(),
            Registration {
                confirmed_ago: 31 * SECOND,
                port: 1720,
                ..sample()
            },
            Registration {
                confirmed_ago: 31 * SECOND,
                address: v4(10, 0, 0, 9),
                ..patched
            },
            Registration {
                confirmed_ago: 70 * SECOND,
                port: 1721,
                ..sample()
            },
            Registration {
                eid: vec![],
                port: 1722,
                confirmed_ago: far,
                ..sample()
            },
            Registration {
                rcf: [hex(RCF), vec![7; 211]].concat(),
                port: 1723,
                ..sample()
            },
            Registration {
                rrq: [hex(RRQ), vec![9; 130]].concat(),
                port: 1724,
                ..sample()
            },
        ] {
            world.register(&registration);
        }
        // Some await the RCF or RRJ with requestSeqNum 9.
        for (_, slot) in world.slots.iter_mut().skip(2) {
            slot.refresh_seq = [0, 9];
            let refreshed = rasline_abi::ticks(world.now - 2 * SECOND);
            slot.refreshed = refreshed & !REFRESH_MARKS | REFRESH_UNANSWERED;
        }
        world
    }

    /// Publishes; the slot's place in `slots`.
    pub fn register(&mut self, r: &Registration) -> usize {
        let original = r.original.clone().unwrap_or_else(|| r.rcf.clone());
        let rcf_template = self.rcf_templates.len() as u32;
        let mut patched = Self::rcf_template(r, &r.rcf);
        patched.patched = u16::from(r.original.is_some());
        patched.original = rcf_template + u32::from(r.original.is_some());
        self.rcf_templates.push(patched);
        if r.original.is_some() {
            let mut own = Self::rcf_template(r, &original);
            own.original = rcf_template + 1;
            self.rcf_templates.push(own);
        }
        let keys = &self.globals.hash_keys;
        let fingerprint = hash::fingerprint(keys, &r.rrq);
        let home = hash::home(keys, SLOTS - 1, &r.address, r.port.to_be_bytes());
        let mut index = (home + hash::spread(fingerprint)) & (SLOTS - 1);
        while self.slots.iter().any(|(taken, _)| *taken == index) {
            index = (index + 1) & (SLOTS - 1);
        }
        let confirmed = ticks(self.now - r.confirmed_ago);
        let slot = Slot {
            generation: 2,
            zone_generation: 1,
            rrq_len: r.rrq.len() as u16,
            address: r.address,
            fingerprint,
            port: r.port.to_be_bytes(),
            gatekeeper: r.gatekeeper,
            rcf_template,
            eid_at: if r.eid.is_empty() {
                0
            } else {
                position(&r.rrq, &r.eid).unwrap() as u16
            },
            rcf_sum: checksum::sum(&with_seq(&r.rcf, 0)),
            confirmed,
            refreshed: confirmed & !REFRESH_MARKS,
            last_seen: confirmed,
            ..Slot::default()
        };
        self.slots.push((index, slot));
        self.slots.len() - 1
    }

    fn rcf_template(r: &Registration, rcf: &[u8]) -> RcfTemplate {
        let mut octets = [0; RCF_TEMPLATE_BYTES];
        octets[..rcf.len()].copy_from_slice(rcf);
        octets[2..4].fill(0);
        let mut hole_at = 0;
        if !r.eid.is_empty() {
            hole_at = position(rcf, &r.eid).unwrap();
            octets[hole_at..hole_at + r.eid.len()].fill(0);
        }
        RcfTemplate {
            len: rcf.len() as u16,
            hole_at: hole_at as u16,
            hole_len: r.eid.len() as u16,
            patched: 0,
            original: 0,
            gatekeeper_ttl: duration_to_ticks(r.gatekeeper_ttl),
            refresh_every: duration_to_ticks(r.refresh_every),
            sum: checksum::sum(&octets[..rcf.len()]),
            reserved: 0,
            rcf: octets,
        }
    }

    /// The world as host tables.
    pub fn host(&self) -> HostTables {
        let mut tables = HostTables::new(self.globals, SLOTS as usize, PROFILES as usize, 8, 8);
        for (index, slot) in &self.slots {
            *tables.slot_mut(*index as usize) = *slot;
        }
        for (i, rcf_template) in self.rcf_templates.iter().enumerate() {
            *tables.rcf_template_mut(i) = *rcf_template;
        }
        for (i, zone) in self.zones.iter().enumerate() {
            *tables.zone_mut(i) = *zone;
        }
        for (i, gatekeeper) in self.gatekeepers.iter().enumerate() {
            *tables.gatekeeper_mut(i) = *gatekeeper;
            *tables.gatekeeper_state_mut(i) = self.states[i];
            tables
                .gatekeeper_index
                .insert((gatekeeper.zone, words(gatekeeper.address)), i as u32);
        }
        for (zone, address) in &self.services {
            tables
                .gatekeeper_index
                .insert((*zone, words(*address)), SERVICE);
        }
        for (i, state) in self.zone_states.iter().enumerate() {
            *tables.zone_state_mut(i) = *state;
        }
        tables.endpoints.clone_from(&self.endpoints);
        tables.ifindex = self.globals.interfaces[0].ifindex;
        tables.now = self.now;
        tables
    }
}

/// A host frame with the room that BPF_PROG_TEST_RUN gives.
pub fn host_frame(octets: &[u8]) -> HostFrame {
    HostFrame {
        octets: octets.to_vec(),
        limit: 3500,
    }
}

/// CLOCK_MONOTONIC, coarse.
pub fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a valid clock and a valid place for its time.
    #[allow(unsafe_code)]
    unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut time);
    }
    time.tv_sec.cast_unsigned() * SECOND + time.tv_nsec.cast_unsigned()
}
