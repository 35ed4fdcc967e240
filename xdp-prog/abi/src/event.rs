//! What the kernel hands to the controller by ring buffer: a header, then the RAS message's octets.

use bytemuck::{Pod, Zeroable};

/// Longest RAS message that is copied, in octets; a longer one is not copied (and counted).
pub const EVENT_PAYLOAD_MAX: usize = 2048;

/// Why a message was copied.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyReason {
    /// An RRQ from an endpoint that matches no live slot; it went on to the gatekeeper.
    UnknownRrq = 1,
    /// A URQ or UCF from an endpoint; it went on to the gatekeeper.
    FromEndpoint = 2,
    /// A message from a gatekeeper; it went on to the endpoint.
    FromGatekeeper = 3,
    /// An RCF from a gatekeeper, taken out of the traffic: the controller sends it on.
    Diverted = 4,
    /// A known keep-alive was let through, and its RCF is not the known one; it went on to the endpoint.
    ChangedRcf = 5,
    /// A slot was withdrawn by this message (RRJ, URQ, UCF); it went on.
    Withdrawn = 6,
    /// A message of a gatekeeper that is on standby, or that a proxy asks from its endpoints' addresses, taken out of the
    /// traffic: the controller sends it on, unless it asked for it.
    Standby = 7,
}

impl CopyReason {
    /// From the number in an event.
    #[must_use]
    pub const fn from_u32(n: u32) -> Option<Self> {
        Some(match n {
            1 => Self::UnknownRrq,
            2 => Self::FromEndpoint,
            3 => Self::FromGatekeeper,
            4 => Self::Diverted,
            5 => Self::ChangedRcf,
            6 => Self::Withdrawn,
            7 => Self::Standby,
            _ => return None,
        })
    }
}

/// Stands before the message.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct EventHeader {
    /// CLOCK_MONOTONIC (coarse), ns.
    pub time_ns: u64,
    /// [`CopyReason`].
    pub reason: u32,
    /// Interface it came in by.
    pub ifindex: u32,
    /// The endpoint's address.
    pub endpoint: [u8; 16],
    /// The endpoint's port.
    pub endpoint_port: [u8; 2],
    /// Octets of message that follow.
    pub len: u16,
    /// Zone index.
    pub zone: u32,
    /// Index of the gatekeeper that it went to, or came from.
    pub gatekeeper: u32,
    /// Port of the address below.
    pub seen_port: [u8; 2],
    /// Zero.
    pub reserved: u16,
    /// The gatekeeper's (or service) address as the endpoint knows it.
    pub seen_as: [u8; 16],
}

const _: () = assert!(size_of::<EventHeader>() == 64);
