//! The endpoints' prefixes, each of which leads to its zone.

use std::collections::HashMap;

use aya::maps::{LpmTrie, MapData, MapError, lpm_trie::Key};
use ipnet::IpNet;
use rasline_host::failure::{Failure, Result, chain};

use crate::ring::octets;

/// The map of prefixes. Those of IPv4 are mapped into IPv6.
pub struct Prefixes(LpmTrie<MapData, [u8; 16], u32>);

impl Prefixes {
    pub(crate) const fn new(map: LpmTrie<MapData, [u8; 16], u32>) -> Self {
        Self(map)
    }

    /// Makes the prefixes lead to their zones, and no others.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set(&mut self, wanted: &HashMap<IpNet, u32>) -> Result<()> {
        let wrong = |e: MapError| Failure::plain("map ENDPOINTS", chain(&e));
        let wanted: HashMap<(u32, [u8; 16]), u32> = wanted
            .iter()
            .map(|(net, zone)| (prefix(net), *zone))
            .collect();
        let mut there = HashMap::new();
        for entry in &self.0 {
            let (key, zone) = entry.map_err(wrong)?;
            there.insert((key.prefix_len(), key.data()), zone);
        }
        for (len, address) in there.keys().filter(|key| !wanted.contains_key(*key)) {
            let key = Key::new(*len, *address);
            self.0.remove(&key).map_err(wrong)?;
        }
        for (key, zone) in wanted {
            if there.get(&key) != Some(&zone) {
                let key = Key::new(key.0, key.1);
                self.0.insert(&key, zone, 0).map_err(wrong)?;
            }
        }
        Ok(())
    }
}

fn prefix(net: &IpNet) -> (u32, [u8; 16]) {
    let len = u32::from(net.prefix_len()) + if matches!(net, IpNet::V4(_)) { 96 } else { 0 };
    (len, octets(net.network()))
}
