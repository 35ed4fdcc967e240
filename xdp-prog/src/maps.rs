//! The maps, as the data path's [`Tables`]. Names and types are the contract in `rasline-abi`; the controller sets
//! the sizes of SLOTS, PROFILES and EVENTS when it loads the program.

use core::arch::asm;

use aya_ebpf::bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, xdp_md};
use aya_ebpf::helpers::{bpf_ktime_get_coarse_ns, bpf_xdp_load_bytes};
use aya_ebpf::macros::map;
use aya_ebpf::maps::lpm_trie::{Key, LpmTrie};
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, RingBuf};
use rasline_abi::{
    COUNTERS as ROW, Counter, EVENT_PAYLOAD_MAX, EventHeader, Gatekeeper, GatekeeperKey,
    GatekeeperState, Globals, MAX_GATEKEEPERS, MAX_INTERFACES, MAX_ZONES, Profile, RATE_BUCKETS,
    RateBucket, Slot, Zone,
};
use rasline_datapath::{Shared, Tables};

#[map]
static GLOBALS: Array<Globals> = Array::with_max_entries(1, BPF_F_MMAPABLE);
#[map]
static SLOTS: Array<Slot> = Array::with_max_entries(1024, BPF_F_MMAPABLE);
#[map]
static PROFILES: Array<Profile> = Array::with_max_entries(512, BPF_F_MMAPABLE);
#[map]
static ZONES: Array<Zone> = Array::with_max_entries(MAX_ZONES, BPF_F_MMAPABLE);
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
static COPY_RATE: Array<RateBucket> = Array::with_max_entries(RATE_BUCKETS + 1, 0);
#[map]
static COUNTERS: PerCpuArray<u64> =
    PerCpuArray::with_max_entries((MAX_INTERFACES as u32 + 1) * ROW, 0);
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);
/// Where an event is put together, as the stack is too small.
#[map]
static SCRATCH: PerCpuArray<Event> = PerCpuArray::with_max_entries(1, 0);

/// An event with room for the longest message.
#[repr(C)]
struct Event {
    header: EventHeader,
    message: [u8; EVENT_PAYLOAD_MAX],
}

/// The kernel's tables, and the context of the packet at hand.
pub struct Maps {
    ctx: *mut xdp_md,
    interface: u32,
    /// Looked up once.
    globals: Option<Shared<Globals>>,
}

impl Maps {
    /// Index of the interface in `Globals::interfaces`.
    #[cfg(feature = "log")]
    pub fn interface(&self) -> u32 {
        self.interface
    }

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
    fn profile(&self, index: u32) -> Option<Shared<Profile>> {
        shared(&PROFILES, index)
    }
    #[inline(always)]
    fn zone(&self, index: u32) -> Option<Shared<Zone>> {
        shared(&ZONES, index)
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
        shared(&COPY_RATE, index)
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
    fn increment<T>(&self, value: Shared<T>, field: fn(*mut T) -> *mut u64) {
        let (at, one) = (field(value.ptr()), 1u64);
        // SAFETY: a field of a valid map value. This target's core has no fetch_add.
        unsafe { asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) at, in(reg) one) };
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

const _: () = assert!(EVENT_PAYLOAD_MAX == 2048);
