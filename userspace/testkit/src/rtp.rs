//! A stream like RTP, both ways at once: a packet each 20 ms, numbered, and what became of the numbers.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};

use crate::{Netns, pktinfo};

/// Time between two packets.
pub const SPACING: Duration = Duration::from_millis(20);
/// After the last one, for what is under way.
const GRACE: Duration = Duration::from_millis(300);
const HEADER: usize = 12;
const PAYLOAD: usize = 160;

/// One end's view of what the other end sent.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Packets that the other end sent.
    pub sent: u32,
    /// Those of them that came.
    pub received: u32,
    /// Numbers that did not come.
    pub lost: Vec<u16>,
    /// The longest time between two arrivals, by the kernel's time stamps, without what the sender itself was late:
    /// what the network added.
    pub longest_gap: Duration,
}

/// The stream; goes on until [`Stream::finish`].
#[derive(Debug)]
pub struct Stream {
    ends: [End; 2],
    stop: Arc<AtomicBool>,
}

#[derive(Debug)]
struct End {
    sender: JoinHandle<u32>,
    receiver: JoinHandle<Vec<Arrival>>,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    number: u16,
    sent: Duration,
    came: Duration,
}

impl Stream {
    /// Starts it between these two addresses.
    ///
    /// # Errors
    /// When one cannot be bound.
    pub fn start(one: (&Netns, SocketAddr), other: (&Netns, SocketAddr)) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (here, there) = (bind(one)?, bind(other)?);
        let ends = [
            End::start(here, other.1, &stop)?,
            End::start(there, one.1, &stop)?,
        ];
        Ok(Self { ends, stop })
    }

    /// Ends it: what the first end heard of the second, and the other way.
    ///
    /// # Panics
    /// When a thread of it did.
    #[must_use]
    pub fn finish(self) -> [Heard; 2] {
        self.stop.store(true, Ordering::SeqCst);
        let [one, other] = self.ends;
        let sent_by_one = one.sender.join().expect("the first end sends");
        let sent_by_other = other.sender.join().expect("the second end sends");
        let by_one = one.receiver.join().expect("the first end receives");
        let by_other = other.receiver.join().expect("the second end receives");
        [
            Heard::of(sent_by_other, &by_one),
            Heard::of(sent_by_one, &by_other),
        ]
    }
}

fn bind((netns, address): (&Netns, SocketAddr)) -> Result<UdpSocket> {
    let socket = netns
        .run(|| UdpSocket::bind(address))?
        .with_context(|| format!("binding a stream to {address}"))?;
    socket.set_read_timeout(Some(GRACE))?;
    pktinfo::ask(&socket, pktinfo::TIME)?;
    Ok(socket)
}

impl End {
    fn start(socket: UdpSocket, to: SocketAddr, stop: &Arc<AtomicBool>) -> Result<Self> {
        let (ours, end) = (socket.try_clone()?, Arc::clone(stop));
        let sender = std::thread::spawn(move || send(&ours, to, &end));
        let end = Arc::clone(stop);
        let receiver = std::thread::spawn(move || receive(&socket, to, &end));
        Ok(Self { sender, receiver })
    }
}

/// What the stream's own clock says: the receiving socket's time stamps are of the same one.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn send(socket: &UdpSocket, to: SocketAddr, stop: &AtomicBool) -> u32 {
    let mut packet = [0; HEADER + PAYLOAD];
    packet[..2].copy_from_slice(&[0x80, 8]); // version 2, PCMA
    let (start, mut n) = (Instant::now(), 0u32);
    while !stop.load(Ordering::SeqCst) && n < u32::from(u16::MAX) {
        packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(n * 160).to_be_bytes());
        packet[HEADER..HEADER + 16].copy_from_slice(&now().as_nanos().to_be_bytes());
        if socket.send_to(&packet, to).is_err() {
            // An ICMP error of an earlier packet, which counts as lost by itself; this one was not sent.
            continue;
        }
        n += 1;
        std::thread::sleep((start + SPACING * n).saturating_duration_since(Instant::now()));
    }
    n
}

fn receive(socket: &UdpSocket, from: SocketAddr, stop: &AtomicBool) -> Vec<Arrival> {
    let mut buffer = [0; 2048];
    let mut arrivals = Vec::new();
    loop {
        match pktinfo::receive(socket, &mut buffer) {
            Ok(got) if got.from == from && got.length == HEADER + PAYLOAD => {
                let mut sent = [0; 16];
                sent.copy_from_slice(&buffer[HEADER..HEADER + 16]);
                arrivals.push(Arrival {
                    number: u16::from_be_bytes([buffer[2], buffer[3]]),
                    sent: Duration::from_nanos(u128::from_be_bytes(sent) as u64),
                    came: got.at.unwrap_or_else(now),
                });
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                if stop.load(Ordering::SeqCst) {
                    return arrivals;
                }
            }
            Ok(_) | Err(_) => {}
        }
    }
}

impl Heard {
    fn of(sent: u32, arrivals: &[Arrival]) -> Self {
        let mut longest_gap = Duration::ZERO;
        for pair in arrivals.windows(2) {
            let late = pair[1]
                .sent
                .saturating_sub(pair[0].sent)
                .saturating_sub(SPACING);
            let gap = pair[1].came.saturating_sub(pair[0].came);
            longest_gap = longest_gap.max(gap.saturating_sub(late));
        }
        let came: std::collections::HashSet<u16> = arrivals.iter().map(|a| a.number).collect();
        Self {
            sent,
            received: arrivals.len() as u32,
            lost: (0..sent)
                .map(|n| n as u16)
                .filter(|n| !came.contains(n))
                .collect(),
            longest_gap,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(number: u16, sent: u64, came: u64) -> Arrival {
        Arrival {
            number,
            sent: Duration::from_millis(sent),
            came: Duration::from_millis(came),
        }
    }

    #[test]
    fn what_is_lost_and_what_is_late() {
        let heard = Heard::of(
            4,
            &[arrival(0, 0, 1), arrival(1, 20, 21), arrival(3, 60, 61)],
        );
        assert_eq!((heard.received, heard.lost), (3, vec![2]));
        assert_eq!(heard.longest_gap, SPACING);
        // The sender was 30 ms late; the network was not.
        let heard = Heard::of(2, &[arrival(0, 0, 1), arrival(1, 50, 51)]);
        assert_eq!(heard.longest_gap, SPACING);
        // The network was.
        let heard = Heard::of(2, &[arrival(0, 0, 1), arrival(1, 20, 51)]);
        assert_eq!(heard.longest_gap, Duration::from_millis(50));
    }
}
