//! What the program is loaded with: where its pins are, how large its maps are, and its limits.

use std::{path::PathBuf, time::Duration};

use rasline_abi::map;

/// Settings of the program and its maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The bpffs folder of the pins.
    pub bpffs: PathBuf,
    /// Sizes of the maps.
    pub sizes: Sizes,
    /// Limits of the program.
    pub limits: Limits,
}

/// Sizes of the maps. Maps of other sizes are made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Registrations at most.
    pub max_registrations: u32,
    /// Whether RCFs are patched in any zone, so that a registration may have two.
    pub patched_rcfs: bool,
    /// Octets of the ring buffer: a power of two.
    pub ring_buffer: u32,
    /// Flows in each of the flow tables.
    pub flows: u32,
}

/// Limits that can change while the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// After this long without a heartbeat the program treats the controller as dead.
    pub heartbeat_timeout: Duration,
    /// Messages copied to the controller per second, of all sources.
    pub copies_per_second: u32,
    /// Messages copied to the controller per second and source.
    pub copies_per_source: u32,
}

impl Sizes {
    /// The entries of each map whose size is configured.
    pub(crate) const fn entries(&self) -> [(&'static str, u32); 8] {
        let slots = slots(self.max_registrations);
        [
            (map::SLOTS, slots),
            (map::BUDGETS, slots),
            (map::SEEN, slots),
            (map::PROFILES, self.rcf_templates()),
            (map::EVENTS, self.ring_buffer),
            (map::FLOWS, self.flows),
            (map::ATTEMPTS, self.flows),
            (map::CONNECTIONS, self.flows),
        ]
    }

    /// RCF templates: one for each registration, two if RCFs are patched; and some at rest.
    const fn rcf_templates(&self) -> u32 {
        let each = self.max_registrations;
        each * if self.patched_rcfs { 2 } else { 1 } + each / 16 + 64
    }
}

/// Slots for a number of registrations: a power of two, at most half of it in use.
pub(crate) const fn slots(max_registrations: u32) -> u32 {
    (max_registrations * 2).next_power_of_two()
}
