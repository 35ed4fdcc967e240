//! Frames and tables in plain memory: the data path as tests and fuzzers run it.

use std::boxed::Box;
use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::vec;
use std::vec::Vec;

use rasline_abi::{
    COUNTERS, Counter, EventHeader, Flow, FlowKey, Gatekeeper, GatekeeperState, Globals,
    MAX_INTERFACES, NATIVE_SIDE, RATE_BUCKETS, RATES, RateBucket, RcfTemplate, Seen, Slot,
    SlotBudget, Zone, ZoneState,
};

use crate::tables::{Address, Carrying, FlowTable, Hop, Shared, get};
use crate::{Frame, Tables};

/// A frame in a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFrame {
    /// Its octets.
    pub octets: Vec<u8>,
    /// It cannot become longer than this.
    pub limit: usize,
}

impl HostFrame {
    /// A frame with ample room.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        Self {
            octets: octets.to_vec(),
            limit: octets.len().max(2048),
        }
    }

    fn get<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.octets.get(at..at.checked_add(N)?)?.try_into().ok()
    }

    fn set<const N: usize>(&mut self, at: usize, value: [u8; N]) -> Option<()> {
        self.octets
            .get_mut(at..at.checked_add(N)?)?
            .copy_from_slice(&value);
        Some(())
    }
}

impl Frame for HostFrame {
    fn len(&self) -> usize {
        self.octets.len()
    }
    fn u8(&self, at: usize) -> Option<u8> {
        self.get::<1>(at).map(|[octet]| octet)
    }
    fn u16(&self, at: usize) -> Option<u16> {
        self.get(at).map(u16::from_ne_bytes)
    }
    fn u32(&self, at: usize) -> Option<u32> {
        self.get(at).map(u32::from_ne_bytes)
    }
    fn u64(&self, at: usize) -> Option<u64> {
        self.get(at).map(u64::from_ne_bytes)
    }
    fn pair(&self, at: usize) -> Option<[u64; 2]> {
        Some([self.u64(at)?, self.u64(at.checked_add(8)?)?])
    }
    fn set_u8(&mut self, at: usize, value: u8) -> Option<()> {
        self.set(at, [value])
    }
    fn set_u16(&mut self, at: usize, value: u16) -> Option<()> {
        self.set(at, value.to_ne_bytes())
    }
    fn set_u32(&mut self, at: usize, value: u32) -> Option<()> {
        self.set(at, value.to_ne_bytes())
    }
    fn set_u64(&mut self, at: usize, value: u64) -> Option<()> {
        self.set(at, value.to_ne_bytes())
    }
    fn resize(&mut self, len: usize) -> Option<()> {
        (len <= self.limit).then(|| self.octets.resize(len, 0))
    }
    fn renew(&mut self) {}
    fn bounded(&self, value: usize, limit: usize) -> usize {
        value & (limit - 1)
    }
    fn sum(&mut self, at: usize, len: usize) -> Option<u16> {
        crate::frame::sum(self, at, len)
    }
}

/// An array map.
struct Array<T>(Box<[UnsafeCell<T>]>);

impl<T: Copy> Array<T> {
    fn new(value: T, len: usize) -> Self {
        Self((0..len).map(|_| UnsafeCell::new(value)).collect())
    }

    #[allow(unsafe_code)]
    fn at(&self, index: u32) -> Option<Shared<T>> {
        // SAFETY: the cell lives as long as the tables, which outlive every `Shared` made for a frame.
        self.0
            .get(index as usize)
            .map(|cell| unsafe { Shared::new(cell.get()) })
    }

    fn get_mut(&mut self, index: usize) -> &mut T {
        self.0[index].get_mut()
    }
}

/// The tables in plain memory.
pub struct HostTables {
    globals: Array<Globals>,
    slots: Array<Slot>,
    rcf_templates: Array<RcfTemplate>,
    zones: Array<Zone>,
    zone_states: Array<ZoneState>,
    gatekeepers: Array<Gatekeeper>,
    gatekeeper_state: Array<GatekeeperState>,
    rate: Array<RateBucket>,
    seen: Array<Seen>,
    interface: u32,
    /// Gatekeeper index by zone and address.
    pub gatekeeper_index: HashMap<(u32, Address), u32>,
    /// Flows of each table, by the octets of their keys.
    flows: [HashMap<Vec<u8>, Box<UnsafeCell<Flow>>>; 4],
    budgets: Array<SlotBudget>,
    carrying: Array<Carrying>,
    /// Next hops by destination; to others the stack knows the way.
    pub hops: HashMap<Address, Hop>,
    /// Endpoints' prefixes: address, prefix length (of 128), zone.
    pub endpoints: Vec<([u8; 16], u32, u32)>,
    /// The time.
    pub now: u64,
    /// The interface.
    pub ifindex: u32,
    /// Counters, by interface and counter.
    pub counters: Vec<u64>,
    /// What was handed to the controller: header, and octet of the frame at which the message starts.
    pub copied: Vec<(EventHeader, usize)>,
    /// Whether the ring buffer has room.
    pub room: bool,
}

impl HostTables {
    /// Empty tables with this many slots (a power of two), RCF templates, zones and gatekeepers.
    #[must_use]
    pub fn new(
        globals: Globals,
        slots: usize,
        rcf_templates: usize,
        zones: usize,
        gatekeepers: usize,
    ) -> Self {
        let rcf_template: RcfTemplate = bytemuck_zeroed();
        Self {
            globals: Array::new(globals, 1),
            slots: Array::new(Slot::default(), slots),
            seen: Array::new(Seen::default(), slots),
            rcf_templates: Array::new(rcf_template, rcf_templates),
            zones: Array::new(Zone::default(), zones),
            zone_states: Array::new(ZoneState::default(), zones),
            flows: Default::default(),
            budgets: Array::new(SlotBudget::default(), slots),
            carrying: Array::new(Carrying::default(), 1),
            hops: HashMap::new(),
            gatekeepers: Array::new(Gatekeeper::default(), gatekeepers),
            gatekeeper_state: Array::new(GatekeeperState::default(), gatekeepers),
            rate: Array::new(RateBucket::default(), ((RATE_BUCKETS + 1) * RATES) as usize),
            interface: MAX_INTERFACES as u32,
            gatekeeper_index: HashMap::new(),
            endpoints: Vec::new(),
            now: 0,
            ifindex: 0,
            counters: vec![0; (MAX_INTERFACES + 1) * COUNTERS as usize],
            copied: Vec::new(),
            room: true,
        }
    }

    /// The globals.
    pub fn globals_mut(&mut self) -> &mut Globals {
        self.globals.get_mut(0)
    }
    /// A slot.
    pub fn slot_mut(&mut self, index: usize) -> &mut Slot {
        self.slots.get_mut(index)
    }
    /// A sign of life.
    pub fn seen_mut(&mut self, index: usize) -> &mut Seen {
        self.seen.get_mut(index)
    }
    /// An RCF template.
    pub fn rcf_template_mut(&mut self, index: usize) -> &mut RcfTemplate {
        self.rcf_templates.get_mut(index)
    }
    /// A zone.
    pub fn zone_mut(&mut self, index: usize) -> &mut Zone {
        self.zones.get_mut(index)
    }
    /// What was decided for a zone.
    pub fn zone_state_mut(&mut self, index: usize) -> &mut ZoneState {
        self.zone_states.get_mut(index)
    }
    /// The flows of a table, each with its key.
    pub fn flows_mut(&mut self, table: FlowTable) -> impl Iterator<Item = (FlowKey, &mut Flow)> {
        self.flows[table as usize]
            .iter_mut()
            .map(|(key, flow)| (bytemuck::pod_read_unaligned(key), flow.get_mut()))
    }
    /// Forgets all flows.
    pub fn clear_flows(&mut self) {
        self.flows = Default::default();
    }
    /// Fills all buckets of the limits by source. Returns the indices of those that were in use.
    pub fn clear_rates(&mut self) -> Vec<u32> {
        let mut used = vec![];
        for (index, bucket) in self.rate.0.iter_mut().enumerate() {
            let bucket = bucket.get_mut();
            if bytemuck::bytes_of(bucket).iter().any(|octet| *octet != 0) {
                *bucket = RateBucket::default();
                used.push(index as u32);
            }
        }
        used
    }
    /// A gatekeeper.
    pub fn gatekeeper_mut(&mut self, index: usize) -> &mut Gatekeeper {
        self.gatekeepers.get_mut(index)
    }
    /// Evidence about a gatekeeper.
    pub fn gatekeeper_state_mut(&mut self, index: usize) -> &mut GatekeeperState {
        self.gatekeeper_state.get_mut(index)
    }
    /// A counter, of all interfaces.
    #[must_use]
    pub fn counter(&self, counter: Counter) -> u64 {
        self.counters
            .chunks(COUNTERS as usize)
            .map(|row| row[counter as usize])
            .sum()
    }
}

fn bytemuck_zeroed() -> RcfTemplate {
    RcfTemplate {
        len: 0,
        hole_at: 0,
        hole_len: 0,
        patched: 0,
        original: 0,
        gatekeeper_ttl: 0,
        refresh_every: 0,
        sum: 0,
        reserved: 0,
        rcf: [0; rasline_abi::RCF_TEMPLATE_BYTES],
    }
}

impl Tables for HostTables {
    fn globals(&self) -> Option<Shared<Globals>> {
        self.globals.at(0)
    }
    fn slot(&self, index: u32) -> Option<Shared<Slot>> {
        self.slots.at(index)
    }
    fn rcf_template(&self, index: u32) -> Option<Shared<RcfTemplate>> {
        self.rcf_templates.at(index)
    }
    fn zone(&self, index: u32) -> Option<Shared<Zone>> {
        self.zones.at(index)
    }
    fn zone_state(&self, index: u32) -> Option<Shared<ZoneState>> {
        self.zone_states.at(index)
    }
    fn gatekeeper(&self, index: u32) -> Option<Shared<Gatekeeper>> {
        self.gatekeepers.at(index)
    }
    fn gatekeeper_state(&self, index: u32) -> Option<Shared<GatekeeperState>> {
        self.gatekeeper_state.at(index)
    }
    fn gatekeeper_index(&self, zone: u32, address: Address) -> Option<u32> {
        self.gatekeeper_index.get(&(zone, address)).copied()
    }
    fn zone_of(&self, endpoint: Address) -> Option<u32> {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&endpoint[0].to_ne_bytes());
        octets[8..].copy_from_slice(&endpoint[1].to_ne_bytes());
        let address = u128::from_be_bytes(octets);
        let within = |prefix: &[u8; 16], len: u32| {
            let shift = 128 - len;
            len == 0 || (address >> shift) == (u128::from_be_bytes(*prefix) >> shift)
        };
        let matching = self
            .endpoints
            .iter()
            .filter(|(prefix, len, _)| within(prefix, *len));
        matching
            .max_by_key(|(_, len, _)| *len)
            .map(|(_, _, zone)| *zone)
    }
    fn rate_bucket(&self, index: u32) -> Option<Shared<RateBucket>> {
        self.rate.at(index)
    }
    fn seen(&self, index: u32) -> Option<Shared<Seen>> {
        self.seen.at(index)
    }
    fn notice(&self, address: Address, port: u16) {
        crate::notice(self, address, port);
    }
    fn now(&self) -> u64 {
        self.now
    }
    fn ifindex(&self) -> u32 {
        self.ifindex
    }
    fn set_interface(&mut self, index: u32) {
        self.interface = index;
    }
    fn is_native(&self) -> bool {
        let index = self.interface as usize;
        let side = |globals: Shared<Globals>| get!(globals, interfaces[index].side);
        index < MAX_INTERFACES && self.globals().map_or(0, side) & NATIVE_SIDE != 0
    }
    fn interface(&self) -> u32 {
        self.interface
    }
    #[allow(unsafe_code)]
    fn increment<T>(&self, value: Shared<T>, field: fn(*mut T) -> *mut u64) {
        // SAFETY: a valid value of these tables, which one thread uses.
        unsafe { *field(value.ptr()) += 1 };
    }
    #[allow(unsafe_code)]
    fn compare_exchange<T>(
        &self,
        value: Shared<T>,
        field: fn(*mut T) -> *mut u64,
        old: u64,
        new: u64,
    ) -> bool {
        let at = field(value.ptr());
        // SAFETY: as above.
        unsafe {
            let same = *at == old;
            if same {
                *at = new;
            }
            same
        }
    }
    #[allow(unsafe_code)]
    fn flow(&self, table: FlowTable, key: &FlowKey) -> Option<Shared<Flow>> {
        let flow = self.flows[table as usize].get(bytemuck::bytes_of(key))?;
        // SAFETY: the flow stays where it is until it is removed, which no caller does while it holds this.
        Some(unsafe { Shared::new(flow.get()) })
    }
    fn set_flow(&mut self, table: FlowTable, key: &FlowKey, fill: impl FnOnce(&mut Flow)) -> bool {
        if self.room {
            let mut flow = Flow::default();
            fill(&mut flow);
            let flows = &mut self.flows[table as usize];
            // An entry that is there keeps its place, as readers may still hold it.
            if let Some(there) = flows.get_mut(bytemuck::bytes_of(key)) {
                *there.get_mut() = flow;
            } else {
                let key = bytemuck::bytes_of(key).to_vec();
                flows.insert(key, Box::new(UnsafeCell::new(flow)));
            }
        }
        self.room
    }
    fn update_flow(
        &mut self,
        table: FlowTable,
        key: &FlowKey,
        change: impl FnOnce(&mut Flow) -> bool,
    ) {
        if let Some(there) = self.flows[table as usize].get_mut(bytemuck::bytes_of(key)) {
            let mut flow = *there.get_mut();
            if change(&mut flow) {
                *there.get_mut() = flow;
            }
        }
    }
    fn remove_flow(&mut self, table: FlowTable, key: &FlowKey) {
        self.flows[table as usize].remove(bytemuck::bytes_of(key));
    }
    fn carrying(&self) -> Option<Shared<Carrying>> {
        self.carrying.at(0)
    }
    fn store_carried(&mut self) {
        let held = *self.carrying.get_mut(0);
        crate::store_held(&held, |table, key, flow| {
            self.update_flow(table, key, |there| {
                let same = there.check == flow.check;
                if same {
                    *there = *flow;
                }
                same
            });
        });
    }
    fn note_fragment(&mut self, identification: u32) {
        crate::note_fragment(self, identification);
    }
    fn budget(&self, index: u32) -> Option<Shared<SlotBudget>> {
        self.budgets.at(index)
    }
    fn registered(&self, address: Address, port: u16) -> u32 {
        crate::registered(self, address, port)
    }
    fn next_hop(&self, _: Address, destination: Address, _: bool, _: u16) -> Option<Hop> {
        self.hops.get(&destination).copied()
    }
    fn note_speaker(&self, gatekeeper: u32, mark: u32) {
        crate::note_speaker(self, gatekeeper, mark);
    }
    fn probes(&self, gatekeeper: u32, marks: (u32, u32), times: (u64, u64)) -> bool {
        crate::probes(self, gatekeeper, marks, times)
    }
    fn silence(&self, gatekeeper: u32, dead_after_ns: u64, now: u64) -> u64 {
        crate::silence(self, gatekeeper, dead_after_ns, now)
    }
    fn choose(&mut self, zone: u32, active: u32) {
        crate::choose(self, zone, active);
    }
    fn first(&mut self, address: Address, port: u16, active: u32) {
        crate::first(self, address, port, active);
    }
    fn count(&mut self, counter: Counter) {
        self.counters[(self.interface * COUNTERS + counter as u32) as usize] += 1;
    }
    fn copy(&mut self, header: &EventHeader, payload: usize) -> bool {
        if self.room {
            let mut header = *header;
            crate::known_as(self, &mut header);
            self.copied.push((header, payload));
        }
        self.room
    }
}
