//! Access to the tables. What they hold is shared with the controller and with other CPUs, so fields are read and
//! written one by one, never through a reference.

use rasline_abi::{
    Flow, FlowKey, Gatekeeper, GatekeeperState, Globals, RateBucket, RcfTemplate, Seen, Slot,
    SlotBudget, Zone, ZoneState,
};

/// A map value that others may change at any time.
#[derive(Debug)]
pub struct Shared<T>(*mut T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Shared<T> {}

impl<T> Shared<T> {
    /// # Safety
    /// `value` must be valid for reads and writes while the frame is handled.
    #[allow(unsafe_code)]
    #[inline(always)]
    pub unsafe fn new(value: *mut T) -> Self {
        Self(value)
    }

    /// Where the value stands.
    #[inline(always)]
    #[must_use]
    pub fn ptr(self) -> *mut T {
        self.0
    }
}

/// Reads a field (or an element of an array field) of a [`Shared`].
macro_rules! get {
    ($shared:expr, $($field:tt)+) => {{
        let p = $shared.ptr();
        // SAFETY: `Shared::new` promises a valid value; the field lies within it (the index, if any, is checked by
        // the caller), and a torn read only gives a wrong number, which the generation check finds.
        #[allow(unsafe_code)]
        let v = unsafe { core::ptr::addr_of!((*p).$($field)+).read_volatile() };
        v
    }};
}

/// Reads the field `address` of a [`Shared`], as it lies in memory.
macro_rules! address {
    ($shared:expr) => {{
        let p = $shared.ptr();
        // SAFETY: as for `get!`; the contract asserts that the field is aligned for u64.
        #[allow(unsafe_code, clippy::cast_ptr_alignment)]
        let words = unsafe {
            let p = core::ptr::addr_of!((*p).address).cast::<u64>();
            [p.read_volatile(), p.add(1).read_volatile()]
        };
        words
    }};
}

/// Writes a field of a [`Shared`].
macro_rules! set {
    ($shared:expr, $($field:ident).+, $value:expr) => {{
        let (p, v) = ($shared.ptr(), $value);
        // SAFETY: as for `get!`; the kernel is this field's writer.
        #[allow(unsafe_code)]
        unsafe {
            core::ptr::addr_of_mut!((*p).$($field).+).write_volatile(v)
        };
    }};
}

/// Writes an element of an array field of a [`Shared`].
macro_rules! set_at {
    ($shared:expr, $field:ident, $index:expr, $value:expr) => {{
        let (p, v) = ($shared.ptr(), $value);
        // SAFETY: as for `set!`; the caller bounds the index.
        #[allow(unsafe_code)]
        unsafe {
            core::ptr::addr_of_mut!((*p).$field[$index]).write_volatile(v)
        };
    }};
}

/// Reads the 64-bit number that starts with the field `first` (two fields that are written together).
macro_rules! get_pair {
    ($shared:expr, $first:ident) => {{
        let p = $shared.ptr();
        // SAFETY: as for `get!`; the contract asserts the field's alignment, and another of 32 bits follows it.
        #[allow(unsafe_code, clippy::cast_ptr_alignment)]
        let v = unsafe {
            core::ptr::addr_of!((*p).$first)
                .cast::<u64>()
                .read_volatile()
        };
        v
    }};
}

/// The address of a field of a valid value.
macro_rules! field_at {
    ($p:expr, $field:ident) => {{
        // SAFETY: no access, and `p` is the address of a valid value.
        #[allow(unsafe_code)]
        let at = unsafe { core::ptr::addr_of_mut!((*$p).$field) };
        at
    }};
}

pub(crate) use {address, field_at, get, get_pair, set, set_at};

/// An address as it lies in memory.
pub type Address = [u64; 2];

/// Which table a flow stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowTable {
    /// Of datagrams.
    Datagrams,
    /// Of connections that are not open yet, or not any longer.
    Attempts,
    /// Of open connections.
    Connections,
    /// Of datagrams in fragments, each until its last one has passed.
    Fragments,
}

/// A packet, and the flow that it is to be readdressed by: what one part finds and the next one carries out.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Carrying {
    /// The flow, as it was found.
    pub flow: Flow,
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// Octet of the IP header.
    pub l3: u32,
    /// Octet of the transport's header.
    pub l4: u32,
    /// Octets from there on.
    pub len: u32,
    /// Source port as on the wire.
    pub source_port: u16,
    /// Destination port as on the wire.
    pub destination_port: u16,
    /// The [`FlowTable`] of the flow.
    pub table: u32,
    /// 1: IPv6.
    pub v6: u16,
    /// 6 TCP, 17 UDP.
    pub protocol: u8,
    /// 1: losing it would cost little.
    pub may_be_lost: u8,
}

/// The way to the next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Interface, one that frames may be redirected out of.
    pub ifindex: u32,
    /// Its MAC address.
    pub mac: [u8; 6],
    /// The interface's own.
    pub own_mac: [u8; 6],
    /// Longest IP packet that goes there.
    pub mtu: u16,
}

/// The tables, and what else the data path asks its surroundings for.
pub trait Tables {
    /// What concerns every packet.
    fn globals(&self) -> Option<Shared<Globals>>;
    /// Slot by index.
    fn slot(&self, index: u32) -> Option<Shared<Slot>>;
    /// RCF template by index.
    fn rcf_template(&self, index: u32) -> Option<Shared<RcfTemplate>>;
    /// Zone by index.
    fn zone(&self, index: u32) -> Option<Shared<Zone>>;
    /// What the kernel decided for a zone, by index.
    fn zone_state(&self, index: u32) -> Option<Shared<ZoneState>>;
    /// Gatekeeper by index.
    fn gatekeeper(&self, index: u32) -> Option<Shared<Gatekeeper>>;
    /// Evidence about a gatekeeper, by index.
    fn gatekeeper_state(&self, index: u32) -> Option<Shared<GatekeeperState>>;
    /// Index of the gatekeeper of a zone with this address, or `SERVICE`.
    fn gatekeeper_index(&self, zone: u32, address: Address) -> Option<u32>;
    /// Index of the zone whose endpoints' prefixes hold this address.
    fn zone_of(&self, endpoint: Address) -> Option<u32>;
    /// Limit by index.
    fn rate_bucket(&self, index: u32) -> Option<Shared<RateBucket>>;
    /// Sign of life by index.
    fn seen(&self, index: u32) -> Option<Shared<Seen>>;
    /// Has [`notice`](crate::notice) note a sign of life; a function of its own, too.
    fn notice(&self, address: Address, port: u16);
    /// CLOCK_MONOTONIC, coarse, ns.
    fn now(&self) -> u64;
    /// ifindex the frame came in by.
    fn ifindex(&self) -> u32;
    /// Index of that interface in [`Globals::interfaces`], for the counters.
    fn set_interface(&mut self, index: u32);
    /// Whether the program runs in the driver of that interface.
    fn is_native(&self) -> bool;
    /// The index that was set.
    fn interface(&self) -> u32;
    /// Adds one to a field that counts, whichever CPU else does.
    fn increment<T>(&self, value: Shared<T>, field: fn(*mut T) -> *mut u64);
    /// Sets a field to `new` if it is `old`; whether it was.
    fn compare_exchange<T>(
        &self,
        value: Shared<T>,
        field: fn(*mut T) -> *mut u64,
        old: u64,
        new: u64,
    ) -> bool;
    /// A flow, to be read; another may take its place at any time, which its check tells.
    fn flow(&self, table: FlowTable, key: &FlowKey) -> Option<Shared<Flow>>;
    /// Makes a flow, or replaces it, from what is filled in (all zero before); false: no room.
    fn set_flow(&mut self, table: FlowTable, key: &FlowKey, fill: impl FnOnce(&mut Flow)) -> bool;
    /// Replaces a flow by a changed copy, if it is there and `change` says that it is the right one.
    fn update_flow(
        &mut self,
        table: FlowTable,
        key: &FlowKey,
        change: impl FnOnce(&mut Flow) -> bool,
    );
    /// Where a packet and its flow are kept from one part to the next.
    fn carrying(&self) -> Option<Shared<Carrying>>;
    /// Puts the flow that is held in the place of the one in its table, if that is still there: what was noted in it.
    fn store_carried(&mut self);
    /// Has [`note_fragment`](crate::note_fragment) note how the packet that is held was readdressed; a function of its
    /// own, too.
    fn note_fragment(&mut self, identification: u32);
    /// Forgets a flow.
    fn remove_flow(&mut self, table: FlowTable, key: &FlowKey);
    /// The budget of a slot's address and port, by slot index.
    fn budget(&self, index: u32) -> Option<Shared<SlotBudget>>;
    /// [`registered`](crate::registered); in the kernel a function of its own, so that the verifier checks it once.
    fn registered(&self, address: Address, port: u16) -> u32;
    /// The next hop of an IP packet of `len` octets; `None`: leave it to the stack.
    fn next_hop(&self, source: Address, destination: Address, v6: bool, len: u16) -> Option<Hop>;
    /// [`note_speaker`](crate::note_speaker); in the kernel a function of its own, too.
    fn note_speaker(&self, gatekeeper: u32, mark: u32);
    /// [`probes`](crate::probes); in the kernel a function of its own, too.
    fn probes(&self, gatekeeper: u32, marks: (u32, u32), times: (u64, u64)) -> bool;
    /// [`silence`](crate::silence); in the kernel a function of its own, so that the verifier checks it once.
    fn silence(&self, gatekeeper: u32, dead_after_ns: u64, now: u64) -> u64;
    /// Has [`choose`](crate::choose) move a zone, if that is due; a function of its own, too.
    fn choose(&mut self, zone: u32, active: u32);
    /// Has [`first`](crate::first) let an endpoint move first; a function of its own, too.
    fn first(&mut self, address: Address, port: u16, active: u32);
    /// Counts.
    fn count(&mut self, counter: rasline_abi::Counter);
    /// Hands the header and `header.len` octets of the frame from `payload` on to the controller, after
    /// [`known_as`](crate::known_as).
    fn copy(&mut self, header: &rasline_abi::EventHeader, payload: usize) -> bool;
}
