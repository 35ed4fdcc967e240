//! What the kernel noted of endpoints besides their own keep-alives: see `rasline_abi::Seen`.

use std::net::{IpAddr, SocketAddr};

use rasline_abi::Seen;
use rasline_core::{Time, presence::Trace};
use rasline_datapath::{TCP_PORT, hash};

use crate::{mapped_array::MappedArray, ring::octets, scan::tick_ns, table::Table};

/// The signs of life by address.
#[derive(Debug)]
pub(crate) struct SeenTable(MappedArray<Seen>);

impl SeenTable {
    pub(crate) const fn new(entries: MappedArray<Seen>) -> Self {
        Self(entries)
    }

    /// Returns what shows that the endpoint of a registration at `gatekeeper` lives, other than its own keep-alive.
    pub(crate) fn trace(
        &self,
        table: &Table,
        now_ns: u64,
        endpoint: SocketAddr,
        gatekeeper: u32,
    ) -> Trace {
        let (address, port) = (endpoint.ip(), endpoint.port());
        let ras = self.last(table, now_ns, address, port);
        let tcp = self.last(table, now_ns, address, TCP_PORT);
        let elsewhere = table.last_elsewhere(now_ns, endpoint, gatekeeper);
        Trace {
            spoke: ras.max(tcp).map(Time),
            elsewhere: elsewhere.map(Time),
        }
    }

    fn last(&self, table: &Table, now_ns: u64, address: IpAddr, port: u16) -> Option<u64> {
        let mask = self.0.len() as u32 - 1;
        let (at, check) = hash::seen(table.keys(), mask, &octets(address), port.to_be_bytes());
        let seen = self.0.load(at as usize);
        (seen.check == check).then(|| tick_ns(now_ns, seen.tick))
    }
}
