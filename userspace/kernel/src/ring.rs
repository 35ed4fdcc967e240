//! The ring buffer: messages that the kernel copied or diverted to the controller.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    os::fd::{AsRawFd, RawFd},
};

use aya::maps::{MapData, RingBuf};
use rasline_abi::EventHeader;

pub use rasline_abi::CopyReason as Reason;

/// One RAS message and what the kernel knows about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it came, CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// Why it is here.
    pub reason: Reason,
    /// The endpoint's address and port.
    pub endpoint: SocketAddr,
    /// Zone index.
    pub zone: u32,
    /// Gatekeeper index.
    pub gatekeeper: u32,
    /// The gatekeeper's (or service) address as the endpoint knows it.
    pub seen_as: SocketAddr,
    /// The message.
    pub octets: Vec<u8>,
}

/// The reading end.
pub struct Ring(RingBuf<MapData>);

impl Ring {
    pub(crate) fn new(ring: RingBuf<MapData>) -> Self {
        Self(ring)
    }

    /// The next message, if there is one. Items that make no sense are skipped: they are not of this ABI.
    pub fn next_message(&mut self) -> Option<Message> {
        loop {
            let item = self.0.next()?;
            if let Some(message) = parse(&item) {
                return Some(message);
            }
            tracing::warn!(
                "ring buffer: an item of {} octets makes no sense; skipped",
                item.len()
            );
        }
    }
}

impl AsRawFd for Ring {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

fn parse(item: &[u8]) -> Option<Message> {
    let (header, rest) = item.split_at_checked(size_of::<EventHeader>())?;
    let header: EventHeader = bytemuck::pod_read_unaligned(header);
    Some(Message {
        time_ns: header.time_ns,
        reason: Reason::from_u32(header.reason)?,
        endpoint: SocketAddr::new(
            ip(&header.endpoint),
            u16::from_be_bytes(header.endpoint_port),
        ),
        zone: header.zone,
        gatekeeper: header.gatekeeper,
        seen_as: SocketAddr::new(ip(&header.seen_as), u16::from_be_bytes(header.seen_port)),
        octets: rest.get(..usize::from(header.len))?.to_vec(),
    })
}

/// An address as the ABI has it.
#[must_use]
pub(crate) fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// An address of the ABI as people have it.
#[must_use]
pub(crate) fn ip(octets: &[u8; 16]) -> IpAddr {
    Ipv6Addr::from(*octets).to_canonical()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn items_are_read_or_refused() {
        let header = EventHeader {
            time_ns: 7,
            reason: Reason::Diverted as u32,
            endpoint: octets("192.0.2.1".parse().unwrap()),
            endpoint_port: 1719u16.to_be_bytes(),
            len: 3,
            zone: 1,
            gatekeeper: 2,
            ..EventHeader::default()
        };
        let mut item = bytemuck::bytes_of(&header).to_vec();
        item.extend([1, 2, 3, 99]);
        let message = parse(&item).unwrap();
        assert_eq!(message.endpoint.to_string(), "192.0.2.1:1719");
        assert_eq!(
            (message.octets, message.zone, message.gatekeeper),
            (vec![1, 2, 3], 1, 2)
        );
        for short in 0..item.len() - 1 {
            assert_eq!(parse(&item[..short]), None);
        }
    }
}
