//! The maps, as the data path's [`Tables`]. Names and types are the contract in `rasline-abi`; the controller sets
//! the sizes of SLOTS, SEEN, PROFILES and EVENTS when it loads the program.

use core::arch::asm;

use aya_ebpf::bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, bpf_fib_lookup as FibLookup, xdp_md};
use aya_ebpf::helpers::{bpf_fib_lookup, bpf_ktime_get_coarse_ns, bpf_xdp_load_bytes};
use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::{Key, LpmTrie};
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf};
use rasline_abi::{
    CAPTURE_MAX, COUNTERS as ROW, CaptureHeader, Counter, EVENT_PAYLOAD_MAX, EventHeader, Flow,
    FlowKey, Gatekeeper, GatekeeperKey, GatekeeperState, Globals, MAX_GATEKEEPERS, MAX_INTERFACES,
    MAX_ZONES, NATIVE_SIDE, RATE_BUCKETS, RATES as TABLES, REDIRECT_SIDE, RateBucket, RcfTemplate,
    Seen, Slot, SlotBudget, Zone, ZoneState,
};
use rasline_datapath::{Address, Carrying, FlowTable, Hop, Shared, Tables};

#[map]
static GLOBALS: Array<Globals> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static SLOTS: Array<Slot> = Array::with_max_entries(1024, BPF_F_MMAPABLE);
#[map]
static SEEN: Array<Seen> = Array::with_max_entries(1024, BPF_F_MMAPABLE);
#[map]
static PROFILES: Array<RcfTemplate> = Array::with_max_entries(512, BPF_F_MMAPABLE);
#[map]
static ZONES: Array<Zone> = Array::with_max_entries(MAX_ZONES, BPF_F_MMAPABLE);
#[map]
static ZONE_STATE: Array<ZoneState> = Array::with_max_entries(MAX_ZONES, BPF_F_MMAPABLE);
#[map]
static GATEKEEPERS: Array<Gatekeeper> = Array::with_max_entries(MAX_GATEKEEPERS, BPF_F_MMAPABLE);
#[map]
static GATEKEEPER_STATE: Array<GatekeeperState> =
    Array::with_max_entries(MAX_GATEKEEPERS, BPF_F_MMAPABLE);
#[map]
static GATEKEEPER_INDEX: HashMap<GatekeeperKey, u32> =
    HashMap::with_max_entries(MAX_GATEKEEPERS, BPF_F_NO_PREALLOC);
#[map]
static ENDPOINTS: LpmTrie<[u8; 16], u32> = LpmTrie::with_max_entries(65_536, BPF_F_NO_PREALLOC);
#[map]
static RATES: Array<RateBucket> = Array::with_max_entries((RATE_BUCKETS + 1) * TABLES, 0);
#[map]
static BUDGETS: Array<SlotBudget> = Array::with_max_entries(1024, 0);
#[map]
static COUNTERS: PerCpuArray<u64> =
    PerCpuArray::with_max_entries((MAX_INTERFACES as u32 + 1) * ROW, 0);
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);
#[map]
static FLOWS: LruHashMap<FlowKey, Flow> = LruHashMap::with_max_entries(1024, 0);
#[map]
static ATTEMPTS: LruHashMap<FlowKey, Flow> = LruHashMap::with_max_entries(1024, 0);
#[map]
static CONNECTIONS: LruHashMap<FlowKey, Flow> = LruHashMap::with_max_entries(1024, 0);
/// How the first fragments of datagrams were readdressed. The program's own: what stands here counts for
/// milliseconds, so that the next program begins with an empty one.
#[map]
static FRAGMENTS: LruHashMap<FlowKey, Flow> = LruHashMap::with_max_entries(4096, 0);
#[map]
static CAPTURE: RingBuf = RingBuf::with_byte_size(1 << 20, 0);
/// A frame that is captured, as it came in.
#[map]
static CAPTURED: PerCpuArray<Captured> = PerCpuArray::with_max_entries(1, 0);
/// Where an event is put together, as the stack is too small.
#[map]
static SCRATCH: PerCpuArray<Event> = PerCpuArray::with_max_entries(1, 0);

/// An event with room for the longest message.
#[repr(C)]
struct Event {
    header: EventHeader,
    message: [u8; EVENT_PAYLOAD_MAX],
}

/// Where a flow, and the question for its next hop, are put together.
#[map]
static FLOW_SCRATCH: PerCpuArray<FlowScratch> = PerCpuArray::with_max_entries(1, 0);

/// A packet and its flow, from the part that found it to the one that carries it.
#[map]
static CARRYING: PerCpuArray<Carrying> = PerCpuArray::with_max_entries(1, 0);

/// See `FLOW_SCRATCH`.
#[repr(C)]
struct FlowScratch {
    flow: Flow,
    fib: FibLookup,
}

/// A captured frame.
#[repr(C)]
struct Captured {
    header: CaptureHeader,
    octets: [u8; CAPTURE_MAX],
}

/// The kernel's tables, and the context of the packet at hand.
pub struct Maps {
    ctx: *mut xdp_md,
    interface: u32,
    /// Looked up once.
    globals: Option<Shared<Globals>>,
}

impl Maps {
    /// For the packet of this context.
    #[inline(always)]
    pub fn new(ctx: *mut xdp_md) -> Self {
        Self {
            ctx,
            interface: MAX_INTERFACES as u32,
            globals: shared(&GLOBALS, 0),
        }
    }
}

#[inline(always)]
fn shared<T>(array: &Array<T>, index: u32) -> Option<Shared<T>> {
    // SAFETY: an array map's values live as long as the program.
    array.get_ptr_mut(index).map(|p| unsafe { Shared::new(p) })
}

#[inline(always)]
fn octets(address: [u64; 2]) -> [u8; 16] {
    // SAFETY: plain octets on both sides.
    unsafe { core::mem::transmute(address) }
}

/// Flag of an update: only what is there.
const BPF_EXIST: u64 = 2;

/// The map of a table of flows.
#[inline(always)]
fn flows(table: FlowTable) -> &'static LruHashMap<FlowKey, Flow> {
    match table {
        FlowTable::Datagrams => &FLOWS,
        FlowTable::Attempts => &ATTEMPTS,
        FlowTable::Connections => &CONNECTIONS,
        FlowTable::Fragments => &FRAGMENTS,
    }
}

impl Tables for Maps {
    #[inline(always)]
    fn globals(&self) -> Option<Shared<Globals>> {
        self.globals
    }
    #[inline(always)]
    fn slot(&self, index: u32) -> Option<Shared<Slot>> {
        shared(&SLOTS, index)
    }
    #[inline(always)]
    fn rcf_template(&self, index: u32) -> Option<Shared<RcfTemplate>> {
        shared(&PROFILES, index)
    }
    #[inline(always)]
    fn zone(&self, index: u32) -> Option<Shared<Zone>> {
        shared(&ZONES, index)
    }
    #[inline(always)]
    fn zone_state(&self, index: u32) -> Option<Shared<ZoneState>> {
        shared(&ZONE_STATE, index)
    }
    #[inline(always)]
    fn gatekeeper(&self, index: u32) -> Option<Shared<Gatekeeper>> {
        shared(&GATEKEEPERS, index)
    }
    #[inline(always)]
    fn gatekeeper_state(&self, index: u32) -> Option<Shared<GatekeeperState>> {
        shared(&GATEKEEPER_STATE, index)
    }
    #[inline(always)]
    fn gatekeeper_index(&self, zone: u32, address: [u64; 2]) -> Option<u32> {
        // SAFETY: the value is four octets, copied at once.
        unsafe {
            GATEKEEPER_INDEX
                .get(&GatekeeperKey {
                    zone,
                    address: octets(address),
                })
                .copied()
        }
    }
    #[inline(always)]
    fn zone_of(&self, endpoint: [u64; 2]) -> Option<u32> {
        ENDPOINTS.get(&Key::new(128, octets(endpoint))).copied()
    }
    #[inline(always)]
    fn rate_bucket(&self, index: u32) -> Option<Shared<RateBucket>> {
        shared(&RATES, index)
    }
    #[inline(always)]
    fn seen(&self, index: u32) -> Option<Shared<Seen>> {
        shared(&SEEN, index)
    }
    #[inline(always)]
    fn notice(&self, address: Address, port: u16) {
        rasline_notice(address[0], address[1], u32::from(port));
    }
    #[inline(always)]
    fn now(&self) -> u64 {
        // SAFETY: a helper without arguments.
        unsafe { bpf_ktime_get_coarse_ns() }
    }
    #[inline(always)]
    fn ifindex(&self) -> u32 {
        // SAFETY: the context is valid.
        unsafe { (*self.ctx).ingress_ifindex }
    }
    #[inline(always)]
    fn set_interface(&mut self, index: u32) {
        self.interface = index;
    }
    #[inline(always)]
    fn is_native(&self) -> bool {
        let Some(globals) = self.globals else {
            return false;
        };
        let row = self.interface as usize & (MAX_INTERFACES - 1);
        // SAFETY: the map's value; the index is in bounds.
        let side = unsafe { (&raw const (*globals.ptr()).interfaces[row].side).read_volatile() };
        side & NATIVE_SIDE != 0
    }
    #[inline(always)]
    fn interface(&self) -> u32 {
        self.interface
    }
    #[inline(always)]
    fn increment<T>(&self, value: Shared<T>, field: fn(*mut T) -> *mut u64) {
        let (at, one) = (field(value.ptr()), 1u64);
        // SAFETY: a field of a valid map value. This target's core has no fetch_add.
        unsafe { asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) at, in(reg) one) };
    }
    #[inline(always)]
    fn compare_exchange<T>(
        &self,
        value: Shared<T>,
        field: fn(*mut T) -> *mut u64,
        old: u64,
        new: u64,
    ) -> bool {
        let (at, mut was) = (field(value.ptr()), old);
        // SAFETY: a field of a valid map value. r0 is the register that the instruction compares and loads.
        unsafe {
            asm!(
                "r0 = cmpxchg_64({0} + 0, r0, {1})",
                in(reg) at,
                in(reg) new,
                inlateout("r0") was,
            );
        }
        was == old
    }
    #[inline(always)]
    fn flow(&self, table: FlowTable, key: &FlowKey) -> Option<Shared<Flow>> {
        // SAFETY: a value of this map; another flow may take its place, which its check tells.
        flows(table)
            .get_ptr_mut(key)
            .map(|p| unsafe { Shared::new(p) })
    }
    #[inline(always)]
    fn set_flow(&mut self, table: FlowTable, key: &FlowKey, fill: impl FnOnce(&mut Flow)) -> bool {
        let Some(scratch) = FLOW_SCRATCH.get_ptr_mut(0) else {
            return false;
        };
        // SAFETY: this CPU's own scratch; zero is a value of a flow.
        let flow = unsafe {
            core::ptr::write_bytes(&raw mut (*scratch).flow, 0, 1);
            &mut (*scratch).flow
        };
        fill(flow);
        flows(table).insert(key, flow, 0).is_ok()
    }
    #[inline(always)]
    fn update_flow(
        &mut self,
        table: FlowTable,
        key: &FlowKey,
        change: impl FnOnce(&mut Flow) -> bool,
    ) {
        let (Some(scratch), Some(there)) =
            (FLOW_SCRATCH.get_ptr_mut(0), flows(table).get_ptr_mut(key))
        else {
            return;
        };
        // SAFETY: this CPU's own scratch; what is copied is torn if another flow takes the entry, which its check tells.
        let flow = unsafe {
            core::ptr::copy_nonoverlapping(there, &raw mut (*scratch).flow, 1);
            &mut (*scratch).flow
        };
        if change(flow) {
            // It may be gone already.
            let _gone = flows(table).insert(key, flow, BPF_EXIST);
        }
    }
    #[inline(always)]
    fn remove_flow(&mut self, table: FlowTable, key: &FlowKey) {
        // It may be gone already.
        let _gone = flows(table).remove(key);
    }
    #[inline(always)]
    fn carrying(&self) -> Option<Shared<Carrying>> {
        // SAFETY: this CPU's own scratch.
        CARRYING.get_ptr_mut(0).map(|p| unsafe { Shared::new(p) })
    }
    #[inline(always)]
    fn store_carried(&mut self) {
        rasline_store();
    }
    #[inline(always)]
    fn note_fragment(&mut self, identification: u32) {
        rasline_note_fragment(identification);
    }
    #[inline(always)]
    fn budget(&self, index: u32) -> Option<Shared<SlotBudget>> {
        shared(&BUDGETS, index)
    }
    #[inline(always)]
    fn registered(&self, address: Address, port: u16) -> u32 {
        rasline_registered(address[0], address[1], u64::from(port))
    }
    #[inline(always)]
    fn next_hop(&self, source: Address, destination: Address, v6: bool, len: u16) -> Option<Hop> {
        next_hop(self.ctx, source, destination, v6, len)
            .filter(|hop| takes_redirects(self.globals, hop.ifindex))
    }
    #[inline(always)]
    fn note_speaker(&self, gatekeeper: u32, mark: u32) {
        rasline_note_speaker(gatekeeper, mark);
    }
    #[inline(always)]
    fn probes(
        &self,
        gatekeeper: u32,
        (mark, marks): (u32, u32),
        (silent_ns, dead_after_ns): (u64, u64),
    ) -> bool {
        rasline_probes(gatekeeper, mark, marks, silent_ns, dead_after_ns) != 0
    }
    #[inline(always)]
    fn silence(&self, gatekeeper: u32, dead_after_ns: u64, now: u64) -> u64 {
        rasline_silence(gatekeeper, dead_after_ns, now)
    }
    #[inline(always)]
    fn choose(&mut self, zone: u32, active: u32) {
        rasline_choose(zone, active, self.interface);
    }
    #[inline(always)]
    fn first(&mut self, address: Address, port: u16, active: u32) {
        let at = u64::from(port) << 32 | u64::from(active);
        rasline_first(address[0], address[1], at, self.interface);
    }
    #[inline(always)]
    fn count(&mut self, counter: Counter) {
        if let Some(p) = COUNTERS.get_ptr_mut(self.interface * ROW + counter as u32) {
            // SAFETY: this CPU's own counter.
            unsafe { *p += 1 };
        }
    }
    #[inline(always)]
    fn copy(&mut self, header: &EventHeader, payload: usize) -> bool {
        let Some(event) = SCRATCH.get_ptr_mut(0) else {
            return false;
        };
        // SAFETY: this CPU's own scratch.
        unsafe { (*event).header = *header };
        rasline_hand_over(self.ctx, payload as u32, u32::from(header.len)) == 0
    }
}

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Asks the kernel's routing; the neighbour must be known.
#[inline(always)]
fn next_hop(
    ctx: *mut xdp_md,
    source: Address,
    destination: Address,
    v6: bool,
    len: u16,
) -> Option<Hop> {
    let scratch = FLOW_SCRATCH.get_ptr_mut(0)?;
    // SAFETY: this CPU's own scratch: plain numbers, for all of which zero is a value.
    let fib = unsafe {
        core::ptr::write_bytes(&raw mut (*scratch).fib, 0, 1);
        &mut (*scratch).fib
    };
    fib.family = if v6 { AF_INET6 } else { AF_INET };
    fib.__bindgen_anon_1.tot_len = len;
    // SAFETY: the context is valid.
    fib.ifindex = unsafe { (*ctx).ingress_ifindex };
    if v6 {
        fib.__bindgen_anon_3.ipv6_src = words(source);
        fib.__bindgen_anon_4.ipv6_dst = words(destination);
    } else {
        fib.__bindgen_anon_3.ipv4_src = (source[1] >> 32) as u32;
        fib.__bindgen_anon_4.ipv4_dst = (destination[1] >> 32) as u32;
    }
    // SAFETY: context and parameters are valid, and the size is theirs.
    let found = unsafe { bpf_fib_lookup(ctx.cast(), fib, size_of::<FibLookup>() as i32, 0) };
    // Anything but success (0): no route, no neighbour, too long, blackhole.
    (found == 0).then(|| Hop {
        ifindex: fib.ifindex,
        mac: fib.dmac,
        own_mac: fib.smac,
        // SAFETY: the kernel writes the route's MTU where it read the length.
        mtu: unsafe { fib.__bindgen_anon_1.mtu_result },
    })
}

#[inline(always)]
fn words(address: Address) -> [u32; 4] {
    [
        address[0] as u32,
        (address[0] >> 32) as u32,
        address[1] as u32,
        (address[1] >> 32) as u32,
    ]
}

/// Whether frames may be redirected out of an interface.
#[inline(always)]
fn takes_redirects(globals: Option<Shared<Globals>>, ifindex: u32) -> bool {
    let Some(globals) = globals else {
        return false;
    };
    for i in 0..MAX_INTERFACES {
        // SAFETY: the map's value; the index is in bounds.
        let interface = unsafe { (&raw const (*globals.ptr()).interfaces[i]).read_volatile() };
        if interface.ifindex == ifindex {
            return interface.side & REDIRECT_SIDE != 0;
        }
    }
    false
}

/// Time since which a gatekeeper is silent, ns, or 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_silence(gatekeeper: u32, dead_after_ns: u64, now: u64) -> u64 {
    let maps = Maps::new(core::ptr::null_mut());
    rasline_datapath::silence(&maps, gatekeeper, dead_after_ns, now)
}

/// Notes that an address speaks. Gives 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_note_speaker(gatekeeper: u32, mark: u32) -> u32 {
    let maps = Maps::new(core::ptr::null_mut());
    rasline_datapath::note_speaker(&maps, gatekeeper, mark);
    0
}

/// Whether a known keep-alive is let through to see whether its gatekeeper answers (1), or not (0).
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_probes(
    gatekeeper: u32,
    mark: u32,
    marks: u32,
    silent_ns: u64,
    dead_after_ns: u64,
) -> u32 {
    let maps = Maps::new(core::ptr::null_mut());
    u32::from(rasline_datapath::probes(
        &maps,
        gatekeeper,
        (mark, marks),
        (silent_ns, dead_after_ns),
    ))
}

/// Moves a zone whose active gatekeeper is silent, if that is due. Gives 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_choose(zone: u32, active: u32, interface: u32) -> u32 {
    // What is asked here does not concern the packet.
    let mut maps = Maps::new(core::ptr::null_mut());
    maps.interface = interface;
    rasline_datapath::choose(&mut maps, zone, active);
    0
}

/// Lets an endpoint move first; `at`: the active gatekeeper, and its port 32 bits further up. Gives 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_first(low: u64, high: u64, at: u64, interface: u32) -> u32 {
    let mut maps = Maps::new(core::ptr::null_mut());
    maps.interface = interface;
    rasline_datapath::first(&mut maps, [low, high], (at >> 32) as u16, at as u32);
    0
}

/// Notes a sign of life of an endpoint's address and port. Gives 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_notice(low: u64, high: u64, port: u32) -> u32 {
    let maps = Maps::new(core::ptr::null_mut());
    rasline_datapath::notice(&maps, [low, high], port as u16);
    0
}

/// A slot of this address and port; `u32::MAX`: there is none.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_registered(low: u64, high: u64, port: u64) -> u32 {
    let maps = Maps::new(core::ptr::null_mut());
    rasline_datapath::registered(&maps, [low, high], port as u16)
}

/// Writes the flow that is held back to its table. Gives 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_store() -> u32 {
    let Some(held) = CARRYING.get_ptr_mut(0) else {
        return 1;
    };
    // SAFETY: this CPU's own scratch.
    rasline_datapath::store_held(unsafe { &*held }, |table, key, flow| {
        // It may be gone already.
        let _gone = flows(table).insert(key, flow, BPF_EXIST);
    });
    0
}

/// Notes how the first fragment that is held was readdressed. Gives 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_note_fragment(identification: u32) -> u32 {
    let mut maps = Maps::new(core::ptr::null_mut());
    rasline_datapath::note_fragment(&mut maps, identification);
    0
}

/// Octets of a frame that are captured; 0: none.
#[inline(always)]
pub fn capture_len() -> u32 {
    // SAFETY: a value of this map.
    shared::<Globals>(&GLOBALS, 0).map_or(0, |globals| unsafe {
        (&raw const (*globals.ptr()).capture_len).read_volatile()
    })
}

/// Keeps the frame as it is now, `len` octets of it at most.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_keep(ctx: *mut xdp_md, len: u32) -> u32 {
    let Some(captured) = CAPTURED.get_ptr_mut(0) else {
        return 1;
    };
    // SAFETY: the context is valid, and the scratch this CPU's own.
    unsafe {
        let frame_len = ((*ctx).data_end as u32).wrapping_sub((*ctx).data as u32);
        let take = if frame_len < len { frame_len } else { len };
        if take == 0 || take > CAPTURE_MAX as u32 {
            return 1;
        }
        let mut less = u64::from(take) - 1;
        asm!("{0} &= 2047", inout(reg) less);
        let take = less as u32 + 1;
        (*captured).header = CaptureHeader {
            time_ns: bpf_ktime_get_coarse_ns(),
            ifindex: (*ctx).ingress_ifindex,
            verdict: 0,
            frame_len,
            captured: take,
            direction: 0,
            reserved: 0,
        };
        u32::from(bpf_xdp_load_bytes(ctx, 0, (&raw mut (*captured).octets).cast(), take) != 0)
    }
}

/// Hands what [`rasline_keep`] kept to the controller, with what became of it.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn rasline_captured(verdict: u32, direction: u32) -> u32 {
    let Some(captured) = CAPTURED.get_ptr_mut(0) else {
        return 1;
    };
    // SAFETY: this CPU's own scratch.
    unsafe {
        (*captured).header.verdict = verdict;
        (*captured).header.direction = direction;
        let mut less = u64::from((*captured).header.captured).wrapping_sub(1);
        asm!("{0} &= 2047", inout(reg) less);
        let octets = core::slice::from_raw_parts(
            captured.cast::<u8>(),
            size_of::<CaptureHeader>() + less as usize + 1,
        );
        u32::from(CAPTURE.output::<[u8]>(octets, 0).is_err())
    }
}

/// Hands the header in `SCRATCH` and `len` octets of the packet to the controller; 0: done. A function of its own so
/// that the verifier checks it once.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn rasline_hand_over(ctx: *mut xdp_md, payload: u32, len: u32) -> u32 {
    let Some(event) = SCRATCH.get_ptr_mut(0) else {
        return 1;
    };
    if len == 0 || len > EVENT_PAYLOAD_MAX as u32 {
        return 1;
    }
    // SAFETY: this CPU's own scratch.
    rasline_datapath::known_as(&Maps::new(ctx), unsafe { &mut (*event).header });
    let mut less = u64::from(len) - 1;
    // SAFETY: an AND that changes nothing, but tells the verifier the bounds: 0..EVENT_PAYLOAD_MAX.
    unsafe { asm!("{0} &= 2047", inout(reg) less) };
    let len = less as u32 + 1;
    // SAFETY: this CPU's own scratch, in which `len` octets fit; the helper checks the packet.
    unsafe {
        let message = (&raw mut (*event).message).cast();
        if bpf_xdp_load_bytes(ctx, payload, message, len) != 0 {
            return 1;
        }
        let octets = core::slice::from_raw_parts(
            event.cast::<u8>(),
            size_of::<EventHeader>() + len as usize,
        );
        u32::from(EVENTS.output::<[u8]>(octets, 0).is_err())
    }
}

const _: () = assert!(EVENT_PAYLOAD_MAX == 2048 && CAPTURE_MAX == 2048);
