//! Datagrams as a socket gives them, with source and hop limit.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rasline_h225::{RasMessage, decode_ras};

use crate::messages;

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

/// Has the kernel tell the hop limit of each datagram.
pub(crate) fn ask_for_hops(socket: &UdpSocket) -> io::Result<()> {
    let (level, name) = if socket.local_addr()?.is_ipv6() {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT)
    } else {
        (libc::IPPROTO_IP, libc::IP_RECVTTL)
    };
    let on: libc::c_int = 1;
    // SAFETY: the value is a c_int that outlives the call, and its size goes with it.
    #[allow(unsafe_code)]
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const on).cast(),
            size_of_val(&on) as u32,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
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

/// recvmsg, for the hop limit.
fn receive_message(socket: &UdpSocket) -> io::Result<Reply> {
    let mut buffer = vec![0u8; 65_536];
    let mut control = [0u64; 16];
    let mut hops: libc::c_int = 0;
    let mut read = 0;
    // SAFETY: `try_init` gives storage that is large enough for any address and zeroed; all pointers in `header` are to
    // memory that outlives the call, with its size; control messages are walked only by the macros for that.
    #[allow(unsafe_code)]
    let ((), from) = unsafe {
        socket2::SockAddr::try_init(|storage, len| {
            let mut io_vector = libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: buffer.len(),
            };
            let mut header: libc::msghdr = std::mem::zeroed();
            header.msg_name = storage.cast();
            header.msg_namelen = *len;
            header.msg_iov = &raw mut io_vector;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&control);
            let n = libc::recvmsg(socket.as_raw_fd(), &raw mut header, 0);
            if n < 0 {
                return Err(io::Error::last_os_error());
            }
            read = n.cast_unsigned();
            *len = header.msg_namelen;
            let mut at = libc::CMSG_FIRSTHDR(&raw const header);
            while !at.is_null() {
                if matches!((*at).cmsg_type, libc::IP_TTL | libc::IPV6_HOPLIMIT) {
                    hops = libc::CMSG_DATA(at).cast::<libc::c_int>().read_unaligned();
                }
                at = libc::CMSG_NXTHDR(&raw const header, at);
            }
            Ok(())
        })?
    };
    buffer.truncate(read);
    Ok(Reply {
        bytes: buffer,
        from: from
            .as_socket()
            .ok_or(io::Error::from(io::ErrorKind::InvalidData))?,
        hops: hops.try_into().unwrap_or(0),
    })
}
