//! Which index each zone and gatekeeper has in the kernel's tables: kept over a reload, by name.
//!
//! Invariant: an index that was freed comes back with another generation, so that no old slot is of the new zone.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
};

use crate::config::{Config, Gatekeeper, Zone};

/// A gatekeeper's identity: zone, id and where it is.
type GatekeeperKey = (String, String, SocketAddr);

/// The indices.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    zones: BTreeMap<String, u32>,
    gatekeepers: BTreeMap<GatekeeperKey, u32>,
    generations: HashMap<u32, u16>,
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
    let taken: std::collections::BTreeSet<u32> = taken.collect();
    (0..u32::MAX)
        .find(|n| !taken.contains(n))
        .unwrap_or(u32::MAX)
}

impl Layout {
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
                let index = free(self.zones.values().chain(next.zones.values()).copied());
                next.zones.insert(zone.name.clone(), index);
                next.raise(index);
            }
            for g in &zone.gatekeepers {
                if !next.gatekeepers.contains_key(&key(zone, g)) {
                    let index = free(
                        self.gatekeepers
                            .values()
                            .chain(next.gatekeepers.values())
                            .copied(),
                    );
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
}
