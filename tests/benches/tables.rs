//! The product's program with its tables full of registrations.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use aya::maps::lpm_trie::Key;
use aya::maps::{HashMap, LpmTrie, Map, PerCpuArray};
use aya::programs::{ProgramInfo, Xdp};
use aya::{Ebpf, EbpfLoader};
use rasline_abi::{
    Answer, Counter, ENDPOINTS_SIDE, GATEKEEPER_STEER, GATEKEEPERS_SIDE, Gatekeeper, Globals,
    HASH_KEYS, Interface, MAX_CANDIDATES, PROBE_LIMIT, RCF_TEMPLATE_BYTES, REDIRECT_SIDE,
    RcfTemplate, Slot, ZONE_AUTO, ZONE_RESET, Zone, duration_to_ticks, map, ticks,
};
use rasline_datapath::{checksum, hash};

use crate::frames::{self, EID_LEN, Rcfs};
use crate::sys::{self, Shared};

/// BPF_PROG_TEST_RUN lets frames come in by the loopback interface.
const LOOPBACK: u32 = 1;
const RAS_PORT: u16 = 1719;
const HOUR: u64 = 3_600_000_000_000;

/// A loaded program and its tables.
pub struct Loaded {
    ebpf: Ebpf,
    /// How long the verifier and the compiler took.
    pub load_time: Duration,
    pub registrations: u32,
    pub rcfs: Rcfs,
    /// Its zone has two gatekeepers.
    pub steering: bool,
    globals: Shared<Globals>,
}

impl Loaded {
    /// With `registrations` (a power of two) at load factor one half.
    pub fn new(registrations: u32, rcfs: Rcfs) -> Result<Self> {
        Self::with_flows(registrations, rcfs, 1024)
    }

    /// The same, with room for this many flows.
    pub fn with_flows(registrations: u32, rcfs: Rcfs, flows: u32) -> Result<Self> {
        let rcf_templates = match rcfs {
            Rcfs::Shared => 1,
            Rcfs::Different => registrations,
        };
        let slots = (2 * registrations).max(1024);
        let (ebpf, load_time) = load(slots, rcf_templates, flows)?;
        let globals = Shared::new(fd(&ebpf, map::GLOBALS)?, 1)?;
        let mut loaded = Self {
            ebpf,
            load_time,
            registrations,
            rcfs,
            steering: false,
            globals,
        };
        loaded.configure(slots)?;
        loaded.register(slots as usize, rcf_templates as usize)?;
        Ok(loaded)
    }

    /// Descriptor of the program.
    pub fn program(&self) -> Result<RawFd> {
        let program: &Xdp = self.entry()?.try_into()?;
        Ok(program.fd()?.as_fd().as_raw_fd())
    }

    fn entry(&self) -> Result<&aya::programs::Program> {
        self.ebpf.program("rasline").context("no program `rasline`")
    }

    /// What the kernel says of the program.
    pub fn info(&self) -> Result<ProgramInfo> {
        Ok(self.entry()?.info()?)
    }

    /// The interface that endpoints are behind.
    pub fn set_interface(&mut self, ifindex: u32) {
        let mut globals = self.globals.get(0);
        globals.interfaces[0].ifindex = ifindex;
        self.globals.set(0, globals);
    }

    /// Keep-alives answered so far.
    pub fn answered(&self) -> Result<u64> {
        let counters: PerCpuArray<_, u64> = self
            .ebpf
            .map(map::COUNTERS)
            .context("no counters")?
            .try_into()?;
        let values = counters.get(&(Counter::Answer as u32), 0)?;
        Ok(values.iter().sum())
    }

    /// Gives the zone a second gatekeeper. `moved`: it has moved there, and frames may leave by this interface.
    pub fn steer(&mut self, moved: Option<u32>) -> Result<()> {
        let mut globals = self.globals.get(0);
        globals.steering = 1;
        globals.call_ports[usize::from(frames::CALL_PORT / 64)] |= 1 << (frames::CALL_PORT % 64);
        if let Some(ifindex) = moved {
            globals.interfaces[1] = Interface {
                ifindex,
                side: GATEKEEPERS_SIDE | REDIRECT_SIDE,
            };
        }
        self.globals.set(0, globals);
        self.steering = true;
        let mut zones: Shared<Zone> = Shared::new(fd(&self.ebpf, map::ZONES)?, 1)?;
        let mut zone = zones.get(0);
        (zone.active, zone.epoch) = (u32::from(moved.is_some()), 1);
        zone.flags = ZONE_AUTO | ZONE_RESET;
        zone.candidates = [0xffff; MAX_CANDIDATES];
        zone.candidates[..2].copy_from_slice(&[0, 1]);
        zones.set(0, zone);
        let mut rows: Shared<Gatekeeper> = Shared::new(fd(&self.ebpf, map::GATEKEEPERS)?, 2)?;
        let mut first = rows.get(0);
        first.call_port = frames::CALL_PORT.to_be_bytes();
        first.flags = if moved.is_some() { GATEKEEPER_STEER } else { 0 };
        rows.set(0, first);
        let second = Gatekeeper {
            address: mapped(frames::BACKUP),
            flags: 0,
            ..first
        };
        rows.set(1, second);
        let index = self.ebpf.map_mut(map::GATEKEEPER_INDEX).context("no map")?;
        let mut index: HashMap<_, [u8; 20], u32> = index.try_into()?;
        for (i, address) in [frames::GATEKEEPER, frames::BACKUP].into_iter().enumerate() {
            let mut key = [0; 20];
            key[4..].copy_from_slice(&mapped(address));
            index.insert(key, i as u32, 0)?;
        }
        let endpoints = self.ebpf.map_mut(map::ENDPOINTS).context("no map")?;
        let mut endpoints: LpmTrie<_, [u8; 16], u32> = endpoints.try_into()?;
        endpoints.insert(&Key::new(96 + 9, mapped([10, 0, 0, 0])), 0, 0)?;
        Ok(())
    }

    fn configure(&mut self, slots: u32) -> Result<()> {
        let mut globals = Globals {
            abi_version: rasline_abi::ABI_VERSION,
            slot_mask: slots - 1,
            heartbeat_ns: sys::now(),
            heartbeat_timeout_ns: HOUR,
            divert_paused_ns: 0,
            copies_per_second: 1000,
            copies_per_source: 10,
            interfaces: [Interface::default(); rasline_abi::MAX_INTERFACES],
            macs: [0; rasline_abi::MAX_INTERFACES],
            ras_ports: [0; 1024],
            capture_len: 0,
            steering: 0,
            call_ports: [0; 1024],
            hash_keys: [0; HASH_KEYS],
        };
        globals.interfaces[0] = Interface {
            ifindex: LOOPBACK,
            side: ENDPOINTS_SIDE,
        };
        globals.ras_ports[usize::from(RAS_PORT / 64)] |= 1 << (RAS_PORT % 64);
        let mut x = 0x9e37_79b9_7f4a_7c15u64;
        for key in &mut globals.hash_keys {
            x = x.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
            *key = x ^ (x >> 29);
        }
        self.globals.set(0, globals);
        let zone = Zone {
            generation: 1,
            answer: Answer::Offload as u32,
            hold_for: duration_to_ticks(HOUR),
            dead_after_ns: 600_000_000,
            ..Zone::default()
        };
        Shared::new(fd(&self.ebpf, map::ZONES)?, 1)?.set(0, zone);
        let gatekeeper = Gatekeeper {
            address: mapped(frames::GATEKEEPER),
            ras_port: RAS_PORT.to_be_bytes(),
            zone: 0,
            ..Gatekeeper::default()
        };
        Shared::new(fd(&self.ebpf, map::GATEKEEPERS)?, 1)?.set(0, gatekeeper);
        Ok(())
    }

    fn register(&mut self, slots: usize, rcf_templates: usize) -> Result<()> {
        let keys = self.globals.get(0).hash_keys;
        let mut table: Shared<Slot> = Shared::new(fd(&self.ebpf, map::SLOTS)?, slots)?;
        let mut rcfs: Shared<RcfTemplate> =
            Shared::new(fd(&self.ebpf, map::PROFILES)?, rcf_templates)?;
        let now = ticks(sys::now());
        for index in 0..self.registrations {
            let rcf = frames::rcf(index, self.rcfs);
            let place = if rcf_templates == 1 { 0 } else { index };
            if index == place {
                rcfs.set(index as usize, rcf_template(index, &rcf));
            }
            insert(&mut table, &keys, slot(index, place, &rcf, &keys, now))?;
        }
        Ok(())
    }
}

fn mapped(address: [u8; 4]) -> [u8; 16] {
    let mut all = [0; 16];
    all[10..12].fill(0xff);
    all[12..].copy_from_slice(&address);
    all
}

fn slot(index: u32, rcf_template: u32, rcf: &[u8], keys: &[u64; HASH_KEYS], now: u32) -> Slot {
    let rrq = frames::rrq(index);
    let mut blank = rcf.to_vec();
    blank[2..4].fill(0);
    Slot {
        generation: 2,
        zone_generation: 1,
        rrq_len: rrq.len() as u16,
        address: mapped(frames::source(index)),
        fingerprint: hash::fingerprint(keys, &rrq),
        port: RAS_PORT.to_be_bytes(),
        rcf_template,
        eid_at: frames::eid_at(&rrq) as u16,
        rcf_sum: checksum::sum(&blank),
        confirmed: now,
        refreshed: now,
        last_seen: now,
        ..Slot::default()
    }
}

fn rcf_template(index: u32, rcf: &[u8]) -> RcfTemplate {
    let mut octets = [0; RCF_TEMPLATE_BYTES];
    octets[..rcf.len()].copy_from_slice(rcf);
    octets[2..4].fill(0);
    let hole_at = frames::eid_at(rcf);
    octets[hole_at..hole_at + EID_LEN].fill(0);
    RcfTemplate {
        len: rcf.len() as u16,
        hole_at: hole_at as u16,
        hole_len: EID_LEN as u16,
        patched: 0,
        original: index,
        gatekeeper_ttl: duration_to_ticks(10 * HOUR),
        refresh_every: duration_to_ticks(9 * HOUR),
        sum: checksum::sum(&octets[..rcf.len()]),
        reserved: 0,
        rcf: octets,
    }
}

fn insert(table: &mut Shared<Slot>, keys: &[u64; HASH_KEYS], slot: Slot) -> Result<()> {
    let mask = table.len() as u32 - 1;
    let home = hash::home(keys, mask, &slot.address, slot.port);
    for i in 0..PROBE_LIMIT {
        let at = (home.wrapping_add(hash::spread(slot.fingerprint) + i) & mask) as usize;
        if table.get(at).generation == 0 {
            table.set(at, slot);
            return Ok(());
        }
    }
    bail!("no slot within {PROBE_LIMIT} of its home")
}

fn load(slots: u32, rcf_templates: u32, flows: u32) -> Result<(Ebpf, Duration)> {
    let path = rasline_tests::object_path();
    let mut ebpf = EbpfLoader::new()
        .map_max_entries(map::SLOTS, slots)
        .map_max_entries(map::PROFILES, rcf_templates)
        .map_max_entries(map::FLOWS, flows)
        .load_file(&path)
        .with_context(|| format!("loading {}: run `cargo xtask build` first", path.display()))?;
    let program: &mut Xdp = ebpf
        .program_mut("rasline")
        .context("no program `rasline`")?
        .try_into()?;
    let start = Instant::now();
    program.load()?;
    Ok((ebpf, start.elapsed()))
}

fn fd(ebpf: &Ebpf, name: &str) -> Result<RawFd> {
    let map = ebpf.map(name).with_context(|| format!("no map {name}"))?;
    let Map::Array(data) = map else {
        bail!("map {name} is not an array")
    };
    Ok(data.fd().as_fd().as_raw_fd())
}
