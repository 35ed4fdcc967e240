//! Configuration tables (user-written) and what the kernel notes about gatekeepers.

use bytemuck::{Pod, Zeroable};

use crate::slot::MAX_RRQ;

/// Interfaces at most.
pub const MAX_INTERFACES: usize = 16;
/// Zones at most.
pub const MAX_ZONES: u32 = 1024;
/// Gatekeepers at most, of all zones together.
pub const MAX_GATEKEEPERS: u32 = 4096;
/// Buckets of each limit by source (a power of two); one more, behind them, is for all sources together.
pub const RATE_BUCKETS: u32 = 65_536;
/// Limits by source: copies to the controller, requests of unknown sources, new flows, open connections.
pub const RATES: u32 = 4;
/// 64-bit keys of the fingerprint: two for each 8 octets and pass, and one more for each pass.
pub const HASH_KEYS: usize = MAX_RRQ / 8 * 4 + 2;

/// [`Interface::side`]: endpoints are behind it.
pub const ENDPOINTS_SIDE: u32 = 1;
/// [`Interface::side`]: gatekeepers are behind it.
pub const GATEKEEPERS_SIDE: u32 = 2;
/// [`Interface::side`]: frames may be redirected out of it (the driver has ndo_xdp_xmit, and it is up).
pub const REDIRECT_SIDE: u32 = 4;
/// [`Interface::side`]: the program runs in its driver, so that what it redirects leaves as it is.
pub const NATIVE_SIDE: u32 = 8;
/// Candidates of a zone at most.
pub const MAX_CANDIDATES: usize = 8;
/// No gatekeeper ([`Zone::active`], [`ZoneState::decided`]).
pub const NO_GATEKEEPER: u32 = u32::MAX;
/// Value in `GATEKEEPER_INDEX` of an address that is a zone's service address.
pub const SERVICE: u32 = 0x8000_0000;

/// [`Zone::flags`]: the kernel may move the zone when its active gatekeeper is silent.
pub const ZONE_AUTO: u32 = 1;
/// [`Zone::flags`]: a segment of a connection whose gatekeeper is gone is answered with RST (on_loss = "reset").
pub const ZONE_RESET: u32 = 2;
/// [`Zone::flags`]: RRQs beyond the migrate rate are answered with RIP; without it they are dropped.
pub const ZONE_RIP: u32 = 4;
/// [`Zone::flags`]: rasline ends the zone's call signalling itself, so new connections pass to this machine's stack, and none
/// is reset.
pub const ZONE_ENDS_SIGNALLING: u32 = 8;

/// [`Gatekeeper::flags`]: what is addressed to it goes to the zone's active gatekeeper.
pub const GATEKEEPER_STEER: u16 = 1;
/// [`Gatekeeper::flags`]: while it is not the active one, RAS from it to the zone's endpoints goes to the
/// controller, which keeps registrations warm there.
pub const GATEKEEPER_STANDBY: u16 = 2;

/// [`Gatekeeper::flags`]: it is rasline itself, which hears RRQs by its socket: none are copied.
pub const GATEKEEPER_OWN: u16 = 4;
/// [`Gatekeeper::flags`]: RAS from it to the zone's endpoints goes to the controller, whose proxy speaks from their
/// addresses.
pub const GATEKEEPER_PROXIED: u16 = 8;
/// [`Gatekeeper::flags`]: the controller probes it and is answered, so no endpoint's keep-alive is needed to see whether
/// it is back.
pub const GATEKEEPER_PROBED: u16 = 16;

/// Requests of endpoints that the program remembers for each gatekeeper until they are answered (a power of two).
pub const PENDING: usize = 16;

/// One interface the program is attached to.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Interface {
    /// ifindex; 0: entry unused.
    pub ifindex: u32,
    /// [`ENDPOINTS_SIDE`] | [`GATEKEEPERS_SIDE`] | [`REDIRECT_SIDE`] | [`NATIVE_SIDE`].
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
    /// CLOCK_MONOTONIC until which nothing is diverted, because the controller has fallen behind: RCFs pass as they are.
    pub divert_paused_ns: u64,
    /// Copies a second to the controller, of all sources together.
    pub copies_per_second: u32,
    /// Copies a second, and in a row, of one source.
    pub copies_per_source: u32,
    /// Octets of a frame at most that are captured; 0: nothing is.
    pub capture_len: u32,
    /// 1: there is a zone whose traffic may have to be steered (two gatekeepers, or a service address).
    pub steering: u32,
    /// Unused entries (ifindex 0) at the end.
    pub interfaces: [Interface; MAX_INTERFACES],
    /// Their MAC addresses as they lie in memory, each with two zero octets behind it.
    pub macs: [u64; MAX_INTERFACES],
    /// RAS ports of all gatekeepers, a bit each: port p is bit p % 64 of word p / 64.
    pub ras_ports: [u64; 1024],
    /// Call-signalling (TCP) ports of all gatekeepers, likewise.
    pub call_ports: [u64; 1024],
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
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Zone {
    /// Never 0 for a zone in use; raising it kills every slot of the zone.
    pub generation: u16,
    /// Delay of a RIP, ms; the kernel spreads it by half of that either way.
    pub rip_delay_ms: u16,
    /// [`Answer`] as u32.
    pub answer: u32,
    /// 1: RCFs to RRQs that are not learned go to the controller, which patches timeToLive (endpoint_ttl).
    pub divert: u32,
    /// Ticks for which keep-alives are answered after the gatekeeper's first unanswered request.
    pub hold_for: u32,
    /// A gatekeeper whose first unanswered request is older is silent, in ns.
    pub dead_after_ns: u64,
    /// Index of the gatekeeper that serves the zone, or [`NO_GATEKEEPER`]; written together with `epoch`, as one
    /// number of 64 bits.
    pub active: u32,
    /// Raised with every decision of the controller; never 0 for a zone in use.
    pub epoch: u32,
    /// When the zone last moved by the controller's decision, ns; 0: never.
    pub moved_ns: u64,
    /// [`ZONE_AUTO`], [`ZONE_RESET`], [`ZONE_RIP`], [`ZONE_ENDS_SIGNALLING`].
    pub flags: u32,
    /// RRQs a second that reach the active gatekeeper while the zone moves; 0: no bound.
    pub migrate_rate: u32,
    /// RAS port of the service addresses.
    pub service_ras_port: [u8; 2],
    /// Call-signalling port of the service addresses.
    pub service_call_port: [u8; 2],
    /// Ticks after a move for which keep-alives of registrations left behind are answered, and RRQs bounded.
    pub move_for: u32,
    /// Messages a second of sources without a registration that reach the zone's gatekeepers; 0: no bound.
    pub unknown_rate: u32,
    /// Zero.
    pub reserved: u32,
    /// Indices of the gatekeepers that the kernel may move the zone to, best first; 0xffff: none.
    pub candidates: [u16; MAX_CANDIDATES],
}

/// What the kernel decided for a zone, and how it lets registrations move.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct ZoneState {
    /// Kernel. The gatekeeper it moved the zone to; written together with `decided_epoch`, as one number.
    pub decided: u32,
    /// Kernel. [`Zone::epoch`] under which it decided; the decision is in force while they are equal.
    pub decided_epoch: u32,
    /// Kernel. When, ns.
    pub decided_ns: u64,
    /// Kernel. The first request that the gatekeeper it left had not answered, ns.
    pub evidence_ns: u64,
    /// Kernel. The gatekeeper it left.
    pub decided_from: u32,
    /// Kernel. Decisions, in all.
    pub decisions: u32,
    /// Kernel. When the next RRQ of a registered source would be due at exactly its share of the migrate rate, ns
    /// (GCRA).
    pub next_ns: u64,
    /// Kernel. Known keep-alives let through to move their registration.
    pub migrated: u64,
    /// Kernel. RRQs held back by the migrate rate.
    pub shaped: u64,
    /// Kernel. The same for sources without a registration.
    pub unknown_next_ns: u64,
    /// Kernel. When the next message of a source without a registration would be due at exactly the unknown rate, ns.
    pub unknown_due_ns: u64,
    /// Kernel. Messages held back by the unknown rate.
    pub limited: u64,
}

/// One gatekeeper of one zone. User-written.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Gatekeeper {
    /// Address.
    pub address: [u8; 16],
    /// RAS port; 0: entry unused.
    pub ras_port: [u8; 2],
    /// [`GATEKEEPER_STEER`], [`GATEKEEPER_STANDBY`], [`GATEKEEPER_OWN`], [`GATEKEEPER_PROXIED`],
    /// [`GATEKEEPER_PROBED`].
    pub flags: u16,
    /// Index of its zone.
    pub zone: u32,
    /// Call-signalling port.
    pub call_port: [u8; 2],
    /// Requests that it answers to the controller's probes, as [`GatekeeperState::answers`].
    pub answers: u16,
    /// Zero.
    pub reserved: [u8; 4],
    /// When it last answered a probe, ns; 0: never.
    pub up_ns: u64,
    /// When the controller found it dead, ns; 0: it is not.
    pub down_ns: u64,
    /// When the controller found it alive again, ns; 0: never. What it confirmed before is refreshed early.
    pub back_ns: u64,
}

/// Evidence about one gatekeeper. Kernel-written.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct GatekeeperState {
    /// When it last answered a request that was let through, ns; 0: never.
    pub last_reply_ns: u64,
    /// When the oldest request that counts as evidence was let through since, ns; 0: none.
    pub first_unanswered_ns: u64,
    /// When a keep-alive was last let through to see whether it is back, ns.
    pub last_probe_ns: u64,
    /// Known keep-alives let through since its last answer.
    pub outstanding: u64,
    /// Known keep-alives let through, in all.
    pub requests: u64,
    /// RAS messages from it, in all.
    pub replies: u64,
    /// When a packet to it last went through the stack so that its next hop stays known, in ticks; 0: never.
    pub asked: u32,
    /// Requests that it has been seen to answer: bit n for choice index 3 n (GRQ, RRQ, URQ, ARQ, BRQ, DRQ, LRQ).
    pub answers: u32,
    /// Two addresses that sent known keep-alives last: mark in the upper half, tick in the lower one; 0: none.
    pub speakers: [u64; 2],
    /// When enough requests were unanswered to call it silent, but for the time that must pass then, ns; 0: they are not.
    pub enough_ns: u64,
    /// When it answered again after it had been silent, ns; 0: never.
    pub back_ns: u64,
    /// Addresses whose requests were counted since `first_unanswered_ns`: 0, 1, or 2 for more than one.
    pub sources: u32,
    /// Mark of the address of the oldest of these requests.
    pub source: u32,
    /// Mark of the request that was counted last.
    pub last_request: u32,
    /// Different requests counted since `first_unanswered_ns`.
    pub different: u32,
    /// 1: a known keep-alive is among them.
    pub known: u32,
    /// Tick at which a known keep-alive last went to it; 0: never.
    pub known_at: u32,
    /// Requests whose answers are awaited: mark in the upper half, tick in the lower one; 0: none. The first half is for
    /// known keep-alives.
    pub pending: [u64; PENDING],
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

/// What the address and port of a slot may still send. Kernel-written.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct SlotBudget {
    /// When the next RRQ that is not known would be due, in ticks.
    pub due: u32,
}

const _: () = {
    assert!(size_of::<Zone>() == 80);
    assert!(core::mem::offset_of!(Zone, active) == 24);
    assert!(size_of::<ZoneState>() == 80);
    assert!(size_of::<Gatekeeper>() == 56);
    assert!(align_of::<Gatekeeper>() == 8);
    assert!(core::mem::offset_of!(Gatekeeper, address) == 0);
    assert!(size_of::<GatekeeperState>() == 240);
    assert!(size_of::<GatekeeperKey>() == 20);
    assert!(size_of::<RateBucket>() == 16);
    assert!(core::mem::offset_of!(Globals, interfaces) == 48);
    assert!(core::mem::offset_of!(Globals, ras_ports) == 304);
};
