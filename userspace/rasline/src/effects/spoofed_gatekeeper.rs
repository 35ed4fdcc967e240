//! Sends RAS messages to endpoints from their gatekeeper's address, by transparent sockets.
//!
//! Invariant: sending never blocks; what cannot be sent is counted and said, not too often.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

const SAY_EVERY_NS: u64 = Duration::from_secs(10).as_nanos() as u64;

/// One socket a gatekeeper's address and port, made when it is first needed.
#[derive(Debug, Default)]
pub struct SpoofedGatekeeper {
    sockets: HashMap<SocketAddr, UdpSocket>,
    failed: u64,
    said_ns: Option<u64>,
}

impl SpoofedGatekeeper {
    /// Messages that could not be sent.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Closes the sockets of all but these gatekeepers.
    pub fn retain(&mut self, wanted: impl Fn(&SocketAddr) -> bool) {
        self.sockets.retain(|address, _| wanted(address));
    }

    /// Sends a message from a gatekeeper's address.
    pub fn send(&mut self, now_ns: u64, from: SocketAddr, to: SocketAddr, message: &[u8]) {
        if let Err(e) = self.try_send(from, to, message) {
            self.failed += 1;
            if self
                .said_ns
                .is_none_or(|said| now_ns.saturating_sub(said) > SAY_EVERY_NS)
            {
                self.said_ns = Some(now_ns);
                tracing::warn!(
                    "RAS to {to} as {from}: not sent: {e}; {} in all",
                    self.failed
                );
            }
        }
    }

    fn try_send(&mut self, from: SocketAddr, to: SocketAddr, message: &[u8]) -> io::Result<()> {
        let socket = match self.sockets.entry(from) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => place.insert(open(from)?),
        };
        socket.send_to(message, to).map(drop)
    }
}

/// A socket that sends from an address that is not this machine's. Nothing is ever read from it: traffic to that
/// address is forwarded, not delivered here.
fn open(from: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(from),
        Type::DGRAM.nonblocking().cloexec(),
        Some(Protocol::UDP),
    )?;
    match from {
        SocketAddr::V4(_) => socket.set_ip_transparent_v4(true)?,
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_ip_transparent_v6(true)?;
        }
    }
    socket.set_reuse_address(true)?;
    socket.set_recv_buffer_size(1)?;
    socket.bind(&from.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_sent_is_counted() {
        let mut spoofed_gatekeeper = SpoofedGatekeeper::default();
        // A port of 0 can be bound, but nothing can be sent to it.
        spoofed_gatekeeper.send(
            1,
            "127.0.0.1:0".parse().unwrap(),
            "127.0.0.1:0".parse().unwrap(),
            b"x",
        );
        assert_eq!(spoofed_gatekeeper.failed(), 1);
    }
}
