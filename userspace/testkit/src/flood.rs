//! Floods of generated packets from many sources, sent by a raw socket.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::{
    Netns,
    messages::{self, Identity},
};

const EID: &str = "99999999_endp";
const RAW: i32 = 255;
/// Packets of a paced flood that are sent in one burst.
const TOGETHER: u32 = 100;

/// A flood; it runs until dropped.
#[derive(Debug)]
pub struct Flood {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Starts one of keep-alives as fast as it goes: `sources` addresses from `first` on, each message with another
    /// endpointIdentifier.
    ///
    /// # Errors
    /// When no raw socket can be opened.
    pub fn start(
        netns: &Netns,
        first: Ipv4Addr,
        sources: u32,
        gatekeeper: SocketAddrV4,
    ) -> Result<Self> {
        let mut keep_alive = KeepAlive::new(SocketAddr::from((first, 1719)));
        Self::of(netns, None, move |n| {
            let source = Ipv4Addr::from(u32::from(first) + n % sources);
            let source = SocketAddrV4::new(source, 1719);
            datagram(source, gatekeeper, keep_alive.numbered(n))
        })
    }

    /// Starts one of IPv4 packets (see [`datagram`]), made by number; `rate`: at most so many a second.
    ///
    /// # Errors
    /// When no raw socket can be opened.
    pub fn of(
        netns: &Netns,
        rate: Option<u32>,
        packet: impl FnMut(u32) -> Vec<u8> + Send + 'static,
    ) -> Result<Self> {
        let socket = raw(netns)?;
        let sent = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (ours, end) = (Arc::clone(&sent), Arc::clone(&stop));
        let thread = std::thread::spawn(move || pour(&socket, rate, packet, &ours, &end));
        Ok(Self {
            sent,
            stop,
            thread: Some(thread),
        })
    }

    /// Number of packets sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Sends one message with the forged source address `from`.
///
/// # Errors
/// When no raw socket can be opened, or the kernel does not send the packet.
pub fn forge(netns: &Netns, from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Result<()> {
    let packet = datagram(from, to, payload);
    raw(netns)?
        .send_to(&packet, &destination(&packet))
        .context("sending a forged message")?;
    Ok(())
}

fn raw(netns: &Netns) -> Result<Socket> {
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW)))?;
        socket.set_header_included_v4(true)?;
        Ok(socket)
    };
    let socket: std::io::Result<Socket> = netns.run(open)?;
    socket.context("making a raw socket")
}

fn pour(
    socket: &Socket,
    rate: Option<u32>,
    mut packet: impl FnMut(u32) -> Vec<u8>,
    sent: &AtomicU64,
    stop: &AtomicBool,
) {
    let pause = rate.map(|rate| Duration::from_secs(1) * TOGETHER / rate);
    let mut next = Instant::now();
    let mut n: u32 = 0;
    while !stop.load(Ordering::Relaxed) {
        if let Some(pause) = pause.filter(|_| n.is_multiple_of(TOGETHER)) {
            next = (next + pause).max(Instant::now());
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        let packet = packet(n);
        // A full queue loses some, as a flood does.
        if socket.send_to(&packet, &destination(&packet)).is_ok() {
            sent.fetch_add(1, Ordering::Relaxed);
        }
        n = n.wrapping_add(1) % 100_000_000;
    }
}

/// Addresses of an IPv4 packet.
fn destination(packet: &[u8]) -> SockAddr {
    let mut to = [0; 4];
    to.copy_from_slice(&packet[16..20]);
    SocketAddr::from((to, 0)).into()
}

/// The keep-alive of a registration that does not exist.
struct KeepAlive {
    message: Vec<u8>,
    /// Octet of its endpointIdentifier.
    eid_at: Option<usize>,
}

impl KeepAlive {
    fn new(ras: SocketAddr) -> Self {
        let who = Identity {
            ras,
            aliases: vec!["flood".into()],
            secured: false,
            time_to_live: None,
        };
        let message = messages::light_rrq(&who, 1, EID);
        let wide: Vec<u8> = EID.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let eid_at = message.windows(wide.len()).position(|w| w == wide);
        Self { message, eid_at }
    }

    /// With another endpointIdentifier for each number.
    fn numbered(&mut self, n: u32) -> &[u8] {
        if let Some(at) = self.eid_at {
            for (i, digit) in format!("{n:08}").bytes().take(8).enumerate() {
                self.message[at + 2 * i + 1] = digit;
            }
        }
        &self.message
    }
}

/// An IPv4 UDP datagram; the kernel fills in the header checksum.
#[must_use]
pub fn datagram(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let mut udp = ports(from, to);
    udp.extend((8 + payload.len() as u16).to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(payload);
    packet(17, from, to, udp, 6)
}

/// A TCP SYN; the kernel fills in the header checksum.
#[must_use]
pub fn syn(from: SocketAddrV4, to: SocketAddrV4, number: u32) -> Vec<u8> {
    let mut tcp = ports(from, to);
    tcp.extend(number.to_be_bytes());
    tcp.extend([0, 0, 0, 0, 5 << 4, 2, 0xfa, 0xf0, 0, 0, 0, 0]);
    packet(6, from, to, tcp, 16)
}

fn ports(from: SocketAddrV4, to: SocketAddrV4) -> Vec<u8> {
    [from.port().to_be_bytes(), to.port().to_be_bytes()].concat()
}

/// An IPv4 packet; `check_at`: octet of the transport's checksum in `l4`.
fn packet(
    protocol: u8,
    from: SocketAddrV4,
    to: SocketAddrV4,
    l4: Vec<u8>,
    check_at: usize,
) -> Vec<u8> {
    let len = l4.len() as u16;
    let mut p = vec![0x45, 0];
    p.extend((20 + len).to_be_bytes());
    p.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    p.extend(from.ip().octets());
    p.extend(to.ip().octets());
    p.extend(l4);
    let mut sum = u32::from(protocol) + u32::from(len);
    for pair in p[12..].chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = match !(sum as u16) {
        0 => 0xffff,
        other => other,
    };
    let at = 20 + check_at;
    p[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    p
}
