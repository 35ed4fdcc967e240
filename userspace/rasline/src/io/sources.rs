//! How much one source may say to rasline's own gatekeepers while others wait; looked at before anything is decoded.
//!
//! Sources are not kept by name: each has two places in a table of fixed size, found by keyed hashes, and is held back only
//! if both are used up. Whoever makes up sources can so fill nothing, and shuts out another one only by chance (both its places
//! shared with sources that say too much). Invariant: no allocation, no eviction.

use std::net::IpAddr;

/// Places of each of the two tables.
const PLACES: usize = 8_192;
/// Messages of one source that are handled in a row while others wait, ...
const BURST: u64 = 64;
/// ... and the time after which one more is, ns: 100 in a second.
const ONE_MORE_NS: u64 = 10_000_000;

/// What sources said.
#[derive(Debug)]
pub struct Sources {
    keys: [u64; 2],
    /// When a place has all its room again (GCRA), CLOCK_MONOTONIC ns.
    full: Vec<[u64; 2]>,
}

impl Sources {
    /// Nobody has said anything. The seed must not be known to those who are counted.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            keys: [mix(seed), mix(!seed)],
            full: vec![[0; 2]; PLACES],
        }
    }

    /// Whether this one may say one more thing.
    pub fn admit(&mut self, now_ns: u64, source: IpAddr) -> bool {
        let source = match source {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            // A host has a whole /64 to send from.
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
        };
        let mut admitted = false;
        for (row, key) in self.keys.into_iter().enumerate() {
            let place = mix(source ^ key) as usize % PLACES;
            let full = &mut self.full[place][row];
            let next = (*full).max(now_ns) + ONE_MORE_NS;
            if next - now_ns <= BURST * ONE_MORE_NS {
                *full = next;
                admitted = true;
            }
        }
        admitted
    }
}

/// SplitMix64.
const fn mix(of: u64) -> u64 {
    let mut mixed = of.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn v4(n: u32) -> IpAddr {
        Ipv4Addr::from_bits(n).into()
    }

    #[test]
    fn one_source_has_its_share_and_no_more() {
        let mut sources = Sources::new(7);
        let said = (0..60_000_u64).filter(|n| sources.admit(SECOND + n * 16_000, v4(1)));
        let said = said.count();
        assert!((96..=250).contains(&said), "{said} of 60,000 in a second");
        assert!(sources.admit(2 * SECOND, v4(2)), "another one");
        assert!(sources.admit(100 * SECOND, v4(1)), "after a while");
    }

    #[test]
    fn a_hundred_flooders_shut_nobody_out() {
        let mut sources = Sources::new(7);
        for n in 0..100 * 1_000 {
            sources.admit(SECOND, v4(n % 100));
        }
        let heard = (1_000..11_000).filter(|n| sources.admit(SECOND, v4(*n)));
        assert!(heard.count() >= 9_950);
    }

    #[test]
    fn a_million_made_up_sources_leave_room_for_known_ones() {
        let mut sources = Sources::new(7);
        // In ten seconds, with one that speaks twice a second among them.
        let mut heard = 0;
        for n in 0..1_000_000_u32 {
            let now = SECOND + u64::from(n) * 10_000;
            sources.admit(now, v4(n));
            if n % 50_000 == 0 {
                heard += u32::from(sources.admit(now, v4(0x0a00_0001)));
            }
        }
        assert!(heard >= 18, "{heard} of 20");
    }
}
