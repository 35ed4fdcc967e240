//! Which index each zone and gatekeeper has in the kernel's tables: kept over a reload, by name, and over a restart, by
//! the gatekeepers' addresses.
//!
//! Invariant: an index that was freed comes back with another generation, so that no old slot is of the new zone.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
};

use rasline_kernel::{GatekeeperRow, PinnedRows};

use crate::config::{Config, Gatekeeper, Zone};

/// A gatekeeper's identity: zone, id and where it is.
type GatekeeperKey = (String, String, SocketAddr);

/// The indices.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    zones: BTreeMap<String, u32>,
    gatekeepers: BTreeMap<GatekeeperKey, u32>,
    generations: HashMap<u32, u16>,
    /// Indices of an earlier controller that nothing configured has: slots may lead there.
    left_zones: BTreeSet<u32>,
    left_gatekeepers: BTreeSet<u32>,
}

/// The key of a gatekeeper: another address is another gatekeeper.
fn key(zone: &Zone, g: &Gatekeeper) -> GatekeeperKey {
    (
        zone.name.clone(),
        g.id.clone(),
        SocketAddr::new(g.address, g.ras_port),
    )
}

/// The lowest number that is not taken.
fn free(taken: impl Iterator<Item = u32>) -> u32 {
    let taken: BTreeSet<u32> = taken.collect();
    (0..u32::MAX)
        .find(|n| !taken.contains(n))
        .unwrap_or(u32::MAX)
}

impl Layout {
    /// What the kernel's rows say in terms of a configuration: a zone is the row that shares most gatekeepers with it.
    #[must_use]
    pub fn adopt(rows: &PinnedRows, config: &Config) -> Self {
        let mut layout = Self {
            generations: rows
                .zones
                .iter()
                .map(|(index, zone)| (*index, zone.generation))
                .collect(),
            left_zones: rows.zones.keys().copied().collect(),
            left_gatekeepers: rows.gatekeepers.keys().copied().collect(),
            ..Self::default()
        };
        let at = |zone: u32, g: &Gatekeeper| {
            let same = |row: &&GatekeeperRow| {
                row.zone == zone && (row.address, row.ras_port) == (g.address, g.ras_port)
            };
            rows.gatekeepers.values().find(same).map(|r| r.index)
        };
        for zone in &config.zones {
            let shared = |index: u32| {
                let all = zone.gatekeepers.iter();
                all.filter(|g| at(index, g).is_some()).count()
            };
            let best = layout.left_zones.iter().copied();
            let best = best.max_by_key(|index| (shared(*index), Reverse(*index)));
            let Some(index) = best.filter(|index| shared(*index) > 0) else {
                continue;
            };
            layout.left_zones.remove(&index);
            layout.zones.insert(zone.name.clone(), index);
            for g in &zone.gatekeepers {
                if let Some(row) = at(index, g) {
                    layout.left_gatekeepers.remove(&row);
                    layout.gatekeepers.insert(key(zone, g), row);
                }
            }
        }
        layout
    }

    /// The layout for a configuration: what is there already keeps its index.
    #[must_use]
    pub fn next(&self, config: &Config) -> Self {
        let mut next = Self {
            generations: self.generations.clone(),
            ..Self::default()
        };
        for zone in &config.zones {
            if let Some(index) = self.zones.get(&zone.name) {
                next.zones.insert(zone.name.clone(), *index);
            }
            for g in &zone.gatekeepers {
                if let Some(index) = self.gatekeepers.get(&key(zone, g)) {
                    next.gatekeepers.insert(key(zone, g), *index);
                }
            }
        }
        // New ones stay off the indices that the old layout has: slots may still lead there.
        for zone in &config.zones {
            if !next.zones.contains_key(&zone.name) {
                let old = self.zones.values().chain(&self.left_zones);
                let index = free(old.chain(next.zones.values()).copied());
                next.zones.insert(zone.name.clone(), index);
                next.raise(index);
            }
            for g in &zone.gatekeepers {
                if !next.gatekeepers.contains_key(&key(zone, g)) {
                    let old = self.gatekeepers.values().chain(&self.left_gatekeepers);
                    let index = free(old.chain(next.gatekeepers.values()).copied());
                    next.gatekeepers.insert(key(zone, g), index);
                }
            }
        }
        next
    }

    /// A zone's index.
    #[must_use]
    pub fn zone(&self, name: &str) -> Option<u32> {
        self.zones.get(name).copied()
    }

    /// A gatekeeper's index.
    #[must_use]
    pub fn gatekeeper(&self, zone: &Zone, g: &Gatekeeper) -> Option<u32> {
        self.gatekeepers.get(&key(zone, g)).copied()
    }

    /// All gatekeepers' indices.
    #[must_use]
    pub fn gatekeepers(&self) -> BTreeSet<u32> {
        self.gatekeepers.values().copied().collect()
    }

    /// A zone's generation; never 0.
    #[must_use]
    pub fn generation(&self, zone: u32) -> u16 {
        self.generations.get(&zone).copied().unwrap_or(1)
    }

    /// Raises a zone's generation.
    pub fn raise(&mut self, zone: u32) {
        let generation = self.generations.entry(zone).or_insert(0);
        *generation = generation.wrapping_add(1).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rasline_kernel::PinnedZone;

    fn config(zones: &[(&str, &str)]) -> Config {
        let mut text = "[[interface]]\nname = \"x\"\nside = \"both\"\n".to_owned();
        for (i, (zone, gk)) in zones.iter().enumerate() {
            use std::fmt::Write;
            let _ = write!(
                text,
                "[[zone]]\nname = \"{zone}\"\nendpoints = [\"10.{i}.0.0/16\"]\n[[zone.gatekeeper]]\nid = \"g\"\naddress = \"{gk}\"\n"
            );
        }
        Config::parse(std::path::Path::new("t"), &text).unwrap()
    }

    #[test]
    fn indices_are_kept_by_name() {
        let (a, b) = (("a", "192.0.2.1"), ("b", "192.0.2.2"));
        let one = config(&[a, b]);
        let first = Layout::default().next(&one);
        assert_eq!((first.zone("a"), first.zone("b")), (Some(0), Some(1)));
        let two = config(&[b, ("c", "192.0.2.3")]);
        let second = first.next(&two);
        assert_eq!(
            (second.zone("a"), second.zone("b"), second.zone("c")),
            (None, Some(1), Some(2))
        );
        assert_eq!(
            second.gatekeeper(&two.zones[0], &two.zones[0].gatekeepers[0]),
            Some(1)
        );
        let third = second.next(&config(&[a]));
        assert_eq!((third.zone("a"), third.generation(0)), (Some(0), 2));
    }

    #[test]
    fn another_address_is_another_gatekeeper() {
        let one = config(&[("a", "192.0.2.1")]);
        let two = config(&[("a", "192.0.2.9")]);
        let second = Layout::default().next(&one).next(&two);
        assert_eq!(
            second.gatekeeper(&two.zones[0], &two.zones[0].gatekeepers[0]),
            Some(1)
        );
        assert_eq!(second.generation(0), 1);
    }

    fn rows(zones: &[(u32, u16)], gatekeepers: &[(u32, u32, &str)]) -> PinnedRows {
        let zone = |(index, generation): &(u32, u16)| {
            let zone = PinnedZone {
                generation: *generation,
                divert: false,
            };
            (*index, zone)
        };
        let gatekeeper = |(index, zone, address): &(u32, u32, &str)| {
            let row = GatekeeperRow {
                index: *index,
                zone: *zone,
                address: address.parse().unwrap(),
                ras_port: 1719,
                call_port: 1720,
            };
            (*index, row)
        };
        PinnedRows {
            zones: zones.iter().map(zone).collect(),
            gatekeepers: gatekeepers.iter().map(gatekeeper).collect(),
        }
    }

    #[test]
    fn rows_are_matched_by_address() {
        let there = rows(
            &[(0, 4), (1, 7), (2, 9)],
            &[
                (0, 0, "192.0.2.9"),
                (3, 2, "192.0.2.2"),
                (4, 1, "192.0.2.1"),
            ],
        );
        let config = config(&[
            ("new", "192.0.2.3"),
            ("a", "192.0.2.1"),
            ("renamed", "192.0.2.2"),
        ]);
        let layout = Layout::adopt(&there, &config).next(&config);
        // Index 0 is left alone, as slots may lead there.
        assert_eq!(
            ["new", "a", "renamed"].map(|name| layout.zone(name)),
            [Some(3), Some(1), Some(2)]
        );
        assert_eq!(
            [0, 1, 2].map(|n: usize| {
                layout.gatekeeper(&config.zones[n], &config.zones[n].gatekeepers[0])
            }),
            [Some(1), Some(4), Some(3)]
        );
        assert_eq!([3, 1, 2].map(|zone| layout.generation(zone)), [1, 7, 9]);
    }

    #[test]
    fn an_adopted_row_that_comes_back_has_another_generation() {
        let there = rows(&[(0, 4)], &[(0, 0, "192.0.2.9")]);
        let (b, both) = (
            config(&[("b", "192.0.2.2")]),
            config(&[("b", "192.0.2.2"), ("a", "192.0.2.1")]),
        );
        let layout = Layout::adopt(&there, &b).next(&b).next(&both);
        assert_eq!((layout.zone("b"), layout.zone("a")), (Some(1), Some(0)));
        assert_eq!((layout.generation(1), layout.generation(0)), (1, 5));
    }
}
