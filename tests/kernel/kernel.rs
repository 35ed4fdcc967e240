//! The loaded program: fills its maps from a [`World`] and runs frames through it.
#![allow(dead_code, reason = "each test file uses a part")]

use aya::maps::lpm_trie::Key;
use aya::maps::{Array, HashMap, LpmTrie, MapData, PerCpuArray, RingBuf};
use aya::programs::{TestRun, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader, Pod};
use rasline_abi::{
    COUNTERS, CaptureHeader, Counter, EventHeader, Flow, FlowKey, GatekeeperKey, GatekeeperState,
    RateBucket, SERVICE, Seen, Slot, ZoneState, map,
};

use rasline_datapath::FlowTable;
use rasline_tests::object_path;

use crate::world::{PROFILES, SLOTS, World};

/// All tables of flows.
pub const FLOW_TABLES: [FlowTable; 4] = [
    FlowTable::Datagrams,
    FlowTable::Attempts,
    FlowTable::Connections,
    FlowTable::Fragments,
];

/// A value of the contract as aya's maps take it.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct Value<T>(T);

// SAFETY: every `T` here is a `bytemuck::Pod` of the contract.
#[allow(unsafe_code)]
unsafe impl<T: bytemuck::Pod> Pod for Value<T> {}

pub struct Kernel {
    ebpf: Ebpf,
    /// Interface by which frames come in, of the calling thread's namespace; `None`: loopback.
    pub ifindex: Option<u32>,
}

/// What the program did with a frame.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// XDP action.
    pub action: u32,
    pub octets: Vec<u8>,
}

impl Kernel {
    /// Loads the program.
    ///
    /// # Panics
    /// Without root, or where the verifier refuses the program: such a test has not passed.
    pub fn load() -> Self {
        let path = object_path();
        let mut ebpf = EbpfLoader::new()
            .map_max_entries(map::SLOTS, SLOTS)
            .map_max_entries(map::BUDGETS, SLOTS)
            .map_max_entries(map::PROFILES, PROFILES)
            .load_file(&path)
            .unwrap_or_else(|e| {
                panic!(
                    "load {}: {e:?}; run as root, after `cargo xtask build`",
                    path.display()
                )
            });
        let program: &mut Xdp = ebpf.program_mut("rasline").unwrap().try_into().unwrap();
        program.load().unwrap_or_else(|e| {
            panic!("the verifier or a missing privilege stands against it: {e:?}")
        });
        Self {
            ebpf,
            ifindex: None,
        }
    }

    /// Instructions that the verifier walked through.
    pub fn verified_instructions(&self) -> u32 {
        let program: &Xdp = self.ebpf.program("rasline").unwrap().try_into().unwrap();
        program
            .info()
            .unwrap()
            .verified_instruction_count()
            .unwrap()
    }

    fn array<T: bytemuck::Pod>(&mut self, name: &str) -> Array<&mut MapData, Value<T>> {
        Array::try_from(self.ebpf.map_mut(name).unwrap()).unwrap()
    }

    /// Makes the maps hold this world.
    pub fn fill(&mut self, world: &World) {
        self.array(map::GLOBALS)
            .set(0, Value(world.globals), 0)
            .unwrap();
        for (i, rcf_template) in world.rcf_templates.iter().enumerate() {
            self.array(map::PROFILES)
                .set(i as u32, Value(*rcf_template), 0)
                .unwrap();
        }
        for (i, zone) in world.zones.iter().enumerate() {
            self.array(map::ZONES)
                .set(i as u32, Value(*zone), 0)
                .unwrap();
        }
        for (i, gatekeeper) in world.gatekeepers.iter().enumerate() {
            self.array(map::GATEKEEPERS)
                .set(i as u32, Value(*gatekeeper), 0)
                .unwrap();
            self.array(map::GATEKEEPER_STATE)
                .set(i as u32, Value(world.states[i]), 0)
                .unwrap();
            let mut index: HashMap<_, Value<GatekeeperKey>, u32> = self
                .ebpf
                .map_mut(map::GATEKEEPER_INDEX)
                .unwrap()
                .try_into()
                .unwrap();
            let key = GatekeeperKey {
                zone: gatekeeper.zone,
                address: gatekeeper.address,
            };
            index.insert(Value(key), i as u32, 0).unwrap();
        }
        for (zone, address) in &world.services {
            let mut index: HashMap<_, Value<GatekeeperKey>, u32> = self
                .ebpf
                .map_mut(map::GATEKEEPER_INDEX)
                .unwrap()
                .try_into()
                .unwrap();
            let (zone, address) = (*zone, *address);
            index
                .insert(Value(GatekeeperKey { zone, address }), SERVICE, 0)
                .unwrap();
        }
        self.set_endpoints(&world.endpoints);
        self.set_slots(world);
    }

    /// Adds endpoints' prefixes.
    pub fn set_endpoints(&mut self, endpoints: &[([u8; 16], u32, u32)]) {
        for (address, len, zone) in endpoints {
            let mut trie: LpmTrie<_, [u8; 16], u32> = self
                .ebpf
                .map_mut(map::ENDPOINTS)
                .unwrap()
                .try_into()
                .unwrap();
            trie.insert(&Key::new(*len, *address), zone, 0).unwrap();
        }
    }

    /// Puts slots and evidence back as they are in the world.
    pub fn set_slots(&mut self, world: &World) {
        for (index, slot) in &world.slots {
            self.array(map::SLOTS).set(*index, Value(*slot), 0).unwrap();
        }
        for (i, state) in world.states.iter().enumerate() {
            self.array(map::GATEKEEPER_STATE)
                .set(i as u32, Value(*state), 0)
                .unwrap();
        }
        for (i, state) in world.zone_states.iter().enumerate() {
            self.set_zone_state(i as u32, *state);
        }
    }

    /// Puts the zones and gatekeepers in as they are in the world.
    pub fn set_rows(&mut self, world: &World) {
        for (i, zone) in world.zones.iter().enumerate() {
            self.array(map::ZONES)
                .set(i as u32, Value(*zone), 0)
                .unwrap();
        }
        for (i, gatekeeper) in world.gatekeepers.iter().enumerate() {
            self.array(map::GATEKEEPERS)
                .set(i as u32, Value(*gatekeeper), 0)
                .unwrap();
        }
        self.array(map::GLOBALS)
            .set(0, Value(world.globals), 0)
            .unwrap();
    }

    pub fn zone_state(&mut self, index: u32) -> ZoneState {
        self.array(map::ZONE_STATE).get(&index, 0).unwrap().0
    }

    pub fn set_zone_state(&mut self, index: u32, state: ZoneState) {
        self.array(map::ZONE_STATE)
            .set(index, Value(state), 0)
            .unwrap();
    }

    pub fn set_state(&mut self, index: u32, state: GatekeeperState) {
        self.array(map::GATEKEEPER_STATE)
            .set(index, Value(state), 0)
            .unwrap();
    }

    pub fn set_slot(&mut self, index: u32, slot: Slot) {
        self.array(map::SLOTS).set(index, Value(slot), 0).unwrap();
    }

    fn flow_table(
        &mut self,
        table: FlowTable,
    ) -> HashMap<&mut MapData, Value<FlowKey>, Value<Flow>> {
        let name = match table {
            FlowTable::Datagrams => map::FLOWS,
            FlowTable::Attempts => map::ATTEMPTS,
            FlowTable::Connections => map::CONNECTIONS,
            FlowTable::Fragments => "FRAGMENTS",
        };
        HashMap::try_from(self.ebpf.map_mut(name).unwrap()).unwrap()
    }

    /// All flows of a table.
    pub fn flows(&mut self, table: FlowTable) -> Vec<(FlowKey, Flow)> {
        let flows = self.flow_table(table);
        flows
            .iter()
            .map(|entry| entry.map(|(key, flow)| (key.0, flow.0)).unwrap())
            .collect()
    }

    /// All flows of all tables.
    pub fn all_flows(&mut self) -> Vec<(FlowKey, Flow)> {
        let mut flows = vec![];
        for table in FLOW_TABLES {
            flows.extend(self.flows(table));
        }
        flows
    }

    /// Changes all flows of a table.
    pub fn change_flows(&mut self, table: FlowTable, f: impl Fn(&mut Flow)) {
        for (key, mut flow) in self.flows(table) {
            f(&mut flow);
            let mut flows = self.flow_table(table);
            flows.insert(Value(key), Value(flow), 0).unwrap();
        }
    }

    /// Forgets all flows.
    pub fn clear_flows(&mut self) {
        for table in FLOW_TABLES {
            let keys: Vec<_> = self.flows(table).into_iter().map(|(key, _)| key).collect();
            let mut flows = self.flow_table(table);
            for key in keys {
                flows.remove(&Value(key)).unwrap();
            }
        }
    }

    /// Fills these buckets of the limits by source.
    pub fn clear_rates(&mut self, indices: &[u32]) {
        let mut buckets = self.array::<RateBucket>(map::RATES);
        for index in indices {
            buckets
                .set(*index, Value(RateBucket::default()), 0)
                .unwrap();
        }
    }

    /// What was captured since the last call.
    pub fn captured(&mut self) -> Vec<(CaptureHeader, Vec<u8>)> {
        let mut ring = RingBuf::try_from(self.ebpf.map_mut(map::CAPTURE).unwrap()).unwrap();
        let mut found = vec![];
        while let Some(item) = ring.next() {
            let (header, octets) = item.split_at(size_of::<CaptureHeader>());
            found.push((bytemuck::pod_read_unaligned(header), octets.to_vec()));
        }
        found
    }

    pub fn slot(&mut self, index: u32) -> Slot {
        self.array(map::SLOTS).get(&index, 0).unwrap().0
    }

    /// What is noted of the messages of an address and port that are no known keep-alives.
    pub fn seen(&mut self, index: u32) -> Seen {
        self.array::<Seen>(map::SEEN).get(&index, 0).unwrap().0
    }

    pub fn state(&mut self, index: u32) -> GatekeeperState {
        self.array(map::GATEKEEPER_STATE).get(&index, 0).unwrap().0
    }

    /// A counter, of the one interface and of those not configured, and of all CPUs.
    pub fn counter(&mut self, counter: Counter) -> u64 {
        let counters: PerCpuArray<_, u64> =
            self.ebpf.map(map::COUNTERS).unwrap().try_into().unwrap();
        let row = |row: u32| {
            counters
                .get(&(row * COUNTERS + counter as u32), 0)
                .unwrap()
                .iter()
                .sum::<u64>()
        };
        row(0) + row(rasline_abi::MAX_INTERFACES as u32)
    }

    /// All counters.
    pub fn counters(&mut self) -> Vec<u64> {
        Counter::ALL.iter().map(|c| self.counter(*c)).collect()
    }

    /// What was copied to the controller since the last call.
    pub fn copies(&mut self) -> Vec<(EventHeader, Vec<u8>)> {
        let mut ring = RingBuf::try_from(self.ebpf.map_mut(map::EVENTS).unwrap()).unwrap();
        let mut found = vec![];
        while let Some(item) = ring.next() {
            let (header, message) = item.split_at(size_of::<EventHeader>());
            found.push((bytemuck::pod_read_unaligned(header), message.to_vec()));
        }
        found
    }

    /// Attaches the program to an interface of the calling thread's namespace while this lives.
    pub fn attach(&mut self, ifindex: u32) {
        let program: &mut Xdp = self
            .ebpf
            .program_mut("rasline")
            .unwrap()
            .try_into()
            .unwrap();
        program
            .attach_to_if_index(ifindex, aya::programs::XdpMode::Driver)
            .unwrap();
    }

    /// Runs one frame.
    pub fn run(&self, frame: &[u8]) -> Outcome {
        let program: &Xdp = self.ebpf.program("rasline").unwrap().try_into().unwrap();
        let mut out = vec![0; 4096];
        // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let context = [0, frame.len() as u32, 0, self.ifindex.unwrap_or(0), 0, 0];
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut out),
            ctx_in: self.ifindex.map(|_| bytemuck::bytes_of(&context)),
            ..TestRunOptions::default()
        };
        let result = program.test_run(options).unwrap();
        let len = result.data_size_out as usize;
        out.truncate(len);
        Outcome {
            action: result.return_value,
            octets: out,
        }
    }
}
