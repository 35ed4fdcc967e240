//! Everything that touches the kernel program: loading, maps, pins. In userspace, the only crate that uses aya.
//!
//! [`Dataplane`] is composed of parts, each of which owns maps: [`Zones`], [`Gatekeepers`], [`Prefixes`], [`Flows`],
//! [`Table`] and others.
//!
//! Invariant: until [`Dataplane::keep`] is called, dropping a [`Dataplane`] leaves attached and pinned what was so before.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod attach;
mod attachments;
mod capture;
mod counters;
mod flows;
mod gatekeepers;
mod globals;
mod load;
mod mapped_array;
mod mend;
mod old;
mod open;
mod pinned_rows;
pub mod pins;
mod prefixes;
mod program;
mod rcf;
mod rcf_templates;
mod ring;
mod scan;
mod seen;
mod settings;
mod signalling_lookup;
mod table;
mod zones;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use rasline_core::presence::Trace;
use rasline_host::{
    failure::Result,
    interface::{Interface, Side},
    monotonic_ns,
};

pub use attachments::Port;
pub use capture::{Capture, Captured};
pub use counters::{CounterRow, counter_help};
pub use flows::{Connection, Flows};
pub use gatekeepers::{GatekeeperRow, Gatekeepers, Peer};
pub use globals::GlobalsRow;
pub use mapped_array::MappedArray;
pub use mend::Pinning;
pub use pinned_rows::{PinnedRows, PinnedZone};
pub use prefixes::Prefixes;
pub use rasline_abi::Answer;
pub use rcf::{Template, reconstruct};
pub use rcf_templates::RcfTemplates;
pub use ring::{Message, Reason, Ring};
pub use scan::Observed;
pub use settings::{Limits, Settings, Sizes};
pub use signalling_lookup::SignallingLookup;
pub use table::{Entry, Place, Refused, Table};
pub use zones::{Decided, Moved, Steering, ZoneRow, Zones};

/// The loaded program and its maps.
pub struct Dataplane {
    /// Whether the program outlives this process.
    keep: bool,
    attachments: attachments::Attachments,
    inheritance: old::Inheritance,
    /// What the program reads for every packet.
    pub globals: GlobalsRow,
    /// The rows of zones.
    pub zones: Zones,
    /// The rows of gatekeepers.
    pub gatekeepers: Gatekeepers,
    /// The endpoints' prefixes.
    pub prefixes: Prefixes,
    /// The flows that are steered.
    pub flows: Flows,
    counters: counters::Counters,
    table: Table,
    seen: seen::SeenTable,
    scanned: scan::Scanned,
}

impl Dataplane {
    /// Interfaces at most.
    pub const MAX_INTERFACES: usize = rasline_abi::MAX_INTERFACES;
    /// Zones at most; indices are below.
    pub const MAX_ZONES: u32 = rasline_abi::MAX_ZONES;
    /// Gatekeepers at most; indices are below.
    pub const MAX_GATEKEEPERS: u32 = rasline_abi::MAX_GATEKEEPERS;
    /// Gatekeepers of a zone at most that the program may move it to by itself.
    pub const MAX_CANDIDATES: usize = rasline_abi::MAX_CANDIDATES;

    /// Returns the kernel's id of the program.
    #[must_use]
    pub const fn program_id(&self) -> u32 {
        self.attachments.program_id()
    }

    /// Returns the interfaces that are attached, by name.
    #[must_use]
    pub const fn ports(&self) -> &BTreeMap<String, Port> {
        self.attachments.ports()
    }

    /// Returns the keep-alive table.
    #[must_use]
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// Returns the keep-alive table, to publish in it.
    pub const fn table_mut(&mut self) -> &mut Table {
        &mut self.table
    }

    /// Lets the program outlive this process from now on.
    pub const fn keep(&mut self) {
        self.keep = true;
    }

    /// Notes that the controller lives.
    pub fn heartbeat(&self) {
        self.globals.set_heartbeat(monotonic_ns());
    }

    /// Notes that the controller is gone: nothing is diverted any more.
    pub fn stop_heartbeat(&self) {
        self.globals.set_heartbeat(0);
    }

    /// Carries out a decision about a zone. The program's own decision, if there was one, no longer counts.
    pub fn steer(&mut self, steering: &Steering) {
        self.zones.steer(steering);
        self.gatekeepers
            .set_steered(steering.zone, &steering.steered);
    }

    /// Returns a zone's row as a decision, the program's own left aside; `None`: nothing was decided.
    #[must_use]
    pub fn steering(&self, zone: u32) -> Option<Steering> {
        self.zones.steering(zone, self.gatekeepers.steered(zone))
    }

    /// Returns the endpoint of a registration, and the gatekeeper's address that it sends its keep-alives to.
    #[must_use]
    pub fn association(&self, place: Place) -> Option<(SocketAddr, SocketAddr)> {
        let slot = self.table.get(place)?;
        let own = self.gatekeepers.ras_address(u32::from(slot.gatekeeper));
        let endpoint = SocketAddr::new(ring::ip(&slot.address), u16::from_be_bytes(slot.port));
        let known = self.flows.known_as(own, endpoint).unwrap_or(own);
        Some((endpoint, known))
    }

    /// Returns what shows that the endpoint of a registration at `gatekeeper` lives, other than its own keep-alive.
    #[must_use]
    pub fn trace(&self, now_ns: u64, endpoint: SocketAddr, gatekeeper: u32) -> Trace {
        self.seen.trace(&self.table, now_ns, endpoint, gatekeeper)
    }

    /// Reports the registrations that changed since the last scan. A million slots take some milliseconds.
    pub fn scan(&mut self, now_ns: u64, changed: impl FnMut(Observed)) {
        self.table.scan(now_ns, &mut self.scanned, changed);
    }

    /// Reads the counters of each interface that is attached, and those of all others together.
    ///
    /// # Errors
    /// When the kernel does not give them.
    pub fn counters(&self) -> Result<Vec<CounterRow>> {
        let rows = (self.attachments.rows()).map(|(name, row)| (Some(name), row));
        rows.chain([(None, Self::MAX_INTERFACES)])
            .map(|(interface, row)| self.counters.read_row(interface, row))
            .collect()
    }

    /// Returns the rows that are in use.
    #[must_use]
    pub fn pinned_rows(&self) -> PinnedRows {
        PinnedRows::read(&self.zones, &self.gatekeepers)
    }

    /// Returns the rows that an earlier controller left: in these maps, or in those that are carried over.
    #[must_use]
    pub fn inherited(&self) -> PinnedRows {
        let rows = self.inheritance.rows().cloned();
        rows.unwrap_or_else(|| self.pinned_rows())
    }

    /// Publishes what an earlier controller's tables answer, as it is there, if they were not adopted.
    pub fn carry_over(&mut self) {
        self.inheritance
            .carry_over(&mut self.table, &mut self.flows);
    }

    /// Takes out the registrations of an earlier controller that `good` (gatekeeper, zone generation and address) refuses.
    /// Returns their number.
    pub fn retain_unclaimed(&mut self, good: impl Fn(u16, u16, IpAddr) -> bool) -> usize {
        self.table.retain_unclaimed(monotonic_ns(), |slot| {
            good(
                slot.gatekeeper,
                slot.zone_generation,
                ring::ip(&slot.address),
            )
        })
    }

    /// Puts the program on all interfaces that are there, then takes away what an earlier controller left and is not
    /// configured.
    ///
    /// # Errors
    /// At the first interface that refuses.
    pub fn attach_all(&mut self, interfaces: &[Interface]) -> Result<()> {
        self.attachments.attach_all(&self.globals, interfaces)?;
        self.inheritance.catch_up(&self.table, &mut self.flows);
        self.attachments.finish(&self.globals)
    }

    /// Attaches to an interface and pins the link; if a pinned link is attached already, takes that one over.
    ///
    /// # Errors
    /// When it cannot; the interface is as it was then.
    pub fn attach(&mut self, interface: &Interface) -> Result<()> {
        self.attachments.attach(&self.globals, interface)
    }

    /// Detaches from an interface. Returns whether it was attached.
    ///
    /// # Errors
    /// When the pin cannot be removed.
    pub fn detach(&mut self, name: &str) -> Result<bool> {
        self.attachments.detach(&self.globals, name)
    }

    /// Looks again which interfaces frames may be redirected out of: that changes with their peers and drivers.
    pub fn look_at_interfaces(&self) {
        self.attachments.refresh_rows(&self.globals);
    }

    /// Changes an attached interface's side.
    pub fn set_side(&mut self, name: &str, side: Side) {
        self.attachments.set_side(&self.globals, name, side);
    }

    /// Notes the MAC address that an attached interface has now.
    pub fn set_mac(&self, name: &str, mac: [u8; 6]) {
        self.attachments.set_mac(&self.globals, name, mac);
    }

    /// Makes pins that are gone again; mounts bpffs if that is gone, too.
    ///
    /// # Errors
    /// When one cannot be made: then the program ends with this process.
    pub fn mend_pins(&mut self) -> Result<Pinning> {
        self.attachments.mend_pins()
    }

    /// Detaches everything and removes the pins.
    ///
    /// # Errors
    /// When a pin cannot be removed.
    pub fn detach_all(&mut self) -> Result<()> {
        self.stop_heartbeat();
        self.attachments.detach_all()
    }
}

impl Drop for Dataplane {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        self.stop_heartbeat();
        if let Err(e) = self.attachments.undo() {
            tracing::error!("{e}");
        }
    }
}
