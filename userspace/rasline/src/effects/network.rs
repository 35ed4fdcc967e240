//! Messages that leave: from rasline's own sockets, and in the names of gatekeepers and endpoints.

use std::net::SocketAddr;

use rasline_core::site::{Send, SendBy};

use super::{spoofed_endpoint::SpoofedEndpoint, spoofed_gatekeeper::SpoofedGatekeeper};
use crate::io::sockets::Sockets;

/// Ways out.
pub struct Network {
    /// RAS sockets of rasline's own gatekeepers and proxies.
    pub sockets: Sockets,
    gatekeepers: SpoofedGatekeeper,
    endpoints: SpoofedEndpoint,
    /// Messages that own sockets could not send.
    unsent: u64,
}

impl Network {
    /// With these sockets.
    #[must_use]
    pub fn new(sockets: Sockets) -> Self {
        Self {
            sockets,
            gatekeepers: SpoofedGatekeeper::default(),
            endpoints: SpoofedEndpoint::default(),
            unsent: 0,
        }
    }

    /// Sends a message. What cannot be sent is counted.
    pub fn send(&mut self, now_ns: u64, message: &Send) {
        let Send {
            by,
            from,
            to,
            ref payload,
        } = *message;
        match by {
            SendBy::Gatekeeper => self.gatekeepers.send(now_ns, from, to, payload),
            SendBy::Endpoint => self.endpoints.send(from, to, payload),
            SendBy::SocketOrGatekeeper => {
                if !self.send_by_socket(from, to, payload) {
                    self.gatekeepers.send(now_ns, from, to, payload);
                }
            }
            SendBy::SocketOrEndpoint => {
                if !self.send_by_socket(from, to, payload) {
                    self.endpoints.send(from, to, payload);
                }
            }
        }
    }

    /// False: none of the sockets has this address.
    fn send_by_socket(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> bool {
        let sent = self.sockets.send(from, to, payload);
        if let Some(Err(e)) = &sent {
            self.unsent += 1;
            tracing::debug!("RAS to {to} from {from}: not sent: {e}");
        }
        sent.is_some()
    }

    /// Messages that could not be sent, in all.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.gatekeepers.failed() + self.endpoints.failed() + self.unsent
    }

    /// Closes the sockets that speak in the name of others than these.
    pub fn retain_senders(&mut self, senders: &[SocketAddr]) {
        self.gatekeepers.retain(|address| senders.contains(address));
    }
}
