//! Configuration tables (user-written) and what the kernel notes about gatekeepers.

use bytemuck::{Pod, Zeroable};

use crate::slot::MAX_RRQ;

/// Interfaces at most.
pub const MAX_INTERFACES: usize = 16;
/// Zones at most.
pub const MAX_ZONES: u32 = 1024;
/// Gatekeepers at most, of all zones together.
pub const MAX_GATEKEEPERS: u32 = 4096;
/// Buckets of the copy limit, by source (a power of two); one more, behind them, is for all sources together.
pub const RATE_BUCKETS: u32 = 65_536;
/// 64-bit keys of the fingerprint: two for each 8 octets and pass, and one more for each pass.
pub const HASH_KEYS: usize = MAX_RRQ / 8 * 4 + 2;

/// [`Interface::side`]: endpoints are behind it.
pub const ENDPOINTS_SIDE: u32 = 1;
/// [`Interface::side`]: gatekeepers are behind it.
pub const GATEKEEPERS_SIDE: u32 = 2;

/// One interface the program is attached to.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Interface {
    /// ifindex; 0: entry unused.
    pub ifindex: u32,
    /// [`ENDPOINTS_SIDE`] | [`GATEKEEPERS_SIDE`].
    pub side: u32,
}

/// What concerns every packet. User-written.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Globals {
    /// [`ABI_VERSION`](crate::ABI_VERSION).
    pub abi_version: u32,
    /// Number of slots less one.
    pub slot_mask: u32,
    /// CLOCK_MONOTONIC at which the controller last said that it lives.
    pub heartbeat_ns: u64,
    /// The controller counts as gone when its heartbeat is older than this.
    pub heartbeat_timeout_ns: u64,
    /// Copies a second to the controller, of all sources together.
    pub copies_per_second: u32,
    /// Copies a second, and in a row, of one source.
    pub copies_per_source: u32,
    /// Unused entries (ifindex 0) at the end.
    pub interfaces: [Interface; MAX_INTERFACES],
    /// RAS ports of all gatekeepers, a bit each: port p is bit p % 64 of word p / 64.
    pub ras_ports: [u64; 1024],
    /// Secret of the fingerprint and of slot placement, drawn when the maps are made.
    pub hash_keys: [u64; HASH_KEYS],
}

/// [`Zone::answer`].
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Only watch.
    Off = 0,
    /// Answer while the gatekeeper is silent.
    Hold = 1,
    /// Answer always, but for one keep-alive every refresh interval.
    Offload = 2,
}

/// One zone. User-written.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Zone {
    /// Never 0 for a zone in use; raising it kills every slot of the zone.
    pub generation: u16,
    /// Zero.
    pub reserved: u16,
    /// [`Answer`] as u32.
    pub answer: u32,
    /// 1: RCFs to RRQs that are not learned go to the controller, which patches timeToLive (endpoint_ttl).
    pub divert: u32,
    /// Ticks for which keep-alives are answered after the gatekeeper's first unanswered request.
    pub hold_for: u32,
    /// A gatekeeper whose first unanswered request is older is silent, in ns.
    pub dead_after_ns: u64,
}

/// One gatekeeper of one zone. User-written.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Gatekeeper {
    /// Address.
    pub address: [u8; 16],
    /// RAS port; 0: entry unused.
    pub ras_port: [u8; 2],
    /// Zero.
    pub reserved: u16,
    /// Index of its zone.
    pub zone: u32,
}

/// Evidence about one gatekeeper. Kernel-written, but for `requests` etc. that only count up.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct GatekeeperState {
    /// When a RAS message came from it, ns; 0: never.
    pub last_reply_ns: u64,
    /// When the oldest known keep-alive was let through that nothing has come back for since, ns; 0: none.
    pub first_unanswered_ns: u64,
    /// When a keep-alive was last let through to see whether it is back, ns.
    pub last_probe_ns: u64,
    /// Known keep-alives let through since its last message.
    pub outstanding: u64,
    /// Known keep-alives let through, in all.
    pub requests: u64,
    /// RAS messages from it, in all.
    pub replies: u64,
    /// Zero.
    pub reserved: [u64; 2],
}

/// Key of `GATEKEEPER_INDEX`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct GatekeeperKey {
    /// Zone index.
    pub zone: u32,
    /// Address.
    pub address: [u8; 16],
}

/// Data of an `ENDPOINTS` key: the address; the prefix length (0..=128, IPv4 counts from 96) goes with it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct EndpointsKey {
    /// Address.
    pub address: [u8; 16],
}

/// Token bucket. Kernel-written.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct RateBucket {
    /// When it was last refilled, ns.
    pub refilled_ns: u64,
    /// Tokens left.
    pub tokens: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = {
    assert!(size_of::<Zone>() == 24);
    assert!(size_of::<Gatekeeper>() == 24);
    assert!(align_of::<Gatekeeper>() == 8);
    assert!(core::mem::offset_of!(Gatekeeper, address) == 0);
    assert!(size_of::<GatekeeperState>() == 64);
    assert!(size_of::<GatekeeperKey>() == 20);
    assert!(size_of::<RateBucket>() == 16);
    assert!(core::mem::offset_of!(Globals, interfaces) == 32);
    assert!(core::mem::offset_of!(Globals, ras_ports) == 160);
};
