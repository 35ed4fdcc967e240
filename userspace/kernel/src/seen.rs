//! What the kernel noted of endpoints besides their own keep-alives: see `rasline_abi::Seen`.

use std::net::{IpAddr, SocketAddr};

use rasline_abi::{GENERATION_EMPTY, PROBE_LIMIT, SPREAD, Seen};
use rasline_core::{Time, presence::Trace};
use rasline_datapath::{TCP_PORT, hash};

use crate::{Dataplane, MappedArray, ring::octets, scan::tick_ns, table::Table};

/// The signs of life by address.
#[derive(Debug)]
pub(crate) struct SeenTable(MappedArray<Seen>);

impl SeenTable {
    pub(crate) const fn new(entries: MappedArray<Seen>) -> Self {
        Self(entries)
    }

    fn last(&self, table: &Table, now_ns: u64, address: IpAddr, port: u16) -> Option<u64> {
        let mask = self.0.len() as u32 - 1;
        let (at, check) = hash::seen(table.keys(), mask, &octets(address), port.to_be_bytes());
        let seen = self.0.load(at as usize);
        (seen.check == check).then(|| tick_ns(now_ns, seen.tick))
    }
}

impl Table {
    /// The last keep-alive of this address and port that is known to another gatekeeper than this one.
    fn last_elsewhere(&self, now_ns: u64, endpoint: SocketAddr, gatekeeper: u32) -> Option<u64> {
        let (address, port) = (octets(endpoint.ip()), endpoint.port().to_be_bytes());
        (0..SPREAD + PROBE_LIMIT)
            .map(|offset| self.slot_after_home(&address, port, offset))
            .take_while(|slot| slot.generation != GENERATION_EMPTY)
            .filter(|slot| slot.generation & 1 == 0)
            .filter(|slot| slot.address == address && slot.port == port)
            .filter(|slot| u32::from(slot.gatekeeper) != gatekeeper)
            .map(|slot| tick_ns(now_ns, slot.last_seen))
            .max()
    }
}

impl Dataplane {
    /// What shows that the endpoint of a registration at `gatekeeper` lives, other than its own keep-alive.
    #[must_use]
    pub fn trace(&self, now_ns: u64, endpoint: SocketAddr, gatekeeper: u32) -> Trace {
        let (address, port) = (endpoint.ip(), endpoint.port());
        let ras = self.seen.last(&self.table, now_ns, address, port);
        let tcp = self.seen.last(&self.table, now_ns, address, TCP_PORT);
        let elsewhere = self.table.last_elsewhere(now_ns, endpoint, gatekeeper);
        Trace {
            spoke: ras.max(tcp).map(Time),
            elsewhere: elsewhere.map(Time),
        }
    }
}
