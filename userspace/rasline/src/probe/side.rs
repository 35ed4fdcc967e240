//! On which side an interface is by which an answer came.
//!
//! Invariant: what comes from the endpoints' side is no answer of a gatekeeper, whatever its source address, and
//! whatever `rp_filter` would let through.

use std::{collections::HashMap, time::Duration};

use rasline_core::Time;

use crate::host::link;

/// How long an interface's place is remembered: names and parents change seldom.
const REMEMBERED: Duration = Duration::from_secs(1);
/// Interfaces remembered at most.
const KEPT: usize = 64;
/// VLANs within VLANs, and the like.
const DEPTH: usize = 4;

/// The interfaces that endpoints are behind, and no gatekeeper.
#[derive(Debug)]
pub(super) struct Sides {
    endpoints: Vec<String>,
    known: HashMap<u32, (Time, bool)>,
}

impl Sides {
    pub(super) fn new(endpoints: &[String]) -> Self {
        Self {
            endpoints: endpoints.to_vec(),
            known: HashMap::new(),
        }
    }

    /// Whether endpoints, and no gatekeepers, are behind this interface, or behind the one that it is a VLAN of.
    pub(super) fn is_endpoints(&mut self, now: Time, ifindex: u32) -> bool {
        if ifindex == 0 || self.endpoints.is_empty() {
            return false;
        }
        if let Some((at, answer)) = self.known.get(&ifindex)
            && now.since(*at) < REMEMBERED
        {
            return *answer;
        }
        let answer = self.look(ifindex);
        if self.known.len() >= KEPT {
            self.known.clear();
        }
        self.known.insert(ifindex, (now, answer));
        answer
    }

    fn look(&self, mut ifindex: u32) -> bool {
        for _ in 0..DEPTH {
            let Some(name) = link::name_of(ifindex) else {
                return false;
            };
            if self.endpoints.contains(&name) {
                return true;
            }
            match link::by_name(&name) {
                Ok(info) if info.peer != 0 && info.kind != "veth" => ifindex = info.peer,
                _ => return false,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name() {
        let now = Time(5_000_000_000);
        let mut sides = Sides::new(&["lo".to_owned()]);
        assert!(sides.is_endpoints(now, 1));
        assert!(!sides.is_endpoints(now, 0), "not known");
        assert!(!sides.is_endpoints(now, 0x7fff_0000), "there is none");
        assert!(!Sides::new(&["lan0".to_owned()]).is_endpoints(now, 1));
        assert!(!Sides::new(&[]).is_endpoints(now, 1));
    }
}
