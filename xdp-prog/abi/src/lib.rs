//! The contract between the XDP program and the controller: every map's key, value and event.
//!
//! Invariants:
//! - every type is `#[repr(C)]` with explicit padding; sizes and offsets are asserted below;
//! - values that came from the wire are big-endian byte arrays, everything else is native;
//! - each field has one writer, named in its comment: *user* (the controller) or *kernel* (the program);
//! - IPv4 addresses stand as IPv4-mapped IPv6 addresses (`::ffff:a.b.c.d`);
//! - a time is CLOCK_MONOTONIC, in nanoseconds (`u64`) or in [ticks](ticks()) (`u32`, compared with wrap-around).
#![no_std]

mod counters;
mod event;
mod flow;
mod lookup;
mod seen;
mod slot;
mod tables;
mod time;

pub use counters::{COUNTERS, Counter};
pub use event::{CopyReason, EVENT_PAYLOAD_MAX, EventHeader};
pub use flow::{
    CAPTURE_MAX, CaptureHeader, FLOW_ANSWERED, FLOW_CALLED, FLOW_CLOSED, FLOW_FORWARD, FLOW_OPEN,
    FLOW_REOPENED, FLOW_REVERSE, Flow, FlowKey,
};
pub use lookup::{LISTENER_PORTS, LISTENERS, ListenerPorts, MAX_LISTENERS};
pub use seen::{SEEN_EVERY, Seen};
pub use slot::{
    GENERATION_EMPTY, MAX_EID, MAX_RCF, MAX_RRQ, PROBE_LIMIT, RCF_TEMPLATE_BYTES, REFRESH_ANSWERED,
    REFRESH_DUE, REFRESH_MARKS, REFRESH_REPEATS, REFRESH_UNANSWERED, RcfTemplate, SPREAD, Slot,
};
pub use tables::{
    Answer, ENDPOINTS_SIDE, EndpointsKey, GATEKEEPER_OWN, GATEKEEPER_PROBED, GATEKEEPER_PROXIED,
    GATEKEEPER_STANDBY, GATEKEEPER_STEER, GATEKEEPERS_SIDE, Gatekeeper, GatekeeperKey,
    GatekeeperState, Globals, HASH_KEYS, Interface, MAX_CANDIDATES, MAX_GATEKEEPERS,
    MAX_INTERFACES, MAX_ZONES, NATIVE_SIDE, NO_GATEKEEPER, PENDING, RATE_BUCKETS, RATES,
    REDIRECT_SIDE, RateBucket, SERVICE, SlotBudget, ZONE_AUTO, ZONE_ENDS_SIGNALLING, ZONE_RESET,
    ZONE_RIP, Zone, ZoneState,
};
pub use time::{TICK_NS, duration_to_ticks, elapsed, ticks};

/// Version of everything in this crate; part of the pin path, so that programs and controllers of different
/// versions never share a map.
pub const ABI_VERSION: u32 = 5;

/// Names of the maps as they stand in the object file and below the pin path.
pub mod map {
    /// One [`Globals`](crate::Globals).
    pub const GLOBALS: &str = "GLOBALS";
    /// [`Slot`](crate::Slot)s, a power of two of them.
    pub const SLOTS: &str = "SLOTS";
    /// [`RcfTemplate`](crate::RcfTemplate)s.
    pub const PROFILES: &str = "PROFILES";
    /// [`Zone`](crate::Zone)s by zone index.
    pub const ZONES: &str = "ZONES";
    /// [`ZoneState`](crate::ZoneState)s by zone index.
    pub const ZONE_STATE: &str = "ZONE_STATE";
    /// [`Gatekeeper`](crate::Gatekeeper)s by gatekeeper index.
    pub const GATEKEEPERS: &str = "GATEKEEPERS";
    /// [`GatekeeperState`](crate::GatekeeperState)s by gatekeeper index.
    pub const GATEKEEPER_STATE: &str = "GATEKEEPER_STATE";
    /// Hash: [`GatekeeperKey`](crate::GatekeeperKey) to gatekeeper index (`u32`), or
    /// [`SERVICE`](crate::SERVICE).
    pub const GATEKEEPER_INDEX: &str = "GATEKEEPER_INDEX";
    /// Longest-prefix match: endpoints' prefixes to zone index (`u32`).
    pub const ENDPOINTS: &str = "ENDPOINTS";
    /// [`RateBucket`](crate::RateBucket)s, [`RATES`](crate::RATES) tables of them, each by a hash of its own of the
    /// source address.
    pub const RATES: &str = "RATES";
    /// [`SlotBudget`](crate::SlotBudget)s by slot index.
    pub const BUDGETS: &str = "BUDGETS";
    /// Per CPU: `u64` at `interface * COUNTERS + counter`; the interface [`MAX_INTERFACES`](crate::MAX_INTERFACES)
    /// stands for one that is not configured.
    pub const COUNTERS: &str = "COUNTERS";
    /// Ring buffer of [`EventHeader`](crate::EventHeader), each followed by the RAS message.
    pub const EVENTS: &str = "EVENTS";
    /// LRU hash: [`FlowKey`](crate::FlowKey) to [`Flow`](crate::Flow), of datagrams.
    pub const FLOWS: &str = "FLOWS";
    /// The same of connections that are not open yet, or not any longer.
    pub const ATTEMPTS: &str = "ATTEMPTS";
    /// The same of open connections.
    pub const CONNECTIONS: &str = "CONNECTIONS";
    /// Ring buffer of [`CaptureHeader`](crate::CaptureHeader), each followed by the frame's first octets.
    pub const CAPTURE: &str = "CAPTURE";
    /// [`Seen`](crate::Seen) by a keyed hash of address and port; as many as slots.
    pub const SEEN: &str = "SEEN";
    /// All of them.
    pub const ALL: [&str; 18] = [
        GLOBALS,
        SLOTS,
        PROFILES,
        ZONES,
        ZONE_STATE,
        GATEKEEPERS,
        GATEKEEPER_STATE,
        GATEKEEPER_INDEX,
        ENDPOINTS,
        RATES,
        BUDGETS,
        COUNTERS,
        EVENTS,
        FLOWS,
        ATTEMPTS,
        CONNECTIONS,
        CAPTURE,
        SEEN,
    ];
}
