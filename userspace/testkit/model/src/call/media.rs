//! RTP of one direction: numbered packets, and the count of those that came.

use std::collections::BTreeSet;
use std::time::Duration;

/// Time between two packets.
pub const SPACING: Duration = Duration::from_millis(20);
const HEADER: usize = 12;
const PAYLOAD: usize = 160;
/// Payload type PCMA.
const PCMA: u8 = 8;

/// Numbers the packets that a phone sends.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    sent: u32,
}

impl Sender {
    /// The next packet.
    pub fn packet(&mut self) -> Vec<u8> {
        let mut packet = vec![0; HEADER + PAYLOAD];
        packet[..2].copy_from_slice(&[0x80, PCMA]);
        packet[2..4].copy_from_slice(&(self.sent as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&self.sent.wrapping_mul(PAYLOAD as u32).to_be_bytes());
        self.sent = self.sent.wrapping_add(1);
        packet
    }
}

/// The packets that a phone received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reception {
    numbers: BTreeSet<u16>,
}

impl Reception {
    /// Counts a packet; ignores what is not RTP.
    pub fn take(&mut self, packet: &[u8]) {
        if let [0x80, _, high, low, ..] = *packet {
            self.numbers.insert(u16::from_be_bytes([high, low]));
        }
    }

    /// Number of packets received.
    #[must_use]
    pub fn received(&self) -> usize {
        self.numbers.len()
    }

    /// Number of packets missing between the first and the last that came.
    #[must_use]
    pub fn lost(&self) -> usize {
        let (Some(first), Some(last)) = (self.numbers.first(), self.numbers.last()) else {
            return 0;
        };
        usize::from(last - first) + 1 - self.numbers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_packets_are_counted() {
        let (mut sender, mut reception) = (Sender::default(), Reception::default());
        for n in 0..10 {
            let packet = sender.packet();
            if n != 3 && n != 7 {
                reception.take(&packet);
            }
        }
        assert_eq!((reception.received(), reception.lost()), (8, 2));
    }
}
