//! Datagrams as a socket gives them, with source and hop limit.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rasline_h225::{RasMessage, decode_ras};

use crate::{messages, pktinfo};

/// A datagram as the endpoint's socket gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Payload.
    pub bytes: Vec<u8>,
    /// Source.
    pub from: SocketAddr,
    /// TTL or hop limit on arrival.
    pub hops: u8,
}

impl Reply {
    /// Whether the gateway itself sent it: what it forwards has lost one of 64 hops.
    #[must_use]
    pub fn by_gateway(&self) -> bool {
        self.hops == 64
    }

    /// Decoded.
    ///
    /// # Errors
    /// When it is no RAS message.
    pub fn message(&self) -> Result<RasMessage> {
        decode_ras(&self.bytes).with_context(|| messages::hex(&self.bytes))
    }

    /// Whether it is an RCF.
    #[must_use]
    pub fn is_rcf(&self) -> bool {
        matches!(self.message(), Ok(RasMessage::RegistrationConfirm(_)))
    }

    /// Whether it is an RRJ.
    #[must_use]
    pub fn is_rrj(&self) -> bool {
        matches!(self.message(), Ok(RasMessage::RegistrationReject(_)))
    }

    /// Whether it is an ACF.
    #[must_use]
    pub fn is_acf(&self) -> bool {
        matches!(self.message(), Ok(RasMessage::AdmissionConfirm(_)))
    }

    /// Whether it is an ARJ.
    #[must_use]
    pub fn is_arj(&self) -> bool {
        matches!(self.message(), Ok(RasMessage::AdmissionReject(_)))
    }

    /// timeToLive of an RCF.
    #[must_use]
    pub fn time_to_live(&self) -> Option<u32> {
        match self.message() {
            Ok(RasMessage::RegistrationConfirm(rcf)) => rcf.time_to_live,
            _ => None,
        }
    }
}

/// One datagram, if it comes before `end`.
pub(crate) fn receive(socket: &UdpSocket, end: Instant) -> Result<Option<Reply>> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // A timeout of zero would mean none; what has come already is taken even when the time is over.
        socket.set_read_timeout(Some(left.max(Duration::from_micros(1))))?;
        match receive_message(socket) {
            Ok(reply) => return Ok(Some(reply)),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(e) => return Err(e).context("receiving"),
        }
    }
}

fn receive_message(socket: &UdpSocket) -> io::Result<Reply> {
    let mut bytes = vec![0u8; 65_536];
    let received = pktinfo::receive(socket, &mut bytes)?;
    bytes.truncate(received.length);
    Ok(Reply {
        bytes,
        from: received.from,
        hops: received.hops,
    })
}
