//! Everything that touches the kernel program: loading, maps, pins. In userspace, the only crate that uses aya.
//!
//! Invariant: until [`Dataplane::keep`] is called, dropping a [`Dataplane`] leaves attached and pinned what was so before.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod attach;
mod capture;
mod configure;
mod counters;
mod load;
mod mapped_array;
mod mend;
mod old;
mod open;
mod pinned_rows;
pub mod pins;
mod rcf;
mod rcf_templates;
mod ring;
mod scan;
mod seen;
mod settings;
mod signalling_lookup;
mod steering;
mod table;
mod takeover;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use aya::{
    Ebpf,
    maps::{HashMap as BpfHashMap, LpmTrie, MapData, PerCpuArray},
    programs::links::FdLink,
};
use rasline_abi::{Gatekeeper, GatekeeperState, Globals, Zone, ZoneState};

pub use capture::{Capture, Captured};
pub use configure::{GatekeeperRow, ZoneRow};
pub use counters::{CounterRow, counter_help};
pub use mapped_array::MappedArray;
pub use mend::Pinning;
pub use pinned_rows::{PinnedRows, PinnedZone};
pub use rasline_abi::Answer;
pub use rcf::{Template, reconstruct};
pub use rcf_templates::RcfTemplates;
pub use ring::{Message, Reason, Ring};
pub use scan::{Observed, Peer};
pub use settings::{Limits, Settings, Sizes};
pub use signalling_lookup::SignallingLookup;
pub use steering::{Connection, Decided, Moved, Steering};
pub use table::{Entry, Place, Refused, Table};

use rasline_host::{failure::Result, interface::Interface, link::LinkInfo, monotonic_ns};

/// A table of flows, as octets and words.
type Flows = BpfHashMap<MapData, [u8; 40], [u64; 11]>;

/// Names of the tables of flows.
const FLOW_TABLES: [&str; 3] = [
    rasline_abi::map::FLOWS,
    rasline_abi::map::ATTEMPTS,
    rasline_abi::map::CONNECTIONS,
];
/// Their places in [`Dataplane::flows`].
const DATAGRAMS: usize = 0;
const CONNECTIONS: usize = 2;

/// The loaded program and its maps.
pub struct Dataplane {
    bpffs: PathBuf,
    folder: PathBuf,
    keep: bool,
    /// Its pins are those of an earlier controller.
    adopted: bool,
    /// Tables that could not be adopted, until no packet meets them any more.
    old: Option<Box<old::Old>>,
    old_flows: Vec<old::OldFlows>,
    /// A link that was there before carries this program now.
    moved: bool,
    /// Interfaces that were attached anew.
    made: Vec<String>,
    /// Lock of a bpffs folder that had to be made again.
    relocked: Option<rasline_host::lock::Lock>,
    ebpf: Ebpf,
    program_id: u32,
    globals: MappedArray<Globals>,
    zones: MappedArray<Zone>,
    zone_states: MappedArray<ZoneState>,
    /// Those of [`FLOW_TABLES`].
    flows: [Flows; 3],
    gatekeepers: MappedArray<Gatekeeper>,
    /// Read by the probes' thread, too.
    states: Arc<MappedArray<GatekeeperState>>,
    endpoints: LpmTrie<MapData, [u8; 16], u32>,
    index: BpfHashMap<MapData, [u8; 20], u32>,
    counters: PerCpuArray<MapData, u64>,
    table: Table,
    seen: seen::SeenTable,
    scanned: scan::Scanned,
    ports: BTreeMap<String, Port>,
}

/// An interface that the program is attached to.
#[derive(Debug)]
pub struct Port {
    /// As configured.
    pub interface: Interface,
    /// As the kernel had it when it was attached.
    pub info: LinkInfo,
    /// Its row in [`Globals::interfaces`] and in the counters.
    row: usize,
    /// Kept open; the pin holds the attachment.
    link: FdLink,
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

    /// Program id.
    #[must_use]
    pub fn program_id(&self) -> u32 {
        self.program_id
    }

    /// Interfaces attached, by name.
    #[must_use]
    pub fn ports(&self) -> &BTreeMap<String, Port> {
        &self.ports
    }

    /// The keep-alive table.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The keep-alive table, to publish.
    pub fn table_mut(&mut self) -> &mut Table {
        &mut self.table
    }

    /// From now on the program outlives this process.
    pub fn keep(&mut self) {
        self.keep = true;
    }

    /// Says that the controller lives.
    pub fn heartbeat(&self) {
        self.globals
            .store_word(0, load::HEARTBEAT_WORD, monotonic_ns());
    }

    /// Says that the controller is gone: nothing is diverted any more.
    pub fn stop_heartbeat(&self) {
        self.globals.store_word(0, load::HEARTBEAT_WORD, 0);
    }

    /// Nothing is diverted until then (CLOCK_MONOTONIC): RCFs pass with the timeToLive of their gatekeeper.
    pub fn pause_diverting(&self, until_ns: u64) {
        self.globals.store_word(0, load::PAUSE_WORD, until_ns);
    }

    /// Detaches everything and removes the pins.
    ///
    /// # Errors
    /// When a pin cannot be removed.
    pub fn detach_all(&mut self) -> Result<()> {
        self.stop_heartbeat();
        self.ports.clear();
        pins::remove_all(&self.bpffs)?;
        Ok(())
    }
}

impl Dataplane {
    /// Takes back what was made since the start; what an earlier controller left goes on.
    fn undo(&mut self) -> Result<()> {
        self.stop_heartbeat();
        self.ports.clear();
        if !self.adopted && !self.moved {
            return pins::remove_folder(&self.folder);
        }
        for name in std::mem::take(&mut self.made) {
            pins::remove_link(&self.bpffs, &name)?;
        }
        Ok(())
    }
}

impl Drop for Dataplane {
    fn drop(&mut self) {
        if !self.keep
            && let Err(e) = self.undo()
        {
            tracing::error!("{e}");
        }
    }
}
