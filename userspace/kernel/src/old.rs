//! Reads tables that cannot be adopted as they are, of another size or an older ABI version, so that what they answer
//! can be carried over.
//!
//! Invariant: nothing is written here: the program that uses them still answers from them.

use std::{ops::RangeInclusive, path::Path};

use aya::maps::MapData;
use bytemuck::Pod;
use rasline_abi::{ABI_VERSION, Globals, HASH_KEYS, Interface, MAX_INTERFACES, Slot, map};
use rasline_host::{failure::chain, monotonic_ns};

use crate::{
    flows::{Flows, OldFlows},
    gatekeepers::GatekeeperRow,
    mapped_array::MappedArray,
    pinned_rows::{PinnedRows, PinnedZone},
    pins::Pins,
    rcf_templates::RcfTemplates,
    ring::ip,
    table::Table,
};

/// ABI versions whose slots, RCF templates, placement and fingerprint are as in this one, whose `GLOBALS` end with the hash
/// keys, and whose rows of zones and gatekeepers begin alike.
const SAME_TABLES: RangeInclusive<u32> = 1..=5;

/// The tables of an earlier controller.
pub(crate) struct Old {
    rows: PinnedRows,
    pub(crate) keys: Box<[u64; HASH_KEYS]>,
    /// Of this ABI version only: which interface counts in which row.
    pub(crate) interfaces: Option<[Interface; MAX_INTERFACES]>,
    slots: MappedArray<Slot>,
    rcf_templates: RcfTemplates,
    /// It was carried over already, by a controller that died then.
    carried: bool,
}

/// A map as words, whatever its values are.
struct Raw {
    words: MappedArray<u64>,
    stride: usize,
}

impl Raw {
    fn open(folder: &Path, name: &str) -> Result<Self, String> {
        let data = MapData::from_pin(folder.join(name)).map_err(|e| chain(&e))?;
        let info = data.info().map_err(|e| chain(&e))?;
        let stride = (info.value_size() as usize).div_ceil(8);
        let words = stride * info.max_entries() as usize;
        let words = MappedArray::map(std::os::fd::AsFd::as_fd(data.fd()), words);
        let words = words.map_err(|e| format!("{name}: {e}"))?;
        Ok(Self { words, stride })
    }

    fn len(&self) -> u32 {
        (self.words.len() / self.stride) as u32
    }

    fn word(&self, index: u32, word: usize) -> [u8; 8] {
        let at = index as usize * self.stride + word;
        self.words.load(at).to_ne_bytes()
    }
}

/// A map whose values are of this type.
fn typed<T: Pod>(folder: &Path, name: &str) -> Result<MappedArray<T>, String> {
    let data = MapData::from_pin(folder.join(name)).map_err(|e| chain(&e))?;
    let info = data.info().map_err(|e| chain(&e))?;
    if info.value_size() as usize != size_of::<T>() {
        return Err(format!("{name} has values of {} octets", info.value_size()));
    }
    MappedArray::map(
        std::os::fd::AsFd::as_fd(data.fd()),
        info.max_entries() as usize,
    )
    .map_err(|e| format!("{name}: {e}"))
}

impl Old {
    /// The tables behind these pins; why not, if they cannot be read.
    pub(crate) fn open(pins: &Pins) -> Result<Self, String> {
        if !SAME_TABLES.contains(&pins.version) {
            return Err(format!("ABI version {} has other tables", pins.version));
        }
        let slots: MappedArray<Slot> = typed(&pins.folder, map::SLOTS)?;
        if !slots.len().is_power_of_two() {
            return Err(format!("{} slots", slots.len()));
        }
        Ok(Self {
            rows: read_rows(&pins.folder)?,
            keys: keys(&pins.folder)?,
            interfaces: (pins.version == ABI_VERSION)
                .then(|| typed::<Globals>(&pins.folder, map::GLOBALS))
                .transpose()?
                .map(|globals| globals.load(0).interfaces),
            slots,
            rcf_templates: RcfTemplates::new(typed(&pins.folder, map::PROFILES)?),
            carried: false,
        })
    }
}

fn keys(folder: &Path) -> Result<Box<[u64; HASH_KEYS]>, String> {
    let globals = Raw::open(folder, map::GLOBALS)?;
    let first = globals
        .stride
        .checked_sub(HASH_KEYS)
        .ok_or("GLOBALS is too short")?;
    let mut keys = Box::new([0; HASH_KEYS]);
    for (i, key) in keys.iter_mut().enumerate() {
        *key = u64::from_ne_bytes(globals.word(0, first + i));
    }
    Ok(keys)
}

fn read_rows(folder: &Path) -> Result<PinnedRows, String> {
    let (zones, gatekeepers) = (
        Raw::open(folder, map::ZONES)?,
        Raw::open(folder, map::GATEKEEPERS)?,
    );
    if zones.stride < 3 || gatekeepers.stride < 3 {
        return Err("rows are too short".to_owned());
    }
    let zone = |index: u32| {
        let [first, second] = [0, 1].map(|word| zones.word(index, word));
        let zone = PinnedZone {
            generation: u16::from_ne_bytes([first[0], first[1]]),
            divert: second[..4] != [0; 4],
        };
        (zone.generation != 0).then_some((index, zone))
    };
    let gatekeeper = |index: u32| {
        let [high, low, rest] = [0, 1, 2].map(|word| gatekeepers.word(index, word));
        let row = GatekeeperRow {
            index,
            zone: u32::from_ne_bytes([rest[4], rest[5], rest[6], rest[7]]),
            address: ip(&bytemuck::cast([high, low])),
            ras_port: u16::from_be_bytes([rest[0], rest[1]]),
            // Not all versions have one, and rows are matched without it.
            call_port: 0,
        };
        (row.ras_port != 0).then_some((index, row))
    };
    Ok(PinnedRows {
        zones: (0..zones.len()).filter_map(zone).collect(),
        gatekeepers: (0..gatekeepers.len()).filter_map(gatekeeper).collect(),
    })
}

/// What is left to take from an earlier controller whose tables were not adopted, until no packet meets them any more.
pub(crate) struct Inheritance {
    tables: Option<Box<Old>>,
    flows: Vec<OldFlows>,
}

impl Inheritance {
    pub(crate) const fn new(tables: Option<Box<Old>>) -> Self {
        Self {
            tables,
            flows: Vec::new(),
        }
    }

    /// Adds flows that are to be carried over.
    pub(crate) fn add_flows(&mut self, flows: Vec<OldFlows>) {
        self.flows.extend(flows);
    }

    /// Returns the rows of tables that are still to be carried over.
    pub(crate) fn rows(&self) -> Option<&PinnedRows> {
        let tables = self.tables.as_ref().filter(|old| !old.carried);
        tables.map(|old| &old.rows)
    }

    /// Publishes what the old tables answer, as it is there.
    pub(crate) fn carry_over(&mut self, table: &mut Table, flows: &mut Flows) {
        flows.carry_over(&self.flows);
        if let Some(old) = self.tables.as_mut().filter(|old| !old.carried) {
            table.carry_over(monotonic_ns(), &old.slots, &old.rcf_templates);
            old.carried = true;
        }
    }

    /// Goes on where an earlier controller died while it took over from these tables: `table` has what was carried over, but
    /// some links are still there.
    pub(crate) fn resume(&mut self, table: &Table, mut old: Box<Old>) {
        if *old.keys == *table.keys() {
            old.carried = true;
            self.tables = Some(old);
        }
    }

    /// Once no packet meets the old tables any more, takes over what was withdrawn in them meanwhile.
    pub(crate) fn catch_up(&mut self, table: &Table, flows: &mut Flows) {
        flows.carry_over(&self.flows);
        self.flows.clear();
        if let Some(old) = self.tables.take() {
            catch_up(table, &old);
        }
    }
}

fn catch_up(table: &Table, old: &Old) {
    for at in 0..old.slots.len() {
        let slot = old.slots.load(at);
        if slot.generation & 1 == 0
            && slot.withdrawn == slot.generation as u16
            && slot.withdrawn != 0
        {
            table.withdraw_as(&slot);
        }
    }
}
