//! Maps of the program that gives connections to a range of ports to one listening socket.

use bytemuck::{Pod, Zeroable};

/// Listening sockets at most.
pub const MAX_LISTENERS: u32 = 4096;

/// Name of the map of [`ListenerPorts`] by local address.
pub const LISTENER_PORTS: &str = "LISTENER_PORTS";
/// Name of the map of listening sockets by local address.
pub const LISTENERS: &str = "LISTENERS";

/// Ports whose connections go to the listening socket of a local address. User-written.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct ListenerPorts {
    /// The first one.
    pub first: u32,
    /// The last one.
    pub last: u32,
}

const _: () = assert!(size_of::<ListenerPorts>() == 8);
