//! The flow tables: what was steered, so that replies go back the same way and connections stay where they are.
//!
//! Datagrams, connections that are being opened, and open connections have a table each, so that neither of the first
//! two can push out what is open.

use bytemuck::{Pod, Zeroable};

/// Key of `FLOWS`, `ATTEMPTS` and `CONNECTIONS`: addresses and ports as they stand in the packet.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct FlowKey {
    /// Source address.
    pub source: [u64; 2],
    /// Destination address.
    pub destination: [u64; 2],
    /// Source port.
    pub source_port: [u8; 2],
    /// Destination port.
    pub destination_port: [u8; 2],
    /// IP protocol: 6 TCP, 17 UDP.
    pub protocol: u32,
}

/// [`Flow::kind`]: towards a gatekeeper; `address` and `port` replace the destination.
pub const FLOW_FORWARD: u16 = 1;
/// [`Flow::kind`]: from a gatekeeper; `address` and `port` replace the source.
pub const FLOW_REVERSE: u16 = 2;
/// [`Flow::kind`]: of a connection that the gatekeeper opened to the endpoint; nothing is replaced.
pub const FLOW_CALLED: u16 = 3;

/// [`Flow::state`]: the gatekeeper accepted the connection, and the endpoint's acknowledgement fitted.
pub const FLOW_OPEN: u16 = 1;
/// [`Flow::state`]: FIN or RST has passed.
pub const FLOW_CLOSED: u16 = 2;
/// [`Flow::state`]: the gatekeeper answered; the endpoint's next acknowledgement is [`Flow::expected`].
pub const FLOW_ANSWERED: u16 = 4;
/// [`Flow::state`]: a SYN came for an open connection; `ATTEMPTS` may have a newer one under the same key.
pub const FLOW_REOPENED: u16 = 8;

/// One direction of a flow. Kernel-written, and only as a whole by its key: an entry that another flow has taken
/// meanwhile is never written to.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Flow {
    /// Mix of the key: a flow whose place another has taken meanwhile is found out by it.
    pub check: u64,
    /// What stands in the place of the gatekeeper's side address.
    pub address: [u64; 2],
    /// What stands in the place of that side's port.
    pub port: [u8; 2],
    /// [`FLOW_FORWARD`] or [`FLOW_REVERSE`].
    pub kind: u16,
    /// Index of the gatekeeper that it goes to, or comes from.
    pub gatekeeper: u32,
    /// Mix of the zone's decisions under which it was made; UDP flows are made anew under others.
    pub decision: u64,
    /// Last segment, ns, at most a second late; of a datagram's flow: when it was made.
    pub seen_ns: u64,
    /// When the next hop was last looked up, ns; 0: never.
    pub hop_ns: u64,
    /// ifindex of the next hop; 0: the stack routes it.
    pub hop_ifindex: u32,
    /// Index of the zone.
    pub zone: u32,
    /// MAC address of the next hop.
    pub hop_mac: [u8; 6],
    /// MAC address of the interface towards it.
    pub own_mac: [u8; 6],
    /// [`FLOW_OPEN`] | [`FLOW_CLOSED`] | [`FLOW_ANSWERED`] | [`FLOW_REOPENED`].
    pub state: u16,
    /// Longest IP packet that goes to the next hop.
    pub hop_mtu: u16,
    /// With [`FLOW_ANSWERED`]: the acknowledgement number that fits what the gatekeeper sent.
    pub expected: u32,
    /// When a packet last went through the stack so that the next hop stays known, in ticks.
    pub asked: u32,
}

/// Most octets of a frame that can be captured.
pub const CAPTURE_MAX: usize = 2048;

/// Stands before the octets of a captured frame in `CAPTURE`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct CaptureHeader {
    /// CLOCK_MONOTONIC (coarse), ns.
    pub time_ns: u64,
    /// Interface it came in by.
    pub ifindex: u32,
    /// The [`Counter`](crate::Counter) that says what became of it.
    pub verdict: u32,
    /// Octets of the frame.
    pub frame_len: u32,
    /// Octets that follow.
    pub captured: u32,
    /// 0: as it came in; 1: as it left.
    pub direction: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = {
    assert!(size_of::<FlowKey>() == 40);
    assert!(size_of::<Flow>() == 88);
    assert!(size_of::<CaptureHeader>() == 32);
};
