//! Memory of the interpreted program: context, packet, stack frames and map values.

use std::collections::{BTreeMap, BTreeSet};

use aya_obj::Map;
use bytemuck::bytes_of;
use rasline_abi::{GatekeeperKey, SERVICE, map};

use super::PACKET_LIMIT;
use crate::world::{PROFILES, SLOTS, World};

/// Bit of an address from which on the number of its region stands.
pub const REGION: u32 = 32;
/// Regions: the context, the packet, maps (no memory), stack frames, then map values.
pub const CONTEXT: u64 = 1;
pub const PACKET: u64 = 2;
pub const MAPS: u64 = 3;
const STACKS: u64 = 4;
const STACK: usize = 512;
const DEPTH: u64 = 16;
const VALUES: u64 = STACKS + DEPTH;
const NOTHING: u64 = 0;
const FAILED: u64 = u64::MAX;
const LRU_HASH: u32 = 9;
const HASH: u32 = 1;
const LPM_TRIE: u32 = 11;
const BPF_EXIST: u64 = 2;

/// One map. An array is one region; entries of others are a region each.
struct Table {
    kind: u32,
    key: usize,
    value: usize,
    entries: usize,
    /// Region of the array.
    region: u64,
    by_key: BTreeMap<Vec<u8>, u64>,
}

pub struct Memory {
    tables: Vec<Table>,
    context: [u8; 24],
    packet: Vec<u8>,
    packet_end: usize,
    stacks: Vec<[u8; STACK]>,
    values: Vec<Vec<u8>>,
    touched: BTreeSet<(u64, usize)>,
}

impl Memory {
    pub fn new(maps: &[(String, Map)], world: &World) -> Self {
        let mut memory = Self {
            tables: vec![],
            context: [0; 24],
            packet: vec![0; PACKET_LIMIT],
            packet_end: 0,
            stacks: vec![],
            values: vec![],
            touched: BTreeSet::new(),
        };
        for (name, map) in maps {
            let entries = match name.as_str() {
                map::SLOTS | map::BUDGETS => SLOTS,
                map::PROFILES => PROFILES,
                _ => map.max_entries(),
            } as usize;
            let (kind, value) = (map.map_type(), map.value_size() as usize);
            let is_array = !matches!(kind, HASH | LRU_HASH | LPM_TRIE);
            let region = VALUES + memory.values.len() as u64;
            memory.values.push(if is_array {
                vec![0; entries * value]
            } else {
                vec![]
            });
            memory.tables.push(Table {
                kind,
                key: map.key_size() as usize,
                value,
                entries,
                region,
                by_key: BTreeMap::new(),
            });
        }
        let place = |name: &str| maps.iter().position(|(n, _)| n == name).unwrap();
        memory.fill(world, place);
        memory
    }

    fn fill(&mut self, world: &World, place: impl Fn(&str) -> usize) {
        self.put(place(map::GLOBALS), 0, bytes_of(&world.globals));
        for (index, slot) in &world.slots {
            self.put(place(map::SLOTS), *index as usize, bytes_of(slot));
        }
        for (i, template) in world.rcf_templates.iter().enumerate() {
            self.put(place(map::PROFILES), i, bytes_of(template));
        }
        for (i, zone) in world.zones.iter().enumerate() {
            self.put(place(map::ZONES), i, bytes_of(zone));
        }
        for (i, state) in world.zone_states.iter().enumerate() {
            self.put(place(map::ZONE_STATE), i, bytes_of(state));
        }
        for (i, state) in world.states.iter().enumerate() {
            self.put(place(map::GATEKEEPER_STATE), i, bytes_of(state));
        }
        let index = place(map::GATEKEEPER_INDEX);
        for (i, gatekeeper) in world.gatekeepers.iter().enumerate() {
            self.put(place(map::GATEKEEPERS), i, bytes_of(gatekeeper));
            let (zone, address) = (gatekeeper.zone, gatekeeper.address);
            let key = bytes_of(&GatekeeperKey { zone, address }).to_vec();
            self.insert(index, key, (i as u32).to_ne_bytes().to_vec());
        }
        for (zone, address) in &world.services {
            let (zone, address) = (*zone, *address);
            let key = bytes_of(&GatekeeperKey { zone, address }).to_vec();
            self.insert(index, key, SERVICE.to_ne_bytes().to_vec());
        }
        for (address, len, zone) in &world.endpoints {
            let key = [&len.to_ne_bytes()[..], address].concat();
            self.insert(place(map::ENDPOINTS), key, zone.to_ne_bytes().to_vec());
        }
    }

    fn put(&mut self, table: usize, index: usize, octets: &[u8]) {
        let at = index * self.tables[table].value;
        let region = self.tables[table].region - VALUES;
        self.values[region as usize][at..at + octets.len()].copy_from_slice(octets);
    }

    fn insert(&mut self, table: usize, key: Vec<u8>, value: Vec<u8>) {
        let region = VALUES + self.values.len() as u64;
        self.values.push(value);
        self.tables[table].by_key.insert(key, region);
    }

    /// Puts a frame in the place of the packet, and forgets what was touched.
    pub fn begin(&mut self, frame: &[u8], ifindex: u32) {
        self.packet[..frame.len()].copy_from_slice(frame);
        self.packet_end = frame.len();
        self.context[12..16].copy_from_slice(&ifindex.to_ne_bytes());
        self.stacks.clear();
        self.touched.clear();
    }

    pub fn packet(&self) -> &[u8] {
        &self.packet[..self.packet_end]
    }

    /// Lines touched since [`begin`](Self::begin).
    pub fn lines(&self) -> usize {
        self.touched.len()
    }

    /// A new stack frame; the address of its end.
    pub fn push_stack(&mut self) -> u64 {
        self.stacks.push([0; STACK]);
        let number = self.stacks.len() as u64;
        assert!(number <= DEPTH);
        (STACKS + number - 1) << REGION | STACK as u64
    }

    pub fn pop_stack(&mut self) {
        self.stacks.pop();
    }

    pub fn adjust_tail(&mut self, by: i64) -> u64 {
        let Some(end) = self.packet_end.checked_add_signed(by as isize) else {
            return FAILED;
        };
        if !(14..=3500).contains(&end) {
            return FAILED;
        }
        if end > self.packet_end {
            self.packet[self.packet_end..end].fill(0);
        }
        self.packet_end = end;
        0
    }

    /// Notes the lines of an access.
    pub fn touch(&mut self, address: u64, len: usize) {
        let (region, at) = (address >> REGION, address as u32 as usize);
        if region == PACKET || region >= VALUES {
            for line in at / 64..=(at + len - 1) / 64 {
                self.touched.insert((region, line));
            }
        }
    }

    fn region(&mut self, region: u64) -> &mut [u8] {
        match region {
            CONTEXT => &mut self.context,
            PACKET => &mut self.packet[..self.packet_end],
            STACKS..VALUES => &mut self.stacks[(region - STACKS) as usize],
            _ => &mut self.values[(region - VALUES) as usize],
        }
    }

    fn octets(&mut self, address: u64, len: usize) -> &mut [u8] {
        let at = address as u32 as usize;
        &mut self.region(address >> REGION)[at..at + len]
    }

    pub fn load(&mut self, address: u64, size: usize) -> u64 {
        // The kernel makes the context's numbers pointers into the packet.
        if address == CONTEXT << REGION {
            return PACKET << REGION;
        }
        if address == (CONTEXT << REGION) + 4 {
            return PACKET << REGION | self.packet_end as u64;
        }
        self.touch(address, size);
        let mut value = [0; 8];
        value[..size].copy_from_slice(self.octets(address, size));
        u64::from_le_bytes(value)
    }

    pub fn store(&mut self, address: u64, size: usize, value: u64) {
        self.touch(address, size);
        self.octets(address, size)
            .copy_from_slice(&value.to_le_bytes()[..size]);
    }

    fn key(&mut self, table: usize, key: u64) -> Vec<u8> {
        let len = self.tables[table].key;
        self.octets(key, len).to_vec()
    }

    pub fn look_up(&mut self, map: u64, key: u64) -> u64 {
        let table = map as u32 as usize;
        let key = self.key(table, key);
        let it = &self.tables[table];
        match it.kind {
            HASH | LRU_HASH => it.by_key.get(&key).map_or(NOTHING, |r| r << REGION),
            LPM_TRIE => {
                let fits = it
                    .by_key
                    .iter()
                    .filter(|(prefix, _)| covers(prefix, &key[4..]));
                let longest = fits.max_by_key(|(prefix, _)| prefix_len(prefix));
                longest.map_or(NOTHING, |(_, r)| r << REGION)
            }
            _ => {
                let index = u32::from_ne_bytes(key.try_into().unwrap()) as usize;
                if index < it.entries {
                    it.region << REGION | (index * it.value) as u64
                } else {
                    NOTHING
                }
            }
        }
    }

    pub fn update(&mut self, map: u64, key: u64, value: u64, flags: u64) -> u64 {
        let table = map as u32 as usize;
        let (key, len) = (self.key(table, key), self.tables[table].value);
        let value = self.octets(value, len).to_vec();
        match self.tables[table].by_key.get(&key).copied() {
            Some(region) => self.octets(region << REGION, len).copy_from_slice(&value),
            None if flags == BPF_EXIST => return FAILED,
            None => self.insert(table, key, value),
        }
        0
    }

    pub fn delete(&mut self, map: u64, key: u64) -> u64 {
        let table = map as u32 as usize;
        let key = self.key(table, key);
        match self.tables[table].by_key.remove(&key) {
            Some(_) => 0,
            None => FAILED,
        }
    }
}

fn prefix_len(key: &[u8]) -> u32 {
    u32::from_ne_bytes(key[..4].try_into().unwrap())
}

fn covers(prefix: &[u8], address: &[u8]) -> bool {
    let bits = prefix_len(prefix) as usize;
    (0..bits).all(|bit| (prefix[4 + bit / 8] ^ address[bit / 8]) & (0x80 >> (bit % 8)) == 0)
}
