//! Writes the configuration into the maps: zones, gatekeepers, prefixes, limits.
//!
//! Invariant: a zone's prefixes lead to it only while its row and its gatekeepers' rows are complete.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use aya::maps::{MapError, lpm_trie::Key};
use bytemuck::bytes_of;
use ipnet::IpNet;
use rasline_abi::{
    Answer, ENDPOINTS_SIDE, GATEKEEPERS_SIDE, Gatekeeper, GatekeeperKey, GatekeeperState, Globals,
    Interface as Row, NATIVE_SIDE, REDIRECT_SIDE, SERVICE, ZONE_AUTO, ZONE_ENDS_SIGNALLING,
    ZONE_RESET, ZONE_RIP, Zone, ZoneState, duration_to_ticks,
};
use rasline_host::{
    failure::{Failure, Result, chain},
    interface::{Interface, Side, XdpMode},
    netdev,
};

use crate::{Dataplane, ring::octets, settings::Limits};

/// A zone as the kernel gets it.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the row")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRow {
    /// Index.
    pub index: u32,
    /// Never 0.
    pub generation: u16,
    /// Policy.
    pub answer: Answer,
    /// Whether RCFs are diverted.
    pub divert: bool,
    /// How long a silent gatekeeper's endpoints are answered.
    pub hold_for: Duration,
    /// When a gatekeeper counts as silent.
    pub dead_after: Duration,
    /// RRQs a second that reach the active gatekeeper while the zone moves.
    pub migrate_rate: u32,
    /// Messages a second of sources without a registration that reach the gatekeepers; 0: no bound.
    pub unknown_rate: u32,
    /// The program may move the zone by itself.
    pub auto: bool,
    /// Connections whose gatekeeper is gone are reset.
    pub reset: bool,
    /// New connections of call signalling pass to this machine, and none is reset.
    pub ends_signalling: bool,
    /// Delay of the RIP that RRQs beyond the rate get; none: they are dropped.
    pub rip_delay: Option<Duration>,
    /// RAS and call-signalling ports of the service addresses.
    pub service_ports: (u16, u16),
}

/// A gatekeeper as the kernel gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatekeeperRow {
    /// Index.
    pub index: u32,
    /// Index of its zone.
    pub zone: u32,
    /// Address.
    pub address: IpAddr,
    /// RAS port.
    pub ras_port: u16,
    /// Call-signalling port.
    pub call_port: u16,
}

const PORTS_WORD: usize = std::mem::offset_of!(Globals, ras_ports) / 8;
const CALL_PORTS_WORD: usize = std::mem::offset_of!(Globals, call_ports) / 8;
pub(crate) const CAPTURE_WORD: usize = std::mem::offset_of!(Globals, capture_len) / 8;
pub(crate) const INTERFACES_WORD: usize = std::mem::offset_of!(Globals, interfaces) / 8;
const MACS_WORD: usize = std::mem::offset_of!(Globals, macs) / 8;
const TIMEOUT_WORD: usize = std::mem::offset_of!(Globals, heartbeat_timeout_ns) / 8;
const COPIES_WORD: usize = std::mem::offset_of!(Globals, copies_per_second) / 8;
const _: () = assert!(
    size_of::<Row>() == 8 && std::mem::offset_of!(Globals, copies_per_second).is_multiple_of(8)
);

fn word(pair: [u32; 2]) -> u64 {
    bytemuck::cast(pair)
}

fn bad(name: &str, e: &MapError) -> Failure {
    Failure::plain(format!("map {name}"), chain(e))
}

impl Dataplane {
    /// Writes a zone's row. Where its traffic goes stays as it is ([`Dataplane::steer`]).
    pub fn set_zone(&mut self, row: &ZoneRow) {
        let ticks = |d: Duration| duration_to_ticks(d.as_nanos() as u64);
        let flag = |on: bool, bit: u32| if on { bit } else { 0 };
        let old: Zone = self.zones.load(row.index as usize);
        let zone = Zone {
            generation: row.generation,
            rip_delay_ms: row.rip_delay.map_or(0, |d| d.as_millis() as u16),
            answer: row.answer as u32,
            divert: u32::from(row.divert),
            hold_for: ticks(row.hold_for),
            dead_after_ns: row.dead_after.as_nanos() as u64,
            flags: flag(row.auto, ZONE_AUTO)
                | flag(row.reset, ZONE_RESET)
                | flag(row.ends_signalling, ZONE_ENDS_SIGNALLING)
                | flag(row.rip_delay.is_some(), ZONE_RIP),
            migrate_rate: row.migrate_rate,
            unknown_rate: row.unknown_rate,
            service_ras_port: row.service_ports.0.to_be_bytes(),
            service_call_port: row.service_ports.1.to_be_bytes(),
            move_for: old.move_for.max(ticks(row.hold_for)),
            ..old
        };
        self.zones.store(row.index as usize, &zone);
    }

    /// Empties a zone's row.
    pub fn clear_zone(&mut self, index: u32) {
        self.zones.store(index as usize, &Zone::default());
        self.zone_states
            .store(index as usize, &ZoneState::default());
    }

    /// Writes a gatekeeper's row, then what leads to it. Its evidence starts anew.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_gatekeeper(&mut self, row: &GatekeeperRow) -> Result<()> {
        let gatekeeper = Gatekeeper {
            address: octets(row.address),
            ras_port: row.ras_port.to_be_bytes(),
            zone: row.zone,
            call_port: row.call_port.to_be_bytes(),
            ..Gatekeeper::default()
        };
        self.states
            .store(row.index as usize, &GatekeeperState::default());
        self.gatekeepers.store(row.index as usize, &gatekeeper);
        self.index
            .insert(key(row), row.index, 0)
            .map_err(|e| bad("GATEKEEPER_INDEX", &e))
    }

    /// Takes a gatekeeper out.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn clear_gatekeeper(&mut self, row: &GatekeeperRow) -> Result<()> {
        match self.index.remove(&key(row)) {
            // Already gone is fine: what was half-written is taken back this way.
            Ok(()) => {}
            Err(MapError::SyscallError(e)) if e.io_error.raw_os_error() == Some(libc::ENOENT) => {}
            Err(e) => return Err(bad("GATEKEEPER_INDEX", &e)),
        }
        self.gatekeepers
            .store(row.index as usize, &Gatekeeper::default());
        Ok(())
    }

    /// Makes the gatekeepers' addresses lead to these rows, service addresses (zone, address) to their zone, and no
    /// others anywhere.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_index<'a>(
        &mut self,
        rows: impl IntoIterator<Item = &'a GatekeeperRow>,
        services: &[(u32, IpAddr)],
    ) -> Result<()> {
        let wrong = |e: MapError| bad("GATEKEEPER_INDEX", &e);
        let rows = rows.into_iter().map(|row| (key(row), row.index));
        let services = services
            .iter()
            .map(|(zone, address)| (index_key(*zone, *address), SERVICE));
        let wanted: HashMap<[u8; 20], u32> = rows.chain(services).collect();
        let there: HashMap<[u8; 20], u32> = self
            .index
            .iter()
            .collect::<std::result::Result<_, _>>()
            .map_err(wrong)?;
        for key in there.keys().filter(|key| !wanted.contains_key(*key)) {
            self.index.remove(key).map_err(wrong)?;
        }
        for (key, index) in wanted {
            if there.get(&key) != Some(&index) {
                self.index.insert(key, index, 0).map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// Makes the prefixes lead to their zones, and no others.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_endpoints(&mut self, wanted: &HashMap<IpNet, u32>) -> Result<()> {
        let wrong = |e: MapError| bad("ENDPOINTS", &e);
        let wanted: HashMap<(u32, [u8; 16]), u32> = wanted
            .iter()
            .map(|(net, zone)| (prefix(net), *zone))
            .collect();
        let mut there = HashMap::new();
        for entry in &self.endpoints {
            let (key, zone) = entry.map_err(wrong)?;
            there.insert((key.prefix_len(), key.data()), zone);
        }
        for (len, address) in there.keys().filter(|key| !wanted.contains_key(*key)) {
            let key = Key::new(*len, *address);
            self.endpoints.remove(&key).map_err(wrong)?;
        }
        for (key, zone) in wanted {
            if there.get(&key) != Some(&zone) {
                let key = Key::new(key.0, key.1);
                self.endpoints.insert(&key, zone, 0).map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// Sets the RAS and call-signalling ports that the program looks at, and whether anything may be steered.
    pub fn set_ports(
        &mut self,
        ras: impl IntoIterator<Item = u16>,
        call: impl IntoIterator<Item = u16>,
        steering: bool,
    ) {
        self.store_ports(PORTS_WORD, ras);
        self.store_ports(CALL_PORTS_WORD, call);
        let old = self.globals.load_word(0, CAPTURE_WORD);
        let [capture_len, _]: [u32; 2] = bytemuck::cast(old);
        self.globals
            .store_word(0, CAPTURE_WORD, word([capture_len, u32::from(steering)]));
    }

    fn store_ports(&self, at: usize, ports: impl IntoIterator<Item = u16>) {
        let mut words = vec![0u64; 1024];
        for port in ports {
            words[usize::from(port) / 64] |= 1 << (port % 64);
        }
        for (i, word) in words.into_iter().enumerate() {
            self.globals.store_word(0, at + i, word);
        }
    }

    /// Ends a capture whose process has died; whether there was one.
    #[must_use]
    pub fn end_capture(&self) -> bool {
        let [len, _]: [u32; 2] = bytemuck::cast(self.globals.load_word(0, CAPTURE_WORD));
        if len != 0 {
            crate::capture::set_len(&self.globals, 0);
        }
        len != 0
    }

    /// Sets the limits that can change while it runs.
    pub fn set_limits(&mut self, limits: &Limits) {
        self.globals
            .store_word(0, TIMEOUT_WORD, limits.heartbeat_timeout.as_nanos() as u64);
        self.globals.store_word(
            0,
            COPIES_WORD,
            word([limits.copies_per_second, limits.copies_per_source]),
        );
    }

    /// Looks again which interfaces frames may be redirected out of: that changes with their peers and drivers.
    pub fn look_at_interfaces(&self) {
        for port in self.ports.values() {
            self.set_interface(port.row, port.info.index, &port.interface);
        }
    }

    /// Changes an attached interface's side.
    pub fn set_side(&mut self, name: &str, side: Side) {
        let Some(port) = self.ports.get_mut(name) else {
            return;
        };
        port.interface.side = side;
        let (row, index, interface) = (port.row, port.info.index, port.interface.clone());
        self.set_interface(row, index, &interface);
    }

    /// Notes the MAC address that an attached interface has now.
    pub fn set_mac(&self, name: &str, mac: [u8; 6]) {
        if let Some(port) = self.ports.get(name) {
            self.store_mac(port.row, mac);
        }
    }

    pub(crate) fn store_mac(&self, row: usize, mac: [u8; 6]) {
        let mut octets = [0; 8];
        octets[..6].copy_from_slice(&mac);
        self.globals
            .store_word(0, MACS_WORD + row, u64::from_ne_bytes(octets));
    }

    pub(crate) fn set_interface(&self, row: usize, ifindex: u32, interface: &Interface) {
        let side = interface.side;
        // Where it cannot be asked, what was found last goes on.
        let redirects = netdev::redirects(ifindex).unwrap_or_else(|| {
            let [before, bits]: [u32; 2] =
                bytemuck::cast(self.globals.load_word(0, INTERFACES_WORD + row));
            before == ifindex && bits & REDIRECT_SIDE != 0
        });
        let bits = if side.endpoints() { ENDPOINTS_SIDE } else { 0 }
            | if side.gatekeepers() {
                GATEKEEPERS_SIDE
            } else {
                0
            }
            | if redirects { REDIRECT_SIDE } else { 0 }
            | if interface.xdp_mode == XdpMode::Native {
                NATIVE_SIDE
            } else {
                0
            };
        self.globals
            .store_word(0, INTERFACES_WORD + row, word([ifindex, bits]));
    }
}

fn key(row: &GatekeeperRow) -> [u8; 20] {
    index_key(row.zone, row.address)
}

fn index_key(zone: u32, address: IpAddr) -> [u8; 20] {
    let key = GatekeeperKey {
        zone,
        address: octets(address),
    };
    let mut all = [0; 20];
    all.copy_from_slice(bytes_of(&key));
    all
}

fn prefix(net: &IpNet) -> (u32, [u8; 16]) {
    let len = u32::from(net.prefix_len()) + if matches!(net, IpNet::V4(_)) { 96 } else { 0 };
    (len, octets(net.network()))
}
