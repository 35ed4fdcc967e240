//! Sends RAS messages to gatekeepers from the endpoints' own addresses, by raw sockets: that is how an alternate gets
//! to know endpoints while they are registered elsewhere, and how a proxy speaks for them.
//!
//! Invariant: sending never blocks; what cannot be sent is counted.

use std::{io, net::SocketAddr};

use super::raw::{self, Part, RawSockets, UDP};

/// Octets of UDP that a fragment carries: a multiple of 8, which with its headers fits the least MTU of IPv6, 1,280.
const PART: usize = 1232;

/// The sockets, and what could not be sent.
#[derive(Debug, Default)]
pub struct SpoofedEndpoint {
    sockets: RawSockets,
    /// Identification of the last packet sent in fragments.
    last: u16,
    failed: u64,
}

impl SpoofedEndpoint {
    /// Messages that could not be sent.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// Sends a message to a gatekeeper as if the endpoint did.
    pub fn send(&mut self, endpoint: SocketAddr, to: SocketAddr, message: &[u8]) {
        if let Err(e) = self.try_send(endpoint, to, message) {
            self.failed += 1;
            // The first, the second, the fourth, ...
            if self.failed.is_power_of_two() {
                tracing::warn!(
                    "RAS to {to} as {endpoint}: not sent: {e}; {} in all",
                    self.failed
                );
            }
        }
    }

    fn try_send(&mut self, from: SocketAddr, to: SocketAddr, message: &[u8]) -> io::Result<()> {
        let datagram = datagram(from, to, message).ok_or(io::ErrorKind::InvalidInput)?;
        let way = (from.ip(), to.ip());
        match self
            .sockets
            .send(to, &raw::packet(way, UDP, None, &datagram)?)
        {
            Err(e) if e.raw_os_error() == Some(libc::EMSGSIZE) => {}
            done => return done,
        }
        // Never 0, in whose place the kernel would put another number in each fragment.
        self.last = self.last.checked_add(1).unwrap_or(1);
        let mut offset = 0;
        for octets in datagram.chunks(PART) {
            let part = Part {
                identification: self.last,
                offset,
                more: offset + octets.len() < datagram.len(),
            };
            let packet = raw::packet(way, UDP, Some(part), octets)?;
            self.sockets.send(to, &packet)?;
            offset += octets.len();
        }
        Ok(())
    }
}

/// A UDP datagram; `None`: the addresses are of different families, or it is too long.
fn datagram(from: SocketAddr, to: SocketAddr, message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len() + 8).ok()?;
    let mut udp = Vec::with_capacity(8 + message.len());
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend(length.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(message);
    raw::checksummed((from.ip(), to.ip()), UDP, udp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_says_where_it_goes_and_how_long_it_is() {
        let (from, to) = ("10.0.0.7:1719", "10.1.0.2:5000");
        let udp = datagram(from.parse().unwrap(), to.parse().unwrap(), b"odd").unwrap();
        assert_eq!(udp[..6], [6, 183, 19, 136, 0, 11]);
        assert_eq!(&udp[8..], b"odd");
    }
}
