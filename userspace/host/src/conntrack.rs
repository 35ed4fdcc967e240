//! Connection tracking of the current network namespace (ctnetlink): its timeouts, and renewal of entries whose packets
//! are answered before they reach it.
//!
//! Invariant: no call blocks; refused entries are counted.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use socket2::Socket;

use super::{
    netfilter::{error, message, messages, open},
    route::attribute,
};

const CTNETLINK: u16 = 1;
const NEW: u16 = 0;
const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;
const NESTED: u16 = 0x8000;
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const STATUS: u16 = 3;
const TIMEOUT: u16 = 7;
const TUPLE_IP: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const PROTOCOL_NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;
const UDP: u8 = 17;
/// The entry has seen a reply, is not evicted early, and is in the table: IPS_SEEN_REPLY, IPS_ASSURED,
/// IPS_CONFIRMED.
const ALIVE: u32 = 2 | 4 | 8;
/// Entries per message.
const AT_ONCE: usize = 64;
/// Folder of the settings; it exists only if the kernel tracks connections.
const SETTINGS: &str = "/proc/sys/net/netfilter";

/// Lifetime of a UDP entry that has seen both directions; `None` if connections are not tracked. The shorter of the two
/// timeouts counts, as the kernel applies the first one to a young entry.
#[must_use]
pub fn udp_timeout() -> Option<Duration> {
    let read = |name| setting(name).map(Duration::from_secs);
    let (stream, first) = (
        read("nf_conntrack_udp_timeout_stream")?,
        read("nf_conntrack_udp_timeout")?,
    );
    Some(stream.min(first).max(Duration::from_secs(1)))
}

/// Reads a timeout of connection tracking; `None` if the kernel does not have it.
#[must_use]
pub fn setting(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(Path::new(SETTINGS).join(name)).ok()?;
    text.trim().parse().ok()
}

/// Renews entries of connection tracking.
#[derive(Debug, Default)]
pub struct Conntrack {
    socket: Option<Socket>,
    failed: u64,
}

impl Conntrack {
    /// Number of entries that could not be renewed.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// Renews the entries of these pairs of addresses, as a datagram from the first to the second and its answer would:
    /// each expires after `timeout` from now. A missing entry is created.
    pub fn renew(&mut self, pairs: &[(SocketAddr, SocketAddr)], timeout: Duration) {
        for some in pairs.chunks(AT_ONCE) {
            match self.try_renew(some, timeout) {
                Ok(()) => {}
                Err(e) => {
                    self.socket = None;
                    self.note_failure(some.len() as u64, &e);
                }
            }
        }
    }

    fn try_renew(
        &mut self,
        pairs: &[(SocketAddr, SocketAddr)],
        timeout: Duration,
    ) -> io::Result<()> {
        let octets: Vec<u8> = pairs
            .iter()
            .flat_map(|(from, to)| entry(*from, *to, timeout))
            .collect();
        if octets.is_empty() {
            return Ok(());
        }
        let socket = match &mut self.socket {
            Some(socket) => socket,
            none => {
                let socket = open()?;
                socket.set_nonblocking(true)?;
                none.insert(socket)
            }
        };
        socket.send(&octets)?;
        if let Some((count, e)) = refusals(socket)? {
            self.note_failure(count, &e);
        }
        Ok(())
    }

    fn note_failure(&mut self, count: u64, e: &io::Error) {
        let before = self.failed;
        self.failed += count;
        // Logs the first one, then each time the number has doubled.
        if before.checked_ilog2() != self.failed.checked_ilog2() {
            tracing::warn!(
                "connection tracking: {} entries not renewed: {e}",
                self.failed
            );
        }
    }
}

/// Number of refused entries of the last message, and the last error. The kernel answers before `send` returns.
fn refusals(mut socket: &Socket) -> io::Result<Option<(u64, io::Error)>> {
    let mut refused: Option<(u64, io::Error)> = None;
    let mut buffer = [0; 8192];
    loop {
        let n = match io::Read::read(&mut socket, &mut buffer) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(refused),
            Err(e) => return Err(e),
        };
        for (kind, body) in messages(&buffer[..n]) {
            if kind == NLMSG_ERROR
                && let Some(e) = error(body)
            {
                let before = refused.map_or(0, |(count, _)| count);
                refused = Some((before + 1, e));
            }
        }
    }
}

/// Appends the message that creates or renews an entry. A pair of different address families is skipped.
fn entry(from: SocketAddr, to: SocketAddr, timeout: Duration) -> Vec<u8> {
    if from.is_ipv4() != to.is_ipv4() {
        return Vec::new();
    }
    let mut all = Vec::with_capacity(192);
    attribute(&mut all, TUPLE_ORIGINAL | NESTED, &tuple(from, to));
    attribute(&mut all, TUPLE_REPLY | NESTED, &tuple(to, from));
    attribute(&mut all, STATUS, &ALIVE.to_be_bytes());
    let seconds = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
    attribute(&mut all, TIMEOUT, &seconds.to_be_bytes());
    let family = if from.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    message(
        (CTNETLINK, NEW),
        NLM_F_CREATE,
        family.cast_unsigned() as u8,
        &all,
    )
}

fn tuple(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let (mut all, mut ip, mut protocol) = (Vec::new(), Vec::new(), Vec::new());
    // Attributes 1 and 2 are IPv4 source and destination, 3 and 4 those of IPv6.
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            attribute(&mut ip, 1, &from.octets());
            attribute(&mut ip, 2, &to.octets());
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            attribute(&mut ip, 3, &from.octets());
            attribute(&mut ip, 4, &to.octets());
        }
        _ => {}
    }
    attribute(&mut protocol, PROTOCOL_NUMBER, &[UDP]);
    attribute(&mut protocol, SOURCE_PORT, &from.port().to_be_bytes());
    attribute(&mut protocol, DESTINATION_PORT, &to.port().to_be_bytes());
    attribute(&mut all, TUPLE_IP | NESTED, &ip);
    attribute(&mut all, TUPLE_PROTOCOL | NESTED, &protocol);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::attributes;

    #[test]
    fn a_pair_becomes_both_directions() {
        for (from, to, ip) in [
            ("10.0.0.7:5000", "10.1.0.1:1719", 16),
            ("[fd00::7]:5000", "[fd01::1]:1719", 40),
        ] {
            let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
            let octets = entry(from, to, Duration::from_secs(10));
            let (_, body) = messages(&octets).next().unwrap();
            let of = |wanted: u16| {
                attributes(&body[4..])
                    .find(|(kind, _)| *kind == wanted)
                    .unwrap()
                    .1
            };
            assert_eq!(of(TIMEOUT), 10u32.to_be_bytes());
            assert_eq!(of(TUPLE_ORIGINAL), tuple(from, to));
            assert_eq!(of(TUPLE_REPLY), tuple(to, from));
            let (kind, value) = attributes(of(TUPLE_ORIGINAL)).next().unwrap();
            assert_eq!((kind, value.len()), (TUPLE_IP, ip));
        }
    }

    #[test]
    fn families_do_not_mix() {
        let mixed = entry(
            "10.0.0.7:1".parse().unwrap(),
            "[fd01::1]:1".parse().unwrap(),
            Duration::ZERO,
        );
        assert!(mixed.is_empty());
    }
}
