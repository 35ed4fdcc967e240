//! What waits for the network and the disk: sockets with their queue, and the thread that reads profiles.

pub mod multicast;
pub mod profiles;
pub mod sockets;
pub mod sources;
