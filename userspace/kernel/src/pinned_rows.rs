//! What the maps say about zones and gatekeepers, whoever wrote it.

use std::collections::BTreeMap;

use rasline_abi::{Gatekeeper, Zone};

use crate::{
    gatekeepers::{GatekeeperRow, Gatekeepers},
    ring::ip,
    zones::Zones,
};

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

impl PinnedRows {
    /// Reads the rows that are in use.
    pub(crate) fn read(zones: &Zones, gatekeepers: &Gatekeepers) -> Self {
        let zone = |row: Zone| PinnedZone {
            generation: row.generation,
            divert: row.divert != 0,
        };
        let gatekeeper = |index, row: Gatekeeper| GatekeeperRow {
            index,
            zone: row.zone,
            address: ip(&row.address),
            ras_port: u16::from_be_bytes(row.ras_port),
            call_port: u16::from_be_bytes(row.call_port),
        };
        Self {
            zones: zones
                .rows()
                .map(|(index, row)| (index, zone(row)))
                .collect(),
            gatekeepers: (gatekeepers.rows())
                .map(|(index, row)| (index, gatekeeper(index, row)))
                .collect(),
        }
    }
}
