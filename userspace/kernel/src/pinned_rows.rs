//! What the maps say about zones and gatekeepers, whoever wrote it.

use std::collections::BTreeMap;

use crate::{Dataplane, GatekeeperRow, ring::ip};

/// A zone's row as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedZone {
    /// Never 0.
    pub generation: u16,
    /// Whether RCFs are diverted.
    pub divert: bool,
}

/// The rows in use, by index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinnedRows {
    /// Zones.
    pub zones: BTreeMap<u32, PinnedZone>,
    /// Gatekeepers.
    pub gatekeepers: BTreeMap<u32, GatekeeperRow>,
}

impl Dataplane {
    /// The rows that are in use.
    #[must_use]
    pub fn pinned_rows(&self) -> PinnedRows {
        let zone = |index: u32| {
            let row = self.zones.load(index as usize);
            let zone = PinnedZone {
                generation: row.generation,
                divert: row.divert != 0,
            };
            (row.generation != 0).then_some((index, zone))
        };
        let gatekeeper = |index: u32| {
            let row = self.gatekeepers.load(index as usize);
            let ras_port = u16::from_be_bytes(row.ras_port);
            let gatekeeper = GatekeeperRow {
                index,
                zone: row.zone,
                address: ip(&row.address),
                ras_port,
                call_port: u16::from_be_bytes(row.call_port),
            };
            (ras_port != 0).then_some((index, gatekeeper))
        };
        PinnedRows {
            zones: (0..self.zones.len() as u32).filter_map(zone).collect(),
            gatekeepers: (0..self.gatekeepers.len() as u32)
                .filter_map(gatekeeper)
                .collect(),
        }
    }
}
