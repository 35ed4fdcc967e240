//! The row of the map `GLOBALS`: heartbeat, limits, ports and interfaces. The program reads it for every packet.
//!
//! Invariant: fields that the program may read at any time are written as whole words.

use bytemuck::Zeroable;
use rasline_abi::{
    ABI_VERSION, ENDPOINTS_SIDE, GATEKEEPERS_SIDE, Globals, HASH_KEYS, Interface as Row,
    MAX_INTERFACES, NATIVE_SIDE, REDIRECT_SIDE,
};
use rasline_host::{
    interface::{Interface, XdpMode},
    netdev,
};

use crate::{mapped_array::MappedArray, settings::Limits};

/// Word of [`Globals`] with the heartbeat, which is in the same place in every ABI version.
pub(crate) const HEARTBEAT_WORD: usize = std::mem::offset_of!(Globals, heartbeat_ns) / 8;
const PAUSE_WORD: usize = std::mem::offset_of!(Globals, divert_paused_ns) / 8;
const PORTS_WORD: usize = std::mem::offset_of!(Globals, ras_ports) / 8;
const CALL_PORTS_WORD: usize = std::mem::offset_of!(Globals, call_ports) / 8;
const CAPTURE_WORD: usize = std::mem::offset_of!(Globals, capture_len) / 8;
const INTERFACES_WORD: usize = std::mem::offset_of!(Globals, interfaces) / 8;
const MACS_WORD: usize = std::mem::offset_of!(Globals, macs) / 8;
const TIMEOUT_WORD: usize = std::mem::offset_of!(Globals, heartbeat_timeout_ns) / 8;
const COPIES_WORD: usize = std::mem::offset_of!(Globals, copies_per_second) / 8;
const _: () = assert!(
    size_of::<Row>() == 8
        && std::mem::offset_of!(Globals, copies_per_second).is_multiple_of(8)
        && std::mem::offset_of!(Globals, heartbeat_ns).is_multiple_of(8)
);

/// The row of `GLOBALS`, as the controller writes it.
pub struct GlobalsRow(MappedArray<Globals>);

impl GlobalsRow {
    pub(crate) const fn new(row: MappedArray<Globals>) -> Self {
        Self(row)
    }

    /// Returns the secret keys of the fingerprint and of the slots' places.
    pub(crate) fn hash_keys(&self) -> Box<[u64; HASH_KEYS]> {
        Box::new(self.0.load(0).hash_keys)
    }

    /// Fills the row for a keep-alive table of `slot_count` slots.
    pub(crate) fn fill(
        &self,
        limits: &Limits,
        slot_count: usize,
        keys: &[u64; HASH_KEYS],
        interfaces: Option<[Row; MAX_INTERFACES]>,
    ) {
        let first = Globals {
            abi_version: ABI_VERSION,
            slot_mask: slot_count as u32 - 1,
            heartbeat_timeout_ns: limits.heartbeat_timeout.as_nanos() as u64,
            copies_per_second: limits.copies_per_second,
            copies_per_source: limits.copies_per_source,
            hash_keys: *keys,
            ..Globals::zeroed()
        };
        let interfaces = interfaces.unwrap_or(first.interfaces);
        self.0.store(
            0,
            &Globals {
                interfaces,
                ..first
            },
        );
    }

    /// Sets the time of the controller's heartbeat, CLOCK_MONOTONIC; 0: the controller is gone.
    pub(crate) fn set_heartbeat(&self, at_ns: u64) {
        self.0.store_word(0, HEARTBEAT_WORD, at_ns);
    }

    /// Sets until when nothing is diverted, CLOCK_MONOTONIC: RCFs pass with the timeToLive of their gatekeeper.
    pub fn pause_diverting(&self, until_ns: u64) {
        self.0.store_word(0, PAUSE_WORD, until_ns);
    }

    /// Sets the limits that can change while the program runs.
    pub fn set_limits(&self, limits: &Limits) {
        let timeout_ns = limits.heartbeat_timeout.as_nanos() as u64;
        self.0.store_word(0, TIMEOUT_WORD, timeout_ns);
        let copies = [limits.copies_per_second, limits.copies_per_source];
        self.store_pair(COPIES_WORD, copies);
    }

    /// Sets the RAS and call-signalling ports that the program looks at, and whether anything may be steered.
    pub fn set_ports(
        &self,
        ras: impl IntoIterator<Item = u16>,
        call: impl IntoIterator<Item = u16>,
        steering: bool,
    ) {
        self.store_ports(PORTS_WORD, ras);
        self.store_ports(CALL_PORTS_WORD, call);
        let [capture_len, _] = self.load_pair(CAPTURE_WORD);
        self.store_pair(CAPTURE_WORD, [capture_len, u32::from(steering)]);
    }

    /// Ends a capture whose process has died. Returns whether there was one.
    #[must_use]
    pub fn end_capture(&self) -> bool {
        let runs = self.load_pair(CAPTURE_WORD)[0] != 0;
        if runs {
            self.set_capture_len(0);
        }
        runs
    }

    /// Sets the number of octets of a frame that are captured; 0: none.
    pub(crate) fn set_capture_len(&self, len: u32) {
        let [_, steering] = self.load_pair(CAPTURE_WORD);
        self.store_pair(CAPTURE_WORD, [len, steering]);
    }

    /// Returns the index of the interface in a row; 0: none.
    pub(crate) fn ifindex(&self, row: usize) -> u32 {
        self.load_pair(INTERFACES_WORD + row)[0]
    }

    /// Fills the row of an interface.
    pub(crate) fn set_interface(&self, row: usize, ifindex: u32, interface: &Interface) {
        let side = interface.side;
        // Where the kernel cannot be asked, the last finding stays.
        let redirects = netdev::redirects(ifindex).unwrap_or_else(|| {
            let [before, bits] = self.load_pair(INTERFACES_WORD + row);
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
        self.store_pair(INTERFACES_WORD + row, [ifindex, bits]);
    }

    /// Empties the row of an interface.
    pub(crate) fn clear_interface(&self, row: usize) {
        self.store_pair(INTERFACES_WORD + row, [0, 0]);
    }

    /// Sets the MAC address of the interface in a row.
    pub(crate) fn set_mac(&self, row: usize, mac: [u8; 6]) {
        let mut octets = [0; 8];
        octets[..6].copy_from_slice(&mac);
        let word = u64::from_ne_bytes(octets);
        self.0.store_word(0, MACS_WORD + row, word);
    }

    fn store_ports(&self, at: usize, ports: impl IntoIterator<Item = u16>) {
        let mut words = vec![0u64; 1024];
        for port in ports {
            words[usize::from(port) / 64] |= 1 << (port % 64);
        }
        for (i, word) in words.into_iter().enumerate() {
            self.0.store_word(0, at + i, word);
        }
    }

    fn load_pair(&self, word: usize) -> [u32; 2] {
        bytemuck::cast(self.0.load_word(0, word))
    }

    fn store_pair(&self, word: usize, pair: [u32; 2]) {
        self.0.store_word(0, word, bytemuck::cast(pair));
    }
}
