//! The flows that the program steers: datagrams, attempts to connect, and open connections of call signalling.

use std::{collections::BTreeSet, net::SocketAddr, path::Path, time::Duration};

use aya::maps::{HashMap as BpfHashMap, Map, MapData, MapError};
use rasline_abi::{
    FLOW_CALLED, FLOW_CLOSED, FLOW_FORWARD, FLOW_OPEN, FLOW_REVERSE, Flow, FlowKey, map,
};
use rasline_host::failure::{Failure, Result, chain};

use crate::ring::{ip, octets};

/// Names of the maps of flows.
pub(crate) const MAPS: [&str; 3] = [map::FLOWS, map::ATTEMPTS, map::CONNECTIONS];
/// Places of two of them in [`MAPS`].
const DATAGRAMS: usize = 0;
const CONNECTIONS: usize = 2;
/// IP protocols.
const UDP: u32 = 17;
const TCP: u32 = 6;
/// A call-signalling connection without a segment for longer is not counted as open.
const OPEN_FOR: Duration = Duration::from_hours(2);
/// Flag of a map's update: only what is not there yet.
const BPF_NOEXIST: u64 = 1;

/// A map of flows, as octets and words.
type FlowMap = BpfHashMap<MapData, [u8; 40], [u64; 11]>;

/// The maps of flows that the program steers.
pub struct Flows([FlowMap; MAPS.len()]);

/// Flows in a map of another size, and the place of that map in [`MAPS`].
pub(crate) struct OldFlows(usize, FlowMap);

impl OldFlows {
    /// Opens the pinned maps of flows that are not among `adopted`.
    pub(crate) fn open_others(folder: &Path, adopted: &[&str]) -> Vec<Self> {
        let others = (0..MAPS.len()).filter(|place| !adopted.contains(&MAPS[*place]));
        others
            .filter_map(|place| Self::open(folder, place))
            .collect()
    }

    fn open(folder: &Path, place: usize) -> Option<Self> {
        let data = MapData::from_pin(folder.join(MAPS[place])).ok()?;
        let flows = FlowMap::try_from(Map::LruHashMap(data)).ok()?;
        Some(Self(place, flows))
    }
}

impl Flows {
    /// Takes the maps, which `take` gives by their names.
    pub(crate) fn take(mut take: impl FnMut(&'static str) -> Result<Map>) -> Result<Self> {
        let mut open = |name| {
            let wrong = |e: MapError| Failure::plain(format!("map {name}"), chain(&e));
            FlowMap::try_from(take(name)?).map_err(wrong)
        };
        Ok(Self([open(MAPS[0])?, open(MAPS[1])?, open(MAPS[2])?]))
    }

    /// Carries flows over from maps of another size. What the program made by itself meanwhile stays.
    pub(crate) fn carry_over(&mut self, old: &[OldFlows]) {
        for OldFlows(place, flows) in old {
            for (key, flow) in flows.iter().filter_map(std::result::Result::ok) {
                // A flow that is there already, or does not fit, does no harm.
                let _ = self.0[*place].insert(key, flow, BPF_NOEXIST);
            }
        }
    }

    /// Returns the gatekeeper's address to which an endpoint sent what arrived at `own`; `None`: `own` itself.
    #[must_use]
    pub fn known_as(&self, own: SocketAddr, endpoint: SocketAddr) -> Option<SocketAddr> {
        let key = FlowKey {
            source: bytemuck::cast(octets(own.ip())),
            destination: bytemuck::cast(octets(endpoint.ip())),
            source_port: own.port().to_be_bytes(),
            destination_port: endpoint.port().to_be_bytes(),
            protocol: UDP,
        };
        let flow = self.0[DATAGRAMS].get(&bytemuck::cast(key), 0).ok()?;
        let flow: Flow = bytemuck::cast(flow);
        (flow.kind == FLOW_REVERSE).then(|| {
            let port = u16::from_be_bytes(flow.port);
            SocketAddr::new(ip(&bytemuck::cast(flow.address)), port)
        })
    }

    /// Counts the open call-signalling connections that are steered to this gatekeeper.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open_connections(&self, gatekeeper: u32, now_ns: u64) -> Result<u32> {
        let mut open = 0;
        for entry in &self.0[CONNECTIONS] {
            let (_, flow) = entry.map_err(|e| Failure::plain("map CONNECTIONS", chain(&e)))?;
            let flow: Flow = bytemuck::cast(flow);
            let fresh = now_ns.saturating_sub(flow.seen_ns) < OPEN_FOR.as_nanos() as u64;
            open += u32::from(
                flow.kind == FLOW_FORWARD
                    && flow.gatekeeper == gatekeeper
                    && flow.state & (FLOW_OPEN | FLOW_CLOSED) == FLOW_OPEN
                    && fresh,
            );
        }
        Ok(open)
    }

    /// Lists the open call-signalling connections between endpoints and these gatekeepers, as far as the program notes them:
    /// those that it steers, and those that a gatekeeper opened.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn connections_of(&self, gatekeepers: &BTreeSet<u32>) -> Result<Vec<Connection>> {
        let mut open = Vec::new();
        for entry in &self.0[CONNECTIONS] {
            let (key, flow) = entry.map_err(|e| Failure::plain("map CONNECTIONS", chain(&e)))?;
            let (key, flow): (FlowKey, Flow) = (bytemuck::cast(key), bytemuck::cast(flow));
            if gatekeepers.contains(&flow.gatekeeper) && is_open(&flow) {
                open.push(Connection::new(&key, flow.gatekeeper));
            }
        }
        Ok(open)
    }

    /// Returns whether a connection is still noted as open at the same gatekeeper.
    #[must_use]
    pub fn is_connected(&self, connection: &Connection) -> bool {
        let key = bytemuck::cast(connection.key());
        let flow = self.0[CONNECTIONS].get(&key, 0);
        flow.is_ok_and(|flow| {
            let flow: Flow = bytemuck::cast(flow);
            flow.gatekeeper == connection.gatekeeper && is_open(&flow)
        })
    }
}

/// Returns whether a flow is what an endpoint sends on an open connection.
const fn is_open(flow: &Flow) -> bool {
    matches!(flow.kind, FLOW_FORWARD | FLOW_CALLED)
        && flow.state & (FLOW_OPEN | FLOW_CLOSED) == FLOW_OPEN
}

/// A call-signalling connection of an endpoint, under the addresses that the endpoint knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Index of the gatekeeper that it leads to.
    pub gatekeeper: u32,
    /// The endpoint.
    pub endpoint: SocketAddr,
    /// The other end, under the address that the endpoint knows.
    pub peer: SocketAddr,
}

impl Connection {
    fn new(key: &FlowKey, gatekeeper: u32) -> Self {
        let end = |address: [u64; 2], port| {
            SocketAddr::new(ip(&bytemuck::cast(address)), u16::from_be_bytes(port))
        };
        Self {
            gatekeeper,
            endpoint: end(key.source, key.source_port),
            peer: end(key.destination, key.destination_port),
        }
    }

    /// Key of what the endpoint sends.
    fn key(&self) -> FlowKey {
        FlowKey {
            source: bytemuck::cast(octets(self.endpoint.ip())),
            destination: bytemuck::cast(octets(self.peer.ip())),
            source_port: self.endpoint.port().to_be_bytes(),
            destination_port: self.peer.port().to_be_bytes(),
            protocol: TCP,
        }
    }
}
